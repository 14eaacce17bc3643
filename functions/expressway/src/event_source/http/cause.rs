//! What a caller learns of a failure: the world reads it, and the cause of an error may hold what is not for the world.

use crate::config::HttpCause;
use crate::delivery::{Failure, FailureKind};
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};

/// A failure as HTTP callers see it.
pub(super) fn shown(failure: Failure, setting: HttpCause) -> Failure {
    let cause = match (setting, failure.kind) {
        (HttpCause::Full, _) => return failure,
        (HttpCause::None, _) => None,
        // These are written for callers.
        (HttpCause::Message, FailureKind::Refused | FailureKind::Postponed) => return failure,
        (HttpCause::Message, FailureKind::Execution) => {
            let error = failure.error.as_deref().unwrap_or_default();
            failure.cause.as_deref().and_then(|cause| message(error, cause))
        }
    };
    Failure { cause, ..failure }
}

/// The part of an execution's cause that tells what happened, without where in the code and with which data.
fn message(error: &str, cause: &str) -> Option<Text> {
    /// What the description of a failed job or task is the cause of.
    const TASK_FAILED: &str = "States.TaskFailed";
    let is_reserved = error.starts_with("States.") && error != TASK_FAILED;
    if is_reserved {
        return without_data(cause).map(Text::from);
    }
    let start = cause.trim_start();
    if !start.starts_with(['{', '[']) {
        return without_frames(cause);
    }
    // One that was cut to fit a record is not JSON any more.
    let document = Document::parse(cause).ok()?;
    match document.get("errorMessage") {
        Some(Document::String(message)) => without_frames(message),
        Some(Document::Null) => None,
        Some(message) => Some(without_stack_traces(message).to_json().into()),
        None if error == TASK_FAILED => None,
        None => Some(without_stack_traces(&document).to_json().into()),
    }
}

/// What Step Functions' own errors say before they quote input, results or definitions.
fn without_data(cause: &str) -> Option<&str> {
    const WHERE: &str = "An error occurred while executing the state '";
    if cause.starts_with(WHERE) {
        let (place, _) = cause.split_once("). ")?;
        return cause.get(..place.len() + 2);
    }
    let quotes = ['\'', '"', '`', '{', '['];
    (!cause.contains(quotes)).then_some(cause)
}

/// A text up to where it lists the calls that led to the error.
fn without_frames(text: &str) -> Option<Text> {
    let is_frame = |line: &str| {
        let rest = line.trim_start();
        line.starts_with("Traceback (")
            || rest.len() < line.len() && (rest.starts_with("at ") || rest.starts_with("File \""))
    };
    if !text.lines().any(is_frame) {
        return Some(text.into());
    }
    let lines: Vec<&str> = text.lines().take_while(|line| !is_frame(line)).collect();
    (!lines.is_empty()).then(|| lines.join("\n").into())
}

/// A value without members that hold stack traces, at any depth.
fn without_stack_traces(value: &Document) -> Document {
    match value {
        Document::Object(object) => {
            let members = object
                .iter()
                .filter(|(name, _)| !["stackTrace", "trace"].contains(&&***name));
            let members = members.map(|(name, value)| (Text::clone(name), without_stack_traces(value)));
            members.collect::<Object>().into()
        }
        Document::Array(items) => items.iter().map(without_stack_traces).collect::<Vec<_>>().into(),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_learn_what_happened_and_not_where_or_with_which_data() {
        let python = r#"{"errorMessage":"no order","errorType":"KeyError","stackTrace":["app.py, line 12"]}"#;
        let java = r#"{"errorMessage":"no order","cause":{"errorMessage":"x","stackTrace":["a"]}}"#;
        let node = r#"{"errorType":"Error","errorMessage":"no order","trace":["Error: no order"]}"#;
        for (error, cause, expected) in [
            ("OrderInvalid", "no items", Some("no items")),
            ("OrderInvalid", "it's `7`", Some("it's `7`")),
            ("KeyError", python, Some("no order")),
            ("java.lang.Exception", java, Some("no order")),
            ("Error", node, Some("no order")),
            ("States.TaskFailed", python, Some("no order")),
            ("Error", r#"{"errorMessage":null,"stackTrace":["a"]}"#, None),
            ("Error", r#"{"errorMessage":{"a":1,"trace":[]}}"#, Some(r#"{"a":1}"#)),
            // Cut to fit a record.
            ("KeyError", r#"{"errorMessage":"no order","stackTrace":["app."#, None),
            // An own cause.
            (
                "OrderInvalid",
                r#"{"field":"items","list":[{"trace":1}]}"#,
                Some(r#"{"field":"items","list":[{}]}"#),
            ),
            ("OrderInvalid", r#"["items"]"#, Some(r#"["items"]"#)),
            (
                "States.TaskFailed",
                r#"{"TaskArn":"arn:aws:ecs:...","Overrides":{"Password":"p"}}"#,
                None,
            ),
            ("States.TaskFailed", "Lambda said no", Some("Lambda said no")),
            (
                "States.Runtime",
                "An error occurred while executing the state 'A' (entered at the event id #2). The JSONPath '$.a' \
                 specified for the field 'value.$' could not be found in the input '{\"password\":\"p\"}'",
                Some("An error occurred while executing the state 'A' (entered at the event id #2)."),
            ),
            ("States.IntrinsicFailure", "cannot parse 'secret'", None),
            ("States.Http.StatusCode.401", r#"{"ResponseBody":"token"}"#, None),
            ("States.BranchFailed", "a branch failed", Some("a branch failed")),
            (
                "Error",
                "no order\n    at handler (/var/task/app.js:3:9)\n    at run",
                Some("no order"),
            ),
            ("Error", "Traceback (most recent call last):\n  File \"a.py\"", None),
            ("Error", "two\nlines at once", Some("two\nlines at once")),
        ] {
            assert_eq!(message(error, cause).as_deref(), expected, "{error}: {cause}");
        }
    }

    #[test]
    fn what_is_shown_is_configured() {
        let of = |kind| Failure {
            kind,
            ..Failure::refused("KeyError", r#"{"errorMessage":"a","stackTrace":[]}"#)
        };
        let full = r#"{"errorMessage":"a","stackTrace":[]}"#;
        for (setting, kind, expected) in [
            (HttpCause::Message, FailureKind::Execution, Some("a")),
            (HttpCause::Message, FailureKind::Refused, Some(full)),
            (HttpCause::Message, FailureKind::Postponed, Some(full)),
            (HttpCause::None, FailureKind::Execution, None),
            (HttpCause::None, FailureKind::Refused, None),
            (HttpCause::Full, FailureKind::Execution, Some(full)),
        ] {
            let shown = shown(of(kind), setting);
            assert_eq!(shown.cause.as_deref(), expected, "{setting:?} {kind:?}");
            assert_eq!(shown.error.as_deref(), Some("KeyError"));
        }
    }
}
