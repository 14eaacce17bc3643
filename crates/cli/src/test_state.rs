//! `expressway test-state`: one state by itself, as the TestState API does it.

use crate::definition::Substitutions;
use crate::failure::Failure;
use crate::run::{Format, parse_input};
use crate::{Exit, identity, source, style, tasks};
use clap::ValueEnum;
use expressway_asl::diagnostic::Severity;
use expressway_asl::document::{Object, Text};
use expressway_asl::error_name::ErrorName;
use expressway_asl::program::{Requirements, StateKind};
use expressway_asl::{Document, Inspected, Inspection};
use expressway_engine::test_state::{
    InspectionLevel, Mock, Rejection, StateConfiguration, StateTest, TestStatus, TestedState, test_state,
};
use expressway_engine::{Environment, StateError, SystemClock, SystemEntropy, TaskBudget, TaskRunner};
use expressway_integrations::{AllowedEndpoints, FieldValidation, HttpTrace};
use std::io::{self, Write};
use std::sync::Arc;

/// Test one state by itself, and show its data after each stage
///
/// Options and answer are those of the TestState API of Step Functions; no state machine and no role need exist.
/// Nothing waits, and nothing is retried: a state whose error would be retried is RETRIABLE.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The definition, JSON or YAML: a state machine, or a single state; - is standard input
    #[arg(value_name = "DEFINITION")]
    definition: String,
    #[command(flatten)]
    substitutions: Substitutions,
    /// The state to test, wherever it is nested [default: the one of StartAt]
    #[arg(long, value_name = "NAME")]
    state: Option<String>,
    /// The state input
    #[arg(long, value_name = "FILE|JSON|-", default_value = "{}")]
    input: String,
    /// The variables when the state is entered: an object
    #[arg(long, value_name = "FILE|JSON")]
    variables: Option<String>,
    /// The whole context object
    #[arg(long, value_name = "FILE|JSON")]
    context: Option<String>,
    /// What stands for the task, the branches or the iterations: {"result": ...} or {"errorOutput": {"error": ...,
    /// "cause": ...}}, perhaps with "fieldValidationMode": STRICT, PRESENT or NONE
    ///
    /// A result that is a string is JSON text, as in the API. It is held against the API's model: in STRICT what the
    /// API always returns must be there, in PRESENT what is there must be right.
    #[arg(long, value_name = "FILE|JSON")]
    mock: Option<String>,
    /// Where in its life the state is: {"retrierRetryCount": 2, "mapIterationFailureCount": 1, "mapItemReaderData":
    /// [...], "errorCausedByState": "Inner"}
    #[arg(long, value_name = "FILE|JSON")]
    state_configuration: Option<String>,
    /// How much to tell; TRACE is more than DEBUG only for HTTP tasks that are really called
    #[arg(long, default_value = "debug", ignore_case = true)]
    inspection: Level,
    /// Show with TRACE what the connection of an HTTP task adds to headers, query and body: credentials, too
    #[arg(long)]
    reveal_secrets: bool,
    /// The role of the state, for the context object; without --mock a task is called only if it is given
    ///
    /// The call is made with your own AWS credentials.
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// What to print: text, or the answer of the API
    #[arg(long, default_value = "text")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  expressway test-state orders.asl.json --state 'Check total' --input '{\"total\": 12}'
  expressway test-state orders.asl.json --state Charge --input order.json --mock '{\"result\": {\"Payload\": {\"id\": 1}}}'
  expressway test-state orders.asl.json --state Charge --mock '{\"errorOutput\": {\"error\": \"CardDeclined\"}}' --format json

Exit status: 0 SUCCEEDED or CAUGHT_ERROR; 1 FAILED or RETRIABLE; 2 the test does not fit the state.";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    Info,
    Debug,
    Trace,
}

impl From<Level> for InspectionLevel {
    fn from(level: Level) -> InspectionLevel {
        match level {
            Level::Info => InspectionLevel::Info,
            Level::Debug => InspectionLevel::Debug,
            Level::Trace => InspectionLevel::Trace,
        }
    }
}

/// Why there is no answer.
enum Problem {
    /// As the API refuses it.
    Rejected(Rejection),
    Other(Failure),
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Problem {
        Problem::Rejected(rejection)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        Problem::Other(failure)
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let level = InspectionLevel::from(arguments.inspection);
    let is_json = arguments.format == Format::Json;
    let tested = match tested(arguments) {
        Ok(tested) => tested,
        Err(Problem::Rejected(rejection)) if is_json => {
            let answer = Document::object([
                ("__type", Document::from(rejection.exception)),
                ("message", rejection.message.into()),
            ]);
            writeln!(anstream::stdout().lock(), "{answer}")?;
            return Ok(Exit::Misused);
        }
        Err(Problem::Rejected(rejection)) => {
            let message = format!("{}: {}", rejection.exception, rejection.message);
            return Err(match help(&rejection) {
                Some(help) => Failure::with_help(message, help),
                None => Failure::usage(message),
            });
        }
        Err(Problem::Other(failure)) => return Err(failure),
    };
    let mut out = anstream::stdout().lock();
    match arguments.format {
        Format::Json => writeln!(out, "{}", tested.to_api(level))?,
        Format::Text => write_text(&mut out, &tested, level)?,
    }
    Ok(match tested.status {
        TestStatus::Succeeded | TestStatus::CaughtError => Exit::Success,
        TestStatus::Failed | TestStatus::Retriable => Exit::Negative,
    })
}

/// What to do about a refusal whose words do not say it.
fn help(rejection: &Rejection) -> Option<&'static str> {
    if rejection.message.starts_with("RoleArn must") {
        return Some("answer for the task with --mock, or let it be called with your credentials by --role-arn");
    }
    let needs_mock = rejection.message.starts_with("TestState API does not support Map");
    needs_mock.then_some("with --mock it does")
}

fn tested(arguments: &Arguments) -> Result<TestedState, Problem> {
    let file = &arguments.definition;
    let text = source::read_file(file)?;
    let substitutions = arguments.substitutions.of(file)?;
    let inspection = match expressway_asl::inspect(&text, &substitutions) {
        Ok(inspection) => inspection,
        Err(diagnostics) if arguments.format == Format::Json => {
            let errors: Vec<_> = diagnostics.list.iter().map(ToString::to_string).collect();
            let message = format!("Invalid State Machine Definition: '{}'", errors.join(", "));
            return Err(Rejection::definition(message).into());
        }
        Err(diagnostics) => {
            let file = file.clone();
            return Err(Failure::Definition { file, diagnostics }.into());
        }
    };
    let inspected = inspection.state(arguments.state.as_deref());
    let inspected = inspected.ok_or_else(|| Rejection::validation("State not found in definition"))?;
    let (mock, validation) = match &arguments.mock {
        Some(mock) => read_mock(&source::read_document("--mock", mock)?)?,
        None => (None, FieldValidation::default()),
    };
    let test = StateTest {
        input: parse_input(&source::read_json("--input", &arguments.input)?)?,
        variables: match &arguments.variables {
            Some(variables) => read_object("--variables", variables)?,
            None => Object::new(),
        },
        context: match &arguments.context {
            Some(context) => Some(source::read_document("--context", context)?),
            None => None,
        },
        mock,
        configuration: match &arguments.state_configuration {
            Some(configuration) => read_configuration(&read_object("--state-configuration", configuration)?)?,
            None => StateConfiguration::default(),
        },
        role_arn: arguments.role_arn.as_deref().map(Text::from),
    };
    let machine = crate::definition::machine_name(file);
    let runtime = crate::runtime()?;
    let trace = HttpTrace::new(arguments.reveal_secrets);
    runtime.block_on(async {
        let environment = Environment {
            tasks: task_runner(&machine, &inspection, inspected, &test, &trace).await?,
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            budget: TaskBudget::default(),
            payloads: None,
        };
        let mut tested = test_state(inspected, &environment, &identity::express(&machine), &test).await?;
        if let (StateKind::Task(task), Some(Mock::Result(result))) = (&inspected.state.kind, &test.mock) {
            expressway_integrations::check_mocked_result(&task.resource, result, validation)
                .map_err(Rejection::validation)?;
        }
        tested.inspection.http = trace.last().map(|exchange| (exchange.request, exchange.response));
        Ok(tested)
    })
}

/// What calls the state's task, if nothing is mocked.
async fn task_runner(
    machine: &str,
    inspection: &Inspection,
    inspected: Inspected<'_>,
    test: &StateTest,
    trace: &HttpTrace,
) -> Result<Arc<dyn TaskRunner>, Problem> {
    let task = match &inspected.state.kind {
        StateKind::Task(task) if test.mock.is_none() && test.role_arn.is_some() => task,
        // Nothing is called.
        _ => {
            let (requirements, endpoints) = (Requirements::default(), AllowedEndpoints::default());
            return Ok(tasks::aws(machine, &requirements, &[], endpoints, None).await?);
        }
    };
    let arn = task.resource.arn();
    if arn.contains(".sync") || arn.ends_with(".waitForTaskToken") {
        let message = format!("`{arn}` waits for what ends later, which can not be called from here");
        return Err(Failure::with_help(message, "answer for it with --mock").into());
    }
    let name = &inspected.state.name;
    let mut calls: Vec<_> = (inspection.calls.iter())
        .filter(|call| inspection.is_single_state() || call.state_name == *name)
        .cloned()
        .collect();
    let mut not_supported = expressway_integrations::check(&calls);
    not_supported.retain(|finding| finding.severity == Severity::Error);
    // A state alone runs under another name than it is inspected under.
    calls.iter_mut().for_each(|call| call.state_name = Text::clone(name));
    let endpoints = tasks::allowed_endpoints(&calls, None, &mut not_supported)?;
    let requirements = Requirements {
        resources: vec![(task.resource.clone(), Text::clone(name))],
        credentials: task.credentials.is_some().then(|| Text::clone(name)),
    };
    Ok(tasks::aws(machine, &requirements, &not_supported, endpoints, Some(trace.clone())).await?)
}

fn read_object(argument: &str, value: &str) -> Result<Object, Failure> {
    match source::read_document(argument, value)? {
        Document::Object(object) => Ok(object),
        other => Err(Failure::usage(format!(
            "`{argument}` must be an object, but is of type {}",
            other.kind()
        ))),
    }
}

/// Refuses members that nobody knows.
fn known_members(argument: &str, object: &Object, known: &[&str]) -> Result<(), Failure> {
    match object.iter().find(|(name, _)| !known.contains(&&***name)) {
        None => Ok(()),
        Some((name, _)) => {
            let message = format!("`{argument}` has an unknown member `{name}`");
            let closest = expressway_local::closest(name, known.iter().copied());
            let help = match closest {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are {}", known.join(", ")),
            };
            Err(Failure::with_help(message, help))
        }
    }
}

/// `mock` of the API.
fn read_mock(mock: &Document) -> Result<(Option<Mock>, FieldValidation), Problem> {
    let Some(object) = mock.as_object() else {
        return Err(Failure::usage("`--mock` must be an object with `result` or `errorOutput`").into());
    };
    known_members("--mock", object, &["result", "errorOutput", "fieldValidationMode"])?;
    let validation = match object.get("fieldValidationMode").map(|mode| mode.as_str()) {
        None | Some(Some("STRICT")) => FieldValidation::Strict,
        Some(Some("PRESENT")) => FieldValidation::Present,
        Some(Some("NONE")) => FieldValidation::None,
        Some(_) => {
            let message = "`fieldValidationMode` of `--mock` must be STRICT, PRESENT or NONE";
            return Err(Failure::usage(message).into());
        }
    };
    let mock = match (object.get("result"), object.get("errorOutput")) {
        (Some(_), Some(_)) => {
            let message = "A test mock should have only one of the following fields: [result, errorOutput].";
            return Err(Rejection::validation(message).into());
        }
        (Some(result), None) => {
            Some(Mock::Result(json_text(result).ok_or_else(|| {
                Rejection::validation("Mocked result must be valid JSON")
            })?))
        }
        (None, Some(error)) => Some(Mock::Error(read_error(error)?)),
        (None, None) => None,
    };
    Ok((mock, validation))
}

/// A value that the API takes as JSON text, and this command also as it is.
fn json_text(value: &Document) -> Option<Document> {
    match value {
        Document::String(text) => Document::parse(text).ok(),
        value => Some(value.clone()),
    }
}

fn read_error(error: &Document) -> Result<StateError, Failure> {
    let invalid = || Failure::usage("`errorOutput` of `--mock` must be an object of texts, `error` and `cause`");
    let object = error.as_object().ok_or_else(invalid)?;
    known_members("--mock", object, &["error", "cause"])?;
    let text = |name: &str| match object.get(name) {
        None => Ok(None),
        Some(Document::String(text)) => Ok(Some(Text::clone(text))),
        Some(_) => Err(invalid()),
    };
    Ok(StateError {
        name: text("error")?.map(|name| ErrorName::from(&*name)),
        cause: text("cause")?,
    })
}

fn read_configuration(configuration: &Object) -> Result<StateConfiguration, Failure> {
    const ARGUMENT: &str = "--state-configuration";
    known_members(
        ARGUMENT,
        configuration,
        &[
            "retrierRetryCount",
            "errorCausedByState",
            "mapIterationFailureCount",
            "mapItemReaderData",
        ],
    )?;
    let invalid = |name: &str, what: &str| Failure::usage(format!("`{name}` of `{ARGUMENT}` must be {what}"));
    let count = |name: &str| match configuration.get(name) {
        None => Ok(None),
        Some(count) => match count.as_i64().and_then(|count| u64::try_from(count).ok()) {
            Some(count) => Ok(Some(count)),
            None => Err(invalid(name, "a whole number")),
        },
    };
    Ok(StateConfiguration {
        retrier_retry_count: count("retrierRetryCount")?.unwrap_or(0),
        map_iteration_failure_count: count("mapIterationFailureCount")?,
        error_caused_by_state: match configuration.get("errorCausedByState") {
            None => None,
            Some(Document::String(name)) => Some(Text::clone(name)),
            Some(_) => return Err(invalid("errorCausedByState", "the name of a state")),
        },
        map_item_reader_data: match configuration.get("mapItemReaderData") {
            None => None,
            Some(data) => Some(json_text(data).ok_or_else(|| invalid("mapItemReaderData", "JSON"))?),
        },
    })
}

fn write_text(out: &mut dyn Write, tested: &TestedState, level: InspectionLevel) -> io::Result<()> {
    let (heading, faint) = (style::HEADING, style::FAINT);
    let status_style = match tested.status {
        TestStatus::Succeeded => style::SUCCESS,
        TestStatus::CaughtError | TestStatus::Retriable => style::WARNING,
        TestStatus::Failed => style::ERROR,
    };
    if level != InspectionLevel::Info {
        for (name, value) in tested.inspection.stages() {
            writeln!(out, "{faint}{name}{faint:#}")?;
            write_indented(out, value)?;
        }
    }
    if let Some((request, response)) = &tested.inspection.http
        && level == InspectionLevel::Trace
    {
        for (name, value) in [("request", Some(request)), ("response", response.as_ref())] {
            if let Some(value) = value {
                writeln!(out, "{faint}{name}{faint:#}")?;
                write_indented(out, value)?;
            }
        }
    }
    if let Some(output) = &tested.output {
        writeln!(out, "{heading}output{heading:#}")?;
        write_indented(out, output)?;
    }
    write!(out, "{status_style}{}{status_style:#}", tested.status.as_str())?;
    if let Some(next) = &tested.next_state {
        write!(out, ", next state {heading}{next}{heading:#}")?;
    }
    writeln!(out)?;
    if let Some(error) = &tested.error {
        let name = error.name.as_ref().map_or("(no error name)", ErrorName::as_str);
        match &error.cause {
            Some(cause) => writeln!(out, "{heading}{name}{heading:#}: {cause}")?,
            None => writeln!(out, "{heading}{name}{heading:#}")?,
        }
    }
    let Some(details) = tested.inspection.error_details() else {
        return Ok(());
    };
    if let Some(retry) = details.retry_index {
        match details.retry_backoff {
            Some(backoff) => writeln!(out, "retried by Retry[{retry}] after {} s", backoff.as_secs_f64())?,
            None => writeln!(out, "no retry left in Retry[{retry}]")?,
        }
    }
    if let Some(catch) = details.catch_index {
        writeln!(out, "caught by Catch[{catch}]")?;
    }
    Ok(())
}

fn write_indented(out: &mut dyn Write, value: &Document) -> io::Result<()> {
    let text = value.to_json_pretty();
    text.lines().try_for_each(|line| writeln!(out, "  {line}"))
}
