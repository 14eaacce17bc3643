//! What can be wrong with a stored value, for the operator who reads of it.

use super::allowed::shown;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use expressway_asl::document::Reference;
use expressway_engine::Fault;
use std::error::Error;

/// The name of the error for a value that is gone, or that must not be read.
pub const MISSING: &str = "Expressway.PayloadMissing";

/// The name of the error for an object that does not hold what was stored there, or what was read there before.
pub const CHANGED: &str = "Expressway.PayloadChanged";

/// The name of the error for an object of others that is larger than this function may load.
pub const TOO_LARGE: &str = "Expressway.PayloadTooLarge";

/// The name of the error for an object that holds no text, or not the text of a value.
pub const UNREADABLE: &str = "Expressway.PayloadUnreadable";

pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// S3 cannot be reached, or does not do what it is asked to now: a later attempt may succeed.
pub(super) fn unavailable(what: &str, reference: &Reference, error: impl Error) -> Fault {
    let error = DisplayErrorContext(error);
    Fault::Store(format!("failed to {what} `{}`: {error}", place(reference)).into())
}

pub(super) fn fault(error: &'static str, reference: &Reference, reason: impl std::fmt::Display) -> Fault {
    let cause = format!("`{}` {reason}", place(reference)).into();
    Fault::Payload { error, cause }
}

/// Why an object could not be read: it is gone, it must not be read, or S3 cannot say.
pub(super) fn unread<E>(what: &str, reference: &Reference, error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = error.code().unwrap_or_default();
    match (status(&error), code) {
        (Some(404), "NoSuchBucket") => fault(MISSING, reference, "is missing: there is no such bucket"),
        (Some(404), _) => missing(reference, "is missing"),
        // A HEAD request is answered without a code.
        (Some(403), "AccessDenied" | "Forbidden" | "") => missing(
            reference,
            "is missing, or the function's role may not read it: it needs `s3:GetObject` (and `kms:Decrypt` with a key \
             of its own), and without `s3:ListBucket` S3 answers 403 for missing objects, too",
        ),
        _ => unavailable(what, reference, error),
    }
}

/// An own object is not there.
pub(super) fn gone(reference: &Reference) -> Fault {
    missing(reference, "is missing")
}

fn missing(reference: &Reference, what: &str) -> Fault {
    let advice = match reference.is_ours() {
        true => {
            "its bucket's lifecycle rule must keep objects a day longer than `EXPRESSWAY_IDEMPOTENCY_SECONDS`, and \
             nothing else may delete them"
        }
        false => {
            "its sender deleted it, or a lifecycle rule of its bucket did: the rule must keep objects longer than the \
             queue and its dead-letter queue keep messages"
        }
    };
    let since = match since(reference) {
        Some(since) => format!("; it was stored at {since} and may have been renewed after that"),
        None => String::new(),
    };
    fault(MISSING, reference, format_args!("{what}{since}; {advice}"))
}

fn since(reference: &Reference) -> Option<String> {
    let seconds = i64::try_from(reference.stored()?).ok()?;
    DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).ok()
}

fn place(reference: &Reference) -> String {
    shown(reference.bucket(), reference.key())
}
