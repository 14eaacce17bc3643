//! Events that are delivered more than once, with a table.

use super::*;
use crate::config::MissingKey;
use crate::event_expression::EventExpression;
use crate::notice::Severity;
use crate::testing::{Store, with};
use expressway_asl::error_name::ErrorName;
use expressway_durability::{DefinitionChange, Level};
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
async fn without_a_key_an_execution_is_unprotected_or_an_error() {
    let blank = |key: &str| {
        with(
            event!("api_gateway_v2"),
            "headers",
            &format!(r#"{{"Idempotency-Key":"{key}"}}"#),
        )
    };
    for event in [
        with(event!("api_gateway_v2"), "headers", "{}"),
        with(event!("api_gateway_v2"), "headers", "null"),
        blank(""),
        blank(" \\t"),
    ] {
        let store = Store::new().await;
        let setup = Setup::new(TASK).guarded(&store, Level::Execution);
        for _ in 0..2 {
            let answer = setup.answer(&event).await;
            assert_eq!((status(&answer), is_replayed(&answer)), (200, false));
        }
        let notices = setup.observer.notices();
        assert!(notices.iter().all(|notice| notice.severity == Severity::Warning));

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
async fn nothing_runs_while_the_table_is_not_available() {
    let store = Store::new().await;
    let setup = Setup::new(TASK)
        .guarded(&store, Level::Execution)
        .configured(|configuration| configuration.table = Some("no-such-table".to_owned()));
    let answer = setup.answer(&request("k", ORDER)).await;
    assert_eq!(
        (status(&answer), error(&answer).as_str()),
        (503, "Expressway.StoreUnavailable")
    );
    // It will not pass by itself, and callers learn nothing about the table.
    assert_eq!(header(&answer, "retry-after"), None);
    assert!(!answer.to_json().contains("no-such-table"));
    assert_eq!(
        setup.handle(&message("q", "m1", "{}", "{}")).await.as_deref(),
        Ok(r#"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#)
    );
    let error = setup.handle(event!("event_bridge")).await.unwrap_err();
    assert_eq!(error.error_type, "Expressway.StoreUnavailable");
    assert_eq!(setup.calls(), 0);
    let notices = setup.observer.notices();
    let refused: Vec<_> = notices.iter().filter(|notice| notice.delivery.is_some()).collect();
    assert_eq!(refused.len(), 3);
    for notice in refused {
        assert!(notice.message.contains("no-such-table"), "{notice}");
        let is_error = notice.severity == Severity::Error;
        let is_http = notice.delivery.as_ref().unwrap().source == "http";
        assert_eq!(is_error, !is_http, "{notice}");
    }
}

/// Deliveries that have the same key in all that a sender can choose.
fn deliveries_with_one_key() -> Vec<String> {
    let request = request("k", ORDER);
    let signed = |authorizer: &str| {
        let context = format!(r#"{{"http":{{"method":"POST"}},"authorizer":{authorizer}}}"#);
        with(&request, "requestContext", &context)
    };
    let headers = |more: &str| with(&request, "headers", &format!(r#"{{"Idempotency-Key":"k",{more}}}"#));
    let chosen = r#"{"MessageGroupId":"g","MessageDeduplicationId":"k"}"#;
    let event = with(event!("event_bridge"), "id", r#""k""#);
    vec![
        request.clone(),
        signed(r#"{"iam":{"userArn":"arn:aws:iam::111122223333:user/ann"}}"#),
        signed(r#"{"iam":{"userArn":"arn:aws:iam::111122223333:user/bob"}}"#),
        signed(r#"{"jwt":{"claims":{"iss":"i","sub":"ann"}}}"#),
        signed(r#"{"jwt":{"claims":{"iss":"j","sub":"ann"}}}"#),
        signed(r#"{"lambda":{"userId":"ann"}}"#),
        headers(r#""x-amz-tenant-id":"t-1""#),
        headers(r#""x-amz-tenant-id":"t-2""#),
        headers(r#""authorization":"Bearer ann""#),
        event.clone(),
        message("q", "k", "{}", ORDER),
        message("q.fifo", "m-k", chosen, ORDER),
    ]
}

#[tokio::test]
async fn callers_and_sources_never_share_a_key() {
    for level in LEVELS {
        let store = Store::new().await;
        let setup = Setup::new(TASK).guarded(&store, level);
        let deliveries = deliveries_with_one_key();
        // Each is run and none refused; each that comes again is known.
        for round in 1..=2 {
            for delivery in &deliveries {
                let answer = setup.handle(delivery).await.unwrap();
                assert!(!answer.contains("itemIdentifier"), "{delivery}: {answer}");
                let answer = Document::parse(&answer).unwrap();
                if answer.get("statusCode").is_some() {
                    assert_eq!((status(&answer), is_replayed(&answer)), (200, round == 2), "{delivery}");
                }
            }
            assert_eq!(setup.calls(), deliveries.len());
        }
        assert_eq!(store.records().await.len(), deliveries.len());
    }
}

#[tokio::test]
async fn no_key_is_in_the_table_or_in_an_arn() {
    let store = Store::new().await;
    let setup = Setup::new(TASK).guarded(&store, Level::Task);
    setup.answer(&request("ann@example.com", "{}")).await;
    assert_eq!(setup.calls(), 1);
    assert!(!store.dump().await.contains("ann@example.com"));
    let events = setup.observer.events();
    assert!(!events.is_empty() && !events.join("").contains("ann@example.com"));
}

#[tokio::test]
async fn a_message_is_known_by_its_id_alone() {
    const NONE: &str = r#"{"batchItemFailures":[]}"#;
    let chosen = |group: &str, id: &str| format!(r#"{{"MessageGroupId":"{group}","MessageDeduplicationId":"{id}"}}"#);
    let deduplicated = chosen("g", "d");
    for (case, one, other, calls) in [
        ("delivered twice", ("q", "m1", "{}"), ("q", "m1", "{}"), 1),
        (
            "delivered twice, after a redrive",
            ("q", "m1", "{}"),
            ("dlq", "m1", "{}"),
            1,
        ),
        ("two messages", ("q", "m1", "{}"), ("q", "m2", "{}"), 2),
        // SQS forgets deduplication ids after five minutes, and so do senders.
        (
            "the same deduplication id, an hour later",
            ("q.fifo", "m1", &*deduplicated),
            ("q.fifo", "m2", &*deduplicated),
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
    // For those who want it.
    let store = Store::new().await;
    let setup = Setup::new(TASK)
        .guarded(&store, Level::Execution)
        .configured(|configuration| {
            let expression = "$.attributes.MessageDeduplicationId";
            configuration.idempotency_key =
                Some(EventExpression::parse("EXPRESSWAY_IDEMPOTENCY_KEY", expression).unwrap());
        });
    for id in ["m1", "m2"] {
        let handled = setup.handle(&message("q.fifo", id, &deduplicated, "{}")).await;
        assert_eq!(handled.as_deref(), Ok(NONE));
    }
    assert_eq!(setup.calls(), 1);
}

#[tokio::test]
async fn what_differs_between_deliveries_does_not_count() {
    let event = event!("event_bridge");
    let replayed = with(
        &with(event, "replay-name", r#""again""#),
        "time",
        r#""2026-12-01T00:00:00Z""#,
    );
    let spelled = r#"{ "amount": 1.25e1, "orderId": "\u0034711" }"#;
    let in_event_mode = |request: &str, source_ip: &str| {
        let context = format!(r#"{{"http":{{"method":"POST","sourceIp":"{source_ip}"}},"requestId":"{source_ip}"}}"#);
        with(request, "requestContext", &context)
    };
    for (one, other, input) in [
        (event.to_owned(), replayed, HttpInput::Body),
        (request("k", ORDER), request("k", spelled), HttpInput::Body),
        (
            message("q", "m", r#"{"ApproximateReceiveCount":"1"}"#, ORDER),
            message("q", "m", r#"{"ApproximateReceiveCount":"2"}"#, spelled),
            HttpInput::Body,
        ),
        (
            in_event_mode(&request("k", ORDER), "192.0.2.1"),
            in_event_mode(&request("k", spelled), "192.0.2.2"),
            HttpInput::Event,
        ),
    ] {
        let store = Store::new().await;
        let setup = Setup::new(TASK)
            .guarded(&store, Level::Execution)
            .configured(|configuration| configuration.http_input = input);
        let first = setup.handle(&one).await.unwrap();
        let again = setup.handle(&other).await.unwrap();
        assert_eq!(setup.calls(), 1, "{other}: {again}");
        assert_eq!(again.replace(r#","idempotency-replayed":"true""#, ""), first, "{other}");
    }
}

#[tokio::test]
async fn what_must_not_differ_is_compared() {
    let route = |path: &str| with(&request("k", ORDER), "rawPath", &format!(r#""{path}""#));
    let method = |method: &str| {
        with(
            &route("/orders"),
            "requestContext",
            &format!(r#"{{"http":{{"method":"{method}"}}}}"#),
        )
    };
    for (one, other) in [
        (route("/orders/1"), route("/orders/2")),
        (method("PUT"), method("POST")),
        (request("k", "{}"), request("k", "[]")),
    ] {
        let store = Store::new().await;
        let setup = Setup::new(TASK).guarded(&store, Level::Execution);
        assert_eq!(status(&setup.answer(&one).await), 200);
        assert_eq!(status(&setup.answer(&other).await), 422, "{other}");
    }
}

#[tokio::test]
async fn with_a_key_of_the_operators_choice_only_what_is_asked_for_is_compared() {
    let order = |id: &str, amount: u32, time: &str| {
        let event = with(event!("event_bridge"), "id", &format!(r#""{id}""#));
        let event = with(&event, "time", &format!(r#""{time}""#));
        with(&event, "detail", &format!(r#"{{"orderId":"o-17","amount":{amount}}}"#))
    };
    // The producer tried again: another event for the same order.
    let deliveries = [
        order("e-1", 5, "2026-11-29T08:00:00Z"),
        order("e-2", 5, "2026-11-29T08:00:07Z"),
    ];
    for (payload, other_amount) in [
        (None, Ok(())),
        (Some("$.detail"), Err("Expressway.IdempotencyKeyReused")),
        (Some("{% $states.input.detail.orderId %}"), Ok(())),
        (Some("$.nothing"), Err("Expressway.IdempotencyPayloadMissing")),
    ] {
        let store = Store::new().await;
        let expression = |text: &str| EventExpression::parse("EXPRESSWAY_IDEMPOTENCY_KEY", text).unwrap();
        let setup = Setup::new(TASK)
            .guarded(&store, Level::Execution)
            .configured(|configuration| {
                configuration.idempotency_key = Some(expression("$.detail.orderId"));
                configuration.idempotency_payload = payload.map(expression);
            });
        if payload != Some("$.nothing") {
            for delivery in &deliveries {
                setup.handle(delivery).await.unwrap();
            }
            assert_eq!(setup.calls(), 1);
        }
        let other = setup.handle(&order("e-3", 6, "2026-11-29T08:00:09Z")).await;
        let other = other.map(drop).map_err(|error| error.error_type);
        assert_eq!(other, other_amount.map_err(str::to_owned), "{payload:?}");
    }
}

#[tokio::test]
async fn a_caller_can_be_named_by_an_expression() {
    let of_tenant = |tenant: &str, session: &str| {
        let body = format!(r#"{{"tenant":"{tenant}"}}"#);
        let headers = format!(r#"{{"Idempotency-Key":"k","Authorization":"{session}"}}"#);
        with(&request("k", &body), "headers", &headers)
    };
    let store = Store::new().await;
    let setup = Setup::new(TASK)
        .guarded(&store, Level::Execution)
        .configured(|configuration| {
            configuration.caller = Some(EventExpression::parse("EXPRESSWAY_CALLER", "$.body.tenant").unwrap());
        });
    for (delivery, calls) in [
        (of_tenant("t-1", "one"), 1),
        (of_tenant("t-1", "two"), 1),
        (of_tenant("t-2", "one"), 2),
    ] {
        assert_eq!(status(&setup.answer(&delivery).await), 200);
        assert_eq!(setup.calls(), calls);
    }
}

#[tokio::test]
async fn the_first_input_counts_for_every_run() {
    const WHOLE_INPUT: &str = r#"{"StartAt":"Reserve","States":{
        "Reserve":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:reserve","ResultPath":null,"Next":"Charge"},
        "Charge":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:charge","End":true}}}"#;
    const EXECUTION_INPUT: &str = r#"{"StartAt":"Reserve","States":{
        "Reserve":{"Type":"Task","Parameters":{"in.$":"$$.Execution.Input"},"Resource":"arn:aws:lambda:eu-west-1:111122223333:function:reserve","Next":"Charge"},
        "Charge":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:charge","End":true}}}"#;
    let received = |count: u32| message("q", "m", &format!(r#"{{"ApproximateReceiveCount":"{count}"}}"#), ORDER);
    let sent = |id: u32| {
        let context = format!(r#"{{"http":{{"method":"POST"}},"requestId":"{id}"}}"#);
        with(&request("k", ORDER), "requestContext", &context)
    };
    for definition in [WHOLE_INPUT, EXECUTION_INPUT] {
        for (first, second) in [(received(1), received(2)), (sent(1), sent(2))] {
            let store = Store::new().await;
            let setup = Setup::new(definition)
                .guarded(&store, Level::Task)
                .tasks(failing_at("Charge", 1))
                .configured(|configuration| {
                    configuration.http_input = HttpInput::Event;
                    configuration.sqs_input = SqsInput::Record;
                });
            setup.handle(&first).await.unwrap();
            setup.handle(&second).await.unwrap();
            let inputs = setup.inputs();
            assert_eq!(inputs.len(), 3, "`Reserve` once, `Charge` twice: {inputs:?}");
            assert!(
                inputs
                    .iter()
                    .all(|input| !input.contains(r#""ApproximateReceiveCount":"2""#))
            );
            assert!(inputs.iter().all(|input| !input.contains(r#""requestId":"2""#)));
            assert_eq!(store.records().await, [("SUCCEEDED".to_owned(), "2".to_owned())]);
            // It has served its purpose.
            assert!(!store.dump().await.contains(r#""input""#));
        }
    }
}

#[tokio::test]
async fn a_key_that_comes_again_after_its_record_expired_is_a_new_execution() {
    const DICE: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Parameters":{
        "id.$":"$$.Execution.Id","uuid.$":"States.UUID()","dice.$":"States.MathRandom(1, 1000000000)"}}}}"#;
    for level in LEVELS {
        let store = Store::new().await;
        let setup = Setup::new(DICE)
            .guarded(&store, level)
            .configured(|configuration| configuration.idempotency_retention = std::time::Duration::ZERO);
        let first = setup.answer(&request("k", ORDER)).await;
        let second = setup.answer(&request("k", ORDER)).await;
        assert!(!is_replayed(&second));
        let members = |answer: &Document| {
            let body = Document::parse(answer.get("body").unwrap().as_str().unwrap()).unwrap();
            ["id", "uuid", "dice"].map(|member| body.get(member).unwrap().clone())
        };
        for (one, other) in members(&first).iter().zip(&members(&second)) {
            assert_ne!(one, other);
        }
    }
}

#[tokio::test]
async fn a_deployed_fix_repairs_what_failed() {
    const BROKEN: &str = r#"{"Comment":"old","StartAt":"Reserve","States":{
        "Reserve":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:reserve","Next":"Charge"},
        "Charge":{"Type":"Task","Parameters":{"sum.$":"$.amuont"},"Resource":"arn:aws:lambda:eu-west-1:111122223333:function:charge","End":true}}}"#;
    let fixed = BROKEN.replace("amuont", "amount");
    let other_function = fixed.replace("function:reserve", "function:reserve-2");
    let commented = BROKEN.replace("old", "new").replace(",\n", ",\n\n");
    for (level, change, definition, expected) in [
        (Level::Execution, DefinitionChange::Continue, &fixed, (200, 3)),
        (Level::Task, DefinitionChange::Continue, &fixed, (200, 2)),
        // Another function is another task.
        (Level::Task, DefinitionChange::Continue, &other_function, (200, 3)),
        (Level::Task, DefinitionChange::Refuse, &fixed, (409, 1)),
        (Level::Task, DefinitionChange::Refuse, &commented, (500, 1)),
    ] {
        let store = Store::new().await;
        let setup = Setup::new(BROKEN).guarded(&store, level);
        assert_eq!(status(&setup.answer(&request("k", ORDER)).await), 500);
        let calls = setup.calls();
        let setup = Setup::new(definition)
            .guarded(&store, level)
            .configured(|configuration| configuration.definition_change = change);
        let answer = setup.answer(&request("k", ORDER)).await;
        let case = format!("{level:?} {change:?} {}", answer.to_json());
        assert_eq!((status(&answer), calls + setup.calls()), expected, "{case}");
        if status(&answer) == 409 {
            assert_eq!(error(&answer), "Expressway.DefinitionChanged");
        }
    }
}

#[tokio::test]
async fn an_outcome_counts_whatever_the_definition_is_by_now() {
    for change in [DefinitionChange::Continue, DefinitionChange::Refuse] {
        let store = Store::new().await;
        let setup = Setup::new(TWO).guarded(&store, Level::Task);
        setup.answer(&request("k", ORDER)).await;
        let setup = Setup::new(TASK)
            .guarded(&store, Level::Task)
            .configured(|configuration| configuration.definition_change = change);
        assert!(is_replayed(&setup.answer(&request("k", ORDER)).await));
    }
}

#[tokio::test]
async fn a_response_of_status_5xx_is_a_failure() {
    for (code, calls) in [(200, 1), (404, 1), (499, 1), (500, 2), (503, 2)] {
        let definition = format!(
            r#"{{"StartAt":"Charge","States":{{
                "Charge":{{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:charge","ResultPath":null,"Next":"Respond"}},
                "Respond":{{"Type":"Pass","Result":{{"statusCode":{code},"body":"own"}},"End":true}}}}}}"#
        );
        let store = Store::new().await;
        let setup = Setup::new(&definition).guarded(&store, Level::Execution);
        for _ in 0..2 {
            let answer = setup.answer(&request("k", ORDER)).await;
            assert_eq!(status(&answer), code);
            assert_eq!(answer.get("body").and_then(Document::as_str), Some("own"));
        }
        assert_eq!(setup.calls(), calls, "{code}");
    }
}

#[tokio::test]
async fn every_refusal_is_in_the_log_with_reason_source_and_execution() {
    let failing = |batch: &str| (batch.to_owned(), FAIL, "OrderInvalid", true, Severity::Error);
    let reused = message("q", "m1", "{}", "[]");
    let no_key = message("q", "m2", "{}", "[]");
    for (delivery, definition, reason, has_execution, severity) in [
        failing(&message("q", "m1", "{}", "{}")),
        failing(event!("event_bridge")),
        (reused, TASK, "Expressway.IdempotencyKeyReused", true, Severity::Error),
        (no_key, TASK, "Expressway.IdempotencyKeyMissing", false, Severity::Error),
        (
            request("k", "[]"),
            TASK,
            "Expressway.IdempotencyKeyReused",
            true,
            Severity::Warning,
        ),
        (
            request("k", "{"),
            TASK,
            "Expressway.InvalidBody",
            false,
            Severity::Warning,
        ),
    ] {
        let store = Store::new().await;
        if reason == "Expressway.IdempotencyKeyReused" {
            let setup = Setup::new(TASK).guarded(&store, Level::Execution);
            setup.handle(&delivery.replace("[]", "{}")).await.unwrap();
        }
        let setup = Setup::new(definition)
            .guarded(&store, Level::Execution)
            .configured(|configuration| {
                if reason == "Expressway.IdempotencyKeyMissing" {
                    let expression = EventExpression::parse("EXPRESSWAY_IDEMPOTENCY_KEY", "$.body.orderId");
                    configuration.idempotency_key = Some(expression.unwrap());
                    configuration.missing_key = MissingKey::Error;
                }
            });
        let _ = setup.handle(&delivery).await;
        let notices = setup.observer.notices();
        let refused: Vec<_> = notices.iter().filter(|notice| notice.delivery.is_some()).collect();
        let [notice] = refused.as_slice() else {
            panic!("{reason}: {notices:?}");
        };
        assert_eq!(notice.severity, severity, "{notice}");
        let refusal = notice.delivery.as_ref().unwrap();
        assert_eq!(
            (refusal.reason.as_str(), refusal.request_id.as_str()),
            (reason, "req-1")
        );
        assert_eq!(refusal.execution_arn.is_some(), has_execution, "{notice}");
        assert_eq!(refusal.source_id.is_some(), refusal.source != "http", "{notice}");
    }
}
