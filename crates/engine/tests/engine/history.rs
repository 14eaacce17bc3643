//! The events of an execution, and what they follow.

use super::*;

async fn lines(definition: &str, tasks: Tasks, input: &str) -> Vec<String> {
    let case = Case::new(definition).tasks(tasks);
    case.run(input).await;
    case.events.lines()
}

#[tokio::test(start_paused = true)]
async fn a_retried_and_caught_task() {
    let states = format!(
        r#""T":{{{TASK},"Retry":[{{"ErrorEquals":["A"],"MaxAttempts":1}}],"Catch":[{{"ErrorEquals":["A"],"Next":"C"}}],"End":true}},
           "C":{{"Type":"Succeed"}}"#
    );
    let tasks = Tasks::default().on("T", |_, _| Err(error("A", "")));
    let expected = [
        "1<0 ExecutionStarted",
        "2<0 TaskStateEntered",
        "3<2 LambdaFunctionScheduled",
        "4<3 LambdaFunctionStarted",
        "5<4 LambdaFunctionFailed",
        "6<5 LambdaFunctionScheduled",
        "7<6 LambdaFunctionStarted",
        "8<7 LambdaFunctionFailed",
        "9<8 TaskStateExited",
        "10<9 SucceedStateEntered",
        "11<10 SucceedStateExited",
        "12<11 ExecutionSucceeded",
    ];
    assert_eq!(lines(&machine("T", &states), tasks, "{}").await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_map_and_what_follows_it() {
    let definition = machine(
        "M",
        r#""M":{"Type":"Map","MaxConcurrency":1,"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true}"#,
    );
    let expected = [
        "1<0 ExecutionStarted",
        "2<0 MapStateEntered",
        "3<2 MapStateStarted",
        "4<3 MapIterationStarted",
        "5<4 PassStateEntered",
        "6<5 PassStateExited",
        "7<6 MapIterationSucceeded",
        "8<6 MapIterationStarted",
        "9<8 PassStateEntered",
        "10<9 PassStateExited",
        "11<10 MapIterationSucceeded",
        "12<11 MapStateSucceeded",
        "13<11 MapStateExited",
        "14<13 ExecutionSucceeded",
    ];
    assert_eq!(lines(&definition, Tasks::default(), "[1,2]").await, expected);
    let empty = lines(&definition, Tasks::default(), "[]").await;
    assert_eq!(
        &empty[2..],
        [
            "3<2 MapStateStarted",
            "4<3 MapStateSucceeded",
            "5<3 MapStateExited",
            "6<5 ExecutionSucceeded"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_map_that_is_retried() {
    let definition = machine(
        "M",
        r#""M":{"Type":"Map","Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}],
            "ItemProcessor":{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}},"End":true}"#,
    );
    let expected = [
        "3<2 MapStateStarted",
        "4<3 MapIterationStarted",
        "5<4 FailStateEntered",
        "6<5 MapIterationFailed",
        "7<5 MapStateStarted",
        "8<7 MapIterationStarted",
        "9<8 FailStateEntered",
        "10<9 MapIterationFailed",
        "11<9 MapStateFailed",
        "12<11 ExecutionFailed",
    ];
    assert_eq!(lines(&definition, Tasks::default(), "[1]").await[2..], expected);
}

#[tokio::test(start_paused = true)]
async fn both_forms_carry_the_same_details() {
    let case = Case::new(&machine("P", r#""P":{"Type":"Pass","End":true}"#));
    case.run(r#"{"a":1}"#).await;
    let events = case.events.0.lock().unwrap();
    let api = events[1].to_api();
    assert_eq!(
        api.get("stateEnteredEventDetails").unwrap().to_json(),
        r#"{"input":"{\"a\":1}","inputDetails":{"truncated":false},"name":"P"}"#
    );
    let arn: Text = "arn".into();
    let log = events[1].to_log(&arn, false);
    assert_eq!(log.get("details").unwrap().to_json(), r#"{"name":"P"}"#);
    assert_eq!(log.get("id").unwrap().to_json(), r#""2""#);
    assert_eq!(log.get("previous_event_id").unwrap().to_json(), r#""0""#);
    let keys: Vec<_> = log
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, _)| key.to_string())
        .collect();
    let expected = [
        "id",
        "type",
        "details",
        "previous_event_id",
        "event_timestamp",
        "execution_arn",
        "redrive_count",
    ];
    assert_eq!(keys, expected);
}
