//! Waits and retries that last longer than the execution may.

#![warn(clippy::arithmetic_side_effects)]

use super::Linter;
use crate::compile::place::Place;
use crate::diagnostic::Code;
use crate::error_name::ErrorName;
use crate::program::{Count, Retrier, State, StateKind, Wait};
use std::time::Duration;

impl Linter {
    pub(super) fn wait_in_time(&mut self, place: &Place<'_>, wait: &Wait) {
        if let Wait::Seconds(seconds) = wait
            && Duration::from_secs(*seconds) >= self.time_max
            && let Some(field) = place.member("Seconds")
        {
            let limit = self.time_max.as_secs();
            self.findings.warn(
                &field,
                Code::TimeLimit,
                format!("The execution ends after {limit} s, before this wait of {seconds} s"),
                LIMIT_HELP,
            );
        }
    }

    /// Warns about retries that can not begin before the execution ends.
    pub(super) fn retries_in_time(&mut self, place: &Place<'_>, state: &State) {
        let Some(retry) = place.member("Retry") else {
            return;
        };
        for (entry, retrier) in retry.items().into_iter().flatten().zip(&state.retry) {
            let Some((possible, after)) = first_late_retry(retrier, attempt_time(state, retrier), self.time_max) else {
                continue;
            };
            let limit = self.time_max.as_secs();
            let message = format!(
                "Retry {} of {} would begin after {} s at the earliest, but the execution ends after {limit} s",
                possible.saturating_add(1),
                retrier.max_attempts,
                after.as_secs_f64().ceil(),
            );
            let help = match possible {
                0 => "shorten IntervalSeconds".to_owned(),
                possible => format!(
                    "at most {possible} can begin: lower MaxAttempts, IntervalSeconds or BackoffRate, or set \
                     MaxDelaySeconds"
                ),
            };
            match entry.member("MaxAttempts") {
                Some(attempts) => self.findings.warn(&attempts, Code::TimeLimit, message, help),
                None => self.findings.warn(&entry, Code::TimeLimit, message, help),
            }
        }
    }
}

const LIMIT_HELP: &str = "the limit is the definition's TimeoutSeconds, or the 300 s of Express workflows";

/// How long a failed attempt takes at least: until it times out, if the retrier is about nothing else.
fn attempt_time(state: &State, retrier: &Retrier) -> Duration {
    let is_timeout = |name: &ErrorName| matches!(name, ErrorName::Timeout);
    match &state.kind {
        // With a heartbeat it may fail sooner.
        StateKind::Task(task) if task.heartbeat.is_none() && retrier.errors.names().iter().all(is_timeout) => {
            match &task.timeout {
                Some(Count::Literal(seconds)) => Duration::from_secs(*seconds),
                _ => Duration::ZERO,
            }
        }
        _ => Duration::ZERO,
    }
}

/// How many retries can begin before `time_max`, and when the next one would; none if all can.
///
/// With jitter an interval is half as long on average.
fn first_late_retry(retrier: &Retrier, attempt_time: Duration, time_max: Duration) -> Option<(u64, Duration)> {
    let mut begins = Duration::ZERO;
    for retry in 0..retrier.max_attempts {
        let delay = retrier.delay(retry);
        let delay = if retrier.full_jitter {
            delay.checked_div(2).unwrap_or_default()
        } else {
            delay
        };
        begins = begins.saturating_add(attempt_time).saturating_add(delay);
        if begins >= time_max {
            return Some((retry, begins));
        }
    }
    None
}
