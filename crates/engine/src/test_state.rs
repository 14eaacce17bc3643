//! TestState: one state by itself, with what became of its data after each stage.
//!
//! [`test_state`] takes a state of an [`Inspection`](expressway_asl::Inspection) and a [`StateTest`], and gives a
//! [`TestedState`], whose [`to_api`](TestedState::to_api) has the shape of the API's answer. Map and Parallel states
//! need a mock, which stands for all that runs inside them. Nothing waits: neither Wait states nor retries.

use crate::run::VARIABLES_BYTES_MAX;
use crate::{DATA_BYTES_MAX, Environment, Fault, Identity, StateError};
use expressway_asl::document::{DEPTH_MAX, Object, Text};
use expressway_asl::program::{Map, StateKind};
use expressway_asl::{Document, Inspected};
use std::time::Duration;

/// What a state is tested with.
#[derive(Clone, Debug)]
pub struct StateTest {
    /// The state input.
    pub input: Document,
    /// The variables when the state is entered.
    pub variables: Object,
    /// The whole context object; without it there is one as in an execution.
    pub context: Option<Document>,
    /// What stands for the state's work.
    pub mock: Option<Mock>,
    /// Where in the life of the state the test stands.
    pub configuration: StateConfiguration,
    /// The role that the state runs under. A Task state without a mock needs one, as in the API.
    pub role_arn: Option<Text>,
}

/// What a task, or all that is inside a Map or Parallel state, comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Mock {
    /// A result.
    Result(Document),
    /// An error.
    Error(StateError),
}

/// `stateConfiguration` of the API.
#[derive(Clone, Debug, Default)]
pub struct StateConfiguration {
    /// How often the retrier of the mocked error retried before.
    pub retrier_retry_count: u64,
    /// The state inside a Map or Parallel state that the mocked error comes from.
    pub error_caused_by_state: Option<Text>,
    /// How many iterations of a Map state failed.
    pub map_iteration_failure_count: Option<u64>,
    /// What the `ItemReader` of a Map state reads.
    pub map_item_reader_data: Option<Document>,
}

/// Why a state is not tested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// The exception of the API: `ValidationException`, `InvalidDefinition`.
    pub exception: &'static str,
    /// What is wrong, in its words.
    pub message: String,
}

impl Rejection {
    /// A `ValidationException`.
    pub fn validation(message: impl Into<String>) -> Rejection {
        Rejection {
            exception: "ValidationException",
            message: message.into(),
        }
    }

    /// `InvalidDefinition`.
    pub fn definition(message: impl Into<String>) -> Rejection {
        Rejection {
            exception: "InvalidDefinition",
            message: message.into(),
        }
    }

    pub(crate) fn fault(fault: &Fault) -> Rejection {
        Rejection {
            exception: "InternalError",
            message: fault.to_string(),
        }
    }
}

/// How the test of a state ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestStatus {
    /// It has an output.
    Succeeded,
    /// It has an error that nothing handles.
    Failed,
    /// Its error would be retried.
    Retriable,
    /// Its error is caught.
    CaughtError,
}

impl TestStatus {
    /// The status as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            TestStatus::Succeeded => "SUCCEEDED",
            TestStatus::Failed => "FAILED",
            TestStatus::Retriable => "RETRIABLE",
            TestStatus::CaughtError => "CAUGHT_ERROR",
        }
    }
}

/// What came of the test of a state.
#[derive(Clone, Debug)]
pub struct TestedState {
    /// How it ended.
    pub status: TestStatus,
    /// The state output; none when it failed or would be retried.
    pub output: Option<Document>,
    /// The state's error, also when it is caught.
    pub error: Option<StateError>,
    /// The state that follows.
    pub next_state: Option<Text>,
    /// The state's data after each stage.
    pub inspection: StateInspection,
}

/// What became of the state's data: members of the API's `inspectionData`, with their names.
#[derive(Clone, Debug, Default)]
pub struct StateInspection {
    pub(crate) members: Vec<(&'static str, Document)>,
    pub(crate) error_details: Option<ErrorDetails>,
    /// `request` and `response` of the API, of an HTTP task that was called: its runner knows them.
    pub http: Option<(Document, Option<Document>)>,
}

/// Which handlers an error met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorDetails {
    /// The place of the catcher.
    pub catch_index: Option<usize>,
    /// The place of the retrier, also when its attempts are used up.
    pub retry_index: Option<usize>,
    /// How long it would wait, without jitter.
    pub retry_backoff: Option<Duration>,
}

/// How much the API tells. `TRACE` shows more than `DEBUG` only for HTTP tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InspectionLevel {
    /// Status, output, error and next state.
    #[default]
    Info,
    /// The data after each stage too.
    Debug,
    /// And the HTTP request and response.
    Trace,
}

impl StateInspection {
    /// The data after each stage that the state has, in the order of the stages, by the API's names:
    /// `afterInputPath`, `afterParameters`, `result`...
    pub fn stages(&self) -> impl Iterator<Item = (&'static str, &Document)> {
        self.members.iter().map(|(name, value)| (*name, value))
    }

    /// Which handlers the error met, if there was one and it met any.
    pub fn error_details(&self) -> Option<ErrorDetails> {
        self.error_details
    }

    fn to_api(&self, level: InspectionLevel) -> Document {
        let mut data = Object::new();
        for (name, value) in &self.members {
            // Numbers are numbers there, all else is JSON text.
            let is_number = matches!(
                *name,
                "maxConcurrency" | "toleratedFailureCount" | "toleratedFailurePercentage"
            );
            let value = if is_number {
                value.clone()
            } else {
                value.to_json().into()
            };
            data.insert(*name, value);
        }
        if let Some((request, response)) = &self.http
            && level == InspectionLevel::Trace
        {
            data.insert("request", request.clone());
            if let Some(response) = response {
                data.insert("response", response.clone());
            }
        }
        if let Some(details) = self.error_details {
            data.insert("errorDetails", details.to_api());
        }
        data.into()
    }
}

impl ErrorDetails {
    fn to_api(self) -> Document {
        let index = |index: usize| Document::from(i64::try_from(index).unwrap_or(i64::MAX));
        let mut details = Object::new();
        if let Some(catch) = self.catch_index {
            details.insert("catchIndex", index(catch));
        }
        if let Some(retry) = self.retry_index {
            details.insert("retryIndex", index(retry));
        }
        if let Some(backoff) = self.retry_backoff {
            let seconds = i64::try_from(backoff.as_secs()).unwrap_or(i64::MAX);
            details.insert("retryBackoffIntervalSeconds", Document::from(seconds));
        }
        details.into()
    }
}

impl TestedState {
    /// The answer of `TestState`. Data is JSON text in it, as in the API.
    pub fn to_api(&self, level: InspectionLevel) -> Document {
        let mut answer = Object::new();
        if let Some(output) = &self.output {
            answer.insert("output", output.to_json().into());
        }
        if let Some(error) = &self.error {
            if let Some(name) = &error.name {
                answer.insert("error", name.as_str().into());
            }
            if let Some(cause) = &error.cause {
                answer.insert("cause", Document::String(Text::clone(cause)));
            }
        }
        if level != InspectionLevel::Info {
            answer.insert("inspectionData", self.inspection.to_api(level));
        }
        if let Some(next) = &self.next_state {
            answer.insert("nextState", Document::String(Text::clone(next)));
        }
        answer.insert("status", self.status.as_str().into());
        answer.into()
    }
}

/// Tests one state. `identity` says who the execution is, where the test gives no context object.
///
/// # Errors
/// The test does not fit the state, in the words of the API.
pub async fn test_state(
    inspected: Inspected<'_>,
    environment: &Environment,
    identity: &Identity,
    test: &StateTest,
) -> Result<TestedState, Rejection> {
    check_sizes(test)?;
    check(inspected, test)?;
    crate::run::test_state(inspected, environment, identity, test).await
}

/// Refuses data that no execution could have.
fn check_sizes(test: &StateTest) -> Result<(), Rejection> {
    let result = match &test.mock {
        Some(Mock::Result(result)) => Some(result),
        _ => None,
    };
    let given = [
        ("Input", Some(&test.input)),
        ("Context", test.context.as_ref()),
        ("Mock result", result),
        ("MapItemReaderData", test.configuration.map_item_reader_data.as_ref()),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let variables = test.variables.values().map(|value| ("Variables", value));
    if let Some((name, _)) = given.chain(variables).find(|(_, value)| value.depth() > DEPTH_MAX) {
        let message = format!("{name} must not be nested deeper than {DEPTH_MAX} levels");
        return Err(Rejection::validation(message));
    }
    let largest = test.variables.values().map(Document::json_bytes).max();
    if largest.is_some_and(|bytes| bytes > DATA_BYTES_MAX) || test.variables.json_bytes() > VARIABLES_BYTES_MAX {
        let message = format!(
            "Variables must not have more than {DATA_BYTES_MAX} bytes each and {VARIABLES_BYTES_MAX} bytes in all"
        );
        return Err(Rejection::validation(message));
    }
    Ok(())
}

/// Refuses what does not fit the state.
///
/// # Source
/// Recorded: `test_state/*validation*`, `test_state/*exception*`.
fn check(inspected: Inspected<'_>, test: &StateTest) -> Result<(), Rejection> {
    let state = inspected.state;
    let configuration = &test.configuration;
    let state_type = state.state_type();
    if test.mock.is_none() && configuration.map_iteration_failure_count.is_some() {
        return Err(Rejection::validation(
            "TestState does not support MapIterationFailureCount when a mock is not specified.",
        ));
    }
    match (&state.kind, &test.mock) {
        (StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_), Some(_)) => {}
        (_, Some(_)) => {
            let message = format!("State type '{state_type}' is not supported when a mock is specified");
            return Err(Rejection::validation(message));
        }
        (StateKind::Parallel { .. } | StateKind::Map(_), None) => {
            let message = "TestState API does not support Map or Parallel states. Supported state types include: \
                           [Task, Wait, Pass, Succeed, Fail, Choice]";
            return Err(Rejection::definition(message));
        }
        (StateKind::Task(_), None) if test.role_arn.is_none() => {
            return Err(Rejection::validation(
                "RoleArn must be specified when testing a Task state",
            ));
        }
        (_, None) => {}
    }
    if let Some(Mock::Result(result)) = &test.mock {
        check_result(&state.kind, result)?;
    }
    let is_map = matches!(state.kind, StateKind::Map(_));
    let given_for_map = [
        (
            "MapIterationFailureCount",
            configuration.map_iteration_failure_count.is_some(),
        ),
        ("MapItemReaderData", configuration.map_item_reader_data.is_some()),
    ];
    if let Some((name, _)) = given_for_map.iter().find(|(_, is_given)| *is_given && !is_map) {
        return Err(Rejection::validation(format!("{name} is only for Map states.")));
    }
    if let Some(name) = &configuration.error_caused_by_state
        && !inspected.contains(name)
    {
        let message = format!("ErrorCausedByState '{name}' is not a state inside the state that is tested.");
        return Err(Rejection::validation(message));
    }
    match &test.context {
        Some(context) => check_context(&state.kind, context),
        None => Ok(()),
    }
}

fn check_result(kind: &StateKind, result: &Document) -> Result<(), Rejection> {
    let has_writer = |map: &Map| {
        map.distributed
            .as_ref()
            .is_some_and(|distributed| distributed.has_result_writer)
    };
    match kind {
        StateKind::Map(map) if has_writer(map) && result.as_object().is_none() => {
            Err(Rejection::validation("Mocked result must be a JSON object."))
        }
        StateKind::Map(map) if !has_writer(map) && result.as_array().is_none() => {
            Err(Rejection::validation("Mocked result must be an array."))
        }
        StateKind::Parallel { .. } if result.as_array().is_none() => {
            Err(Rejection::validation("Mocked result must be an array."))
        }
        _ => Ok(()),
    }
}

/// The members that a context object may have.
const CONTEXT: &[(&str, &[&str])] = &[
    (
        "Execution",
        &[
            "Id",
            "Input",
            "Name",
            "RoleArn",
            "StartTime",
            "RedriveCount",
            "RedriveTime",
        ],
    ),
    ("State", &["EnteredTime", "Name", "RetryCount"]),
    ("StateMachine", &["Id", "Name"]),
    ("Task", &["Token"]),
];

fn check_context(kind: &StateKind, context: &Document) -> Result<(), Rejection> {
    let invalid = |problem: String| Rejection::validation(format!("Invalid Context object provided: {problem}"));
    let not_an_object = |name: &str| invalid(format!("{name} must be an object"));
    let context = context.as_object().ok_or_else(|| not_an_object("it"))?;
    for (name, value) in context.iter() {
        if **name == *"Map" {
            let problem = "'Map' field is not supported when mocking a Context object";
            return Err(invalid(problem.to_owned()));
        }
        let Some((_, members)) = CONTEXT.iter().find(|(known, _)| **known == **name) else {
            return Err(invalid(format!("Field '{name}' is not allowed")));
        };
        let value = value.as_object().ok_or_else(|| not_an_object(&format!("'{name}'")))?;
        if let Some((member, _)) = value.iter().find(|(member, _)| !members.contains(&&***member)) {
            return Err(invalid(format!("Field '{member}' is not allowed")));
        }
    }
    let waits = match kind {
        StateKind::Task(task) => task.resource.arn().contains(".sync") || task.resource.arn().contains(".waitFor"),
        _ => false,
    };
    if context.contains_key("Task") && !waits {
        let problem = "Context object contains 'Task' when state is not a Task state with a '.sync' or \
                       '.waitForTaskToken' service integration pattern";
        return Err(invalid(problem.to_owned()));
    }
    Ok(())
}

/// A floating-point number as the API writes it: 1.0, never 1.
pub(crate) fn float(value: f64) -> Document {
    Document::parse(&format!("{value:?}")).unwrap_or(Document::Null)
}
