//! When messages that are handed back may come again.
//!
//! Without [`Backoff`] a queue delivers them again after its own visibility timeout. With it, a failed message comes
//! back after a time that grows with how often it was received, one that another run has after that run's lease, and
//! one that was not finished before the deadline at once.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry as Entry;
use expressway_asl::document::Text;
use std::time::Duration;

/// The longest that a message may stay invisible.
///
/// # Source
/// `VisibilityTimeout` of ChangeMessageVisibility in the SQS API reference.
const VISIBILITY_MAX: Duration = Duration::from_secs(43_200);

/// The most messages of one request.
const BATCH_MAX: usize = 10;

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
pub(crate) struct Absence {
    pub(crate) receipt_handle: Text,
    pub(crate) delay: Duration,
}

/// Tells queues when messages may come again.
#[derive(Clone, Debug)]
pub struct Visibility {
    client: Client,
}

impl Visibility {
    /// By this client.
    pub fn new(client: Client) -> Visibility {
        Visibility { client }
    }

    /// Changes messages of a queue; gives what went wrong. A message that could not be changed comes back when the
    /// queue says.
    pub(crate) async fn change(&self, queue_arn: &str, absences: &[Absence]) -> Vec<String> {
        let Some(queue_url) = queue_url(queue_arn) else {
            return vec![format!("`{queue_arn}` is not the ARN of a queue")];
        };
        let mut problems = Vec::new();
        for batch in absences.chunks(BATCH_MAX) {
            let entries = batch.iter().enumerate().map(|(at, absence)| {
                let seconds = absence.delay.min(VISIBILITY_MAX).as_secs();
                Entry::builder()
                    .id(at.to_string())
                    .receipt_handle(&*absence.receipt_handle)
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
}

/// The URL of a queue: `arn:aws:sqs:eu-west-1:111122223333:orders` is
/// `https://sqs.eu-west-1.amazonaws.com/111122223333/orders`.
fn queue_url(arn: &str) -> Option<String> {
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
