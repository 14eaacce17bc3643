use super::*;

/// Runs messages whose body asks for an error by `fail`.
fn failing() -> Setup {
    Setup::new(TASK).tasks(|request| match request.input.get("fail") {
        Some(_) => testing::error("Failed", "as asked"),
        None => testing::result(request.input.clone()),
    })
}

fn message(id: &str, group: Option<&str>, body: &str) -> String {
    let (queue, attributes) = match group {
        Some(group) => ("orders.fifo", format!(r#"{{"MessageGroupId":"{group}"}}"#)),
        None => ("orders", "{}".to_owned()),
    };
    let body = Document::from(body).to_json();
    format!(
        r#"{{"messageId":"{id}","body":{body},"attributes":{attributes},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:111122223333:{queue}"}}"#
    )
}

fn batch(messages: &[String]) -> String {
    format!(r#"{{"Records":[{}]}}"#, messages.join(","))
}

fn handed_back(ids: &[&str]) -> String {
    let ids = ids
        .iter()
        .map(|id| Document::object([("itemIdentifier", (*id).into())]));
    let ids: Vec<Document> = ids.collect();
    Document::object([("batchItemFailures", ids.into())]).to_json()
}

#[tokio::test]
async fn exactly_the_failed_messages_are_handed_back() {
    let messages = [
        message("m1", None, "{}"),
        message("m2", None, r#"{"fail":1}"#),
        message("m3", None, "text"),
        message("m4", None, r#"{"fail":1}"#),
    ];
    let setup = failing();
    assert_eq!(setup.handle(&batch(&messages)).await, Ok(handed_back(&["m2", "m4"])));
    assert_eq!(setup.calls(), 4);
}

#[tokio::test]
async fn an_empty_batch_has_no_failures() {
    assert_eq!(failing().handle(r#"{"Records":[]}"#).await, Ok(handed_back(&[])));
}

#[tokio::test]
async fn a_body_is_parsed_if_it_is_json_and_a_record_can_be_the_input() {
    let setup = Setup::new(TASK);
    setup.handle(event!("sqs")).await.unwrap();
    let inputs = setup.inputs();
    assert_eq!(inputs, [r#"{"orderId":"1","amount":12.5}"#, r#""not json""#]);

    let setup = Setup::new(TASK).configured(|configuration| configuration.sqs_input = SqsInput::Record);
    setup.handle(event!("sqs")).await.unwrap();
    let batch = Document::parse(event!("sqs")).unwrap();
    let records = batch.get("Records").unwrap().as_array().unwrap();
    let records: Vec<String> = records.iter().map(Document::to_json).collect();
    assert_eq!(setup.inputs(), records);
}

#[tokio::test]
async fn a_message_that_can_not_be_run_is_handed_back_and_the_others_run() {
    let no_body = message("m2", None, "").replace(r#""body":"","#, "");
    let messages = [
        message("m1", None, &"a".repeat(262_143)),
        no_body,
        message("m3", None, "{}"),
    ];
    let setup = failing();
    assert_eq!(setup.handle(&batch(&messages)).await, Ok(handed_back(&["m1", "m2"])));
    let problems = [
        "the execution's input has 262145 bytes, at most 262144 are allowed",
        "the message has no body",
        "2 of 3 messages go back to their queue: 1 Expressway.InvalidMessage, 1 States.DataLimitExceeded",
    ];
    assert_eq!(setup.observer.problems(), problems);
}

#[tokio::test]
async fn a_batch_that_could_not_be_handed_back_fails_before_anything_runs() {
    let good = message("m1", None, "{}");
    for bad in [
        message("", None, "{}"),
        "7".to_owned(),
        good.replace("aws:sqs\"", "aws:sns\""),
        good.replace(r#""messageId":"m1","#, ""),
    ] {
        let setup = failing();
        let error = setup.handle(&batch(&[good.clone(), bad])).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Expressway.InvalidEvent: record 1 of the batch is not an SQS message with a `messageId`"
        );
        assert_eq!(setup.calls(), 0);
    }
}

#[tokio::test]
async fn after_a_failure_the_rest_of_its_group_is_handed_back_unrun() {
    let messages = [
        message("a1", Some("a"), r#"{"n":"a1"}"#),
        message("b1", Some("b"), r#"{"n":"b1","fail":1}"#),
        message("a2", Some("a"), r#"{"n":"a2"}"#),
        message("b2", Some("b"), r#"{"n":"b2"}"#),
        message("c1", Some("c"), r#"{"n":"c1"}"#),
        message("b3", Some("b"), r#"{"n":"b3"}"#),
    ];
    let setup = failing();
    assert_eq!(
        setup.handle(&batch(&messages)).await,
        Ok(handed_back(&["b1", "b2", "b3"]))
    );
    let mut ran = setup.inputs();
    ran.sort();
    let expected = [
        r#"{"n":"a1"}"#,
        r#"{"n":"a2"}"#,
        r#"{"n":"b1","fail":1}"#,
        r#"{"n":"c1"}"#,
    ];
    assert_eq!(ran, expected);
}

#[tokio::test(start_paused = true)]
async fn groups_run_side_by_side_and_each_in_its_order() {
    let messages = [
        message("a1", Some("a"), r#""a1""#),
        message("b1", Some("b"), r#""b1""#),
        message("a2", Some("a"), r#""a2""#),
        message("b2", Some("b"), r#""b2""#),
    ];
    // Within a group the first takes longer.
    let setup = Setup::new(TASK).tasks(|request| {
        let millis = if request.input.as_str().unwrap_or_default().ends_with('1') {
            100
        } else {
            10
        };
        testing::after_millis(millis)
    });
    assert_eq!(setup.handle(&batch(&messages)).await, Ok(handed_back(&[])));
    assert_eq!(setup.inputs(), [r#""a1""#, r#""b1""#, r#""a2""#, r#""b2""#]);
    assert_eq!(setup.in_flight_max(), 2);
}

#[tokio::test]
async fn message_groups_of_a_standard_queue_promise_no_order() {
    let fair = |id, body| message(id, Some("a"), body).replace("orders.fifo", "orders");
    let messages = [fair("m1", r#"{"fail":1}"#), fair("m2", "{}")];
    assert_eq!(failing().handle(&batch(&messages)).await, Ok(handed_back(&["m1"])));
}

#[tokio::test(start_paused = true)]
async fn executions_at_once_are_bounded() {
    let messages: Vec<String> = (0..50).map(|n| message(&format!("m{n}"), None, "{}")).collect();
    let setup = Setup::new(TASK)
        .tasks(|_| testing::after_millis(10))
        .configured(|configuration| {
            configuration.batch_concurrency = 7;
        });
    assert_eq!(setup.handle(&batch(&messages)).await, Ok(handed_back(&[])));
    assert_eq!(setup.in_flight_max(), 7);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_before_the_deadline_is_handed_back_and_what_did_is_not() {
    let messages = [
        message("m1", None, "\"slow\""),
        message("m2", None, "{}"),
        message("m3", None, "{}"),
        message("m4", None, "\"slow\""),
        message("m5", None, "{}"),
    ];
    let setup = Setup::new(TASK)
        .tasks(|request| match request.input.as_str() {
            Some(_) => testing::never(),
            None => testing::after_millis(100),
        })
        .configured(|configuration| configuration.batch_concurrency = 2)
        .deadline_in_millis(2000);
    // The second lane gets as far as m4, m5 is not reached.
    assert_eq!(
        setup.handle(&batch(&messages)).await,
        Ok(handed_back(&["m1", "m4", "m5"]))
    );
    assert_eq!(setup.calls(), 4);
    let problems = [
        "the execution did not end in the time it had",
        "the execution did not end in the time it had",
        "the deadline came before the message was reached",
        "3 of 5 messages go back to their queue: 1 Expressway.NotReached, 2 States.Timeout",
    ];
    assert_eq!(setup.observer.problems(), problems);
}

#[tokio::test]
async fn a_mistake_of_ours_hands_the_message_back() {
    let messages = [message("m1", None, "1"), message("m2", None, "{}")];
    let setup = Setup::new(TASK).tasks(|request| match request.input.as_i64() {
        Some(_) => panic!("bug"),
        None => testing::result(Document::Null),
    });
    assert_eq!(setup.handle(&batch(&messages)).await, Ok(handed_back(&["m1"])));
}
