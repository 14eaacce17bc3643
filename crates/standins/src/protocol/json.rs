//! JSON in the body of a POST, the operation in the header `x-amz-target`.

use super::{Answer, AwsError, Request, answer, header, set_header};
use expressway_asl::Document;

/// The operation that a request asks for, such as `SendMessage`.
pub(crate) fn action(request: &Request) -> &str {
    let target = header(request, "x-amz-target").unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

pub(crate) fn input(request: &Request) -> Result<Document, AwsError> {
    let text = str::from_utf8(request.body()).unwrap_or_default();
    Document::parse(text).map_err(|error| AwsError::new("SerializationException", error.to_string()))
}

/// The answer to a request of this content type.
pub(crate) fn respond(request: &Request, result: Result<Document, AwsError>) -> Answer {
    let content_type = match header(request, "content-type") {
        Some("application/x-amz-json-1.1") => "application/x-amz-json-1.1",
        _ => "application/x-amz-json-1.0",
    };
    match result {
        Ok(output) => answer(200, content_type, output.to_json()),
        Err(error) => {
            let mut body = error.more;
            body.insert("__type", error.code.as_str().into());
            body.insert("message", error.message.as_str().into());
            let mut answer = answer(error.status, content_type, Document::from(body).to_json());
            if let Some(code) = error.query_code {
                set_header(&mut answer, "x-amzn-query-error", &format!("{code};Sender"));
            }
            answer
        }
    }
}
