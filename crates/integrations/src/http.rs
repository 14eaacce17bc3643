//! `http:invoke`: calls anybody's API, with the credentials of an EventBridge connection.

mod connection;
mod form;
mod trace;

pub(crate) use connection::Connections;
pub use trace::{HttpExchange, HttpTrace};

use crate::caller::Caller;
use crate::effect::Token;
use crate::endpoints::HTTP_ENDPOINTS;
use crate::parameters::{self, Parameters};
use crate::web::{self, Address};
use connection::{Additions, Connection};
use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_asl::error_name::ErrorName;
use expressway_aws::client::PlainAnswer;
use expressway_aws::{CallError, PlainRequest};
use expressway_engine::{StateError, TaskRequest};
use form::ArrayFormat;
use std::time::Duration;

pub(crate) const PARAMETERS: &[&str] = &[
    "ApiEndpoint",
    "Authentication",
    "Headers",
    "InvocationConfig",
    "Method",
    "QueryParameters",
    "RequestBody",
    "Transform",
];

pub(crate) const REQUIRED: &[&str] = &["ApiEndpoint", "Method"];

/// Headers that a definition must not set, in lower case.
///
/// # Source
/// "Call HTTPS APIs in Step Functions workflows" in the AWS documentation; `authorization` is not listed there but
/// refused (public reports).
pub(crate) const FORBIDDEN_HEADERS: &[&str] = &[
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
    "x-amz-*",
    "x-amzn-*",
    "x-forwarded-*",
];

/// The longest that a request may take.
///
/// # Source
/// "Call HTTPS APIs in Step Functions workflows": 60 seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a request is made of besides what its connection adds.
struct Call {
    address: Address,
    method: String,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    body: Option<Document>,
    /// Set if the body is a form.
    form: Option<ArrayFormat>,
}

/// Sends a request and gives its answer.
///
/// # Errors
/// - `States.Http.StatusCode.<status>` for an answer outside 2xx. The cause is the status's text: the service tells
///   nothing of the body (public reports).
/// - `States.Http.Socket` if there is no answer after 60 seconds, or none at all.
/// - `Events.ConnectionResource.*` if the connection can not be used.
/// - `States.Runtime` for parameters that do not fit, for endpoints that are not allowed, and for answers that are not
///   text.
pub(crate) async fn invoke(
    caller: &Caller,
    connections: &Connections,
    request: &TaskRequest<'_>,
) -> Result<Document, StateError> {
    let (call, connection_arn) = call(caller, request)?;
    let connection = connections.get(caller, &connection_arn, request).await?;
    let mut answer = send(caller, &call, &connection, request).await?;
    // A token that was good before may have been revoked. The server has done nothing but say so.
    if matches!(answer.status, 401 | 407) && connection.forget_token().await {
        answer = send(caller, &call, &connection, request).await?;
    }
    if !(200..300).contains(&answer.status) {
        let name = format!("States.Http.StatusCode.{}", answer.status);
        return Err(StateError::new(name.as_str(), web::status_text(answer.status)));
    }
    result(&answer)
}

/// Reads the parameters.
fn call(caller: &Caller, request: &TaskRequest<'_>) -> Result<(Call, String), StateError> {
    let mut parameters = Parameters::new(&request.input, PARAMETERS);
    let endpoint = parameters.required_text("ApiEndpoint").unwrap_or_default();
    let address = Address::parse(&endpoint, caller.allows_loopback);
    match &address {
        None => parameters.invalid("ApiEndpoint"),
        Some(address) if caller.allows_http(request.state_name, address) => {}
        Some(address) => parameters.fault(parameters::not_allowed("ApiEndpoint", &address.host, HTTP_ENDPOINTS)),
    }
    let method = web::method(&mut parameters).unwrap_or_default();
    let query = web::pairs(&mut parameters, "QueryParameters", true);
    let headers = web::pairs(&mut parameters, "Headers", true);
    let forbidden = web::forbidden(headers.iter().map(|(name, _)| &**name), FORBIDDEN_HEADERS);
    forbidden.into_iter().for_each(|fault| parameters.fault(fault));
    let connection = ["Authentication", "InvocationConfig"]
        .into_iter()
        .find_map(|key| parameters.object(key)?.get("ConnectionArn")?.as_str());
    if connection.is_none() {
        parameters.fault(parameters::missing("ConnectionArn"));
    }
    let form = form(&mut parameters);
    let body = parameters.get("RequestBody").cloned();
    if form.is_some() && body.as_ref().is_some_and(|body| body.as_object().is_none()) {
        parameters.invalid("RequestBody");
    }
    parameters.check()?;
    match (address, connection) {
        (Some(address), Some(connection)) => {
            let call = Call {
                address,
                method,
                headers,
                query,
                body,
                form,
            };
            Ok((call, connection.to_owned()))
        }
        _ => Err(parameters::unusable(&request.input, "ApiEndpoint")),
    }
}

/// How `Transform` wants the body encoded.
fn form(parameters: &mut Parameters<'_>) -> Option<ArrayFormat> {
    let transform = parameters.object("Transform")?;
    let encoding = transform.get("RequestBodyEncoding").and_then(Document::as_str);
    let format = transform
        .get("RequestEncodingOptions")
        .and_then(|options| options.get("ArrayFormat"));
    let format = match format.and_then(Document::as_str) {
        None => Some(ArrayFormat::Indices),
        Some(name) => ArrayFormat::named(name),
    };
    match (encoding, format) {
        (None | Some("NONE"), Some(_)) => None,
        (Some("URL_ENCODED"), Some(format)) => Some(format),
        _ => {
            parameters.invalid("Transform");
            None
        }
    }
}

/// Sends the request with what the connection adds; for equal names the connection's value counts.
async fn send(
    caller: &Caller,
    call: &Call,
    connection: &Connection,
    request: &TaskRequest<'_>,
) -> Result<PlainAnswer, StateError> {
    let own = connection.additions(caller).await?;
    if let Some(trace) = &caller.http_trace {
        let shown = match trace.reveals_secrets() {
            true => own.clone(),
            false => Additions::default(),
        };
        trace.sent(&compose(caller, call, shown, request));
    }
    let sent = compose(caller, call, own, request);
    let origin = sent.origin.clone();
    let answer = caller.client.exchange(sent).await.map_err(|error| match error {
        CallError::AnswerTooLarge => parameters::too_large(request.resource),
        error => StateError::new(ErrorName::HttpSocket, error.cause()),
    })?;
    if let Some(trace) = &caller.http_trace {
        trace.answered(&origin, &answer);
    }
    Ok(answer)
}

/// The request with what the connection adds to it.
fn compose(caller: &Caller, call: &Call, own: Additions, request: &TaskRequest<'_>) -> PlainRequest {
    let mut query = call.query.clone();
    replace(&mut query, own.query, |left, right| left == right);
    let mut headers = call.headers.clone();
    replace(&mut headers, own.headers, str::eq_ignore_ascii_case);
    let mut body = call.body.clone();
    if !own.body.is_empty() && (web::has_effect(&call.method) || body.is_some()) {
        body = match body {
            None => Some(own.body.into_iter().collect::<Object>().into()),
            Some(Document::Object(mut object)) => {
                own.body.into_iter().for_each(|(key, value)| object.insert(key, value));
                Some(object.into())
            }
            other => other,
        };
    }
    let (body, content_type) = match (&body, call.form) {
        (None, _) => (String::new(), None),
        (Some(body), Some(format)) => (form::encode(body, format), Some("application/x-www-form-urlencoded")),
        (Some(Document::String(text)), None) => (text.to_string(), Some("text/plain; charset=UTF-8")),
        (Some(body), None) => (body.to_json(), Some("application/json")),
    };
    let region = caller.region.as_deref().unwrap_or_default();
    let defaults = [
        ("User-Agent", Some(format!("Amazon|StepFunctions|HttpInvoke|{region}"))),
        ("Range", Some("bytes=0-262144".to_owned())),
        ("Content-Type", content_type.map(str::to_owned)),
        (
            web::IDEMPOTENCY_KEY,
            Token::of(request)
                .filter(|_| web::has_effect(&call.method))
                .map(|token| token.text().to_owned()),
        ),
    ];
    for (name, value) in defaults {
        if let Some(value) = value
            && !web::has_header(&headers, name)
        {
            headers.push((name.to_owned(), value));
        }
    }
    let mut address = call.address.clone();
    address.push_query(&query);
    PlainRequest {
        method: call.method.clone(),
        origin: address.origin,
        path: address.path,
        headers,
        body: body.into_bytes(),
        signing: None,
        timeout: TIMEOUT,
        answer_bytes_max: web::ANSWER_BYTES_MAX,
    }
}

fn replace(list: &mut Vec<(String, String)>, own: Vec<(String, String)>, is_same: impl Fn(&str, &str) -> bool) {
    list.retain(|(name, _)| !own.iter().any(|(own, _)| is_same(own, name)));
    list.extend(own);
}

/// The answer as the task's result.
fn result(answer: &PlainAnswer) -> Result<Document, StateError> {
    let content_type = answer.headers.iter().find(|(name, _)| name == "content-type");
    let content_type = content_type.map_or("", |(_, value)| value);
    let is_binary = ["application/octet-stream", "image/", "video/", "audio/"]
        .iter()
        .any(|kind| content_type.starts_with(kind));
    let text = std::str::from_utf8(&answer.body).ok().filter(|_| !is_binary);
    let Some(text) = text else {
        let cause = format!("The HTTP response has a body that is not text, its content type is '{content_type}'");
        return Err(StateError::new(ErrorName::Runtime, cause));
    };
    Ok(web::envelope(answer, web::body(answer, text)))
}
