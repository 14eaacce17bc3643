//! The function's process is killed at its n-th request of AWS, for every n: before the request is carried out, after
//! it, and after its answer. Then a new process gets the same event.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests are tests")]

use expressway_tests::dynamodb::DynamoDb;
use expressway_tests::function::Setup;
use expressway_tests::place::{Place, Workflow, read};
use expressway_tests::proxy::{Fate, Moment};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

/// How long each run has, at most. The lease of the run that is killed ends with this, and the test ends it earlier.
const AMPLE: Duration = Duration::from_secs(60);

/// How many cases run at once: enough to be busy while some of them wait for a retry.
const CASES_AT_ONCE: usize = 6;

/// Map, Parallel, Retry, Catch and a write, with random bits and the time in what tasks are given.
const MIXED: &str = r#"{
  "StartAt": "Draw",
  "States": {
    "Draw": {"Type": "Pass", "Parameters": {"id.$": "States.UUID()", "at.$": "$$.State.EnteredTime"}, "ResultPath": "$.drawn", "Next": "Price each"},
    "Price each": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ResultPath": "$.prices", "Next": "Reserve and count",
      "ItemSelector": {"item.$": "$$.Map.Item.Value", "drawn.$": "$.drawn"},
      "ItemProcessor": {"StartAt": "Price", "States": {
        "Price": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:111122223333:function:price", "ResultPath": "$.price", "Next": "Round"},
        "Round": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:111122223333:function:round", "Parameters": {"item.$": "$.item", "id.$": "States.UUID()", "at.$": "$$.State.EnteredTime"}, "ResultSelector": {"did.$": "$.did"}, "End": true}}}},
    "Reserve and count": {"Type": "Parallel", "ResultPath": "$.both", "Next": "Decline", "Branches": [
      {"StartAt": "Reserve", "States": {"Reserve": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:111122223333:function:reserve", "Parameters": {"drawn.$": "$.drawn"}, "ResultSelector": {"did.$": "$.did"}, "End": true}}},
      {"StartAt": "Count", "States": {"Count": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem", "End": true, "ResultPath": null, "OutputPath": "$.items",
        "Parameters": {"TableName.$": "$.table", "Key": {"pk": {"S": "orders"}, "sk": {"S": "count"}}, "UpdateExpression": "ADD orders :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}}}}]},
    "Decline": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:111122223333:function:decline", "Parameters": {"drawn.$": "$.drawn"},
      "Retry": [{"ErrorEquals": ["Declined"], "IntervalSeconds": 1, "MaxAttempts": 1, "JitterStrategy": "FULL"}],
      "Catch": [{"ErrorEquals": ["Declined"], "ResultPath": "$.declined", "Next": "Refund"}], "End": true},
    "Refund": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:111122223333:function:refund", "Parameters": {"drawn.$": "$.drawn", "why.$": "$.declined"}, "ResultPath": null, "Next": "Done"},
    "Done": {"Type": "Pass", "Parameters": {"id.$": "$.drawn.id", "prices.$": "$.prices", "both.$": "$.both", "declined.$": "$.declined", "last.$": "States.UUID()"}, "End": true}
  }
}"#;

/// The example, with a queue's message.
fn order() -> Workflow {
    let substitutions = include_str!("../../../examples/order-fulfilment/workflow.asl.substitutions.json");
    Workflow {
        setup: Setup::new(include_str!("../../../examples/order-fulfilment/workflow.asl.json")),
        substitutions: Some(serde_json::from_str(substitutions).unwrap()),
        event: |_| {
            let batch = include_str!("../../../examples/order-fulfilment/events/sqs.json");
            let mut batch: Value = serde_json::from_str(batch).unwrap();
            batch["Records"].as_array_mut().unwrap().truncate(1);
            batch.to_string()
        },
    }
}

/// [`MIXED`], with a request.
fn mixed() -> Workflow {
    Workflow {
        setup: Setup::new(MIXED),
        substitutions: None,
        event: |table| {
            let event = include_str!("../../../functions/expressway/events/api_gateway_v2.json");
            let mut event: Value = serde_json::from_str(event).unwrap();
            event["headers"]["Idempotency-Key"] = "order-7".into();
            event["isBase64Encoded"] = false.into();
            event["body"] = json!({"items": ["a", "b", "c"], "table": table}).to_string().into();
            event.to_string()
        },
    }
}

/// An undisturbed run.
struct Undisturbed {
    requests: usize,
    work: usize,
    /// How many effects there are that differ.
    effects: usize,
    outcome: (String, String),
}

async fn undisturbed(dynamodb: &DynamoDb, workflow: &Workflow, level: &str) -> Undisturbed {
    let place = Place::new(dynamodb, workflow, level, |_| Fate::Answered).await;
    let function = place.start().await;
    let answer = function.invoke(&*place.event).await;
    assert_eq!(read(&answer), (true, false), "{answer:?}");
    Undisturbed {
        requests: place.proxy.calls().len(),
        work: place.work().await,
        effects: place.functions.effects().len(),
        outcome: place.outcome().await,
    }
}

/// Kills a run at its n-th request, and runs the execution to its end; whether there was such a request.
async fn case(
    dynamodb: &DynamoDb,
    workflow: &Workflow,
    level: &str,
    n: usize,
    moment: Moment,
    normal: &Undisturbed,
) -> bool {
    let case = format!("{level}, request {n}, {moment:?}");
    let place = Place::new(dynamodb, workflow, level, move |call| match call.number == n {
        true => Fate::Killed(moment),
        false => Fate::Answered,
    })
    .await;
    let first = place.start().await;
    place.proxy.aims_at(first.process());
    let is_killed = tokio::select! {
        () = place.proxy.killed() => true,
        // The answer to the last request may be there before the kill.
        _ = first.invoke_for(AMPLE, &*place.event) => place.proxy.calls().len() >= n,
    };
    let second = place.start().await;
    drop(first);
    place.proxy.quiet().await;

    let done = place.work().await;
    let journaled = place.executions.journal().await.unwrap().len();
    if level == "task" {
        assert!(journaled <= done, "{case}: nothing is on record that was not done");
    }
    if place.lease_until().await.is_some() {
        let (answer, _) = second.invoke_for(AMPLE, &*place.event).await;
        assert_eq!(
            read(&answer),
            (false, false),
            "{case}: while the other has it, {answer:?}"
        );
        assert_eq!(place.work().await, done, "{case}");
        place.end_lease().await;
    }
    let (answer, _) = second.invoke_for(AMPLE, &*place.event).await;
    assert!(read(&answer).0, "{case}: not stuck, not lost, {answer:?}");
    assert_eq!(place.outcome().await, normal.outcome, "{case}");
    assert_eq!(place.lease_until().await, None, "{case}");

    let work = place.work().await;
    let effects = place.functions.effects();
    if level == "task" {
        // What the first run did and did not get on record is done again, and nothing else.
        assert_eq!(work - done, normal.work - journaled, "{case}: {effects:?}");
        assert_eq!(
            effects.len(),
            normal.effects,
            "{case}: with the same input, {effects:?}"
        );
        let entries = place.executions.journal().await.unwrap().len();
        assert_eq!(entries, normal.work, "{case}");
    }
    let before = place.proxy.calls().len();
    let again = second.invoke(&*place.event).await;
    assert!(read(&again).0, "{case}: {again:?}");
    let calls = place.proxy.calls().split_off(before);
    let operations: Vec<_> = calls.iter().map(|call| &*call.operation).collect();
    assert_eq!(operations, ["PutItem"], "{case}: a replay costs one request");
    is_killed
}

async fn every_kill_point(name: &str, workflow: &Workflow, level: &str) {
    let dynamodb = DynamoDb::start().await.unwrap();
    let normal = undisturbed(&dynamodb, workflow, level).await;
    let points = (1..=normal.requests).flat_map(|n| Moment::ALL.map(|moment| (n, moment)));
    let cases = points.map(|(n, moment)| case(&dynamodb, workflow, level, n, moment, &normal));
    let killed: Vec<bool> = stream::iter(cases).buffer_unordered(CASES_AT_ONCE).collect().await;
    let points = killed.iter().filter(|is_killed| **is_killed).count();
    // Past the harness, which shows what a test prints only if it fails.
    let line = format!(
        "{name} at level {level}: {points} kill points in {} requests\n",
        normal.requests
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    assert!(points > normal.requests, "{points}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_survives_every_crash_at_level_task() {
    every_kill_point("order", &order(), "task").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mixed_workflow_survives_every_crash_at_level_task() {
    every_kill_point("mixed", &mixed(), "task").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_survives_every_crash_at_level_execution() {
    every_kill_point("order", &order(), "execution").await;
}
