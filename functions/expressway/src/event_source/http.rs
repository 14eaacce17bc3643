//! What all HTTP sources have in common: a request in, a response out.
//!
//! The input is the parsed body, `{}` if there is none; a body that is not JSON is refused. Or it is the whole event
//! (`EXPRESSWAY_HTTP_INPUT=event`), which also tells path, query and headers.
//!
//! HEAD, OPTIONS, TRACE and CONNECT run no execution, unless `EXPRESSWAY_HTTP_METHODS` has them: OPTIONS is answered
//! with 204, the others with 405, all with `Allow`. A preflight request of CORS gets no permission that way; that is up
//! to the API's own CORS settings, or to a workflow. Health checks of a load balancer, or of `EXPRESSWAY_HEALTH_PATH`,
//! get 200.
//!
//! The response is the output as JSON with status 200. An output with `statusCode` and some of `statusDescription`,
//! `headers`, `multiValueHeaders`, `cookies`, `body`, `isBase64Encoded` is a response itself, and other members are
//! dropped; so is one with `statusCode` alone. `EXPRESSWAY_HTTP_RESPONSE=output` switches that off: where the caller can
//! choose what the output is, as in an echo, the caller chooses headers too.
//!
//! A failed execution gives `{"error": ..., "cause": ...}`. Of the cause callers see the message: `errorMessage` of a
//! Lambda function's error, the cause of a Fail state; no stack trace, no description of a failed job, and of errors of
//! the language no data (`EXPRESSWAY_HTTP_CAUSE`). The status is what `EXPRESSWAY_HTTP_ERRORS` has for the error, else:
//!
//! | error | status |
//! | --- | --- |
//! | the body is not JSON; there is no idempotency key where one is asked for | 400 |
//! | the method runs no execution | 405 |
//! | an execution with the same idempotency key runs (with `Retry-After`) | 409 |
//! | the input has more than 262,144 bytes, and there is no bucket | 413 |
//! | the body is compressed, or is not JSON and its content type says so | 415 |
//! | the idempotency key was used before, with another input | 422 |
//! | the output looks like a response, but is none | 502, as API Gateway does |
//! | `Lambda.TooManyRequestsException`: a function that the definition calls is throttled, the caller is not; the table of executions cannot be reached | 503 |
//! | `States.Timeout`, `States.HeartbeatTimeout`, and an execution out of time | 504 |
//! | any other, also a response that is too large for its source and cannot be a redirect | 500 |

mod body;
mod caller;
mod cause;
mod large;
mod response;
mod without_execution;

use super::{alb, api_gateway_v1, api_gateway_v2};
use crate::config::{Configuration, HttpInput, HttpResponse};
use crate::delivery::{Delivery, Failure, INTERNAL_ERROR, Source, Success};
use crate::handler::Invocation;
use crate::payloads::RESPONSE_TOO_LARGE;
use expressway_asl::Document;
use expressway_asl::document::{self, Lossy};
use expressway_asl::error_name::ErrorName;
use large::Large;
pub(super) use response::Response;

/// How a source writes requests and reads responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A REST API, or an HTTP API with payload format 1.0.
    ApiGatewayV1,
    /// An HTTP API with payload format 2.0, or a Function URL.
    ApiGatewayV2,
    /// An Application Load Balancer.
    Alb {
        /// Whether its target group has multi-value headers switched on.
        is_multi_value: bool,
    },
}

impl Format {
    fn write(self, response: &Response) -> Document {
        match self {
            Format::ApiGatewayV1 => api_gateway_v1::write(response),
            Format::ApiGatewayV2 => api_gateway_v2::write(response),
            Format::Alb { is_multi_value } => alb::write(response, is_multi_value),
        }
    }

    /// The most bytes that an answer may have: what Lambda takes, or less.
    fn answer_bytes_max(self) -> usize {
        match self {
            Format::ApiGatewayV1 | Format::ApiGatewayV2 => 6_291_556,
            Format::Alb { .. } => 1_048_576,
        }
    }
}

/// Handles a request; gives the answer as JSON text. Whatever goes wrong becomes a response: nobody would see
/// a failed invocation but as a bare 502.
pub(super) async fn handle(invocation: &Invocation<'_>, event: &Document, format: Format) -> String {
    let configuration = &invocation.handler.configuration;
    if let Some(response) = without_execution::response(event, format, configuration) {
        return write(&response, format);
    }
    let failed = |status, error: Failure| failure(status, &cause::shown(error, configuration.http_cause));
    let body = body::parse(event, configuration.event_memory_max());
    let whole = with_body(event, body.as_ref().ok().and_then(Option::as_ref));
    let response = match input(invocation, event, body) {
        Ok(input) => {
            let delivery = Delivery {
                source: Source::Http,
                source_id: None,
                caller: caller::caller(event, format),
                is_synchronous: true,
                fingerprint: fingerprint(&whole, configuration.http_input),
                input,
                key: header(event, "idempotency-key"),
                event: &|| whole.clone(),
                is_failure: match configuration.http_response {
                    HttpResponse::Own => is_failure,
                    HttpResponse::Output => |_| false,
                },
            };
            match invocation.execute(delivery).await {
                Ok(Success { output, is_replayed }) => {
                    let response = respond(invocation, event, output, format).await;
                    let response =
                        response.unwrap_or_else(|error| failed(status(configuration, error.error.as_deref()), error));
                    match is_replayed {
                        true => response.with_header(REPLAYED, "true"),
                        false => response,
                    }
                }
                Err(error) => failed(status(configuration, error.error.as_deref()), error),
            }
        }
        Err((status, error)) => {
            invocation.refused(Source::Http, None, &error);
            failed(status, error)
        }
    };
    write(&response, format)
}

/// Whether an output is a response of status 5xx.
fn is_failure(output: &Document) -> bool {
    Response::from_output(output, HttpResponse::Own).is_ok_and(|response| response.status >= 500)
}

/// The response that an output makes: itself, or what stands for it if it is too large.
async fn respond(
    invocation: &Invocation<'_>,
    event: &Document,
    output: Document,
    format: Format,
) -> Result<Response, Failure> {
    let bytes_max = format.answer_bytes_max();
    let mut output = invocation.resolved_in_part(output, bytes_max).await?;
    if let (Document::Reference(_), Some(store)) = (&output, invocation.payloads()) {
        // Only the value itself says whether it is a response.
        output = invocation.whole(store, output.clone()).await?.unwrap_or(output);
    }
    let convention = invocation.handler.configuration.http_response;
    if Response::is_response(&output, convention) && Response::has_references(&output) {
        let cause = format!("the headers of the response are too large: at most {bytes_max} bytes are allowed in all");
        invocation.problem(&cause);
        return Err(Failure::refused(RESPONSE_TOO_LARGE, cause));
    }
    let response = from_output(invocation, &output);
    // Most answers are far from the limit, and are not written twice to find out.
    let is_near = output.json_bytes() > bytes_max / 8;
    let is_too_large = output.has_references() || is_near && format.write(&response).json_bytes() > bytes_max;
    match is_too_large {
        false => Ok(response),
        true => {
            let large = Large {
                output: &output,
                response: &response,
                format,
                convention,
                is_head: method(event) == Some("HEAD"),
            };
            large.respond(invocation).await
        }
    }
}

fn from_output(invocation: &Invocation<'_>, output: &Document) -> Response {
    let configuration = &invocation.handler.configuration;
    Response::from_output(output, configuration.http_response).unwrap_or_else(|cause| {
        invocation.problem(&format!("the output cannot be a response: {cause}"));
        let error = Failure::refused("Expressway.InvalidResponse", cause);
        failure(502, &cause::shown(error, configuration.http_cause))
    })
}

/// The method of a request.
fn method(event: &Document) -> Option<&str> {
    let of_version_2 = || event.get("requestContext")?.get("http")?.get("method");
    event.get("httpMethod").or_else(of_version_2)?.as_str()
}

/// Tells a caller that the answer is that of an earlier request with the same key.
const REPLAYED: &str = "idempotency-replayed";

/// What two requests with the same key must have in common: method, path and body; and the query where the execution
/// gets to see it.
fn fingerprint(event: &Document, kind: HttpInput) -> Document {
    const ROUTE: [&str; 3] = ["httpMethod", "path", "rawPath"];
    const QUERY: [&str; 3] = [
        "rawQueryString",
        "queryStringParameters",
        "multiValueQueryStringParameters",
    ];
    let context = event.get("requestContext");
    let method = context.and_then(|context| context.get("http")?.get("method"));
    let query: &[&str] = match kind {
        HttpInput::Body => &[],
        HttpInput::Event => &QUERY,
    };
    let members = ROUTE.iter().chain(query).chain(&["body"]);
    let members = members.filter_map(|name| Some((*name, event.get(name)?.clone())));
    Document::Object(members.chain(method.map(|method| ("method", method.clone()))).collect())
}

/// The event, with its body as JSON if it is.
fn with_body(event: &Document, body: Option<&Lossy>) -> Document {
    match (event, body) {
        (Document::Object(members), Some(body)) => {
            let mut members = members.clone();
            members.insert("body", body.document.clone());
            members.into()
        }
        _ => event.clone(),
    }
}

/// A response as JSON text, or one that says that it is too large.
fn write(response: &Response, format: Format) -> String {
    let answer = format.write(response).to_json();
    let (bytes, bytes_max) = (answer.len(), format.answer_bytes_max());
    if bytes <= bytes_max {
        return answer;
    }
    let cause = format!("the response has {bytes} bytes, at most {bytes_max} are allowed");
    let response = failure(500, &Failure::refused(RESPONSE_TOO_LARGE, cause));
    format.write(&response).to_json()
}

/// The input that a request with this body gives an execution, or the status and error to answer instead.
fn input(
    invocation: &Invocation<'_>,
    event: &Document,
    body: Result<Option<Lossy>, (u16, Failure)>,
) -> Result<Document, (u16, Failure)> {
    let input = match invocation.handler.configuration.http_input {
        // Shares the event.
        HttpInput::Event => event.clone(),
        HttpInput::Body => match body? {
            None => Document::Object(document::Object::new()),
            Some(body) => {
                if body.is_repaired {
                    invocation.repaired("the body");
                }
                body.document
            }
        },
    };
    invocation.check_input(&input).map_err(|error| (413, error))?;
    Ok(input)
}

/// The value of a request's header, whatever the case of its name.
fn header<'e>(event: &'e Document, name: &str) -> Option<&'e str> {
    let named = |member: &str| {
        let headers = event.get(member)?.as_object()?;
        let mut matching = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        matching.next().map(|(_, value)| value)
    };
    let of_many = || named("multiValueHeaders")?.as_array()?.last();
    named("headers").or_else(of_many)?.as_str()
}

/// The status for an error.
fn status(configuration: &Configuration, error: Option<&str>) -> u16 {
    let error = error.unwrap_or_default();
    let configured = configuration.http_errors.get(error);
    let for_all = || {
        let is_ours = error == INTERNAL_ERROR;
        configuration
            .http_errors
            .get(ErrorName::All.as_str())
            .filter(|_| !is_ours)
    };
    match configured.or_else(for_all) {
        Some(status) => *status,
        None => match error {
            "Expressway.IdempotencyKeyMissing" | "Expressway.IdempotencyPayloadMissing" => 400,
            "Expressway.ExecutionRunning" | "Expressway.DefinitionChanged" | "Expressway.LeaseLost" => 409,
            "Expressway.IdempotencyKeyReused" => 422,
            "Lambda.TooManyRequestsException" | "Expressway.StoreUnavailable" => 503,
            "States.Timeout" | "States.HeartbeatTimeout" => 504,
            _ => 500,
        },
    }
}

fn failure(status: u16, failure: &Failure) -> Response {
    let mut response = Response::json(status, &failure.to_document());
    if let Some(wait) = failure.retry_after {
        // Whole seconds, and never too early.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response = response.with_header("retry-after", &seconds.to_string());
    }
    match failure.is_replayed {
        true => response.with_header(REPLAYED, "true"),
        false => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_that_the_source_would_not_take_is_an_error() {
        let response = |length: usize| Response::json(200, &Document::from("a".repeat(length)));
        let alb = Format::Alb { is_multi_value: false };
        for (format, length, expected) in [
            (alb, 1_000_000, 200),
            (alb, 1_048_576, 500),
            (Format::ApiGatewayV2, 1_048_576, 200),
            (Format::ApiGatewayV2, 6_291_456, 500),
        ] {
            let answer = Document::parse(&write(&response(length), format)).unwrap();
            let status = answer.get("statusCode").and_then(Document::as_i64);
            assert_eq!(status, Some(expected), "{format:?} {length}");
        }
    }
}
