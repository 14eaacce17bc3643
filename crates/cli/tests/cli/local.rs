use crate::{Ran, expressway};
use std::fs;
use tempfile::TempDir;

const CHANGED: &str = r#"
Changed
  dynamodb  orders    put      {"id":"A"}
  sqs       shipping  message  {"id":"A","charge":{"paid":true}}
"#;

fn local(input: &str, more: &[&str]) -> Ran {
    let arguments = ["run", "local.asl.json", "--input", input, "--local"];
    expressway(&[&arguments, more].concat())
}

#[test]
fn stand_ins_do_the_work_and_what_they_changed_is_shown() {
    let ran = local(r#"{"id": "A"}"#, &[]);
    assert!(ran.stdout.ends_with(CHANGED), "{}", ran.stdout);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn standard_output_stays_json() {
    let ran = local(r#"{"id": "A"}"#, &["--format", "json", "--fast-forward"]);
    assert_eq!(ran.member("status"), r#""SUCCEEDED""#);
    assert_eq!(ran.stderr, CHANGED);
}

#[test]
fn an_event_is_handled_with_stand_ins() {
    let ran = expressway(&["invoke", "local.asl.json", "--event", r#"{"id": "A"}"#, "--local"]);
    assert_eq!(ran.stdout, "{\"id\":\"A\",\"charge\":{\"paid\":true}}\n");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), CHANGED));
}

#[test]
fn the_seed_is_there_at_first() {
    let ran = local(r#"{"id": "taken"}"#, &["--format", "json"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.member("error"), r#""DynamoDB.ConditionalCheckFailedException""#);
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_directory_keeps_what_was_changed() {
    let directory = TempDir::new().unwrap();
    let state = directory.path().join("state");
    let state = state.to_str().unwrap();
    let order = r#"{"id": "A"}"#;
    assert_eq!(local(order, &["--state", state]).code, Some(0));
    let again = local(order, &["--state", state, "--format", "json"]);
    assert_eq!(again.member("error"), r#""DynamoDB.ConditionalCheckFailedException""#);
}

#[test]
fn mocks_answer_for_the_states_that_they_name() {
    let order = r#"{"id": "A"}"#;
    let ran = local(order, &["--mock", "local-mocks.json#Paid", "--format", "json"]);
    assert_eq!(
        ran.member("output"),
        r#""{\"id\":\"A\",\"charge\":{\"paid\":\"by the mock\"}}""#
    );
    assert!(ran.stderr.contains("dynamodb  orders"), "{}", ran.stderr);
    let ran = local(order, &["--mock", "local-mocks.json#Declined", "--format", "json"]);
    assert_eq!(
        (ran.member("error"), ran.stderr.as_str()),
        (r#""Declined""#.to_owned(), "")
    );
    let ran = local(
        order,
        &[
            "--mock",
            "local-mocks.json#Paid",
            "--unmocked",
            "error",
            "--format",
            "json",
        ],
    );
    assert_eq!(ran.member("error"), r#""States.Runtime""#);
}

#[test]
fn what_is_not_there_is_told() {
    let definition = r#"{"StartAt": "List", "States": {"List": {
        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ecs:listClusters", "Parameters": {}, "End": true}}}"#;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("list.asl.json");
    fs::write(&file, definition).unwrap();
    let ran = expressway(&["run", file.to_str().unwrap(), "--local", "--format", "json"]);
    assert_eq!(
        (ran.code, ran.member("error")),
        (Some(1), r#""Ecs.EcsException""#.to_owned())
    );
    let told = "local: the service `ecs` is not available in a local run: mock the states that call it (--mock)\n";
    assert_eq!(ran.stderr, told);
}

#[test]
fn files_with_mistakes_are_told_with_their_places() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file.yaml");
    let file = file.to_str().unwrap();
    for (argument, text, expected) in [
        (
            "--seed",
            "tabels: {}",
            "is not a right seed file\n  the file: unknown key `tabels`, did you mean `tables`?\n",
        ),
        (
            "--seed",
            "queues: {orders: {attributes: {Delay: 1}}}",
            "is not a right seed file\n  queues/orders: Unknown Attribute Delay.\n",
        ),
        (
            "--functions",
            "charge: {comand: [x]}",
            "is not a right functions file\n  charge: unknown key `comand`, did you mean `command`?\n",
        ),
    ] {
        fs::write(file, text).unwrap();
        let ran = local("{}", &[argument, file]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
}

#[test]
fn arguments_that_do_not_go_together_are_refused() {
    for more in [
        &["--seed", "local.asl.seed.yaml"][..],
        &["--functions", "local.asl.functions.json"],
        &["--state", "x"],
        &["--mock", "local-mocks.json#Paid", "--unmocked", "local"],
        &["--mock", "local-mocks.json#Paid", "--unmocked", "aws", "--local"],
    ] {
        let ran = expressway(&[&["run", "local.asl.json"], more].concat());
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(2), ""),
            "{more:?}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains("--local"), "{more:?}: {}", ran.stderr);
    }
}
