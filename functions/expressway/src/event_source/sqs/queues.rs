//! What the function asks of queues: when messages that are handed back may come again, and to take messages that no
//! later delivery will try.
//!
//! Without [`Backoff`] a queue delivers them again after its own visibility timeout. With it, a failed message comes
//! back after a time that grows with how often it was received, one that another run has after that run's lease, and
//! one that was not finished before the deadline at once.

use crate::delivery::Failure;
use crate::handler::Invocation;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry as Entry, MessageAttributeValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use std::collections::HashMap;
use std::time::Duration;

/// The longest that a message may stay invisible.
///
/// # Source
/// `VisibilityTimeout` of ChangeMessageVisibility in the SQS API reference.
const VISIBILITY_MAX: Duration = Duration::from_secs(43_200);

/// The most messages of one request.
const BATCH_MAX: usize = 10;

/// The most attributes of one message.
const ATTRIBUTES_MAX: usize = 10;

/// How the retries of a failed message are spaced; the members are those of `Retry` in a definition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// After the first failure.
    pub interval: Duration,
    /// By how much the time grows with each next one.
    pub rate: f64,
    /// The longest time.
    pub delay_max: Duration,
}

impl Backoff {
    /// How long a message stays away that has failed, by how often it was received.
    pub(crate) fn delay(&self, received: u32) -> Duration {
        let exponent = i32::try_from(received.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.interval.as_secs_f64() * self.rate.powi(exponent);
        let delay = Duration::try_from_secs_f64(seconds).unwrap_or(self.delay_max);
        delay.min(self.delay_max)
    }
}

/// A message, and how long it is to stay away.
pub(crate) struct VisibilityChange {
    pub(crate) receipt_handle: Text,
    pub(crate) delay: Duration,
}

/// Calls queues.
#[derive(Clone, Debug)]
pub struct Queues {
    client: Client,
}

/// How long a queue may take to answer one attempt. It answers within milliseconds or something is wrong.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

impl Queues {
    /// With this configuration.
    pub fn new(config: &SdkConfig) -> Queues {
        let mut timeouts = TimeoutConfig::builder()
            .read_timeout(ATTEMPT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT);
        timeouts.set_connect_timeout(config.timeout_config().and_then(TimeoutConfig::connect_timeout));
        let config = config.to_builder().timeout_config(timeouts.build()).build();
        Queues {
            client: Client::new(&config),
        }
    }

    /// Changes when messages of a queue may come again; returns what went wrong. A message that could not be changed
    /// comes back when the queue says.
    pub(crate) async fn change_visibility(&self, queue_arn: &str, changes: &[VisibilityChange]) -> Vec<String> {
        let Some(queue_url) = queue_url(queue_arn) else {
            return vec![format!("`{queue_arn}` is not the ARN of a queue")];
        };
        let mut problems = Vec::new();
        for batch in changes.chunks(BATCH_MAX) {
            let entries = batch.iter().enumerate().map(|(at, change)| {
                let seconds = change.delay.min(VISIBILITY_MAX).as_secs();
                Entry::builder()
                    .id(at.to_string())
                    .receipt_handle(&*change.receipt_handle)
                    .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
                    .build()
            });
            let entries = match entries.collect() {
                Ok(entries) => entries,
                Err(error) => return vec![DisplayErrorContext(error).to_string()],
            };
            let change = self.client.change_message_visibility_batch().queue_url(&queue_url);
            match change.set_entries(Some(entries)).send().await {
                Ok(answer) => problems.extend(answer.failed().iter().map(|failure| {
                    let message = failure.message().unwrap_or_default();
                    format!("{}: {message}", failure.code())
                })),
                Err(error) => problems.push(DisplayErrorContext(error).to_string()),
            }
        }
        problems
    }

    /// Sends a message on as it was received, with the failure in two more attributes where there is room for them.
    async fn send(&self, queue_url: &str, record: &Document, failure: &Failure) -> Result<(), String> {
        let text = |member: &str| record.get(member).and_then(Document::as_str);
        let mut send = self
            .client
            .send_message()
            .queue_url(queue_url)
            .message_body(text("body").unwrap_or_default());
        let received = record.get("messageAttributes").and_then(Document::as_object);
        let mut attributes = received.map(attributes).transpose()?.unwrap_or_default();
        let error = failure.error.as_deref();
        let more = [
            ("ExpresswayError", error),
            ("ExpresswayExecutionArn", failure.execution_arn.as_deref()),
        ];
        for (name, value) in more {
            let value = value.filter(|value| !value.is_empty());
            if let (Some(value), 0..ATTRIBUTES_MAX) = (value, attributes.len()) {
                let attribute = MessageAttributeValue::builder().data_type("String").string_value(value);
                attributes.insert(name.to_owned(), attribute.build().map_err(|error| error.to_string())?);
            }
        }
        if queue_url.ends_with(".fifo") {
            let group = record
                .get("attributes")
                .and_then(|attributes| attributes.get("MessageGroupId"));
            send = send
                .message_group_id(group.and_then(Document::as_str).unwrap_or("expressway"))
                .message_deduplication_id(text("messageId").unwrap_or_default());
        }
        let sent = send.set_message_attributes(Some(attributes)).send().await;
        sent.map(drop).map_err(|error| DisplayErrorContext(error).to_string())
    }
}

/// Sends a message whose failure is final to the queue for such messages. Returns whether it is there: then its own
/// queue need not deliver it again.
pub(super) async fn set_aside(invocation: &Invocation<'_>, record: &Document, failure: &Failure) -> bool {
    let handler = invocation.handler;
    let (Some(queue_url), Some(queues)) = (&handler.configuration.final_errors_queue, &handler.queues) else {
        return false;
    };
    let sending = queues.send(queue_url, record, failure);
    let sent = invocation.until(invocation.answer_by(), sending).await;
    match sent.unwrap_or_else(|| Err("the queue did not answer in time".to_owned())) {
        Ok(()) => true,
        Err(problem) => {
            invocation.warning(&format!(
                "a message with a final error goes back to its queue, since `{queue_url}` did not take it: {problem}"
            ));
            false
        }
    }
}

/// The attributes of a message as a request has them.
fn attributes(received: &Object) -> Result<HashMap<String, MessageAttributeValue>, String> {
    let attributes = received.iter().map(|(name, value)| {
        let text = |member: &str| value.get(member).and_then(Document::as_str);
        let binary = text("binaryValue").map(|base64| STANDARD.decode(base64)).transpose();
        let attribute = MessageAttributeValue::builder()
            .set_data_type(text("dataType").map(str::to_owned))
            .set_string_value(text("stringValue").map(str::to_owned))
            .set_binary_value(binary.map_err(|error| error.to_string())?.map(Blob::new))
            .build()
            .map_err(|error| error.to_string())?;
        Ok((name.to_string(), attribute))
    });
    attributes.collect()
}

/// The URL of a queue: `arn:aws:sqs:eu-west-1:111122223333:orders` is
/// `https://sqs.eu-west-1.amazonaws.com/111122223333/orders`.
pub(crate) fn queue_url(arn: &str) -> Option<String> {
    let parts: Vec<_> = arn.split(':').collect();
    let ["arn", partition, "sqs", region, account, name] = parts.as_slice() else {
        return None;
    };
    let suffix = match *partition {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    };
    Some(format!("https://sqs.{region}.{suffix}/{account}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_a_limit() {
        let backoff = Backoff {
            interval: Duration::from_secs(10),
            rate: 2.0,
            delay_max: Duration::from_secs(900),
        };
        for (received, seconds) in [(0, 10), (1, 10), (2, 20), (3, 40), (7, 640), (8, 900), (u32::MAX, 900)] {
            assert_eq!(backoff.delay(received).as_secs(), seconds, "{received}");
        }
    }

    #[test]
    fn urls_of_queues() {
        for (arn, url) in [
            (
                "arn:aws:sqs:eu-west-1:111122223333:q.fifo",
                Some("https://sqs.eu-west-1.amazonaws.com/111122223333/q.fifo"),
            ),
            (
                "arn:aws-cn:sqs:cn-north-1:111122223333:q",
                Some("https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q"),
            ),
            ("arn:aws:sns:eu-west-1:111122223333:t", None),
            ("q", None),
        ] {
            assert_eq!(queue_url(arn).as_deref(), url, "{arn}");
        }
    }
}
