//! Lambda tasks against a server that behaves, and misbehaves, as Lambda and the network do.
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
use expressway_tests::server::{Reply, Request, Script, Server};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use std::time::Duration;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:charge";

struct Lambda {
    server: Server,
    tasks: AwsTasks,
}

impl Lambda {
    async fn with<H, F>(handler: H) -> Lambda
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let server = Server::start(handler).await.unwrap();
        let tasks = tasks(&server.url());
        Lambda { server, tasks }
    }

    async fn scripted(replies: impl IntoIterator<Item = Reply>) -> Lambda {
        let script = Script::new(replies);
        Lambda::with(move |_| {
            let reply = script.next();
            async { reply }
        })
        .await
    }

    async fn call(&self, input: &str) -> Result<Document, StateError> {
        run(&self.tasks, &function(), input).await
    }

    async fn invoke(&self, parameters: &str) -> Result<Document, StateError> {
        run(&self.tasks, &invoke(), parameters).await
    }
}

fn tasks(endpoint: &str) -> AwsTasks {
    let credentials = Credentials::new("AKID", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .http_client(http_client())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .build();
    let requirements = Requirements {
        resources: vec![(function(), "Charge".into()), (invoke(), "Ship".into())],
        ..Requirements::default()
    };
    AwsTasks::new(&config, &requirements)
}

fn function() -> Resource {
    Resource::Function { arn: FUNCTION.into() }
}

fn invoke() -> Resource {
    Resource::Optimized {
        arn: "arn:aws:states:::lambda:invoke".into(),
        service: "lambda".into(),
        action: "invoke".into(),
    }
}

async fn run(tasks: &AwsTasks, resource: &Resource, input: &str) -> Result<Document, StateError> {
    let request = TaskRequest {
        resource,
        input: Document::parse(input).unwrap(),
        state_name: "Charge",
        attempt: 0,
        role_arn: None,
        execution_arn: "arn:aws:states:us-east-1:111122223333:express:orders:1:1",
        token: None,
        payloads: None,
    };
    match tasks.run(request).await {
        Ok(result) => Ok(result),
        Err(TaskError::State(error)) => Err(error),
        Err(TaskError::Fault(fault)) => panic!("{fault}"),
    }
}

fn name_and_cause(result: Result<Document, StateError>) -> (String, String) {
    let error = result.unwrap_err();
    (error.name.unwrap().to_string(), error.cause.unwrap().to_string())
}

#[tokio::test]
async fn a_function_gets_the_input_as_its_event_and_its_answer_is_the_result() {
    let lambda = Lambda::scripted([Reply::ok(r#"{"charged": 12.50, "id": 123456789012345678901}"#)]).await;
    let result = lambda.call(r#"{"amount":1.10}"#).await.unwrap();
    assert_eq!(result.to_json(), r#"{"charged":12.5,"id":123456789012345678901}"#);

    let request = lambda.server.seen().requests.remove(0);
    assert_eq!(request.text(), r#"{"amount":1.1}"#);
    let path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Acharge/invocations";
    assert_eq!(request.path, path);
}

#[tokio::test]
async fn a_function_that_returns_nothing_gives_null() {
    for body in ["null", ""] {
        let lambda = Lambda::scripted([Reply::ok(body)]).await;
        assert_eq!(lambda.call("{}").await.unwrap(), Document::Null);
    }
}

#[tokio::test]
async fn invoke_sends_its_parameters_and_tells_about_the_call() {
    let reply = Reply::ok(r#"{"ok":true}"#)
        .with_header("x-amz-executed-version", "$LATEST")
        .with_header("x-amzn-requestid", "r-1")
        .with_header("x-amz-log-result", "bG9n")
        .with_header("date", "today");
    let lambda = Lambda::scripted([reply]).await;
    let parameters = r#"{"FunctionName":"charge","Payload":{"a":[1,null]},"Qualifier":"live","LogType":"Tail",
        "InvocationType":"RequestResponse","ClientContext":"eyJhIjoxfQ=="}"#;
    let result = lambda.invoke(parameters).await.unwrap();
    let expected = concat!(
        r#"{"ExecutedVersion":"$LATEST","LogResult":"bG9n","Payload":{"ok":true},"SdkHttpMetadata":{"AllHttpHeaders":{"#,
        r#""Content-Length":["11"],"Content-Type":["application/json"],"Date":["today"],"#,
        r#""X-Amz-Executed-Version":["$LATEST"],"X-Amz-Log-Result":["bG9n"],"x-amzn-RequestId":["r-1"]},"#,
        r#""HttpHeaders":{"Content-Length":"11","Content-Type":"application/json","Date":"today","#,
        r#""X-Amz-Executed-Version":"$LATEST","X-Amz-Log-Result":"bG9n","x-amzn-RequestId":"r-1"},"#,
        r#""HttpStatusCode":200},"SdkResponseMetadata":{"RequestId":"r-1"},"StatusCode":200}"#,
    );
    assert_eq!(result.to_json(), expected);

    let request = lambda.server.seen().requests.remove(0);
    assert_eq!(request.path, "/2015-03-31/functions/charge/invocations?Qualifier=live");
    assert_eq!(request.text(), r#"{"a":[1,null]}"#);
    assert_eq!(request.header("x-amz-log-type"), Some("Tail"));
    assert_eq!(request.header("x-amz-invocation-type"), Some("RequestResponse"));
    assert_eq!(request.header("x-amz-client-context"), Some("eyJhIjoxfQ=="));
}

#[tokio::test]
async fn invoke_sends_a_string_as_it_is_and_anything_else_as_json() {
    for (payload, sent) in [
        (r#""{\"a\": 1}""#, r#"{"a": 1}"#),
        (r#""HelloWorld""#, "HelloWorld"),
        ("0.0", "0.0"),
        ("[]", "[]"),
        ("true", "true"),
        ("null", ""),
    ] {
        let lambda = Lambda::scripted([Reply::ok("{}")]).await;
        let parameters = format!(r#"{{"FunctionName":"charge","Payload":{payload}}}"#);
        lambda.invoke(&parameters).await.unwrap();
        assert_eq!(lambda.server.seen().requests.remove(0).text(), sent, "{payload}");
    }
}

#[tokio::test]
async fn invoke_keeps_a_payload_that_is_not_json_as_text() {
    for (body, payload) in [
        ("plain text", r#""plain text""#),
        ("", r#""""#),
        ("null", "null"),
        (r#""a""#, r#""a""#),
    ] {
        let lambda = Lambda::scripted([Reply::ok(body)]).await;
        let result = lambda.invoke(r#"{"FunctionName":"charge"}"#).await.unwrap();
        assert_eq!(result.get("Payload").unwrap().to_json(), payload);
    }
}

#[tokio::test]
async fn an_asynchronous_invoke_has_status_202_and_no_payload() {
    let lambda = Lambda::scripted([Reply::status(202, "")]).await;
    let parameters = r#"{"FunctionName":"charge","InvocationType":"Event","Payload":{}}"#;
    let result = lambda.invoke(parameters).await.unwrap();
    assert_eq!(result.get("StatusCode").and_then(Document::as_i64), Some(202));
    assert_eq!(result.get("Payload").unwrap().as_str(), Some(""));
}

#[tokio::test]
async fn invoke_refuses_parameters_that_it_does_not_know() {
    let lambda = Lambda::scripted([Reply::ok("{}")]).await;
    for (parameters, faults) in [
        (
            r#"{"FunctionName":"f","Body":1}"#,
            "The field 'Body' is not supported by Step Functions",
        ),
        (
            r#"{"Payload":1}"#,
            "The field 'FunctionName' is required but was missing",
        ),
        (
            r#"{"FunctionName":null}"#,
            "The field 'FunctionName' is required but was missing",
        ),
        (
            r#"{"FunctionName":7,"Qualifier":[]}"#,
            "The value of the field 'FunctionName' has an invalid format, \
             The value of the field 'Qualifier' has an invalid format",
        ),
        ("[]", "The field 'FunctionName' is required but was missing"),
    ] {
        let (name, cause) = name_and_cause(lambda.invoke(parameters).await);
        assert_eq!(name, "States.Runtime");
        let expected = format!("The Parameters '{parameters}' could not be used to start the Task: [{faults}]");
        assert_eq!(cause, expected);
    }
    assert_eq!(lambda.server.seen().requests.len(), 0);
}

#[tokio::test]
async fn the_error_of_a_function_is_the_error_of_the_task() {
    let payload = r#"{"errorMessage":"no funds","errorType":"PaymentFailed","stackTrace":[]}"#;
    let reply = Reply::ok(payload).with_header("x-amz-function-error", "Unhandled");
    let lambda = Lambda::scripted([reply]).await;
    let expected = ("PaymentFailed".to_owned(), payload.to_owned());
    assert_eq!(name_and_cause(lambda.call("{}").await), expected);
    assert_eq!(
        name_and_cause(lambda.invoke(r#"{"FunctionName":"charge"}"#).await),
        expected
    );
}

/// What Lambda answers a request that it does not carry out.
fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::status(status, format!(r#"{{"Type":"User","Message":"{message}"}}"#))
        .with_header("x-amzn-errortype", code)
        .with_header("x-amzn-requestid", "r-1")
}

#[tokio::test]
async fn refusals_keep_the_names_and_words_of_the_service() {
    for (status, code, message, name) in [
        (
            404,
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:111122223333:function:charge:$LATEST",
            "Lambda.ResourceNotFoundException",
        ),
        (500, "ServiceException", "ups", "Lambda.ServiceException"),
        (
            502,
            "EC2ThrottledException",
            "slow down",
            "Lambda.EC2ThrottledException",
        ),
        (
            403,
            "AccessDeniedException",
            "not authorized",
            "Lambda.AWSLambdaException",
        ),
    ] {
        let lambda = Lambda::scripted([refusal(status, code, message)]).await;
        let cause = format!(
            "{message} (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: r-1; Proxy: null)"
        );
        assert_eq!(name_and_cause(lambda.call("{}").await), (name.to_owned(), cause));
        assert_eq!(
            lambda.server.seen().requests.len(),
            1,
            "{code} is not tried again by itself"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_no_refusal_of_lambda_is_still_an_error() {
    let lambda = Lambda::scripted([Reply::status(503, "<html>busy</html>")]).await;
    let cause = "null (Service: AWSLambda; Status Code: 503; Error Code: null; Request ID: null; Proxy: null)";
    let expected = ("Lambda.AWSLambdaException".to_owned(), cause.to_owned());
    assert_eq!(name_and_cause(lambda.call("{}").await), expected);
}

#[tokio::test]
async fn throttling_is_tried_again_a_few_times() {
    let throttled = refusal(429, "TooManyRequestsException", "Rate Exceeded.");
    let lambda = Lambda::scripted([throttled.clone(), throttled.clone(), Reply::ok("1")]).await;
    assert_eq!(lambda.call("{}").await.unwrap().to_json(), "1");
    assert_eq!(lambda.server.seen().requests.len(), 3);

    let lambda = Lambda::scripted([throttled]).await;
    let (name, _) = name_and_cause(lambda.call("{}").await);
    assert_eq!(name, "Lambda.TooManyRequestsException");
    assert_eq!(lambda.server.seen().requests.len(), 3);
}

#[tokio::test]
async fn a_connection_that_breaks_fails_the_task_and_nothing_is_sent_twice() {
    for reply in [Reply::Cut, Reply::Half(b"{\"a\":".to_vec())] {
        let lambda = Lambda::scripted([reply.clone(), Reply::ok("{}")]).await;
        let (name, cause) = name_and_cause(lambda.call("{}").await);
        assert_eq!(name, "Lambda.SdkClientException", "{reply:?}");
        assert!(cause.starts_with("Unable to execute HTTP request: "), "{cause}");
        assert_eq!(lambda.server.seen().requests.len(), 1, "{reply:?}");
        // The client goes on with a new connection.
        assert_eq!(lambda.call("{}").await.unwrap().to_json(), "{}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_gone_fails_the_task() {
    let lambda = Lambda::scripted([Reply::ok("{}")]).await;
    lambda.call("{}").await.unwrap();
    lambda.server.kill();
    lambda.server.wait_until(|seen| seen.connections_open == 0).await;
    for _ in 0..3 {
        let (name, cause) = name_and_cause(lambda.call("{}").await);
        assert_eq!(name, "Lambda.SdkClientException");
        assert!(cause.starts_with("Unable to execute HTTP request: "), "{cause}");
    }
}

#[tokio::test]
async fn garbage_is_an_error_that_says_what_it_is() {
    let deep = "[".repeat(2000) + &"]".repeat(2000);
    let long = format!("\"{}\"", "a".repeat(7 * 1024 * 1024));
    for (body, name, cause) in [
        (
            b"<html>".to_vec(),
            "States.TaskFailed",
            "the function `arn:aws:lambda:us-east-1:111122223333:function:charge` returned what is not JSON: \
             Unexpected character ('<' (code 60))",
        ),
        (
            b"\"\xff\"".to_vec(),
            "States.TaskFailed",
            "the payload that `arn:aws:lambda:us-east-1:111122223333:function:charge` returned is not UTF-8 at byte 1",
        ),
        (
            deep.into_bytes(),
            "States.TaskFailed",
            "the function `arn:aws:lambda:us-east-1:111122223333:function:charge` returned what is not JSON: \
             Document nesting depth exceeds",
        ),
        (
            long.into_bytes(),
            "States.DataLimitExceeded",
            "The state/task 'arn:aws:lambda:us-east-1:111122223333:function:charge' returned a result with a size \
             exceeding the maximum number of bytes service limit.",
        ),
    ] {
        let lambda = Lambda::scripted([Reply::ok(body)]).await;
        let (actual_name, actual_cause) = name_and_cause(lambda.call("{}").await);
        assert_eq!(actual_name, name);
        assert!(actual_cause.starts_with(cause), "{actual_cause}");
    }
}

#[tokio::test]
async fn a_task_that_is_no_longer_wanted_closes_its_connection() {
    let lambda = Lambda::scripted([Reply::Silence]).await;
    let call = lambda.call("{}");
    tokio::select! {
        result = call => panic!("{result:?}"),
        () = lambda.server.wait_until(|seen| seen.in_flight == 1) => {}
    }
    // `select!` has dropped the call.
    let closed = lambda
        .server
        .wait_until(|seen| seen.in_flight == 0 && seen.connections_open == 0);
    tokio::time::timeout(Duration::from_secs(10), closed).await.unwrap();
}

#[tokio::test]
async fn connections_are_used_again() {
    let lambda = Lambda::scripted([Reply::ok("{}")]).await;
    for _ in 0..200 {
        lambda.call("{}").await.unwrap();
    }
    assert_eq!(lambda.server.seen().connections, 1);
}

#[tokio::test]
async fn as_many_connections_as_calls_at_once() {
    const CONCURRENCY: usize = 40;
    let lambda = Lambda::with(|_| async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        Reply::ok("{}")
    })
    .await;
    let calls = stream::iter(0..1000).map(|_| lambda.call("{}"));
    let results: Vec<_> = calls.buffer_unordered(CONCURRENCY).collect().await;
    assert!(results.iter().all(Result::is_ok));
    let seen = lambda.server.seen();
    assert!(
        seen.in_flight_max <= CONCURRENCY,
        "{} requests at once",
        seen.in_flight_max
    );
    assert!(seen.connections <= CONCURRENCY, "{} connections", seen.connections);
}

#[tokio::test]
async fn calls_at_once_do_not_mix_up_their_answers() {
    let lambda = Lambda::with(|request| async move { Reply::ok(request.body) }).await;
    let inputs: Vec<String> = (0..50).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
    let results = join_all(inputs.iter().map(|input| lambda.call(input))).await;
    for (input, result) in inputs.iter().zip(results) {
        assert_eq!(result.unwrap().to_json(), *input);
    }
}
