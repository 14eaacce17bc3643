//! Any event has an answer of its source's kind.

use super::*;
use expressway_asl::document::{Object, Text};
use proptest::prelude::*;
use std::sync::LazyLock;

/// Names that sources look for, and some that they do not.
const NAMES: [&str; 30] = [
    "Records",
    "records",
    "eventSource",
    "EventSource",
    "Sns",
    "MessageId",
    "kinesis",
    "dynamodb",
    "sequenceNumber",
    "SequenceNumber",
    "eventID",
    "Keys",
    "s3",
    "bucket",
    "object",
    "key",
    "topic",
    "partition",
    "offset",
    "messageId",
    "body",
    "requestContext",
    "http",
    "httpMethod",
    "resource",
    "version",
    "headers",
    "multiValueHeaders",
    "statusCode",
    "isBase64Encoded",
];

const TEXTS: [&str; 12] = [
    "aws:sqs",
    "aws:sns",
    "aws:s3",
    "aws:kinesis",
    "aws:dynamodb",
    "aws:kafka",
    "2.0",
    "GET",
    "HEAD",
    "{}",
    "a\u{fffd}",
    "",
];

fn json() -> impl Strategy<Value = Document> {
    let leaf = prop_oneof![
        Just(Document::Null),
        any::<bool>().prop_map(Document::from),
        any::<i64>().prop_map(Document::from),
        prop::sample::select(&TEXTS[..]).prop_map(Document::from),
        any::<String>().prop_map(|text| Document::from(text.as_str())),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let name = prop_oneof![
            4 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Document::from),
            prop::collection::vec((name, inner), 0..6).prop_map(|members| {
                let members = members.into_iter().map(|(name, value)| (Text::from(name), value));
                members.collect::<Object>().into()
            }),
        ]
    })
}

/// A sample event, members of which are replaced by anything.
fn mutated() -> impl Strategy<Value = Document> {
    const SAMPLES: [&str; 10] = [
        event!("api_gateway_v1"),
        event!("api_gateway_v2"),
        event!("alb"),
        event!("sqs"),
        event!("sns"),
        event!("s3"),
        event!("kinesis"),
        event!("dynamodb"),
        event!("kafka"),
        event!("event_bridge"),
    ];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), json()), 0..3);
    (prop::sample::select(&SAMPLES[..]), changes).prop_map(|(sample, changes)| {
        let mut event = Document::parse(sample).unwrap();
        for (at, value) in changes {
            let place = at.index(nodes(&event));
            replace(&mut event, &mut place.clone(), &value);
        }
        event
    })
}

/// A request with anything for each of its members but those that make it one.
fn request() -> impl Strategy<Value = (http::Format, Document)> {
    let alb = http::Format::Alb { is_multi_value: false };
    let formats = prop::sample::select(vec![
        (http::Format::ApiGatewayV1, event!("api_gateway_v1")),
        (http::Format::ApiGatewayV2, event!("api_gateway_v2")),
        (alb, event!("alb")),
    ]);
    const MEMBERS: [&str; 7] = [
        "body",
        "headers",
        "isBase64Encoded",
        "path",
        "rawPath",
        "queryStringParameters",
        "cookies",
    ];
    let members = prop::collection::vec(
        (prop::sample::select(&MEMBERS[..]).prop_map(str::to_owned), json()),
        0..5,
    );
    (formats, members).prop_map(|((format, sample), members)| {
        let mut event = Document::parse(sample).unwrap().as_object().unwrap().clone();
        for (name, value) in members {
            event.insert(name, value);
        }
        (format, event.into())
    })
}

fn nodes(document: &Document) -> usize {
    1 + match document {
        Document::Object(object) => object.values().map(nodes).sum::<usize>(),
        Document::Array(items) => items.iter().map(nodes).sum(),
        _ => 0,
    }
}

/// Replaces the node with this number.
fn replace(document: &mut Document, at: &mut usize, value: &Document) {
    if *at == 0 {
        *document = value.clone();
    }
    *at = at.wrapping_sub(1);
    match document {
        Document::Object(object) if *at < usize::MAX / 2 => {
            let mut members: Vec<_> = object
                .iter()
                .map(|(name, value)| (Text::clone(name), value.clone()))
                .collect();
            for (_, member) in &mut members {
                replace(member, at, value);
            }
            *object = members.into_iter().collect();
        }
        Document::Array(items) if *at < usize::MAX / 2 => {
            let mut items: Vec<Document> = items.to_vec();
            for item in &mut items {
                replace(item, at, value);
            }
            *document = items.into();
        }
        _ => {}
    }
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
});

/// Is this a response that a source of this format takes?
fn is_valid(answer: &Document, format: http::Format) -> bool {
    let Some(answer) = answer.as_object() else {
        return false;
    };
    let is_ascii = |value: &Document| {
        value
            .as_str()
            .is_some_and(|text| !text.contains(|c: char| c.is_control() && c != '\t') && text.is_ascii())
    };
    let is_status = answer
        .get("statusCode")
        .and_then(Document::as_i64)
        .is_some_and(|status| (200..600).contains(&status));
    let is_text = answer.get("body").is_some_and(|body| body.as_str().is_some());
    let has_flag = answer
        .get("isBase64Encoded")
        .is_some_and(|flag| flag.as_bool().is_some());
    let single = answer.get("headers").and_then(Document::as_object);
    let multiple = answer.get("multiValueHeaders").and_then(Document::as_object);
    let are_single = single.is_none_or(|headers| headers.values().all(is_ascii));
    let are_multiple = multiple.is_none_or(|headers| {
        headers
            .values()
            .all(|values| values.as_array().is_some_and(|values| values.iter().all(is_ascii)))
    });
    let is_described = answer.get("statusDescription").is_some_and(is_ascii);
    let is_of_format = match format {
        http::Format::ApiGatewayV1 => single.is_some() && !is_described,
        http::Format::ApiGatewayV2 => single.is_some() && multiple.is_none() && !is_described,
        http::Format::Alb { is_multi_value } => {
            is_described && multiple.is_some() == is_multi_value && single.is_some() != is_multi_value
        }
    };
    is_status && is_text && has_flag && are_single && are_multiple && is_of_format
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_has_an_answer(event in prop_oneof![json(), mutated()], fails in any::<bool>()) {
        let source = name(&EventSource::of(&event, &configuration()));
        let setup = Setup::new(if fails { FAIL } else { ECHO });
        match RUNTIME.block_on(setup.handle(&event.to_json())) {
            Ok(answer) => {
                let answer = Document::parse(&answer).unwrap();
                match EventSource::of(&event, &configuration()) {
                    EventSource::Http(format) => prop_assert!(is_valid(&answer, format), "{answer}"),
                    EventSource::Sqs(_) | EventSource::Stream(..) => {
                        prop_assert!(answer.get("batchItemFailures").and_then(Document::as_array).is_some());
                    }
                    EventSource::Records(records) => {
                        prop_assert_eq!(answer.as_array().map(|outputs| outputs.len()), Some(records.len()));
                    }
                    _ => prop_assert_eq!(answer, event),
                }
            }
            Err(error) => {
                prop_assert!(!source.starts_with("http") && !source.starts_with("alb"), "{}", error);
                prop_assert!(fails || error.error_type == "Expressway.InvalidEvent", "{}", error);
            }
        }
    }

    #[test]
    fn any_bytes_have_an_answer(event in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Err(error) = RUNTIME.block_on(Setup::new(ECHO).handle_bytes(&event)) {
            prop_assert_eq!(error.error_type, "Expressway.InvalidEvent");
        }
    }

    #[test]
    fn any_request_gets_a_response_that_its_source_takes((format, event) in request(), output in json()) {
        let format = match (format, event.get("multiValueHeaders")) {
            (http::Format::Alb { .. }, headers) => http::Format::Alb {
                is_multi_value: headers.is_some_and(|headers| !headers.is_null()),
            },
            (format, _) => format,
        };
        for output in [output.clone(), response_of(&output)] {
            let workflow = r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:lambda:r:1:function:f","End":true}}}"#;
            let setup = Setup::new(workflow).tasks(move |_| testing::result(output.clone()));
            let answer = RUNTIME.block_on(setup.handle(&event.to_json())).unwrap();
            prop_assert!(is_valid(&Document::parse(&answer).unwrap(), format), "{answer}");
        }
    }
}

/// An output that looks like a response, with anything in it.
fn response_of(output: &Document) -> Document {
    let text = |value: &Document| Document::from(value.to_json());
    let headers = Document::object([("x-json", text(output)), ("Location", output.clone())]);
    Document::object([
        ("statusCode", Document::from(201)),
        ("headers", headers),
        ("cookies", vec![text(output)].into()),
        ("statusDescription", text(output)),
        ("body", output.clone()),
    ])
}
