//! Lambda authorizers of API Gateway: requests that ask for a decision, not for a response.
//!
//! They look like the requests that they are about, but the answer is the bare output, a policy or
//! `{"isAuthorized": true}`. A failed execution fails the invocation, which denies the request.

use super::records::text;
use expressway_asl::Document;

/// Whether an authorizer is asked: of a REST or WebSocket API, or of an HTTP API in either format.
pub(super) fn is_event(event: &Document) -> bool {
    let is_type = matches!(text(event, &["type"]), Some("REQUEST" | "TOKEN"));
    is_type
        && ["methodArn", "routeArn"]
            .iter()
            .any(|arn| text(event, &[arn]).is_some())
}
