//! A run that starts again makes the same attempts with the same tokens.

use crate::{Aws, TOKEN, TOKEN_UUID, json};
use expressway_asl::Document;
use expressway_tests::server::{Reply, Request};

/// What a request carries of the token, from the definition's parameters.
async fn sent(resource: &str, parameters: &str) -> Request {
    let aws = Aws::scripted([Reply::ok("{}")]).await;
    let _ = aws.task(resource, parameters).with_token().run().await;
    aws.request()
}

#[tokio::test]
async fn services_get_the_token_where_they_take_one() {
    for (resource, parameters, member, expected) in [
        (
            "aws-sdk:secretsmanager:createSecret",
            r#"{"Name":"s"}"#,
            "ClientRequestToken",
            TOKEN_UUID,
        ),
        (
            "aws-sdk:secretsmanager:createSecret",
            r#"{"Name":"s","ClientRequestToken":"mine"}"#,
            "ClientRequestToken",
            "mine",
        ),
        (
            "athena:startQueryExecution",
            r#"{"QueryString":"q"}"#,
            "ClientRequestToken",
            TOKEN_UUID,
        ),
        (
            "sqs:sendMessage",
            r#"{"QueueUrl":"q.fifo","MessageBody":"b","MessageGroupId":"g"}"#,
            "MessageDeduplicationId",
            TOKEN,
        ),
        (
            "sqs:sendMessage",
            r#"{"QueueUrl":"q.fifo","MessageBody":"b","MessageDeduplicationId":"mine"}"#,
            "MessageDeduplicationId",
            "mine",
        ),
        (
            "aws-sdk:sqs:sendMessage",
            r#"{"QueueUrl":"q.fifo","MessageBody":"b"}"#,
            "MessageDeduplicationId",
            TOKEN,
        ),
        ("states:startExecution", r#"{"StateMachineArn":"arn:m"}"#, "name", TOKEN),
        (
            "states:startExecution",
            r#"{"StateMachineArn":"arn:m","Name":"mine"}"#,
            "name",
            "mine",
        ),
        (
            "aws-sdk:sfn:startExecution",
            r#"{"StateMachineArn":"arn:m"}"#,
            "name",
            TOKEN,
        ),
    ] {
        let body = json(&sent(resource, parameters).await.text());
        assert_eq!(
            body.get(member).and_then(Document::as_str),
            Some(expected),
            "{resource} {parameters}"
        );
    }
    let plain = json(
        &sent("sqs:sendMessage", r#"{"QueueUrl":"q","MessageBody":"b"}"#)
            .await
            .text(),
    );
    assert_eq!(plain.get("MessageDeduplicationId"), None);
    let topic = sent(
        "sns:publish",
        r#"{"TopicArn":"arn:aws:sns:eu-west-1:1:t.fifo","Message":"m"}"#,
    )
    .await;
    assert!(
        topic.text().contains(&format!("MessageDeduplicationId={TOKEN}")),
        "{}",
        topic.text()
    );
}

#[tokio::test]
async fn functions_get_the_token_in_their_context() {
    // {"custom":{"expressway-idempotency-token":"0011..."}}
    let context = "eyJjdXN0b20iOnsiZXhwcmVzc3dheS1pZGVtcG90ZW5jeS10b2tlbiI6IjAwMTEyMjMzNDQ1NTY2Nzc4ODk5YWFiYmNjZGRlZWZmMDAxMTIyMzM0NDU1NjY3Nzg4OTlhYWJiY2NkZGVlZmYifX0=";
    for (resource, parameters, expected) in [
        ("arn:aws:lambda:eu-west-1:111122223333:function:f", "{}", context),
        ("lambda:invoke", r#"{"FunctionName":"f"}"#, context),
        (
            "lambda:invoke",
            r#"{"FunctionName":"f","ClientContext":"e30="}"#,
            "e30=",
        ),
        ("aws-sdk:lambda:invoke", r#"{"FunctionName":"f"}"#, context),
    ] {
        let request = sent(resource, parameters).await;
        assert_eq!(request.header("x-amz-client-context"), Some(expected), "{resource}");
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_filled_in() {
    let aws = Aws::scripted([Reply::ok("{}")]).await;
    let _ = aws
        .call("states:startExecution", r#"{"StateMachineArn":"arn:m"}"#)
        .await;
    assert_eq!(json(&aws.request().text()).get("name"), None);
    let aws = Aws::scripted([Reply::ok("{}")]).await;
    aws.call("lambda:invoke", r#"{"FunctionName":"f"}"#).await.unwrap();
    assert_eq!(aws.request().header("x-amz-client-context"), None);
}

#[tokio::test]
async fn an_execution_that_an_earlier_run_has_started_is_the_result() {
    let machine = "arn:aws:states:eu-west-1:111122223333:stateMachine:child";
    let execution = format!("arn:aws:states:eu-west-1:111122223333:execution:child:{TOKEN}");
    for (resource, parameters, date) in [
        (
            "states:startExecution",
            format!(r#"{{"StateMachineArn":"{machine}:live"}}"#),
            "1700000000000",
        ),
        (
            "aws-sdk:sfn:startExecution",
            format!(r#"{{"StateMachineArn":"{machine}"}}"#),
            r#""2023-11-14T22:13:20Z""#,
        ),
    ] {
        let refused = r#"{"__type":"ExecutionAlreadyExists","message":"Execution Already Exists"}"#;
        let described = format!(r#"{{"executionArn":"{execution}","startDate":1700000000,"status":"SUCCEEDED"}}"#);
        let aws = Aws::scripted([Reply::status(400, refused), Reply::ok(described)]).await;
        let result = aws.task(resource, &parameters).with_token().run().await.unwrap();
        assert_eq!(
            result.get("ExecutionArn").unwrap().as_str(),
            Some(&*execution),
            "{resource}"
        );
        assert_eq!(result.get("StartDate").unwrap().to_json(), date, "{resource}");
        let asked = json(&aws.requests()[1].text());
        assert_eq!(asked.get("executionArn").unwrap().as_str(), Some(&*execution));
    }
}

#[tokio::test]
async fn an_execution_that_somebody_else_has_started_is_an_error() {
    let refused = r#"{"__type":"ExecutionAlreadyExists","message":"Execution Already Exists"}"#;
    let aws = Aws::scripted([Reply::status(400, refused)]).await;
    let parameters = r#"{"StateMachineArn":"arn:m","Name":"mine"}"#;
    let error = aws
        .task("states:startExecution", parameters)
        .with_token()
        .run()
        .await
        .unwrap_err();
    assert_eq!(
        error.name.unwrap().as_str(),
        "StepFunctions.ExecutionAlreadyExistsException"
    );
    assert_eq!(aws.requests().len(), 1);
}
