//! An invocation without an envelope: the event is the input, the output is the answer.

use crate::delivery::{Delivery, Source};
use crate::handler::{ANSWER_BYTES_MAX, Invocation, InvocationError};
use expressway_asl::Document;

pub(super) async fn handle(invocation: &Invocation<'_>, event: &Document) -> Result<String, InvocationError> {
    let delivery = Delivery {
        source: Source::Direct,
        source_id: None,
        caller: None,
        is_synchronous: true,
        // Shares the event, which is not needed any more when the execution writes to its input.
        input: event.clone(),
        // Lambda keeps the id when it tries an asynchronous invocation again.
        key: Some(invocation.request_id()),
        fingerprint: event.clone(),
        event: &|| event.clone(),
        is_failure: |_| false,
    };
    let output = invocation.execute(delivery).await?.output;
    Ok(invocation.resolved(output, ANSWER_BYTES_MAX).await?.to_json())
}
