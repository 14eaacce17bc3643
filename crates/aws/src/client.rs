//! Sends requests, on the runtime of AWS's own SDK.
//!
//! What the runtime does: credentials and their renewal, signatures, retries with a budget, clock skew, the user agent
//! and the trace header. What is ours: endpoints, checksums, connections, and telling apart whether a request
//! that failed may have had an effect.

mod checksum;
mod cluster;
mod endpoint;
mod environment;
mod error;
mod exchange;
mod http;
mod plain;
mod watch;

pub use cluster::{Authority, AuthorityError, Cluster};
pub use endpoint::EndpointOverrides;
pub use environment::config_from_environment;
pub use error::CallError;
pub use http::{could_not_connect, http_client};
pub use plain::{PlainAnswer, PlainRequest, Signing};

use crate::model::{Authentication, Operation, Service};
use crate::quirks;
use crate::request::Request;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::PayloadSigningOverrideRuntimePlugin;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::{AwsErrorCodeClassifier, TRANSIENT_ERRORS};
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, AwsUserAgent, UserAgentInterceptor};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::{Operation as SdkOperation, OperationBuilder};
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime::client::stalled_stream_protection::StalledStreamProtectionInterceptor;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::{
    IdentityCacheLocation, IdentityFuture, ResolveIdentity, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_runtime_api::client::runtime_plugin::{SharedRuntimePlugin, StaticRuntimePlugin};
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::os_shim_internal::Env;
use endpoint::Target;
use error::ServiceError;
use exchange::Answer;
use expressway_asl::Document;
use std::sync::Arc;
use std::time::Duration;
use watch::{AnswerLimit, AnswerLimitClassifier, Attempts};

/// The longest time to open a connection, if the configuration says nothing; the SDKs' own default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// The longest wait for an answer to begin, if the configuration says nothing. The SDKs wait forever, which would
/// turn a silent peer into a task that never ends.
const READ_TIMEOUT: Duration = Duration::from_secs(65);

/// The longest time of one attempt, if the configuration says nothing.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(70);

/// The largest answer that is read, if nothing else is asked for: Lambda's, the largest that a task can want
/// whole, are 6 MB, and base64 makes them a third longer.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Calls operations of AWS services. Cheap to clone; clones share connections and credentials.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: SdkConfig,
    overrides: EndpointOverrides,
    credentials: Option<Credentials>,
    retries: RetryConfig,
    timeouts: TimeoutConfig,
    /// What all calls have in common.
    plugin: SharedRuntimePlugin,
    /// The same for requests that are no calls of a service.
    plain_plugin: SharedRuntimePlugin,
}

/// Who calls: a source of credentials that are kept as long as they are valid.
///
/// Make one per role and reuse it; what it resolved is kept under it.
#[derive(Clone, Debug)]
pub struct Credentials(SharedIdentityResolver);

impl Credentials {
    /// Credentials from this provider.
    pub fn new(provider: SharedCredentialsProvider) -> Credentials {
        Credentials(SharedIdentityResolver::new(provider))
    }

    /// Credentials from a provider that keeps them itself: it is asked at every call, and nothing stays behind when
    /// it is dropped.
    pub fn kept_by(provider: SharedCredentialsProvider) -> Credentials {
        Credentials(SharedIdentityResolver::new(KeptByProvider(provider)))
    }
}

#[derive(Debug)]
struct KeptByProvider(SharedCredentialsProvider);

impl ResolveIdentity for KeptByProvider {
    fn resolve_identity<'a>(&'a self, components: &'a RuntimeComponents, config: &'a ConfigBag) -> IdentityFuture<'a> {
        self.0.resolve_identity(components, config)
    }

    fn cache_location(&self) -> IdentityCacheLocation {
        IdentityCacheLocation::IdentityResolver
    }
}

/// What differs from call to call.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// The region, if other than the client's.
    pub region: Option<String>,
    /// The caller, if other than the client's.
    pub credentials: Option<Credentials>,
    /// The token for operations that take one; a random one if none is given. The same token makes a repeated
    /// call harmless.
    pub idempotency_token: Option<String>,
    /// Timeouts for this call; what is not set stays the client's. A task that waits long for its answer, such as
    /// a Lambda function, wants a longer read and attempt timeout.
    pub timeouts: Option<TimeoutConfig>,
    /// The largest answer that is read, in bytes.
    pub answer_bytes_max: Option<usize>,
}

/// An answer with what surrounds it.
#[derive(Clone, Debug)]
pub struct CallOutput {
    /// The result.
    pub result: Document,
    /// The status code.
    pub status: u16,
    /// Names and values of headers, in the order in which they came.
    pub headers: Vec<(String, String)>,
}

impl CallOutput {
    /// The id of the request.
    pub fn request_id(&self) -> Option<&str> {
        let names = ["x-amzn-requestid", "x-amz-request-id"];
        let is_id = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let id = self.headers.iter().find(|(name, _)| is_id(name));
        id.map(|(_, value)| value.as_str())
    }
}

impl Client {
    /// A client for this configuration.
    ///
    /// Missing parts get defaults that bound every call: timeouts to connect, to hear the first byte and for an
    /// attempt, three attempts, and one connection pool.
    pub fn new(config: SdkConfig, overrides: EndpointOverrides) -> Client {
        let timeouts = config.timeout_config().cloned();
        let timeouts = timeouts.map_or_else(TimeoutConfig::builder, |timeouts| timeouts.to_builder());
        let defaults = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT);
        let http_client = config.http_client().unwrap_or_else(http_client);
        let shared = Shared {
            credentials: config.credentials_provider().map(Credentials::new),
            retries: config.retry_config().cloned().unwrap_or_else(RetryConfig::standard),
            timeouts: timeouts.take_unset_from(defaults).build(),
            plugin: SharedRuntimePlugin::new(plugin(&config, http_client.clone())),
            plain_plugin: SharedRuntimePlugin::new(plain::plugin(&config, http_client)),
            overrides,
            config,
        };
        Client {
            shared: Arc::new(shared),
        }
    }

    /// Calls an operation and gives its result.
    ///
    /// Parameters and result have the names of Step Functions. Dropping the future drops the request and closes
    /// its connection.
    ///
    /// # Errors
    /// Says whether the request may have had an effect.
    pub async fn call(
        &self,
        service: &'static Service,
        operation: &'static Operation,
        parameters: &Document,
        options: &CallOptions,
    ) -> Result<Document, CallError> {
        let output = self.call_with_metadata(service, operation, parameters, options).await?;
        Ok(output.result)
    }

    /// Calls an operation and gives its result, status and headers.
    ///
    /// # Errors
    /// Says whether the request may have had an effect.
    pub async fn call_with_metadata(
        &self,
        service: &'static Service,
        operation: &'static Operation,
        parameters: &Document,
        options: &CallOptions,
    ) -> Result<CallOutput, CallError> {
        if operation.has_event_stream(service) {
            return Err(CallError::NotSent(
                "operations that stream events are not supported".to_owned(),
            ));
        }
        let token = operation.idempotency_token_member(service);
        let token = token.map(|_| options.idempotency_token.clone().unwrap_or_else(random_token));
        let parameters = exchange::stream_as_text(service, operation, parameters);
        let mut request = Request::new(service, operation, &parameters, token.as_deref())?;
        quirks::adapt_request(service, &mut request);
        checksum::add(service, operation, &mut request)?;
        let region = (options.region.as_deref()).or_else(|| self.shared.config.region().map(AsRef::as_ref));
        let target = self.target(service, operation, &parameters, region)?;
        let attempts = Arc::new(Attempts::default());
        let builder = self.operation(service, operation, options, target.url_for(&request), &attempts);
        let builder = self.authenticate(builder, service, operation, options, target)?;
        let call = builder
            .serializer(|request: Arc<Request>| exchange::to_http(&request))
            .deserializer::<Answer, ServiceError>(move |response| exchange::from_http(service, operation, response))
            .build();
        match call.invoke(Arc::new(request)).await {
            Ok(answer) => Ok(answer.0),
            Err(error) => Err(error::from_sdk(error, &attempts)),
        }
    }

    fn target(
        &self,
        service: &Service,
        operation: &Operation,
        parameters: &Document,
        region: Option<&str>,
    ) -> Result<Target, CallError> {
        let config = &self.shared.config;
        let custom = self
            .shared
            .overrides
            .of_service(&service.service_id)
            .or(config.endpoint_url());
        let settings = endpoint::Settings {
            region,
            custom,
            fips: config.use_fips().unwrap_or(false),
            dual_stack: config.use_dual_stack().unwrap_or(false),
        };
        endpoint::resolve(service, operation, parameters, &settings)
    }

    fn operation(
        &self,
        service: &'static Service,
        operation: &'static Operation,
        options: &CallOptions,
        url: String,
        attempts: &Arc<Attempts>,
    ) -> OperationBuilder {
        let timeouts = match &options.timeouts {
            None => self.shared.timeouts.clone(),
            Some(timeouts) => {
                let timeouts = timeouts.to_builder();
                timeouts.take_unset_from(self.shared.timeouts.to_builder()).build()
            }
        };
        let builder = SdkOperation::builder()
            .service_name(&*service.service_id)
            .operation_name(&*operation.name)
            .endpoint_url(&url)
            .standard_retry(&self.shared.retries)
            .timeout_config(timeouts)
            .interceptor(Attempts::interceptor(attempts))
            .interceptor(AnswerLimit(options.answer_bytes_max.unwrap_or(ANSWER_BYTES_MAX)))
            .runtime_plugin(self.shared.plugin.clone());
        match self.shared.config.behavior_version() {
            Some(version) => builder.behavior_version(version),
            None => builder,
        }
    }

    fn credentials(&self, given: Option<&Credentials>) -> Result<Credentials, CallError> {
        let credentials = given.or(self.shared.credentials.as_ref()).cloned();
        credentials.ok_or_else(|| CallError::NotSent("there are no credentials".to_owned()))
    }

    fn authenticate(
        &self,
        builder: OperationBuilder,
        service: &Service,
        operation: &Operation,
        options: &CallOptions,
        target: Target,
    ) -> Result<OperationBuilder, CallError> {
        if service.unsigned || operation.authentication == Authentication::Anonymous {
            return Ok(builder.no_auth());
        }
        let credentials = self.credentials(options.credentials.as_ref())?;
        let builder = sign(builder, credentials, target);
        Ok(match operation.authentication {
            Authentication::SignedWithoutBody => {
                builder.runtime_plugin(PayloadSigningOverrideRuntimePlugin::unsigned())
            }
            _ => builder,
        })
    }
}

/// Has an operation signed.
fn sign<I, O, E>(
    builder: OperationBuilder<I, O, E>,
    credentials: Credentials,
    target: Target,
) -> OperationBuilder<I, O, E> {
    let components = RuntimeComponentsBuilder::new("expressway-aws signing")
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
        .with_identity_resolver(SCHEME_ID, credentials.0);
    let mut layer = Layer::new("expressway-aws signing");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    target.store_signing(&mut layer);
    let plugin = StaticRuntimePlugin::new()
        .with_config(layer.freeze())
        .with_runtime_components(components);
    builder.runtime_plugin(plugin)
}

/// What all calls have in common.
fn plugin(config: &SdkConfig, http_client: SharedHttpClient) -> StaticRuntimePlugin {
    let mut layer = Layer::new("expressway-aws");
    let api = ApiMetadata::new("expressway", env!("CARGO_PKG_VERSION"));
    let mut user_agent = AwsUserAgent::new_from_environment(Env::real(), api);
    if let Some(name) = config.app_name() {
        user_agent = user_agent.with_app_name(name.clone());
    }
    layer.store_put(user_agent);
    layer.store_put(
        config
            .stalled_stream_protection()
            .unwrap_or_else(|| StalledStreamProtectionConfig::enabled().build()),
    );
    let sleep = config
        .sleep_impl()
        .unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new()));
    let time = config
        .time_source()
        .unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new()));
    let identity_cache = config.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build());
    let components = RuntimeComponentsBuilder::new("expressway-aws")
        .with_http_client(Some(http_client))
        .with_identity_cache(Some(identity_cache))
        .with_sleep_impl(Some(sleep))
        .with_time_source(Some(time))
        .with_retry_classifier(TransientErrorClassifier::<ServiceError>::new())
        .with_retry_classifier(error_codes())
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(ServiceClockSkewClassifier::<ServiceError>::new())
        .with_retry_classifier(AnswerLimitClassifier)
        .with_interceptor(UserAgentInterceptor::new())
        .with_interceptor(InvocationIdInterceptor::new())
        .with_interceptor(RequestInfoInterceptor::new())
        .with_interceptor(RecursionDetectionInterceptor::new())
        .with_interceptor(ServiceClockSkewInterceptor::new())
        .with_interceptor(StalledStreamProtectionInterceptor::default())
        .with_interceptor(ConnectionPoisoningInterceptor::new());
    StaticRuntimePlugin::new()
        .with_config(layer.freeze())
        .with_runtime_components(components)
}

/// The codes that are tried again whatever their status. S3 says `InternalError` in answers with status 200 too.
fn error_codes() -> AwsErrorCodeClassifier<ServiceError> {
    let transient = [TRANSIENT_ERRORS, &["InternalError"]].concat();
    AwsErrorCodeClassifier::builder().transient_errors(transient).build()
}

/// A random UUID (version 4).
fn random_token() -> String {
    let random = fastrand::u128(..);
    let uuid = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{uuid:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::random_token;

    #[test]
    fn tokens_are_uuids() {
        let token = random_token();
        assert_eq!(token.len(), 36);
        assert_eq!(&token[14..15], "4", "{token}");
        assert!("89ab".contains(&token[19..20]), "{token}");
        assert_ne!(token, random_token());
    }
}
