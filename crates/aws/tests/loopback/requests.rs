//! What goes out, and what comes back when all is well.

use crate::server::{Reply, Server};
use crate::{call, call_with, client, get_item};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use expressway_asl::Document;
use expressway_aws::{CallOptions, Client, Credentials, EndpointOverrides, Service};

#[tokio::test]
async fn a_call_sends_a_signed_request_and_gives_the_result() {
    let server = Server::answering(vec![Reply::ok(r#"{"Item": {"id": {"S": "1"}}}"#)]).await;
    let result = get_item(&client(&server.url)).await.unwrap();
    assert_eq!(result.to_json(), r#"{"Item":{"id":{"S":"1"}}}"#);
    let requests = server.requests();
    let request = requests.first().unwrap();
    assert_eq!(request.line, "POST / HTTP/1.1");
    assert_eq!(request.header("x-amz-target"), Some("DynamoDB_20120810.GetItem"));
    assert_eq!(request.body, r#"{"TableName":"orders","Key":{"id":{"S":"1"}}}"#);
    let authorization = request.header("authorization").unwrap();
    assert!(
        authorization.contains("/eu-west-1/dynamodb/aws4_request"),
        "{authorization}"
    );
    let user_agent = request.header("user-agent").unwrap();
    assert!(user_agent.contains("api/expressway"), "{user_agent}");
}

#[tokio::test]
async fn keys_have_capitals_in_both_directions() {
    let answer = r#"{"executionArn": "arn:aws:states:::e", "startDate": 1700000000.123}"#;
    let server = Server::answering(vec![Reply::ok(answer)]).await;
    let parameters = r#"{"StateMachineArn": "arn:aws:states:::m", "Input": {"a": 1}, "Name": null}"#;
    let result = call(&client(&server.url), "sfn", "startExecution", parameters)
        .await
        .unwrap();
    let expected = r#"{"ExecutionArn":"arn:aws:states:::e","StartDate":"2023-11-14T22:13:20.123Z"}"#;
    assert_eq!(result.to_json(), expected);
    let body = Document::parse(&server.requests().first().unwrap().body).unwrap();
    assert_eq!(
        body.to_json(),
        r#"{"stateMachineArn":"arn:aws:states:::m","input":"{\"a\":1}"}"#
    );
}

#[tokio::test]
async fn region_caller_and_token_can_differ_from_call_to_call() {
    let server = Server::answering(vec![Reply::ok("{}")]).await;
    let credentials = aws_credential_types::Credentials::new("OTHER", "secret", Some("session".into()), None, "test");
    let options = CallOptions {
        region: Some("us-west-2".to_owned()),
        credentials: Some(Credentials::new(SharedCredentialsProvider::new(credentials))),
        idempotency_token: Some("the-token".to_owned()),
        ..CallOptions::default()
    };
    let parameters = r#"{"Name": "secret", "SecretString": "text"}"#;
    let client = client(&server.url);
    call_with(&client, "secretsmanager", "createSecret", parameters, &options)
        .await
        .unwrap();
    let requests = server.requests();
    let request = requests.first().unwrap();
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.contains("Credential=OTHER/"), "{authorization}");
    assert!(authorization.contains("/us-west-2/secretsmanager/"), "{authorization}");
    assert_eq!(request.header("x-amz-security-token"), Some("session"));
    assert!(
        request.body.contains(r#""ClientRequestToken":"the-token""#),
        "{}",
        request.body
    );
}

#[tokio::test]
async fn an_object_goes_to_its_bucket_as_text_with_a_checksum() {
    let server = Server::start(|_| Reply::Answer {
        status: 200,
        headers: "ETag: \"e\"\r\n",
        body: Vec::new(),
    })
    .await;
    let parameters = r#"{"Bucket": "orders", "Key": "a b/c", "Body": {"a": 1}}"#;
    let result = call(&client(&server.url), "s3", "putObject", parameters).await.unwrap();
    assert_eq!(result.to_json(), r#"{"ETag":"\"e\""}"#);
    let requests = server.requests();
    let request = requests.first().unwrap();
    assert_eq!(request.line, "PUT /orders/a%20b/c HTTP/1.1");
    assert_eq!(request.body, r#"{"a":1}"#);
    assert_eq!(request.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert!(request.header("x-amz-checksum-crc32").is_some());
    assert!(request.header("x-amz-content-sha256").is_some());
}

#[tokio::test]
async fn who_has_no_credentials_yet_is_not_signed_for() {
    let server = Server::answering(vec![Reply::ok("<AssumeRoleWithWebIdentityResponse/>")]).await;
    let config = SdkConfig::builder()
        .region(Region::new("eu-west-1"))
        .endpoint_url(&server.url);
    let client = Client::new(config.build(), EndpointOverrides::none());
    let parameters = r#"{"RoleArn": "r", "RoleSessionName": "s", "WebIdentityToken": "t"}"#;
    call(&client, "sts", "assumeRoleWithWebIdentity", parameters)
        .await
        .unwrap();
    assert_eq!(server.requests().first().unwrap().header("authorization"), None);
}

#[tokio::test]
async fn a_body_may_stay_out_of_the_signature() {
    let server = Server::answering(vec![Reply::ok("{}")]).await;
    let parameters = r#"{"Path": "p", "Body": "text"}"#;
    call(&client(&server.url), "mediastoredata", "putObject", parameters)
        .await
        .unwrap();
    let requests = server.requests();
    let request = requests.first().unwrap();
    assert!(request.header("authorization").is_some());
    assert_eq!(request.header("x-amz-content-sha256"), Some("UNSIGNED-PAYLOAD"));
}

#[tokio::test]
async fn a_call_with_metadata_gives_status_and_headers() {
    let server = Server::start(|_| Reply::Answer {
        status: 200,
        headers: "x-amzn-RequestId: r-1\r\n",
        body: b"{}".to_vec(),
    })
    .await;
    let service = Service::find("dynamodb").unwrap();
    let operation = service.operation("listTables").unwrap();
    let client = client(&server.url);
    let output = client
        .call_with_metadata(service, operation, &Document::Null, &CallOptions::default())
        .await;
    let output = output.unwrap();
    assert_eq!(output.status, 200);
    assert_eq!(output.request_id(), Some("r-1"));
}
