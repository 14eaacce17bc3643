//! Who sent an event, and what it expects for an answer.
//!
//! Sources are told apart by the shape of the event, in this order:
//!
//! | source | sign | executions | answer | on failure |
//! | --- | --- | --- | --- | --- |
//! | [`pipes`], with `EXPRESSWAY_PIPES=enrichment` | an array | one for each element | an array of outputs | the invocation fails |
//! | [`authorizer`] | `type`, `methodArn` or `routeArn` | one | the output | the invocation fails |
//! | [`web_socket`] | `requestContext` with `connectionId` and `eventType` | one | the output | the invocation fails |
//! | [`api_gateway_v2`]: HTTP API, Function URL | `version` 2.0, `requestContext.http` | one | HTTP | HTTP status |
//! | [`alb`] | `requestContext.elb` | one | HTTP | HTTP status |
//! | [`api_gateway_v1`]: REST API, HTTP API with payload 1.0 | `httpMethod`, `requestContext`, `resource` | one | HTTP | HTTP status |
//! | [`sqs`]: queue, or a pipe from a queue | records of `aws:sqs` | one for each message | the messages to hand back | the message is handed back |
//! | [`event_bridge`]: rule, Scheduler | `detail-type`, `source`, `detail` | one | the output | the invocation fails |
//! | [`event_bridge`]: bus or pipe that delivers arrays | an array of such events | one for each event | an array of outputs | the invocation fails |
//! | [`kinesis`], [`dynamodb`], [`kafka`] (`aws:kafka`, `SelfManagedKafka`) | records of the source | one for each record | the first record that failed | [it comes again, with what follows](streams) |
//! | [`sns`], [`s3`] | records of the source | one for each record | an array of outputs | the invocation fails |
//! | [`direct`]: any other | | one | the output | the invocation fails |
//!
//! `EXPRESSWAY_RECORDS=event` makes direct events of records, but for those of queues and of EventBridge: the whole event is the
//! input of one execution. MQ, DocumentDB, SES, CodeCommit, Firehose, Cognito, schedules with an input of their own and whatever
//! else there is are direct. A failed execution fails the invocation, so that the source's own retries, dead-letter
//! queues and destinations work.
//!
//! Where text came in that is none (bytes that are not UTF-8 in the headers of a load balancer, half of a surrogate
//! pair), U+FFFD takes its place with a warning: one such message must not keep its batch from being handled.

mod alb;
mod api_gateway_v1;
mod api_gateway_v2;
mod authorizer;
mod direct;
mod dynamodb;
mod event_bridge;
mod http;
mod kafka;
mod kinesis;
mod pipes;
mod records;
mod s3;
mod sns;
mod sqs;
mod streams;
mod web_socket;

pub(crate) use sqs::queue_url;
pub use sqs::{Backoff, Queues};

use crate::config::{Configuration, Pipes, RecordsInput};
use crate::delivery::Source;
use crate::handler::{Invocation, InvocationError};
use expressway_asl::Document;
use records::Record;
use streams::Poller;

/// Handles an event as its source expects; gives the answer as JSON text.
pub(crate) async fn handle(invocation: &Invocation<'_>, event: &Document) -> Result<String, InvocationError> {
    match EventSource::of(event, &invocation.handler.configuration) {
        EventSource::Http(format) => Ok(http::handle(invocation, event, format).await),
        EventSource::Sqs(records) => sqs::handle(invocation, records).await,
        EventSource::Records(records) => records::handle(invocation, records).await,
        EventSource::Stream(records, poller) => streams::handle(invocation, records, poller).await,
        EventSource::Enrichment(elements) => pipes::enrich(invocation, elements).await,
        EventSource::EventBridge => event_bridge::handle(invocation, event).await,
        EventSource::Direct => direct::handle(invocation, event).await,
    }
}

/// Who sent an event.
#[derive(Debug, PartialEq)]
enum EventSource<'e> {
    Http(http::Format),
    Sqs(&'e [Document]),
    /// Records of which a failed one fails the invocation.
    Records(Vec<Record>),
    /// Records of which a failed one is reported.
    Stream(Vec<Record>, Poller),
    /// What a pipe wants an output for, each.
    Enrichment(&'e [Document]),
    EventBridge,
    Direct,
}

impl EventSource<'_> {
    fn of<'e>(event: &'e Document, configuration: &Configuration) -> EventSource<'e> {
        if let Document::Array(items) = event {
            return EventSource::of_array(items, configuration);
        }
        if authorizer::is_event(event) || web_socket::is_event(event) {
            EventSource::Direct
        } else if api_gateway_v2::is_event(event) {
            EventSource::Http(http::Format::ApiGatewayV2)
        } else if let Some(is_multi_value) = alb::is_event(event) {
            EventSource::Http(http::Format::Alb { is_multi_value })
        } else if api_gateway_v1::is_event(event) {
            EventSource::Http(http::Format::ApiGatewayV1)
        } else if let Some(records) = sqs::records(event) {
            EventSource::Sqs(records)
        } else if event_bridge::is_event(event) {
            EventSource::EventBridge
        } else {
            let records = || records::of_one_source(event.get("Records")?.as_array()?);
            match kafka::records(event).or_else(records) {
                Some(records) => EventSource::of_records(records, Poller::Mapping, configuration),
                None => EventSource::Direct,
            }
        }
    }

    fn of_array<'e>(items: &'e [Document], configuration: &Configuration) -> EventSource<'e> {
        if configuration.pipes == Pipes::Enrichment {
            return EventSource::Enrichment(items);
        }
        if items.first().is_some_and(sqs::is_record) {
            return EventSource::Sqs(items);
        }
        match records::of_one_source(items) {
            Some(records) => EventSource::of_records(records, Poller::Pipe, configuration),
            None => EventSource::Direct,
        }
    }

    fn of_records<'e>(records: Vec<Record>, poller: Poller, configuration: &Configuration) -> EventSource<'e> {
        let source = records.first().map(|record| record.source);
        match (source, configuration.records_input) {
            (Some(Source::EventBridge), _) => EventSource::Records(records),
            (_, RecordsInput::Event) => EventSource::Direct,
            (Some(Source::Kinesis | Source::DynamoDb), _) => EventSource::Stream(records, poller),
            (Some(Source::Kafka), _) if poller == Poller::Mapping => EventSource::Stream(records, poller),
            // Kafka has no partial failures in pipes.
            _ => EventSource::Records(records),
        }
    }
}

#[cfg(test)]
mod tests;
