//! S3 notifications: one execution for each record, which Lambda invokes asynchronously.
//!
//! A failed execution fails the invocation. S3 promises no order; the sequencer tells which of two changes of an
//! object came first.

use super::records::{Record, at, key_of, members, text};
use crate::delivery::Source;
use expressway_asl::Document;

pub(super) fn record(record: &Document) -> Record {
    let object = at(record, &["s3", "object"]);
    let bucket = at(record, &["s3", "bucket", "name"]).cloned();
    let part = |place: &[&str]| text(record, place).map(Document::from);
    // Only creations and deletions have a sequencer. Other events of an object are told apart by the request that
    // made them.
    let change: Vec<Option<Document>> = match part(&["s3", "object", "sequencer"]) {
        Some(sequencer) => vec![Some(sequencer)],
        None => vec![part(&["eventTime"]), part(&["responseElements", "x-amz-request-id"])],
    };
    let version = part(&["s3", "object", "versionId"]).unwrap_or(Document::Null);
    let parts = [
        bucket.clone(),
        part(&["s3", "object", "key"]),
        Some(version),
        part(&["eventName"]),
    ];
    let key = key_of(parts.into_iter().chain(change));
    Record {
        source: Source::S3,
        id: text(record, &["s3", "object", "key"]).map(Into::into),
        key,
        order: None,
        fingerprint: Document::object([
            ("event", members(Some(record), &["eventName", "eventTime"])),
            ("bucket", bucket.unwrap_or(Document::Null)),
            ("object", object.cloned().unwrap_or(Document::Null)),
        ]),
        document: record.clone(),
    }
}
