//! What a test expects, and whether it came true.

use super::difference::{Difference, Match, differences};
use super::execute::Observed;
use super::visits::Visits;
use expressway_asl::Document;
use expressway_asl::document::Text;
use regex::Regex;
use std::time::Duration;

/// `expect` of a test.
#[derive(Default)]
pub(super) struct Expectation {
    pub(super) status: Option<Text>,
    pub(super) output: Option<Document>,
    pub(super) output_includes: Option<Document>,
    pub(super) error: Option<Text>,
    pub(super) cause: Option<CauseMatch>,
    pub(super) path: Option<Line>,
    /// Inputs that the tasks of a state must have got, in order; each may have more members.
    pub(super) call_inputs: Vec<(Text, Vec<Document>)>,
    pub(super) call_counts: Vec<(Text, u64)>,
    pub(super) max_duration: Option<Duration>,
    /// Of a single state: the one that follows.
    pub(super) next: Option<Text>,
    /// Of a single state: the variables after it.
    pub(super) variables: Option<Document>,
    /// Of a single state: its data after these stages.
    pub(super) stages: Vec<(Text, Document)>,
}

pub(super) enum CauseMatch {
    Exact(Text),
    Contains(Text),
    Matches(Regex),
}

/// States in the order in which they are entered.
pub(super) type Line = Vec<Step>;

/// One state of a [`Line`].
pub(super) struct Step {
    pub(super) state: Text,
    /// The lines of its branches or iterations, if anything is expected of them.
    pub(super) inside: Option<Vec<Line>>,
}

impl Expectation {
    /// Everything that did not come true.
    pub(super) fn unmet(&self, observed: &Observed) -> Vec<Difference> {
        let mut unmet = Vec::new();
        self.check_outcome(observed, &mut unmet);
        if let Some(expected) = &self.output {
            unmet.extend(differences("output", expected, observed.output.as_ref(), Match::Exact));
        }
        if let Some(expected) = &self.output_includes {
            unmet.extend(differences(
                "output",
                expected,
                observed.output.as_ref(),
                Match::Includes,
            ));
        }
        if let Some(expected) = &self.next {
            check_text("next", Some(expected), observed.next.as_deref(), &mut unmet);
        }
        if let Some(expected) = &self.variables {
            unmet.extend(differences(
                "variables",
                expected,
                observed.variables.as_ref(),
                Match::Exact,
            ));
        }
        for (name, expected) in &self.stages {
            let stage = observed.stages.iter().find(|(stage, _)| *stage == &**name);
            let found = differences("stages", expected, stage.map(|(_, value)| value), Match::Exact);
            unmet.extend(found.into_iter().map(|difference| Difference {
                place: difference.place.replacen('$', name, 1),
                ..difference
            }));
        }
        if let Some(path) = &self.path {
            check_line(path, &observed.visits, None, None, "", &mut unmet);
        }
        self.check_calls(observed, &mut unmet);
        if let Some(max) = self.max_duration.filter(|max| observed.duration > *max) {
            unmet.push(Difference {
                what: "duration",
                place: String::new(),
                expected: Some(format!("at most {} s", max.as_secs_f64())),
                actual: Some(format!("{} s", observed.duration.as_secs_f64())),
            });
        }
        unmet
    }

    fn check_outcome(&self, observed: &Observed, unmet: &mut Vec<Difference>) {
        let expects_error = self.error.is_some() || self.cause.is_some();
        let status = match &self.status {
            Some(status) => &**status,
            None if expects_error => "FAILED",
            None => "SUCCEEDED",
        };
        let error = observed.error.as_ref();
        let name = error.and_then(|error| error.name.as_ref());
        let cause = error.and_then(|error| error.cause.as_deref());
        if observed.status != status {
            // What went wrong instead says more than the status.
            let name = name.map(|name| format!(", {name}")).unwrap_or_default();
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            unmet.push(Difference {
                what: "status",
                place: String::new(),
                expected: Some(status.to_owned()),
                actual: Some(format!("{}{name}{cause}", observed.status)),
            });
        }
        if self.error.is_some() {
            let name = name.map(|name| name.as_str());
            check_text("error", self.error.as_deref(), name, unmet);
        }
        let is_met = match (&self.cause, cause) {
            (None, _) => true,
            (Some(CauseMatch::Exact(expected)), Some(cause)) => **expected == *cause,
            (Some(CauseMatch::Contains(part)), Some(cause)) => cause.contains(&**part),
            (Some(CauseMatch::Matches(pattern)), Some(cause)) => pattern.is_match(cause),
            (Some(_), None) => false,
        };
        if !is_met {
            unmet.push(Difference {
                what: "cause",
                place: String::new(),
                expected: self.cause.as_ref().map(CauseMatch::describe),
                actual: cause.map(str::to_owned),
            });
        }
    }

    fn check_calls(&self, observed: &Observed, unmet: &mut Vec<Difference>) {
        let of = |state: &Text| -> Vec<&Document> {
            let calls = observed.calls.iter().filter(|(called, _)| called == state);
            calls.map(|(_, input)| input).collect()
        };
        for (state, count) in &self.call_counts {
            let calls = of(state).len();
            if u64::try_from(calls) != Ok(*count) {
                unmet.push(Difference {
                    what: "calls",
                    place: format!("of {state}"),
                    expected: Some(count.to_string()),
                    actual: Some(calls.to_string()),
                });
            }
        }
        for (state, inputs) in &self.call_inputs {
            let calls = of(state);
            for index in 0..inputs.len().max(calls.len()) {
                let place = format!("of {state}, {}.", index + 1);
                match (inputs.get(index), calls.get(index)) {
                    (Some(expected), Some(actual)) => {
                        let found = differences("calls", expected, Some(actual), Match::Includes);
                        unmet.extend(found.into_iter().map(|difference| Difference {
                            place: format!("{place} {}", difference.place),
                            ..difference
                        }));
                    }
                    (expected, actual) => unmet.push(Difference {
                        what: "calls",
                        place,
                        expected: expected.map(Document::to_json),
                        actual: actual.map(|actual| actual.to_json()),
                    }),
                }
            }
        }
    }
}

impl CauseMatch {
    fn describe(&self) -> String {
        match self {
            CauseMatch::Exact(text) => text.to_string(),
            CauseMatch::Contains(text) => format!("a text with {text}"),
            CauseMatch::Matches(pattern) => format!("a text like /{pattern}/"),
        }
    }
}

fn check_text(what: &'static str, expected: Option<&str>, actual: Option<&str>, unmet: &mut Vec<Difference>) {
    if expected != actual {
        unmet.push(Difference {
            what,
            place: String::new(),
            expected: expected.map(str::to_owned),
            actual: actual.map(str::to_owned),
        });
    }
}

/// Compares the states on one line, then those inside of them.
fn check_line(
    expected: &Line,
    visits: &Visits,
    parent: Option<usize>,
    group: Option<usize>,
    place: &str,
    unmet: &mut Vec<Difference>,
) {
    let actual = visits.line(parent, group);
    let names = |names: &mut dyn Iterator<Item = &str>| {
        let names: Vec<_> = names.collect();
        match names.is_empty() {
            true => "(no state)".to_owned(),
            false => names.join(" > "),
        }
    };
    let is_same = expected.len() == actual.len()
        && (expected.iter().zip(&actual)).all(|(step, visit)| *step.state == *visits.name(*visit));
    if !is_same {
        unmet.push(Difference {
            what: "path",
            place: place.to_owned(),
            expected: Some(names(&mut expected.iter().map(|step| &*step.state))),
            actual: Some(names(&mut actual.iter().map(|visit| visits.name(*visit)))),
        });
        return;
    }
    for (step, visit) in expected.iter().zip(&actual) {
        let Some(lines) = &step.inside else {
            continue;
        };
        let groups = visits.groups(*visit).max(lines.len());
        for index in 0..groups {
            let place = format!("{place}in {}[{index}] ", step.state);
            let none = Line::new();
            let line = lines.get(index).unwrap_or(&none);
            check_line(line, visits, Some(*visit), Some(index), &place, unmet);
        }
    }
}
