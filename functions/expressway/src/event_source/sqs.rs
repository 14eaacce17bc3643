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

mod visibility;

pub(crate) use visibility::Absence;
pub use visibility::{Backoff, Visibility};

use crate::config::SqsInput;
use crate::handler::{Delivery, Invocation, InvocationError};
use crate::identity::Caller;
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_durability::Fingerprint;
use futures_util::{StreamExt, stream};
use std::borrow::Cow;
use std::collections::HashMap;
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
    let concurrency = invocation.handler.configuration.batch_concurrency;
    let lanes = stream::iter(lanes(messages)).map(|lane| run_lane(invocation, lane));
    let handed_back: Vec<Vec<HandedBack>> = lanes.buffer_unordered(concurrency).collect().await;
    let mut handed_back: Vec<HandedBack> = handed_back.into_iter().flatten().collect();
    handed_back.sort_unstable_by_key(|handed_back| handed_back.message.at);
    space(invocation, &handed_back).await;
    if invocation.is_over() && !handed_back.is_empty() {
        let (some, all) = (handed_back.len(), records.len());
        invocation.problem(&format!(
            "the deadline came: {some} of {all} messages go back to their queue"
        ));
    }
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

/// Runs the messages of a lane one after the other; gives those to hand back.
async fn run_lane(invocation: &Invocation<'_>, lane: Vec<Message>) -> Vec<HandedBack> {
    let mut messages = lane.into_iter();
    while let Some(message) = messages.next() {
        if let Err(again) = execute(invocation, &message).await {
            // The rest can not come before it.
            let failed = std::iter::once(message).chain(messages);
            return failed.map(|message| HandedBack { message, again }).collect();
        }
    }
    Vec::new()
}

/// Tells the queue when the messages may come again, if that is configured.
async fn space(invocation: &Invocation<'_>, handed_back: &[HandedBack]) {
    let handler = invocation.handler;
    let (Some(backoff), Some(visibility)) = (handler.configuration.retry_backoff, &handler.visibility) else {
        return;
    };
    let Some(queue) = handed_back
        .first()
        .and_then(|first| first.message.record.get("eventSourceARN")?.as_str())
    else {
        return;
    };
    let absences = handed_back.iter().filter_map(|HandedBack { message, again }| {
        let delay = match again {
            Again::AfterFailure { received } => backoff.delay(*received),
            Again::After(delay) => *delay,
        };
        match message.record.get("receiptHandle") {
            Some(Document::String(receipt_handle)) => Some(Absence {
                receipt_handle: Text::clone(receipt_handle),
                delay,
            }),
            _ => None,
        }
    });
    let absences: Vec<_> = absences.collect();
    for problem in visibility.change(queue, &absences).await {
        invocation.problem(&format!("a message comes back when its queue says: {problem}"));
    }
}

impl Message {
    fn failed(&self) -> Again {
        Again::AfterFailure {
            received: self.received(),
        }
    }

    /// How often it was received.
    fn received(&self) -> u32 {
        let attributes = self.record.get("attributes");
        let count = attributes.and_then(|attributes| attributes.get("ApproximateReceiveCount")?.as_str());
        count.and_then(|count| count.parse().ok()).unwrap_or(1)
    }
}

async fn execute(invocation: &Invocation<'_>, message: &Message) -> Result<(), Again> {
    if invocation.is_over() {
        return Err(Again::After(Duration::ZERO));
    }
    let Some(body) = message.record.get("body").filter(|body| body.as_str().is_some()) else {
        invocation.problem(&format!("message {}: it has no body", message.id));
        return Err(message.failed());
    };
    let sqs_input = invocation.handler.configuration.sqs_input;
    let pointed_to = invocation.pointed_to(&message.record, sqs_input == SqsInput::Record);
    let input = pointed_to.map(|pointed_to| match (sqs_input, pointed_to) {
        (SqsInput::Record, Some(reference)) => with_body(&message.record, reference.into()),
        (SqsInput::Record, None) => message.record.clone(),
        (SqsInput::Body, Some(reference)) => reference.into(),
        (SqsInput::Body, None) => parsed(body),
    });
    let checked = input.and_then(|input| invocation.check_input(&input).map(|()| input));
    let input = match checked {
        Ok(input) => input,
        Err(failure) => {
            let failure = InvocationError::from(failure);
            invocation.problem(&format!("message {}: {failure}", message.id));
            return Err(message.failed());
        }
    };
    // Why it failed is in the history.
    let delivery = Delivery {
        name: Some(&message.id),
        caller: Caller::HandedOver,
        input,
        key: Some(&key(message, body)),
        // The rest of the record differs between deliveries.
        fingerprint: body.clone(),
        event: &|| with_body(&message.record, parsed(body)),
    };
    match invocation.execute(delivery).await {
        Ok(_) => Ok(()),
        Err(failure) => Err(match failure.retry_after {
            Some(delay) => Again::After(delay),
            None => message.failed(),
        }),
    }
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

/// A body as its JSON, or as text if it is none.
fn parsed(body: &Document) -> Document {
    let text = body.as_str().unwrap_or_default();
    Document::parse(text).unwrap_or_else(|_| body.clone())
}

/// What tells a message apart: its id; in a FIFO queue the deduplication id that its sender chose, so that a message
/// which is sent again later than the five minutes that the queue remembers is still the same. An id that the queue
/// made of the body (`ContentBasedDeduplication`) is no choice: two messages may well say the same.
///
/// A sender's choice only means something within its queue, or even its message group: both are part of the key. None of
/// the parts can have a space.
fn key<'m>(message: &'m Message, body: &Document) -> Cow<'m, str> {
    let record = &message.record;
    let chosen = record
        .get("attributes")
        .and_then(|attributes| attributes.get("MessageDeduplicationId")?.as_str());
    let of_body = || Fingerprint::of(body.as_str().unwrap_or_default().as_bytes());
    match (chosen, fifo_group(record)) {
        (Some(chosen), Some(group)) if chosen != of_body().as_str() => {
            let queue = record.get("eventSourceARN").and_then(Document::as_str);
            format!("{} {group} {chosen}", queue.unwrap_or_default()).into()
        }
        _ => Cow::Borrowed(&message.id),
    }
}
