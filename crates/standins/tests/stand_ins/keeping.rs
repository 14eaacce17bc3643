//! What stays in a directory, and what other processes see.

use crate::{at, call, client, via, with_options};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::region::Region;
use expressway_standins::{Options, StandIns};
use std::path::Path;
use tempfile::TempDir;
use tokio::net::TcpListener;

const SEED: &str = r#"
tables: {orders: {key: id, items: [{id: seeded}]}}
buckets: {receipts: }
queues: {shipping: , later: }
topics: {news: {subscriptions: [{queue: later, raw: true}]}}
eventBuses: {default: {rules: {r: {pattern: {source: [shop]}, targets: [{queue: later}]}}}}
secrets: {s: text}
parameters: {/p: text}
"#;

async fn in_directory(directory: &Path) -> StandIns {
    let options = Options {
        directory: Some(directory.to_owned()),
        ..Options::default()
    };
    with_options(SEED, options).await
}

#[tokio::test]
async fn a_directory_keeps_everything() {
    let directory = TempDir::new().unwrap();
    let first = in_directory(directory.path()).await;
    for (action, parameters) in [
        (
            "dynamodb:putItem",
            r#"{"TableName": "orders", "Item": {"id": {"S": "new"}}}"#,
        ),
        (
            "dynamodb:deleteItem",
            r#"{"TableName": "orders", "Key": {"id": {"S": "seeded"}}}"#,
        ),
        ("s3:putObject", r#"{"Bucket": "receipts", "Key": "../a B", "Body": 1}"#),
        ("s3:putObject", r#"{"Bucket": "receipts", "Key": "gone", "Body": 1}"#),
        ("s3:deleteObject", r#"{"Bucket": "receipts", "Key": "gone"}"#),
        (
            "sqs:sendMessage",
            r#"{"QueueUrl": "https://x/1/shipping", "MessageBody": "m"}"#,
        ),
        (
            "secretsmanager:putSecretValue",
            r#"{"SecretId": "s", "SecretString": "changed"}"#,
        ),
        (
            "ssm:putParameter",
            r#"{"Name": "/p", "Value": "changed", "Overwrite": true}"#,
        ),
    ] {
        call(&first, action, parameters).await.unwrap();
    }
    drop(first);

    // The seed does not bring back what was changed.
    let second = in_directory(directory.path()).await;
    assert_eq!(second.effects(), []);
    let scan = call(&second, "dynamodb:scan", r#"{"TableName": "orders"}"#)
        .await
        .unwrap();
    assert_eq!(
        (at(&scan, "Count"), at(&scan, "Items/0/id/S")),
        ("1".into(), "new".into())
    );
    let object = call(&second, "s3:getObject", r#"{"Bucket": "receipts", "Key": "../a B"}"#)
        .await
        .unwrap();
    assert_eq!(at(&object, "Body"), "1");
    let list = call(&second, "s3:listObjectsV2", r#"{"Bucket": "receipts"}"#)
        .await
        .unwrap();
    assert_eq!(at(&list, "KeyCount"), "1");
    assert_eq!(second.messages("shipping"), ["m"]);
    let secret = call(&second, "secretsmanager:getSecretValue", r#"{"SecretId": "s"}"#)
        .await
        .unwrap();
    assert_eq!(at(&secret, "SecretString"), "changed");
    let parameter = call(&second, "ssm:getParameter", r#"{"Name": "/p"}"#).await.unwrap();
    assert_eq!(at(&parameter, "Parameter/Value"), "changed");
    let publish = r#"{"TopicArn": "arn:aws:sns:us-east-1:1:news", "Message": "n"}"#;
    call(&second, "sns:publish", publish).await.unwrap();
    let event = r#"{"Entries": [{"Source": "shop", "DetailType": "d", "Detail": "{}"}]}"#;
    call(&second, "eventbridge:putEvents", event).await.unwrap();
    assert_eq!(second.messages("later").len(), 2);
    let outside = directory.path().parent().unwrap().join("a B");
    assert!(!outside.exists());
}

#[tokio::test]
async fn a_damaged_directory_is_told() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("sqs.json"), "{").unwrap();
    let options = Options {
        directory: Some(directory.path().to_owned()),
        ..Options::default()
    };
    let error = StandIns::open(options).unwrap_err().to_string();
    assert!(error.contains("sqs.json`: EOF while parsing"), "{error}");
}

#[tokio::test]
async fn other_processes_are_served_over_http() {
    let stand_ins = with_options(SEED, Options::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = stand_ins.clone();
    let server = tokio::spawn(async move { served.serve(listener).await });
    // The client of a process that knows nothing but the address.
    let config = aws_types::SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "any", "any", None, None, "test",
        )))
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .build();
    let client = client(config);
    for (action, parameters) in [
        (
            "dynamodb:putItem",
            r#"{"TableName": "orders", "Item": {"id": {"S": "é"}}}"#,
        ),
        (
            "s3:putObject",
            r#"{"Bucket": "receipts", "Key": "a/b", "Body": "text"}"#,
        ),
        (
            "sqs:sendMessage",
            r#"{"QueueUrl": "https://x/1/shipping", "MessageBody": "m"}"#,
        ),
        (
            "sns:publish",
            r#"{"TopicArn": "arn:aws:sns:us-east-1:1:news", "Message": "n"}"#,
        ),
    ] {
        via(&client, action, parameters).await.unwrap();
    }
    let head = via(&client, "s3:headObject", r#"{"Bucket": "receipts", "Key": "a/b"}"#)
        .await
        .unwrap();
    assert_eq!(at(&head, "ContentLength"), "6");
    let object = via(&client, "s3:getObject", r#"{"Bucket": "receipts", "Key": "a/b"}"#)
        .await
        .unwrap();
    assert_eq!(at(&object, "Body"), r#""text""#);
    assert_eq!(stand_ins.effects().len(), 5);
    server.abort();
}
