//! One event in, one answer out: what the function does, apart from Lambda's runtime.

use crate::config::Configuration;
use crate::delivery::{Delivery, Failure, FailureKind, Source, Success};
use crate::event_source::{self, Queues};
use crate::guard::Guard;
use crate::identity::StateMachine;
use crate::notice::{Notice, RefusedDelivery, Severity};
use expressway_asl::Document;
use expressway_asl::document::{self, Lossy, Text};
use expressway_asl::error_name::ErrorName;
use expressway_asl::program::Program;
use expressway_durability::payloads::{LargePayloadTasks, S3Payloads};
use expressway_engine::history::{HistoryEvent, HistorySink};
use expressway_engine::{
    Clock, DATA_BYTES_MAX, Engine, Entropy, Environment, ExecutionRequest, Fault, Identity, Options, Outcome,
    PayloadStore, Replay, TaskBudget, TaskRunner,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The largest answer that Lambda takes from a function.
pub(crate) const ANSWER_BYTES_MAX: usize = 6_291_556;

/// The name of the error for an event that the function has not enough memory for.
pub(crate) const TOO_LARGE: &str = "Expressway.EventTooLarge";

/// Handles events: runs the executions that they ask for, and answers as their source expects.
pub struct Handler {
    pub(crate) configuration: Configuration,
    engine: Engine,
    tasks: Arc<dyn TaskRunner>,
    guard: Option<Guard>,
    pub(crate) payloads: Option<Arc<S3Payloads>>,
    pub(crate) queues: Option<Queues>,
    /// The kinds of sources whose events have been said to have no key.
    unprotected: Mutex<BTreeSet<Source>>,
}

/// What is particular to one invocation.
pub struct InvocationContext<'a> {
    /// Lambda's id of the invocation.
    pub request_id: &'a str,
    /// The ARN that the function was invoked by; executions are where it is.
    pub invoked_function_arn: &'a str,
    /// The tenant that Lambda keeps this sandbox for, in tenant isolation mode.
    pub tenant_id: Option<&'a str>,
    /// When Lambda ends the invocation.
    pub deadline: Option<SystemTime>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bits.
    pub entropy: Arc<dyn Entropy>,
    /// Observes what happens.
    pub observer: Option<&'a dyn Observer>,
}

/// Observes an invocation.
pub trait Observer: Send + Sync {
    /// Whether [`history_event`](Observer::history_event) is of use; without it events are not even made.
    fn wants_history(&self) -> bool;

    /// An event of an execution.
    fn history_event(&self, execution_arn: &Text, event: &HistoryEvent);

    /// Something that the operator of the function should know.
    fn notice(&self, notice: &Notice);
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
            queues: None,
            unprotected: Mutex::default(),
        }
    }

    /// The same handler, but able to call queues.
    pub fn with_queues(mut self, queues: Queues) -> Handler {
        self.queues = Some(queues);
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
        let bytes_max = self.configuration.event_memory_max();
        if document::parsed_bytes(event) > bytes_max {
            let message = format!(
                "the event has {} bytes and would take more memory than the {bytes_max} bytes that the function has for it",
                event.len()
            );
            invocation.problem(&message);
            return Err(InvocationError::new(TOO_LARGE, message));
        }
        let Lossy {
            document: event,
            is_repaired,
        } = document::parse_lossy(event)
            .map_err(|error| invocation.invalid_event(&format!("the event is not JSON: {error}")))?;
        if is_repaired {
            invocation.repaired("the event");
        }
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

    /// Runs the execution that an event asks for. Logs a delivery that is refused or goes back to its source.
    ///
    /// # Errors
    /// The execution failed, did not end in time, could not even start with such an input, or must not start now.
    pub(crate) async fn execute(&self, delivery: Delivery<'_>) -> Result<Success, Failure> {
        let (source, source_id) = (delivery.source, delivery.source_id.map(str::to_owned));
        let result = match self.check_input(&delivery.input) {
            Ok(()) => match &self.handler.guard {
                Some(guard) => self.guarded(guard, delivery).await,
                None => self.unguarded(delivery).await,
            },
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &result {
            self.refused(source, source_id, failure);
        }
        result
    }

    /// Runs an execution of which nothing is kept.
    pub(crate) async fn unguarded(&self, delivery: Delivery<'_>) -> Result<Success, Failure> {
        let entropy = &*self.environment.entropy;
        let identity = self
            .machine
            .new_execution(delivery.source_id, delivery.is_synchronous, entropy);
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
        if let Outcome::Faulted(fault @ Fault::Bug(_)) = &execution.outcome {
            self.problem(&format!("execution {execution_arn}: {fault}"));
        }
        Ended {
            outcome: execution.outcome,
            execution_arn,
            request_id: self.context.request_id.to_owned(),
        }
    }

    /// How many executions of a batch run at once whose inputs take up to this many bytes of memory each.
    pub(crate) fn batch_concurrency(&self, input_bytes_max: usize) -> usize {
        let configuration = &self.handler.configuration;
        let fitting = configuration.event_memory_max().checked_div(input_bytes_max);
        configuration
            .batch_concurrency
            .min(fitting.unwrap_or(usize::MAX))
            .max(1)
    }

    /// Lambda's id of the invocation.
    pub(crate) fn request_id(&self) -> &str {
        self.context.request_id
    }

    /// The tenant that Lambda keeps this sandbox for.
    pub(crate) fn tenant_id(&self) -> Option<&str> {
        self.context.tenant_id
    }

    /// What a future gives, if it does so by then: a source that waits must get its answer in time.
    pub(crate) async fn until<T>(&self, time: Option<SystemTime>, future: impl Future<Output = T>) -> Option<T> {
        let Some(time) = time else {
            return Some(future.await);
        };
        tokio::select! {
            biased;
            value = future => Some(value),
            () = self.environment.clock.sleep_until(time) => None,
        }
    }

    /// When Lambda ends the invocation.
    pub(crate) fn lambda_deadline(&self) -> Option<SystemTime> {
        self.context.deadline
    }

    /// When it must be on record what was done: half of the reserve is for that.
    pub(crate) fn record_by(&self) -> Option<SystemTime> {
        let reserve = self.handler.configuration.deadline_reserve / 2;
        self.deadline.map(|deadline| deadline + reserve)
    }

    /// When the answer must be on its way: a quarter of the reserve is for what it takes to make it, such as values out
    /// of the bucket and requests to a queue. A table that is silent leaves that time alone.
    pub(crate) fn answer_by(&self) -> Option<SystemTime> {
        let reserve = self.handler.configuration.deadline_reserve / 4;
        self.record_by().map(|time| time + reserve)
    }

    /// An event that is not what its shape promises. The source may not read the answer, so the log has it, too.
    pub(crate) fn invalid_event(&self, message: &str) -> InvocationError {
        self.problem(message);
        InvocationError::new("Expressway.InvalidEvent", message)
    }

    /// Logs a delivery that is refused or goes back to its source. What a synchronous caller is told of its own
    /// execution is in the history.
    pub(crate) fn refused(&self, source: Source, source_id: Option<String>, failure: &Failure) {
        let severity = match (failure.kind, source) {
            (FailureKind::Execution, Source::Http) => return,
            // The caller is told, and it is the caller who has to act.
            (FailureKind::Refused, Source::Http) | (FailureKind::Postponed, _) => Severity::Warning,
            (FailureKind::Execution | FailureKind::Refused, _) => Severity::Error,
        };
        let reason = failure.error.as_deref().unwrap_or("ExecutionFailed");
        let cause = failure.cause.as_deref().unwrap_or_default();
        let message = match (failure.kind, &failure.detail) {
            (FailureKind::Execution, _) => "the execution failed, and its delivery with it".to_owned(),
            (FailureKind::Refused | FailureKind::Postponed, None) => cause.to_owned(),
            (FailureKind::Refused | FailureKind::Postponed, Some(detail)) => format!("{cause}: {detail}"),
        };
        self.notice(Notice {
            severity,
            message,
            delivery: Some(RefusedDelivery {
                reason: reason.to_owned(),
                source: source.as_str(),
                source_id,
                execution_arn: failure.execution_arn.as_deref().map(str::to_owned),
                request_id: self.request_id().to_owned(),
            }),
        });
    }

    /// Says that events of a source run without a key: once, since all of its events are the same in this.
    pub(crate) fn unprotected(&self, source: Source, problem: &str) {
        let mut said = self.handler.unprotected.lock().unwrap_or_else(PoisonError::into_inner);
        if said.insert(source) {
            drop(said);
            self.warning(&format!(
                "events from `{}` may run without an idempotency key, once for each delivery: {problem}",
                source.as_str()
            ));
        }
    }

    /// Says that characters were lost.
    pub(crate) fn repaired(&self, what: &str) {
        self.warning(&format!(
            "{what} of request {} has bytes that are not UTF-8, or half of a surrogate pair: U+FFFD stands in their \
             place",
            self.request_id()
        ));
    }

    /// Logs something that passes by itself.
    pub(crate) fn warning(&self, message: &str) {
        self.notice(Notice {
            severity: Severity::Warning,
            message: message.to_owned(),
            delivery: None,
        });
    }

    /// Logs something that an operator has to look at.
    pub(crate) fn problem(&self, message: &str) {
        self.notice(Notice {
            severity: Severity::Error,
            message: message.to_owned(),
            delivery: None,
        });
    }

    fn notice(&self, notice: Notice) {
        if let Some(observer) = self.context.observer {
            observer.notice(&notice);
        }
    }
}

/// One execution that has ended.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    execution_arn: Text,
    request_id: String,
}

impl Ended {
    /// What the outcome means for the delivery.
    pub(crate) fn into_result(self) -> Result<Success, Failure> {
        let failure = match self.outcome {
            Outcome::Succeeded(output) => {
                return Ok(Success {
                    output,
                    is_replayed: false,
                });
            }
            Outcome::Failed(error) => error.into(),
            Outcome::TimedOut => Failure::timed_out(FailureKind::Execution),
            Outcome::Interrupted | Outcome::Faulted(Fault::Deadline) => Failure::timed_out(FailureKind::Postponed),
            Outcome::Faulted(Fault::Payload { error, cause }) => Failure::refused(error, cause),
            Outcome::Faulted(Fault::Bug(_)) => Failure::internal(&self.request_id),
            Outcome::Faulted(Fault::Store(problem)) => Failure {
                retry_after: Some(Duration::from_secs(1)),
                detail: Some(problem.to_string()),
                ..Failure::postponed(
                    "Expressway.StoreUnavailable",
                    "the store of the execution is not available",
                )
            },
        };
        Err(failure.of_execution(&self.execution_arn))
    }
}

/// Refuses an input that is larger than Step Functions allows.
pub(crate) fn check_input(input: &Document) -> Result<(), Failure> {
    let bytes = input.json_bytes();
    if bytes <= DATA_BYTES_MAX {
        return Ok(());
    }
    let cause = format!("the execution's input has {bytes} bytes, at most {DATA_BYTES_MAX} are allowed");
    Err(Failure::refused(ErrorName::DataLimitExceeded.as_str(), cause))
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

impl From<Failure> for InvocationError {
    fn from(failure: Failure) -> InvocationError {
        InvocationError {
            error_type: failure.error.as_deref().unwrap_or("ExecutionFailed").to_owned(),
            message: failure.cause.as_deref().unwrap_or_default().to_owned(),
        }
    }
}
