//! What is no text, in whatever source: it is replaced, and the operator is told.

use super::*;
use crate::Severity;
use expressway_asl::document;

/// What a test event has where the text in question goes.
const PLACE: &str = "PLACE";

/// An event of each source with a text in it that its execution gets to see.
fn events() -> Vec<(&'static str, String)> {
    let http = |event: &str| {
        let event = testing::with(event, "isBase64Encoded", "false");
        testing::with(&event, "body", r#""{\"name\":\"PLACE\"}""#)
    };
    let records = |event: &str| event.replace("4711", PLACE);
    vec![
        ("http v1", http(event!("api_gateway_v1"))),
        ("http v2", http(event!("api_gateway_v2"))),
        ("alb", http(event!("alb"))),
        ("alb multi-value", http(event!("alb_multi_value"))),
        ("sqs", event!("sqs").replace("not json", PLACE)),
        ("sns", records(event!("sns"))),
        ("s3", records(event!("s3"))),
        ("kinesis", records(event!("kinesis"))),
        ("dynamodb", records(event!("dynamodb"))),
        ("kafka", event!("kafka").replace("NDcxMQ==", PLACE)),
        ("event", testing::with(event!("event_bridge"), "detail", "\"PLACE\"")),
        ("direct", "\"PLACE\"".to_owned()),
    ]
}

fn replaced(event: &str, by: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = event.split(PLACE).map(str::as_bytes).collect();
    parts.join(by)
}

#[tokio::test]
async fn every_source_survives_what_is_no_text() {
    for (source, event) in events() {
        assert!(event.contains(PLACE), "{source}");
        for (no_text, warnings) in [
            (&b"caf\xe9"[..], 1),
            (&b"\xf0\x9f"[..], 1),
            (br"cut \ud83d", 1),
            (br"\udc00 cut", 1),
            (br"whole \ud83d\ude00", 0),
            ("caf\u{e9}".as_bytes(), 0),
        ] {
            let event = replaced(&event, no_text);
            let parsed = document::parse_lossy(&event).unwrap().document;
            assert_eq!(name(&EventSource::of(&parsed, &configuration())), source);
            let setup = Setup::new(TASK);
            setup.handle_bytes(&event).await.unwrap();
            let inputs = setup.inputs().join("");
            assert_eq!(inputs.contains('\u{fffd}'), warnings > 0, "{source} {inputs}");
            let notices = setup.observer.notices();
            assert_eq!(notices.len(), warnings, "{source} {notices:?}");
            assert!(notices.iter().all(|notice| notice.severity == Severity::Warning));
            assert!(
                notices.iter().all(|notice| notice.message.contains("U+FFFD")),
                "{notices:?}"
            );
        }
    }
}

#[tokio::test]
async fn json_in_json_survives_too() {
    let body = r#""{\"name\":\"cut \\ud83d\"}""#;
    let http = testing::with(event!("api_gateway_v2"), "isBase64Encoded", "false");
    let messages = event!("sqs").replace("\"not json\"", body);
    for event in [testing::with(&http, "body", body), messages] {
        let setup = Setup::new(TASK);
        setup.handle(&event).await.unwrap();
        assert!(
            setup.inputs().contains(&"{\"name\":\"cut \u{fffd}\"}".to_owned()),
            "{event}"
        );
        assert_eq!(setup.observer.notices().len(), 1);
    }
    // As another system sent it, and not as text.
    let latin = testing::with(event!("api_gateway_v2"), "body", "\"eyJhIjoiY2Fm6SJ9\"");
    let setup = Setup::new(TASK);
    setup
        .handle(&testing::with(&latin, "isBase64Encoded", "true"))
        .await
        .unwrap();
    assert_eq!(setup.inputs(), ["{\"a\":\"caf\u{fffd}\"}"]);
    assert_eq!(setup.observer.notices().len(), 1);
}

#[tokio::test]
async fn a_byte_order_mark_is_skipped() {
    let http = testing::with(event!("api_gateway_v2"), "isBase64Encoded", "false");
    for (event, expected) in [
        ("\u{feff}{\"a\":1}".to_owned(), r#"{"a":1}"#),
        (testing::with(&http, "body", "\"\u{feff}{\\\"a\\\":1}\""), r#"{"a":1}"#),
        (testing::with(&http, "body", "\"\u{feff} \""), "{}"),
        (testing::with(event!("api_gateway_v2"), "body", "\"77u/e30=\""), "{}"),
        (event!("sqs").replace("not json", "\u{feff}[7]"), "[7]"),
        (event!("sqs").replace("not json", "\u{feff}text"), "\"text\""),
    ] {
        let setup = Setup::new(TASK);
        setup.handle(&event).await.unwrap();
        assert_eq!(setup.inputs().last().unwrap(), expected, "{event}");
        assert_eq!(setup.observer.notices(), []);
    }
}
