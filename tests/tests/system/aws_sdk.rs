//! AWS SDK tasks against a server that answers as services do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use expressway_asl::Document;
use expressway_asl::program::Requirements;
use expressway_asl::resource::Resource;
use expressway_aws::client::http_client;
use expressway_engine::{StateError, TaskError, TaskRequest, TaskRunner};
use expressway_integrations::AwsTasks;
use expressway_tests::server::{Reply, Script, Server};
use std::time::Duration;

fn resource(service: &str, action: &str) -> Resource {
    Resource::AwsSdk {
        arn: format!("arn:aws:states:::aws-sdk:{service}:{action}").into(),
        service: service.into(),
        action: action.into(),
    }
}

fn requirements(service: &str, action: &str) -> Requirements {
    Requirements {
        resources: vec![(resource(service, action), "Call".into())],
        credentials: None,
    }
}

/// Calls an action of a server that gives these replies, and tells what the server saw.
async fn call(
    (service, action): (&str, &str),
    parameters: &str,
    replies: impl IntoIterator<Item = Reply>,
) -> (Result<Document, StateError>, Server) {
    let script = Script::new(replies);
    let server = Server::start(move |_| {
        let reply = script.next();
        async { reply }
    });
    let server = server.await.unwrap();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "AKID", "secret", None, None, "test",
        )))
        .endpoint_url(server.url())
        .http_client(http_client())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .sleep_impl(aws_smithy_async_sleep())
        .build();
    let resource = resource(service, action);
    let tasks = AwsTasks::new(&config, &requirements(service, action));
    let request = TaskRequest {
        resource: &resource,
        input: Document::parse(parameters).unwrap(),
        state_name: "Call",
        attempt: 0,
        role_arn: None,
        execution_arn: "arn:aws:states:eu-west-1:111122223333:express:orders:1:1",
        token: None,
        payloads: None,
    };
    let result = match tasks.run(request).await {
        Ok(result) => Ok(result),
        Err(TaskError::State(error)) => Err(error),
        Err(TaskError::Fault(fault)) => panic!("{fault}"),
    };
    (result, server)
}

fn aws_smithy_async_sleep() -> aws_sdk_lambda::config::SharedAsyncSleep {
    aws_sdk_lambda::config::SharedAsyncSleep::new(Sleep)
}

#[derive(Debug)]
struct Sleep;

impl aws_sdk_lambda::config::AsyncSleep for Sleep {
    fn sleep(&self, duration: Duration) -> aws_sdk_lambda::config::Sleep {
        aws_sdk_lambda::config::Sleep::new(tokio::time::sleep(duration))
    }
}

fn name_and_cause(result: Result<Document, StateError>) -> (String, String) {
    let error = result.unwrap_err();
    (error.name.unwrap().to_string(), error.cause.unwrap().to_string())
}

#[tokio::test]
async fn parameters_and_results_have_the_names_of_step_functions() {
    let answer =
        Reply::ok(r#"{"executionArn":"arn:aws:states:eu-west-1:111122223333:execution:m:1","startDate":1700000000.5}"#);
    let parameters = r#"{"StateMachineArn":"arn:aws:states:eu-west-1:111122223333:stateMachine:m","Input":{"a":1}}"#;
    let (result, server) = call(("sfn", "startExecution"), parameters, [answer]).await;
    let result = result.unwrap();
    assert_eq!(
        result.get("ExecutionArn").and_then(Document::as_str),
        Some("arn:aws:states:eu-west-1:111122223333:execution:m:1")
    );
    assert!(
        result
            .get("StartDate")
            .and_then(Document::as_str)
            .is_some_and(|date| date.starts_with("2023-11-14T22:13:20"))
    );
    let seen = server.seen();
    let request = seen.requests.first().unwrap();
    let body = Document::parse(&request.text()).unwrap();
    assert_eq!(
        body.get("stateMachineArn").and_then(Document::as_str),
        Some("arn:aws:states:eu-west-1:111122223333:stateMachine:m")
    );
    assert_eq!(body.get("input").and_then(Document::as_str), Some(r#"{"a":1}"#));
    assert!(
        request
            .header("authorization")
            .unwrap()
            .contains("/eu-west-1/states/aws4_request")
    );
}

#[tokio::test]
async fn errors_of_services_have_the_names_and_causes_of_step_functions() {
    let refused = Reply::status(
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"#,
    );
    let parameters = r#"{"TableName":"t","Item":{"id":{"S":"1"}}}"#;
    let (result, server) = call(("dynamodb", "putItem"), parameters, [refused]).await;
    let (name, cause) = name_and_cause(result);
    assert_eq!(name, "DynamoDb.ConditionalCheckFailedException");
    assert!(
        cause.starts_with("The conditional request failed (Service: DynamoDb, Status Code: 400, Request ID: "),
        "{cause}"
    );
    assert_eq!(server.seen().requests.len(), 1);
}

#[tokio::test]
async fn errors_that_pass_are_tried_again() {
    let replies = [
        Reply::status(500, "{}"),
        Reply::status(503, "{}"),
        Reply::ok(r#"{"Item":{"id":{"S":"1"}}}"#),
    ];
    let parameters = r#"{"TableName":"t","Key":{"id":{"S":"1"}}}"#;
    let (result, server) = call(("dynamodb", "getItem"), parameters, replies).await;
    assert_eq!(result.unwrap().to_json(), r#"{"Item":{"id":{"S":"1"}}}"#);
    assert_eq!(server.seen().requests.len(), 3);
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_not_sent() {
    let (result, server) = call(("dynamodb", "getItem"), r#"{"TableName":"t","Kee":{}}"#, []).await;
    let (name, cause) = name_and_cause(result);
    assert_eq!(name, "States.Runtime");
    assert!(
        cause.starts_with("The Parameters '{\"TableName\":\"t\",\"Kee\":{}}' could not be used to start the Task: ["),
        "{cause}"
    );
    assert!(server.seen().requests.is_empty());
}
