//! HTTP APIs with payload format 2.0, and Function URLs, which use the same.

use super::http::Response;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};

/// Whether this is a request in payload format 2.0.
pub(super) fn is_event(event: &Document) -> bool {
    let is_version_2 = event.get("version").and_then(Document::as_str) == Some("2.0");
    let context = event.get("requestContext");
    is_version_2 && context.is_some_and(|context| context.get("http").is_some())
}

/// A header has one value; cookies stand apart.
pub(super) fn write(response: &Response) -> Document {
    let mut answer = Object::new();
    answer.insert("statusCode", Document::from(i64::from(response.status)));
    answer.insert("headers", response.joined_headers().into());
    if !response.cookies.is_empty() {
        let cookies = response.cookies.iter();
        let cookies: Vec<Document> = cookies.map(|cookie| Document::String(Text::clone(cookie))).collect();
        answer.insert("cookies", cookies.into());
    }
    answer.insert("body", Document::String(Text::clone(&response.body)));
    answer.insert("isBase64Encoded", response.is_base64.into());
    answer.into()
}
