//! `expect` of a test, read.

use super::{Kind, Members, Reader};
use crate::test::expect::{CauseMatch, Expectation, Line, Step};
use expressway_asl::definition::{Node, Value};
use expressway_asl::document::Text;
use regex::Regex;
use std::time::Duration;

/// The data of a state that its test can look at, by the names of TestState.
const STAGES: &[&str] = &[
    "input",
    "afterInputPath",
    "afterParameters",
    "afterArguments",
    "result",
    "afterResultSelector",
    "afterResultPath",
    "afterItemsPath",
    "afterItemsPointer",
    "afterItemSelector",
    "afterItemBatcher",
    "maxConcurrency",
    "toleratedFailureCount",
    "toleratedFailurePercentage",
    "variables",
];

impl Reader<'_> {
    pub(super) fn expectation(&mut self, members: &Members<'_>, is_state: bool) -> Expectation {
        let Some(node) = members.get("expect") else {
            return Expectation::default();
        };
        let mut known = vec!["status", "output", "outputIncludes", "error", "cause"];
        known.extend(match is_state {
            true => &["next", "variables", "stages"][..],
            false => &["path", "calls", "maxDurationSeconds"],
        });
        let members = self.members(node, "`expect`", &known);
        let mut expect = Expectation {
            status: self.text(&members, "status"),
            output: members.get("output").map(|node| node.to_document()),
            output_includes: members.get("outputIncludes").map(|node| node.to_document()),
            error: self.text(&members, "error"),
            cause: members.get("cause").and_then(|node| self.cause(node)),
            next: self.text(&members, "next"),
            variables: members.get("variables").map(|node| node.to_document()),
            ..Expectation::default()
        };
        let mut statuses = vec!["SUCCEEDED", "FAILED"];
        statuses.extend(match is_state {
            true => &["RETRIABLE", "CAUGHT_ERROR"][..],
            false => &["TIMED_OUT"],
        });
        if let (Some(status), Some(node)) = (&expect.status, members.get("status"))
            && !statuses.contains(&&**status)
        {
            self.mistake(node.span, format!("`status` must be one of {}", statuses.join(", ")));
        }
        if let (Some(next), Some(node)) = (&expect.next, members.get("next")) {
            self.state_name(node.span, next);
        }
        if let Some(node) = members.get("stages") {
            for member in self.object(node, "`stages`") {
                if !STAGES.contains(&&*member.key) {
                    self.unknown(member.key_span, "unknown stage", &member.key, STAGES.iter().copied());
                }
                let value = member.value.to_document();
                expect.stages.push((Text::clone(&member.key), value));
            }
        }
        if let Some(node) = members.get("path") {
            expect.path = Some(self.line(node));
        }
        if let Some(node) = members.get("calls") {
            self.calls(node, &mut expect);
        }
        if let Some(node) = members.get("maxDurationSeconds") {
            let seconds = match &node.value {
                Value::Number(number) => Duration::try_from_secs_f64(number.as_f64()).ok(),
                _ => None,
            };
            if seconds.is_none() {
                self.mistake(node.span, "`maxDurationSeconds` must be a number");
            }
            expect.max_duration = seconds;
        }
        expect
    }

    fn cause(&mut self, node: &Node) -> Option<CauseMatch> {
        if let Some(text) = node.as_str() {
            return Some(CauseMatch::Exact(Text::clone(text)));
        }
        let members = self.members(node, "`cause`", &["contains", "matches"]);
        match (self.text(&members, "contains"), self.text(&members, "matches")) {
            (Some(text), None) => Some(CauseMatch::Contains(text)),
            (None, Some(pattern)) => match Regex::new(&pattern) {
                Ok(pattern) => Some(CauseMatch::Matches(pattern)),
                Err(error) => {
                    // The last line says what is wrong, those before show where.
                    let error = error.to_string();
                    let problem = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    let message = format!("`matches` is not a right regular expression: {problem}");
                    self.mistake(node.span, message);
                    None
                }
            },
            _ => {
                self.mistake(
                    node.span,
                    "`cause` must be text, or have one of `contains` and `matches`",
                );
                None
            }
        }
    }

    fn line(&mut self, node: &Node) -> Line {
        let items = self.array(node, "a path");
        items.iter().filter_map(|item| self.step(item)).collect()
    }

    /// `Name`, or `Name: [[...], [...]]` with the paths of its branches or iterations.
    fn step(&mut self, node: &Node) -> Option<Step> {
        if let Some(name) = node.as_str() {
            self.state_name(node.span, name);
            return Some(Step {
                state: Text::clone(name),
                inside: None,
            });
        }
        let [member] = self.object(node, "a step that is not the name of a state") else {
            self.mistake(node.span, "a step with paths inside names one state");
            return None;
        };
        if self.state_name(member.key_span, &member.key)? != Kind::Container {
            let message = format!("nothing is inside the state `{}`", member.key);
            self.mistake(member.key_span, message);
        }
        let lines = self.array(&member.value, "the paths inside a state");
        Some(Step {
            state: Text::clone(&member.key),
            inside: Some(lines.iter().map(|line| self.line(line)).collect()),
        })
    }

    /// A count, or the inputs of the calls.
    fn calls(&mut self, node: &Node, expect: &mut Expectation) {
        for member in self.object(node, "`calls`") {
            self.state_name(member.key_span, &member.key);
            let name = Text::clone(&member.key);
            match &member.value.value {
                Value::Array(inputs) => {
                    let inputs = inputs.iter().map(Node::to_document).collect();
                    expect.call_inputs.push((name, inputs));
                }
                _ => {
                    if let Some(count) = self.count(
                        &member.value,
                        "what is expected of calls, unless it is a list of inputs,",
                    ) {
                        expect.call_counts.push((name, count));
                    }
                }
            }
        }
    }
}
