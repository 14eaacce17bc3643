//! A table that is throttled, fails, is silent or loses its answers: the outcome is right, or the event goes back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests are tests")]

use expressway_tests::dynamodb::DynamoDb;
use expressway_tests::function::{Answer, Setup};
use expressway_tests::place::{Place, Workflow, read};
use expressway_tests::proxy::Fate;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Two calls and a write.
const THREE: &str = r#"{"StartAt":"Reserve","States":{
    "Reserve":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:reserve","ResultPath":null,"Next":"Count"},
    "Count":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:updateItem","ResultPath":null,"Next":"Charge","Parameters":{
        "TableName.$":"$.table","Key":{"pk":{"S":"orders"},"sk":{"S":"count"}},"UpdateExpression":"ADD orders :one",
        "ExpressionAttributeValues":{":one":{"N":"1"}}}},
    "Charge":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:charge","ResultPath":null,"End":true}}}"#;

/// How many requests of DynamoDB a run makes: claim, three tasks where there is a journal, outcome.
const REQUESTS: usize = 5;

/// How long a run has whose table does not come back, and how long before the end of that it answers: so much that a busy
/// machine does not make it late.
const SHORT: Duration = Duration::from_millis(3_500);
const RESERVE_MILLIS: &str = "1500";

/// How many cases run at once; most of the time they wait for a table that is silent.
const CASES_AT_ONCE: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Http,
    Queue,
    Bus,
}

const SOURCES: [Source; 3] = [Source::Http, Source::Queue, Source::Bus];

fn workflow(source: Source) -> Workflow {
    let event: fn(&str) -> String = match source {
        Source::Http => |table| {
            let event = include_str!("../../../functions/expressway/events/api_gateway_v2.json");
            let mut event: Value = serde_json::from_str(event).unwrap();
            event["headers"]["Idempotency-Key"] = "order-1".into();
            event["isBase64Encoded"] = false.into();
            event["body"] = json!({"table": table}).to_string().into();
            event.to_string()
        },
        Source::Queue => |table| {
            let event = include_str!("../../../functions/expressway/events/sqs.json");
            let mut event: Value = serde_json::from_str(event).unwrap();
            event["Records"].as_array_mut().unwrap().truncate(1);
            event["Records"][0]["body"] = json!({"table": table}).to_string().into();
            event.to_string()
        },
        Source::Bus => |table| {
            let event = include_str!("../../../functions/expressway/events/event_bridge.json");
            let mut event: Value = serde_json::from_str(event).unwrap();
            event["table"] = table.into();
            event.to_string()
        },
    };
    Workflow {
        setup: Setup::new(THREE).with("EXPRESSWAY_DEADLINE_RESERVE_MILLIS", RESERVE_MILLIS),
        substitutions: None,
        event,
    }
}

/// Whether an answer says that the execution succeeded; else it says that the event must come again.
fn succeeded(source: Source, answer: &Answer, case: &str) -> bool {
    match (source, answer) {
        (Source::Bus, Answer::Response(_)) => true,
        (Source::Bus, Answer::Error(error_type, _)) => {
            let passing = [
                "Expressway.StoreUnavailable",
                "Expressway.ExecutionRunning",
                "States.Timeout",
            ];
            assert!(passing.contains(&&**error_type), "{case}: {answer:?}");
            false
        }
        (_, answer) if read(answer).0 => true,
        (Source::Queue, Answer::Response(text)) => {
            let answer: Value = serde_json::from_str(text).unwrap();
            assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1, "{case}");
            false
        }
        (_, answer) => {
            let answer: Value = serde_json::from_str(answer.text()).unwrap();
            match answer["statusCode"].as_u64() {
                Some(503 | 409) => assert!(answer["headers"]["retry-after"].is_string(), "{case}: {answer}"),
                status => assert_eq!(status, Some(504), "{case}: {answer}"),
            }
            false
        }
    }
}

/// Lets the n-th request of the table go wrong, or that and all after it in the first run; runs the event until it is done.
async fn case(dynamodb: &DynamoDb, source: Source, level: &str, n: usize, fate: Fate, for_good: bool) {
    let case = format!("{source:?}, {level}, request {n}, {fate:?}, for good: {for_good}");
    let requests = Arc::new(AtomicUsize::new(0));
    let broken = Arc::new(AtomicUsize::new(usize::from(for_good)));
    let plan = {
        let broken = Arc::clone(&broken);
        move |call: &expressway_tests::proxy::Call| {
            // A write of a task that has no journal is not ours.
            if call.is_invoke() || (call.operation == "UpdateItem" && call.request.text().contains("ADD orders")) {
                return Fate::Answered;
            }
            let number = requests.fetch_add(1, Ordering::Relaxed) + 1;
            let is_hit = number == n || (number > n && broken.load(Ordering::Relaxed) == 1);
            if is_hit { fate } else { Fate::Answered }
        }
    };
    let place = Place::new(dynamodb, &workflow(source), level, plan).await;
    let function = place.start().await;
    let time = if for_good { SHORT } else { Duration::from_secs(60) };
    let (answer, left) = function.invoke_for(time, &*place.event).await;
    assert!(
        left > Duration::ZERO,
        "{case}: Lambda would have ended it before it answered"
    );
    let mut is_done = succeeded(source, &answer, &case);
    assert!(is_done || for_good, "{case}: one fault does no harm, {answer:?}");
    broken.store(0, Ordering::Relaxed);
    while !is_done {
        place.end_lease().await;
        is_done = succeeded(source, &function.invoke(&*place.event).await, &case);
    }
    let calls = place.functions.calls();
    let counted = place.work().await - calls;
    match (level, for_good) {
        // An answer that was not recorded is asked for again; a write is one with its record.
        ("task", true) => assert!((2..=3).contains(&calls) && counted == 1, "{case}: {calls}, {counted}"),
        ("execution", true) => assert!((2..=4).contains(&calls) && counted <= 2, "{case}: {calls}, {counted}"),
        _ => assert_eq!((calls, counted), (2, 1), "{case}"),
    }
    // Where the outcome could not be recorded, it is found out now, and kept.
    place.end_lease().await;
    let again = function.invoke(&*place.event).await;
    assert!(succeeded(source, &again, &case), "{case}: {again:?}");
    let work = place.work().await;
    function.invoke(&*place.event).await;
    assert_eq!(place.work().await, work, "{case}");
}

const PROMPT: [Fate; 4] = [Fate::Throttled, Fate::Failed, Fate::Cut, Fate::Lost];
const SILENT: [Fate; 2] = [Fate::Ignored, Fate::Unanswered];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_fault_changes_nothing() {
    let dynamodb = DynamoDb::start().await.unwrap();
    let cases = ["execution", "task"].into_iter().flat_map(|level| {
        let faults = PROMPT.into_iter().chain(SILENT);
        let requests = if level == "task" { REQUESTS } else { 2 };
        faults.flat_map(move |fate| (1..=requests).map(move |n| (level, fate, n)))
    });
    let dynamodb = &dynamodb;
    let cases = cases.map(|(level, fate, n)| case(dynamodb, Source::Http, level, n, fate, false));
    stream::iter(cases)
        .buffer_unordered(CASES_AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_goes_back_while_the_table_is_away() {
    let dynamodb = DynamoDb::start().await.unwrap();
    let cases = SOURCES.into_iter().flat_map(|source| {
        let faults = [Fate::Throttled, Fate::Failed, Fate::Ignored, Fate::Lost].into_iter();
        faults.flat_map(move |fate| (1..=REQUESTS).map(move |n| (source, fate, n)))
    });
    let dynamodb = &dynamodb;
    let cases = cases.map(|(source, fate, n)| case(dynamodb, source, "task", n, fate, true));
    stream::iter(cases)
        .buffer_unordered(CASES_AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}
