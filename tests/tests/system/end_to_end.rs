//! The function's real binary: events as each source sends them, and what the source gets back.
//!
//! Lambda is on both sides: the Runtime API that gives events, and the endpoint that tasks call. Both are
//! served by the tests.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

use expressway_tests::function::{Answer, Function, INVOCATION_ID, Setup, TRACE_ID};
use expressway_tests::server::{Reply, Request, Server};
use serde_json::{Value, json};
use std::time::Duration;

macro_rules! event {
    ($name:literal) => {
        include_str!(concat!("../../../functions/expressway/events/", $name, ".json"))
    };
}

/// Calls a function with the input, and gives what it returns.
const CHARGE: &str = r#"{"StartAt":"Charge","States":{"Charge":{"Type":"Task",
    "Resource":"arn:aws:lambda:eu-west-1:111122223333:function:charge","End":true}}}"#;

/// Gives the input back.
const ECHO: &str = r#"{"StartAt":"Echo","States":{"Echo":{"Type":"Succeed"}}}"#;

/// A Lambda endpoint whose functions give their events back. An event with `fail` is an error of that type,
/// one with `silent` is never answered.
async fn lambda() -> Server {
    Server::start(|request| async move { function(&request) })
        .await
        .unwrap()
}

fn function(request: &Request) -> Reply {
    let event: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if event.get("silent").is_some() {
        return Reply::Silence;
    }
    match event.get("fail").and_then(Value::as_str) {
        Some(error) => Reply::ok(format!(r#"{{"errorType":"{error}","errorMessage":"as asked"}}"#))
            .with_header("x-amz-function-error", "Unhandled"),
        None => Reply::ok(request.body.clone()),
    }
}

async fn charging() -> (Function, Server) {
    let lambda = lambda().await;
    let function = Setup::new(CHARGE).calling(&lambda).start().await.unwrap();
    (function, lambda)
}

fn response(answer: &Answer) -> Value {
    match answer {
        Answer::Response(text) => serde_json::from_str(text).unwrap(),
        Answer::Error(..) => panic!("the invocation failed: {answer:?}"),
    }
}

/// Error type and message of a failed invocation.
fn error(answer: &Answer) -> (String, String) {
    let Answer::Error(error_type, text) = answer else {
        panic!("the invocation did not fail: {answer:?}");
    };
    let body: Value = serde_json::from_str(text).unwrap();
    assert_eq!(body["errorType"], **error_type);
    (error_type.clone(), body["errorMessage"].as_str().unwrap().to_owned())
}

/// Error type, message and log of a function that can not start.
async fn fails_to_start(setup: Setup) -> (String, String, Vec<String>) {
    let end = setup.start().await.unwrap().end().await.unwrap();
    assert_eq!(end.status.code(), Some(1));
    let (error_type, message) = error(&end.init_error.unwrap());
    (error_type, message, end.log)
}

fn message(id: &str, group: Option<&str>, body: &Value) -> Value {
    let queue = if group.is_some() { "orders.fifo" } else { "orders" };
    let mut attributes = json!({"ApproximateReceiveCount": "1", "SentTimestamp": "1773310530000"});
    if let Some(group) = group {
        attributes["MessageGroupId"] = group.into();
    }
    json!({
        "messageId": id, "receiptHandle": "AQEB", "body": body.to_string(), "attributes": attributes,
        "messageAttributes": {}, "md5OfBody": "0", "eventSource": "aws:sqs", "awsRegion": "eu-west-1",
        "eventSourceARN": format!("arn:aws:sqs:eu-west-1:111122223333:{queue}"),
    })
}

fn batch(messages: &[Value]) -> String {
    json!({"Records": messages}).to_string()
}

fn handed_back(ids: &[&str]) -> Value {
    let ids: Vec<Value> = ids.iter().map(|id| json!({"itemIdentifier": id})).collect();
    json!({"batchItemFailures": ids})
}

#[tokio::test]
async fn http_requests_are_answered_with_the_output() {
    let (function, lambda) = charging().await;
    for event in [
        event!("api_gateway_v1"),
        event!("api_gateway_v2"),
        event!("function_url"),
        event!("alb"),
        event!("alb_multi_value"),
    ] {
        let answer = response(&function.invoke(event).await);
        assert_eq!(answer["statusCode"], 200);
        assert_eq!(answer["body"], r#"{"orderId":"4711","amount":12.5}"#);
        assert_eq!(answer["isBase64Encoded"], false);
    }
    let seen = lambda.seen();
    assert_eq!(seen.requests.len(), 5);
    assert_eq!(seen.connections, 1, "connections outlive invocations");
    let request = &seen.requests[0];
    assert_eq!(request.text(), r#"{"orderId":"4711","amount":12.5}"#);
    assert_eq!(request.header("x-amz-security-token"), Some("token"));
    // So that traces go on, and Lambda can stop a function that calls itself for ever.
    assert_eq!(request.header("x-amzn-trace-id"), Some(TRACE_ID));
}

#[tokio::test]
async fn a_failed_execution_becomes_an_http_status() {
    let lambda = lambda().await;
    let function = Setup::new(CHARGE)
        .calling(&lambda)
        .with("EXPRESSWAY_HTTP_ERRORS", r#"{"OrderInvalid":422}"#)
        .start()
        .await
        .unwrap();
    for (error, status) in [("OrderInvalid", 422), ("Oops", 500)] {
        let mut event: Value = serde_json::from_str(event!("function_url")).unwrap();
        event["body"] = json!({"fail": error}).to_string().into();
        let answer = response(&function.invoke(event.to_string()).await);
        assert_eq!(answer["statusCode"], status);
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["error"], error);
        assert_eq!(body["cause"], "as asked");
    }
}

#[tokio::test]
async fn a_failed_execution_of_an_event_fails_the_invocation() {
    let (function, _lambda) = charging().await;
    let answer = function.invoke(event!("event_bridge")).await;
    let expected: Value = serde_json::from_str(event!("event_bridge")).unwrap();
    assert_eq!(response(&answer), expected);

    let mut event = expected;
    event["fail"] = "OrderInvalid".into();
    let cause = r#"{"errorType":"OrderInvalid","errorMessage":"as asked"}"#;
    let expected = ("OrderInvalid".to_owned(), cause.to_owned());
    assert_eq!(error(&function.invoke(event.to_string()).await), expected);
    // A bus that delivers arrays.
    assert_eq!(error(&function.invoke(format!("[{event}]")).await), expected);
}

#[tokio::test]
async fn a_direct_invocation_gets_the_output_or_the_error() {
    let (function, _lambda) = charging().await;
    assert_eq!(
        function.invoke("[1, 2.50]").await,
        Answer::Response("[1,2.5]".to_owned())
    );
    assert_eq!(error(&function.invoke(r#"{"fail":"Oops"}"#).await).0, "Oops");
    assert_eq!(
        response(&function.invoke(event!("sns")).await),
        serde_json::from_str::<Value>(event!("sns")).unwrap()["Records"]
    );
}

#[tokio::test]
async fn of_a_batch_with_a_bad_message_only_that_is_handed_back() {
    let (function, lambda) = charging().await;
    let messages = [
        message("m1", None, &json!({"n": 1})),
        message("m2", None, &json!({"fail": "OrderInvalid"})),
        message("m3", None, &json!({"n": 3})),
    ];
    assert_eq!(response(&function.invoke(batch(&messages)).await), handed_back(&["m2"]));
    assert_eq!(lambda.seen().requests.len(), 3);
    let log = function.log().await.unwrap();
    let [failed_task, failed, refused, counted] = &log[..] else {
        panic!("{log:#?}");
    };
    let refused: Value = serde_json::from_str(refused).unwrap();
    for (member, expected) in [
        ("level", "ERROR"),
        ("reason", "OrderInvalid"),
        ("source", "sqs"),
        ("sourceId", "m2"),
    ] {
        assert_eq!(refused[member], expected, "{refused}");
    }
    assert!(
        counted.contains("1 of 3 messages go back to their queue: 1 OrderInvalid"),
        "{counted}"
    );
    assert!(
        failed_task.contains(r#""type":"LambdaFunctionFailed""#),
        "{failed_task}"
    );
    assert!(failed.contains(r#""type":"ExecutionFailed""#), "{failed}");
    let execution = r#""execution_arn":"arn:aws:states:eu-west-1:111122223333:express:orders:m2:"#;
    assert!(failed.contains(execution), "{failed}");
}

#[tokio::test]
async fn an_empty_batch_has_no_failures() {
    let (function, _lambda) = charging().await;
    assert_eq!(response(&function.invoke(r#"{"Records":[]}"#).await), handed_back(&[]));
}

#[tokio::test]
async fn a_fifo_queue_keeps_the_order_of_each_group() {
    let (function, lambda) = charging().await;
    let messages = [
        message("a1", Some("a"), &json!({"n": "a1"})),
        message("b1", Some("b"), &json!({"n": "b1"})),
        message("a2", Some("a"), &json!({"n": "a2", "fail": "OrderInvalid"})),
        message("b2", Some("b"), &json!({"n": "b2"})),
        message("a3", Some("a"), &json!({"n": "a3"})),
        message("b3", Some("b"), &json!({"n": "b3"})),
    ];
    assert_eq!(
        response(&function.invoke(batch(&messages)).await),
        handed_back(&["a2", "a3"])
    );
    let called: Vec<Value> = lambda
        .seen()
        .requests
        .iter()
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect();
    let of_group = |group| {
        let names = called.iter().map(|event: &Value| event["n"].as_str().unwrap());
        names.filter(|name| name.starts_with(group)).collect::<Vec<_>>()
    };
    assert_eq!(of_group('a'), ["a1", "a2"]);
    assert_eq!(of_group('b'), ["b1", "b2", "b3"]);
}

#[tokio::test]
async fn what_would_outlive_the_deadline_is_handed_back_before_and_what_ended_is_not() {
    let (function, lambda) = charging().await;
    let messages = [
        message("m1", None, &json!({"n": 1})),
        message("m2", None, &json!({"silent": true})),
        message("m3", None, &json!({"n": 3})),
    ];
    let (answer, left) = function.invoke_for(Duration::from_millis(1500), batch(&messages)).await;
    assert_eq!(response(&answer), handed_back(&["m2"]));
    assert!(left > Duration::ZERO, "answered after the deadline");
    // The request of the execution that was cut off is gone with it.
    let closed = lambda.wait_until(|seen| seen.in_flight == 0);
    tokio::time::timeout(Duration::from_secs(10), closed).await.unwrap();
    // The next invocation is none the worse for it.
    assert_eq!(function.invoke("1").await, Answer::Response("1".to_owned()));
}

#[tokio::test]
async fn an_http_caller_hears_of_the_deadline_before_it_comes() {
    let (function, _lambda) = charging().await;
    let mut event: Value = serde_json::from_str(event!("function_url")).unwrap();
    event["body"] = r#"{"silent":true}"#.into();
    let (answer, left) = function
        .invoke_for(Duration::from_millis(1200), event.to_string())
        .await;
    assert_eq!(response(&answer)["statusCode"], 504);
    assert!(left > Duration::ZERO, "answered after the deadline");
    let log = function.log().await.unwrap();
    assert!(
        log.iter().any(|line| line.contains(r#""type":"ExecutionTimedOut""#)),
        "{log:#?}"
    );
}

#[tokio::test]
async fn ten_messages_with_a_map_of_a_thousand_items_keep_to_the_budget() {
    const BUDGET: usize = 16;
    let lambda = Server::start(|_| async {
        tokio::time::sleep(Duration::from_micros(500)).await;
        Reply::ok("1")
    })
    .await
    .unwrap();
    let definition = r#"{"StartAt":"Items","States":{
        "Items":{"Type":"Pass","Parameters":{"items.$":"States.ArrayRange(1,1000,1)"},"Next":"Each"},
        "Each":{"Type":"Map","ItemsPath":"$.items","End":true,"ItemProcessor":{"StartAt":"Charge","States":{
            "Charge":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:charge","End":true}}}}}}"#;
    let function = Setup::new(definition)
        .calling(&lambda)
        .with("EXPRESSWAY_MAX_CONCURRENCY", &BUDGET.to_string())
        .start()
        .await
        .unwrap();
    let messages: Vec<Value> = (0..10).map(|n| message(&format!("m{n}"), None, &json!({}))).collect();
    assert_eq!(response(&function.invoke(batch(&messages)).await), handed_back(&[]));
    let seen = lambda.seen();
    assert_eq!(seen.requests.len(), 10_000);
    assert!(seen.in_flight_max <= BUDGET, "{} requests at once", seen.in_flight_max);
    assert!(seen.connections <= BUDGET, "{} connections", seen.connections);
}

#[tokio::test]
async fn a_task_endpoint_that_is_killed_or_talks_garbage_fails_the_execution_only() {
    let (function, lambda) = charging().await;
    let garbage = Server::start(|request| async move {
        match request.text().as_str() {
            "\"cut\"" => Reply::Cut,
            "\"half\"" => Reply::Half(b"{\"a\"".to_vec()),
            "\"html\"" => Reply::ok("<html>"),
            "\"503\"" => Reply::status(503, "busy"),
            _ => Reply::ok(b"\"\xff\"".to_vec()),
        }
    })
    .await
    .unwrap();
    let confused = Setup::new(CHARGE).calling(&garbage).start().await.unwrap();
    for (event, expected) in [
        ("\"cut\"", "Lambda.SdkClientException"),
        ("\"half\"", "Lambda.SdkClientException"),
        ("\"html\"", "States.TaskFailed"),
        ("\"503\"", "Lambda.AWSLambdaException"),
        ("\"bytes\"", "States.TaskFailed"),
    ] {
        assert_eq!(error(&confused.invoke(event).await).0, expected, "{event}");
    }

    assert_eq!(function.invoke("1").await.text(), "1");
    lambda.kill();
    assert_eq!(error(&function.invoke("2").await).0, "Lambda.SdkClientException");
    let messages = [message("m1", None, &json!({})), message("m2", None, &json!({}))];
    assert_eq!(
        response(&function.invoke(batch(&messages)).await),
        handed_back(&["m1", "m2"])
    );
}

#[tokio::test]
async fn a_killed_endpoint_in_the_middle_of_a_batch_loses_nothing() {
    let (function, lambda) = charging().await;
    let messages = [
        message("m1", None, &json!({"silent": true})),
        message("m2", None, &json!({"n": 2})),
    ];
    let event = batch(&messages);
    let invocation = function.invoke(event);
    let kill = async {
        lambda
            .wait_until(|seen| seen.requests.len() == 2 && seen.in_flight == 1)
            .await;
        lambda.kill();
    };
    let (answer, ()) = tokio::join!(invocation, kill);
    let answer = response(&answer);
    // The answer to the second may have been under way when the endpoint died.
    assert!(
        answer == handed_back(&["m1"]) || answer == handed_back(&["m1", "m2"]),
        "{answer}"
    );
}

#[tokio::test]
async fn events_that_are_no_good_fail_their_invocation_and_no_more() {
    let function = Setup::new(ECHO).start().await.unwrap();
    let ten_megabytes = format!("\"{}\"", "a".repeat(10 * 1024 * 1024));
    let too_deep = "[".repeat(5000) + &"]".repeat(5000);
    for (event, error_type, message) in [
        (
            b"{\"a\":".to_vec(),
            "Expressway.InvalidEvent",
            "the event is not JSON: Unexpected end-of-input",
        ),
        (
            b"{\xff}".to_vec(),
            "Expressway.InvalidEvent",
            "the event is not JSON: Unexpected character ('\u{fffd}' (code 65533)): was expecting double-quote",
        ),
        (
            Vec::new(),
            "Expressway.InvalidEvent",
            "the event is not JSON: Unexpected end-of-input",
        ),
        (
            too_deep.into_bytes(),
            "Expressway.InvalidEvent",
            "the event is not JSON: Document nesting depth exceeds the maximum allowed (1000)",
        ),
        (
            ten_megabytes.into_bytes(),
            "States.DataLimitExceeded",
            "the execution's input has 10485762 bytes, at most 262144 are allowed",
        ),
        (
            br#"{"Records":[{"eventSource":"aws:sqs"}]}"#.to_vec(),
            "Expressway.InvalidEvent",
            "record 0 of the batch is not an SQS message with a `messageId`",
        ),
    ] {
        let (actual_type, actual_message) = error(&function.invoke(event).await);
        assert_eq!(actual_type, error_type);
        assert!(actual_message.starts_with(message), "{actual_message}");
    }
    let deep = "[".repeat(100) + &"]".repeat(100);
    assert_eq!(function.invoke(deep.as_str()).await, Answer::Response(deep));
}

#[tokio::test]
async fn an_error_with_any_name_reaches_the_caller() {
    let definition = r#"{"StartAt":"A","States":{"A":{"Type":"Fail","Error":"Größe\nfehlt","Cause":"ü\n"}}}"#;
    let function = Setup::new(definition).start().await.unwrap();
    let Answer::Error(header, body) = function.invoke("{}").await else {
        panic!("not failed");
    };
    assert_eq!(header, "Gr??e?fehlt");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body,
        json!({"errorType": "Größe\nfehlt", "errorMessage": "ü\n", "stackTrace": []})
    );
}

#[tokio::test]
async fn a_definition_of_a_megabyte_works() {
    // Many states, and a comment that fills what is left.
    let states: Vec<String> = (0..2000)
        .map(|n| {
            format!(
                r#""S{n}":{{"Type":"Pass","Next":"S{}","Comment":"{}"}}"#,
                n + 1,
                "c".repeat(400)
            )
        })
        .collect();
    let definition = format!(
        r#"{{"StartAt":"S0","States":{{{},"S2000":{{"Type":"Succeed"}}}},"Comment":"PAD"}}"#,
        states.join(",")
    );
    let padding = "p".repeat(1024 * 1024 - definition.len() + "PAD".len());
    let definition = definition.replace("PAD", &padding);
    assert_eq!(definition.len(), 1024 * 1024);
    let function = Setup::new(&definition).start().await.unwrap();
    assert_eq!(function.invoke("7").await, Answer::Response("7".to_owned()));
}

#[tokio::test]
async fn a_definition_can_be_inline() {
    let function = Setup::new("unused")
        .with("EXPRESSWAY_DEFINITION", ECHO)
        .start()
        .await
        .unwrap();
    assert_eq!(function.invoke("7").await, Answer::Response("7".to_owned()));
}

#[tokio::test]
async fn a_bad_definition_fails_the_start_with_all_its_diagnostics() {
    let definition = r#"{"StartAt":"Chrage","States":{
  "Charge":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:charge","Next":"Nowhere"},
  "Other":{"Type":"Pass","End":true}}}"#;
    let (error_type, message, log) = fails_to_start(Setup::new(definition)).await;
    assert_eq!(error_type, "Expressway.InvalidDefinition");
    for part in ["MISSING_TRANSITION_TARGET", "Chrage", "Nowhere"] {
        assert!(message.contains(part), "{message}");
        assert!(log.iter().any(|line| line.contains(part)), "{log:#?}");
    }
    assert!(
        log.iter()
            .all(|line| line.starts_with(r#"{"level":"ERROR","message":""#)),
        "{log:#?}"
    );
}

#[tokio::test]
async fn what_can_not_be_called_fails_the_start() {
    let definition = r#"{"StartAt":"Notify","States":{"Notify":{"Type":"Task","Next":"Save",
        "Resource":"arn:aws:states:::eks:runJob","Parameters":{}},
        "Save":{"Type":"Task","End":true,"Resource":"arn:aws:states:::aws-sdk:dynamodb:putItem",
        "Parameters":{"TabelName":"t","Item.$":"$.item"}}}}"#;
    let (error_type, message, _) = fails_to_start(Setup::new(definition)).await;
    assert_eq!(error_type, "Expressway.InvalidDefinition");
    for part in [
        "NOT_SUPPORTED: state `Notify`: `eks:runJob` is not supported; `eks:call` can create the Job",
        "The field 'TableName' is required but was missing at /States/Save/Parameters",
        "4:23: error: SCHEMA_VALIDATION_FAILED: The field 'TabelName' is not supported by Step Functions",
        "did you mean 'TableName'?",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test]
async fn an_http_task_whose_host_is_data_needs_patterns() {
    let definition = r#"{"StartAt":"Ask","States":{"Ask":{"Type":"Task","End":true,
        "Resource":"arn:aws:states:::http:invoke","Parameters":{"ApiEndpoint.$":"$.url","Method":"GET",
        "Authentication":{"ConnectionArn":"arn:aws:events:eu-west-1:111122223333:connection/shop/0a1b"}}}}}"#;
    let (error_type, message, _) = fails_to_start(Setup::new(definition)).await;
    assert_eq!(error_type, "Expressway.InvalidDefinition");
    for part in [
        "NOT_SUPPORTED: state `Ask`: the host of `ApiEndpoint` is made from data, which needs EXPRESSWAY_HTTP_ENDPOINTS",
        "at /States/Ask/Parameters/ApiEndpoint.$",
        r#"set EXPRESSWAY_HTTP_ENDPOINTS to patterns such as `["https://api.example.com/*"]`"#,
    ] {
        assert!(message.contains(part), "{message}");
    }
    let setup = Setup::new(definition).with("EXPRESSWAY_HTTP_ENDPOINTS", r#"["https://api.example.com/*"]"#);
    let function = setup.start().await.unwrap();
    let (error_type, message) = error(&function.invoke(r#"{"url":"https://evil.example/"}"#).await);
    assert_eq!(error_type, "States.Runtime");
    assert!(
        message.contains("names the host `evil.example`, which must not be called unless EXPRESSWAY_HTTP_ENDPOINTS"),
        "{message}"
    );
}

#[tokio::test]
async fn a_bad_configuration_fails_the_start_with_all_its_mistakes() {
    let setup = Setup::new(ECHO)
        .with("EXPRESSWAY_TIMEOUT_SECONDS", "never")
        .with("EXPRESSWAY_LOGLEVEL", "ALL");
    let (error_type, message, log) = fails_to_start(setup).await;
    assert_eq!(error_type, "Expressway.InvalidConfiguration");
    let expected = "the configuration is wrong:\n\
        EXPRESSWAY_TIMEOUT_SECONDS is `never`, but must be a whole number from 1 to 900\n\
        EXPRESSWAY_LOGLEVEL is no known variable, did you mean EXPRESSWAY_LOG_LEVEL?";
    assert_eq!(message, expected);
    assert_eq!(log.len(), 3);
}

#[tokio::test]
async fn a_definition_that_is_not_there_fails_the_start() {
    let setup = Setup::new(ECHO).with("EXPRESSWAY_DEFINITION", "missing.json");
    let (error_type, message, _) = fails_to_start(setup).await;
    assert_eq!(error_type, "Expressway.InvalidDefinition");
    assert!(
        message.contains("missing.json` can not be read: No such file or directory"),
        "{message}"
    );
}

#[tokio::test]
async fn every_event_is_logged_at_level_all_and_none_at_level_off() {
    for (level, expected) in [
        (
            "ALL",
            &[
                r#""type":"ExecutionStarted","details":{"input":"7""#,
                r#""type":"SucceedStateEntered""#,
                r#""type":"SucceedStateExited""#,
                r#""type":"ExecutionSucceeded","details":{"output":"7""#,
            ][..],
        ),
        ("OFF", &[]),
    ] {
        let setup = Setup::new(ECHO).with("EXPRESSWAY_LOG_LEVEL", level);
        let setup = setup.with("EXPRESSWAY_LOG_EXECUTION_DATA", "true");
        let function = setup.start().await.unwrap();
        function.invoke("7").await;
        let log = function.log().await.unwrap();
        assert_eq!(log.len(), expected.len(), "{log:#?}");
        for (line, part) in log.iter().zip(expected) {
            assert!(line.contains(part), "{line}");
        }
    }
}

#[tokio::test]
async fn the_function_asks_lambda_for_nothing_but_events() {
    let function = Setup::new(ECHO).start().await.unwrap();
    function.invoke("1").await;
    function.invoke("2").await;
    let requests = function.runtime_requests();
    let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
    let expected = [
        "/2018-06-01/runtime/invocation/next",
        "/2018-06-01/runtime/invocation/00000000-0000-4000-8000-000000000001/response",
        "/2018-06-01/runtime/invocation/next",
        "/2018-06-01/runtime/invocation/00000000-0000-4000-8000-000000000002/response",
    ];
    assert_eq!(paths[..4], expected);
    assert_eq!(requests[1].header("lambda-runtime-invocation-id"), Some(INVOCATION_ID));
}

#[tokio::test]
async fn retries_of_messages_are_spaced() {
    const FAILS: &str = r#"{"StartAt":"Check","States":{
        "Check":{"Type":"Choice","Choices":[{"Variable":"$.fails","BooleanEquals":true,"Next":"Fail"}],"Default":"Done"},
        "Fail":{"Type":"Fail","Error":"Broken"},
        "Done":{"Type":"Succeed"}}}"#;
    let sqs = Server::start(|_: Request| async { Reply::ok(r#"{"Successful":[],"Failed":[]}"#) })
        .await
        .unwrap();
    let function = Setup::new(FAILS)
        .with("AWS_ENDPOINT_URL_SQS", &sqs.url())
        .with(
            "EXPRESSWAY_RETRY_BACKOFF",
            r#"{"IntervalSeconds":10,"BackoffRate":3,"MaxDelaySeconds":60}"#,
        )
        .start()
        .await
        .unwrap();
    let received = |id: &str, fails: bool, times: &str| {
        let mut message = message(id, None, &json!({"fails": fails}));
        message["receiptHandle"] = format!("receipt-{id}").into();
        message["attributes"]["ApproximateReceiveCount"] = times.into();
        message
    };
    let messages = [
        received("a", true, "1"),
        received("b", false, "1"),
        received("c", true, "2"),
        received("d", true, "9"),
    ];
    assert_eq!(
        response(&function.invoke(batch(&messages)).await),
        handed_back(&["a", "c", "d"])
    );
    let seen = sqs.seen();
    let [request] = seen.requests.as_slice() else {
        panic!("one request for the batch: {seen:?}");
    };
    assert_eq!(
        request.header("x-amz-target"),
        Some("AmazonSQS.ChangeMessageVisibilityBatch")
    );
    let body: Value = serde_json::from_str(&request.text()).unwrap();
    assert_eq!(
        body,
        json!({"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/orders", "Entries": [
            {"Id": "0", "ReceiptHandle": "receipt-a", "VisibilityTimeout": 10},
            {"Id": "1", "ReceiptHandle": "receipt-c", "VisibilityTimeout": 30},
            {"Id": "2", "ReceiptHandle": "receipt-d", "VisibilityTimeout": 60},
        ]})
    );

    // One group of a FIFO queue comes back together, after the time of the message that failed.
    let in_group = |id: &str, group: &str, fails: bool| {
        let mut message = message(id, Some(group), &json!({"fails": fails}));
        message["receiptHandle"] = format!("receipt-{id}").into();
        message
    };
    let messages = [
        in_group("a", "g", false),
        in_group("b", "g", true),
        in_group("c", "g", false),
    ];
    assert_eq!(
        response(&function.invoke(batch(&messages)).await),
        handed_back(&["b", "c"])
    );
    let body: Value = serde_json::from_str(&sqs.seen().requests[1].text()).unwrap();
    let timeouts: Vec<_> = body["Entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["VisibilityTimeout"])
        .collect();
    assert_eq!(timeouts, [10, 10]);

    // A batch without failures asks for nothing.
    assert_eq!(
        response(&function.invoke(batch(&[received("e", false, "1")])).await),
        handed_back(&[])
    );
    assert_eq!(sqs.seen().requests.len(), 2);
}
