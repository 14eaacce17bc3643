//! Runs Task states against AWS.
//!
//! [`AwsTasks`] is the engine's [`TaskRunner`] that calls the real services: Lambda, by a function's own ARN and by
//! `arn:aws:states:::lambda:invoke`; any operation by `arn:aws:states:::aws-sdk:<service>:<action>`; and the optimized
//! integrations of Step Functions, request and response. [`check`] tells at start-up what of a definition can not be
//! called, and which parameters do not fit. [`check_mocked_result`] says whether a result that somebody made up is one
//! that the service could give.
//!
//! # Retries
//! Calls of services are retried as the SDKs do: three attempts, also after errors of the service. A call of
//! Lambda that may have arrived is never repeated by itself: what may happen twice is for the
//! definition's Retry to say. There the SDK only tries again, up to three times in all (`AWS_MAX_ATTEMPTS`) and with
//! its usual backoff, when no connection could be made or the service throttled the call (429). Such attempts
//! multiply with those of Retry. HTTP requests (`http:invoke`, `apigateway:invoke`, `eks:call`) are sent once.
//!
//! # The files
//! One per integration that differs from the service's own API; `optimized.rs` has the table of all others. What they
//! share: `configuration.rs` (credentials, timeouts, connections), `caller.rs` and `roles.rs` (who calls),
//! `endpoints.rs` (which hosts receive credentials), `effect.rs` (tokens, so that an effect happens once), `parameters.rs`, `metadata.rs`, and `error.rs` (what Lambda's SDK reports).

mod api_gateway;
mod aws_sdk;
mod caller;
mod check;
mod configuration;
pub mod dynamodb;
pub mod effect;
mod eks;
pub mod endpoints;
mod error;
mod http;
mod lambda;
mod metadata;
mod mock;
mod optimized;
mod parameters;
mod roles;
mod shared;
mod started;
mod web;

pub use check::{check, check_with_values};
pub use configuration::configuration;
pub use endpoints::AllowedEndpoints;
pub use http::{HttpExchange, HttpTrace};
pub use mock::{FieldValidation, check_mocked_result};

pub use aws_config::SdkConfig;

use caller::Caller;
use expressway_asl::Document;
use expressway_asl::program::Requirements;
use expressway_asl::resource::Resource;
use expressway_engine::{StateError, TaskFuture, TaskRequest, TaskRunner};
use lambda::Lambda;
use optimized::Integration;
use std::sync::OnceLock;

/// Calls AWS services for Task states.
///
/// All calls share the HTTP client of the configuration and its connections. A future of [`run`](TaskRunner::run) that
/// is dropped takes its request with it: the connection is closed, nothing goes on in the background.
#[derive(Debug)]
pub struct AwsTasks {
    caller: Caller,
    config: SdkConfig,
    lambda: OnceLock<Lambda>,
    connections: http::Connections,
    clusters: eks::Clusters,
}

impl AwsTasks {
    /// A runner for what a program calls: what that needs is set up now, all else when it is first called.
    pub fn new(config: &SdkConfig, requirements: &Requirements) -> AwsTasks {
        let tasks = AwsTasks {
            caller: Caller::new(config),
            config: config.clone(),
            lambda: OnceLock::new(),
            connections: http::Connections::default(),
            clusters: eks::Clusters::default(),
        };
        if requirements.resources.iter().any(|(resource, _)| is_lambda(resource)) {
            tasks.lambda();
        }
        tasks
    }

    /// Lets `http:invoke` and `apigateway:invoke` reach servers on this machine, without TLS.
    ///
    /// Not for the function: what listens on its loopback interface is Lambda's own.
    #[must_use]
    pub fn with_loopback(mut self) -> AwsTasks {
        self.caller.allows_loopback = true;
        self
    }

    /// Lets `http:invoke`, `apigateway:invoke` and `eks:call` reach these endpoints.
    #[must_use]
    pub fn with_endpoints(mut self, endpoints: AllowedEndpoints) -> AwsTasks {
        self.caller.endpoints = endpoints;
        self
    }

    /// Shows the requests of `http:invoke` and their answers to somebody.
    #[must_use]
    pub fn with_http_trace(mut self, trace: HttpTrace) -> AwsTasks {
        self.caller.http_trace = Some(trace);
        self
    }

    fn lambda(&self) -> &Lambda {
        self.lambda.get_or_init(|| Lambda::new(&self.config))
    }

    async fn call(&self, request: &TaskRequest<'_>) -> Result<Document, StateError> {
        let caller = &self.caller;
        let lambda = || self.lambda().under_role(&caller.roles, request);
        match request.resource {
            Resource::Function { arn } => lambda().await?.call(arn, request).await,
            Resource::AwsSdk { service, action, .. } => aws_sdk::call(caller, service, action, request).await,
            Resource::Optimized { service, action, .. } => match (&**service, &**action) {
                ("lambda", "invoke") => lambda().await?.invoke(request).await,
                ("apigateway", "invoke") => api_gateway::invoke(caller, request).await,
                ("http", "invoke") => http::invoke(caller, &self.connections, request).await,
                ("eks", "call") => eks::call(caller, &self.clusters, request).await,
                (service, action) => match Integration::find(service, action) {
                    Ok(integration) => integration.call(caller, request).await,
                    Err(problem) => Err(optimized::not_supported(problem)),
                },
            },
        }
    }
}

impl TaskRunner for AwsTasks {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        Box::pin(async move { Ok(self.call(&request).await?) })
    }
}

fn is_lambda(resource: &Resource) -> bool {
    match resource {
        Resource::Function { .. } => true,
        Resource::Optimized { service, action, .. } => **service == *"lambda" && **action == *"invoke",
        Resource::AwsSdk { .. } => false,
    }
}
