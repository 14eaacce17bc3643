//! Events that are delivered more than once, with a table.

use super::*;
use crate::config::MissingKey;
use crate::event_expression::EventExpression;
use crate::testing::{Store, with};
use expressway_asl::error_name::ErrorName;
use expressway_durability::Level;
use std::sync::atomic::{AtomicUsize, Ordering};

const LEVELS: [Level; 2] = [Level::Execution, Level::Task];

/// Calls two functions, one after the other.
const TWO: &str = r#"{"StartAt":"Reserve","States":{
    "Reserve":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:reserve","Next":"Charge"},
    "Charge":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:charge","End":true}}}"#;

/// A request with a key and a body.
fn request(key: &str, body: &str) -> String {
    let headers = format!(r#"{{"Idempotency-Key":"{key}"}}"#);
    let event = with(event!("api_gateway_v2"), "headers", &headers);
    let event = with(&event, "isBase64Encoded", "false");
    with(&event, "body", &Document::from(body).to_json())
}

fn status(answer: &Document) -> i64 {
    answer.get("statusCode").and_then(Document::as_i64).unwrap()
}

fn header<'a>(answer: &'a Document, name: &str) -> Option<&'a str> {
    answer.get("headers")?.get(name)?.as_str()
}

fn is_replayed(answer: &Document) -> bool {
    header(answer, "idempotency-replayed") == Some("true")
}

fn error(answer: &Document) -> String {
    let body = Document::parse(answer.get("body").and_then(Document::as_str).unwrap()).unwrap();
    body.get("error")
        .and_then(Document::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// A message of a queue; `attributes` is JSON.
fn message(queue: &str, id: &str, attributes: &str, body: &str) -> String {
    let body = Document::from(body).to_json();
    format!(
        r#"{{"Records":[{{"messageId":"{id}","body":{body},"attributes":{attributes},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:111122223333:{queue}"}}]}}"#
    )
}

/// Fails every call of one state until it has been called so often.
fn failing_at(state: &'static str, failures: usize) -> impl Fn(&expressway_engine::TaskRequest<'_>) -> testing::Answer {
    let calls = AtomicUsize::new(0);
    move |request| match request.state_name {
        name if name == state && calls.fetch_add(1, Ordering::Relaxed) < failures => testing::error("Declined", "no"),
        _ => testing::result(request.input.clone()),
    }
}

#[tokio::test]
async fn a_request_that_comes_again_gets_the_first_answer() {
    for level in LEVELS {
        let store = Store::new().await;
        let setup = Setup::new(TWO).guarded(&store, level);
        let first = setup.answer(&request("k", ORDER)).await;
        assert_eq!((status(&first), is_replayed(&first)), (200, false));
        let again = setup.answer(&request("k", ORDER)).await;
        assert_eq!((status(&again), is_replayed(&again)), (200, true));
        assert_eq!(again.get("body"), first.get("body"));
        assert_eq!(setup.calls(), 2);
        assert!(!is_replayed(&setup.answer(&request("other", ORDER)).await));
        assert_eq!(setup.calls(), 4);
        let done = |round: &str| ("SUCCEEDED".to_owned(), round.to_owned());
        assert_eq!(store.records().await, [done("1"), done("1")]);
        assert_eq!(store.entries().await, if level == Level::Task { 4 } else { 0 });
    }
}

#[tokio::test]
async fn a_key_of_another_caller_is_refused() {
    let signed = |context: &str| with(&request("k", ORDER), "requestContext", context);
    let role = |session: &str| {
        let arn = format!("arn:aws:sts::111122223333:assumed-role/shop/{session}");
        format!(r#"{{"http":{{"method":"POST"}},"authorizer":{{"iam":{{"userArn":"{arn}"}}}}}}"#)
    };
    let user =
        |sub: &str| format!(r#"{{"http":{{"method":"POST"}},"authorizer":{{"jwt":{{"claims":{{"sub":"{sub}"}}}}}}}}"#);
    for (first, same, other) in [
        (role("one"), role("two"), user("ann")),
        (user("ann"), user("ann"), user("bob")),
    ] {
        let store = Store::new().await;
        let setup = Setup::new(TASK).guarded(&store, Level::Execution);
        assert_eq!(status(&setup.answer(&signed(&first)).await), 200);
        assert_eq!(status(&setup.answer(&signed(&same)).await), 200);
        assert_eq!(status(&setup.answer(&signed(&other)).await), 422);
        assert_eq!(setup.calls(), 1);
    }
}

#[tokio::test]
async fn a_key_that_comes_with_another_input_is_refused() {
    for level in LEVELS {
        let store = Store::new().await;
        let setup = Setup::new(TASK).guarded(&store, level);
        setup.answer(&request("k", ORDER)).await;
        let other = setup.answer(&request("k", r#"{"orderId":"4712"}"#)).await;
        assert_eq!(status(&other), 422);
        assert_eq!(error(&other), "Expressway.IdempotencyKeyReused");
        assert_eq!(setup.calls(), 1);
    }
}

#[tokio::test]
async fn a_failed_execution_is_tried_again_and_what_succeeded_is_not() {
    for (level, calls) in [(Level::Execution, 4), (Level::Task, 3)] {
        let store = Store::new().await;
        let setup = Setup::new(TWO).guarded(&store, level).tasks(failing_at("Charge", 1));
        let first = setup.answer(&request("k", ORDER)).await;
        assert_eq!((status(&first), is_replayed(&first)), (500, false));
        assert_eq!(error(&first), "Declined");
        let released = ("RELEASED".to_owned(), "2".to_owned());
        assert_eq!(
            store.records().await,
            if level == Level::Task { vec![released] } else { vec![] }
        );
        let second = setup.answer(&request("k", ORDER)).await;
        assert_eq!((status(&second), is_replayed(&second)), (200, false));
        assert_eq!(setup.calls(), calls, "{level:?}");
        assert!(is_replayed(&setup.answer(&request("k", ORDER)).await));
    }
}

#[tokio::test]
async fn an_error_that_is_final_is_the_answer_for_good() {
    for level in LEVELS {
        let store = Store::new().await;
        let setup = Setup::new(FAIL)
            .guarded(&store, level)
            .configured(|configuration| configuration.final_errors = vec![ErrorName::from("OrderInvalid")]);
        let first = setup.answer(&request("k", ORDER)).await;
        let again = setup.answer(&request("k", ORDER)).await;
        assert_eq!((status(&first), is_replayed(&first)), (500, false));
        assert_eq!((status(&again), is_replayed(&again)), (500, true));
        assert_eq!(again.get("body"), first.get("body"));
        assert_eq!(store.records().await, [("FAILED".to_owned(), "1".to_owned())]);
    }
}

#[tokio::test]
async fn a_request_meets_one_that_runs() {
    for level in LEVELS {
        let store = Store::new().await;
        let endless = Setup::new(TASK).guarded(&store, level).tasks(|_| testing::never());
        let endless = endless.deadline_in_millis(60_000);
        let request = request("k", ORDER);
        let setup = Setup::new(TASK).guarded(&store, level);
        let meeting = async {
            while store.records().await.is_empty() {
                tokio::task::yield_now().await;
            }
            setup.answer(&request).await
        };
        let answer = tokio::select! {
            _ = endless.handle(&request) => unreachable!("it never ends"),
            answer = meeting => answer,
        };
        assert_eq!(
            (status(&answer), error(&answer).as_str()),
            (409, "Expressway.ExecutionRunning")
        );
        let wait: u64 = header(&answer, "retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(setup.calls(), 0);
    }
}

#[tokio::test]
async fn what_came_to_its_deadline_is_continued() {
    for (level, calls) in [(Level::Execution, 2), (Level::Task, 1)] {
        let store = Store::new().await;
        let stuck = Setup::new(TWO).guarded(&store, level).deadline_in_millis(1_000);
        let stuck = stuck.tasks(|request| match request.state_name {
            "Charge" => testing::never(),
            _ => testing::result(request.input.clone()),
        });
        let first = stuck.answer(&request("k", ORDER)).await;
        assert_eq!((status(&first), error(&first).as_str()), (504, "States.Timeout"));
        // Not a new try: the journal of this one goes on.
        let released = ("RELEASED".to_owned(), "1".to_owned());
        assert_eq!(
            store.records().await,
            if level == Level::Task { vec![released] } else { vec![] }
        );
        let setup = Setup::new(TWO).guarded(&store, level);
        let second = setup.answer(&request("k", ORDER)).await;
        assert_eq!((status(&second), is_replayed(&second)), (200, false));
        assert_eq!(setup.calls(), calls, "{level:?}");
    }
}

#[tokio::test]
async fn a_journal_is_not_continued_by_another_definition() {
    let changed = TWO.replace(r#""End":true"#, r#""ResultPath":"$.charge","End":true"#);
    for (level, expected) in [(Level::Execution, 200), (Level::Task, 409)] {
        let store = Store::new().await;
        let setup = Setup::new(TWO).guarded(&store, level).tasks(failing_at("Charge", 1));
        setup.answer(&request("k", ORDER)).await;
        let setup = Setup::new(&changed).guarded(&store, level);
        let answer = setup.answer(&request("k", ORDER)).await;
        assert_eq!(status(&answer), expected, "{level:?}");
        if level == Level::Task {
            assert_eq!(error(&answer), "Expressway.DefinitionChanged");
            assert_eq!(setup.calls(), 0);
        }
        // An outcome is an outcome, whatever the definition is by now.
        let setup = Setup::new(TWO).guarded(&store, level);
        setup.answer(&request("done", ORDER)).await;
        let setup = Setup::new(&changed).guarded(&store, level);
        assert!(is_replayed(&setup.answer(&request("done", ORDER)).await));
    }
}

#[tokio::test]
async fn without_a_key_an_execution_is_unprotected_or_an_error() {
    let store = Store::new().await;
    let event = with(event!("api_gateway_v2"), "headers", "{}");
    let setup = Setup::new(TASK).guarded(&store, Level::Execution);
    for _ in 0..2 {
        let answer = setup.answer(&event).await;
        assert_eq!((status(&answer), is_replayed(&answer)), (200, false));
    }
    let problem = "an execution runs without an idempotency key: its source gives none";
    assert_eq!(setup.observer.problems(), [problem, problem]);

    let setup = Setup::new(TASK)
        .guarded(&store, Level::Execution)
        .configured(|configuration| configuration.missing_key = MissingKey::Error);
    let answer = setup.answer(&event).await;
    assert_eq!(
        (status(&answer), error(&answer).as_str()),
        (400, "Expressway.IdempotencyKeyMissing")
    );
    assert_eq!(setup.calls(), 0);
    assert_eq!(store.records().await, []);
}

#[tokio::test]
async fn a_key_can_be_a_part_of_the_event() {
    let store = Store::new().await;
    let setup = Setup::new(TASK)
        .guarded(&store, Level::Execution)
        .configured(|configuration| {
            configuration.idempotency_key =
                Some(EventExpression::parse("EXPRESSWAY_IDEMPOTENCY_KEY", "$.body.orderId").unwrap());
            configuration.missing_key = MissingKey::Error;
        });
    setup.answer(&request("a", ORDER)).await;
    assert!(is_replayed(&setup.answer(&request("b", ORDER)).await));
    assert_eq!(status(&setup.answer(&request("a", "{}")).await), 400);
}

#[tokio::test]
async fn an_event_is_known_by_its_id() {
    for level in LEVELS {
        let store = Store::new().await;
        let setup = Setup::new(TASK).guarded(&store, level);
        let first = setup.handle(event!("event_bridge")).await.unwrap();
        assert_eq!(setup.handle(event!("event_bridge")).await, Ok(first));
        assert_eq!(setup.calls(), 1);
        let other = with(event!("event_bridge"), "id", r#""another""#);
        setup.handle(&other).await.unwrap();
        assert_eq!(setup.calls(), 2);
        // The same id with something else in it is no delivery of the same event.
        let forged = with(event!("event_bridge"), "detail", "{}");
        let error = setup.handle(&forged).await.unwrap_err();
        assert_eq!(error.error_type, "Expressway.IdempotencyKeyReused");
    }
}

#[tokio::test]
async fn an_event_that_failed_fails_the_invocation_each_time_until_it_succeeds() {
    let store = Store::new().await;
    let setup = Setup::new(TASK)
        .guarded(&store, Level::Task)
        .tasks(failing_at("Charge", 2));
    for _ in 0..2 {
        let error = setup.handle(event!("event_bridge")).await.unwrap_err();
        assert_eq!(error.error_type, "Declined");
    }
    setup.handle(event!("event_bridge")).await.unwrap();
    setup.handle(event!("event_bridge")).await.unwrap();
    assert_eq!(setup.calls(), 3);
}

#[tokio::test]
async fn a_message_is_known_by_its_id_or_what_its_sender_chose() {
    const NONE: &str = r#"{"batchItemFailures":[]}"#;
    let chosen = |group: &str, id: &str| format!(r#"{{"MessageGroupId":"{group}","MessageDeduplicationId":"{id}"}}"#);
    // What the queue makes of `{}` by itself.
    let of_body = chosen("g", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    let (first, same_group) = (chosen("g", "d"), chosen("g", "d"));
    let other_group = chosen("h", "d");
    for (case, one, other, calls) in [
        ("delivered twice", ("q", "m1", "{}"), ("q", "m1", "{}"), 1),
        ("two messages", ("q", "m1", "{}"), ("q", "m2", "{}"), 2),
        (
            "sent twice",
            ("q.fifo", "m1", &*first),
            ("q.fifo", "m2", &*same_group),
            1,
        ),
        (
            "in two groups",
            ("q.fifo", "m1", &*first),
            ("q.fifo", "m2", &*other_group),
            2,
        ),
        ("in two queues", ("q.fifo", "m1", &*first), ("r.fifo", "m2", &*first), 2),
        (
            "not a queue that deduplicates",
            ("q", "m1", &*first),
            ("q", "m2", &*first),
            2,
        ),
        (
            "content-based",
            ("q.fifo", "m1", &*of_body),
            ("q.fifo", "m2", &*of_body),
            2,
        ),
    ] {
        let store = Store::new().await;
        let setup = Setup::new(TASK).guarded(&store, Level::Execution);
        for (queue, id, attributes) in [one, other] {
            let handled = setup.handle(&message(queue, id, attributes, "{}")).await;
            assert_eq!(handled.as_deref(), Ok(NONE), "{case}");
        }
        assert_eq!(setup.calls(), calls, "{case}");
    }
}

#[tokio::test]
async fn a_message_that_failed_is_handed_back_until_it_succeeds() {
    let store = Store::new().await;
    let setup = Setup::new(TWO)
        .guarded(&store, Level::Task)
        .tasks(failing_at("Charge", 2));
    let batch = message("q", "m1", "{}", "{}");
    for expected in [
        r#"[{"itemIdentifier":"m1"}]"#,
        r#"[{"itemIdentifier":"m1"}]"#,
        "[]",
        "[]",
    ] {
        let expected = format!(r#"{{"batchItemFailures":{expected}}}"#);
        assert_eq!(setup.handle(&batch).await, Ok(expected));
    }
    assert_eq!(setup.calls(), 4, "one of `Reserve`, three of `Charge`");
}

#[tokio::test]
async fn nothing_runs_while_the_table_can_not_be_reached() {
    let store = Store::new().await;
    let setup = Setup::new(TASK)
        .guarded(&store, Level::Execution)
        .configured(|configuration| configuration.table = Some("no-such-table".to_owned()));
    let answer = setup.answer(&request("k", ORDER)).await;
    assert_eq!(
        (status(&answer), error(&answer).as_str()),
        (503, "Expressway.StoreUnavailable")
    );
    assert_eq!(header(&answer, "retry-after"), Some("1"));
    assert_eq!(
        setup.handle(&message("q", "m1", "{}", "{}")).await.as_deref(),
        Ok(r#"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#)
    );
    let error = setup.handle(event!("event_bridge")).await.unwrap_err();
    assert_eq!(error.error_type, "Expressway.StoreUnavailable");
    assert_eq!(setup.calls(), 0);
}
