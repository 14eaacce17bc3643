//! EventBridge: rules, Scheduler, and the buses and pipes that deliver arrays of events.
//!
//! The input of an execution is the event, its name the event's id. Nobody reads the answer, except a pipe
//! that asks for enrichment: it gets the output, or an array of outputs in the order of the events.

use crate::delivery::{Delivery, Failure, Source};
use crate::handler::{ANSWER_BYTES_MAX, Invocation, InvocationError};
use expressway_asl::Document;
use expressway_asl::document::Text;
use futures_util::{StreamExt, stream};

/// Whether this is an event of EventBridge.
pub(super) fn is_event(event: &Document) -> bool {
    let is_text = |key| event.get(key).is_some_and(|value| value.as_str().is_some());
    is_text("detail-type") && is_text("source") && event.get("detail").is_some()
}

pub(super) async fn handle(invocation: &Invocation<'_>, event: &Document) -> Result<String, InvocationError> {
    let output = execute(invocation, event.clone()).await?;
    Ok(invocation.resolved(output, ANSWER_BYTES_MAX).await?.to_json())
}

/// Runs one execution per event. All of them run, also when one fails: the array is delivered again as a
/// whole, and an event that always fails must not keep the others from being handled.
pub(super) async fn handle_array(invocation: &Invocation<'_>, events: &[Document]) -> Result<String, InvocationError> {
    let concurrency = invocation.handler.configuration.batch_concurrency;
    let executions = stream::iter(events.to_vec()).map(|event| execute(invocation, event));
    let results: Vec<Result<Document, Failure>> = executions.buffered(concurrency).collect().await;
    let failed = results.iter().filter(|result| result.is_err()).count();
    let outputs: Result<Vec<Document>, Failure> = results.into_iter().collect();
    match outputs {
        Ok(outputs) => {
            let outputs = Document::from(outputs);
            Ok(invocation.resolved(outputs, ANSWER_BYTES_MAX).await?.to_json())
        }
        Err(first) => {
            let error = InvocationError::from(first);
            let message = match failed {
                1 => error.message,
                _ => format!(
                    "{failed} of {} executions failed, the first: {}",
                    events.len(),
                    error.message
                ),
            };
            Err(InvocationError { message, ..error })
        }
    }
}

async fn execute(invocation: &Invocation<'_>, event: Document) -> Result<Document, Failure> {
    let id = match event.get("id") {
        Some(Document::String(id)) => Some(Text::clone(id)),
        _ => None,
    };
    let delivery = Delivery {
        source: Source::EventBridge,
        source_id: id.as_deref(),
        caller: None,
        is_synchronous: false,
        input: event.clone(),
        key: id.as_deref(),
        fingerprint: fingerprint(&event),
        event: &|| event.clone(),
        is_failure: |_| false,
    };
    Ok(invocation.execute(delivery).await?.output)
}

/// What deliveries of an event have in common: an archive's replay adds its name, and has another time.
fn fingerprint(event: &Document) -> Document {
    let members = ["source", "detail-type", "detail"].into_iter();
    let members = members.filter_map(|name| Some((name, event.get(name)?.clone())));
    Document::Object(members.collect())
}
