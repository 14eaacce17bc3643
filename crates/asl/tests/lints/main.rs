//! What is doubtful about definitions that can run: each warning at its place, and what must not be warned about.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod data;
mod handlers;

use expressway_asl::check;
use expressway_asl::diagnostic::{Code, Diagnostic, Severity};
use std::collections::BTreeMap;

fn warnings(definition: &str) -> Vec<Diagnostic> {
    let checked = check(definition, &BTreeMap::new());
    checked
        .unwrap_or_else(|diagnostics| panic!("{definition}: {diagnostics}"))
        .warnings
        .list
}

/// The warnings of one kind, as `pointer: message`.
fn found(code: Code, definition: &str) -> Vec<String> {
    let found = warnings(definition).into_iter().filter(|warning| warning.code == code);
    found
        .map(|warning| {
            assert_eq!(warning.severity, Severity::Warning);
            assert!(warning.help.is_some(), "{warning}");
            format!("{}: {}", warning.pointer.unwrap(), warning.message)
        })
        .collect()
}

/// A machine of these states that starts at `A`.
fn machine(states: &str) -> String {
    format!(r#"{{"StartAt":"A","States":{{{states}}}}}"#)
}

fn jsonata(states: &str) -> String {
    format!(r#"{{"QueryLanguage":"JSONata","StartAt":"A","States":{{{states}}}}}"#)
}

/// A machine whose only state is the Task `A`.
fn task(resource: &str, fields: &str) -> String {
    machine(&format!(
        r#""A":{{"Type":"Task","Resource":"arn:aws:{resource}","End":true{fields}}}"#
    ))
}

const FUNCTION: &str = "lambda:us-east-1:123456789012:function:f";

fn retry(errors: &str) -> String {
    format!(r#","Retry":[{{"ErrorEquals":[{errors}]}}]"#)
}

#[test]
fn every_warning_has_a_name_of_its_own() {
    let mut names: Vec<_> = Code::WARNINGS.iter().map(|(code, _)| code.as_str()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn only_who_asks_is_warned() {
    let definition = task(FUNCTION, "");
    let compiled = expressway_asl::compile(&definition, &BTreeMap::new()).unwrap();
    assert!(compiled.warnings.list.is_empty());
    assert_eq!(warnings(&definition).len(), 1);
    // What is wrong comes first: doubts are for what can run.
    assert!(check("{}", &BTreeMap::new()).is_err());
    let yaml = "StartAt: A\nStates:\n  A: {Type: Task, Resource: 'arn:aws:lambda:us-east-1:123456789012:function:f', End: true}\n";
    let expected = "/States/A/Resource: The task 'A' is not tried again when Lambda is busy or can not be reached";
    assert_eq!(found(Code::MissingRetry, yaml), [expected]);
}
