//! What it costs that deliveries are safe: requests of DynamoDB, and their bytes, per execution, per task and per replay.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

use expressway_tests::dynamodb::DynamoDb;
use expressway_tests::function::Setup;
use expressway_tests::place::{Place, Workflow, read};
use expressway_tests::proxy::Fate;
use serde_json::{Value, json};

/// A call, then a call for each item.
const MAP: &str = r#"{"StartAt":"Reserve","States":{
    "Reserve":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:reserve","ResultPath":null,"Next":"Each"},
    "Each":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":40,"End":true,"ItemProcessor":{"StartAt":"Price","States":{
        "Price":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:price","End":true}}}}}}"#;

/// A write for each item.
const WRITES: &str = r#"{"StartAt":"Each","States":{
    "Each":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":40,"End":true,
      "ItemSelector":{"table.$":"$.table","item.$":"States.Format('{}',$$.Map.Item.Value)"},
      "ItemProcessor":{"StartAt":"Put","States":{
        "Put":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:putItem","End":true,"Parameters":{
          "TableName.$":"$.table","Item":{"pk":{"S.$":"$.item"},"sk":{"S":"item"}}}}}}}}}"#;

fn workflow(definition: &str) -> Workflow {
    Workflow {
        setup: Setup::new(definition),
        substitutions: None,
        event: |table| {
            let event = include_str!("../../../functions/expressway/events/api_gateway_v2.json");
            let mut event: Value = serde_json::from_str(event).unwrap();
            event["headers"]["Idempotency-Key"] = "order-1".into();
            event["isBase64Encoded"] = false.into();
            let items: Vec<u32> = (0..100).collect();
            event["body"] = json!({"items": items, "table": table}).to_string().into();
            event.to_string()
        },
    }
}

/// How many bytes an item has at most, without its execution's input and output or its task's result.
const ITEM_BYTES: usize = 1_100;

/// How many requests of DynamoDB an execution takes, and how many its replay.
async fn requests(definition: &str, level: &str) -> (usize, usize) {
    let (requests, replay, _) = cost(definition, level).await;
    (requests, replay)
}

/// The same, and the bytes of the execution's requests.
async fn cost(definition: &str, level: &str) -> (usize, usize, usize) {
    let dynamodb = DynamoDb::start().await.unwrap();
    let place = Place::new(&dynamodb, &workflow(definition), level, |_| Fate::Answered).await;
    let function = place.start().await;
    let answer = function.invoke(&*place.event).await;
    assert_eq!(read(&answer), (true, false), "{level}: {answer:?}");
    let first = place.proxy.count(|call| !call.is_invoke());
    let calls = place.proxy.calls();
    let of_table = calls.iter().filter(|call| !call.is_invoke());
    let bytes = of_table.map(|call| call.request.body.len()).sum();
    if level != "off" {
        let again = function.invoke(&*place.event).await;
        assert_eq!(read(&again), (true, true), "{level}: {again:?}");
    }
    (first, place.proxy.count(|call| !call.is_invoke()) - first, bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_costs_two_requests_and_a_replay_one() {
    assert_eq!(requests(MAP, "off").await, (0, 0));
    let (requests, replay, bytes) = cost(MAP, "execution").await;
    println!("level execution: {requests} requests of {bytes} bytes");
    assert_eq!((requests, replay), (2, 1));
    // The second one has the output.
    assert!(bytes < 2 * ITEM_BYTES + 2_048, "{bytes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_costs_a_request_at_most_and_fewer_at_the_same_time() {
    let (requests, replay, bytes) = cost(MAP, "task").await;
    println!("101 tasks at level task: {requests} requests of {bytes} bytes");
    assert!(bytes < (2 + 101) * ITEM_BYTES + 2_048, "{bytes}");
    // Claim, outcome, the first task alone; of 100 others with 40 at a time many share a request.
    assert!(requests <= 2 + 1 + 100 / 2, "{requests}");
    assert_eq!(replay, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_of_a_task_costs_nothing_more() {
    assert_eq!(requests(WRITES, "off").await, (100, 0));
    assert_eq!(requests(WRITES, "task").await, (2 + 100, 1));
}
