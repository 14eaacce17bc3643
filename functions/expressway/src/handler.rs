//! One event in, one answer out: what the function does, apart from Lambda's runtime.

use crate::config::Configuration;
use crate::event_source::{self, Visibility};
use crate::guard::Guard;
use crate::identity::{Caller, StateMachine};
use expressway_asl::Document;
use expressway_asl::document::{self, Text};
use expressway_asl::error_name::ErrorName;
use expressway_asl::program::Program;
use expressway_durability::payloads::{LargePayloadTasks, S3Payloads};
use expressway_engine::history::{HistoryEvent, HistorySink};
use expressway_engine::{
    Clock, DATA_BYTES_MAX, Engine, Entropy, Environment, ExecutionRequest, Fault, Identity, Options, Outcome,
    PayloadStore, Replay, StateError, TaskBudget, TaskRunner,
};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The largest answer that Lambda takes from a function.
pub(crate) const ANSWER_BYTES_MAX: usize = 6_291_556;

/// The name of the error that a mistake of ours is reported as. What it was stays in the log.
pub(crate) const INTERNAL_ERROR: &str = "Expressway.InternalError";

/// Handles events: runs the executions that they ask for, and answers as their source expects.
pub struct Handler {
    pub(crate) configuration: Configuration,
    engine: Engine,
    tasks: Arc<dyn TaskRunner>,
    guard: Option<Guard>,
    pub(crate) payloads: Option<Arc<S3Payloads>>,
    pub(crate) visibility: Option<Visibility>,
}

/// What is particular to one invocation.
pub struct InvocationContext<'a> {
    /// Lambda's id of the invocation.
    pub request_id: &'a str,
    /// The ARN that the function was invoked by; executions are where it is.
    pub invoked_function_arn: &'a str,
    /// When Lambda ends the invocation.
    pub deadline: Option<SystemTime>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bits.
    pub entropy: Arc<dyn Entropy>,
    /// Hears what happens.
    pub observer: Option<&'a dyn Observer>,
}

/// Hears what happens in an invocation while it happens.
pub trait Observer: Send + Sync {
    /// Whether [`history_event`](Observer::history_event) is of use; without it events are not even made.
    fn wants_history(&self) -> bool;

    /// An event of an execution.
    fn history_event(&self, execution_arn: &Text, event: &HistoryEvent);

    /// Something that went wrong and that the answer does not tell: whoever runs the function should know.
    fn problem(&self, message: &str);
}

/// An invocation that failed. Lambda hands it to the caller, or tries the event again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct InvocationError {
    /// The name of the error.
    pub error_type: String,
    /// What happened.
    pub message: String,
}

impl InvocationError {
    pub(crate) fn new(error_type: impl Into<String>, message: impl Into<String>) -> InvocationError {
        InvocationError {
            error_type: error_type.into(),
            message: message.into(),
        }
    }
}

impl Handler {
    /// A handler that runs executions of this program.
    pub fn new(configuration: Configuration, program: Arc<Program>, tasks: Arc<dyn TaskRunner>) -> Handler {
        let options = Options {
            execution_time_max: configuration.execution_time_max,
            map_concurrency_default: configuration.map_concurrency,
            inline_bytes_max: configuration.payload_bytes,
        };
        Handler {
            engine: Engine::new(program, options),
            configuration,
            tasks,
            guard: None,
            payloads: None,
            visibility: None,
        }
    }

    /// The same handler, but able to tell queues when messages may come again.
    pub fn with_visibility(mut self, visibility: Visibility) -> Handler {
        self.visibility = Some(visibility);
        self
    }

    /// The same handler, but with a place for values over the limit on state data.
    pub fn with_payloads(mut self, store: Arc<S3Payloads>) -> Handler {
        let bytes_max = self.configuration.payload_bytes;
        self.tasks = Arc::new(LargePayloadTasks::new(self.tasks, Arc::clone(&store), bytes_max));
        self.payloads = Some(store);
        self
    }

    /// The same handler, but safe against events that are delivered more than once.
    pub fn guarded(mut self, guard: Guard) -> Handler {
        self.guard = Some(guard);
        self
    }

    /// How the handler behaves.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Handles one event and gives the answer as JSON text.
    ///
    /// # Errors
    /// The event is not what its source sends, or its execution failed and its source is to know by a failed
    /// invocation.
    pub async fn handle(&self, event: &[u8], context: &InvocationContext<'_>) -> Result<String, InvocationError> {
        let invocation = Invocation::new(self, context);
        let event = document::parse(event)
            .map_err(|error| invocation.invalid_event(&format!("the event is not JSON: {error}")))?;
        let answer = event_source::handle(&invocation, &event).await?;
        if answer.len() > ANSWER_BYTES_MAX {
            let message = format!("the answer has {} bytes, Lambda takes {ANSWER_BYTES_MAX}", answer.len());
            return Err(InvocationError::new("Function.ResponseSizeTooLarge", message));
        }
        Ok(answer)
    }
}

/// One invocation: what all executions in it share.
pub(crate) struct Invocation<'a> {
    pub(crate) handler: &'a Handler,
    context: &'a InvocationContext<'a>,
    pub(crate) environment: Environment,
    pub(crate) machine: StateMachine,
    pub(crate) deadline: Option<SystemTime>,
}

impl<'a> Invocation<'a> {
    fn new(handler: &'a Handler, context: &'a InvocationContext<'a>) -> Invocation<'a> {
        let configuration = &handler.configuration;
        let reserve = configuration.deadline_reserve;
        Invocation {
            handler,
            context,
            environment: Environment {
                tasks: Arc::clone(&handler.tasks),
                clock: Arc::clone(&context.clock),
                entropy: Arc::clone(&context.entropy),
                budget: TaskBudget::new(configuration.task_concurrency),
                payloads: handler.payloads.clone().map(|store| store as Arc<dyn PayloadStore>),
            },
            machine: StateMachine::new(configuration, context.invoked_function_arn),
            deadline: context
                .deadline
                .map(|deadline| deadline.checked_sub(reserve).unwrap_or(deadline)),
        }
    }

    /// Whether it is too late to start anything.
    pub(crate) fn is_over(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| self.environment.clock.now() >= deadline)
    }

    /// Runs the execution that an event asks for.
    ///
    /// # Errors
    /// The execution failed, did not end in time, could not even start with such an input, or must not start now.
    pub(crate) async fn execute(&self, delivery: Delivery<'_>) -> Result<Success, Failure> {
        if let Err(failure) = self.check_input(&delivery.input) {
            self.problem(&InvocationError::from(failure.clone()).to_string());
            return Err(failure);
        }
        if let Some(guard) = &self.handler.guard {
            return self.guarded(guard, delivery).await;
        }
        let identity = self
            .machine
            .execution(delivery.name, delivery.caller, &*self.environment.entropy);
        let ended = self.run(&self.environment, identity, None, delivery.input).await;
        ended.into_result()
    }

    /// Runs one execution to its end.
    pub(crate) async fn run(
        &self,
        environment: &Environment,
        identity: Identity,
        replay: Option<Replay>,
        input: Document,
    ) -> Ended {
        let execution_arn = Text::clone(&identity.execution_arn);
        let request = ExecutionRequest {
            input,
            identity,
            deadline: self.deadline,
            replay,
        };
        let events = self.context.observer.filter(|observer| observer.wants_history());
        let events = events.map(|observer| ExecutionEvents {
            execution_arn: &execution_arn,
            observer,
        });
        let history = events.as_ref().map(|events| events as &dyn HistorySink);
        let execution = self.handler.engine.run(environment, request, history).await;
        if let Outcome::Faulted(fault @ (Fault::Bug(_) | Fault::Store(_))) = &execution.outcome {
            self.problem(&format!("execution {execution_arn}: {fault}"));
        }
        Ended {
            outcome: execution.outcome,
            request_id: self.context.request_id.to_owned(),
        }
    }

    /// Lambda's id of the invocation.
    pub(crate) fn request_id(&self) -> &str {
        self.context.request_id
    }

    /// When Lambda ends the invocation.
    pub(crate) fn lambda_deadline(&self) -> Option<SystemTime> {
        self.context.deadline
    }

    /// When the answer must be on its way: half of the reserve is for recording what was done, the other for this.
    pub(crate) fn answer_by(&self) -> Option<SystemTime> {
        let reserve = self.handler.configuration.deadline_reserve / 2;
        self.deadline.map(|deadline| deadline + reserve)
    }

    /// An event that is not what its shape promises. Nobody may wait for the answer, so the log has it, too.
    pub(crate) fn invalid_event(&self, message: &str) -> InvocationError {
        self.problem(message);
        InvocationError::new("Expressway.InvalidEvent", message)
    }

    /// Tells whoever runs the function about something that the answer does not say.
    pub(crate) fn problem(&self, message: &str) {
        if let Some(observer) = self.context.observer {
            observer.problem(message);
        }
    }
}

/// One delivery of an event that asks for an execution.
pub(crate) struct Delivery<'d> {
    /// What its source calls the execution.
    pub(crate) name: Option<&'d str>,
    /// Whether somebody waits.
    pub(crate) caller: Caller,
    /// The input of the execution.
    pub(crate) input: Document,
    /// What tells the event apart from others, and is the same in each delivery.
    pub(crate) key: Option<&'d str>,
    /// What each delivery of the event has in common: two with the same key must not differ in it.
    pub(crate) fingerprint: Document,
    /// The event as expressions see it that say where its key is.
    pub(crate) event: &'d (dyn Fn() -> Document + Sync),
}

/// An execution that gave an output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Success {
    pub(crate) output: Document,
    /// Whether an earlier delivery ran it.
    pub(crate) is_replayed: bool,
}

/// One execution that has ended.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    request_id: String,
}

impl Ended {
    /// What the outcome means for whoever asked.
    pub(crate) fn into_result(self) -> Result<Success, Failure> {
        match self.outcome {
            Outcome::Succeeded(output) => Ok(Success {
                output,
                is_replayed: false,
            }),
            Outcome::Failed(error) => Err(error.into()),
            Outcome::TimedOut | Outcome::Interrupted | Outcome::Faulted(Fault::Deadline) => Err(Failure::timed_out()),
            Outcome::Faulted(Fault::Bug(_)) => Err(Failure::internal(&self.request_id)),
            Outcome::Faulted(Fault::Store(problem)) => Err(Failure {
                retry_after: Some(Duration::from_secs(1)),
                ..Failure::new("Expressway.StoreUnavailable", problem)
            }),
        }
    }
}

/// Refuses an input that is larger than Step Functions allows.
pub(crate) fn check_input(input: &Document) -> Result<(), Failure> {
    let bytes = input.json_bytes();
    if bytes <= DATA_BYTES_MAX {
        return Ok(());
    }
    let cause = format!("the execution's input has {bytes} bytes, at most {DATA_BYTES_MAX} are allowed");
    Err(StateError::new(ErrorName::DataLimitExceeded, cause).into())
}

/// Gives an observer the events of one execution.
struct ExecutionEvents<'a> {
    execution_arn: &'a Text,
    observer: &'a dyn Observer,
}

impl HistorySink for ExecutionEvents<'_> {
    fn record(&self, event: &HistoryEvent) {
        self.observer.history_event(self.execution_arn, event);
    }
}

/// Why an execution gave no output, as its caller may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The error's name; a Fail state may give none.
    pub(crate) error: Option<Text>,
    /// What happened, if that is known.
    pub(crate) cause: Option<Text>,
    /// When it makes sense to ask again, if it does.
    pub(crate) retry_after: Option<Duration>,
    /// Whether it is the outcome of an earlier delivery.
    pub(crate) is_replayed: bool,
}

impl Failure {
    pub(crate) fn new(error: &str, cause: impl Into<Text>) -> Failure {
        Failure {
            error: Some(error.into()),
            cause: Some(cause.into()),
            retry_after: None,
            is_replayed: false,
        }
    }

    fn timed_out() -> Failure {
        Failure::new(
            ErrorName::Timeout.as_str(),
            "the execution did not end in the time it had",
        )
    }

    pub(crate) fn internal(request_id: &str) -> Failure {
        let cause = format!("the execution could not be carried out, the log of request {request_id} says why");
        Failure::new(INTERNAL_ERROR, cause)
    }

    /// `{"error": ..., "cause": ...}`, without what is not known.
    pub(crate) fn to_document(&self) -> Document {
        let members = [("error", &self.error), ("cause", &self.cause)];
        let known = members
            .into_iter()
            .filter_map(|(key, value)| Some((key, Document::String(Text::clone(value.as_ref()?)))));
        Document::Object(known.collect())
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Failure {
        Failure {
            error: error.name.map(|name| name.as_str().into()),
            cause: error.cause,
            retry_after: None,
            is_replayed: false,
        }
    }
}

impl From<Failure> for InvocationError {
    fn from(failure: Failure) -> InvocationError {
        InvocationError {
            error_type: failure.error.as_deref().unwrap_or("ExecutionFailed").to_owned(),
            message: failure.cause.as_deref().unwrap_or_default().to_owned(),
        }
    }
}
