//! AWS SDK integrations: `arn:aws:states:::aws-sdk:<service>:<action>`, any operation of any service.

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use expressway_asl::Document;
use expressway_asl::error_name::ErrorName;
use expressway_aws::model::{Operation, Service};
use expressway_aws::{CallError, CallOptions, Client, EndpointOverrides};
use expressway_engine::{StateError, TaskRequest};
use std::time::Duration;

/// How long an answer may take that is the result of long work.
const LONG_TIMEOUT: Duration = Duration::from_secs(15 * 60 + 30);

/// Operations that answer when long work has ended: executions, functions, models.
const LONG: &[(&str, &str)] = &[
    ("sfn", "startSyncExecution"),
    ("lambda", "invoke"),
    ("bedrockruntime", "invokeModel"),
    ("bedrockruntime", "converse"),
];

/// The model-driven client of all services.
#[derive(Debug)]
pub(crate) struct AwsSdk {
    client: Client,
}

impl AwsSdk {
    pub(crate) fn new(config: &SdkConfig) -> AwsSdk {
        // The client has timeouts of its own, fit for calls that are answered at once.
        let mut timeouts = TimeoutConfig::builder();
        timeouts.set_connect_timeout(config.timeout_config().and_then(TimeoutConfig::connect_timeout));
        let timeouts = timeouts.build();
        let config = config.to_builder().timeout_config(timeouts).build();
        AwsSdk {
            client: Client::new(config, EndpointOverrides::from_variables(std::env::vars())),
        }
    }

    /// Calls an operation with the parameters of a task.
    ///
    /// # Errors
    /// As the service answers, in Step Functions' names and words; `States.Runtime` for parameters that no request
    /// can be made of.
    pub(crate) async fn call(
        &self,
        service: &str,
        action: &str,
        request: &TaskRequest<'_>,
    ) -> Result<Document, StateError> {
        let (service_model, operation) =
            find(service, action).map_err(|problem| StateError::new(ErrorName::Runtime, problem))?;
        let is_long = LONG.contains(&(service, action));
        let long = || {
            TimeoutConfig::builder()
                .read_timeout(LONG_TIMEOUT)
                .operation_attempt_timeout(LONG_TIMEOUT)
                .build()
        };
        let options = CallOptions {
            timeouts: is_long.then(long),
            ..CallOptions::default()
        };
        let result = self
            .client
            .call(service_model, operation, &request.input, &options)
            .await;
        result.map_err(|error| match error {
            CallError::Parameters(error) => {
                let cause = format!(
                    "The Parameters '{}' could not be used to start the Task: [{error}]",
                    request.input
                );
                StateError::new(ErrorName::Runtime, cause)
            }
            error => StateError::new(error.name(service_model).as_str(), error.cause()),
        })
    }
}

/// The operation behind a service and an action of an ARN.
///
/// # Errors
/// Says which of them does not exist, or why it can not be called.
pub(crate) fn find(service: &str, action: &str) -> Result<(&'static Service, &'static Operation), String> {
    let Some(model) = Service::find(service) else {
        return Err(format!(
            "there is no service `{service}` in `aws-sdk:{service}:{action}`"
        ));
    };
    match model.operation(action) {
        None => Err(format!("the service `{service}` has no action `{action}`")),
        Some(operation) if operation.has_event_stream(model) => Err(format!(
            "the action `{action}` of `{service}` streams events, which is not supported"
        )),
        Some(operation) => Ok((model, operation)),
    }
}
