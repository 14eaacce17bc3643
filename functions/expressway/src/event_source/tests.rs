mod deliveries;
mod events;
mod http_sources;
mod sqs_batches;

use super::*;
use crate::config::{HttpInput, SqsInput};
use crate::testing::{self, Setup, event};

#[test]
fn sources_are_told_apart_by_shape() {
    let alb = |is_multi_value| EventSource::Http(http::Format::Alb { is_multi_value });
    for (event, expected) in [
        (event!("api_gateway_v1"), EventSource::Http(http::Format::ApiGatewayV1)),
        (event!("http_api_v1"), EventSource::Http(http::Format::ApiGatewayV1)),
        (event!("api_gateway_v2"), EventSource::Http(http::Format::ApiGatewayV2)),
        (event!("function_url"), EventSource::Http(http::Format::ApiGatewayV2)),
        (event!("alb"), alb(false)),
        (event!("alb_multi_value"), alb(true)),
        (event!("event_bridge"), EventSource::EventBridge),
        (event!("scheduler"), EventSource::EventBridge),
        (event!("sns"), EventSource::Direct),
        (event!("kinesis"), EventSource::Direct),
        (event!("s3"), EventSource::Direct),
        (event!("web_socket"), EventSource::Direct),
        ("{}", EventSource::Direct),
        ("[]", EventSource::Direct),
        ("null", EventSource::Direct),
        ("[1,2]", EventSource::Direct),
        (r#"{"Records":7}"#, EventSource::Direct),
        (r#"{"Records":[],"more":1}"#, EventSource::Direct),
        (r#"{"httpMethod":"GET"}"#, EventSource::Direct),
        (r#"{"version":"2.0"}"#, EventSource::Direct),
        (r#"{"Records":[]}"#, EventSource::Sqs(&[])),
    ] {
        let event = Document::parse(event).unwrap();
        assert_eq!(EventSource::of(&event), expected, "{event}");
    }
    let batch = Document::parse(event!("sqs")).unwrap();
    assert!(matches!(EventSource::of(&batch), EventSource::Sqs([_, _])));
    let pipe = batch.get("Records").unwrap();
    assert!(matches!(EventSource::of(pipe), EventSource::Sqs([_, _])));
    let bus = Document::parse(&format!("[{}]", event!("event_bridge"))).unwrap();
    assert!(matches!(EventSource::of(&bus), EventSource::EventBridgeArray([_])));
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
