//! Whatever an execution depends on may be slow, silent or cut, or answer with errors: each source gets its answer
//! before Lambda's deadline all the same, and what has finished is not delivered again.
//!
//! Time is virtual, and AWS is in the process.

mod cell;
mod dependency;
mod source;

use cell::{Aws, Cell};
use dependency::{DEPENDENCIES, Dependency};
use source::{RECORDS, SOURCES, Source};

use crate::config::{Configuration, Definition};
use crate::startup;
use crate::testing::troubles::{Sent, Trouble, TroubledAws};
use std::time::Duration;

/// Goes through all sources and dependencies; lists the cells where something is wrong.
async fn check(trouble: Trouble) {
    check_some(SOURCES, Some(trouble), |_, _| true).await;
}

/// The same with those that are meant.
async fn check_some(sources: &'static [Source], trouble: Option<Trouble>, is_meant: fn(&Source, &Dependency) -> bool) {
    let aws = Aws::new().await;
    let mut problems = Vec::new();
    for (dependency, source) in DEPENDENCIES
        .iter()
        .flat_map(|one| sources.iter().map(move |source| (one, source)))
    {
        if !(dependency.concerns)(source.kind) || !is_meant(source, dependency) {
            continue;
        }
        let cell = Cell {
            source,
            dependency,
            trouble,
        };
        if let Err(problem) = cell.check(&aws).await {
            problems.push(format!("{} / {}: {problem}", dependency.name, source.name));
        }
    }
    let count = problems.len();
    assert!(
        problems.is_empty(),
        "{trouble:?}, {count} cells:\n{}",
        problems.join("\n")
    );
}

/// Without it the others would prove nothing.
#[tokio::test(start_paused = true)]
async fn every_dependency_is_asked_and_nothing_goes_wrong_without_trouble() {
    check_some(SOURCES, None, |source, _| source.stands_for_its_kind).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_lost_is_made_again() {
    let is_meant = |source: &Source, dependency: &Dependency| source.stands_for_its_kind && !dependency.is_called_once;
    check_some(SOURCES, Some(Trouble::Lost), is_meant).await;
}

#[tokio::test(start_paused = true)]
async fn answers_are_in_time_when_a_dependency_is_slow() {
    check(Trouble::Slow).await;
}

#[tokio::test(start_paused = true)]
async fn answers_are_in_time_when_a_dependency_sends_a_byte_now_and_then() {
    // Much like a slow one, but for how answers are read.
    check_some(SOURCES, Some(Trouble::Trickling), |source, _| {
        source.stands_for_its_kind
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn answers_are_in_time_when_a_dependency_is_silent() {
    check(Trouble::Silent).await;
}

#[tokio::test(start_paused = true)]
async fn topics_and_streams_are_answered_in_time_when_a_dependency_is_silent() {
    check_some(RECORDS, Some(Trouble::Silent), |_, _| true).await;
}

#[tokio::test(start_paused = true)]
async fn topics_and_streams_are_answered_in_time_when_connections_are_cut() {
    check_some(RECORDS, Some(Trouble::Cut), |_, _| true).await;
}

#[tokio::test(start_paused = true)]
async fn answers_are_in_time_when_connections_are_cut() {
    check(Trouble::Cut).await;
}

#[tokio::test(start_paused = true)]
async fn answers_are_in_time_when_a_dependency_has_internal_errors() {
    check(Trouble::ServerError).await;
}

#[tokio::test(start_paused = true)]
async fn answers_are_in_time_when_a_dependency_throttles() {
    check(Trouble::Throttling).await;
}

/// Lambda gives a function ten seconds to start. One that takes longer is ended without a word, and started again.
#[tokio::test(start_paused = true)]
async fn a_definition_that_does_not_come_is_an_error_of_the_start() {
    let stand_ins = Aws::new().await;
    let is_definition = |sent: &Sent<'_>| sent.service == "s3";
    for trouble in Trouble::LASTING {
        let aws = TroubledAws::new(&stand_ins.0, is_definition, Some(trouble));
        let configuration = Configuration::new(Definition::S3 {
            bucket: "payloads".to_owned(),
            key: "payloads/outside".to_owned(),
            version: None,
        });
        let config = aws.config(format!("eu-west-{}", trouble as usize));
        let text = startup::definition(&configuration, &config);
        let text = tokio::time::timeout(Duration::from_secs(10), text).await;
        let error = text
            .unwrap_or_else(|_| panic!("{trouble:?}: no error in time"))
            .unwrap_err();
        assert_eq!(error.error_type(), "Expressway.InvalidDefinition", "{trouble:?}");
        let error = error.to_string();
        assert!(
            error.starts_with("the definition `s3://payloads/payloads/outside` can"),
            "{error}"
        );
    }
}
