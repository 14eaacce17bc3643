//! Kinesis data streams: one execution for each record, in order within a partition key.
//!
//! A pipe has the members of `kinesis` in the record itself. See [`streams`](super::streams) for the answer.

use super::records::{Record, at, key_of, members, text};
use crate::delivery::Source;
use expressway_asl::Document;

/// Where a record has what the stream says of it.
fn details(record: &Document) -> &Document {
    at(record, &["kinesis"]).unwrap_or(record)
}

pub(super) fn record(record: &Document) -> Record {
    let details = details(record);
    let id = text(record, &["eventID"]);
    let stream = text(record, &["eventSourceARN"]).unwrap_or_default();
    Record {
        source: Source::Kinesis,
        id: id.map(Into::into),
        // Shards of all streams have the same names.
        key: id.and_then(|id| key_of([Some(stream.into()), Some(id.into())])),
        order: Some(text(details, &["partitionKey"]).unwrap_or_default().to_owned()),
        fingerprint: members(Some(details), &["partitionKey", "data"]),
        document: record.clone(),
    }
}

/// What a record is reported by.
pub(super) fn sequence_number(record: &Document) -> Option<Document> {
    text(details(record), &["sequenceNumber"]).map(Document::from)
}
