//! What goes wrong in calls of services, as a definition sees it: the name that it catches, and how often its Retry and
//! the SDK's own retries have the service called.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use expressway_asl::program::Requirements;
use expressway_aws::client::http_client;
use expressway_integrations::AwsTasks;
use expressway_tests::execution;
use expressway_tests::server::{Reply, Script, Server};
use std::time::Duration;

const GET_ITEM: (&str, &str) = (
    "aws-sdk:dynamodb:getItem",
    r#"{"TableName": "t", "Key": {"id": {"S": "1"}}}"#,
);
const PUT_ITEM: (&str, &str) = ("dynamodb:putItem", r#"{"TableName": "t", "Item": {"id": {"S": "1"}}}"#);
const GET_OBJECT: (&str, &str) = ("aws-sdk:s3:getObject", r#"{"Bucket": "b", "Key": "k"}"#);
const SEND: (&str, &str) = ("sqs:sendMessage", r#"{"QueueUrl": "https://q", "MessageBody": "m"}"#);
const PUBLISH: (&str, &str) = (
    "sns:publish",
    r#"{"TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": "m"}"#,
);
const INVOKE: (&str, &str) = ("lambda:invoke", r#"{"FunctionName": "f", "Payload": {}}"#);

/// Runs one Task state that catches only this error name; gives whether it did, or what came of it, and how often the
/// service was called.
async fn catching(task: (&str, &str), name: &str, retries: u32, replies: Vec<Reply>) -> (String, usize) {
    let (resource, parameters) = task;
    let definition = format!(
        r#"{{"StartAt": "Call", "States": {{
            "Call": {{"Type": "Task", "Resource": "arn:aws:states:::{resource}", "Parameters": {parameters}, "End": true,
                "Retry": [{{"ErrorEquals": ["{name}"], "IntervalSeconds": 1, "MaxDelaySeconds": 1, "MaxAttempts": {retries}}}],
                "Catch": [{{"ErrorEquals": ["{name}"], "Next": "Caught"}}]}},
            "Caught": {{"Type": "Pass", "Result": "caught", "End": true}}}}}}"#
    );
    let script = Script::new(replies);
    let server = Server::start(move |_| std::future::ready(script.next())).await.unwrap();
    let timeouts = TimeoutConfig::builder()
        .read_timeout(Duration::from_millis(300))
        .operation_attempt_timeout(Duration::from_millis(300));
    let credentials = Credentials::new("AKID", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(server.url())
        .http_client(http_client())
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .build();
    let tasks = AwsTasks::new(&config, &Requirements::default());
    let outcome = execution::run(&definition, tasks).await.unwrap();
    (outcome, server.seen().requests.len())
}

fn json(status: u16, code: &str) -> Reply {
    Reply::status(
        status,
        format!(r#"{{"__type": "x#{code}", "message": "no", "Message": "no"}}"#),
    )
    .with_header("x-amzn-errortype", code)
}

fn xml(status: u16, code: &str) -> Reply {
    Reply::status(
        status,
        format!("<Error><Code>{code}</Code><Message>no</Message></Error>"),
    )
}

#[tokio::test]
async fn each_fault_has_the_name_that_definitions_catch() {
    let query =
        |code: &str| format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>");
    for (task, reply, name, calls) in [
        // Throttled.
        (
            GET_ITEM,
            json(400, "ProvisionedThroughputExceededException"),
            "DynamoDb.ProvisionedThroughputExceededException",
            3,
        ),
        (
            PUT_ITEM,
            json(400, "ProvisionedThroughputExceededException"),
            "DynamoDB.ProvisionedThroughputExceededException",
            3,
        ),
        (
            INVOKE,
            json(429, "TooManyRequestsException"),
            "Lambda.TooManyRequestsException",
            3,
        ),
        (GET_OBJECT, xml(503, "SlowDown"), "S3.S3Exception", 3),
        (
            PUBLISH,
            Reply::status(429, query("Throttling")),
            "SNS.AmazonSNSException",
            3,
        ),
        // Ill. A function may have run: only the definition says whether to call it again.
        (
            GET_ITEM,
            json(500, "InternalServerError"),
            "DynamoDb.InternalServerErrorException",
            3,
        ),
        (INVOKE, json(500, "ServiceException"), "Lambda.ServiceException", 1),
        (GET_ITEM, Reply::status(503, "<html>"), "DynamoDb.DynamoDbException", 3),
        (INVOKE, Reply::status(502, "<html>"), "Lambda.AWSLambdaException", 1),
        // Refused.
        (
            GET_ITEM,
            json(400, "ExpiredTokenException"),
            "DynamoDb.DynamoDbException",
            1,
        ),
        (
            PUT_ITEM,
            json(400, "ConditionalCheckFailedException"),
            "DynamoDB.ConditionalCheckFailedException",
            1,
        ),
        (GET_OBJECT, xml(404, "NoSuchKey"), "S3.NoSuchKeyException", 1),
        (SEND, json(400, "ValidationException"), "SQS.AmazonSQSException", 1),
        // No answer, or none that can be read.
        (GET_ITEM, Reply::Cut, "DynamoDb.SdkClientException", 3),
        (GET_ITEM, Reply::Half(b"{".to_vec()), "DynamoDb.SdkClientException", 3),
        (GET_ITEM, Reply::ok("<html>"), "DynamoDb.SdkClientException", 1),
        (GET_OBJECT, Reply::Cut, "S3.SdkClientException", 3),
        (INVOKE, Reply::Cut, "Lambda.SdkClientException", 1),
        (INVOKE, Reply::Silence, "Lambda.SdkClientException", 1),
    ] {
        let (outcome, seen) = catching(task, name, 0, vec![reply.clone()]).await;
        assert_eq!((&*outcome, seen), (r#""caught""#, calls), "{task:?} {reply:?} {name}");
    }
}

#[tokio::test]
async fn retries_of_the_definition_and_of_the_sdk_multiply() {
    let throttled = json(400, "ProvisionedThroughputExceededException");
    let name = "DynamoDb.ProvisionedThroughputExceededException";
    let (outcome, calls) = catching(GET_ITEM, name, 1, vec![throttled]).await;
    assert_eq!((&*outcome, calls), (r#""caught""#, 6));
    // One definition's retry more, and it passes.
    let replies = vec![Reply::Cut, Reply::ok("1")];
    let (outcome, calls) = catching(INVOKE, "Lambda.SdkClientException", 1, replies).await;
    assert!(outcome.contains(r#""Payload":1"#), "{outcome}");
    assert_eq!(calls, 2);
}
