//! Runs Task states against AWS.
//!
//! [`AwsTasks`] is the engine's [`TaskRunner`] that calls the real services. So far that is Lambda, by a
//! function's own ARN and by `arn:aws:states:::lambda:invoke`; [`unsupported`] tells at start-up what a program
//! calls beyond that.
//!
//! A request that may have reached a service is never repeated by itself: what may happen twice is for the
//! definition's Retry to say. The SDK only tries again, up to three times in all (`AWS_MAX_ATTEMPTS`) and with
//! its usual backoff, when no connection could be made or the service throttled the call (429). Such attempts
//! multiply with those of Retry.
//!
//! One file per service (`lambda.rs`), one for what all share: `configuration.rs` (credentials, timeouts,
//! connections) and `error.rs` (what the SDK reports, in Step Functions' names and words).

mod configuration;
mod error;
mod lambda;
mod parameters;

pub use configuration::configuration;

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
}

impl AwsTasks {
    /// A runner for what a program calls; clients of other services are not set up.
    pub fn new(config: &SdkConfig, requirements: &Requirements) -> AwsTasks {
        let calls_lambda = requirements.resources.iter().any(|(resource, _)| is_lambda(resource));
        AwsTasks {
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
            let result = match (&self.lambda, request.resource) {
                (Some(lambda), Resource::Function { arn }) => lambda.call(arn, &request).await,
                (Some(lambda), resource) if is_lambda(resource) => lambda.invoke(&request).await,
                (_, resource) => Err(StateError::new(ErrorName::Runtime, not_supported(resource))),
            };
            Ok(result?)
        })
    }
}

/// What a program calls that [`AwsTasks`] can not do yet, with the first state that asks for it.
pub fn unsupported(requirements: &Requirements) -> Vec<Diagnostic> {
    let resources = requirements.resources.iter();
    let calls = resources
        .filter(|(resource, _)| !is_lambda(resource))
        .map(|(resource, state)| format!("state `{state}`: {}", not_supported(resource)));
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
