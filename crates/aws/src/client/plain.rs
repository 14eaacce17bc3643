//! Requests to addresses that no model knows: one's own APIs, and other people's.

#![warn(clippy::arithmetic_side_effects)]

use super::endpoint::Target;
use super::error::{self, ServiceError};
use super::watch::{AnswerLimit, Attempts};
use super::{CONNECT_TIMEOUT, CallError, Client, Credentials};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::{Operation as SdkOperation, OperationBuilder};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use std::sync::Arc;
use std::time::Duration;

/// A request that is sent once, as it is: nothing is added to it but a signature, if one is asked for, and what
/// HTTP itself needs.
#[derive(Clone, Debug)]
pub struct PlainRequest {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Scheme and host, `https://api.example.com`.
    pub origin: String,
    /// Path and query, percent-encoded, with a slash in front.
    pub path: String,
    /// Names and values of headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How it is signed, if at all.
    pub signing: Option<Signing>,
    /// The longest that it may take until the answer is there.
    pub timeout: Duration,
    /// The largest answer that is read, in bytes.
    pub answer_bytes_max: usize,
}

/// For whom a [`PlainRequest`] is signed.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The name of the service in signatures, `execute-api`.
    pub service: String,
    /// The region.
    pub region: String,
    /// The caller, if other than the client's.
    pub credentials: Option<Credentials>,
}

/// The answer to a [`PlainRequest`], whatever its status.
#[derive(Clone, Debug)]
pub struct PlainAnswer {
    /// The status code.
    pub status: u16,
    /// Names, in lower case, and values of headers, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// Sends a request that no model describes, over the connections of this client.
    ///
    /// It is not repeated, and redirects are not followed.
    ///
    /// # Errors
    /// There was no answer; says whether the request may have arrived.
    pub async fn exchange(&self, request: PlainRequest) -> Result<PlainAnswer, CallError> {
        let attempts = Arc::new(Attempts::default());
        let builder = self.plain_operation(&request, &attempts);
        let builder = match &request.signing {
            None => builder.no_auth(),
            Some(signing) => {
                let credentials = self.credentials(signing.credentials.as_ref())?;
                let target = Target::new(&request.origin, &signing.region, &signing.service);
                super::sign(builder, credentials, target)
            }
        };
        send(builder, request, &attempts).await
    }

    /// One attempt at a request, within its limits; it does not say yet who calls.
    pub(super) fn plain_operation(&self, request: &PlainRequest, attempts: &Arc<Attempts>) -> OperationBuilder {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(request.timeout))
            .read_timeout(request.timeout)
            .operation_attempt_timeout(request.timeout)
            .build();
        let builder = SdkOperation::builder()
            .service_name("http")
            .operation_name("exchange")
            .endpoint_url(&request.origin)
            .no_retry()
            .timeout_config(timeouts)
            .interceptor(Attempts::interceptor(attempts))
            .interceptor(AnswerLimit(request.answer_bytes_max))
            .runtime_plugin(self.shared.plain_plugin.clone());
        match self.shared.config.behavior_version() {
            Some(version) => builder.behavior_version(version),
            None => builder,
        }
    }
}

pub(super) async fn send(
    builder: OperationBuilder,
    request: PlainRequest,
    attempts: &Attempts,
) -> Result<PlainAnswer, CallError> {
    let call = builder
        .serializer(|request: Arc<PlainRequest>| to_http(&request))
        .deserializer::<PlainAnswer, ServiceError>(|response| Ok(from_http(response)))
        .build();
    let result = call.invoke(Arc::new(request)).await;
    result.map_err(|error| error::from_sdk(error, attempts))
}

/// What such requests have in common: no headers that tell about AWS or this client.
pub(super) fn plugin(config: &SdkConfig, http_client: SharedHttpClient) -> StaticRuntimePlugin {
    let sleep = config
        .sleep_impl()
        .unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new()));
    let time = config
        .time_source()
        .unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new()));
    let identity_cache = config.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build());
    let components = RuntimeComponentsBuilder::new("expressway-aws plain")
        .with_http_client(Some(http_client))
        .with_identity_cache(Some(identity_cache))
        .with_sleep_impl(Some(sleep))
        .with_time_source(Some(time))
        .with_interceptor(ConnectionPoisoningInterceptor::new());
    StaticRuntimePlugin::new().with_runtime_components(components)
}

fn to_http(request: &PlainRequest) -> Result<HttpRequest, BoxError> {
    let mut http = HttpRequest::new(SdkBody::from(request.body.clone()));
    http.set_method(&request.method)?;
    http.set_uri(request.path.clone())?;
    for (name, value) in &request.headers {
        http.headers_mut()
            .try_append(name.to_ascii_lowercase(), value.clone())?;
    }
    Ok(http)
}

fn from_http(response: &HttpResponse) -> PlainAnswer {
    let headers = response.headers().iter();
    PlainAnswer {
        status: response.status().as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: response.body().bytes().unwrap_or_default().to_vec(),
    }
}
