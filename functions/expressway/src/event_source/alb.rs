//! Application Load Balancers.
//!
//! A target group either has multi-value headers switched on, and then knows nothing else, or knows single
//! values only. In the latter case a response can carry one cookie; the last one wins.

use super::http::Response;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use http::StatusCode;

/// Whether this is a request of a load balancer, and if so, whether it has multi-value headers.
pub(super) fn is_event(event: &Document) -> Option<bool> {
    event.get("requestContext")?.get("elb")?;
    Some(event.get("multiValueHeaders").is_some())
}

pub(super) fn write(response: &Response, is_multi_value: bool) -> Document {
    let status = response.status;
    let description = response.status_description.clone().unwrap_or_else(|| {
        let status_code = StatusCode::from_u16(status).ok();
        let reason = status_code.and_then(|status| status.canonical_reason());
        format!("{status} {}", reason.unwrap_or("Unknown")).into()
    });
    let mut answer = Object::new();
    answer.insert("statusCode", Document::from(i64::from(status)));
    answer.insert("statusDescription", Document::String(description));
    if is_multi_value {
        answer.insert("multiValueHeaders", response.listed_headers().into());
    } else {
        let mut headers = response.joined_headers();
        if let Some(cookie) = response.cookies.last() {
            headers.insert("set-cookie", Document::String(Text::clone(cookie)));
        }
        answer.insert("headers", headers.into());
    }
    answer.insert("body", Document::String(Text::clone(&response.body)));
    answer.insert("isBase64Encoded", response.is_base64.into());
    answer.into()
}
