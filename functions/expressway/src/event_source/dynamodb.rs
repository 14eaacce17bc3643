//! DynamoDB streams: one execution for each change, in order within an item.
//!
//! See [`streams`](super::streams) for the answer.

use super::records::{Record, at, key_of, text};
use crate::delivery::Source;
use expressway_asl::Document;

pub(super) fn record(record: &Document) -> Record {
    let id = text(record, &["eventID"]);
    let stream = text(record, &["eventSourceARN"]).unwrap_or_default();
    let change = at(record, &["dynamodb"]).cloned().unwrap_or(Document::Null);
    Record {
        source: Source::DynamoDb,
        id: id.map(Into::into),
        key: id.and_then(|id| key_of([Some(stream.into()), Some(id.into())])),
        // The stream writes the keys of an item in the same way each time.
        order: Some(change.get("Keys").map(Document::to_json).unwrap_or_default()),
        fingerprint: change,
        document: record.clone(),
    }
}

/// What a record is reported by.
pub(super) fn sequence_number(record: &Document) -> Option<Document> {
    text(record, &["dynamodb", "SequenceNumber"]).map(Document::from)
}
