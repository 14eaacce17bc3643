use super::*;

#[tokio::test]
async fn an_event_is_the_input_and_its_id_the_name() {
    let answer = Setup::new(ECHO).handle(event!("event_bridge")).await.unwrap();
    assert_eq!(
        Document::parse(&answer).unwrap(),
        Document::parse(event!("event_bridge")).unwrap()
    );
    let answer = Setup::new(IDENTITY).handle(event!("event_bridge")).await.unwrap();
    assert!(
        answer.contains(r#""name":"6a7e8feb-b491-4cf7-a9f1-bf3703467718""#),
        "{answer}"
    );
}

#[tokio::test]
async fn a_failed_execution_fails_the_invocation() {
    let expected = InvocationError {
        error_type: "OrderInvalid".into(),
        message: "no items".into(),
    };
    for event in [event!("event_bridge"), event!("scheduler"), event!("sns"), "{}", "7"] {
        assert_eq!(Setup::new(FAIL).handle(event).await, Err(expected.clone()));
    }
    let nameless = r#"{"StartAt":"A","States":{"A":{"Type":"Fail"}}}"#;
    let error = Setup::new(nameless).handle("{}").await.unwrap_err();
    assert_eq!((&*error.error_type, &*error.message), ("ExecutionFailed", ""));
}

#[tokio::test]
async fn an_array_of_events_is_as_many_executions() {
    let second = testing::with(event!("event_bridge"), "id", "\"second\"");
    let array = format!("[{},{second}]", event!("event_bridge"));
    let answer = Setup::new(ECHO).handle(&array).await.unwrap();
    assert_eq!(Document::parse(&answer).unwrap(), Document::parse(&array).unwrap());
}

#[tokio::test]
async fn an_array_fails_when_any_of_its_executions_does_but_all_run() {
    let events: Vec<String> = (0..4)
        .map(|n| testing::with(event!("event_bridge"), "detail", &n.to_string()))
        .collect();
    let array = format!("[{}]", events.join(","));
    let setup = Setup::new(TASK).tasks(|request| match request.input.get("detail").and_then(Document::as_i64) {
        Some(1) => testing::error("First", "one"),
        Some(2) => testing::error("Second", "two"),
        _ => testing::result(Document::Null),
    });
    let error = setup.handle(&array).await.unwrap_err();
    assert_eq!(error.to_string(), "First: 2 of 4 executions failed, the first: one");
    assert_eq!(setup.calls(), 4);
}

#[tokio::test]
async fn anything_else_is_the_input_as_it_is() {
    for event in [event!("web_socket"), "[1,{}]", "null", "\"text\""] {
        let answer = Setup::new(ECHO).handle(event).await.unwrap();
        assert_eq!(Document::parse(&answer).unwrap(), Document::parse(event).unwrap());
    }
}

#[tokio::test]
async fn what_is_not_json_fails_the_invocation() {
    for (event, message) in [
        (&b"{\"a\":"[..], "the event is not JSON: Unexpected end-of-input"),
        (
            b"{\xff}",
            "the event is not JSON: Unexpected character ('\u{fffd}' (code 65533))",
        ),
        (b"", "the event is not JSON: Unexpected end-of-input"),
    ] {
        let error = Setup::new(ECHO).handle_bytes(event).await.unwrap_err();
        assert_eq!(error.error_type, "Expressway.InvalidEvent");
        assert!(error.message.starts_with(message), "{error}");
    }
}

#[tokio::test]
async fn a_large_input_fails_the_invocation_and_a_deep_one_does_not() {
    let large = Document::from("a".repeat(10 * 1024 * 1024)).to_json();
    let error = Setup::new(ECHO).handle(&large).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "States.DataLimitExceeded: the execution's input has 10485762 bytes, at most 262144 are allowed"
    );
    let deep = "[".repeat(100) + &"]".repeat(100);
    assert_eq!(Setup::new(ECHO).handle(&deep).await, Ok(deep));
}
