//! SNS topics: one execution for each record, which Lambda invokes asynchronously.
//!
//! A failed execution fails the invocation, so that Lambda tries again, and then the dead-letter queue or the
//! destination gets the event.

use super::records::{Record, at, members, text};
use crate::delivery::Source;
use expressway_asl::Document;

/// A redelivered record may be signed anew.
const FINGERPRINT: [&str; 4] = ["TopicArn", "Subject", "Message", "MessageAttributes"];

pub(super) fn record(record: &Document) -> Record {
    let id = text(record, &["Sns", "MessageId"]);
    Record {
        source: Source::Sns,
        id: id.map(Into::into),
        key: id.map(str::to_owned),
        order: None,
        fingerprint: members(at(record, &["Sns"]), &FINGERPRINT),
        document: record.clone(),
    }
}
