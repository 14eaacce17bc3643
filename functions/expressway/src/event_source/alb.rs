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
    Some(event.get("multiValueHeaders").is_some_and(|headers| !headers.is_null()))
}

pub(super) fn write(response: &Response, is_multi_value: bool) -> Document {
    let status = response.status;
    let mut answer = Object::new();
    answer.insert("statusCode", Document::from(i64::from(status)));
    answer.insert(
        "statusDescription",
        description(status, response.status_description.as_deref()).into(),
    );
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

/// `200 OK`: load balancers refuse a description without the status.
fn description(status: u16, own: Option<&str>) -> String {
    let is_code = |word: &str| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    let own = own.unwrap_or_default().trim();
    let reason = match own.split_once(' ') {
        Some((code, reason)) if is_code(code) => reason.trim(),
        None if is_code(own) => "",
        _ => own,
    };
    let status_code = StatusCode::from_u16(status).ok();
    let canonical = status_code.and_then(|status| status.canonical_reason());
    let reason = Some(reason).filter(|reason| !reason.is_empty()).or(canonical);
    format!("{status} {}", reason.unwrap_or("Unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_begins_with_the_status() {
        for (status, own, expected) in [
            (200, None, "200 OK"),
            (200, Some("OK"), "200 OK"),
            (200, Some(""), "200 OK"),
            (200, Some("200"), "200 OK"),
            (200, Some(" 200 Fine "), "200 Fine"),
            (404, Some("200 OK"), "404 OK"),
            (404, Some("no such order"), "404 no such order"),
            (299, None, "299 Unknown"),
        ] {
            assert_eq!(description(status, own), expected, "{own:?}");
        }
    }
}
