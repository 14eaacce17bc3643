use super::*;

#[tokio::test]
async fn the_output_is_the_body_of_the_answer() {
    let headers = r#"{"content-type":"application/json"}"#;
    let body = Document::from(ORDER).to_json();
    for (event, expected) in [
        (
            event!("api_gateway_v1"),
            format!(r#"{{"statusCode":200,"headers":{headers},"body":{body},"isBase64Encoded":false}}"#),
        ),
        (
            event!("api_gateway_v2"),
            format!(r#"{{"statusCode":200,"headers":{headers},"body":{body},"isBase64Encoded":false}}"#),
        ),
        (
            event!("function_url"),
            format!(r#"{{"statusCode":200,"headers":{headers},"body":{body},"isBase64Encoded":false}}"#),
        ),
        (
            event!("alb"),
            format!(
                r#"{{"statusCode":200,"statusDescription":"200 OK","headers":{headers},"body":{body},"isBase64Encoded":false}}"#
            ),
        ),
        (
            event!("alb_multi_value"),
            format!(
                r#"{{"statusCode":200,"statusDescription":"200 OK","multiValueHeaders":{{"content-type":["application/json"]}},"body":{body},"isBase64Encoded":false}}"#
            ),
        ),
    ] {
        assert_eq!(Setup::new(ECHO).handle(event).await, Ok(expected));
    }
}

#[tokio::test]
async fn a_request_without_a_body_gives_an_empty_object() {
    for event in [
        event!("http_api_v1").to_owned(),
        testing::with(event!("alb"), "body", "\"\""),
        testing::with(event!("alb"), "body", "\"  \""),
    ] {
        assert_eq!(Setup::new(ECHO).respond(&event).await, (200, "{}".to_owned()));
    }
}

#[tokio::test]
async fn the_whole_event_can_be_the_input() {
    let setup = Setup::new(ECHO).configured(|configuration| configuration.http_input = HttpInput::Event);
    let (status, body) = setup.respond(event!("function_url")).await;
    assert_eq!(status, 200);
    assert_eq!(
        Document::parse(&body).unwrap(),
        Document::parse(event!("function_url")).unwrap()
    );
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    for (body, is_base64, cause) in [
        (
            r#""{\"a\":\n 1,}""#,
            "false",
            "the body of the request is not JSON: Unexpected character ('}' (code 125)): was expecting double-quote \
             to start field name at line 2, column 4",
        ),
        (
            r#""%%%""#,
            "true",
            "the body of the request is not base64: Invalid symbol 37, offset 0.",
        ),
        (
            r#""//8=""#,
            "true",
            "the body of the request is not JSON: Unexpected character ('\u{fffd}' (code 65533)): expected a valid value \
             (JSON String, Number, Array, Object or token 'null', 'true' or 'false') at line 1, column 1",
        ),
    ] {
        let event = testing::with(event!("alb"), "body", body);
        let event = testing::with(&event, "isBase64Encoded", is_base64);
        let expected = Document::object([("error", "Expressway.InvalidBody".into()), ("cause", cause.into())]);
        assert_eq!(Setup::new(ECHO).respond(&event).await, (400, expected.to_json()));
    }
}

#[tokio::test]
async fn an_input_over_262144_bytes_is_refused() {
    let body = |length: usize| Document::from(Document::from("a".repeat(length)).to_json()).to_json();
    let event = testing::with(event!("api_gateway_v2"), "isBase64Encoded", "false");
    let fits = testing::with(&event, "body", &body(262_142));
    assert_eq!(Setup::new(ECHO).respond(&fits).await.0, 200);
    let too_large = testing::with(&event, "body", &body(262_143));
    let expected = r#"{"error":"States.DataLimitExceeded","cause":"the execution's input has 262145 bytes, at most 262144 are allowed"}"#;
    assert_eq!(Setup::new(ECHO).respond(&too_large).await, (413, expected.to_owned()));
}

#[tokio::test]
async fn a_failed_execution_has_the_status_of_its_error() {
    let body = r#"{"error":"OrderInvalid","cause":"no items"}"#.to_owned();
    let failed = Setup::new(FAIL).respond(event!("api_gateway_v2")).await;
    assert_eq!(failed, (500, body.clone()));
    for (name, status) in [("OrderInvalid", 422), ("States.ALL", 409)] {
        let setup = Setup::new(FAIL).configured(|configuration| {
            configuration.http_errors.insert(name.to_owned(), status);
        });
        assert_eq!(setup.respond(event!("api_gateway_v2")).await, (status, body.clone()));
    }
}

#[tokio::test]
async fn a_failure_without_error_and_cause_has_an_empty_body() {
    let fail = r#"{"StartAt":"A","States":{"A":{"Type":"Fail"}}}"#;
    assert_eq!(Setup::new(fail).respond(event!("alb")).await, (500, "{}".to_owned()));
}

#[tokio::test]
async fn errors_of_lambda_have_statuses_of_their_own() {
    for (name, status) in [
        ("Lambda.TooManyRequestsException", 503),
        ("States.Timeout", 504),
        ("Lambda.ServiceException", 500),
    ] {
        let setup = Setup::new(TASK).tasks(move |_| testing::error(name, "ups"));
        let body = format!(r#"{{"error":"{name}","cause":"ups"}}"#);
        assert_eq!(setup.respond(event!("alb")).await, (status, body));
    }
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_outlives_the_deadline_is_a_gateway_timeout() {
    let setup = Setup::new(TASK).tasks(|_| testing::never()).deadline_in_millis(2000);
    let body = r#"{"error":"States.Timeout","cause":"the execution did not end in the time it had"}"#;
    assert_eq!(setup.respond(event!("api_gateway_v1")).await, (504, body.to_owned()));
}

#[tokio::test]
async fn a_mistake_of_ours_shows_nothing_to_the_caller() {
    let setup = Setup::new(TASK).tasks(|_| panic!("secret"));
    let (status, body) = setup.respond(event!("api_gateway_v2")).await;
    assert_eq!(status, 500);
    let cause = "the execution could not be carried out, the log of request req-1 says why";
    let expected = Document::object([("error", "Expressway.InternalError".into()), ("cause", cause.into())]);
    assert_eq!(body, expected.to_json());
    assert!(
        setup
            .observer
            .problems()
            .iter()
            .any(|problem| problem.contains("secret"))
    );
}

#[tokio::test]
async fn an_output_can_be_the_whole_response() {
    let workflow = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Result":{"statusCode":201,
        "headers":{"Location":"/orders/4711"},"multiValueHeaders":{"Via":["a","b"]},"cookies":["x=1","y=2"],
        "body":{"ok":true}}}}}"#;
    let v1 = r#"{"statusCode":201,"headers":{"Location":"/orders/4711","content-type":"application/json"},"multiValueHeaders":{"Via":["a","b"],"set-cookie":["x=1","y=2"]},"body":"{\"ok\":true}","isBase64Encoded":false}"#;
    let v2 = r#"{"statusCode":201,"headers":{"Location":"/orders/4711","Via":"a,b","content-type":"application/json"},"cookies":["x=1","y=2"],"body":"{\"ok\":true}","isBase64Encoded":false}"#;
    let alb = r#"{"statusCode":201,"statusDescription":"201 Created","headers":{"Location":"/orders/4711","Via":"a,b","content-type":"application/json","set-cookie":"y=2"},"body":"{\"ok\":true}","isBase64Encoded":false}"#;
    let alb_multi_value = r#"{"statusCode":201,"statusDescription":"201 Created","multiValueHeaders":{"Location":["/orders/4711"],"Via":["a","b"],"content-type":["application/json"],"set-cookie":["x=1","y=2"]},"body":"{\"ok\":true}","isBase64Encoded":false}"#;
    for (event, expected) in [
        (event!("api_gateway_v1"), v1),
        (event!("api_gateway_v2"), v2),
        (event!("alb"), alb),
        (event!("alb_multi_value"), alb_multi_value),
    ] {
        assert_eq!(Setup::new(workflow).handle(event).await.as_deref(), Ok(expected));
    }
}

#[tokio::test]
async fn an_output_that_fails_to_be_a_response_is_a_bad_gateway() {
    let workflow = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Result":{"statusCode":99}}}}"#;
    let setup = Setup::new(workflow);
    let body =
        r#"{"error":"Expressway.InvalidResponse","cause":"`statusCode` must be a whole number from 200 to 599"}"#;
    assert_eq!(setup.respond(event!("alb")).await, (502, body.to_owned()));
    assert_eq!(setup.observer.problems().len(), 1);
}

#[tokio::test]
async fn a_key_that_a_caller_chose_is_in_no_name() {
    for event in [
        event!("api_gateway_v1").to_owned(),
        event!("api_gateway_v2").to_owned(),
        event!("alb_multi_value").to_owned(),
        event!("alb").to_owned(),
        testing::with(event!("alb"), "headers", r#"{"Idempotency-Key":"ann@example.com"}"#),
    ] {
        let (_, body) = Setup::new(IDENTITY).respond(&event).await;
        let identity = Document::parse(&body).unwrap();
        let name = identity.get("name").unwrap().as_str().unwrap();
        assert_eq!(name.len(), 36, "{name}");
        let id = identity.get("id").unwrap().as_str().unwrap();
        let start = format!("arn:aws:states:eu-west-1:111122223333:express:orders:{name}:");
        assert!(id.starts_with(&start), "{id}");
    }
}
