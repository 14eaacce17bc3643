//! Requests and answers in the types of the runtime.

use super::CallOutput;
use super::error::ServiceError;
use crate::model::{Location, Operation, Service, Shape};
use crate::quirks;
use crate::request::Request;
use crate::response::Response;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use expressway_asl::Document;
use expressway_asl::document::Text;
use std::borrow::Cow;

/// What a call gives, on its way through the runtime.
#[derive(Debug)]
pub(super) struct Answer(pub(super) CallOutput);

/// What Step Functions makes of a parameter that the SDKs stream, such as the body of an S3 object: the JSON text
/// of the value, quotes included, said to be plain text.
///
/// # Source
/// Recorded: S3 PutObject of a string, an object, an array, a number and a truth value.
pub(super) fn stream_as_text<'p>(
    service: &Service,
    operation: &Operation,
    parameters: &'p Document,
) -> Cow<'p, Document> {
    let input = service.input(operation);
    let payload = input
        .and_then(|input| input.payload())
        .filter(|payload| payload.streaming || matches!(service.shape(payload.shape), Shape::Blob { streaming: true }));
    let (Some(input), Some(payload), Document::Object(object)) = (input, payload, parameters) else {
        return Cow::Borrowed(parameters);
    };
    let is_payload = |key: &str| *payload.key == *key || *payload.name == *key;
    let given = object.iter().find(|(key, value)| is_payload(key) && !value.is_null());
    let Some((key, value)) = given else {
        return Cow::Borrowed(parameters);
    };
    let mut object = object.clone();
    object.insert(key.clone(), value.to_json().into());
    let is_content_type = |name: &Text| name.eq_ignore_ascii_case("content-type");
    let mut headers = input
        .members
        .iter()
        .filter(|member| member.location == Location::Header);
    if let Some(member) = headers.find(|member| is_content_type(&member.wire_name)) {
        let is_set = |key: &Text| object.get(key).is_some_and(|value| !value.is_null());
        if !is_set(&member.key) && !is_set(&member.name) {
            object.insert(member.key.clone(), "text/plain; charset=UTF-8".into());
        }
    }
    Cow::Owned(object.into())
}

pub(super) fn to_http(request: &Request) -> Result<HttpRequest, BoxError> {
    let mut http = HttpRequest::new(SdkBody::from(request.body.clone()));
    http.set_method(&request.method)?;
    http.set_uri(request.uri())?;
    for (name, value) in &request.headers {
        http.headers_mut()
            .try_append(name.to_ascii_lowercase(), value.clone())?;
    }
    let has_body = !request.body.is_empty() || matches!(&*request.method, "POST" | "PUT" | "PATCH");
    if has_body && request.header("content-length").is_none() {
        http.headers_mut()
            .try_insert("content-length", request.body.len().to_string())?;
    }
    Ok(http)
}

pub(super) fn from_http(
    service: &Service,
    operation: &Operation,
    http: &HttpResponse,
) -> Result<Answer, OrchestratorError<ServiceError>> {
    let headers: Vec<(&str, &str)> = http.headers().iter().collect();
    let response = Response {
        status: http.status().as_u16(),
        headers: &headers,
        body: http.body().bytes().unwrap_or_default(),
    };
    if response.is_error(service, operation) {
        let error = response.error(service, operation);
        return Err(OrchestratorError::operation(ServiceError::new(error)));
    }
    let result = response.result(service, operation).map_err(OrchestratorError::other)?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(Answer(CallOutput {
        result: quirks::adapt_result(service, result),
        status: response.status,
        headers: headers.into_iter().map(owned).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_json_text() {
        let service = Service::find("s3").unwrap();
        let operation = service.operation("putObject").unwrap();
        for (body, text) in [
            (r#""text data""#, r#""text data""#),
            (r#"{"Dict": "Value"}"#, r#"{"Dict":"Value"}"#),
            ("[1, true]", "[1,true]"),
        ] {
            let parameters = format!(r#"{{"Bucket": "b", "Key": "k", "Body": {body}}}"#);
            let parameters = Document::parse(&parameters).unwrap();
            let prepared = stream_as_text(service, operation, &parameters);
            let request = Request::new(service, operation, &prepared, None).unwrap();
            assert_eq!(String::from_utf8(request.body.clone()).unwrap(), text);
            assert_eq!(request.header("content-type"), Some("text/plain; charset=UTF-8"));
        }
    }

    #[test]
    fn other_parameters_stay_as_they_are() {
        let service = Service::find("lambda").unwrap();
        let operation = service.operation("invoke").unwrap();
        let parameters = Document::parse(r#"{"FunctionName": "f", "Payload": "text"}"#).unwrap();
        assert!(matches!(
            stream_as_text(service, operation, &parameters),
            Cow::Borrowed(_)
        ));
    }
}
