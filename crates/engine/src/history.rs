//! History events in Step Functions' shapes.
//!
//! One event becomes text in two forms: as an entry of `GetExecutionHistory`, and as a log event of an
//! Express workflow. Both are made from [`EventDetails`], on demand: with nobody listening an event costs its number.

use crate::StateError;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_asl::program::StateType;
use std::borrow::Cow;
use std::time::SystemTime;

/// Receives the events of an execution as they happen.
pub trait HistorySink: Send + Sync {
    /// Takes one event.
    fn record(&self, event: &HistoryEvent);
}

/// One event of an execution.
#[derive(Clone, Debug)]
pub struct HistoryEvent {
    /// Counted from 1 within the execution.
    pub id: u64,
    /// The event that this one follows, 0 for none.
    pub previous_id: u64,
    /// When it happened.
    pub time: SystemTime,
    /// What happened.
    pub details: EventDetails,
}

/// What happened, with Step Functions' names for it.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "the names are those of the Step Functions API, which documents them"
)]
pub enum EventDetails {
    ExecutionStarted {
        input: Document,
        role_arn: Option<Text>,
    },
    ExecutionSucceeded {
        output: Document,
    },
    ExecutionFailed(StateError),
    ExecutionTimedOut(StateError),
    ExecutionAborted(StateError),
    StateEntered {
        state_type: StateType,
        name: Text,
        input: Document,
    },
    StateExited {
        state_type: StateType,
        name: Text,
        output: Document,
        /// What the state assigned to variables.
        assigned: Option<Object>,
    },
    StateAborted {
        state_type: StateType,
    },
    LambdaFunctionScheduled {
        resource: Text,
        input: Document,
        timeout_seconds: Option<u64>,
        role_arn: Option<Text>,
    },
    LambdaFunctionStarted,
    LambdaFunctionSucceeded {
        output: Document,
    },
    LambdaFunctionFailed(StateError),
    LambdaFunctionTimedOut(StateError),
    TaskScheduled(Box<TaskScheduled>),
    TaskStarted(TaskResource),
    TaskSucceeded(TaskResource, Document),
    TaskFailed(TaskResource, StateError),
    TaskTimedOut(TaskResource, StateError),
    MapStateStarted {
        length: usize,
    },
    MapStateSucceeded,
    MapStateFailed,
    MapIterationStarted {
        name: Text,
        index: usize,
    },
    MapIterationSucceeded {
        name: Text,
        index: usize,
    },
    MapIterationFailed {
        name: Text,
        index: usize,
    },
    MapIterationAborted {
        name: Text,
        index: usize,
    },
    ParallelStateStarted,
    ParallelStateSucceeded,
    ParallelStateFailed,
    EvaluationFailed {
        error: StateError,
        /// The field, such as `Output/total`.
        location: Option<Text>,
        /// The name of the state.
        state: Text,
    },
}

/// The `resourceType` and `resource` of task events.
#[derive(Clone, Debug)]
pub struct TaskResource {
    /// For example `dynamodb`.
    pub resource_type: Text,
    /// For example `putItem`.
    pub resource: Text,
}

/// Details of a `TaskScheduled` event.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "the names are those of the Step Functions API, which documents them"
)]
pub struct TaskScheduled {
    pub resource: TaskResource,
    pub region: Text,
    pub parameters: Document,
    pub timeout_seconds: Option<u64>,
    pub heartbeat_seconds: Option<u64>,
    pub role_arn: Option<Text>,
}

/// Which events are logged, and whether with the data they carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Every event.
    All,
    /// Failures of executions, states and tasks.
    Error,
    /// Executions that did not succeed.
    Fatal,
    /// Nothing.
    #[default]
    Off,
}

impl LogLevel {
    /// Whether events of this kind are logged.
    ///
    /// # Source
    /// "Log levels for Step Functions execution events" in the AWS documentation.
    pub fn includes(self, details: &EventDetails) -> bool {
        use EventDetails as E;
        let is_fatal = matches!(
            details,
            E::ExecutionFailed(_) | E::ExecutionTimedOut(_) | E::ExecutionAborted(_)
        );
        match self {
            LogLevel::All => true,
            LogLevel::Off => false,
            LogLevel::Fatal => is_fatal,
            LogLevel::Error => {
                is_fatal
                    || matches!(
                        details,
                        E::StateEntered {
                            state_type: StateType::Fail,
                            ..
                        } | E::StateAborted { .. }
                            | E::LambdaFunctionFailed(_)
                            | E::LambdaFunctionTimedOut(_)
                            | E::TaskFailed(..)
                            | E::TaskTimedOut(..)
                            | E::MapIterationAborted { .. }
                            | E::MapIterationFailed { .. }
                            | E::MapStateFailed
                            | E::ParallelStateFailed
                            // Missing in the documentation's table, but a failure like the others.
                            | E::EvaluationFailed { .. }
                    )
            }
        }
    }
}

impl HistoryEvent {
    /// The event as `GetExecutionHistory` returns it.
    pub fn to_api(&self) -> Document {
        let mut event = Object::new();
        let since_epoch = self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let timestamp = since_epoch.as_millis() as f64 / 1000.0;
        if let Some(timestamp) = expressway_asl::document::Number::from_f64(timestamp) {
            event.insert("timestamp", timestamp.into());
        }
        event.insert("type", self.details.type_name().as_ref().into());
        event.insert("id", Document::from(self.id as i64));
        event.insert("previousEventId", Document::from(self.previous_id as i64));
        if let Some(member) = self.details.api_member() {
            event.insert(member, self.details.to_object(true).into());
        }
        event.into()
    }

    /// The event as Express workflows write it to their log.
    ///
    /// Without `execution_data` it names no input, output or parameters. Error causes stay, as in Step
    /// Functions, and may show data.
    pub fn to_log(&self, execution_arn: &Text, execution_data: bool) -> Document {
        let since_epoch = self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Document::object([
            ("id", self.id.to_string().into()),
            ("type", self.details.type_name().as_ref().into()),
            ("details", self.details.to_object(execution_data).into()),
            ("previous_event_id", self.previous_id.to_string().into()),
            ("event_timestamp", since_epoch.as_millis().to_string().into()),
            ("execution_arn", Document::String(Text::clone(execution_arn))),
            ("redrive_count", "0".into()),
        ])
    }
}

impl EventDetails {
    /// The input, output or parameters that the event carries.
    pub(crate) fn data(&self) -> Option<&Document> {
        use EventDetails as E;
        match self {
            E::ExecutionStarted { input, .. }
            | E::StateEntered { input, .. }
            | E::LambdaFunctionScheduled { input, .. } => Some(input),
            E::ExecutionSucceeded { output }
            | E::StateExited { output, .. }
            | E::LambdaFunctionSucceeded { output }
            | E::TaskSucceeded(_, output) => Some(output),
            E::TaskScheduled(task) => Some(&task.parameters),
            _ => None,
        }
    }

    /// The event's type, such as `PassStateEntered`.
    pub fn type_name(&self) -> Cow<'static, str> {
        use EventDetails as E;
        let name = match self {
            E::StateEntered { state_type, .. } => return format!("{state_type}StateEntered").into(),
            E::StateExited { state_type, .. } => return format!("{state_type}StateExited").into(),
            E::StateAborted { state_type } => return format!("{state_type}StateAborted").into(),
            E::ExecutionStarted { .. } => "ExecutionStarted",
            E::ExecutionSucceeded { .. } => "ExecutionSucceeded",
            E::ExecutionFailed(_) => "ExecutionFailed",
            E::ExecutionTimedOut(_) => "ExecutionTimedOut",
            E::ExecutionAborted(_) => "ExecutionAborted",
            E::LambdaFunctionScheduled { .. } => "LambdaFunctionScheduled",
            E::LambdaFunctionStarted => "LambdaFunctionStarted",
            E::LambdaFunctionSucceeded { .. } => "LambdaFunctionSucceeded",
            E::LambdaFunctionFailed(_) => "LambdaFunctionFailed",
            E::LambdaFunctionTimedOut(_) => "LambdaFunctionTimedOut",
            E::TaskScheduled(_) => "TaskScheduled",
            E::TaskStarted(_) => "TaskStarted",
            E::TaskSucceeded(..) => "TaskSucceeded",
            E::TaskFailed(..) => "TaskFailed",
            E::TaskTimedOut(..) => "TaskTimedOut",
            E::MapStateStarted { .. } => "MapStateStarted",
            E::MapStateSucceeded => "MapStateSucceeded",
            E::MapStateFailed => "MapStateFailed",
            E::MapIterationStarted { .. } => "MapIterationStarted",
            E::MapIterationSucceeded { .. } => "MapIterationSucceeded",
            E::MapIterationFailed { .. } => "MapIterationFailed",
            E::MapIterationAborted { .. } => "MapIterationAborted",
            E::ParallelStateStarted => "ParallelStateStarted",
            E::ParallelStateSucceeded => "ParallelStateSucceeded",
            E::ParallelStateFailed => "ParallelStateFailed",
            E::EvaluationFailed { .. } => "EvaluationFailed",
        };
        name.into()
    }

    /// The member of an API event that holds these details, if the event has any.
    fn api_member(&self) -> Option<String> {
        use EventDetails as E;
        match self {
            E::StateEntered { .. } => Some("stateEnteredEventDetails".into()),
            E::StateExited { .. } => Some("stateExitedEventDetails".into()),
            E::StateAborted { .. }
            | E::LambdaFunctionStarted
            | E::MapStateSucceeded
            | E::MapStateFailed
            | E::ParallelStateStarted
            | E::ParallelStateSucceeded
            | E::ParallelStateFailed => None,
            _ => {
                let name = self.type_name();
                let (first, rest) = name.split_at(1);
                Some(format!("{}{rest}EventDetails", first.to_ascii_lowercase()))
            }
        }
    }

    fn to_object(&self, execution_data: bool) -> Object {
        use EventDetails as E;
        let mut details = Details {
            object: Object::new(),
            execution_data,
        };
        match self {
            E::ExecutionStarted { input, role_arn } => {
                details.data("input", input);
                details.text("roleArn", role_arn.as_ref());
            }
            E::ExecutionSucceeded { output } | E::LambdaFunctionSucceeded { output } => details.data("output", output),
            E::ExecutionFailed(error)
            | E::ExecutionTimedOut(error)
            | E::ExecutionAborted(error)
            | E::LambdaFunctionFailed(error)
            | E::LambdaFunctionTimedOut(error) => details.error(error),
            E::StateEntered { name, input, .. } => {
                details.data("input", input);
                details.text("name", Some(name));
            }
            E::StateExited {
                name, output, assigned, ..
            } => {
                details.data("output", output);
                details.text("name", Some(name));
                details.variables(assigned.as_ref());
            }
            E::LambdaFunctionScheduled {
                resource,
                input,
                timeout_seconds,
                role_arn,
            } => {
                details.data("input", input);
                details.text("resource", Some(resource));
                details.seconds("timeoutInSeconds", *timeout_seconds);
                details.credentials(role_arn.as_ref());
            }
            E::TaskScheduled(task) => {
                if execution_data {
                    details.object.insert("parameters", task.parameters.to_json().into());
                }
                details.text("region", Some(&task.region));
                details.resource(&task.resource);
                details.seconds("timeoutInSeconds", task.timeout_seconds);
                details.seconds("heartbeatInSeconds", task.heartbeat_seconds);
                details.credentials(task.role_arn.as_ref());
            }
            E::EvaluationFailed { error, location, state } => {
                details.error(error);
                details.text("location", location.as_ref());
                details.text("state", Some(state));
            }
            E::TaskStarted(resource) => details.resource(resource),
            E::TaskSucceeded(resource, output) => {
                details.data("output", output);
                details.resource(resource);
            }
            E::TaskFailed(resource, error) | E::TaskTimedOut(resource, error) => {
                details.error(error);
                details.resource(resource);
            }
            E::MapStateStarted { length } => details.number("length", *length),
            E::MapIterationStarted { name, index }
            | E::MapIterationSucceeded { name, index }
            | E::MapIterationFailed { name, index }
            | E::MapIterationAborted { name, index } => {
                details.text("name", Some(name));
                details.number("index", *index);
            }
            E::StateAborted { .. }
            | E::LambdaFunctionStarted
            | E::MapStateSucceeded
            | E::MapStateFailed
            | E::ParallelStateStarted
            | E::ParallelStateSucceeded
            | E::ParallelStateFailed => {}
        }
        details.object
    }
}

/// Builds the details object of one event.
struct Details {
    object: Object,
    execution_data: bool,
}

impl Details {
    /// `input` or `output` as JSON text, and whether it was cut, which it never is here.
    fn data(&mut self, member: &'static str, document: &Document) {
        if self.execution_data {
            self.object.insert(member, document.to_json().into());
            let truncated = Document::object([("truncated", Document::Bool(false))]);
            self.object.insert(format!("{member}Details"), truncated);
        }
    }

    /// The values of variables, each as JSON text.
    fn variables(&mut self, assigned: Option<&Object>) {
        if let Some(assigned) = assigned
            && self.execution_data
        {
            let values = assigned
                .iter()
                .map(|(name, value)| (Text::clone(name), value.to_json().into()));
            self.object
                .insert("assignedVariables", Document::Object(values.collect()));
            let truncated = Document::object([("truncated", Document::Bool(false))]);
            self.object.insert("assignedVariablesDetails", truncated);
        }
    }

    fn text(&mut self, member: &'static str, text: Option<&Text>) {
        if let Some(text) = text {
            self.object.insert(member, Document::String(Text::clone(text)));
        }
    }

    fn number(&mut self, member: &'static str, number: usize) {
        self.object.insert(member, Document::from(number as i64));
    }

    fn seconds(&mut self, member: &'static str, seconds: Option<u64>) {
        if let Some(seconds) = seconds {
            self.object.insert(member, Document::from(seconds as i64));
        }
    }

    fn credentials(&mut self, role_arn: Option<&Text>) {
        if let Some(role_arn) = role_arn {
            let credentials = Document::object([("roleArn", Document::String(Text::clone(role_arn)))]);
            self.object.insert("taskCredentials", credentials);
        }
    }

    fn error(&mut self, error: &StateError) {
        if let Some(name) = &error.name {
            self.object.insert("error", name.as_str().into());
        }
        self.text("cause", error.cause.as_ref());
    }

    fn resource(&mut self, resource: &TaskResource) {
        self.text("resourceType", Some(&resource.resource_type));
        self.text("resource", Some(&resource.resource));
    }
}
