//! `eks:call`: calls the Kubernetes API of an EKS cluster.

#![warn(clippy::arithmetic_side_effects)]

use crate::caller::Caller;
use crate::endpoints::API_ENDPOINTS;
use crate::parameters::{self, Parameters};
use crate::web::{self, Address};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;
use expressway_aws::client::{Authority, Cluster, PlainAnswer};
use expressway_aws::{CallError, PlainRequest};
use expressway_engine::{StateError, TaskRequest};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub(crate) const PARAMETERS: &[&str] = &[
    "CertificateAuthority",
    "ClusterName",
    "Endpoint",
    "Method",
    "Path",
    "QueryParameters",
    "RequestBody",
];

pub(crate) const REQUIRED: &[&str] = &["CertificateAuthority", "ClusterName", "Endpoint", "Method", "Path"];

/// The longest that a request may take, as for `http:invoke`; Step Functions names no limit of its own.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How many clusters' connections are kept at once. A definition can name any number of them by a path.
const CLUSTERS_MAX: usize = 16;

/// The clusters that were called, those used last at the end.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    known: Mutex<Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    /// Scheme and host.
    origin: String,
    /// As the parameter has it.
    certificates: String,
    authority: Authority,
}

impl Clusters {
    /// Whom a cluster's certificate must be from; `None` if nobody can be read of the parameter.
    fn authority(&self, origin: &str, certificates: &str) -> Option<Authority> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |known: &Known| known.origin == origin && known.certificates == certificates;
        let cluster = match known.iter().position(is_it) {
            Some(index) => known.remove(index),
            None => Known {
                origin: origin.to_owned(),
                certificates: certificates.to_owned(),
                authority: Authority::from_pem(&STANDARD.decode(certificates).ok()?).ok()?,
            },
        };
        if known.len() >= CLUSTERS_MAX {
            known.remove(0);
        }
        let authority = cluster.authority.clone();
        known.push(cluster);
        Some(authority)
    }
}

/// Sends a request and gives its answer: `{"ResponseBody": ..., "StatusCode": 200, "StatusText": "OK"}`.
///
/// Kubernetes knows no idempotency tokens: a request that is made again is a new one.
///
/// # Errors
/// - `EKS.<status>` for an answer outside 2xx, with all that is a result as its cause.
/// - `EKS.SdkClientException` for none: no connection, a certificate of somebody else, silence.
/// - `States.Runtime` for parameters that do not fit, and for hosts that are not allowed: each request carries a token.
///
/// # Source
/// "Call Amazon EKS with Step Functions" in the AWS documentation: parameters, and the error for status 401. What
/// an answer is called that did not come is not documented; the name is the one of `apigateway:invoke`.
pub(crate) async fn call(
    caller: &Caller,
    clusters: &Clusters,
    request: &TaskRequest<'_>,
) -> Result<Document, StateError> {
    let mut parameters = Parameters::new(&request.input, PARAMETERS);
    let name = parameters.required_text("ClusterName").unwrap_or_default();
    let certificates = parameters.required_text("CertificateAuthority").unwrap_or_default();
    let endpoint = parameters.required_text("Endpoint").unwrap_or_default();
    let method = web::method(&mut parameters).unwrap_or_default();
    if method == "OPTIONS" {
        parameters.invalid("Method");
    }
    let path = parameters.required_text("Path").unwrap_or_default();
    let query = web::pairs(&mut parameters, "QueryParameters", false);
    // Its name is a header, too.
    if !name.chars().all(|character| character.is_ascii_graphic()) {
        parameters.invalid("ClusterName");
    }
    let address = address(&endpoint, &path, caller.allows_loopback);
    match &address {
        None => parameters.invalid("Endpoint"),
        Some(address) if caller.allows_cluster(address) => {}
        Some(address) => parameters.fault(parameters::not_allowed("Endpoint", &address.host, API_ENDPOINTS)),
    }
    let authority = address
        .as_ref()
        .and_then(|address| clusters.authority(&address.origin, certificates.trim()));
    if address.is_some() && authority.is_none() {
        parameters.invalid("CertificateAuthority");
    }
    let body = parameters.get("RequestBody").map(web::text);
    parameters.check()?;
    let (Some(mut address), Some(authority)) = (address, authority) else {
        return Err(parameters::unusable(&request.input, "Endpoint"));
    };

    address.push_query(&query);
    let mut headers = vec![("Accept".to_owned(), "application/json, */*".to_owned())];
    if let Some(body) = &body {
        headers.push(("Content-Type".to_owned(), content_type(&method, body).to_owned()));
    }
    let sent = PlainRequest {
        method,
        origin: address.origin,
        path: address.path,
        headers,
        body: body.map(String::into_bytes).unwrap_or_default(),
        signing: None,
        timeout: TIMEOUT,
        answer_bytes_max: web::ANSWER_BYTES_MAX,
    };
    let cluster = Cluster {
        name,
        authority,
        credentials: caller.roles.credentials(request).await?,
    };
    let answer = match caller.client.exchange_with_cluster(sent, &cluster).await {
        Ok(answer) => answer,
        Err(CallError::AnswerTooLarge) => return Err(parameters::too_large(request.resource)),
        Err(error) => return Err(StateError::new("EKS.SdkClientException", error.cause())),
    };
    let result = result(&answer);
    if !(200..300).contains(&answer.status) {
        let name = format!("EKS.{}", answer.status);
        return Err(StateError::new(name.as_str(), result.to_json()));
    }
    Ok(result)
}

/// The address of a path in a cluster's API; only with TLS, since there is a token in each request.
fn address(endpoint: &str, path: &str, allows_loopback: bool) -> Option<Address> {
    if !endpoint.starts_with("https://") || endpoint.contains(['?', '#']) {
        return None;
    }
    let path = web::encoded_path(path.trim_start_matches('/'));
    Address::parse(&format!("{}/{path}", endpoint.trim_end_matches('/')), allows_loopback)
}

/// What a body is. Kubernetes takes no patch without a word on its kind, and definitions have no place for that word:
/// an array is a JSON patch (RFC 6902), all else a merge patch (RFC 7396), which all resources know.
// DIFFERENCE: how Step Functions names patches is not documented.
fn content_type(method: &str, body: &str) -> &'static str {
    match method {
        "PATCH" if body.trim_start().starts_with('[') => "application/json-patch+json",
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    }
}

fn result(answer: &PlainAnswer) -> Document {
    let text = String::from_utf8_lossy(&answer.body);
    Document::object([
        ("ResponseBody", web::body(answer, &text)),
        ("StatusCode", Document::from(i64::from(answer.status))),
        ("StatusText", web::status_text(answer.status).into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::content_type;

    #[test]
    fn patches_say_of_which_kind_they_are() {
        for (method, body, expected) in [
            ("POST", "[]", "application/json"),
            ("PATCH", r#" [{"op":"remove"}]"#, "application/json-patch+json"),
            ("PATCH", r#"{"spec":{}}"#, "application/merge-patch+json"),
        ] {
            assert_eq!(content_type(method, body), expected);
        }
    }
}
