//! What Kinesis, DynamoDB streams and Kafka have in common: a failed record is reported, and all that come after it
//! are delivered again with it.
//!
//! The event source mapping must have `ReportBatchItemFailures`; without it Lambda takes any answer as success of the
//! whole batch. Reported is the first record of a shard or partition that failed, or did not run before the deadline.
//! Lambda goes on from there, and with `BisectBatchOnFunctionError` it divides the batch there.
//!
//! Records with other keys than the failed one run all the same. With a table they do not run again; without one,
//! whatever comes after the first failure does.
//!
//! A pipe delivers again what is reported, by other ids and one by one. It has no reports for Kafka.

use super::records::{self, Record};
use super::{dynamodb, kafka, kinesis};
use crate::delivery::Source;
use crate::handler::{Invocation, InvocationError};
use expressway_asl::Document;

/// Who delivers the records of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Poller {
    /// An event source mapping of Lambda.
    Mapping,
    /// A pipe of EventBridge.
    Pipe,
}

pub(super) async fn handle(
    invocation: &Invocation<'_>,
    records: Vec<Record>,
    poller: Poller,
) -> Result<String, InvocationError> {
    let identifiers = identifiers(&records, poller).map_err(|message| invocation.invalid_event(&message))?;
    let results = records::run(invocation, records).await;
    let failed: Vec<bool> = results.iter().map(Result::is_err).collect();
    let unfinished = identifiers.iter().zip(&failed).filter(|(_, has_failed)| **has_failed);
    let mut reported: Vec<&Identifier> = Vec::new();
    for (identifier, _) in unfinished {
        let is_first = reported.iter().all(|known| known.shard != identifier.shard);
        if is_first || poller == Poller::Pipe {
            reported.push(identifier);
        }
    }
    let reported: Vec<Document> = reported
        .into_iter()
        .map(|identifier| Document::object([("itemIdentifier", identifier.item.clone())]))
        .collect();
    let answer = Document::object([("batchItemFailures", reported.into())]).to_json();
    let count = failed.iter().filter(|has_failed| **has_failed).count();
    if count > 0 {
        invocation.warning(&format!(
            "{count} of {} records did not succeed, the answer is {answer}",
            failed.len()
        ));
    }
    Ok(answer)
}

/// What a record is reported by.
struct Identifier {
    /// What Lambda keeps its place in: partitions of Kafka, else the shard that all records of a batch are from.
    shard: Option<Document>,
    item: Document,
}

/// What the records are reported by. One that could not be reported fails the invocation before anything has run.
fn identifiers(records: &[Record], poller: Poller) -> Result<Vec<Identifier>, String> {
    let identifiers = records.iter().enumerate().map(|(at, record)| {
        let document = &record.document;
        let (item, needed) = match (record.source, poller) {
            (Source::Kafka, _) => (kafka::identifier(document), "topic, partition and offset"),
            (_, Poller::Pipe) => (record.id.as_deref().map(Document::from), "`eventID`"),
            (Source::DynamoDb, Poller::Mapping) => (dynamodb::sequence_number(document), "`SequenceNumber`"),
            (_, Poller::Mapping) => (kinesis::sequence_number(document), "`sequenceNumber`"),
        };
        let item = item.ok_or_else(|| format!("record {at} of the batch has no {needed} to report it by"))?;
        Ok(Identifier {
            shard: item.get("partition").cloned(),
            item,
        })
    });
    identifiers.collect()
}
