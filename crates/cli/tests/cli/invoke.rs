use crate::{Ran, command, expressway, ran};
use expressway_asl::Document;

const ORDER: &str = r#"{"items":["a"]}"#;

fn invoke(event: &str, test_case: &str, more: &[&str]) -> Ran {
    let mock = format!("mocks.json#{test_case}");
    let arguments = [
        "invoke",
        "orders.asl.json",
        "--event",
        event,
        "--mock",
        &mock,
        "--fast-forward",
    ];
    expressway(&[&arguments, more].concat())
}

#[test]
fn a_direct_event_is_answered_with_the_output() {
    let ran = invoke(ORDER, "HappyPath", &[]);
    assert_eq!(ran.code, Some(0));
    // The level of logging is ERROR, and the first attempt fails.
    assert!(
        ran.stderr.contains(r#""type":"TaskFailed""#) && ran.stderr.lines().count() == 1,
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stdout, "{\"items\":[\"a\"],\"prices\":[10]}\n");

    let pretty = invoke(ORDER, "HappyPath", &["--format", "text"]);
    assert!(pretty.stdout.starts_with("{\n  \"items\": [\n"), "{}", pretty.stdout);
}

#[test]
fn a_failed_invocation_is_told_as_lambda_does() {
    let ran = invoke(ORDER, "Declined", &["--env", "EXPRESSWAY_LOG_LEVEL=OFF"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr
            .starts_with("error: the execution failed, and its delivery with it (Declined, direct, arn:")
            && ran.stderr.lines().count() == 1,
        "{}",
        ran.stderr
    );
    assert_eq!(
        ran.stdout,
        "{\"errorType\":\"Declined\",\"errorMessage\":\"no funds\"}\n"
    );
}

#[test]
fn a_batch_hands_back_what_failed() {
    let record = |id: &str, body: &str| {
        format!(
            r#"{{"messageId":"{id}","receiptHandle":"r","body":{},"attributes":{{}},"messageAttributes":{{}},"md5OfBody":"","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:111111111111:orders","awsRegion":"us-east-1"}}"#,
            Document::from(body)
        )
    };
    let event = format!(r#"{{"Records":[{},{}]}}"#, record("good", ORDER), record("bad", "{}"));
    let ran = invoke(&event, "HappyPath", &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.member("batchItemFailures"), r#"[{"itemIdentifier":"bad"}]"#);
}

#[test]
fn the_environment_configures_the_function() {
    let mut command = command(&[
        "invoke",
        "-",
        "--event",
        r#"{"a":1}"#,
        "--env",
        "EXPRESSWAY_LOG_LEVEL=ALL",
    ]);
    command.env("EXPRESSWAY_LOG_LEVEL", "OFF");
    command.env("EXPRESSWAY_SUBSTITUTIONS", r#"{"Greeting": "hello"}"#);
    let definition = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": "${Greeting}", "End": true}}}"#;
    let ran = ran(command, definition);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "\"hello\"\n"),
        "{}",
        ran.stderr
    );
    let types: Vec<_> = ran
        .stderr
        .lines()
        .map(|line| Document::parse(line).unwrap().get("type").cloned())
        .collect();
    let expected = [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(types, expected.map(|name| Some(name.into())));
}

#[test]
fn wrong_configuration_is_a_usage_error() {
    let ran = invoke(
        ORDER,
        "HappyPath",
        &["--env", "EXPRESSWAY_LOG_LEVEL=SOME", "--env", "EXPRESSWAY_LOGLEVEL=ALL"],
    );
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(
        ran.stderr
            .starts_with("error: the function would not start with this environment\n"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("EXPRESSWAY_LOG_LEVEL") && ran.stderr.contains("EXPRESSWAY_LOGLEVEL"));
}

#[test]
fn embedded_stores_remember_between_invocations() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let definition = directory.path().join("notify.asl.json");
    std::fs::write(
        &definition,
        r#"{"StartAt":"Save","States":{"Save":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:updateItem","Parameters":{
           "TableName":"counters","Key":{"id":{"S":"c"}},"UpdateExpression":"ADD n :one","ExpressionAttributeValues":{":one":{"N":"1"}}},
           "ResultSelector":{"at.$":"$$.State.EnteredTime"},"End":true}}}"#,
    )
    .unwrap();
    let seed = directory.path().join("notify.asl.seed.json");
    std::fs::write(seed, r#"{"tables":{"counters":{"key":"id"}}}"#).unwrap();
    let event = r#"{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"POST"}},"headers":{"idempotency-key":"k-1"},"body":"{}"}"#;
    let invoke = |event: &str, more: &[&str]| {
        let arguments = [
            "invoke",
            definition.to_str().unwrap(),
            "--event",
            event,
            "--local",
            "--state",
            state.to_str().unwrap(),
            "--format",
            "json",
        ];
        let ran = expressway(&[&arguments, more].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran
    };
    for level in ["execution", "task"] {
        let event = event.replace("k-1", level);
        let level = format!("EXPRESSWAY_IDEMPOTENCY={level}");
        let first = invoke(&event, &["--env", &level]);
        assert!(first.stderr.contains("counters"), "{}", first.stderr);
        assert!(!first.stdout.contains("idempotency-replayed"), "{}", first.stdout);
        let second = invoke(&event, &["--env", &level]);
        assert!(
            second.stdout.contains(r#""idempotency-replayed":"true""#),
            "{}",
            second.stdout
        );
        assert_eq!(
            second.stdout.replace(r#","idempotency-replayed":"true""#, ""),
            first.stdout
        );
        assert!(!second.stderr.contains("Changed"), "{}", second.stderr);
        let other = invoke(&event.replace(r#""{}""#, r#""[]""#), &["--env", &level]);
        assert!(
            other.stdout.contains("Expressway.IdempotencyKeyReused"),
            "{}",
            other.stdout
        );
    }
}
