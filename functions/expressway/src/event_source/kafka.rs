//! Kafka, managed (MSK) or not: one execution for each record, in order within a partition and key.
//!
//! An event has the records of several partitions, each under `topic-partition`. See [`streams`](super::streams) for
//! the answer.

use super::records::{Record, at, key_of, members, text};
use crate::delivery::Source;
use expressway_asl::Document;

/// The records of an event, if it is one of Kafka and has some.
pub(super) fn records(event: &Document) -> Option<Vec<Record>> {
    let source = text(event, &["eventSource"])?;
    if !["aws:kafka", "SelfManagedKafka"].contains(&source) {
        return None;
    }
    let partitions = event.get("records")?.as_object()?;
    let mut records = Vec::new();
    for partition in partitions.values() {
        records.extend(partition.as_array()?.iter().map(|document| record(event, document)));
    }
    (!records.is_empty()).then_some(records)
}

/// A record; `batch` says of which cluster.
pub(super) fn record(batch: &Document, record: &Document) -> Record {
    let place = place(record);
    let key = place
        .clone()
        .and_then(|(partition, offset)| key_of([Some(cluster(batch).into()), Some(partition.into()), Some(offset)]));
    let partition = place.as_ref().map(|(partition, _)| partition.as_str());
    let order = [
        partition.unwrap_or_default().into(),
        at(record, &["key"]).cloned().unwrap_or(Document::Null),
    ];
    Record {
        source: Source::Kafka,
        id: place.map(|(partition, offset)| format!("{partition}-{offset}").into()),
        key,
        order: key_of(order.map(Some)),
        fingerprint: members(Some(record), &["key", "value"]),
        document: record.clone(),
    }
}

/// The cluster: its ARN, or the servers that it is reached by, in whatever order they are listed.
fn cluster(batch: &Document) -> String {
    let arn = text(batch, &["eventSourceArn"]).or_else(|| text(batch, &["eventSourceARN"]));
    match arn {
        Some(arn) => arn.to_owned(),
        None => {
            let servers = text(batch, &["bootstrapServers"]).unwrap_or_default();
            let mut servers: Vec<&str> = servers.split(',').collect();
            servers.sort_unstable();
            servers.join(",")
        }
    }
}

/// Topic and partition, as Lambda writes them, and the offset.
fn place(record: &Document) -> Option<(String, Document)> {
    let topic = text(record, &["topic"])?;
    let partition = record.get("partition")?.as_i64()?;
    let offset = record.get("offset").filter(|offset| offset.as_i64().is_some())?;
    Some((format!("{topic}-{partition}"), offset.clone()))
}

/// What a record is reported by.
pub(super) fn identifier(record: &Document) -> Option<Document> {
    let (partition, offset) = place(record)?;
    Some(Document::object([("partition", partition.into()), ("offset", offset)]))
}
