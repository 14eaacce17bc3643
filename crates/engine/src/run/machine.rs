//! The flat loop that runs the states of a machine.

use super::context::MapItem;
use super::lineage::Lineage;
use super::stages::{check_depth, check_result_bytes};
use super::values::{Attempted, Evaluation};
use super::{Failure, Run, work};
use crate::history::EventDetails;
use crate::{Fault, StateError};
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_asl::error_name::ErrorName;
use expressway_asl::program::{Machine, State, StateKind, StateType, Transition};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

/// One line of states: the execution's own, a branch's, or an iteration's.
pub(super) struct Track<'l> {
    pub(super) progress: &'l Progress,
    /// The item, inside an iteration.
    pub(super) map: Option<MapItem>,
    /// Whether this is a branch of a Parallel state.
    pub(super) is_branch: bool,
    /// Where the line stands in an execution that can be repeated.
    pub(super) lineage: Option<Lineage>,
}

/// How far a line has come. Kept apart from the line, so that it outlives one that is dropped.
#[derive(Default)]
pub(super) struct Progress {
    previous: AtomicU64,
    state_type: AtomicU8,
}

impl Progress {
    /// A line that begins after this event.
    pub(super) fn after(previous: u64) -> Progress {
        Progress {
            previous: AtomicU64::new(previous),
            state_type: AtomicU8::new(Progress::NOWHERE),
        }
    }

    const NOWHERE: u8 = u8::MAX;

    pub(super) fn previous(&self) -> u64 {
        self.previous.load(Ordering::Relaxed)
    }

    /// The type of the state that the line is in; none before its first and after its last.
    pub(super) fn state_type(&self) -> Option<StateType> {
        StateType::ALL
            .get(usize::from(self.state_type.load(Ordering::Relaxed)))
            .copied()
    }
}

impl<'l> Track<'l> {
    pub(super) fn new(progress: &'l Progress, lineage: Option<Lineage>) -> Track<'l> {
        Track {
            progress,
            map: None,
            is_branch: false,
            lineage,
        }
    }

    /// The place of a branch or item of a state that is visited on this line.
    pub(super) fn lineage_of(&self, visit: &Visit<'_>, index: usize) -> Option<Lineage> {
        self.lineage.as_ref().map(|lineage| lineage.child(visit, index))
    }

    /// Something on this line ended at `time`, or on a line inside it.
    pub(super) fn reached(&self, time: SystemTime) {
        if let Some(lineage) = &self.lineage {
            lineage.reached(time);
        }
    }

    /// The time on the line, where it goes by a record.
    pub(super) fn recorded_now(&self) -> Option<SystemTime> {
        self.lineage.as_ref().and_then(Lineage::now)
    }

    /// The last event on this line, which the next one follows.
    pub(super) fn previous(&self) -> u64 {
        self.progress.previous()
    }

    /// Makes `event` the last one on this line.
    pub(super) fn follow(&self, event: u64) {
        self.progress.previous.store(event, Ordering::Relaxed);
    }

    /// The line has ended.
    pub(super) fn end(&self) {
        self.progress.state_type.store(Progress::NOWHERE, Ordering::Relaxed);
    }

    fn enter(&self, state_type: StateType) {
        self.progress.state_type.store(state_type as u8, Ordering::Relaxed);
    }
}

/// Variables and their values; none while nothing has been assigned.
pub(super) type Variables = Option<Object>;

/// What came of a state.
pub(super) struct StateEnd {
    pub(super) output: Document,
    pub(super) transition: Transition,
    /// What the state assigned.
    pub(super) assigned: Variables,
}

/// One visit of a state.
pub(super) struct Visit<'v> {
    pub(super) state: &'v State,
    /// The event that entered the state; error causes name it.
    pub(super) entered_id: u64,
    /// When it was entered; only known if somebody will ask.
    pub(super) entered_time: Option<SystemTime>,
    pub(super) retry_count: u64,
    /// The how manyth visit of the state on its line it is; only counted in executions that can be repeated.
    pub(super) number: u64,
    /// The event that entering the state followed.
    pub(super) entered_after: u64,
    /// The variables as they were when the state was entered.
    pub(super) variables: Variables,
    /// Whether branches or iterations have been started by this attempt and have not all succeeded.
    pub(super) has_children: AtomicBool,
}

impl Visit<'_> {
    /// Whether the context object shows a retry count.
    pub(super) fn counts_retries(&self) -> bool {
        matches!(
            self.state.kind,
            StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_)
        )
    }

    /// An error of this state, with the words that the service puts before what happened.
    pub(super) fn error(&self, name: ErrorName, detail: &str) -> StateError {
        let cause = format!(
            "An error occurred while executing the state '{}' (entered at the event id #{}). {detail}",
            self.state.name, self.entered_id
        );
        StateError::new(name, cause)
    }

    /// The variables with what this state assigned.
    pub(super) fn with_variables(&self, assigned: Object) -> Object {
        let Some(known) = &self.variables else {
            return assigned;
        };
        let mut variables = known.clone();
        for (name, value) in assigned.iter() {
            variables.insert(Text::clone(name), value.clone());
        }
        variables
    }

    /// Refuses variables that have too many bytes.
    pub(super) fn check_variables(&self, bytes: usize) -> Result<(), StateError> {
        if bytes <= VARIABLES_BYTES_MAX {
            return Ok(());
        }
        let detail = format!("The variables of the execution have {bytes} bytes, more than {VARIABLES_BYTES_MAX}.");
        Err(self.error(ErrorName::DataLimitExceeded, &detail))
    }

    pub(super) fn runtime_error(&self, detail: &str) -> StateError {
        self.error(ErrorName::Runtime, detail)
    }
}

/// How much all variables of an execution may hold, in bytes of JSON text.
///
/// # Source
/// "Passing data between states with variables" in the AWS documentation.
pub(crate) const VARIABLES_BYTES_MAX: usize = 10 * 1_048_576;

/// What a line's variables have beyond those that it began with. The lines around it count for those.
struct Held<'r> {
    /// Of all lines of the execution.
    total: &'r AtomicUsize,
    inherited: usize,
    bytes: usize,
}

impl<'r> Held<'r> {
    fn new(total: &'r AtomicUsize, inherited: &Variables) -> Held<'r> {
        Held {
            total,
            inherited: inherited.as_ref().map_or(0, Object::json_bytes),
            bytes: 0,
        }
    }

    /// Counts the line's variables as they are now; returns the bytes of all lines.
    fn hold(&mut self, variables: &Object) -> usize {
        let bytes = variables.json_bytes().saturating_sub(self.inherited);
        let others = self.total.load(Ordering::Relaxed).saturating_sub(self.bytes);
        self.bytes = bytes;
        let total = others.saturating_add(bytes);
        self.total.store(total, Ordering::Relaxed);
        total
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Run<'_> {
    /// Runs a machine to its end and returns its output.
    pub(super) async fn machine(
        &self,
        machine: &Machine,
        track: &Track<'_>,
        mut variables: Variables,
        input: Document,
    ) -> Result<Document, Failure> {
        let mut held = Held::new(&self.variables_bytes, &variables);
        let mut id = machine.start;
        let mut data = input;
        loop {
            let Some(state) = machine.state(id) else {
                return Err(Fault::Bug("a state id points outside its machine".into()).into());
            };
            self.count_transition();
            if self.worked(work::TRANSITION) {
                self.end_turn().await?;
            }
            let mut visit = self.enter(state, track, &variables, &data);
            let StateEnd {
                output,
                transition,
                assigned,
            } = match &state.kind {
                StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_) => {
                    self.work_with_handlers(track, &mut visit, data).await?
                }
                StateKind::Wait(wait) => {
                    self.wait(track, &visit, wait, &data).await?;
                    self.step(track, &visit, data).await?
                }
                // The most common state costs a comparison, whatever the size of its input.
                StateKind::Pass { result: None } if state.assign.is_none() && state.stages.is_identity() => StateEnd {
                    output: data,
                    transition: state.transition,
                    assigned: None,
                },
                _ => match self.attempted(track, &visit, &mut |evaluation| evaluation.step(&mut data)) {
                    Attempted::Complete(end) => end?,
                    Attempted::Incomplete(values) => {
                        let step = |evaluation: Evaluation<'_>| evaluation.step(&mut data);
                        self.repeated(track, &visit, *values, step).await?
                    }
                },
            };
            let bytes = output.json_bytes();
            if bytes > work::TRANSITION && output.as_str().is_some() {
                // Unlike containers, it had to be read for that.
                self.worked(bytes);
            }
            let output = match bytes <= self.options.inline_bytes_max {
                true => output,
                false => {
                    let output = self.fit(output).await?;
                    check_result_bytes(&state.name, &output)?;
                    output
                }
            };
            check_depth(&visit, &output)?;
            track.follow(self.event(track.previous(), || EventDetails::StateExited {
                state_type: state.state_type(),
                name: Text::clone(&state.name),
                output: output.clone(),
                assigned: assigned.clone(),
            }));
            if let Some(assigned) = assigned {
                let copied = variables.as_ref().map_or(0, Object::len) + assigned.len();
                self.worked(copied * expressway_asl::work::MEMBER);
                let assigned = visit.with_variables(assigned);
                visit.check_variables(held.hold(&assigned))?;
                variables = Some(assigned);
            }
            data = output;
            match transition {
                Transition::Next(next) => id = next,
                Transition::End => return Ok(data),
            }
        }
    }

    fn count_transition(&self) {
        let transitions = self.transitions.load(Ordering::Relaxed) + 1;
        self.transitions.store(transitions, Ordering::Relaxed);
    }

    pub(super) fn enter<'v>(
        &self,
        state: &'v State,
        track: &Track<'_>,
        variables: &Variables,
        input: &Document,
    ) -> Visit<'v> {
        track.enter(state.state_type());
        let entered_after = track.previous();
        let entered_id = self.event(track.previous(), || EventDetails::StateEntered {
            state_type: state.state_type(),
            name: Text::clone(&state.name),
            input: input.clone(),
        });
        track.follow(entered_id);
        let entered_time = state.uses_context.then(|| self.now(track));
        let number = track.lineage.as_ref().map_or(0, |lineage| lineage.visit(&state.name));
        Visit {
            state,
            entered_id,
            entered_time,
            retry_count: 0,
            number,
            entered_after,
            variables: variables.clone(),
            has_children: AtomicBool::new(false),
        }
    }
}
