//! One execution, from its request to its outcome.
//!
//! `machine` is the flat loop over states, `stages` knows the order of a state's stages, `handlers` knows
//! timeout, Retry and Catch. `task`, `parallel` and `map` do the work that takes time, `step` all that does not.
//! `test_state` runs one state instead, under a [`Probe`] that the others show their data to.

mod context;
mod handlers;
mod lineage;
mod machine;
mod map;
mod parallel;
mod stages;
mod step;
mod task;
mod test_state;
mod values;
mod work;

use crate::history::{EventDetails, HistoryEvent, HistorySink};
use crate::payload;
use crate::{
    Engine, Environment, Execution, ExecutionRequest, Fault, Identity, Options, Outcome, Replay, StateError, later,
};
use context::ExecutionContext;
use expressway_asl::Document;
use expressway_asl::document::{DEPTH_MAX, Text};
use expressway_asl::error_name::ErrorName;
use futures_util::FutureExt;
use lineage::Lineage;
pub(crate) use machine::VARIABLES_BYTES_MAX;
use machine::{Progress, Track};
pub use stages::check_result_bytes;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::SystemTime;
pub(crate) use test_state::{Probe, Stage, test_state};
use work::Work;

/// What ends a state, a branch or a whole execution early.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// An error that handlers may match.
    Error(StateError),
    /// Nothing that a definition can handle.
    Fault(Fault),
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Failure {
        Failure::Error(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure::Fault(fault)
    }
}

/// The largest input, output or result of a state, in bytes of JSON text.
///
/// # Source
/// "Quotas related to state machine executions" in the AWS documentation.
pub const DATA_BYTES_MAX: usize = 262_144;

/// What all parts of one execution share.
pub(crate) struct Run<'r> {
    environment: &'r Environment,
    options: &'r Options,
    identity: &'r Identity,
    history: Option<&'r dyn HistorySink>,
    context: ExecutionContext,
    deadline: SystemTime,
    /// Counts the events, whether or not anyone listens: error causes name them. All parts of an execution
    /// are polled by one task, never at once, so plain loads and stores do.
    events: AtomicU64,
    transitions: AtomicU64,
    work: Work,
    /// What the variables of all lines have.
    variables_bytes: AtomicUsize,
    /// Set when a single state is tested.
    probe: Option<&'r Probe<'r>>,
}

impl Run<'_> {
    /// Numbers an event, and shows it to whoever listens.
    fn event(&self, previous_id: u64, details: impl FnOnce() -> EventDetails) -> u64 {
        let id = self.events.load(Ordering::Relaxed) + 1;
        self.events.store(id, Ordering::Relaxed);
        if let Some(history) = self.history {
            let event = HistoryEvent {
                id,
                previous_id,
                time: self.environment.clock.now(),
                details: details(),
            };
            self.worked(event.details.data().map_or(0, expressway_asl::work::whole));
            history.record(&event);
        }
        id
    }

    /// An expression stops at the deadline. Its error is not one to handle: the execution has timed out.
    fn unless_out_of_time(&self, error: StateError) -> Result<StateError, Fault> {
        let is_query = error.name == Some(ErrorName::QueryEvaluationError);
        match is_query && self.environment.clock.now() >= self.deadline {
            true => Err(Fault::Deadline),
            false => Ok(error),
        }
    }

    /// Shows what a stage gave to whoever tests the state.
    #[inline]
    fn stage(&self, stage: Stage, value: &Document) {
        if let Some(probe) = self.probe {
            probe.record(stage, value);
        }
    }

    /// The time on a line: the clock's, or that of the last thing on record.
    fn now(&self, track: &Track<'_>) -> SystemTime {
        let recorded = track.lineage.as_ref().and_then(Lineage::now);
        recorded.unwrap_or_else(|| self.environment.clock.now())
    }

    /// Random bits for a line: new ones, or always the same in each run.
    fn random(&self, track: &Track<'_>) -> u128 {
        match &track.lineage {
            Some(lineage) => lineage.random(),
            None => self.environment.entropy.random(),
        }
    }

    /// Waits until `time`; refuses at once if that is not before the deadline.
    async fn sleep_until(&self, track: &Track<'_>, time: SystemTime) -> Result<(), Fault> {
        if time > self.environment.clock.now() {
            if time >= self.deadline {
                return Err(Fault::Deadline);
            }
            self.environment.clock.sleep_until(time).await;
        }
        track.reached(time);
        Ok(())
    }
}

#[warn(clippy::arithmetic_side_effects)]
impl Engine {
    /// Runs one execution to its end, in the caller's own task: dropping the future stops all of it.
    ///
    /// Never fails and never panics; a mistake of ours is an [`Outcome::Faulted`].
    pub async fn run(
        &self,
        environment: &Environment,
        request: ExecutionRequest,
        history: Option<&dyn HistorySink>,
    ) -> Execution {
        let ExecutionRequest {
            input,
            identity,
            deadline,
            replay,
        } = request;
        let environment = &environment.for_execution();
        let now = environment.clock.now();
        let started = replay.as_ref().map_or(now, |replay| replay.started);
        let mut limit = later(now, self.options.execution_time_max);
        if let Some(timeout) = self.program.timeout {
            let from = replay.as_ref().map_or(now, |replay| replay.timeout_from);
            limit = limit.min(later(from, timeout));
        }
        let limited_by_surroundings = deadline.filter(|deadline| *deadline < limit);
        let end = limited_by_surroundings.unwrap_or(limit);
        let fitted = match input.json_bytes() <= self.options.inline_bytes_max {
            true => Ok(input),
            false => {
                let fit = payload::fit(environment, &self.options, input);
                until(environment, end, fit).await.unwrap_or(Err(Fault::Deadline))
            }
        };
        let input = match fitted {
            Ok(input) => input,
            Err(fault) => {
                return Execution {
                    outcome: Outcome::Faulted(fault),
                    started,
                    stopped: environment.clock.now(),
                    transitions: 0,
                };
            }
        };
        let run = Run {
            environment,
            options: &self.options,
            identity: &identity,
            history,
            context: ExecutionContext::new(&identity, &input, started),
            deadline: end,
            events: AtomicU64::new(0),
            transitions: AtomicU64::new(0),
            work: Work::default(),
            variables_bytes: AtomicUsize::new(0),
            probe: None,
        };
        let outcome = run.execute(&self.program.machine, replay.as_ref(), input).await;
        let outcome = match outcome {
            Outcome::TimedOut if limited_by_surroundings.is_some() => Outcome::Interrupted,
            outcome => outcome,
        };
        Execution {
            outcome,
            started,
            stopped: environment.clock.now(),
            transitions: run.transitions.load(Ordering::Relaxed),
        }
    }
}

impl Run<'_> {
    async fn execute(
        &self,
        machine: &expressway_asl::program::Machine,
        replay: Option<&Replay>,
        input: Document,
    ) -> Outcome {
        self.event(0, || EventDetails::ExecutionStarted {
            input: input.clone(),
            role_arn: self.identity.role_arn.clone(),
        });
        // The first state's event follows none: ExecutionStarted is nobody's parent (recorded everywhere).
        let progress = Progress::default();
        let track = Track::new(&progress, replay.map(Lineage::root));
        if input.depth() > DEPTH_MAX {
            let error = StateError::new(ErrorName::Runtime, stages::too_deep());
            self.event(0, || EventDetails::ExecutionFailed(error.clone()));
            return Outcome::Failed(error);
        }
        let result = {
            let work = AssertUnwindSafe(self.machine(machine, &track, None, input)).catch_unwind();
            let result = until(self.environment, self.deadline, work).await;
            result.unwrap_or(Ok(Err(Failure::Fault(Fault::Deadline))))
        };
        let result = result.map(|result| {
            result.map_err(|failure| match failure {
                Failure::Error(error) => self
                    .unless_out_of_time(error)
                    .map_or_else(Failure::Fault, Failure::Error),
                fault => fault,
            })
        });
        match result {
            Ok(Ok(output)) => {
                self.event(track.previous(), || EventDetails::ExecutionSucceeded {
                    output: output.clone(),
                });
                Outcome::Succeeded(output)
            }
            Ok(Err(Failure::Error(error))) => {
                self.event(track.previous(), || EventDetails::ExecutionFailed(error.clone()));
                Outcome::Failed(error)
            }
            Ok(Err(Failure::Fault(Fault::Deadline))) => {
                let error = StateError {
                    name: Some(ErrorName::Timeout),
                    cause: None,
                };
                self.event(0, || EventDetails::ExecutionTimedOut(error));
                Outcome::TimedOut
            }
            Ok(Err(Failure::Fault(fault))) => self.aborted(track.previous(), fault),
            Err(panic) => self.aborted(track.previous(), Fault::Bug(panic_text(&*panic))),
        }
    }

    fn aborted(&self, previous: u64, fault: Fault) -> Outcome {
        let cause = Some(Text::from(fault.to_string()));
        self.event(previous, || {
            EventDetails::ExecutionAborted(StateError { name: None, cause })
        });
        Outcome::Faulted(fault)
    }
}

/// What comes of some work, if it ends before the deadline.
async fn until<T>(environment: &Environment, deadline: SystemTime, work: impl Future<Output = T>) -> Option<T> {
    let mut deadline = environment.clock.sleep_until(deadline);
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        // The work first: a result that is there when the time is up counts.
        if let Poll::Ready(result) = work.as_mut().poll(context) {
            return Poll::Ready(Some(result));
        }
        deadline.as_mut().poll(context).map(|()| None)
    })
    .await
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> Text {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("panic").into()
}
