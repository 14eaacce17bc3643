//! The door to what Task states do.

use crate::{Fault, PayloadStore, StateError};
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::resource::Resource;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{Semaphore, SemaphorePermit};

/// One attempt of one Task state.
#[derive(Clone, Debug)]
pub struct TaskRequest<'a> {
    /// What to call.
    pub resource: &'a Resource,
    /// The effective input of the state: the payload of a function, the parameters of an API action.
    pub input: Document,
    /// The name of the Task state.
    pub state_name: &'a str,
    /// How often this visit of the state was retried before: 0 for its first attempt.
    pub attempt: u32,
    /// The role to assume for the call, of `Credentials`.
    pub role_arn: Option<Text>,
    /// The execution that asks.
    pub execution_arn: &'a str,
    /// The same for all attempts of one visit of a state with the same input, also in later runs of the same
    /// execution: what an API takes as its idempotency token. 64 hexadecimal digits; none where nothing
    /// remembers executions.
    pub token: Option<Text>,
    /// The store of large values as the execution sees it, if there is one.
    pub payloads: Option<&'a dyn PayloadStore>,
}

/// The answer to come of a [`TaskRunner`].
pub type TaskFuture<'a> = Pin<Box<dyn Future<Output = Result<Document, TaskError>> + Send + 'a>>;

/// What [`TaskRunner::timed_out`] takes to note it.
pub type TimedOutFuture<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;

/// Does the work of Task states.
///
/// The engine drops the future of an attempt that timed out or is no longer wanted; the runner must then let
/// go of whatever it holds for it. It never starts more attempts than [`TaskBudget`] allows.
pub trait TaskRunner: Send + Sync {
    /// Makes one attempt.
    ///
    /// # Errors
    /// The error that the definition can retry and catch, or a fault that it can not.
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a>;

    /// Hears that an attempt has timed out, before the definition does: the future of its [`run`](TaskRunner::run)
    /// has been dropped.
    fn timed_out<'a>(&'a self, _token: &'a str, _attempt: u32) -> TimedOutFuture<'a> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// When an attempt of the task with this token ended, if the runner keeps a record of such things. Asked
    /// right after its [`run`](TaskRunner::run), which may have answered from the record of an earlier run.
    fn ended(&self, _token: &str, _attempt: u32) -> Option<SystemTime> {
        None
    }

    /// Hears that an item of a Map state begins that had to wait for others; `line` is the same in each run. Gives the time
    /// that it began at, which is another one if the runner keeps a record and an earlier run began it.
    fn line_begins(&self, _line: &str, now: SystemTime) -> SystemTime {
        now
    }
}

/// Why an attempt gave no result.
#[derive(Clone, Debug)]
pub enum TaskError {
    /// An error of the language, for Retry and Catch.
    State(StateError),
    /// Nothing that a definition can handle.
    Fault(Fault),
}

impl From<StateError> for TaskError {
    fn from(error: StateError) -> TaskError {
        TaskError::State(error)
    }
}

impl From<Fault> for TaskError {
    fn from(fault: Fault) -> TaskError {
        TaskError::Fault(fault)
    }
}

/// How many task attempts may be in flight at once, over all executions that share it.
///
/// Only attempts hold permits. A Map or Parallel state that waits for its children holds none, so nesting can
/// not deadlock, whatever the size.
#[derive(Clone, Debug)]
pub struct TaskBudget {
    permits: Arc<Semaphore>,
}

impl TaskBudget {
    /// The number of permits when nothing else is asked for.
    pub const DEFAULT: usize = 256;

    /// A budget of this many attempts, at least one.
    pub fn new(permits: usize) -> TaskBudget {
        TaskBudget {
            permits: Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }

    /// Waits for a permit, first come first served.
    pub(crate) async fn acquire(&self) -> Result<SemaphorePermit<'_>, Fault> {
        self.permits
            .acquire()
            .await
            .map_err(|_| Fault::Bug("the task budget was closed".into()))
    }
}

impl Default for TaskBudget {
    fn default() -> TaskBudget {
        TaskBudget::new(TaskBudget::DEFAULT)
    }
}
