//! What HTTP callers get: bodies of all kinds, methods and health checks, responses, and what errors show.

use super::*;
use crate::config::{HttpCause, HttpResponse};
use crate::testing::with;

/// A request of each format.
const REQUESTS: [&str; 4] = [
    event!("api_gateway_v1"),
    event!("api_gateway_v2"),
    event!("alb"),
    event!("alb_multi_value"),
];

/// A request with these headers.
fn with_header(event: &str, name: &str, value: &str) -> String {
    let single = Document::object([(name, value.into())]).to_json();
    let multiple = Document::object([(name, vec![value.into()].into())]).to_json();
    match with(event, "headers", "null") == event {
        true => with(event, "multiValueHeaders", &multiple),
        false => with(&with(event, "headers", &single), "multiValueHeaders", &multiple),
    }
}

fn with_method(event: &str, method: &str) -> String {
    let method = Document::from(method).to_json();
    if !event.contains("\"version\": \"2.0\"") {
        return with(event, "httpMethod", &method);
    }
    let http = format!(r#"{{"http":{{"method":{method}}},"stage":"prod"}}"#);
    with(event, "requestContext", &http)
}

fn header<'a>(answer: &'a Document, name: &str) -> Option<&'a str> {
    let single = answer.get("headers").and_then(|headers| headers.get(name));
    let multiple = || answer.get("multiValueHeaders")?.get(name)?.as_array()?.first();
    single.or_else(multiple)?.as_str()
}

#[tokio::test]
async fn a_body_is_used_whatever_its_type() {
    for request in REQUESTS {
        let request = with(request, "isBase64Encoded", "false");
        for (body, expected) in [
            (r#"{"amount":5}"#, r#"{"amount":5}"#),
            ("[1]", "[1]"),
            ("7", "7"),
            ("false", "false"),
            ("null", "{}"),
            ("\"\"", "{}"),
            ("\"null\"", "null"),
            (r#""\"text\"""#, "\"text\""),
            (r#""{\"a\":1}""#, r#"{"a":1}"#),
        ] {
            let answer = Setup::new(ECHO).respond(&with(&request, "body", body)).await;
            assert_eq!(answer, (200, expected.to_owned()), "{body}");
        }
    }
}

#[tokio::test]
async fn a_body_that_was_not_meant_to_be_json_is_another_error() {
    for request in REQUESTS {
        for (name, value, status, mentioned) in [
            ("content-encoding", "gzip", 415, "`gzip`"),
            ("Content-Encoding", "br", 415, "`br`"),
            ("content-encoding", "identity", 400, "not JSON"),
            (
                "content-type",
                "application/x-www-form-urlencoded",
                415,
                "`application/x-www-form-urlencoded`",
            ),
            (
                "content-type",
                "text/plain; charset=utf-8",
                415,
                "`text/plain; charset=utf-8`",
            ),
            ("content-type", "application/json; charset=utf-8", 400, "not JSON"),
            ("content-type", "application/cloudevents+json", 400, "not JSON"),
            ("x-other", "x", 400, "not JSON"),
        ] {
            let request = with_header(request, name, value);
            let request = with(&with(&request, "body", "\"H4sIAA==\""), "isBase64Encoded", "true");
            let (actual, body) = Setup::new(ECHO).respond(&request).await;
            assert_eq!(actual, status, "{name}: {value}");
            assert!(body.contains(mentioned), "{body}");
            // What is JSON is JSON, whatever it is called.
            let json = with(&with(&request, "body", "\"{}\""), "isBase64Encoded", "false");
            assert_eq!(Setup::new(ECHO).respond(&json).await, (200, "{}".to_owned()));
        }
    }
}

#[tokio::test]
async fn only_methods_that_ask_for_something_to_be_done_run_an_execution() {
    const METHODS: [&str; 9] = [
        "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT",
    ];
    for request in REQUESTS {
        for (configured, run, allow) in [
            (None, &METHODS[..5], "DELETE, GET, PATCH, POST, PUT, OPTIONS"),
            (Some(vec!["POST", "HEAD"]), &["POST", "HEAD"][..], "POST, HEAD, OPTIONS"),
            (Some(vec!["OPTIONS"]), &["OPTIONS"][..], "OPTIONS"),
        ] {
            for method in METHODS {
                let setup = Setup::new(TASK).configured(|configuration| {
                    let methods = configured.clone();
                    configuration.http_methods =
                        methods.map(|methods| methods.into_iter().map(str::to_owned).collect());
                });
                let answer = setup.answer(&with_method(request, method)).await;
                let status = answer.get("statusCode").and_then(Document::as_i64).unwrap();
                let body = answer.get("body").and_then(Document::as_str).unwrap();
                if run.contains(&method) {
                    assert_eq!((status, setup.calls()), (200, 1), "{method}");
                    continue;
                }
                let expected = if method == "OPTIONS" { 204 } else { 405 };
                assert_eq!((status, setup.calls()), (expected, 0), "{method}");
                assert_eq!(header(&answer, "allow"), Some(allow), "{answer}");
                assert_eq!(body.is_empty(), ["HEAD", "OPTIONS"].contains(&method), "{body}");
            }
        }
    }
}

#[tokio::test]
async fn health_checks_run_no_execution() {
    let checker = |event: &str| with_header(&with_method(event, "GET"), "User-Agent", "ELB-HealthChecker/2.0");
    let at = |event: &str, path: &str| {
        let path = Document::from(path).to_json();
        match event.contains("\"2.0\"") {
            true => with(event, "rawPath", &path),
            false => with(event, "path", &path),
        }
    };
    for request in REQUESTS {
        let is_alb = request.contains("\"elb\"");
        for (event, health_path, runs) in [
            (checker(request), None, !is_alb),
            (checker(request), Some("/health"), true),
            (at(&checker(request), "/health"), Some("/health"), false),
            (at(&with_method(request, "GET"), "/health"), Some("/health"), false),
            (at(&with_method(request, "GET"), "/health"), None, true),
            (at(&with_method(request, "GET"), "/healthy"), Some("/health"), true),
            (at(&with_method(request, "POST"), "/health"), Some("/health"), true),
        ] {
            let setup = Setup::new(TASK).configured(|configuration| {
                configuration.health_path = health_path.map(str::to_owned);
            });
            let (status, body) = setup.respond(&event).await;
            assert_eq!((status, setup.calls()), (200, usize::from(runs)), "{event}");
            assert_eq!(body == r#"{"status":"ok"}"#, !runs, "{body}");
        }
        let setup = Setup::new(TASK).configured(|configuration| {
            configuration.health_path = Some("/health".to_owned());
        });
        let head = at(&with_method(request, "HEAD"), "/health");
        assert_eq!(setup.respond(&head).await, (200, String::new()));
    }
    let setup = Setup::new(TASK).configured(|configuration| configuration.health_path = Some("/health".to_owned()));
    let staged = at(&with_method(event!("api_gateway_v2"), "GET"), "/prod/health");
    setup.respond(&staged).await;
    assert_eq!(setup.calls(), 0);
}

#[tokio::test]
async fn an_authorizer_gets_the_bare_output_and_a_failed_one_denies() {
    const ALLOW: &str = r#"{"isAuthorized":true}"#;
    let allow = format!(r#"{{"StartAt":"A","States":{{"A":{{"Type":"Pass","Result":{ALLOW},"End":true}}}}}}"#);
    let of = |event: &str, arn: &str| with(&with(event, "type", "\"REQUEST\""), arn, "\"arn:aws:execute-api:...\"");
    for event in [
        of(event!("api_gateway_v1"), "methodArn"),
        of(event!("http_api_v1"), "routeArn"),
        of(event!("api_gateway_v2"), "routeArn"),
        r#"{"type":"TOKEN","methodArn":"arn:aws:execute-api:...","authorizationToken":"t"}"#.to_owned(),
    ] {
        assert_eq!(Setup::new(&allow).handle(&event).await.as_deref(), Ok(ALLOW));
        let error = Setup::new(FAIL).handle(&event).await.unwrap_err();
        assert_eq!(error.error_type, "OrderInvalid");
        let seen = Setup::new(ECHO).handle(&event).await.unwrap();
        assert_eq!(Document::parse(&seen), Document::parse(&event));
    }
}

/// A workflow with this output.
fn giving(output: &str) -> String {
    format!(r#"{{"StartAt":"A","States":{{"A":{{"Type":"Pass","Result":{output},"End":true}}}}}}"#)
}

#[tokio::test]
async fn a_caller_cannot_choose_headers_where_outputs_are_bodies() {
    let output = r#"{"statusCode":302,"headers":{"location":"https://evil.example/"},"body":""}"#;
    for request in REQUESTS {
        let own = Setup::new(&giving(output)).answer(request).await;
        assert_eq!(header(&own, "location"), Some("https://evil.example/"));
        let setup =
            Setup::new(&giving(output)).configured(|configuration| configuration.http_response = HttpResponse::Output);
        let answer = setup.answer(request).await;
        assert_eq!(header(&answer, "location"), None);
        assert_eq!(answer.get("body").and_then(Document::as_str), Some(output));
    }
}

#[tokio::test]
async fn what_a_caller_sees_of_a_cause_is_configured() {
    let cause = r#"{"errorMessage":"no order","stackTrace":["app.py, line 12"]}"#;
    for request in REQUESTS {
        for (setting, expected) in [
            (HttpCause::Message, Some("no order")),
            (HttpCause::None, None),
            (HttpCause::Full, Some(cause)),
        ] {
            let setup = Setup::new(TASK)
                .tasks(move |_| testing::error("KeyError", cause))
                .configured(|configuration| configuration.http_cause = setting);
            let (status, body) = setup.respond(request).await;
            let body = Document::parse(&body).unwrap();
            assert_eq!(
                (status, body.get("error").and_then(Document::as_str)),
                (500, Some("KeyError"))
            );
            assert_eq!(body.get("cause").and_then(Document::as_str), expected);
        }
    }
}

#[tokio::test]
async fn errors_of_the_language_show_no_data() {
    let request = with(event!("api_gateway_v2"), "isBase64Encoded", "false");
    let request = with(&request, "body", r#""{\"password\":\"hunter2\"}""#);
    for state in [
        r#""Type":"Pass","Parameters":{"a.$":"$.order"}"#,
        r#""Type":"Pass","Parameters":{"a.$":"States.StringToJson($.password)"}"#,
        r#""Type":"Pass","Parameters":{"a.$":"States.MathAdd($.password, 1)"}"#,
        r#""Type":"Pass","QueryLanguage":"JSONata","Output":"{% $number($states.input.password) %}""#,
        r#""Type":"Pass","QueryLanguage":"JSONata","Output":"{% $error($states.input.password) %}""#,
        r#""Type":"Wait","SecondsPath":"$.password""#,
        r#""Type":"Map","ItemsPath":"$.password","ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}"#,
    ] {
        let workflow = format!(r#"{{"StartAt":"A","States":{{"A":{{{state},"End":true}}}}}}"#);
        let full = Setup::new(&workflow).configured(|configuration| configuration.http_cause = HttpCause::Full);
        let (_, full) = full.respond(&request).await;
        let (status, shown) = Setup::new(&workflow).respond(&request).await;
        assert_eq!(status, 500, "{shown}");
        assert!(!shown.contains("hunter2"), "{shown} of {full}");
        assert!(shown.contains("States."), "{shown}");
    }
}
