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
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
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
