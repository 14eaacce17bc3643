//! Pipes of EventBridge, which deliver arrays of records.
//!
//! As a target, the function answers as it does to the source's own event source mapping. As an enrichment
//! (`EXPRESSWAY_PIPES=enrichment`) it answers with an array of outputs, one for each record and in their order, which
//! the pipe hands on to its target; a failed execution fails the invocation, since a pipe knows no partial failure of
//! an enrichment. The elements need not be records: a pipe's input template makes anything of them.

use super::records::{self, Record};
use super::sqs;
use crate::handler::{Invocation, InvocationError};
use expressway_asl::Document;

pub(super) async fn enrich(invocation: &Invocation<'_>, elements: &[Document]) -> Result<String, InvocationError> {
    if elements.first().is_some_and(sqs::is_record) {
        let results = sqs::run(invocation, elements).await?;
        return records::outputs(invocation, results).await;
    }
    let records = elements
        .iter()
        .map(|element| Record::new(element).unwrap_or_else(|| Record::of_unknown_source(element)));
    records::handle(invocation, records.collect()).await
}
