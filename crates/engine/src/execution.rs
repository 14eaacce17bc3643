//! What goes into a run and what comes out.

#![warn(clippy::arithmetic_side_effects)]

use crate::{Fault, StateError};
use expressway_asl::Document;
use expressway_asl::document::Text;
use std::time::SystemTime;

/// One execution to run.
#[derive(Clone, Debug)]
pub struct ExecutionRequest {
    /// The execution's input.
    pub input: Document,
    /// Who the execution is, for the context object and the history.
    pub identity: Identity,
    /// When the surroundings end the run, if they do: Lambda's own deadline, less a reserve to answer.
    pub deadline: Option<SystemTime>,
    /// What a later run of the same execution needs to take the same way; without it nothing is repeatable.
    pub replay: Option<Replay>,
}

/// What makes a run repeatable: given the same, a later run of an execution draws the same random bits and gives
/// its tasks the same tokens.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What tokens and random bits derive from: the digest of the execution's key.
    pub seed: [u8; 32],
    /// When the execution started first: its `StartTime`.
    pub started: SystemTime,
    /// What its `TimeoutSeconds` counts from: its start, or that of the try which this run continues.
    pub timeout_from: SystemTime,
    /// The time that expressions and waits go by.
    pub time: ReplayTime,
}

/// The time that expressions and waits of a repeatable run go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayTime {
    /// The clock's, as in any other run.
    Actual,
    /// That of the last thing on record: the start, the end of a task attempt (which [`TaskRunner::ended`] tells),
    /// the end of a wait. A later run that is told the same ends sees the same times; what it has waited for
    /// before, it does not wait for again.
    ///
    /// [`TaskRunner::ended`]: crate::TaskRunner::ended
    Recorded,
}

/// Who an execution is. The context object shows it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// ARN of the execution.
    pub execution_arn: Text,
    /// Name of the execution.
    pub execution_name: Text,
    /// ARN of the state machine.
    pub state_machine_arn: Text,
    /// Name of the state machine.
    pub state_machine_name: Text,
    /// The role that the execution runs under, if known.
    pub role_arn: Option<Text>,
    /// The region, for history events.
    pub region: Text,
    /// `RedriveCount` of the context object: 0 for asynchronous executions, absent for synchronous ones.
    pub redrive_count: Option<i64>,
}

impl Identity {
    /// The longest name of an execution or a state machine, in characters.
    pub const NAME_CHARACTERS_MAX: usize = 80;

    /// Whether Step Functions takes this as the name of an execution or a state machine.
    ///
    /// # Source
    /// "Name" of `StartExecution` in the Step Functions API reference.
    pub fn is_name(name: &str) -> bool {
        (1..=Identity::NAME_CHARACTERS_MAX).contains(&name.chars().count())
            && name.chars().all(Identity::is_name_character)
    }

    /// Whether a name may have this character.
    pub fn is_name_character(character: char) -> bool {
        const FORBIDDEN: &str = "?*<>{}[]\"#%\\^|~`$&,;:/";
        !character.is_whitespace() && !character.is_control() && !FORBIDDEN.contains(character)
    }
}

/// One execution that has ended.
#[derive(Clone, Debug)]
pub struct Execution {
    /// How it ended.
    pub outcome: Outcome,
    /// When it started.
    pub started: SystemTime,
    /// When it ended.
    pub stopped: SystemTime,
    /// How many states were entered.
    pub transitions: u64,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With this output.
    Succeeded(Document),
    /// With an error that nothing caught.
    Failed(StateError),
    /// Not in the time that its definition or the service's limit gives it.
    TimedOut,
    /// Not before the deadline of its surroundings; with more time it could go on.
    Interrupted,
    /// By a mistake of ours. The event must go back to its source.
    Faulted(Fault),
}

impl Outcome {
    /// The status as Step Functions names it: `SUCCEEDED`, `FAILED` or `TIMED_OUT`.
    pub fn status(&self) -> &'static str {
        match self {
            Outcome::Succeeded(_) => "SUCCEEDED",
            Outcome::Failed(_) | Outcome::Faulted(_) => "FAILED",
            Outcome::TimedOut | Outcome::Interrupted => "TIMED_OUT",
        }
    }
}
