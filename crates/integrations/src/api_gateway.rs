//! `apigateway:invoke`: calls one's own REST and HTTP APIs.

use crate::caller::Caller;
use crate::effect::Token;
use crate::endpoints::{API_ENDPOINTS, api_region};
use crate::parameters::{self, Parameters};
use crate::web::{self, Address};
use expressway_asl::Document;
use expressway_aws::{CallError, PlainRequest, Signing};
use expressway_engine::{StateError, TaskRequest};
use std::time::Duration;

pub(crate) const PARAMETERS: &[&str] = &[
    "AllowNullValues",
    "ApiEndpoint",
    "AuthType",
    "Headers",
    "Method",
    "Path",
    "QueryParameters",
    "RequestBody",
    "Stage",
];

pub(crate) const REQUIRED: &[&str] = &["ApiEndpoint", "Method"];

/// Headers that a definition must not set, in lower case.
///
/// # Source
/// "Create API Gateway REST APIs with Step Functions" in the AWS documentation.
pub(crate) const FORBIDDEN_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-md5",
    "expect",
    "host",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
    "x-amz*",
    "x-forwarded*",
];

/// The longest that an API may take; API Gateway's own limit can be raised to five minutes.
const TIMEOUT: Duration = Duration::from_secs(310);

/// Calls a method of an API and gives its answer.
///
/// # Errors
/// `ApiGateway.<status>` with the body as the cause for an answer outside 2xx, `ApiGateway.SdkClientException` for
/// none, `States.Runtime` for parameters that do not fit and for hosts that are not allowed, signed or not.
///
/// # Source
/// Recorded: `services/apigetway_task_service*`. A string is sent as JSON, quotes included.
// DIFFERENCE: `RESOURCE_POLICY` signs with the function's role, as `IAM_ROLE` does; Step Functions signs as a
// service, with the ARN of the state machine for policies to ask for.
pub(crate) async fn invoke(caller: &Caller, request: &TaskRequest<'_>) -> Result<Document, StateError> {
    let mut parameters = Parameters::new(&request.input, PARAMETERS);
    let endpoint = parameters.required_text("ApiEndpoint").unwrap_or_default();
    let method = web::method(&mut parameters).unwrap_or_default();
    let stage = parameters.text("Stage");
    let path = parameters.text("Path");
    let query = web::pairs(&mut parameters, "QueryParameters", false);
    let mut headers = web::pairs(&mut parameters, "Headers", false);
    let forbidden = web::forbidden(headers.iter().map(|(name, _)| &**name), FORBIDDEN_HEADERS);
    forbidden.into_iter().for_each(|fault| parameters.fault(fault));
    let body = body(&mut parameters, &method);
    let is_signed = is_signed(&mut parameters);
    let address = address(&endpoint, stage.as_deref(), path.as_deref(), caller.allows_loopback);
    match &address {
        None => parameters.invalid("ApiEndpoint"),
        Some(address) if caller.allows_api(address) => {}
        Some(address) => parameters.fault(parameters::not_allowed("ApiEndpoint", &address.host, API_ENDPOINTS)),
    }
    parameters.check()?;
    let Some(mut address) = address else {
        return Err(parameters::unusable(&request.input, "ApiEndpoint"));
    };

    address.push_query(&query);
    if body.is_some() && !web::has_header(&headers, "content-type") {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    if let Some(token) = Token::of(request)
        && web::has_effect(&method)
        && !web::has_header(&headers, web::IDEMPOTENCY_KEY)
    {
        headers.push((web::IDEMPOTENCY_KEY.to_owned(), token.text().to_owned()));
    }
    let credentials = caller.roles.credentials(request).await?;
    let signing = is_signed.then(|| Signing {
        service: "execute-api".to_owned(),
        region: api_region(&address.host)
            .map(str::to_owned)
            .or_else(|| caller.region.clone())
            .unwrap_or_default(),
        credentials,
    });
    let sent = PlainRequest {
        method,
        origin: address.origin,
        path: address.path,
        headers,
        body: body.map(String::into_bytes).unwrap_or_default(),
        signing,
        timeout: TIMEOUT,
        answer_bytes_max: web::ANSWER_BYTES_MAX,
    };
    let answer = match caller.client.exchange(sent).await {
        Ok(answer) => answer,
        Err(CallError::AnswerTooLarge) => return Err(parameters::too_large(request.resource)),
        Err(error) => return Err(StateError::new("ApiGateway.SdkClientException", error.cause())),
    };
    let text = String::from_utf8_lossy(&answer.body);
    if !(200..300).contains(&answer.status) {
        let name = format!("ApiGateway.{}", answer.status);
        return Err(StateError::new(name.as_str(), &*text));
    }
    Ok(web::envelope(&answer, web::body(&answer, &text)))
}

/// The JSON text of `RequestBody`, if there is one.
fn body(parameters: &mut Parameters<'_>, method: &str) -> Option<String> {
    let allows_null = parameters.get("AllowNullValues");
    if allows_null.is_some_and(|value| value.as_bool().is_none()) {
        parameters.invalid("AllowNullValues");
    }
    let body = parameters.get("RequestBody")?;
    if !matches!(method, "POST" | "PUT" | "PATCH") {
        parameters.fault(format!(
            "The field 'RequestBody' is not supported with the method '{method}'"
        ));
    }
    Some(match allows_null.and_then(Document::as_bool) {
        Some(true) => body.to_json(),
        _ => web::without_nulls(body).to_json(),
    })
}

fn is_signed(parameters: &mut Parameters<'_>) -> bool {
    match parameters.text("AuthType").as_deref() {
        None | Some("NO_AUTH") => false,
        Some("IAM_ROLE" | "RESOURCE_POLICY") => true,
        Some(_) => {
            parameters.invalid("AuthType");
            false
        }
    }
}

/// The address of a path in a stage of an API. The endpoint is a host's name alone.
fn address(endpoint: &str, stage: Option<&str>, path: Option<&str>, allows_loopback: bool) -> Option<Address> {
    if endpoint.contains(['/', '?', '#']) {
        return None;
    }
    let parts = [stage, path]
        .into_iter()
        .flatten()
        .map(|part| part.trim_start_matches('/'));
    let path: Vec<String> = parts.filter(|part| !part.is_empty()).map(web::encoded_path).collect();
    let path = path.join("/");
    let secure = Address::parse(&format!("https://{endpoint}/{path}"), allows_loopback)?;
    // Without TLS where that is allowed: on this machine.
    Some(Address::parse(&format!("http://{endpoint}/{path}"), allows_loopback).unwrap_or(secure))
}
