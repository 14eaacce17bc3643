//! Lambda: by a function's own ARN, and by `arn:aws:states:::lambda:invoke`.

#![warn(clippy::arithmetic_side_effects)]

mod answer;

use crate::effect::Token;
use crate::error;
use crate::parameters::Parameters;
use crate::roles::Roles;
use answer::Answer;
use aws_config::SdkConfig;
use aws_sdk_lambda::config::StalledStreamProtectionConfig;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::operation::invoke::builders::InvokeFluentBuilder;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_asl::error_name::ErrorName;
use expressway_engine::{StateError, TaskRequest};

/// The parameters of `lambda:invoke`.
pub(crate) const PARAMETERS: &[&str] = &[
    "ClientContext",
    "DurableExecutionName",
    "FunctionName",
    "InvocationType",
    "LogType",
    "Payload",
    "Qualifier",
    "TenantId",
];

pub(crate) const REQUIRED: &[&str] = &["FunctionName"];

/// The client of Lambda.
#[derive(Debug)]
pub(crate) struct Lambda {
    client: aws_sdk_lambda::Client,
}

/// A client of Lambda that sends nothing twice that may have been acted on.
pub(crate) fn client(config: &SdkConfig) -> aws_sdk_lambda::Client {
    // What was sent is only watched for the answer: while a function works, nothing moves.
    let stalled_streams = StalledStreamProtectionConfig::enabled().upload_enabled(false).build();
    let config = aws_sdk_lambda::config::Builder::from(config)
        .stalled_stream_protection(stalled_streams)
        .retry_classifier(error::NeverTwice)
        .build();
    aws_sdk_lambda::Client::from_conf(config)
}

impl Lambda {
    pub(crate) fn new(config: &SdkConfig) -> Lambda {
        Lambda { client: client(config) }
    }

    /// The same, for the role that a task runs under.
    ///
    /// # Errors
    /// `States.TaskFailed`: the role can not be assumed.
    pub(crate) async fn under_role(&self, roles: &Roles, request: &TaskRequest<'_>) -> Result<Lambda, StateError> {
        let client = roles.lambda(request).await?;
        let client = client.unwrap_or_else(|| self.client.clone());
        Ok(Lambda { client })
    }

    /// Calls a function: the effective input is its event, what it returns is the result.
    ///
    /// # Errors
    /// The function's own error, or one of `Lambda.*`. `States.TaskFailed` if it returned what is not JSON.
    pub(crate) async fn call(&self, arn: &Text, request: &TaskRequest<'_>) -> Result<Document, StateError> {
        let invoke = self.client.invoke().function_name(&**arn);
        let invoke = invoke
            .payload(Blob::new(request.input.to_json()))
            .set_client_context(Token::of(request).map(Token::client_context));
        let (output, _) = send(invoke, request).await?;
        let payload = payload(output, arn)?;
        if payload.is_empty() {
            return Ok(Document::Null);
        }
        Document::parse(&payload).map_err(|error| {
            let cause = format!("the function `{arn}` returned what is not JSON: {error}");
            StateError::new(ErrorName::TaskFailed, cause)
        })
    }

    /// Calls `Invoke` with the parameters of the Task state; the result tells about the call, too.
    ///
    /// A payload that is not JSON stays text.
    ///
    /// # Errors
    /// The function's own error, or one of `Lambda.*`. `States.Runtime` if the parameters do not fit.
    ///
    /// # Source
    /// Recorded: `services/lambda_task_service*`.
    pub(crate) async fn invoke(&self, request: &TaskRequest<'_>) -> Result<Document, StateError> {
        let mut parameters = Parameters::new(&request.input, PARAMETERS);
        let name = parameters.required_text("FunctionName");
        let context = parameters.text("ClientContext");
        let context = context.or_else(|| Token::of(request).map(Token::client_context));
        let invocation_type = parameters.text("InvocationType");
        let log_type = parameters.text("LogType");
        let invoke = self
            .client
            .invoke()
            .set_function_name(name)
            .set_qualifier(parameters.text("Qualifier"))
            .set_invocation_type(invocation_type.as_deref().map(InvocationType::from))
            .set_log_type(log_type.as_deref().map(LogType::from))
            .set_client_context(context)
            .set_durable_execution_name(parameters.text("DurableExecutionName"))
            .set_tenant_id(parameters.text("TenantId"))
            .set_payload(parameters.get("Payload").map(|payload| {
                // A string is the JSON text itself (recorded: `services/*invoke_json_values*`).
                let text = payload.as_str().map_or_else(|| payload.to_json(), str::to_owned);
                Blob::new(text)
            }));
        parameters.check()?;

        let (output, answer) = send(invoke, request).await?;
        let mut result = Object::new();
        let mut insert = |key: &'static str, value: Option<String>| {
            if let Some(value) = value {
                result.insert(key, value.into());
            }
        };
        insert("DurableExecutionArn", output.durable_execution_arn.clone());
        insert("ExecutedVersion", output.executed_version.clone());
        insert("LogResult", output.log_result.clone());
        let status_code = output.status_code;
        let payload = payload(output, request.resource.arn())?;
        let payload = Document::parse(&payload).unwrap_or_else(|_| Document::from(payload));
        result.insert("Payload", payload);
        answer.insert_metadata(&mut result);
        result.insert("StatusCode", Document::from(i64::from(status_code)));
        Ok(result.into())
    }
}

/// Sends a request and waits for its answer. Fails as Step Functions does if the call or the function failed.
async fn send(invoke: InvokeFluentBuilder, request: &TaskRequest<'_>) -> Result<(InvokeOutput, Answer), StateError> {
    let answer = Answer::default();
    let sent = invoke.customize().interceptor(answer.clone()).send().await;
    let output = sent.map_err(|error| error::from_sdk(&error, request.resource))?;
    if output.function_error.is_some() {
        let payload = payload(output, request.resource.arn())?;
        return Err(function_error(payload));
    }
    Ok((output, answer))
}

/// The error that a function reported: its name is the `errorType` of the payload, its cause all of it.
///
/// # Source
/// Recorded: `error_handling/task_lambda*`. The words for a payload without a type are the service's, as
/// public reports quote them.
fn function_error(payload: String) -> StateError {
    let document = Document::parse(&payload).unwrap_or_default();
    match document.get("errorType").and_then(Document::as_str) {
        Some(error_type) => StateError::new(error_type, payload),
        None => {
            let cause = format!(
                "The cause could not be determined because Lambda did not return an error type. \
                 Returned payload: {payload}"
            );
            StateError::new("Lambda.Unknown", cause)
        }
    }
}

/// The payload of an answer, as text.
fn payload(output: InvokeOutput, arn: &str) -> Result<String, StateError> {
    let bytes = output.payload.map(Blob::into_inner).unwrap_or_default();
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let cause = format!("the payload that `{arn}` returned is not UTF-8 at byte {at}");
        StateError::new(ErrorName::TaskFailed, cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_error_is_named_by_its_type() {
        for (payload, name, cause) in [
            (
                r#"{"errorMessage":"no funds","errorType":"PaymentFailed"}"#,
                "PaymentFailed",
                r#"{"errorMessage":"no funds","errorType":"PaymentFailed"}"#,
            ),
            (
                r#"{"errorMessage":"Task timed out after 3.00 seconds"}"#,
                "Lambda.Unknown",
                "The cause could not be determined because Lambda did not return an error type. \
                 Returned payload: {\"errorMessage\":\"Task timed out after 3.00 seconds\"}",
            ),
            (
                r#"{"errorType":7}"#,
                "Lambda.Unknown",
                "The cause could not be determined because Lambda did not return an error type. \
                 Returned payload: {\"errorType\":7}",
            ),
            (
                "<html>",
                "Lambda.Unknown",
                "The cause could not be determined because Lambda did not return an error type. \
                 Returned payload: <html>",
            ),
        ] {
            assert_eq!(
                function_error(payload.into()),
                StateError::new(name, cause),
                "{payload}"
            );
        }
    }
}
