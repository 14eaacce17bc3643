//! Which failures are tried again.

use crate::server::{Reply, Server};
use crate::{call, client, get_item};
use expressway_aws::CallError;

/// Replies in turn, how many requests they take, and whether the call ends well.
async fn check(replies: Vec<Reply>, requests: usize, ends_well: bool) -> Option<CallError> {
    let server = Server::answering(replies).await;
    let result = get_item(&client(&server.url)).await;
    assert_eq!(server.requests().len(), requests);
    assert_eq!(result.is_ok(), ends_well, "{result:?}");
    result.err()
}

fn error(status: u16, code: &str) -> Reply {
    Reply::status(
        status,
        format!(r#"{{"__type": "com.amazonaws#{code}", "message": "no"}}"#),
    )
}

#[tokio::test]
async fn a_server_error_is_tried_three_times() {
    check(
        vec![Reply::status(500, "{}"), Reply::status(503, "<html>"), Reply::ok("{}")],
        3,
        true,
    )
    .await;
    let last = check(vec![error(500, "InternalServerError")], 3, false).await.unwrap();
    let answer = last.answer().unwrap();
    assert_eq!(answer.attempts, 3);
    assert_eq!(answer.name(), "DynamoDb.InternalServerErrorException");
    assert_eq!(
        answer.cause(),
        "no (Service: DynamoDb, Status Code: 500, Request ID: null) (SDK Attempt Count: 3)"
    );
}

#[tokio::test]
async fn throttling_is_tried_again() {
    check(
        vec![error(400, "ProvisionedThroughputExceededException"), Reply::ok("{}")],
        2,
        true,
    )
    .await;
    check(vec![error(400, "ThrottlingException"), Reply::ok("{}")], 2, true).await;
    check(vec![error(429, "TooManyRequestsException"), Reply::ok("{}")], 2, true).await;
}

#[tokio::test]
async fn the_callers_mistakes_are_not() {
    let mistake = check(vec![error(400, "ValidationException")], 1, false).await.unwrap();
    assert_eq!(mistake.answer().unwrap().name(), "DynamoDb.DynamoDbException");
    let missing = check(vec![error(400, "ResourceNotFoundException")], 1, false)
        .await
        .unwrap();
    assert_eq!(missing.answer().unwrap().name(), "DynamoDb.ResourceNotFoundException");
    let expired = check(vec![error(400, "ExpiredTokenException")], 1, false)
        .await
        .unwrap();
    assert_eq!(expired.answer().unwrap().code, "ExpiredTokenException");
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    check(vec![Reply::Cut, Reply::ok("{}")], 2, true).await;
    check(vec![Reply::CutWithin, Reply::ok("{}")], 2, true).await;
}

#[tokio::test]
async fn a_wrong_clock_is_set_right() {
    let skewed = Reply::Answer {
        status: 403,
        headers: "date: Sat, 01 Jan 2033 00:00:00 GMT\r\n",
        body: br#"{"__type": "RequestTimeTooSkewed", "message": "no"}"#.to_vec(),
    };
    let server = Server::answering(vec![skewed, Reply::ok("{}")]).await;
    get_item(&client(&server.url)).await.unwrap();
    let requests = server.requests();
    let dates: Vec<&str> = requests
        .iter()
        .filter_map(|request| request.header("x-amz-date"))
        .collect();
    assert!(
        matches!(dates.as_slice(), [_, second] if second.starts_with("20330101")),
        "{dates:?}"
    );
}

#[tokio::test]
async fn an_error_of_s3_after_its_status_is_tried_again() {
    let late = Reply::ok("<Error><Code>InternalError</Code><Message>no</Message></Error>");
    let copied = Reply::ok("<CopyObjectResult><ETag>e</ETag></CopyObjectResult>");
    let server = Server::answering(vec![late, copied]).await;
    let parameters = r#"{"Bucket": "b", "Key": "k", "CopySource": "b/s"}"#;
    let result = call(&client(&server.url), "s3", "copyObject", parameters)
        .await
        .unwrap();
    assert_eq!(result.to_json(), r#"{"CopyObjectResult":{"ETag":"e"}}"#);
    assert_eq!(server.requests().len(), 2);
}
