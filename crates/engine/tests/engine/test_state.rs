use crate::{Case, Tasks, doc, error};
use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_engine::StateError;
use expressway_engine::test_state::{
    InspectionLevel, Mock, Rejection, StateConfiguration, StateTest, TestedState, test_state,
};
use std::collections::BTreeMap;
use std::time::Duration;

fn test(input: &str) -> StateTest {
    StateTest {
        input: doc(input),
        variables: Object::new(),
        context: None,
        mock: None,
        configuration: StateConfiguration::default(),
        role_arn: Some("role".into()),
    }
}

fn mocked(input: &str, mock: Mock) -> StateTest {
    StateTest {
        mock: Some(mock),
        ..test(input)
    }
}

async fn run(definition: &str, state: Option<&str>, tasks: Tasks, test: StateTest) -> Result<TestedState, Rejection> {
    let case = Case::new("").tasks(tasks);
    let identity = case.request("{}").identity;
    let inspection = expressway_asl::inspect(definition, &BTreeMap::new()).unwrap();
    let inspected = inspection.state(state).expect("the definition has this state");
    test_state(inspected, &case.environment(), &identity, &test).await
}

async fn answer(definition: &str, test: StateTest) -> Document {
    let tested = run(definition, None, Tasks::default(), test).await;
    tested.unwrap().to_api(InspectionLevel::Debug)
}

/// The stages that the answer shows, each as `name=value`.
fn stages(answer: &Document) -> Vec<String> {
    let data = answer.get("inspectionData").and_then(Document::as_object).unwrap();
    let text = |value: &Document| value.as_str().map_or_else(|| value.to_json(), str::to_owned);
    data.iter()
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_stage_of_a_task_is_told() {
    let state = r#"{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","InputPath":"$.a","Parameters":{"p.$":"$"},
        "ResultSelector":{"r.$":"$.x"},"ResultPath":"$.out","OutputPath":"$.out","Assign":{"v.$":"$.x"},"Next":"After"}"#;
    let test = StateTest {
        variables: [("old", Document::from(1))].into_iter().collect(),
        ..mocked(r#"{"a":1}"#, Mock::Result(doc(r#"{"x":2}"#)))
    };
    let answer = answer(state, test).await;
    let expected = [
        r#"input={"a":1}"#,
        "afterInputPath=1",
        r#"afterParameters={"p":1}"#,
        r#"result={"x":2}"#,
        r#"afterResultSelector={"r":2}"#,
        r#"afterResultPath={"a":1,"out":{"r":2}}"#,
        r#"variables={"old":1,"v":2}"#,
    ];
    assert_eq!(stages(&answer), expected);
    assert_eq!(answer.get("output"), Some(&r#"{"r":2}"#.into()));
    assert_eq!(answer.get("nextState"), Some(&"After".into()));
}

#[tokio::test(start_paused = true)]
async fn a_task_without_a_mock_is_called_once() {
    let definition = r#"{"StartAt":"Call","States":{"Call":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
        "Retry":[{"ErrorEquals":["E"],"BackoffRate":3}],"End":true}}}"#;
    let tasks = Tasks::default().on("Call", |_, _| Err(error("E", "c")));
    let tested = run(definition, Some("Call"), tasks, test("{}")).await.unwrap();
    assert_eq!(tested.error, Some(StateError::new("E", "c")));
    let details = tested.inspection.error_details().unwrap();
    assert_eq!(details.retry_index, Some(0));
    assert_eq!(details.retry_backoff, Some(Duration::from_secs(1)));
    assert_eq!(
        tested.to_api(InspectionLevel::Info).to_json(),
        r#"{"error":"E","cause":"c","status":"RETRIABLE"}"#
    );
}

#[tokio::test(start_paused = true)]
async fn errors_of_a_stage_fail_the_state_with_its_name() {
    let definition = r#"{"StartAt":"S","States":{"S":{"Type":"Pass","InputPath":"$.none","End":true}}}"#;
    let tested = run(definition, None, Tasks::default(), test("{}")).await.unwrap();
    let error = tested.error.clone().unwrap();
    let cause = "An error occurred while executing the state 'S' (entered at the event id #2). Invalid path '$.none'";
    assert!(error.cause.unwrap().starts_with(cause));
    assert_eq!(stages(&tested.to_api(InspectionLevel::Trace)), ["input={}"]);
}

#[tokio::test(start_paused = true)]
async fn a_mocked_error_is_not_reworded() {
    let state = r#"{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}"#;
    let runtime = StateError::new("States.Runtime", "as it is");
    let tested = run(
        state,
        None,
        Tasks::default(),
        mocked("{}", Mock::Error(runtime.clone())),
    )
    .await;
    assert_eq!(tested.unwrap().error, Some(runtime));
}

#[tokio::test(start_paused = true)]
async fn a_wait_does_not_wait() {
    let started = tokio::time::Instant::now();
    let wait = r#"{"Type":"Wait","SecondsPath":"$.seconds","Next":"After"}"#;
    let ended = answer(wait, test(r#"{"seconds":3600}"#)).await;
    assert_eq!(ended.get("status"), Some(&"SUCCEEDED".into()));
    assert_eq!(started.elapsed(), Duration::ZERO);
    let failed = answer(wait, test(r#"{"seconds":-1}"#)).await;
    assert_eq!(failed.get("error"), Some(&"States.Runtime".into()));
}

#[tokio::test(start_paused = true)]
async fn the_context_object_is_the_given_one_with_the_item() {
    let state = r#"{"Type":"Map","ItemSelector":{"of.$":"$$"},"ToleratedFailureCount":1,"End":true,
        "ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}}"#;
    let test = StateTest {
        context: Some(doc(r#"{"State":{"Name":"Given"}}"#)),
        ..mocked("[7]", Mock::Result(doc("[8]")))
    };
    let answer = answer(state, test).await;
    let expected = r#"afterItemSelector=[{"of":{"State":{"Name":"Given"},"Map":{"Item":{"Index":0,"Value":7}}}}]"#;
    assert!(stages(&answer).iter().any(|stage| stage == expected), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_the_state_is_refused() {
    const PARALLEL: &str =
        r#"{"Type":"Parallel","End":true,"Branches":[{"StartAt":"I","States":{"I":{"Type":"Succeed"}}}]}"#;
    const TASK: &str = r#"{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}"#;
    let caused_by = |name: &str| StateTest {
        configuration: StateConfiguration {
            error_caused_by_state: Some(name.into()),
            ..StateConfiguration::default()
        },
        ..mocked("{}", Mock::Error(StateError::new("E", "c")))
    };
    let context = |context: &str| StateTest {
        context: Some(doc(context)),
        ..test("{}")
    };
    for (state, test, expected) in [
        (PARALLEL, caused_by("I"), ""),
        (PARALLEL, caused_by("J"), "ErrorCausedByState 'J' is not a state inside"),
        (TASK, context(r#"{"Map":{}}"#), "'Map' field is not supported"),
        (TASK, context("[]"), "Invalid Context object provided"),
        (
            TASK,
            context(r#"{"Task":{"Token":"t"}}"#),
            "Context object contains 'Task'",
        ),
        (TASK, context(r#"{"Other":{}}"#), "Field 'Other' is not allowed"),
    ] {
        let tasks = Tasks::default().on("StateName", |_, _| Ok(Document::Null));
        let found = run(state, None, tasks, test).await;
        let message = found.err().map(|rejection| rejection.message).unwrap_or_default();
        assert!(
            message.contains(expected) && message.is_empty() == expected.is_empty(),
            "{message}"
        );
    }
}
