//! What the SDK reports, in Step Functions' names and words, and what may be tried again by itself.

use crate::parameters;
use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_lambda::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use expressway_asl::resource::Resource;
use expressway_aws::client::could_not_connect;
use expressway_engine::StateError;
use std::error::Error;

/// What is known of a request that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    /// It never left: nobody has acted on it.
    NotSent,
    /// It may have arrived: what it asked for may have happened.
    MayHaveBeenSent,
}

/// Keeps the SDK from sending a request again that may have been acted on.
///
/// The SDK's standard retries stay for connections that could not be made and for throttling (429). Anything
/// else goes to the definition at once: only its Retry says whether a function may run twice, and attempts of
/// both kinds multiply.
#[derive(Debug)]
pub(crate) struct NeverTwice;

impl ClassifyRetry for NeverTwice {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        const TOO_MANY_REQUESTS: u16 = 429;
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let was_not_acted_on = match (error.as_connector_error(), context.response()) {
            (Some(error), _) => delivery(error) == Delivery::NotSent,
            (None, Some(response)) => response.status().as_u16() == TOO_MANY_REQUESTS,
            // An attempt that took too long may have been sent.
            (None, None) => !error.is_timeout_error(),
        };
        if was_not_acted_on {
            RetryAction::NoActionIndicated
        } else {
            RetryAction::RetryForbidden
        }
    }

    fn name(&self) -> &'static str {
        "NeverTwice"
    }
}

fn delivery(error: &ConnectorError) -> Delivery {
    if error.is_user() || could_not_connect(error) {
        Delivery::NotSent
    } else {
        Delivery::MayHaveBeenSent
    }
}

/// The error of a failed call of Lambda.
pub(crate) fn from_sdk(error: &SdkError<InvokeError, HttpResponse>, resource: &Resource) -> StateError {
    match error {
        SdkError::ServiceError(answered) => {
            let status = answered.raw().status().as_u16();
            service_error(answered.err(), status)
        }
        _ if find::<http_body_util::LengthLimitError>(error).is_some() => parameters::too_large(resource),
        SdkError::DispatchFailure(failure) => {
            let text = match (failure.is_timeout(), failure.as_connector_error().map(delivery)) {
                (true, Some(Delivery::NotSent)) => "connect timed out".to_owned(),
                (true, _) => "Read timed out".to_owned(),
                (false, _) => innermost(error),
            };
            client_error(format!("Unable to execute HTTP request: {text}"))
        }
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => {
            client_error(format!("Unable to execute HTTP request: {}", innermost(error)))
        }
        _ => client_error(innermost(error)),
    }
}

/// An error that the service answered with. Those of its model keep their name, all others get the service's.
///
/// # Source
/// Recorded: `error_handling/task_service_lambda.test_no_such_function*`. The form is that of the SDK for
/// Java, which Step Functions calls Lambda by; it writes `null` for what the answer lacks.
fn service_error(error: &InvokeError, status: u16) -> StateError {
    let code = error.code().unwrap_or("null");
    #[expect(deprecated, reason = "which errors the model lacks is the very question")]
    let is_modelled = !matches!(error, InvokeError::Unhandled(_));
    let name = match is_modelled {
        true => format!("Lambda.{code}"),
        false => "Lambda.AWSLambdaException".to_owned(),
    };
    let cause = format!(
        "{} (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: {}; Proxy: null)",
        error.message().unwrap_or("null"),
        error.meta().request_id().unwrap_or("null"),
    );
    StateError::new(name.as_str(), cause)
}

/// An error on our side of the wire.
fn client_error(cause: String) -> StateError {
    StateError::new("Lambda.SdkClientException", cause)
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// What an error that wraps others comes down to.
fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_lambda::error::ErrorMetadata;
    use aws_sdk_lambda::types::error::TooManyRequestsException;

    #[test]
    fn answered_errors_are_named_as_the_service_names_them() {
        let meta = |code: &str, message: &str| {
            let meta = ErrorMetadata::builder().code(code).message(message);
            meta.custom("aws_request_id", "r-1").build()
        };
        let throttled = TooManyRequestsException::builder()
            .meta(meta("TooManyRequestsException", "Rate Exceeded."))
            .message("Rate Exceeded.")
            .build();
        let throttled = InvokeError::TooManyRequestsException(throttled);
        assert_eq!(
            service_error(&throttled, 429),
            StateError::new(
                "Lambda.TooManyRequestsException",
                "Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; \
                 Request ID: r-1; Proxy: null)"
            )
        );
        let denied = InvokeError::generic(meta("AccessDeniedException", "not authorized"));
        assert_eq!(
            service_error(&denied, 403),
            StateError::new(
                "Lambda.AWSLambdaException",
                "not authorized (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException; \
                 Request ID: r-1; Proxy: null)"
            )
        );
        let bare = InvokeError::generic(ErrorMetadata::builder().build());
        assert_eq!(
            service_error(&bare, 503).cause.as_deref(),
            Some("null (Service: AWSLambda; Status Code: 503; Error Code: null; Request ID: null; Proxy: null)")
        );
    }
}
