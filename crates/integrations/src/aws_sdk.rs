//! AWS SDK integrations: `arn:aws:states:::aws-sdk:<service>:<action>`, any operation of any service.

use crate::caller::Caller;
use crate::effect::{self, Token};
use crate::parameters;
use crate::started;
use expressway_asl::Document;
use expressway_asl::error_name::ErrorName;
use expressway_aws::CallError;
use expressway_aws::model::{Operation, Service};
use expressway_engine::{StateError, TaskRequest};

/// Calls an operation with the parameters of a task.
///
/// # Errors
/// As the service answers, in Step Functions' names and words; `States.Runtime` for parameters that no request
/// can be made of.
pub(crate) async fn call(
    caller: &Caller,
    service: &str,
    action: &str,
    request: &TaskRequest<'_>,
) -> Result<Document, StateError> {
    let (model, operation) = find(service, action).map_err(|problem| StateError::new(ErrorName::Runtime, problem))?;
    let token = Token::of(request);
    let parameters = effect::with_token(service, action, &request.input, token);
    let options = caller.options(model, operation, request).await?;
    let result = caller.client.call(model, operation, &parameters, &options).await;
    let error = match result {
        Ok(result) => return Ok(result),
        Err(error) => error,
    };
    if let Some(execution) = started::before(caller, action, request, &error, &options).await {
        return Ok(execution.result);
    }
    Err(state_error(error, model, request))
}

/// The error of a call, in the names and words that Step Functions has for its AWS SDK integrations.
fn state_error(error: CallError, model: &Service, request: &TaskRequest<'_>) -> StateError {
    match error {
        CallError::Parameters(error) => parameters::unusable(&request.input, &error.to_string()),
        CallError::AnswerTooLarge => parameters::too_large(request.resource),
        error => StateError::new(error.name(model).as_str(), error.cause()),
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
