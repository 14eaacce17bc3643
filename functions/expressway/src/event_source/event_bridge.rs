//! EventBridge: rules, Scheduler, and the buses and pipes that deliver arrays of events.
//!
//! The input of an execution is the event, its name the event's id. Nobody reads the answer, except a pipe
//! that asks for enrichment: it gets the output, or an array of outputs in the order of the events.

use super::records::{self, Record, members, text};
use crate::delivery::Source;
use crate::handler::{ANSWER_BYTES_MAX, Invocation, InvocationError};
use expressway_asl::Document;

/// Whether this is an event of EventBridge.
pub(super) fn is_event(event: &Document) -> bool {
    let is_text = |key| event.get(key).is_some_and(|value| value.as_str().is_some());
    is_text("detail-type") && is_text("source") && event.get("detail").is_some()
}

pub(super) async fn handle(invocation: &Invocation<'_>, event: &Document) -> Result<String, InvocationError> {
    let output = records::execute(invocation, &record(event)).await?;
    Ok(invocation.resolved(output, ANSWER_BYTES_MAX).await?.to_json())
}

pub(super) fn record(event: &Document) -> Record {
    let id = text(event, &["id"]);
    Record {
        source: Source::EventBridge,
        id: id.map(Into::into),
        key: id.map(str::to_owned),
        order: None,
        fingerprint: members(Some(event), &FINGERPRINT),
        document: event.clone(),
    }
}

/// An archive's replay adds its name, and has another time.
const FINGERPRINT: [&str; 3] = ["source", "detail-type", "detail"];
