//! Tasks that are not tried again after errors that pass.

use super::{Around, Linter};
use crate::compile::place::Place;
use crate::diagnostic::Code;
use crate::error_name::ErrorName;
use crate::program::{Retrier, State};
use crate::resource::Resource;

/// What Lambda raises when it is busy or a connection breaks.
///
/// # Source
/// "Best practices for Step Functions": Handle transient Lambda service exceptions.
const LAMBDA_ERRORS: [&str; 4] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
];

impl Linter {
    /// Warns about a task that no retrier, its own or of a state around it, tries again after any such error.
    pub(super) fn missing_retry(
        &mut self,
        place: &Place<'_>,
        state: &State,
        resource: &Resource,
        around: Option<&Around<'_>>,
    ) {
        let is_meant = |retrier: &Retrier| retrier.max_attempts > 0 && is_transient(retrier, resource);
        if state.retry.iter().any(is_meant) || Around::find_retrier(around, is_meant).is_some() {
            return;
        }
        let (what, errors) = if is_lambda(resource) {
            (
                "Lambda".to_owned(),
                LAMBDA_ERRORS.map(|error| format!("\"{error}\"")).join(", "),
            )
        } else {
            (resource.resource_type().to_string(), "\"States.TaskFailed\"".to_owned())
        };
        let place_of_finding = match place.member("Retry") {
            Some(retry) => retry,
            None => match place.member("Resource") {
                Some(resource) => resource,
                None => return,
            },
        };
        self.findings.warn(
            &place_of_finding,
            Code::MissingRetry,
            format!(
                "The task '{}' is not tried again when {what} is busy or can not be reached",
                state.name
            ),
            format!("add a retrier with \"ErrorEquals\": [{errors}]"),
        );
    }
}

fn is_lambda(resource: &Resource) -> bool {
    &*resource.resource_type() == "lambda"
}

/// Whether a retrier is about errors of the service itself. Services other than Lambda name theirs in many ways:
/// any error that begins with the service's name counts.
fn is_transient(retrier: &Retrier, resource: &Resource) -> bool {
    if is_lambda(resource) {
        let errors = LAMBDA_ERRORS.map(ErrorName::from);
        return errors.iter().any(|error| retrier.errors.matches(Some(error)));
    }
    let service = match resource {
        Resource::Function { .. } => "lambda",
        Resource::Optimized { service, .. } | Resource::AwsSdk { service, .. } => service,
    };
    retrier.errors.names().iter().any(|name| match name {
        ErrorName::All | ErrorName::TaskFailed => true,
        ErrorName::HttpSocket => service == "http",
        name => match name.as_str().split_once('.') {
            Some(("States", rest)) => service == "http" && rest.starts_with("Http."),
            // `ApiGateway.429`, `DynamoDB.ThrottlingException`, `StepFunctions...` for `states`.
            Some((prefix, _)) => {
                let prefix = prefix.to_ascii_lowercase();
                prefix.contains(&service.to_ascii_lowercase())
                    || service == "states" && matches!(&*prefix, "sfn" | "stepfunctions")
                    || service == "events" && matches!(&*prefix, "eventbridge" | "cloudwatchevents")
            }
            None => false,
        },
    })
}
