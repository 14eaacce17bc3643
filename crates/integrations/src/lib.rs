//! Runs Task states against AWS.
//!
//! [`AwsTasks`] is the engine's [`TaskRunner`] that calls the real services: Lambda, by a function's own ARN and by
//! `arn:aws:states:::lambda:invoke`, and any operation by `arn:aws:states:::aws-sdk:<service>:<action>`.
//! [`unsupported`] tells at start-up what a program calls beyond that. [`check_mocked_result`] says whether a result that
//! somebody made up is one that the service could give.
//!
//! AWS SDK integrations are retried as the SDKs do: three attempts, also after errors of the service. A call of
//! Lambda that may have arrived is never repeated by itself: what may happen twice is for the
//! definition's Retry to say. There the SDK only tries again, up to three times in all (`AWS_MAX_ATTEMPTS`) and with
//! its usual backoff, when no connection could be made or the service throttled the call (429). Such attempts
//! multiply with those of Retry.
//!
//! One file per service (`lambda.rs`), one for what all share: `configuration.rs` (credentials, timeouts,
//! connections) and `error.rs` (what the SDK reports, in Step Functions' names and words).

mod aws_sdk;
mod configuration;
mod error;
mod lambda;
mod mock;
mod parameters;

pub use configuration::configuration;
pub use mock::{FieldValidation, check_mocked_result};

use aws_config::SdkConfig;
use expressway_asl::diagnostic::{Code, Diagnostic, Severity, Span};
use expressway_asl::error_name::ErrorName;
use expressway_asl::program::Requirements;
use expressway_asl::resource::Resource;
use expressway_engine::{StateError, TaskFuture, TaskRequest, TaskRunner};

/// Calls AWS services for Task states.
///
/// All calls share one HTTP client and its connections. A future of [`run`](TaskRunner::run) that is dropped
/// takes its request with it: the connection is closed, nothing goes on in the background.
#[derive(Debug)]
pub struct AwsTasks {
    lambda: Option<lambda::Lambda>,
    aws_sdk: Option<aws_sdk::AwsSdk>,
}

impl AwsTasks {
    /// A runner for what a program calls; clients of other services are not set up.
    pub fn new(config: &SdkConfig, requirements: &Requirements) -> AwsTasks {
        let calls_lambda = requirements.resources.iter().any(|(resource, _)| is_lambda(resource));
        let mut resources = requirements.resources.iter();
        let calls_aws_sdk = resources.any(|(resource, _)| matches!(resource, Resource::AwsSdk { .. }));
        AwsTasks {
            aws_sdk: calls_aws_sdk.then(|| aws_sdk::AwsSdk::new(config)),
            lambda: calls_lambda.then(|| lambda::Lambda::new(config)),
        }
    }
}

impl TaskRunner for AwsTasks {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        Box::pin(async move {
            if let Some(role_arn) = &request.role_arn {
                let cause = format!("assuming the role {role_arn} is not supported yet");
                return Err(StateError::new(ErrorName::Permissions, cause).into());
            }
            let result = match (self, request.resource) {
                (
                    AwsTasks {
                        lambda: Some(lambda), ..
                    },
                    Resource::Function { arn },
                ) => lambda.call(arn, &request).await,
                (
                    AwsTasks {
                        lambda: Some(lambda), ..
                    },
                    resource,
                ) if is_lambda(resource) => lambda.invoke(&request).await,
                (
                    AwsTasks {
                        aws_sdk: Some(aws_sdk), ..
                    },
                    Resource::AwsSdk { service, action, .. },
                ) => aws_sdk.call(service, action, &request).await,
                (_, resource) => Err(StateError::new(ErrorName::Runtime, not_supported(resource))),
            };
            Ok(result?)
        })
    }
}

/// What a program calls that [`AwsTasks`] can not do yet, with the first state that asks for it.
pub fn unsupported(requirements: &Requirements) -> Vec<Diagnostic> {
    let resources = requirements.resources.iter();
    let calls = resources.filter_map(|(resource, state)| {
        let problem = match resource {
            Resource::AwsSdk { service, action, .. } => aws_sdk::find(service, action).err()?,
            resource if is_lambda(resource) => return None,
            resource => not_supported(resource),
        };
        Some(format!("state `{state}`: {problem}"))
    });
    let credentials = requirements
        .credentials
        .iter()
        .map(|state| format!("state `{state}`: `Credentials` are not supported yet"));
    calls
        .chain(credentials)
        .map(|message| Diagnostic {
            code: Code::NotSupported,
            severity: Severity::Error,
            message,
            pointer: None,
            location: None,
            span: Span::default(),
            help: None,
        })
        .collect()
}

fn not_supported(resource: &Resource) -> String {
    format!("the resource `{}` is not supported yet", resource.arn())
}

fn is_lambda(resource: &Resource) -> bool {
    match resource {
        Resource::Function { .. } => true,
        Resource::Optimized { service, action, .. } => **service == *"lambda" && **action == *"invoke",
        Resource::AwsSdk { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn optimized(service: &str, action: &str) -> Resource {
        Resource::Optimized {
            arn: format!("arn:aws:states:::{service}:{action}").into(),
            service: service.into(),
            action: action.into(),
        }
    }

    #[test]
    fn what_is_not_supported_names_state_and_resource() {
        let function = Resource::Function {
            arn: "arn:aws:lambda:us-east-1:111122223333:function:charge".into(),
        };
        let supported = Requirements {
            resources: vec![
                (function, "Charge".into()),
                (optimized("lambda", "invoke"), "Ship".into()),
            ],
            credentials: None,
        };
        assert_eq!(unsupported(&supported), []);

        let not_yet = Requirements {
            resources: vec![(optimized("sqs", "sendMessage"), "Notify".into())],
            credentials: Some("Charge".into()),
        };
        let messages: Vec<_> = unsupported(&not_yet).iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "NOT_SUPPORTED: state `Notify`: the resource `arn:aws:states:::sqs:sendMessage` is not supported yet",
                "NOT_SUPPORTED: state `Charge`: `Credentials` are not supported yet",
            ]
        );
    }
}
