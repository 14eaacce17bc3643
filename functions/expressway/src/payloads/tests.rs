//! Large values at the borders, with a server on the loopback interface for a bucket.

use crate::config::{LargeResponse, SqsInput};
use crate::testing::{Setup, Store, event, result, with};
use expressway_asl::Document;
use expressway_durability::Level;
use expressway_durability::payloads::{PayloadOptions, S3Payloads};
use expressway_engine::TaskRequest;
use expressway_tests::dynamodb::configuration;
use server::Server;
use std::sync::Arc;
use std::time::Duration;

#[expect(dead_code, reason = "the tests of the store need more of it")]
#[path = "../../../../crates/durability/tests/payloads/server.rs"]
mod server;

mod responses;

const TASK: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:f","End":true}}}"#;

const STATUS: &str =
    r#"{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"status.$":"$.status"},"End":true}}}"#;

fn store(server: &Server) -> Arc<S3Payloads> {
    let options = PayloadOptions {
        cache_bytes: 0,
        allowed_buckets: vec!["theirs".to_owned()],
        ..PayloadOptions::new("bucket")
    };
    Arc::new(S3Payloads::new(&configuration(&server.url), options))
}

fn text(bytes: usize) -> Document {
    "x".repeat(bytes).into()
}

#[tokio::test]
async fn an_input_over_256_kb_needs_a_bucket() {
    let server = Server::start().await;
    let body = Document::object([("status", "ready".into()), ("text", text(3_000_000))]).to_json();
    let request = with(event!("api_gateway_v2"), "body", &Document::from(body).to_json());
    let request = with(&request, "isBase64Encoded", "false");
    assert_eq!(Setup::new(STATUS).respond(&request).await.0, 413);
    let setup = Setup::new(STATUS).store(store(&server));
    assert_eq!(setup.respond(&request).await, (200, r#"{"status":"ready"}"#.to_owned()));
    assert_eq!((server.requests("PUT"), server.requests("GET")), (1, 0));
}

#[tokio::test]
async fn answers_hold_values_as_far_as_they_fit() {
    let server = Server::start().await;
    let setup = |bytes: usize| {
        let answer =
            move |_: &TaskRequest<'_>| result(Document::object([("status", "ready".into()), ("text", text(bytes))]));
        Setup::new(TASK).tasks(answer).store(store(&server))
    };
    let request = event!("api_gateway_v2");
    let (status, body) = setup(2_000_000).respond(request).await;
    assert_eq!(
        (status, body.len()),
        (200, 2_000_000 + r#"{"status":"ready","text":""}"#.len())
    );
    assert_eq!(setup(2_000_000).handle("{}").await.unwrap().len(), body.len());

    // Larger than what Lambda lets through.
    let answer = Document::parse(&setup(8_000_000).handle(request).await.unwrap()).unwrap();
    assert_eq!(answer.get("statusCode").and_then(Document::as_i64), Some(303));
    let location = answer
        .get("headers")
        .unwrap()
        .get("location")
        .unwrap()
        .as_str()
        .unwrap();
    let path = location.strip_prefix(&server.url).unwrap().split('?').next().unwrap();
    let stored = Document::parse(&String::from_utf8(server.body(path).unwrap()).unwrap()).unwrap();
    assert_eq!(stored.get("status"), Some(&"ready".into()));
    assert_eq!(stored.get("text"), Some(&text(8_000_000)));

    let by_reference = setup(8_000_000).configured(|configuration| {
        configuration.large_response = LargeResponse::Reference;
    });
    let (status, body) = by_reference.respond(request).await;
    assert_eq!(status, 200);
    assert!(
        body.starts_with(r#"{"status":"ready","text":["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"bucket","s3Key":"payloads/"#),
        "{body}"
    );
}

#[tokio::test]
async fn messages_that_are_pointers_are_resolved_when_something_looks_inside() {
    let server = Server::start().await;
    server.put("/theirs/m", br#"{"status":"ready"}"#);
    let pointer = |bucket: &str| {
        Document::from(format!(
            r#"["com.amazon.sqs.javamessaging.MessageS3Pointer",{{"s3BucketName":"{bucket}","s3Key":"m"}}]"#
        ))
        .to_json()
    };
    let batch = |bucket: &str| {
        let body = pointer(bucket);
        format!(
            r#"{{"Records":[{{"messageId":"m1","body":{body},"messageAttributes":{{"ExtendedPayloadSize":{{"stringValue":"18"}}}},
                "eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:111122223333:orders"}}]}}"#
        )
    };
    let nobody = r#"{"batchItemFailures":[]}"#.to_owned();
    let task = Setup::new(TASK).store(store(&server));
    assert_eq!(task.handle(&batch("theirs")).await, Ok(nobody.clone()));
    assert_eq!(task.inputs(), [r#"{"status":"ready"}"#], "a task gets the value");

    let record = Setup::new(TASK)
        .store(store(&server))
        .configured(|configuration| configuration.sqs_input = SqsInput::Record);
    record.handle(&batch("theirs")).await.unwrap();
    assert!(
        record.inputs()[0].contains(r#""body":"{\"status\":\"ready\"}""#),
        "{:?}",
        record.inputs()
    );

    let before = server.lines().len();
    let untouched = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
    let lazy = Setup::new(untouched).store(store(&server));
    assert_eq!(lazy.handle(&batch("theirs")).await, Ok(nobody));
    assert_eq!(server.lines().len(), before, "nobody has looked");

    let foreign = Setup::new(TASK).store(store(&server));
    assert_eq!(
        foreign.handle(&batch("secret")).await,
        Ok(r#"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#.to_owned())
    );
    assert!(
        foreign.observer.problems()[0].contains("`s3://secret/m`, which is not among the allowed buckets and prefixes")
    );
    assert_eq!(foreign.calls(), 0);
}

#[tokio::test]
async fn a_bucket_that_can_not_be_reached_sends_the_message_back() {
    let server = Server::start().await;
    server.answer_with(403);
    let large = move |_: &TaskRequest<'_>| result(Document::object([("text", text(500_000))]));
    let setup = Setup::new(TASK).tasks(large).store(store(&server));
    let batch = r#"{"Records":[{"messageId":"m1","body":"{}","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:111122223333:orders"}]}"#;
    assert_eq!(
        setup.handle(batch).await,
        Ok(r#"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#.to_owned())
    );
    assert!(setup.observer.problems()[0].contains("failed to store `s3://bucket/payloads/"));
}

const SQS_POINTER: &str = r#"{"Records":[{"messageId":"m1","body":"[\"com.amazon.sqs.javamessaging.MessageS3Pointer\",{\"s3BucketName\":\"theirs\",\"s3Key\":\"m\"}]","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:111122223333:orders"}]}"#;

#[tokio::test]
async fn a_message_whose_object_is_gone_fails_and_says_why() {
    let server = Server::start().await;
    for (broken, expected) in [
        ("missing", "Expressway.PayloadMissing"),
        ("denied", "Expressway.PayloadMissing"),
    ] {
        if broken == "denied" {
            server.deny("/theirs/m", 403);
        }
        let setup = Setup::new(TASK).store(store(&server));
        assert_eq!(
            setup.handle(SQS_POINTER).await,
            Ok(r#"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#.to_owned())
        );
        let notices = setup.observer.notices();
        let notice = notices.iter().find(|notice| notice.delivery.is_some()).unwrap();
        let reason = notice.delivery.as_ref().unwrap().reason.as_str();
        assert!(
            reason == expected && notice.message.contains("`s3://theirs/m` is missing"),
            "{notice}"
        );
        assert_eq!(setup.calls(), 0);
    }
}

#[tokio::test]
async fn a_replayed_output_whose_value_is_gone_is_an_error_that_says_since_when() {
    let server = Server::start().await;
    let table = Store::new().await;
    let request = with(event!("api_gateway_v2"), "headers", r#"{"idempotency-key":"k1"}"#);
    for (bytes, status) in [(500_000, 200), (7_000_000, 303)] {
        let request = request.replace("k1", &format!("k{bytes}"));
        let large = move |_: &TaskRequest<'_>| result(Document::object([("text", text(bytes))]));
        let setup = Setup::new(TASK)
            .tasks(large)
            .store(store(&server))
            .guarded(&table, Level::Execution);
        assert_eq!(setup.respond(&request).await.0, status);
        assert_eq!(setup.respond(&request).await.0, status, "replayed");
        server.expire(Duration::ZERO);
        let (status, body) = setup.respond(&request).await;
        assert_eq!(status, 500, "{body}");
        assert!(
            body.contains("Expressway.PayloadMissing") && body.contains("it was stored at 20"),
            "{body}"
        );
        assert_eq!(setup.calls(), 1);
    }
}
