//! Values over the limit on state data, at the function's borders: inputs, messages that are pointers, and answers.

use crate::config::LargeResponse;
use crate::delivery::Failure;
use crate::handler::{Invocation, check_input};
use expressway_asl::Document;
use expressway_asl::document::Reference;
use expressway_durability::payloads::{Presentation, S3Payloads};
use expressway_engine::{Fault, resolve, shorten};
use std::time::{Duration, SystemTime};

/// How long the URL of a large response is good for.
const LINK_VALID: Duration = Duration::from_secs(900);

/// Attributes in which senders of pointers tell how long the body is, in today's and the older form.
const SIZE_ATTRIBUTES: [&str; 2] = ["ExtendedPayloadSize", "SQSLargePayloadSize"];

/// The name of the error for an answer that its source does not take.
pub(crate) const RESPONSE_TOO_LARGE: &str = "Expressway.ResponseTooLarge";

impl Invocation<'_> {
    pub(crate) fn payloads(&self) -> Option<&S3Payloads> {
        self.handler.payloads.as_deref()
    }

    /// Refuses an input that is larger than Step Functions allows, unless there is a place for large values.
    pub(crate) fn check_input(&self, input: &Document) -> Result<(), Failure> {
        match self.payloads() {
            Some(_) => Ok(()),
            None => check_input(input),
        }
    }

    /// The value that the body of a message points to; none if the body is no pointer, or there is no bucket.
    ///
    /// # Errors
    /// The pointer leads to a place that is not allowed.
    pub(crate) fn pointed_to(&self, record: &Document, is_string: bool) -> Result<Option<Reference>, Failure> {
        let body = record.get("body").and_then(Document::as_str);
        let (Some(store), Some(place)) = (self.payloads(), body.and_then(Reference::parse_pointer)) else {
            return Ok(None);
        };
        let reference = store.outside(place, size(record), is_string);
        let reference = reference.map_err(|error| {
            let advice = "add the bucket, or `<bucket>/<prefix>`, to `EXPRESSWAY_ALLOWED_BUCKETS` if its messages are \
                          to be handled";
            Failure::refused("Expressway.ForeignBucket", format!("{error}; {advice}"))
        })?;
        Ok(Some(reference))
    }

    /// The output as an answer of at most so many bytes: the values themselves, or pointers in the place of what is too
    /// large if `EXPRESSWAY_LARGE_RESPONSE` is `reference`.
    ///
    /// # Errors
    /// The output is too large, or a value in it cannot be loaded.
    pub(crate) async fn resolved(&self, output: Document, bytes_max: usize) -> Result<Document, Failure> {
        let bytes = output.total_bytes();
        let resolved = self.resolved_in_part(output, bytes_max).await?;
        let is_whole = !resolved.has_references() && resolved.json_bytes() <= bytes_max;
        if is_whole {
            return Ok(resolved);
        }
        if let (Some(store), LargeResponse::Reference) = (self.payloads(), self.handler.configuration.large_response) {
            return match resolved.json_bytes() <= bytes_max {
                true => Ok(resolved),
                false => {
                    let bytes_max = self.handler.configuration.payload_bytes;
                    self.shortened(store, resolved, bytes_max, self.answer_by()).await
                }
            };
        }
        let failure = Failure::refused(
            RESPONSE_TOO_LARGE,
            format!(
                "the output has {bytes} bytes, at most {bytes_max} are allowed in an answer; with a bucket, \
                 `EXPRESSWAY_LARGE_RESPONSE=reference` puts pointers in the place of the largest values"
            ),
        );
        self.problem(&format!(
            "the execution succeeded, but {}",
            failure.cause.as_deref().unwrap_or_default()
        ));
        Err(failure)
    }

    /// The output with the values themselves to the extent that they fit into an answer of so many bytes.
    pub(crate) async fn resolved_in_part(&self, output: Document, bytes_max: usize) -> Result<Document, Failure> {
        let Some(store) = self.payloads() else {
            return Ok(output);
        };
        self.bucket(self.answer_by(), resolve(store, output, bytes_max)).await
    }

    /// The value with references in the place of its largest parts, in at most so many bytes, if it is there by then.
    pub(crate) async fn shortened(
        &self,
        store: &S3Payloads,
        value: Document,
        bytes_max: usize,
        time: Option<SystemTime>,
    ) -> Result<Document, Failure> {
        self.bucket(time, shorten(store, value, bytes_max)).await
    }

    /// A value with all that references in it stand for; `None` if it is larger than what can be put together.
    pub(crate) async fn whole(&self, store: &S3Payloads, value: Document) -> Result<Option<Document>, Failure> {
        if value.total_bytes() > store.linked_bytes_max() {
            return Ok(None);
        }
        let whole = self.bucket(self.answer_by(), resolve(store, value, usize::MAX));
        whole.await.map(Some)
    }

    /// A URL from which a value can be downloaded; `None` if it is larger than what can be put together.
    pub(crate) async fn link(
        &self,
        store: &S3Payloads,
        value: &Document,
        presentation: &Presentation,
    ) -> Result<Option<String>, Failure> {
        let link = store.link(value, presentation, LINK_VALID);
        self.bucket(self.answer_by(), link).await
    }

    /// A URL from which bytes can be downloaded.
    pub(crate) async fn link_bytes(
        &self,
        store: &S3Payloads,
        bytes: Vec<u8>,
        presentation: &Presentation,
    ) -> Result<String, Failure> {
        let link = store.link_bytes(bytes, presentation, LINK_VALID);
        self.bucket(self.answer_by(), link).await
    }

    /// A pointer to bytes that are stored as they are.
    pub(crate) async fn pointer(
        &self,
        store: &S3Payloads,
        bytes: Vec<u8>,
        content_type: &str,
    ) -> Result<String, Failure> {
        let reference = self.bucket(self.answer_by(), store.put_bytes(bytes, content_type));
        Ok(reference.await?.pointer())
    }

    /// The bucket's answer, if it comes in time: a source that waits must get its own in time, too.
    async fn bucket<T>(
        &self,
        time: Option<SystemTime>,
        answer: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Failure> {
        let in_time = self.until(time, answer).await;
        let answer = in_time.unwrap_or_else(|| Err(Fault::Store("the bucket did not answer in time".into())));
        answer.map_err(|fault| self.faulted(&fault))
    }

    pub(crate) fn faulted(&self, fault: &Fault) -> Failure {
        self.problem(&fault.to_string());
        match fault {
            Fault::Payload { error, cause } => Failure::refused(error, cause.clone()),
            Fault::Store(_) => Failure {
                retry_after: Some(Duration::from_secs(1)),
                ..Failure::postponed(
                    "Expressway.StoreUnavailable",
                    "the bucket of large values cannot be reached",
                )
            },
            Fault::Deadline | Fault::Bug(_) => Failure::internal(self.request_id()),
        }
    }
}

/// How long the body of a message is said to be that lies elsewhere.
fn size(record: &Document) -> Option<usize> {
    let attributes = record.get("messageAttributes")?;
    let named = |name: &&str| attributes.get(name)?.get("stringValue")?.as_str()?.parse().ok();
    SIZE_ATTRIBUTES.iter().find_map(named)
}

#[cfg(test)]
mod tests;
