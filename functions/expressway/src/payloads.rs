//! Values over the limit on state data, at the function's borders: inputs, messages that are pointers, and answers.

use crate::delivery::Failure;
use crate::handler::{Invocation, check_input};
use expressway_asl::Document;
use expressway_asl::document::Reference;
use expressway_durability::payloads::S3Payloads;
use expressway_engine::{Fault, resolve, shorten};
use std::time::Duration;

/// How long the URL of a large response is good for.
const LINK_VALID: Duration = Duration::from_secs(900);

/// Attributes in which senders of pointers tell how long the body is, in today's and the older form.
const SIZE_ATTRIBUTES: [&str; 2] = ["ExtendedPayloadSize", "SQSLargePayloadSize"];

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
    /// The pointer leads to a bucket that is not allowed.
    pub(crate) fn pointed_to(&self, record: &Document, is_string: bool) -> Result<Option<Reference>, Failure> {
        let body = record.get("body").and_then(Document::as_str);
        let (Some(store), Some(place)) = (self.payloads(), body.and_then(Reference::parse_pointer)) else {
            return Ok(None);
        };
        let reference = store.outside(place, size(record), is_string);
        let reference = reference.map_err(|error| Failure::refused("Expressway.ForeignBucket", error.to_string()))?;
        Ok(Some(reference))
    }

    /// The output with the values themselves, as far as they fit into an answer of so many bytes.
    pub(crate) async fn resolved(&self, output: Document, bytes_max: usize) -> Result<Document, Failure> {
        match self.payloads() {
            Some(store) => {
                let resolved = resolve(store, output, bytes_max).await;
                resolved.map_err(|fault| self.faulted(&fault))
            }
            None => Ok(output),
        }
    }

    /// The value with references in the place of its largest parts, in at most so many bytes.
    pub(crate) async fn shortened(
        &self,
        store: &S3Payloads,
        value: Document,
        bytes_max: usize,
    ) -> Result<Document, Failure> {
        let shortened = shorten(store, value, bytes_max).await;
        shortened.map_err(|fault| self.faulted(&fault))
    }

    /// A URL from which a value can be downloaded; none if it is larger than what can be put together.
    pub(crate) async fn link(&self, store: &S3Payloads, value: &Document) -> Result<Option<String>, Failure> {
        let link = store.link(value, LINK_VALID).await;
        link.map_err(|fault| self.faulted(&fault))
    }

    fn faulted(&self, fault: &Fault) -> Failure {
        self.problem(&fault.to_string());
        Failure::internal(self.request_id())
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
