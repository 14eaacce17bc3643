//! Batches of records: which source they come from, and one execution for each.
//!
//! The input of an execution is its record. Records that must stay in order run one after the other, and after a
//! failure the rest of them does not run; all others run side by side, up to `EXPRESSWAY_BATCH_CONCURRENCY`.

use super::{dynamodb, event_bridge, kafka, kinesis, s3, sns};
use crate::delivery::{Delivery, Failure, Source};
use crate::handler::{ANSWER_BYTES_MAX, Invocation, InvocationError};
use expressway_asl::Document;
use expressway_asl::document::Text;
use futures_util::{StreamExt, stream};
use std::collections::HashMap;

/// One record of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) source: Source,
    /// What AWS calls it.
    pub(super) id: Option<Text>,
    /// What tells it apart from all other records of its source.
    pub(super) key: Option<String>,
    /// What it has in common with the records that it must stay in order with.
    pub(super) order: Option<String>,
    /// What its deliveries have in common.
    pub(super) fingerprint: Document,
    pub(super) document: Document,
}

impl Record {
    /// The record of a batch or a pipe, as its source says; `None` if the source is none of those that send records.
    pub(super) fn new(document: &Document) -> Option<Record> {
        let source = text(document, &["eventSource"]).or_else(|| text(document, &["EventSource"]));
        Some(match source {
            Some("aws:sns") => sns::record(document),
            Some("aws:s3") => s3::record(document),
            Some("aws:kinesis") => kinesis::record(document),
            Some("aws:dynamodb") => dynamodb::record(document),
            Some("aws:kafka" | "SelfManagedKafka") => kafka::record(document, document),
            _ if event_bridge::is_event(document) => event_bridge::record(document),
            _ => return None,
        })
    }

    /// A record of a source that is not known.
    pub(super) fn of_unknown_source(document: &Document) -> Record {
        Record {
            source: Source::Direct,
            id: None,
            key: None,
            order: None,
            fingerprint: document.clone(),
            document: document.clone(),
        }
    }
}

/// The records, if there are some, and all are of one source.
pub(super) fn of_one_source(documents: &[Document]) -> Option<Vec<Record>> {
    let records: Option<Vec<Record>> = documents.iter().map(Record::new).collect();
    records.filter(|records| match records.split_first() {
        Some((first, rest)) => rest.iter().all(|record| record.source == first.source),
        None => false,
    })
}

/// What one execution of a batch is run for: a record, or a message.
pub(super) trait Item: Send {
    fn source(&self) -> Source;

    /// What AWS calls it.
    fn id(&self) -> Option<&str>;

    /// What it has in common with those that it must stay in order with.
    fn order(&self) -> Option<Text>;

    fn execute(&self, invocation: &Invocation<'_>) -> impl Future<Output = Result<Document, Failure>> + Send;
}

impl Item for Record {
    fn source(&self) -> Source {
        self.source
    }

    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn order(&self) -> Option<Text> {
        self.order.as_deref().map(Text::from)
    }

    async fn execute(&self, invocation: &Invocation<'_>) -> Result<Document, Failure> {
        execute(invocation, self).await
    }
}

/// Runs one execution for each item; returns what each gave, in the order of the items.
///
/// Those that must stay in order run one after the other, and after a failure the rest of them does not run: it must
/// not overtake. All others run side by side. What the deadline keeps from being run fails, too.
pub(super) async fn run<T: Item>(invocation: &Invocation<'_>, items: Vec<T>) -> Vec<Result<Document, Failure>> {
    let mut lanes: Vec<Vec<(usize, T)>> = Vec::new();
    let mut places: HashMap<Text, usize> = HashMap::new();
    for (at, item) in items.into_iter().enumerate() {
        let place = item.order().map(|order| *places.entry(order).or_insert(lanes.len()));
        match place.and_then(|place| lanes.get_mut(place)) {
            Some(lane) => lane.push((at, item)),
            None => lanes.push(vec![(at, item)]),
        }
    }
    let concurrency = invocation.handler.configuration.batch_concurrency;
    let lanes = stream::iter(lanes).map(|lane| run_lane(invocation, lane));
    let results: Vec<Vec<_>> = lanes.buffer_unordered(concurrency).collect().await;
    let mut results: Vec<_> = results.into_iter().flatten().collect();
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

async fn run_lane<T: Item>(
    invocation: &Invocation<'_>,
    lane: Vec<(usize, T)>,
) -> Vec<(usize, Result<Document, Failure>)> {
    let mut results = Vec::with_capacity(lane.len());
    let mut has_failed = false;
    for (at, item) in lane {
        let refused = |error, cause: &str| {
            let failure = Failure::postponed(error, cause);
            invocation.refused(item.source(), item.id().map(str::to_owned), &failure);
            Err(failure)
        };
        let result = if has_failed {
            refused(
                "Expressway.EarlierRecordFailed",
                "an earlier record failed that this one must not overtake",
            )
        } else if invocation.is_over() {
            refused(
                "Expressway.NotReached",
                "the deadline came before the record was reached",
            )
        } else {
            item.execute(invocation).await
        };
        has_failed |= result.is_err();
        results.push((at, result));
    }
    results
}

/// Runs the execution that a record asks for.
pub(super) async fn execute(invocation: &Invocation<'_>, record: &Record) -> Result<Document, Failure> {
    let delivery = Delivery {
        source: record.source,
        source_id: record.id.as_deref(),
        caller: None,
        is_synchronous: false,
        // Shares the event.
        input: record.document.clone(),
        key: record.key.as_deref(),
        fingerprint: record.fingerprint.clone(),
        event: &|| record.document.clone(),
        is_failure: |_| false,
    };
    Ok(invocation.execute(delivery).await?.output)
}

/// The array of outputs. All records have run, also when one failed: the batch is delivered again as a whole, and a
/// record that always fails must not keep the others from being handled.
///
/// # Errors
/// One of the executions failed: the first, with how many did.
pub(super) async fn outputs(
    invocation: &Invocation<'_>,
    results: Vec<Result<Document, Failure>>,
) -> Result<String, InvocationError> {
    let all = results.len();
    let failed = results.iter().filter(|result| result.is_err()).count();
    let outputs: Result<Vec<Document>, Failure> = results.into_iter().collect();
    match outputs {
        Ok(outputs) => {
            let outputs = Document::from(outputs);
            Ok(invocation.resolved(outputs, ANSWER_BYTES_MAX).await?.to_json())
        }
        Err(first) => {
            let error = InvocationError::from(first);
            let message = match failed {
                1 => error.message,
                _ => format!("{failed} of {all} executions failed, the first: {}", error.message),
            };
            Err(InvocationError { message, ..error })
        }
    }
}

/// Runs one execution for each record; the answer is the array of outputs.
pub(super) async fn handle(invocation: &Invocation<'_>, records: Vec<Record>) -> Result<String, InvocationError> {
    let results = run(invocation, records).await;
    outputs(invocation, results).await
}

/// The value in a document that is reached by these names.
pub(super) fn at<'d>(document: &'d Document, place: &[&str]) -> Option<&'d Document> {
    place.iter().try_fold(document, |at, name| at.get(name))
}

/// The text in a document that is reached by these names, if it is there and not empty.
pub(super) fn text<'d>(document: &'d Document, place: &[&str]) -> Option<&'d str> {
    at(document, place)?.as_str().filter(|text| !text.is_empty())
}

/// These members of an object.
pub(super) fn members(object: Option<&Document>, names: &[&'static str]) -> Document {
    let members = names
        .iter()
        .filter_map(|name| Some((*name, object?.get(name)?.clone())));
    Document::Object(members.collect())
}

/// A key of several parts, none of which can be mistaken for another.
pub(super) fn key_of(parts: impl IntoIterator<Item = Option<Document>>) -> Option<String> {
    let parts: Option<Vec<Document>> = parts.into_iter().collect();
    Some(Document::from(parts?).to_json())
}
