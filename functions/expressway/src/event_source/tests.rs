mod deliveries;
mod dependencies;
mod events;
mod http_answers;
mod http_sources;
mod properties;
mod repairs;
mod samples;
mod sqs_batches;
mod streams_and_pipes;

use super::*;
use crate::config::{Definition, HttpInput, SqsInput};
use crate::testing::{self, Setup, event};

/// What a source is called in tables.
fn name(source: &EventSource<'_>) -> &'static str {
    match source {
        EventSource::Http(http::Format::ApiGatewayV1) => "http v1",
        EventSource::Http(http::Format::ApiGatewayV2) => "http v2",
        EventSource::Http(http::Format::Alb { is_multi_value: false }) => "alb",
        EventSource::Http(http::Format::Alb { is_multi_value: true }) => "alb multi-value",
        EventSource::Sqs(_) => "sqs",
        EventSource::Records(records) | EventSource::Stream(records, _) => {
            records.first().map_or("empty", |record| record.source.as_str())
        }
        EventSource::Enrichment(_) => "enrichment",
        EventSource::EventBridge => "event",
        EventSource::Direct => "direct",
    }
}

fn configuration() -> Configuration {
    Configuration::new(Definition::Inline("{}".to_owned()))
}

#[test]
fn sources_are_told_apart_by_shape() {
    let array = |event: &str| format!("[{event}]");
    let records = |event: &str| Document::parse(event).unwrap().get("Records").unwrap().to_json();
    let of_authorizer = |event: &str, arn: &str| {
        let event = testing::with(event, "type", "\"REQUEST\"");
        testing::with(&event, arn, "\"arn:aws:execute-api:eu-west-1:111122223333:a/b/GET/c\"")
    };
    for (event, expected) in [
        (event!("api_gateway_v1"), "http v1"),
        (event!("http_api_v1"), "http v1"),
        (event!("api_gateway_v2"), "http v2"),
        (event!("function_url"), "http v2"),
        (event!("alb"), "alb"),
        (&testing::with(event!("alb"), "multiValueHeaders", "null"), "alb"),
        (event!("alb_multi_value"), "alb multi-value"),
        (event!("event_bridge"), "event"),
        (event!("scheduler"), "event"),
        (&array(event!("event_bridge")), "eventbridge"),
        (event!("sqs"), "sqs"),
        (&records(event!("sqs")), "sqs"),
        (r#"{"Records":[]}"#, "sqs"),
        (event!("sns"), "sns"),
        (event!("kinesis"), "kinesis"),
        (&records(event!("kinesis")), "kinesis"),
        (event!("s3"), "s3"),
        (event!("dynamodb"), "dynamodb"),
        (event!("kafka"), "kafka"),
        (event!("web_socket"), "direct"),
        (&of_authorizer(event!("api_gateway_v1"), "methodArn"), "direct"),
        (&of_authorizer(event!("http_api_v1"), "methodArn"), "direct"),
        (&of_authorizer(event!("api_gateway_v2"), "routeArn"), "direct"),
        (
            r#"{"type":"TOKEN","methodArn":"arn:...","authorizationToken":"t"}"#,
            "direct",
        ),
        ("{}", "direct"),
        ("[]", "direct"),
        ("null", "direct"),
        ("[1,2]", "direct"),
        (r#"{"Records":7}"#, "direct"),
        (r#"{"Records":[],"more":1}"#, "direct"),
        (
            r#"{"Records":[{"eventSource":"aws:kinesis"},{"eventSource":"aws:s3"}]}"#,
            "direct",
        ),
        (r#"{"eventSource":"aws:kafka","records":{}}"#, "direct"),
        (r#"{"eventSource":"aws:kafka","records":{"t-0":7}}"#, "direct"),
        (r#"{"httpMethod":"GET"}"#, "direct"),
        (r#"{"version":"2.0"}"#, "direct"),
    ] {
        let event = Document::parse(event).unwrap();
        assert_eq!(name(&EventSource::of(&event, &configuration())), expected, "{event}");
    }
}

#[test]
fn records_are_one_payload_where_that_is_configured() {
    let mut configuration = configuration();
    configuration.records_input = RecordsInput::Event;
    for (event, expected) in [
        (event!("sns"), "direct"),
        (event!("s3"), "direct"),
        (event!("kinesis"), "direct"),
        (event!("dynamodb"), "direct"),
        (event!("kafka"), "direct"),
        (event!("sqs"), "sqs"),
        (&format!("[{}]", event!("event_bridge")), "eventbridge"),
    ] {
        let event = Document::parse(event).unwrap();
        assert_eq!(name(&EventSource::of(&event, &configuration)), expected, "{event}");
    }
}

/// A workflow that gives its input back.
const ECHO: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#;

/// A workflow that fails.
const FAIL: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Fail","Error":"OrderInvalid","Cause":"no items"}}}"#;

/// A workflow that calls a function with its input.
const TASK: &str = r#"{"StartAt":"Charge","States":{"Charge":{"Type":"Task","Resource":
    "arn:aws:lambda:eu-west-1:111122223333:function:charge","End":true}}}"#;

/// A workflow that shows who it is.
const IDENTITY: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Parameters":{
    "id.$":"$$.Execution.Id","name.$":"$$.Execution.Name","machine.$":"$$.StateMachine.Id"}}}}"#;

const ORDER: &str = r#"{"orderId":"4711","amount":12.5}"#;

#[tokio::test]
async fn an_observer_hears_the_events_of_every_execution_if_it_wants_to() {
    let setup = Setup::new(ECHO);
    setup.handle(event!("sqs")).await.unwrap();
    let events = setup.observer.events();
    assert_eq!(events.len(), 8, "{events:?}");
    assert_eq!(
        events
            .iter()
            .filter(|event| event.ends_with(" ExecutionSucceeded"))
            .count(),
        2
    );

    let mut setup = Setup::new(ECHO);
    setup.observer.wants_history = false;
    setup.handle(event!("sqs")).await.unwrap();
    assert_eq!(setup.observer.events(), [] as [String; 0]);
}

#[test]
fn handling_can_move_between_threads() {
    fn check<T: Send>(_: &T) {}
    let setup = Setup::new(ECHO);
    check(&setup.handle("{}"));
}
