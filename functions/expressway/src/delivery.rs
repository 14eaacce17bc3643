//! One delivery of an event that asks for an execution, and how it ends.

use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::error_name::ErrorName;
use expressway_engine::StateError;
use std::time::Duration;

/// The name of the error that an internal error is reported as. What it was stays in the log.
pub(crate) const INTERNAL_ERROR: &str = "Expressway.InternalError";

/// The kinds of sources. No two of them share keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Http,
    Sqs,
    Sns,
    S3,
    Kinesis,
    DynamoDb,
    Kafka,
    EventBridge,
    Direct,
}

impl Source {
    /// The name that keys, records and logs have for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Source::Http => "http",
            Source::Sqs => "sqs",
            Source::Sns => "sns",
            Source::S3 => "s3",
            Source::Kinesis => "kinesis",
            Source::DynamoDb => "dynamodb",
            Source::Kafka => "kafka",
            Source::EventBridge => "eventbridge",
            Source::Direct => "direct",
        }
    }
}

/// One delivery of an event that asks for an execution.
pub(crate) struct Delivery<'d> {
    /// The kind of the event's source.
    pub(crate) source: Source,
    /// What AWS calls the event: the id of a message, an event or a record. It names the execution where there is no
    /// table, and shows in the log. Never what a caller chose.
    pub(crate) source_id: Option<&'d str>,
    /// Who asks, where the source knows: two callers never share a key.
    pub(crate) caller: Option<Document>,
    /// Whether the source waits for the outcome: a synchronous execution, in terms of Step Functions.
    pub(crate) is_synchronous: bool,
    /// The input of the execution.
    pub(crate) input: Document,
    /// What tells the event apart from others of its source and caller, and is the same in each delivery. Blank is as
    /// good as missing.
    pub(crate) key: Option<&'d str>,
    /// What each delivery of the event has in common: two with the same key must not differ in it.
    pub(crate) fingerprint: Document,
    /// The event as expressions see it.
    pub(crate) event: &'d (dyn Fn() -> Document + Sync),
    /// Whether an output tells of a failure, so that the next delivery tries again: an HTTP response of status 5xx.
    pub(crate) is_failure: fn(&Document) -> bool,
}

/// An execution that gave an output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Success {
    pub(crate) output: Document,
    /// Whether an earlier delivery ran it.
    pub(crate) is_replayed: bool,
}

/// What kind of failure it is, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The execution itself failed; its history says why.
    Execution,
    /// The delivery was refused, and will be again unless something changes.
    Refused,
    /// The delivery comes too early or too late; a later one will do.
    Postponed,
}

/// Why a delivery gave no output, as its caller may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The error's name; a Fail state may give none.
    pub(crate) error: Option<Text>,
    /// What happened, if that is known.
    pub(crate) cause: Option<Text>,
    /// What kind of failure it is.
    pub(crate) kind: FailureKind,
    /// When it makes sense to ask again, if it does.
    pub(crate) retry_after: Option<Duration>,
    /// When the run that has the execution must have ended, if there is one. Asking before that costs a queue's message one of the
    /// receives that it has before it goes to the dead-letter queue.
    pub(crate) free_after: Option<Duration>,
    /// Whether it is the outcome of an earlier delivery.
    pub(crate) is_replayed: bool,
    /// Whether no later delivery will try again.
    pub(crate) is_final: bool,
    /// The execution, if there is one.
    pub(crate) execution_arn: Option<Text>,
    /// More about it, for the log alone: names of tables and buckets are no business of callers.
    pub(crate) detail: Option<String>,
}

impl Failure {
    fn new(kind: FailureKind, error: &str, cause: impl Into<Text>) -> Failure {
        Failure {
            error: Some(error.into()),
            cause: Some(cause.into()),
            kind,
            retry_after: None,
            free_after: None,
            is_replayed: false,
            is_final: false,
            execution_arn: None,
            detail: None,
        }
    }

    /// A delivery that is refused.
    pub(crate) fn refused(error: &str, cause: impl Into<Text>) -> Failure {
        Failure::new(FailureKind::Refused, error, cause)
    }

    /// A delivery that comes too early or too late.
    pub(crate) fn postponed(error: &str, cause: impl Into<Text>) -> Failure {
        Failure::new(FailureKind::Postponed, error, cause)
    }

    /// An execution that had too little time.
    pub(crate) fn timed_out(kind: FailureKind) -> Failure {
        Failure::new(
            kind,
            ErrorName::Timeout.as_str(),
            "the execution did not end in the time it had",
        )
    }

    /// An internal error, which the log of a request explains.
    pub(crate) fn internal(request_id: &str) -> Failure {
        let cause = format!("the execution could not be carried out, the log of request {request_id} says why");
        Failure::new(FailureKind::Execution, INTERNAL_ERROR, cause)
    }

    /// The same failure, of this execution.
    pub(crate) fn of_execution(self, execution_arn: &Text) -> Failure {
        Failure {
            execution_arn: Some(Text::clone(execution_arn)),
            ..self
        }
    }

    /// `{"error": ..., "cause": ...}`, without what is not known.
    pub(crate) fn to_document(&self) -> Document {
        let members = [("error", &self.error), ("cause", &self.cause)];
        let known = members
            .into_iter()
            .filter_map(|(key, value)| Some((key, Document::String(Text::clone(value.as_ref()?)))));
        Document::Object(known.collect())
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Failure {
        Failure {
            error: error.name.map(|name| name.as_str().into()),
            cause: error.cause,
            kind: FailureKind::Execution,
            retry_after: None,
            free_after: None,
            is_replayed: false,
            is_final: false,
            execution_arn: None,
            detail: None,
        }
    }
}
