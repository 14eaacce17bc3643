//! WebSocket APIs: the whole event is the input, and the output is the answer.
//!
//! What counts in an event is not its body alone, but which connection it came by, and whether that opens or closes.
//! API Gateway takes `{"statusCode": 200}` for consent to `$connect`, and an error for a refusal.

use super::records::text;
use expressway_asl::Document;

/// Whether this is an event of a WebSocket API; some samples look like requests of a REST API besides.
pub(super) fn is_event(event: &Document) -> bool {
    let has = |member| text(event, &["requestContext", member]).is_some();
    has("connectionId") && has("eventType")
}
