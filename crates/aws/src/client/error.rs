//! Why a call gave no result.

use super::watch::{self, Attempts};
use crate::model::Service;
use crate::request::ParameterError;
use crate::response::ErrorAnswer;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use std::fmt;

/// Why a call gave no result, by what it may have done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The parameters do not fit the operation. Nothing was sent.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// Nothing was sent: no credentials, no endpoint, or no connection.
    #[error("the request was not sent: {0}")]
    NotSent(String),
    /// The request, or a part of it, was sent in at least one attempt, and no answer came that can be read: it
    /// may have had its effect.
    #[error("the request may have been sent: {0}")]
    MayHaveBeenSent(String),
    /// There was an answer, but it is larger than what is read of answers.
    #[error("the answer is larger than what is read")]
    AnswerTooLarge,
    /// The service answered with an error.
    #[error("the service answered with an error: {}", .0.cause())]
    Answered(Box<ErrorAnswer>),
}

impl CallError {
    /// The error name in Step Functions.
    ///
    /// Without an answer it is the one of the Java SDK's own errors, `Sqs.SdkClientException`.
    pub fn name(&self, service: &Service) -> String {
        match self {
            CallError::Answered(answer) => answer.name(),
            _ => format!("{}.SdkClientException", service.exception_prefix()),
        }
    }

    /// The cause in Step Functions.
    pub fn cause(&self) -> String {
        match self {
            CallError::Answered(answer) => answer.cause(),
            CallError::Parameters(error) => error.to_string(),
            CallError::AnswerTooLarge => format!("Unable to execute HTTP request: {self}"),
            CallError::NotSent(problem) | CallError::MayHaveBeenSent(problem) => {
                format!("Unable to execute HTTP request: {problem}")
            }
        }
    }

    /// The answer, if the service gave one.
    pub fn answer(&self) -> Option<&ErrorAnswer> {
        match self {
            CallError::Answered(answer) => Some(answer),
            _ => None,
        }
    }
}

/// An error answer as the runtime's retries want it.
#[derive(Debug)]
pub(super) struct ServiceError {
    answer: Box<ErrorAnswer>,
    metadata: ErrorMetadata,
}

impl ServiceError {
    pub(super) fn new(answer: ErrorAnswer) -> ServiceError {
        let mut metadata = ErrorMetadata::builder().code(&answer.code);
        if let Some(message) = &answer.message {
            metadata = metadata.message(message);
        }
        ServiceError {
            metadata: metadata.build(),
            answer: Box::new(answer),
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.answer.code)
    }
}

impl std::error::Error for ServiceError {}

impl ProvideErrorMetadata for ServiceError {
    fn meta(&self) -> &ErrorMetadata {
        &self.metadata
    }
}

pub(super) fn from_sdk(error: SdkError<ServiceError, HttpResponse>, attempts: &Attempts) -> CallError {
    match error {
        SdkError::ServiceError(error) => {
            let mut answer = error.into_err().answer;
            answer.attempts = attempts.count();
            CallError::Answered(answer)
        }
        error if watch::is_too_large(&error) => CallError::AnswerTooLarge,
        error if attempts.may_have_been_sent() => CallError::MayHaveBeenSent(with_causes(&error)),
        error => CallError::NotSent(with_causes(&error)),
    }
}

/// The text of an error and those of its causes, without repetitions.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
