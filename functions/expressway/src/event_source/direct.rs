//! An invocation without an envelope: the event is the input, the output is the answer.

use crate::handler::{Invocation, InvocationError};
use crate::identity::Caller;
use expressway_asl::Document;

pub(super) async fn handle(invocation: &Invocation<'_>, event: &Document) -> Result<String, InvocationError> {
    // Shares the event, which is not needed any more when the execution writes to its input.
    let output = invocation.execute(None, Caller::Waits, event.clone()).await?;
    Ok(output.to_json())
}
