//! Deliveries of one event at the same time, and runs that outlive their lease.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests are tests")]

use expressway_tests::dynamodb::DynamoDb;
use expressway_tests::function::{Answer, Setup};
use expressway_tests::place::{Place, Workflow, read};
use expressway_tests::proxy::Fate;
use futures_util::future::join_all;
use serde_json::Value;
use std::time::Duration;

/// How many deliveries there are, and how many processes get them.
const DELIVERIES: usize = 50;
const PROCESSES: usize = 10;

/// How long the run has that is stopped.
const LEASE: Duration = Duration::from_millis(2_000);

const SLOW: &str = r#"{"StartAt":"Charge","States":{
    "Charge":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:charge","Next":"Settle"},
    "Settle":{"Type":"Wait","Seconds":1,"End":true}}}"#;

const TWO: &str = r#"{"StartAt":"Reserve","States":{
    "Reserve":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:reserve","Next":"Charge"},
    "Charge":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:charge","End":true}}}"#;

fn request(definition: &str) -> Workflow {
    Workflow {
        setup: Setup::new(definition),
        substitutions: None,
        event: |_| {
            let event = include_str!("../../../functions/expressway/events/api_gateway_v2.json");
            let mut event: Value = serde_json::from_str(event).unwrap();
            event["headers"]["Idempotency-Key"] = "order-1".into();
            event.to_string()
        },
    }
}

fn status(answer: &Answer) -> u64 {
    let answer: Value = serde_json::from_str(answer.text()).unwrap();
    answer["statusCode"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_deliveries_at_once_one_runs() {
    for level in ["execution", "task"] {
        let dynamodb = DynamoDb::start().await.unwrap();
        let place = Place::new(&dynamodb, &request(SLOW), level, |_| Fate::Answered).await;
        let processes = join_all((0..PROCESSES).map(|_| place.start())).await;
        let deliveries = processes.iter().map(async |process| {
            let mut answers = Vec::new();
            for _ in 0..DELIVERIES / PROCESSES {
                answers.push(process.invoke(&*place.event).await);
            }
            answers
        });
        let answers: Vec<Answer> = join_all(deliveries).await.into_iter().flatten().collect();
        let ran = answers.iter().filter(|answer| read(answer) == (true, false)).count();
        let replayed = answers.iter().filter(|answer| read(answer) == (true, true)).count();
        let refused = answers.iter().filter(|answer| status(answer) == 409).count();
        assert_eq!(
            (ran, replayed + refused),
            (1, DELIVERIES - 1),
            "{level}: {replayed}, {refused}"
        );
        assert!(refused > 0, "{level}");
        assert_eq!(place.functions.calls(), 1, "{level}");
        for process in &processes {
            assert_eq!(read(&process.invoke(&*place.event).await), (true, true), "{level}");
        }
        assert_eq!(place.functions.calls(), 1, "{level}");
    }
}

/// Stops a run at its n-th request, lets another one take over and end, and then lets the first one go on; whether it came
/// so far.
async fn zombie(dynamodb: &DynamoDb, level: &str, n: usize) -> bool {
    let case = format!("{level}, request {n}");
    let place = Place::new(dynamodb, &request(TWO), level, move |call| match call.number == n {
        true => Fate::Held,
        false => Fate::Answered,
    })
    .await;
    let (zombie, heir) = (place.start().await, place.start().await);
    place.proxy.aims_at(zombie.process());
    let mut late = Box::pin(zombie.invoke_for(LEASE, &*place.event));
    tokio::select! {
        () = place.proxy.held() => {}
        _ = &mut late => return false,
    }
    place.lease_over().await;
    let answer = heir.invoke(&*place.event).await;
    assert_eq!(read(&answer), (true, false), "{case}: {answer:?}");
    let items = place.executions.items().await.unwrap();

    place.proxy.let_go();
    let (late, _) = late.await;
    place.proxy.quiet().await;
    assert_eq!(place.executions.items().await.unwrap(), items, "{case}: {late:?}");
    if status(&late) == 200 {
        let body = |answer: &Answer| serde_json::from_str::<Value>(answer.text()).unwrap()["body"].clone();
        assert_eq!(body(&late), body(&answer), "{case}");
    }
    let again = heir.invoke(&*place.event).await;
    assert_eq!(read(&again), (true, true), "{case}");
    for (effect, times) in place.functions.effects() {
        assert!(times <= 2, "{case}: {effect:?}");
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_outlived_its_lease_changes_nothing() {
    let dynamodb = DynamoDb::start().await.unwrap();
    for (level, requests) in [("execution", 4), ("task", 6)] {
        let stopped = join_all((1..=requests).map(|n| zombie(&dynamodb, level, n))).await;
        assert_eq!(stopped, vec![true; requests], "{level}");
    }
}
