//! SQS queues: one execution per message, and an answer that names the messages to hand back.
//!
//! The event source mapping must have `ReportBatchItemFailures`; without it the queue takes any answer as
//! success of the whole batch. Handed back are exactly the messages whose execution failed, and those that
//! were not reached or not finished before the deadline.
//!
//! The messages of a FIFO queue run in order within their message group, and after a failure the rest of the
//! group is handed back unrun: it must not overtake. Groups run side by side. Standard queues may have message
//! groups too (fair queues), but promise no order; what counts is the queue's name.
//!
//! When a message comes again that was handed back is the queue's to say, or that of `EXPRESSWAY_RETRY_BACKOFF`.

mod queues;

pub use queues::{Backoff, Queues};
pub(crate) use queues::{VisibilityChange, queue_url};

use super::records::{self, Item};
use crate::config::SqsInput;
use crate::delivery::{Delivery, Failure, Source};
use crate::handler::{Invocation, InvocationError, TOO_LARGE};
use expressway_asl::Document;
use expressway_asl::document::{self, Text};
use futures_util::{StreamExt, stream};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The records of a batch, if this is one. An empty batch does not say whose it is; only SQS is answered with
/// a list of failures, so it is taken for SQS.
pub(super) fn records(event: &Document) -> Option<&[Document]> {
    let records = event.get("Records")?.as_array()?;
    let is_only_member = event.as_object().is_some_and(|object| object.len() == 1);
    match records.first() {
        Some(first) => is_record(first).then_some(records),
        None => is_only_member.then_some(records),
    }
}

/// Whether this is a record of SQS.
pub(super) fn is_record(record: &Document) -> bool {
    record.get("eventSource").and_then(Document::as_str) == Some("aws:sqs")
}

/// A message of a batch.
struct Message {
    /// Its place in the batch.
    at: usize,
    id: Text,
    record: Document,
}

pub(super) async fn handle(invocation: &Invocation<'_>, records: &[Document]) -> Result<String, InvocationError> {
    let messages = messages(records).map_err(|message| invocation.invalid_event(&message))?;
    let bodies = messages.iter().filter_map(|message| message.record.get("body"));
    let concurrency = invocation.batch_concurrency(bodies.map(memory).max().unwrap_or_default());
    let lanes = stream::iter(lanes(messages)).map(|lane| run_lane(invocation, lane));
    let handed_back: Vec<Vec<HandedBack>> = lanes.buffer_unordered(concurrency).collect().await;
    let mut handed_back: Vec<HandedBack> = handed_back.into_iter().flatten().collect();
    handed_back.sort_unstable_by_key(|handed_back| handed_back.message.at);
    space(invocation, &handed_back).await;
    count(invocation, &handed_back, records.len());
    let failures: Vec<Document> = handed_back
        .iter()
        .map(|HandedBack { message, .. }| {
            Document::object([("itemIdentifier", Document::String(Text::clone(&message.id)))])
        })
        .collect();
    Ok(Document::object([("batchItemFailures", failures.into())]).to_json())
}

/// The messages of a batch. One without an id could not be handed back alone, so it fails the invocation
/// before anything has run: the queue delivers the whole batch again.
fn messages(records: &[Document]) -> Result<Vec<Message>, String> {
    let messages = records.iter().enumerate().map(|(at, record)| {
        match record.get("messageId") {
            Some(Document::String(id)) if !id.is_empty() && is_record(record) => Ok(Message {
                at,
                id: Text::clone(id),
                // Shares the event, as the executions do.
                record: record.clone(),
            }),
            _ => Err(format!(
                "record {at} of the batch is not an SQS message with a `messageId`"
            )),
        }
    });
    messages.collect()
}

/// The messages, grouped by what must run in order: message groups of FIFO queues, else single messages.
fn lanes(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut lanes: Vec<Vec<Message>> = Vec::new();
    let mut places: HashMap<Text, usize> = HashMap::new();
    for message in messages {
        let Some(group) = fifo_group(&message.record) else {
            lanes.push(vec![message]);
            continue;
        };
        let place = *places.entry(group).or_insert(lanes.len());
        match lanes.get_mut(place) {
            Some(lane) => lane.push(message),
            None => lanes.push(vec![message]),
        }
    }
    lanes
}

fn fifo_group(record: &Document) -> Option<Text> {
    let queue = record.get("eventSourceARN")?.as_str()?;
    if !queue.ends_with(".fifo") {
        return None;
    }
    match record.get("attributes")?.get("MessageGroupId") {
        Some(Document::String(group)) => Some(Text::clone(group)),
        _ => None,
    }
}

/// A message that goes back to its queue.
struct HandedBack {
    message: Message,
    again: Again,
    reason: Text,
}

/// When a message that is handed back is to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// It has failed, or the one before it in its lane.
    AfterFailure {
        /// How often that one was received.
        received: u32,
    },
    /// Not before there is a point in it.
    After(Duration),
}

/// Says how many messages go back to their queue, by reason. Each has a line of its own before it.
fn count(invocation: &Invocation<'_>, handed_back: &[HandedBack], all: usize) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for handed_back in handed_back {
        *counts.entry(&handed_back.reason).or_default() += 1;
    }
    if !counts.is_empty() {
        let counts: Vec<_> = counts
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        invocation.warning(&format!(
            "{} of {all} messages go back to their queue: {}",
            handed_back.len(),
            counts.join(", ")
        ));
    }
}

/// Runs the messages of a lane one after the other; returns those to hand back.
async fn run_lane(invocation: &Invocation<'_>, lane: Vec<Message>) -> Vec<HandedBack> {
    let mut messages = lane.into_iter();
    while let Some(message) = messages.next() {
        let Err(failure) = execute(invocation, &message).await else {
            continue;
        };
        if failure.is_final && queues::set_aside(invocation, &message.record, &failure).await {
            continue;
        }
        let again = match failure.free_after.or(failure.retry_after) {
            Some(delay) => Again::After(delay),
            None => Again::AfterFailure {
                received: message.received(),
            },
        };
        let first = HandedBack {
            reason: failure.error.unwrap_or_else(|| "ExecutionFailed".into()),
            message,
            again,
        };
        // The rest must not overtake it.
        let rest = messages.map(|message| {
            let failure = Failure::postponed(
                "Expressway.EarlierMessageFailed",
                format!("message {} of the same group goes back to the queue", first.message.id),
            );
            invocation.refused(Source::Sqs, Some(message.id.to_string()), &failure);
            HandedBack {
                reason: failure.error.unwrap_or_default(),
                message,
                again,
            }
        });
        let rest: Vec<_> = rest.collect();
        return std::iter::once(first).chain(rest).collect();
    }
    Vec::new()
}

/// Tells the queue when the messages may come again, if that is configured.
async fn space(invocation: &Invocation<'_>, handed_back: &[HandedBack]) {
    let handler = invocation.handler;
    let (Some(backoff), Some(queues)) = (handler.configuration.retry_backoff, &handler.queues) else {
        return;
    };
    let Some(queue) = handed_back
        .first()
        .and_then(|first| first.message.record.get("eventSourceARN")?.as_str())
    else {
        return;
    };
    let changes = handed_back.iter().filter_map(|HandedBack { message, again, .. }| {
        let delay = match again {
            Again::AfterFailure { received } => backoff.delay(*received),
            Again::After(delay) => *delay,
        };
        match message.record.get("receiptHandle") {
            Some(Document::String(receipt_handle)) => Some(VisibilityChange {
                receipt_handle: Text::clone(receipt_handle),
                delay,
            }),
            _ => None,
        }
    });
    let changes: Vec<_> = changes.collect();
    let changing = queues.change_visibility(queue, &changes);
    let problems = invocation.until(invocation.answer_by(), changing).await;
    for problem in problems.unwrap_or_else(|| vec!["the queue did not answer in time".to_owned()]) {
        invocation.warning(&format!("a message comes back when its queue says: {problem}"));
    }
}

impl Message {
    /// How often it was received.
    fn received(&self) -> u32 {
        let attributes = self.record.get("attributes");
        let count = attributes.and_then(|attributes| attributes.get("ApproximateReceiveCount")?.as_str());
        count.and_then(|count| count.parse().ok()).unwrap_or(1)
    }
}

/// Runs one execution for each message; returns what each gave, in the order of the messages.
///
/// # Errors
/// One of the records is not a message.
pub(super) async fn run(
    invocation: &Invocation<'_>,
    batch: &[Document],
) -> Result<Vec<Result<Document, Failure>>, InvocationError> {
    let messages = messages(batch).map_err(|message| invocation.invalid_event(&message))?;
    Ok(records::run(invocation, messages).await)
}

impl Item for Message {
    fn source(&self) -> Source {
        Source::Sqs
    }

    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn order(&self) -> Option<Text> {
        fifo_group(&self.record)
    }

    async fn execute(&self, invocation: &Invocation<'_>) -> Result<Document, Failure> {
        execute(invocation, self).await
    }
}

async fn execute(invocation: &Invocation<'_>, message: &Message) -> Result<Document, Failure> {
    let (input, body) = input(invocation, message).inspect_err(|failure| {
        invocation.refused(Source::Sqs, Some(message.id.to_string()), failure);
    })?;
    let delivery = Delivery {
        source: Source::Sqs,
        source_id: Some(&message.id),
        caller: None,
        is_synchronous: false,
        input,
        key: Some(&message.id),
        // The rest of the record differs between deliveries.
        fingerprint: body.clone(),
        event: &|| with_body(&message.record, body.clone()),
        is_failure: |_| false,
    };
    Ok(invocation.execute(delivery).await?.output)
}

/// The input that a message gives its execution, and the body as its JSON.
fn input(invocation: &Invocation<'_>, message: &Message) -> Result<(Document, Document), Failure> {
    if invocation.is_over() {
        return Err(Failure {
            retry_after: Some(Duration::ZERO),
            ..Failure::postponed(
                "Expressway.NotReached",
                "the deadline came before the message was reached",
            )
        });
    }
    let body = message.record.get("body").filter(|body| body.as_str().is_some());
    let body = body.ok_or_else(|| Failure::refused("Expressway.InvalidMessage", "the message has no body"))?;
    let (bytes, bytes_max) = (memory(body), invocation.handler.configuration.event_memory_max());
    if bytes > bytes_max {
        let cause = format!("the message would take {bytes} bytes of memory, the function has {bytes_max} for it");
        return Err(Failure::refused(TOO_LARGE, cause));
    }
    let sqs_input = invocation.handler.configuration.sqs_input;
    let pointed_to = invocation.pointed_to(&message.record, sqs_input == SqsInput::Record)?;
    let (parsed, is_repaired) = parsed(body);
    let input = match (sqs_input, pointed_to) {
        (SqsInput::Record, Some(reference)) => with_body(&message.record, reference.into()),
        (SqsInput::Record, None) => message.record.clone(),
        (SqsInput::Body, Some(reference)) => reference.into(),
        (SqsInput::Body, None) => {
            if is_repaired {
                invocation.repaired(&format!("the body of message {}", message.id));
            }
            parsed.clone()
        }
    };
    Ok((input, parsed))
}

/// How much memory the JSON of a body takes at most.
fn memory(body: &Document) -> usize {
    document::parsed_bytes(body.as_str().unwrap_or_default().as_bytes())
}

/// A record with another body.
fn with_body(record: &Document, body: Document) -> Document {
    match record {
        Document::Object(record) => {
            let mut record = record.clone();
            record.insert("body", body);
            record.into()
        }
        record => record.clone(),
    }
}

/// A body as its JSON, or as text if it is none, and whether it had to be repaired.
fn parsed(body: &Document) -> (Document, bool) {
    const BYTE_ORDER_MARK: char = '\u{feff}';
    let text = body.as_str().unwrap_or_default();
    match document::parse_lossy(text.as_bytes()) {
        Ok(lossy) => (lossy.document, lossy.is_repaired),
        Err(_) => match text.strip_prefix(BYTE_ORDER_MARK) {
            Some(text) => (text.into(), false),
            None => (body.clone(), false),
        },
    }
}
