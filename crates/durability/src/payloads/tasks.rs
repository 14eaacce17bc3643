//! Task requests and answers with large values in them.

use super::S3Payloads;
use expressway_asl::Document;
use expressway_asl::document::{Kind, Number, Object};
use expressway_asl::resource::Resource;
use expressway_engine::{Fault, PayloadStore, TaskFuture, TaskRequest, TaskRunner, TimedOutFuture, resolve, shorten};
use std::sync::Arc;
use std::time::SystemTime;

/// Gives a task runner requests with the values themselves as far as the API takes them, and stores what is large in
/// its answers.
///
/// What an API does not take stays a pointer, the largest values first. A message to SQS or SNS that is too long goes
/// to the bucket as a whole, and the pointer to it is sent as the Extended Client libraries do: as the body, with its
/// length in the attribute `ExtendedPayloadSize`.
pub struct LargePayloadTasks {
    tasks: Arc<dyn TaskRunner>,
    store: Arc<S3Payloads>,
    inline_bytes_max: usize,
}

impl LargePayloadTasks {
    /// A runner in front of `tasks`. Answers are shortened to `inline_bytes_max` bytes of JSON text.
    pub fn new(tasks: Arc<dyn TaskRunner>, store: Arc<S3Payloads>, inline_bytes_max: usize) -> LargePayloadTasks {
        LargePayloadTasks {
            tasks,
            store,
            inline_bytes_max,
        }
    }

    async fn request(&self, store: &dyn PayloadStore, resource: &Resource, input: Document) -> Result<Document, Fault> {
        if !input.has_references() {
            return Ok(input);
        }
        let limit = Limit::of(resource, &input);
        let input = resolve(store, input, limit.bytes_max).await?;
        match limit.message {
            Some(message) if input.has_references() => self.by_pointer(store, message, input).await,
            _ => Ok(input),
        }
    }

    /// Puts the body of a message into the bucket and the pointer to it into the message.
    async fn by_pointer(
        &self,
        store: &dyn PayloadStore,
        message: &'static str,
        input: Document,
    ) -> Result<Document, Fault> {
        let Document::Object(mut parameters) = input else {
            return Ok(input);
        };
        let Some(body) = parameters.get(message).filter(|body| body.has_references()) else {
            return Ok(parameters.into());
        };
        let (reference, bytes) = match body {
            // A string lies there as it is: that is the body.
            Document::Reference(reference) if reference.kind() == Some(Kind::String) => {
                (reference.clone(), reference.bytes())
            }
            body => {
                let whole = resolve(store, body.clone(), usize::MAX).await?;
                let text = match whole.as_str() {
                    Some(text) => text.to_owned(),
                    None => whole.to_json(),
                };
                drop(whole);
                let bytes = text.len();
                let reference = self
                    .store
                    .put_bytes(text.into_bytes(), "text/plain; charset=utf-8")
                    .await?;
                (reference, bytes)
            }
        };
        parameters.insert(message, reference.pointer().into());
        let attributes = parameters.get("MessageAttributes").and_then(Document::as_object);
        let mut attributes = attributes.cloned().unwrap_or_default();
        attributes.insert(SIZE_ATTRIBUTE, size_attribute(bytes));
        parameters.insert("MessageAttributes", attributes.into());
        Ok(parameters.into())
    }
}

/// Tells the length of a body that lies elsewhere, in bytes.
const SIZE_ATTRIBUTE: &str = "ExtendedPayloadSize";

fn size_attribute(bytes: usize) -> Document {
    let bytes = Number::from(i64::try_from(bytes).unwrap_or(i64::MAX));
    Document::Object(Object::from_iter([
        ("DataType", Document::from("Number")),
        ("StringValue", Document::Number(bytes).to_json().into()),
    ]))
}

/// What an API takes.
struct Limit {
    bytes_max: usize,
    /// The parameter that is a message's body, where there is one.
    message: Option<&'static str>,
}

impl Limit {
    /// # Source
    /// The quotas of each service in the AWS documentation, as of 2026.
    fn of(resource: &Resource, input: &Document) -> Limit {
        /// Names and escapes around the data count, too.
        const ENVELOPE_BYTES: usize = 16 * 1024;
        const KIB: usize = 1024;
        let plain = |bytes_max| Limit {
            bytes_max,
            message: None,
        };
        let (service, action) = match resource {
            Resource::Function { .. } => return plain(6 * KIB * KIB),
            Resource::Optimized { service, action, .. } => (&**service, &**action),
            Resource::AwsSdk { service, action, .. } => (&**service, &**action),
        };
        let action = action.split('.').next().unwrap_or(action);
        match (service, action) {
            ("lambda", _) => {
                let is_event = input.get("InvocationType").and_then(Document::as_str) == Some("Event");
                plain(if is_event { KIB * KIB } else { 6 * KIB * KIB })
            }
            ("sqs", "sendMessage") => Limit {
                bytes_max: KIB * KIB - ENVELOPE_BYTES,
                message: Some("MessageBody"),
            },
            ("sns", "publish") => Limit {
                bytes_max: 256 * KIB - ENVELOPE_BYTES,
                message: Some("Message"),
            },
            ("sqs", _) => plain(KIB * KIB - ENVELOPE_BYTES),
            ("sns", _) => plain(256 * KIB - ENVELOPE_BYTES),
            ("events" | "eventbridge", _) => plain(KIB * KIB - ENVELOPE_BYTES),
            // The input of an execution, and of a Standard state machine's task.
            ("states" | "sfn", _) => plain(256 * KIB - ENVELOPE_BYTES),
            // An item has 400 KB; those that write many take 16 MB.
            ("dynamodb", "putItem" | "updateItem") => plain(400 * KIB),
            ("dynamodb", _) => plain(16 * KIB * KIB),
            ("apigateway", _) => plain(10 * KIB * KIB),
            ("http", _) => plain(6 * KIB * KIB),
            ("bedrock" | "bedrockruntime", _) => plain(20 * KIB * KIB),
            // A record has 1 MiB before 2025's raise to 10 MiB, which streams have to be set to.
            ("kinesis" | "firehose", _) => plain(KIB * KIB),
            ("s3", _) => plain(64 * KIB * KIB),
            _ => plain(KIB * KIB),
        }
    }
}

impl TaskRunner for LargePayloadTasks {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        Box::pin(async move {
            let mut request = request;
            // Pins and values of outside objects belong to the execution that asks.
            let store = request.payloads.unwrap_or(&*self.store);
            request.input = self.request(store, request.resource, request.input).await?;
            let answer = self.tasks.run(request).await?;
            Ok(shorten(store, answer, self.inline_bytes_max).await?)
        })
    }

    fn timed_out<'a>(&'a self, token: &'a str, attempt: u32) -> TimedOutFuture<'a> {
        self.tasks.timed_out(token, attempt)
    }

    fn ended(&self, token: &str, attempt: u32) -> Option<SystemTime> {
        self.tasks.ended(token, attempt)
    }
}
