//! Runs compiled Amazon States Language programs.
//!
//! [`Engine::run`] takes an [`ExecutionRequest`] and gives an [`Execution`], in the caller's own future: dropping it
//! stops all of it, and nothing outlives it. The doors out are traits, together in an [`Environment`]:
//! [`TaskRunner`] does the work of Task states, [`Clock`] tells the time, [`Entropy`] gives random bits, and a
//! [`history::HistorySink`] hears of every event, and a [`PayloadStore`] keeps what
//! is too large for state data. [`TaskBudget`] bounds the attempts in flight.
//!
//! [`test_state`] runs one state by itself and tells what became of its data after each stage.
//!
//! What Retry and Catch see is a [`StateError`]; what no definition can handle is a [`Fault`].

mod clock;
mod error;
mod execution;
pub mod history;
mod payload;
mod run;
mod task;
pub mod test_state;

pub use clock::{Clock, Entropy, Sleep, SystemClock, SystemEntropy, later};
pub use error::{Fault, StateError};
pub use execution::{Execution, ExecutionRequest, Identity, Outcome, Replay, ReplayTime};
pub use payload::{PayloadFuture, PayloadStore, resolve, shorten};
pub use run::{DATA_BYTES_MAX, check_result_bytes};
pub use task::{TaskBudget, TaskError, TaskFuture, TaskRequest, TaskRunner, TimedOutFuture};

use expressway_asl::program::Program;
use std::sync::Arc;
use std::time::Duration;

/// Limits of a run that are not in the definition.
#[derive(Clone, Debug)]
pub struct Options {
    /// The longest that an execution may take, whatever its `TimeoutSeconds` says: 300 s for Express workflows.
    pub execution_time_max: Duration,
    /// How many iterations of a Map state run at once when its `MaxConcurrency` is absent or 0.
    pub map_concurrency_default: usize,
    /// How many bytes of JSON text state data may have before its largest values go to the [`PayloadStore`], if there
    /// is one. No more than [`DATA_BYTES_MAX`], which fails an execution in any case.
    pub inline_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            execution_time_max: Duration::from_secs(300),
            map_concurrency_default: 40,
            inline_bytes_max: DATA_BYTES_MAX,
        }
    }
}

/// The doors out of a run. Made for each invocation and shared by all executions in it.
#[derive(Clone)]
pub struct Environment {
    /// Does the work of Task states.
    pub tasks: Arc<dyn TaskRunner>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bits.
    pub entropy: Arc<dyn Entropy>,
    /// Bounds the task attempts in flight.
    pub budget: TaskBudget,
    /// Keeps values that are too large for state data; without one, such values are `States.DataLimitExceeded`.
    pub payloads: Option<Arc<dyn PayloadStore>>,
}

impl Environment {
    /// The same doors for one execution.
    fn for_execution(&self) -> Environment {
        let mut environment = self.clone();
        environment.payloads = environment.payloads.map(PayloadStore::for_execution);
        environment
    }
}

/// Runs executions of one program.
#[derive(Clone, Debug)]
pub struct Engine {
    program: Arc<Program>,
    options: Options,
}

impl Engine {
    /// An engine for this program.
    pub fn new(program: Arc<Program>, options: Options) -> Engine {
        let options = Options {
            inline_bytes_max: options.inline_bytes_max.min(DATA_BYTES_MAX),
            ..options
        };
        Engine { program, options }
    }

    /// The program it runs.
    pub fn program(&self) -> &Program {
        &self.program
    }
}
