//! Who does the work of Task states: a mock file, stand-ins for AWS, or AWS.

use crate::definition::Definition;
use crate::failure::Failure;
use crate::local::LocalArguments;
use crate::source;
use clap::ValueEnum;
use expressway_asl::call::Call;
use expressway_asl::diagnostic::Diagnostic;
use expressway_asl::program::Requirements;
use expressway_engine::{Fault, TaskBudget, TaskFuture, TaskRequest, TaskRunner};
use expressway_function::config;
use expressway_integrations::{AllowedEndpoints, AwsTasks, HttpTrace, SdkConfig};
use expressway_local::{MockFile, MockedTasks, TestCase};
use expressway_standins::{Effect, StandIns};
use std::future::ready;
use std::path::Path;
use std::sync::Arc;

/// Who does the work of Task states, and how much of it at once.
#[derive(clap::Args)]
pub(crate) struct TaskArguments {
    /// Answer Task states from this mock file (MockConfigFile.json of Step Functions Local) instead of calling AWS
    ///
    /// The test case is looked for in the state machine named like DEFINITION's file, or else in all of them; it may
    /// be left out when there is only one. The numbers of a mocked response count the calls of a state in one
    /// execution, from 0, retries and Map iterations alike; after the last number its answer is given again.
    #[arg(long, value_name = "FILE[#TESTCASE]")]
    mock: Option<String>,
    #[command(flatten)]
    local: LocalArguments,
    /// What becomes of Task states that the test case does not mention [default: error; with --local, local]
    #[arg(long, value_name = "HOW", requires = "mock", display_order = 51)]
    unmocked: Option<Unmocked>,
    /// The most task attempts in flight at once, over all Map and Parallel states [default: 256]
    #[arg(long, value_name = "N", value_parser = at_least_one, display_order = 52)]
    max_concurrency: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unmocked {
    /// The execution fails with States.Runtime
    Error,
    /// They call the stand-ins of --local
    Local,
    /// They are called in AWS
    Aws,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

/// What does the work of Task states.
pub(crate) struct Tasks {
    test_case: Option<Arc<TestCase>>,
    /// Calls what is not mocked: AWS, or the stand-ins.
    caller: Option<Arc<dyn TaskRunner>>,
    stand_ins: Option<StandIns>,
}

impl TaskArguments {
    /// Where AWS is.
    pub(crate) fn local(&self) -> &LocalArguments {
        &self.local
    }

    pub(crate) fn max_concurrency(&self) -> Option<usize> {
        self.max_concurrency
    }

    pub(crate) fn budget(&self) -> TaskBudget {
        TaskBudget::new(self.max_concurrency.unwrap_or(TaskBudget::DEFAULT))
    }

    /// Reads the mock file, or sets up the clients that the program needs. `default` is the test case to take
    /// when none is named, if there is one of that name. Which hosts tasks may call is read from the environment unless
    /// `endpoints` says so.
    pub(crate) async fn prepare(
        &self,
        definition: &Definition,
        default: Option<&str>,
        endpoints: Option<&AllowedEndpoints>,
    ) -> Result<Tasks, Failure> {
        let test_case = match &self.mock {
            Some(mock) => Some(test_case(mock, &definition.name, default)?),
            None => None,
        };
        let unmocked = self.unmocked.unwrap_or(match (self.local.is_local(), &test_case) {
            (true, _) => Unmocked::Local,
            (false, Some(_)) => Unmocked::Error,
            (false, None) => Unmocked::Aws,
        });
        let problem = match (unmocked, self.local.is_local()) {
            (Unmocked::Local, false) => Some("`--unmocked local` needs `--local`".to_owned()),
            (Unmocked::Aws, true) => {
                Some("`--local` calls nothing in AWS, so `--unmocked aws` is not possible".to_owned())
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(Failure::usage(problem));
        }
        let stand_ins = match unmocked {
            Unmocked::Local => Some(self.local.open(definition).await?),
            Unmocked::Error | Unmocked::Aws => None,
        };
        let Definition {
            name,
            program,
            not_supported,
            calls,
            ..
        } = definition;
        let requirements = program.requirements();
        let caller = match (unmocked, &stand_ins) {
            (Unmocked::Error, _) => None,
            // Stand-ins send nothing.
            (_, Some(stand_ins)) => {
                let configuration = async { stand_ins.config() };
                let endpoints = AllowedEndpoints::any();
                Some(callers(name, requirements, not_supported, configuration, endpoints, None).await?)
            }
            (_, None) => {
                let mut not_supported = not_supported.clone();
                let endpoints = allowed_endpoints(calls, endpoints, &mut not_supported)?;
                Some(aws(name, requirements, &not_supported, endpoints, None).await?)
            }
        };
        Ok(Tasks {
            test_case,
            caller,
            stand_ins,
        })
    }
}

impl Tasks {
    /// The runner of one invocation.
    pub(crate) fn runner(&self) -> Arc<dyn TaskRunner> {
        match (&self.test_case, &self.caller) {
            (Some(test_case), caller) => {
                let mocked = MockedTasks::new(Arc::clone(test_case));
                match caller {
                    Some(caller) => Arc::new(mocked.with_fallback(Arc::clone(caller))),
                    None => Arc::new(mocked),
                }
            }
            (None, Some(caller)) => Arc::clone(caller),
            (None, None) => Arc::new(NoTasks),
        }
    }

    /// AWS inside this process, if it is there.
    pub(crate) fn stand_ins(&self) -> Option<&StandIns> {
        self.stand_ins.as_ref()
    }

    /// What was changed in the stand-ins, if there are any.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        self.stand_ins.as_ref().map(StandIns::effects).unwrap_or_default()
    }
}

/// Which hosts the tasks of these calls may call; a call that may reach none joins what is not supported.
///
/// # Errors
/// Environment variables are wrong.
pub(crate) fn allowed_endpoints(
    calls: &[Call],
    given: Option<&AllowedEndpoints>,
    not_supported: &mut Vec<Diagnostic>,
) -> Result<AllowedEndpoints, Failure> {
    let endpoints = match given {
        Some(endpoints) => endpoints.clone(),
        None => {
            config::endpoints_from_env(std::env::vars_os()).map_err(|mistakes| Failure::usage(mistakes.to_string()))?
        }
    };
    not_supported.extend(endpoints.check(calls));
    Ok(endpoints.spelled_out_in(calls))
}

/// Sets up the clients of what the program calls; `trace` is shown the requests of HTTP tasks.
pub(crate) async fn aws(
    name: &str,
    requirements: &Requirements,
    not_supported: &[Diagnostic],
    endpoints: AllowedEndpoints,
    trace: Option<HttpTrace>,
) -> Result<Arc<dyn TaskRunner>, Failure> {
    let configuration = expressway_integrations::configuration();
    callers(name, requirements, not_supported, configuration, endpoints, trace).await
}

/// Sets up the clients of what the program calls, with this configuration if there is anything.
async fn callers(
    name: &str,
    requirements: &Requirements,
    not_supported: &[Diagnostic],
    configuration: impl Future<Output = SdkConfig>,
    endpoints: AllowedEndpoints,
    trace: Option<HttpTrace>,
) -> Result<Arc<dyn TaskRunner>, Failure> {
    if requirements.resources.is_empty() {
        return Ok(Arc::new(NoTasks));
    }
    if !not_supported.is_empty() {
        let list: String = not_supported
            .iter()
            .map(|finding| format!("\n  {}", finding.message))
            .collect();
        let message = format!("`{name}` calls what can not be called{list}");
        return Err(Failure::with_help(message, "with --mock it can be run all the same"));
    }
    // Servers on this machine are what one tries an API against.
    let tasks = AwsTasks::new(&configuration.await, requirements)
        .with_endpoints(endpoints)
        .with_loopback();
    Ok(match trace {
        Some(trace) => Arc::new(tasks.with_http_trace(trace)),
        None => Arc::new(tasks),
    })
}

/// For programs without Task states: reading AWS's configuration would only take time.
struct NoTasks;

impl TaskRunner for NoTasks {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        let problem = format!(
            "the program does not list what the state `{}` calls",
            request.state_name
        );
        Box::pin(ready(Err(Fault::Bug(problem.into()).into())))
    }
}

/// The test case that `FILE[#TESTCASE]` names.
fn test_case(mock: &str, machine: &str, default: Option<&str>) -> Result<Arc<TestCase>, Failure> {
    let (file, name) = match mock.rsplit_once('#') {
        Some((file, name)) if !Path::new(mock).exists() => (file, Some(name).filter(|name| !name.is_empty())),
        _ => (mock, None),
    };
    let mocks = MockFile::parse(&source::read_file(file)?).map_err(|mistakes| {
        let mistakes: String = mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect();
        Failure::usage(format!("`{file}` is not a right mock file{mistakes}"))
    })?;
    let found = match (name, default.map(|default| mocks.test_case(machine, default))) {
        (Some(name), _) => mocks.test_case(machine, name),
        (None, Some(Ok(default))) => Ok(default),
        (None, _) => mocks.only_test_case(machine),
    };
    found.map_err(|unknown| {
        let help = format!("name one as `--mock {file}#TESTCASE`");
        Failure::with_help(format!("in `{file}` {unknown}"), help)
    })
}
