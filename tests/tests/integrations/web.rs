//! `apigateway:invoke` and `http:invoke`.

use crate::{Aws, TOKEN, json, name_and_cause, signature};
use expressway_asl::Document;
use expressway_tests::server::{Reply, Request, Script};

const CONNECTION: &str = "arn:aws:events:eu-west-1:111122223333:connection/shop/0a1b";

fn target(request: &Request) -> &str {
    request.header("x-amz-target").unwrap_or_default()
}

/// EventBridge and Secrets Manager have a connection; all else is somebody's API, which gives these replies.
async fn web(authorization: &'static str, secret: &'static str, replies: Vec<Reply>) -> Aws {
    let script = Script::new(replies);
    Aws::with(move |request| match target(&request) {
        "AWSEvents.DescribeConnection" => Reply::ok(format!(
            r#"{{"ConnectionArn":"{CONNECTION}","Name":"shop","ConnectionState":"AUTHORIZED",
            "AuthorizationType":"{authorization}","SecretArn":"arn:aws:secretsmanager:eu-west-1:1:secret:s"}}"#
        )),
        "secretsmanager.GetSecretValue" => {
            let host = request.header("host").unwrap();
            let secret = Document::from(secret.replace("HOST", host));
            Reply::ok(format!(r#"{{"SecretString":{}}}"#, secret.to_json()))
        }
        _ => script.next(),
    })
    .await
}

/// What somebody's API has seen.
fn seen(aws: &Aws) -> Vec<Request> {
    let requests = aws.requests().into_iter();
    requests.filter(|request| target(request).is_empty()).collect()
}

fn parameters(rest: &str) -> String {
    format!(r#"{{"ApiEndpoint":"http://HOST/orders?a=1","Authentication":{{"ConnectionArn":"{CONNECTION}"}}{rest}}}"#)
}

#[tokio::test]
async fn an_api_gets_path_query_headers_and_body() {
    let reply = Reply::ok(r#"{"id":7}"#)
        .with_header("x-amzn-requestid", "r-1")
        .with_header("date", "today");
    let aws = Aws::scripted([reply]).await;
    let parameters = r#"{"ApiEndpoint":"HOST","Method":"POST","Stage":"prod","Path":"/orders/ü 1",
        "QueryParameters":{"q":["a b","c"]},"Headers":{"X-Mine":["1","2"]},"RequestBody":{"a":null,"b":1}}"#;
    let result = aws.call("apigateway:invoke", parameters).await.unwrap();
    assert_eq!(
        result.to_json(),
        r#"{"Headers":{"Content-Length":["8"],"Content-Type":["application/json"],"Date":["today"],"x-amzn-RequestId":["r-1"]},"ResponseBody":{"id":7},"StatusCode":200,"StatusText":"OK"}"#
    );
    let request = aws.request();
    assert_eq!(request.method, "POST");
    assert_eq!(request.path, "/prod/orders/%C3%BC%201?q=a%20b&q=c");
    assert_eq!(request.text(), r#"{"b":1}"#);
    assert_eq!(request.header("content-type"), Some("application/json"));
    let mine: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name == "x-mine")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(mine, ["1", "2"]);
    assert_eq!(request.header("authorization"), None);
    assert!(
        request
            .headers
            .iter()
            .all(|(name, _)| !name.starts_with("amz-") && !name.starts_with("x-amz"))
    );
}

#[tokio::test]
async fn bodies_for_apis_are_json() {
    for (body, sent) in [
        (r#""RequestBody":"HelloWorld""#, r#""HelloWorld""#),
        (r#""RequestBody":null"#, ""),
        (r#""RequestBody":0"#, "0"),
        (r#""RequestBody":{"a":null},"AllowNullValues":true"#, r#"{"a":null}"#),
    ] {
        let aws = Aws::scripted([Reply::ok("{}")]).await;
        let parameters = format!(r#"{{"ApiEndpoint":"HOST","Method":"POST",{body}}}"#);
        aws.call("apigateway:invoke", &parameters).await.unwrap();
        assert_eq!(aws.request().text(), sent, "{body}");
    }
}

#[tokio::test]
async fn a_call_of_an_api_is_signed_if_asked_for() {
    let aws = Aws::scripted([Reply::ok("{}")]).await;
    let parameters = r#"{"ApiEndpoint":"HOST","Method":"GET","AuthType":"IAM_ROLE"}"#;
    aws.task("apigateway:invoke", parameters)
        .with_token()
        .run()
        .await
        .unwrap();
    let request = aws.request();
    assert_eq!(
        signature(&request).unwrap(),
        ("execute-api".to_owned(), "AKID".to_owned())
    );
    assert_eq!(request.header("idempotency-key"), None, "a GET has no effect");
}

#[tokio::test]
async fn what_an_api_refuses_is_an_error_with_its_status_and_words() {
    let aws = Aws::scripted([Reply::status(403, r#"{"message":"Forbidden"}"#)]).await;
    let error = name_and_cause(
        aws.call("apigateway:invoke", r#"{"ApiEndpoint":"HOST","Method":"GET"}"#)
            .await,
    );
    assert_eq!(
        error,
        ("ApiGateway.403".to_owned(), r#"{"message":"Forbidden"}"#.to_owned())
    );
    let aws = Aws::scripted([Reply::Cut]).await;
    let (name, _) = name_and_cause(
        aws.call("apigateway:invoke", r#"{"ApiEndpoint":"HOST","Method":"POST"}"#)
            .await,
    );
    assert_eq!(name, "ApiGateway.SdkClientException");
    assert_eq!(aws.requests().len(), 1, "nothing is sent twice");
}

#[tokio::test]
async fn parameters_for_an_api_that_do_not_fit_are_not_sent() {
    let aws = Aws::scripted([]).await;
    for (rest, fault) in [
        (
            r#""Method":"GET","Headers":{"a":"b"}"#,
            "The value of the field 'Headers' has an invalid format",
        ),
        (
            r#""Method":"GET","Headers":{"Authorization":["b"]}"#,
            "The 'Headers' field contains unsupported values: [authorization]",
        ),
        (
            r#""Method":"FETCH""#,
            "The value of the field 'Method' has an invalid format",
        ),
        (
            r#""Method":"GET","RequestBody":{}"#,
            "The field 'RequestBody' is not supported with the method 'GET'",
        ),
        (
            r#""Method":"GET","AuthType":"COGNITO""#,
            "The value of the field 'AuthType' has an invalid format",
        ),
        (
            r#""Method":"GET","Body":1"#,
            "The field 'Body' is not supported by Step Functions",
        ),
    ] {
        let parameters = format!(r#"{{"ApiEndpoint":"HOST",{rest}}}"#);
        let (name, cause) = name_and_cause(aws.call("apigateway:invoke", &parameters).await);
        assert_eq!(name, "States.Runtime");
        assert!(cause.ends_with(&format!("[{fault}]")), "{cause}");
    }
    for endpoint in ["HOST/path", "user@HOST", "", "a b"] {
        let parameters = format!(r#"{{"ApiEndpoint":"{endpoint}","Method":"GET"}}"#);
        let (name, cause) = name_and_cause(aws.call("apigateway:invoke", &parameters).await);
        assert_eq!(name, "States.Runtime");
        assert!(
            cause.ends_with("[The value of the field 'ApiEndpoint' has an invalid format]"),
            "{cause}"
        );
    }
    assert_eq!(aws.requests().len(), 0);
}

#[tokio::test]
async fn a_connection_with_an_api_key_adds_it_and_more() {
    let secret = r#"{"api_key_name":"X-Key","api_key_value":"k","invocation_http_parameters":{
        "header_parameters":[{"key":"X-Mine","value":"theirs","is_value_secret":false}],
        "query_string_parameters":[{"key":"tenant","value":"t 1"}],
        "body_parameters":[{"key":"account","value":"a"}]}}"#;
    let aws = web("API_KEY", secret, vec![Reply::ok(r#"{"ok":true}"#)]).await;
    let parameters = parameters(
        r#","Method":"POST","Headers":{"X-Mine":"ours"},"QueryParameters":{"b":["2","3"],"tenant":"no"},"RequestBody":{"n":1,"account":"no"}"#,
    );
    let result = aws.task("http:invoke", &parameters).with_token().run().await.unwrap();
    assert_eq!(result.get("ResponseBody").unwrap().to_json(), r#"{"ok":true}"#);
    assert_eq!(result.get("StatusCode").unwrap().as_i64(), Some(200));
    assert_eq!(result.get("StatusText").unwrap().as_str(), Some("OK"));
    let request = seen(&aws).remove(0);
    assert_eq!(
        (&*request.method, &*request.path),
        ("POST", "/orders?a=1&b=2&b=3&tenant=t%201")
    );
    assert_eq!(json(&request.text()), json(r#"{"n":1,"account":"a"}"#));
    for (name, value) in [
        ("x-key", "k"),
        ("x-mine", "theirs"),
        ("content-type", "application/json"),
        ("user-agent", "Amazon|StepFunctions|HttpInvoke|eu-west-1"),
        ("range", "bytes=0-262144"),
        ("idempotency-key", TOKEN),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert!(
        request
            .headers
            .iter()
            .all(|(name, _)| !name.starts_with("amz-") && !name.starts_with("x-am"))
    );
}

#[tokio::test]
async fn a_connection_with_a_password_is_read_once() {
    let secret = r#"{"username":"user","password":"pass"}"#;
    let aws = web("BASIC", secret, vec![Reply::ok("{}")]).await;
    for _ in 0..2 {
        aws.call("http:invoke", &parameters(r#","Method":"GET""#))
            .await
            .unwrap();
    }
    assert_eq!(aws.requests().len(), 4);
    assert!(
        seen(&aws)
            .iter()
            .all(|request| request.header("authorization") == Some("Basic dXNlcjpwYXNz"))
    );
}

const OAUTH: &str = r#"{"client_id":"c","client_secret":"s","authorization_endpoint":"http://HOST/token","http_method":"POST",
    "oauth_http_parameters":{"body_parameters":[{"key":"scope","value":"orders"}]}}"#;

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_when_it_is_refused() {
    let replies = vec![
        Reply::ok(r#"{"access_token":"t-1","expires_in":3600}"#),
        Reply::ok("{}"),
        Reply::status(401, "{}"),
        Reply::ok(r#"{"access_token":"t-2","expires_in":3600}"#),
        Reply::ok("{}"),
    ];
    let aws = web("OAUTH_CLIENT_CREDENTIALS", OAUTH, replies).await;
    for _ in 0..2 {
        aws.call("http:invoke", &parameters(r#","Method":"GET""#))
            .await
            .unwrap();
    }
    let requests = seen(&aws);
    let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/token", "/orders?a=1", "/orders?a=1", "/token", "/orders?a=1"]);
    assert_eq!(
        requests[0].text(),
        "grant_type=client_credentials&client_id=c&client_secret=s&scope=orders"
    );
    assert_eq!(
        requests[0].header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let tokens: Vec<_> = [1, 2, 4]
        .map(|index: usize| requests[index].header("authorization").unwrap())
        .into();
    assert_eq!(tokens, ["Bearer t-1", "Bearer t-1", "Bearer t-2"]);
}

#[tokio::test]
async fn a_new_token_that_is_refused_is_not_asked_for_again() {
    let replies = vec![Reply::ok(r#"{"access_token":"t-1"}"#), Reply::status(401, "{}")];
    let aws = web("OAUTH_CLIENT_CREDENTIALS", OAUTH, replies).await;
    let error = name_and_cause(aws.call("http:invoke", &parameters(r#","Method":"GET""#)).await);
    assert_eq!(
        error,
        ("States.Http.StatusCode.401".to_owned(), "Unauthorized".to_owned())
    );
    assert_eq!(seen(&aws).len(), 2);
}

#[tokio::test]
async fn bodies_can_be_forms() {
    let secret = r#"{"username":"u","password":"p"}"#;
    let aws = web("BASIC", secret, vec![Reply::ok("{}")]).await;
    let body = r#","Method":"POST","RequestBody":{"items":["a","b"]},
        "Transform":{"RequestBodyEncoding":"URL_ENCODED","RequestEncodingOptions":{"ArrayFormat":"BRACKETS"}}"#;
    aws.call("http:invoke", &parameters(body)).await.unwrap();
    let request = seen(&aws).remove(0);
    assert_eq!(request.text(), "items%5B%5D=a&items%5B%5D=b");
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
}

#[tokio::test]
async fn answers_that_are_no_success_are_errors() {
    let secret = r#"{"username":"u","password":"p"}"#;
    let octets = Reply::Answer {
        status: 200,
        headers: vec![("content-type", "application/octet-stream".to_owned())],
        body: b"x".to_vec(),
    };
    for (reply, name) in [
        (Reply::status(404, "{}"), "States.Http.StatusCode.404"),
        (Reply::status(302, ""), "States.Http.StatusCode.302"),
        (Reply::Cut, "States.Http.Socket"),
        (Reply::ok(b"\xff".to_vec()), "States.Runtime"),
        (octets, "States.Runtime"),
        (Reply::ok(vec![b' '; 2 << 20]), "States.DataLimitExceeded"),
    ] {
        let aws = web("BASIC", secret, vec![reply]).await;
        let (actual, _) = name_and_cause(aws.call("http:invoke", &parameters(r#","Method":"POST""#)).await);
        assert_eq!(actual, name);
        assert_eq!(seen(&aws).len(), 1, "{name}: nothing is sent twice");
    }
}

#[tokio::test]
async fn text_stays_text() {
    let secret = r#"{"username":"u","password":"p"}"#;
    let text = Reply::Answer {
        status: 200,
        headers: vec![("content-type", "text/plain".to_owned())],
        body: b"7".to_vec(),
    };
    let aws = web("BASIC", secret, vec![text]).await;
    let result = aws
        .call("http:invoke", &parameters(r#","Method":"GET""#))
        .await
        .unwrap();
    assert_eq!(result.get("ResponseBody").unwrap().as_str(), Some("7"));
}

#[tokio::test]
async fn a_connection_that_can_not_be_used_says_why() {
    for (status, body, name) in [
        (
            400,
            r#"{"__type":"ResourceNotFoundException","message":"no"}"#,
            "ResourceNotFound",
        ),
        (
            400,
            r#"{"__type":"AccessDeniedException","message":"no"}"#,
            "AccessDenied",
        ),
        (200, r#"{"ConnectionState":"DEAUTHORIZED"}"#, "InvalidConnectionState"),
        (200, r#"{"ConnectionState":"AUTHORIZING"}"#, "AuthInProgress"),
    ] {
        let aws = Aws::scripted([Reply::status(status, body)]).await;
        let (actual, _) = name_and_cause(aws.call("http:invoke", &parameters(r#","Method":"GET""#)).await);
        assert_eq!(actual, format!("Events.ConnectionResource.{name}"));
    }
}

#[tokio::test]
async fn only_this_machine_may_be_called_without_tls() {
    let aws = Aws::scripted([]).await;
    for endpoint in [
        "http://example.com/",
        "ftp://example.com/",
        "//HOST",
        "http://user@HOST/",
        "https://",
    ] {
        let parameters = format!(
            r#"{{"ApiEndpoint":"{endpoint}","Method":"GET","Authentication":{{"ConnectionArn":"{CONNECTION}"}}}}"#
        );
        let (name, cause) = name_and_cause(aws.call("http:invoke", &parameters).await);
        assert_eq!(name, "States.Runtime", "{endpoint}");
        assert!(
            cause.contains("The value of the field 'ApiEndpoint' has an invalid format"),
            "{cause}"
        );
    }
    assert_eq!(aws.requests().len(), 0);
}

#[tokio::test]
async fn the_function_calls_nothing_on_its_own_machine() {
    let aws = Aws::scripted([]).await;
    for (resource, parameters) in [
        ("http:invoke", parameters(r#","Method":"GET""#)),
        (
            "apigateway:invoke",
            r#"{"ApiEndpoint":"HOST","Method":"GET"}"#.to_owned(),
        ),
    ] {
        let mut task = aws.task(resource, &parameters);
        task.tasks = &aws.strict;
        assert_eq!(name_and_cause(task.run().await).0, "States.Runtime");
    }
    assert_eq!(aws.requests().len(), 0);
}

#[tokio::test]
async fn an_answer_that_takes_a_minute_does_not_come() {
    let aws = web("BASIC", r#"{"username":"u","password":"p"}"#, vec![Reply::Silence]).await;
    let parameters = parameters(r#","Method":"GET""#);
    let wait = async {
        aws.server.wait_until(|seen| seen.requests.len() == 3).await;
        // For the read and for the attempt.
        aws.minute.notify_waiters();
    };
    let (result, ()) = tokio::join!(aws.call("http:invoke", &parameters), wait);
    assert_eq!(name_and_cause(result).0, "States.Http.Socket");
    assert_eq!(aws.requests().len(), 3);
}
