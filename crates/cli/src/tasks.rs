//! Who does the work of Task states: a mock file, or AWS.

use crate::definition::Definition;
use crate::failure::Failure;
use crate::source;
use clap::ValueEnum;
use expressway_engine::{Fault, TaskBudget, TaskFuture, TaskRequest, TaskRunner};
use expressway_integrations::AwsTasks;
use expressway_local::{MockFile, MockedTasks, TestCase};
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
    /// What becomes of Task states that the test case does not mention
    #[arg(
        long,
        value_name = "HOW",
        default_value = "error",
        requires = "mock",
        display_order = 51
    )]
    unmocked: Unmocked,
    /// The most task attempts in flight at once, over all Map and Parallel states [default: 256]
    #[arg(long, value_name = "N", value_parser = at_least_one, display_order = 52)]
    max_concurrency: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unmocked {
    /// The execution fails with States.Runtime
    Error,
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
pub(crate) enum Tasks {
    Mocked {
        test_case: Arc<TestCase>,
        fallback: Option<Arc<dyn TaskRunner>>,
    },
    Aws(Arc<dyn TaskRunner>),
}

impl TaskArguments {
    pub(crate) fn max_concurrency(&self) -> Option<usize> {
        self.max_concurrency
    }

    pub(crate) fn budget(&self) -> TaskBudget {
        TaskBudget::new(self.max_concurrency.unwrap_or(TaskBudget::DEFAULT))
    }

    /// Reads the mock file, or sets up the AWS clients that the program needs. `default` is the test case to take
    /// when none is named, if there is one of that name.
    pub(crate) async fn prepare(&self, definition: &Definition, default: Option<&str>) -> Result<Tasks, Failure> {
        let Some(mock) = &self.mock else {
            return Ok(Tasks::Aws(aws(definition).await?));
        };
        Ok(Tasks::Mocked {
            test_case: test_case(mock, &definition.name, default)?,
            fallback: match self.unmocked {
                Unmocked::Error => None,
                Unmocked::Aws => Some(aws(definition).await?),
            },
        })
    }
}

impl Tasks {
    /// The runner of one invocation.
    pub(crate) fn runner(&self) -> Arc<dyn TaskRunner> {
        match self {
            Tasks::Aws(runner) => Arc::clone(runner),
            Tasks::Mocked { test_case, fallback } => {
                let mocked = MockedTasks::new(Arc::clone(test_case));
                match fallback {
                    Some(fallback) => Arc::new(mocked.with_fallback(Arc::clone(fallback))),
                    None => Arc::new(mocked),
                }
            }
        }
    }
}

/// Sets up the clients of what the program calls.
async fn aws(definition: &Definition) -> Result<Arc<dyn TaskRunner>, Failure> {
    let requirements = definition.program.requirements();
    if requirements.resources.is_empty() {
        return Ok(Arc::new(NoTasks));
    }
    let not_supported = &definition.not_supported;
    if !not_supported.is_empty() {
        let list: String = not_supported
            .iter()
            .map(|finding| format!("\n  {}", finding.message))
            .collect();
        let message = format!("`{}` calls what can not be called{list}", definition.name);
        return Err(Failure::with_help(message, "with --mock it can be run all the same"));
    }
    let configuration = expressway_integrations::configuration().await;
    // Servers on this machine are what one tries an API against.
    Ok(Arc::new(AwsTasks::new(&configuration, requirements).with_loopback()))
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
