//! Who sent an event, and what it expects for an answer.
//!
//! Sources are told apart by the shape of the event, in this order:
//!
//! | source | sign | executions | answer | on failure |
//! | --- | --- | --- | --- | --- |
//! | [`api_gateway_v2`]: HTTP API, Function URL | `version` 2.0, `requestContext.http` | one | HTTP | HTTP status |
//! | [`alb`] | `requestContext.elb` | one | HTTP | HTTP status |
//! | [`api_gateway_v1`]: REST API, HTTP API with payload 1.0 | `httpMethod`, `requestContext`, `resource` | one | HTTP | HTTP status |
//! | [`sqs`]: queue, or a pipe from a queue | records of `aws:sqs` | one per message | the messages to hand back | the message is handed back |
//! | [`event_bridge`]: rule, Scheduler | `detail-type`, `source`, `detail` | one | the output | the invocation fails |
//! | [`event_bridge`]: bus or pipe that delivers arrays | an array of such events | one per event | an array of outputs | the invocation fails |
//! | [`direct`]: any other | | one | the output | the invocation fails |
//!
//! SNS, S3, Kinesis, DynamoDB streams, Kafka and MQ, WebSocket APIs, schedules with an input of their own,
//! pipes from other sources than a queue: all of them are direct. The whole event is the input, and a failed
//! execution fails the invocation, so that the source's own retries, dead-letter queues and destinations work.

mod alb;
mod api_gateway_v1;
mod api_gateway_v2;
mod direct;
mod event_bridge;
mod http;
mod sqs;

pub(crate) use sqs::queue_url;
pub use sqs::{Backoff, Queues};

use crate::handler::{Invocation, InvocationError};
use expressway_asl::Document;

/// Handles an event as its source expects; gives the answer as JSON text.
pub(crate) async fn handle(invocation: &Invocation<'_>, event: &Document) -> Result<String, InvocationError> {
    match EventSource::of(event) {
        EventSource::Http(format) => Ok(http::handle(invocation, event, format).await),
        EventSource::Sqs(records) => sqs::handle(invocation, records).await,
        EventSource::EventBridge => event_bridge::handle(invocation, event).await,
        EventSource::EventBridgeArray(events) => event_bridge::handle_array(invocation, events).await,
        EventSource::Direct => direct::handle(invocation, event).await,
    }
}

/// Who sent an event.
#[derive(Debug, PartialEq)]
enum EventSource<'e> {
    Http(http::Format),
    Sqs(&'e [Document]),
    EventBridge,
    EventBridgeArray(&'e [Document]),
    Direct,
}

impl EventSource<'_> {
    fn of(event: &Document) -> EventSource<'_> {
        if let Document::Array(items) = event {
            return match items.first() {
                Some(first) if sqs::is_record(first) => EventSource::Sqs(items),
                Some(_) if items.iter().all(event_bridge::is_event) => EventSource::EventBridgeArray(items),
                _ => EventSource::Direct,
            };
        }
        if api_gateway_v2::is_event(event) {
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
            EventSource::Direct
        }
    }
}

#[cfg(test)]
mod tests;
