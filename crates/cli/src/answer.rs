//! The answer of `expressway run --format json`: that of StartSyncExecution.

use expressway_asl::Document;
use expressway_asl::document::{Number, Object, Text};
use expressway_engine::{Execution, Identity, Outcome};
use std::time::{Duration, SystemTime};

/// An execution that Ctrl-C ended.
pub(crate) struct Aborted {
    pub(crate) started: SystemTime,
    pub(crate) stopped: SystemTime,
}

/// The error name of an execution that a mistake of ours ended, as the function reports it.
pub(crate) const INTERNAL_ERROR: &str = "Expressway.InternalError";

/// Answers for an execution of this input; an error stands for one that was aborted.
pub(crate) fn answer(identity: &Identity, input: &Document, ended: Result<&Execution, &Aborted>) -> Document {
    let (started, stopped, status) = match ended {
        Ok(execution) => (execution.started, execution.stopped, execution.outcome.status()),
        Err(aborted) => (aborted.started, aborted.stopped, "ABORTED"),
    };
    let text = |text: &Text| Document::String(Text::clone(text));
    let included = || Document::object([("included", Document::Bool(true))]);
    let mut answer: Object = [
        ("executionArn", text(&identity.execution_arn)),
        ("stateMachineArn", text(&identity.state_machine_arn)),
        ("name", text(&identity.execution_name)),
        ("startDate", epoch_seconds(started)),
        ("stopDate", epoch_seconds(stopped)),
        ("status", status.into()),
        ("input", input.to_json().into()),
        ("inputDetails", included()),
    ]
    .into_iter()
    .collect();
    match ended.map(|execution| &execution.outcome) {
        Ok(Outcome::Succeeded(output)) => answer.insert("output", output.to_json().into()),
        Ok(Outcome::Failed(error)) => {
            if let Some(name) = &error.name {
                answer.insert("error", name.as_str().into());
            }
            if let Some(cause) = &error.cause {
                answer.insert("cause", text(cause));
            }
        }
        Ok(Outcome::Faulted(fault)) => {
            answer.insert("error", INTERNAL_ERROR.into());
            answer.insert("cause", fault.to_string().into());
        }
        // Recorded: an execution over its time has a status and no error (localstack/localstack#2782).
        Ok(Outcome::TimedOut | Outcome::Interrupted) | Err(_) => {}
    }
    answer.insert("outputDetails", included());
    answer.insert(
        "billingDetails",
        billing(stopped.duration_since(started).unwrap_or_default()),
    );
    answer.into()
}

/// What Express would bill at the least: time in steps of 100 ms, memory in steps of 64 MB.
fn billing(duration: Duration) -> Document {
    let steps = duration.as_millis().div_ceil(100).max(1);
    Document::object([
        ("billedMemoryUsedInMB", Document::from(64)),
        (
            "billedDurationInMilliseconds",
            Document::from(i64::try_from(steps * 100).unwrap_or(i64::MAX)),
        ),
    ])
}

fn epoch_seconds(time: SystemTime) -> Document {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = Number::from_f64(since_epoch.as_millis() as f64 / 1000.0);
    seconds.map_or(Document::Null, Document::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expressway_engine::StateError;

    #[test]
    fn answers_have_the_members_of_their_status() {
        let identity = crate::identity::anonymous("orders");
        let started = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        for (outcome, expected) in [
            (
                Outcome::Succeeded(Document::from(7)),
                r#""status":"SUCCEEDED","input":"{}","inputDetails":{"included":true},"output":"7","outputDetails":{"included":true},"billingDetails":{"billedMemoryUsedInMB":64,"billedDurationInMilliseconds":300}}"#,
            ),
            (
                Outcome::Failed(StateError::new("E", "c")),
                r#""status":"FAILED","input":"{}","inputDetails":{"included":true},"error":"E","cause":"c","outputDetails"#,
            ),
            (
                Outcome::TimedOut,
                r#""status":"TIMED_OUT","input":"{}","inputDetails":{"included":true},"outputDetails"#,
            ),
        ] {
            let execution = Execution {
                outcome,
                started,
                stopped: started + Duration::from_millis(201),
                transitions: 3,
            };
            let input = Object::new().into();
            let text = answer(&identity, &input, Ok(&execution)).to_json();
            assert!(text.contains(r#""startDate":1.5,"stopDate":1.701,"#), "{text}");
            assert!(text.contains(expected), "{text}");
        }
    }
}
