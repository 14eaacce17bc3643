//! REST APIs, and HTTP APIs with payload format 1.0.

use super::http::Response;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};

/// Whether this is a request in payload format 1.0.
pub(super) fn is_event(event: &Document) -> bool {
    let has_context = event
        .get("requestContext")
        .is_some_and(|context| context.get("stage").is_some() || context.get("resourceId").is_some());
    event.get("httpMethod").is_some() && event.get("resource").is_some() && has_context
}

/// Headers with several values go to `multiValueHeaders`; API Gateway puts both together.
pub(super) fn write(response: &Response) -> Document {
    let mut single = Object::new();
    let mut multiple = Object::new();
    for (name, values) in response.listed_headers().iter() {
        let values = values.as_array().map(|values| &values[..]).unwrap_or_default();
        match values {
            [value] => single.insert(Text::clone(name), value.clone()),
            values => multiple.insert(Text::clone(name), values.to_vec().into()),
        }
    }
    let mut answer = Object::new();
    answer.insert("statusCode", Document::from(i64::from(response.status)));
    answer.insert("headers", single.into());
    if !multiple.is_empty() {
        answer.insert("multiValueHeaders", multiple.into());
    }
    answer.insert("body", Document::String(Text::clone(&response.body)));
    answer.insert("isBase64Encoded", response.is_base64.into());
    answer.into()
}
