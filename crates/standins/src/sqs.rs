//! SQS: standard and FIFO queues.
//!
//! DIFFERENCE: a receive call with `WaitTimeSeconds` answers at once, also when there is nothing (test
//! `receiving_does_not_wait`). Messages are not sampled: what is visible is received.

mod queue;

pub(crate) use queue::NewMessage;

use crate::context::{ACCOUNT, Context, name_of};
use crate::protocol::{AwsError, list, required, text};
use expressway_asl::Document;
use expressway_asl::document::{Array, Object, Text};
use queue::{Message, Queue};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All queues, by name.
#[derive(Debug, Default)]
pub(crate) struct Sqs {
    state: Mutex<State>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct State {
    queues: BTreeMap<String, Queue>,
}

/// How many messages a call may send, receive or delete.
const BATCH_MAX: usize = 10;

impl Sqs {
    pub(crate) fn restore(saved: &str) -> Result<Sqs, serde_json::Error> {
        Ok(Sqs {
            state: Mutex::new(serde_json::from_str(saved)?),
        })
    }

    pub(crate) fn save(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&*self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.lock().queues.contains_key(name)
    }

    /// Delivers a message that another service sends, and tells whether it is new. The queue is given by its ARN or name.
    pub(crate) fn deliver(&self, context: &Context, queue: &str, message: NewMessage) -> Result<bool, AwsError> {
        let (_, is_new) = self.lock().queue(queue)?.send(context.now_millis(), message)?;
        Ok(is_new)
    }

    /// The bodies of all messages of a queue, oldest first.
    pub(crate) fn bodies(&self, queue: &str) -> Vec<String> {
        let state = self.lock();
        let messages = state.queues.get(queue).map(|queue| queue.messages.iter());
        messages
            .into_iter()
            .flatten()
            .map(|message| message.body.clone())
            .collect()
    }

    pub(crate) fn call(&self, context: &Context, action: &str, input: &Document) -> Result<Document, AwsError> {
        let mut state = self.lock();
        let now = context.now_millis();
        match action {
            "CreateQueue" => state.create(context, input),
            "ListQueues" => Ok(state.list(context, text(input, "QueueNamePrefix").unwrap_or_default())),
            "GetQueueUrl" => {
                let queue = state.queue(required(input, "QueueName")?)?;
                Ok(Document::object([("QueueUrl", url(context, &queue.name).into())]))
            }
            "ReceiveMessage" => state.receive(context, input),
            action => {
                let name = required(input, "QueueUrl")?;
                let queue = state.queue(name)?;
                match action {
                    "SendMessage" => Ok(send(context, queue, input)?.into()),
                    "SendMessageBatch" => batch(input, |entry| send(context, queue, entry)),
                    "DeleteMessage" => {
                        queue.delete(now, required(input, "ReceiptHandle")?)?;
                        Ok(Object::new().into())
                    }
                    "DeleteMessageBatch" => batch(input, |entry| {
                        queue.delete(now, required(entry, "ReceiptHandle")?)?;
                        Ok(Object::new())
                    }),
                    "ChangeMessageVisibility" => {
                        queue.change_visibility(now, input)?;
                        Ok(Object::new().into())
                    }
                    "ChangeMessageVisibilityBatch" => batch(input, |entry| {
                        queue.change_visibility(now, entry)?;
                        Ok(Object::new())
                    }),
                    "GetQueueAttributes" => {
                        let asked: Vec<&str> = list(input, "AttributeNames").filter_map(Document::as_str).collect();
                        let known = queue.attributes(context, now).into_iter();
                        let chosen =
                            known.filter(|(name, _)| asked.iter().any(|asked| asked == name || *asked == "All"));
                        let attributes: Object = chosen.map(|(name, value)| (Text::from(name), value.into())).collect();
                        Ok(Document::object([("Attributes", attributes.into())]))
                    }
                    "SetQueueAttributes" => {
                        queue.set_attributes(input.get("Attributes"))?;
                        Ok(Object::new().into())
                    }
                    "PurgeQueue" => {
                        queue.messages.clear();
                        context.record("sqs", &queue.name, "purge", "");
                        Ok(Object::new().into())
                    }
                    "DeleteQueue" => {
                        let name = queue.name.clone();
                        state.queues.remove(&name);
                        context.record("sqs", name, "delete", "");
                        Ok(Object::new().into())
                    }
                    action => Err(AwsError::unknown_action("sqs", action)),
                }
            }
        }
    }
}

fn send(context: &Context, queue: &mut Queue, input: &Document) -> Result<Object, AwsError> {
    let message = NewMessage::parse(input)?;
    let body = message.body.clone();
    let (answer, is_new) = queue.send(context.now_millis(), message)?;
    if is_new {
        context.record("sqs", &queue.name, "message", body);
    }
    Ok(answer)
}

fn url(context: &Context, name: &str) -> String {
    format!("https://sqs.{}.amazonaws.com/{ACCOUNT}/{name}", context.region)
}

impl State {
    /// The queue of this name, URL or ARN.
    fn queue(&mut self, reference: &str) -> Result<&mut Queue, AwsError> {
        let name = name_of(reference);
        self.queues.get_mut(name).ok_or_else(|| AwsError {
            query_code: Some("AWS.SimpleQueueService.NonExistentQueue"),
            ..AwsError::new("QueueDoesNotExist", "The specified queue does not exist.")
        })
    }

    fn create(&mut self, context: &Context, input: &Document) -> Result<Document, AwsError> {
        let name = required(input, "QueueName")?;
        let mut queue = Queue::new(name, context.now_millis())?;
        queue.set_attributes(input.get("Attributes"))?;
        if let Some(existing) = self.queues.get(name) {
            if !existing.has_attributes(input.get("Attributes")) {
                return Err(AwsError {
                    query_code: Some("QueueAlreadyExists"),
                    ..AwsError::new(
                        "QueueNameExists",
                        "A queue already exists with the same name and a different value for an attribute",
                    )
                });
            }
        } else {
            context.record("sqs", name, "create", "");
            self.queues.insert(name.to_owned(), queue);
        }
        Ok(Document::object([("QueueUrl", url(context, name).into())]))
    }

    fn list(&self, context: &Context, prefix: &str) -> Document {
        let names = self.queues.keys().filter(|name| name.starts_with(prefix));
        let urls: Array = names.map(|name| Document::from(url(context, name))).collect();
        Document::object([("QueueUrls", Document::Array(urls))])
    }

    /// Receives messages; those that were received too often go to the dead-letter queue instead.
    fn receive(&mut self, context: &Context, input: &Document) -> Result<Document, AwsError> {
        let queue = self.queue(required(input, "QueueUrl")?)?;
        let (messages, dead) = queue.receive(context.now_millis(), input)?;
        if let Some((target, dead)) = dead {
            let source = queue.name.clone();
            match self.queue(&target) {
                Ok(target) => target.accept_dead(dead, &context.arn("sqs", &source)),
                // Without the dead-letter queue the messages stay where they were.
                Err(_) => self.queue(&source)?.put_back(dead),
            }
        }
        match messages.is_empty() {
            true => Ok(Object::new().into()),
            false => Ok(Document::object([(
                "Messages",
                Document::Array(messages.into_iter().collect()),
            )])),
        }
    }
}

/// Does the entries of a batch one by one: one that fails does not keep the others from being done.
fn batch(input: &Document, mut each: impl FnMut(&Document) -> Result<Object, AwsError>) -> Result<Document, AwsError> {
    let entries: Vec<&Document> = list(input, "Entries").collect();
    let refuse = |code: &str, query_code, message: &str| {
        Err(AwsError {
            query_code: Some(query_code),
            ..AwsError::new(code, message)
        })
    };
    match entries.len() {
        0 => {
            return refuse(
                "EmptyBatchRequest",
                "AWS.SimpleQueueService.EmptyBatchRequest",
                "There should be at least one entry in the request.",
            );
        }
        1..=BATCH_MAX => {}
        count => {
            return refuse(
                "TooManyEntriesInBatchRequest",
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
                &format!("Maximum number of entries per request are {BATCH_MAX}. You have sent {count}."),
            );
        }
    }
    let mut ids = BTreeSet::new();
    for entry in &entries {
        let id = required(entry, "Id")?;
        if !ids.insert(id) {
            return refuse(
                "BatchEntryIdsNotDistinct",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
                &format!("Id {id} repeated."),
            );
        }
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let id = required(entry, "Id")?;
        match each(entry) {
            Ok(mut done) => {
                done.insert("Id", id.into());
                successful.push(Document::from(done));
            }
            Err(error) => failed.push(Document::object([
                ("Id", id.into()),
                ("Code", error.query_code.unwrap_or(&error.code).into()),
                ("Message", error.message.as_str().into()),
                ("SenderFault", Document::Bool(true)),
            ])),
        }
    }
    Ok(Document::object([
        ("Successful", Document::Array(successful.into_iter().collect())),
        ("Failed", Document::Array(failed.into_iter().collect())),
    ]))
}

impl Message {
    fn is_due(&self, now: i64) -> bool {
        self.visible_at <= now
    }
}
