//! The sources: one row each.

use crate::testing::{event, with};
use expressway_asl::Document;

/// What a source does with answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It wants an HTTP response, of at most so many bytes.
    Http { bytes_max: usize },
    /// It wants to know which messages to deliver again.
    Batch,
    /// It wants to know from which record on to deliver again.
    Stream,
    /// It takes the output, or delivers the event again when the invocation fails.
    Invocation,
}

pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether what does not depend on the form of events is tried with it alone.
    pub(super) stands_for_its_kind: bool,
    /// An event with this id. The execution, or one of them, gets this input, which asks for the dependency.
    pub(super) event: fn(id: &str, needing: &str) -> String,
    /// Of a batch, the messages that fail with the one that asks for the dependency.
    pub(super) failing: &'static [&'static str],
    /// The message that has to wait for one of them.
    pub(super) behind: Option<&'static str>,
    /// All of its messages.
    pub(super) all: &'static [&'static str],
}

/// An input that asks for nothing.
const FREE: &str = "{}";

const fn http(name: &'static str, event: fn(&str, &str) -> String, bytes_max: usize) -> Source {
    Source {
        name,
        kind: Kind::Http { bytes_max },
        stands_for_its_kind: bytes_max < 6_000_000,
        event,
        failing: &[],
        behind: None,
        all: &[],
    }
}

const fn invocation(name: &'static str, event: fn(&str, &str) -> String) -> Source {
    Source {
        name,
        kind: Kind::Invocation,
        stands_for_its_kind: false,
        event,
        failing: &[],
        behind: None,
        all: &[],
    }
}

pub(super) const SOURCES: &[Source] = &[
    http(
        "HTTP API",
        |id, needing| request(event!("api_gateway_v2"), id, needing),
        6_291_556,
    ),
    http(
        "REST API",
        |id, needing| request(event!("api_gateway_v1"), id, needing),
        6_291_556,
    ),
    http(
        "load balancer",
        |id, needing| request(event!("alb"), id, needing),
        1_048_576,
    ),
    Source {
        name: "queue",
        kind: Kind::Batch,
        stands_for_its_kind: true,
        event: |id, needing| {
            let messages = [("a", FREE), ("b", needing), ("c", needing)];
            batch(messages.map(|(name, body)| message(id, name, None, body)))
        },
        failing: &["b", "c"],
        behind: None,
        all: &["a", "b", "c"],
    },
    Source {
        name: "FIFO queue",
        kind: Kind::Batch,
        stands_for_its_kind: false,
        event: |id, needing| {
            let messages = [("a", "1", FREE), ("b", "2", needing), ("c", "2", FREE)];
            batch(messages.map(|(name, group, body)| message(id, name, Some(group), body)))
        },
        failing: &["b", "c"],
        behind: Some("c"),
        all: &["a", "b", "c"],
    },
    Source {
        stands_for_its_kind: true,
        ..invocation("rule", bus_event)
    },
    invocation("pipe of events", |id, needing| {
        let free = bus_event(&format!("{id}-free"), FREE);
        format!("[{free},{}]", bus_event(id, needing))
    }),
    invocation("invocation", |_, needing| needing.to_owned()),
];

/// Topics, notifications and streams: what their records have in common with the sources above is tried with those.
pub(super) const RECORDS: &[Source] = &[
    invocation("topic", |id, needing| {
        let sns = format!(r#"{{"MessageId":"{id}","Message":"m"}}"#);
        records(&[record("EventSource", "aws:sns", ("Sns", &sns), needing)])
    }),
    invocation("notification", |id, needing| {
        let s3 = format!(r#"{{"bucket":{{"name":"b"}},"object":{{"key":"k","sequencer":"{id}"}}}}"#);
        let record = record("eventSource", "aws:s3", ("s3", &s3), needing);
        records(&[with(&record, "eventName", r#""ObjectCreated:Put""#)])
    }),
    stream("stream", |id, needing| {
        let kinesis = |name: &str| format!(r#"{{"partitionKey":"{name}","sequenceNumber":"{id}-{name}","data":""}}"#);
        records(&["a", "b"].map(|name| {
            let needing = if name == "b" { needing } else { FREE };
            let record = record("eventSource", "aws:kinesis", ("kinesis", &kinesis(name)), needing);
            with(&record, "eventID", &format!(r#""shard:{id}-{name}""#))
        }))
    }),
    stream("table's stream", |id, needing| {
        let change = |name: &str| format!(r#"{{"Keys":{{"id":{{"S":"{name}"}}}},"SequenceNumber":"{id}-{name}"}}"#);
        records(&["a", "b"].map(|name| {
            let needing = if name == "b" { needing } else { FREE };
            let record = record("eventSource", "aws:dynamodb", ("dynamodb", &change(name)), needing);
            with(&record, "eventID", &format!(r#""{id}-{name}""#))
        }))
    }),
];

const fn stream(name: &'static str, event: fn(&str, &str) -> String) -> Source {
    Source {
        kind: Kind::Stream,
        failing: &["b"],
        all: &["a"],
        ..invocation(name, event)
    }
}

/// A record of a source, which itself asks for what is needed.
fn record(member: &str, source: &str, (name, value): (&str, &str), needing: &str) -> String {
    let record = with(needing, member, &format!(r#""{source}""#));
    with(&record, name, value)
}

fn records(records: &[String]) -> String {
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

fn request(event: &str, id: &str, body: &str) -> String {
    let headers = Document::object([("idempotency-key", id.into())]).to_json();
    let event = with(event, "body", &Document::from(body).to_json());
    let event = with(&event, "isBase64Encoded", "false");
    let event = with(&event, "multiValueHeaders", "null");
    with(&event, "headers", &headers)
}

fn message(id: &str, name: &str, group: Option<&str>, body: &str) -> String {
    let (queue, attributes) = match group {
        Some(group) => ("orders.fifo", Document::object([("MessageGroupId", group.into())])),
        None => ("orders", Document::object::<&str, 0>([])),
    };
    let message = [
        ("messageId", Document::from(format!("{id}-{name}"))),
        ("receiptHandle", "handle".into()),
        ("body", body.into()),
        ("attributes", attributes),
        ("eventSource", "aws:sqs".into()),
        (
            "eventSourceARN",
            format!("arn:aws:sqs:us-east-1:000000000000:{queue}").into(),
        ),
    ];
    Document::object(message).to_json()
}

fn batch<const N: usize>(messages: [String; N]) -> String {
    format!(r#"{{"Records":[{}]}}"#, messages.join(","))
}

fn bus_event(id: &str, detail: &str) -> String {
    let event = with(event!("event_bridge"), "id", &Document::from(id).to_json());
    with(&event, "detail", detail)
}
