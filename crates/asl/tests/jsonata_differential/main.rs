//! The same expressions here and in jsonata-js 2.0.6, the language's own implementation, under Node.
//!
//! Runs when `JSONATA_JS` names the folder of the npm package, such as `node_modules/jsonata`; says so and does
//! nothing without it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "these are exempt in tests, and all of this is one"
)]

mod generate;

use expressway_asl::Document;
use expressway_asl::jsonata::{Bindings, EvaluationFailure, Jsonata};
use expressway_asl::resolve::Resolver;
use generate::{INPUTS, Random, TEMPLATES, broken, expression};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// How many random expressions there are on top of the templates.
const RANDOM_EXPRESSIONS: usize = 6_000;

/// How many templates are changed in one place, most of which are then wrong.
const BROKEN_EXPRESSIONS: usize = 3_000;

/// An expression, and the number of the input it is evaluated with; it is only parsed if there is none.
type Question = (String, Option<usize>);

struct Input {
    states: Document,
    variables: Document,
}

impl Resolver for Input {}

impl Bindings for Input {
    fn states(&self, member: &str) -> Option<Document> {
        self.states.get(member).cloned()
    }

    fn variable(&self, name: &str) -> Option<Document> {
        self.variables.get(name).cloned()
    }

    fn random(&self) -> u128 {
        0
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

/// The folder of the package, which `JSONATA_JS` names; none if it does not, or if there is no Node.
fn jsonata_js() -> Option<PathBuf> {
    let node = Command::new("node").arg("--version").output();
    let has_node = node.is_ok_and(|output| output.status.success());
    std::env::var_os("JSONATA_JS").filter(|_| has_node).map(PathBuf::from)
}

/// What jsonata-js says to each of these expressions and inputs.
fn ask_jsonata_js(package: &Path, questions: &[Question]) -> Vec<Document> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jsonata_differential/oracle.js");
    let mut node = Command::new("node")
        .arg(script)
        .arg(package)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node starts");
    let mut stdin = node.stdin.take().expect("its input is a pipe");
    let lines: String = questions
        .iter()
        .map(|(expression, input)| {
            let expression = Document::from(expression.as_str());
            let input = match input {
                Some(input) => {
                    let (states, variables) = INPUTS[*input];
                    format!(r#"{{"states":{states},"variables":{variables}}}"#)
                }
                None => "null".to_owned(),
            };
            format!("{{\"expression\":{expression},\"input\":{input}}}\n")
        })
        .collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = node.wait_with_output().expect("Node ends");
    writer.join().expect("no panic").expect("Node reads all questions");
    let output = String::from_utf8(output.stdout).expect("Node writes UTF-8");
    output
        .lines()
        .map(|line| Document::parse(line).expect("Node writes JSON"))
        .collect()
}

/// What we say, in the form of the other side's answers.
fn ask_us(expression: &str, input: Option<&Input>) -> String {
    let parsed = match Jsonata::parse(expression) {
        Ok(parsed) => parsed,
        Err(error) => return format!("syntax error: {error}"),
    };
    let Some(input) = input else {
        return "undefined".to_owned();
    };
    match parsed.evaluate(input) {
        Ok(None) => "undefined".to_owned(),
        Ok(Some(document)) => document.to_json(),
        Err(EvaluationFailure::UnsupportedResult) => "a function".to_owned(),
        Err(failure) => format!("error: {failure}"),
    }
}

fn theirs(answer: &Document) -> String {
    let text = |key| answer.get(key).and_then(Document::as_str).unwrap_or("?").to_owned();
    if let Some(value) = answer.get("value") {
        return value.to_json();
    }
    match (answer.get("undefined"), answer.get("unsupported"), answer.get("syntax")) {
        (Some(_), _, _) => "undefined".to_owned(),
        (_, Some(_), _) => "a function".to_owned(),
        (_, _, Some(_)) => format!("syntax error: {}", text("message")),
        _ => format!("error: {}: {}", text("error"), text("message")),
    }
}

/// Numbers are compared by value, and objects whatever the order of their keys.
fn agree(ours: &str, theirs: &str) -> bool {
    ours == theirs
        || match (Document::parse(ours), Document::parse(theirs)) {
            (Ok(ours), Ok(theirs)) => ours == theirs,
            _ => false,
        }
}

/// How many of a hundred answers may differ for reasons that are known.
const EXPLAINED_PERCENT_MAX: usize = 2;

/// Why the two sides may differ.
fn explanation(expression: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    let is_error = |answer: &str| answer.starts_with("error: ");
    let has = |parts: &[&str]| parts.iter().any(|part| expression.contains(part));
    if theirs.starts_with("error: ?: Cannot read properties of undefined") {
        // What the service says is known for `$formatNumber(1, 'x')` only: D3086, as we do.
        return Some("jsonata-js fails with an error of JavaScript, not one of its own");
    }
    if ours.starts_with("syntax error: the expression is not supported") && has(&["'", "\"", "`"]) {
        return Some("we refuse a quote within a name");
    }
    if is_error(ours) && theirs.contains("T2007") {
        return Some("the values that a sort by several keys could not compare are not always known");
    }
    if is_error(ours) && is_error(theirs) && has(&[", ", "{"]) {
        return Some("both fail; of several parts that fail, jsonata-js evaluates all at the same time");
    }
    if has(&["["]) && theirs.contains("T2010") || has(&["[true", "[[0,1]]", "[k and", "[v > 1 and"]) {
        // `a[b > {}]` fails when there is no `a`, `a[true]` is an array of undefined.
        return Some("jsonata-js applies a filter to nothing as if it were an item");
    }
    if theirs.contains("D1001") {
        return Some("jsonata-js refuses to test a list with an infinite number in it");
    }
    if has(&["$power"]) {
        return Some("powers differ in the last digit");
    }
    if has(&["$l.k < $r.k"]) && ours.len() == theirs.len() {
        return Some("a sort by an order that contradicts itself, as nothing is less than what is missing");
    }
    if has(&["$spread([[]])"]) {
        return Some("jsonata-js spreads an empty list into nothing");
    }
    None
}

#[test]
fn agrees_with_jsonata_js() {
    let Some(package) = jsonata_js() else {
        // Past the harness, which shows what a test prints only if it fails.
        std::io::stderr()
            .write_all(b"skipped: it needs Node, and JSONATA_JS to name the folder of the npm package jsonata@2.0.6\n")
            .expect("standard error is open");
        return;
    };
    let mut questions = Vec::new();
    for template in TEMPLATES {
        questions.extend((0..INPUTS.len()).map(|input| ((*template).to_owned(), Some(input))));
    }
    let mut random = Random(2_0_6);
    for number in 0..RANDOM_EXPRESSIONS {
        questions.push((expression(&mut random, 1 + number % 3), Some(number % INPUTS.len())));
    }
    for number in 0..BROKEN_EXPRESSIONS {
        let template = TEMPLATES[number % TEMPLATES.len()];
        questions.push((broken(&mut random, template), None));
    }
    let answers = ask_jsonata_js(&package, &questions);
    assert_eq!(answers.len(), questions.len());
    let inputs = INPUTS.map(|(states, variables)| Input {
        states: Document::parse(states).expect("JSON"),
        variables: Document::parse(variables).expect("JSON"),
    });
    let mut explained: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differences = Vec::new();
    for ((expression, input), answer) in questions.iter().zip(&answers) {
        let ours = ask_us(expression, input.map(|input| &inputs[input]));
        let theirs = theirs(answer);
        if agree(&ours, &theirs) {
            continue;
        }
        match explanation(expression, &ours, &theirs) {
            Some(reason) => *explained.entry(reason).or_default() += 1,
            None => differences.push(format!(
                "{expression}\n    input  {input:?}\n    ours   {ours}\n    theirs {theirs}\n"
            )),
        }
    }
    let explained_count: usize = explained.values().sum();
    assert!(
        explained_count * 100 <= questions.len() * EXPLAINED_PERCENT_MAX,
        "{explained_count} of {} answers differ for known reasons: {explained:?}",
        questions.len()
    );
    assert!(
        differences.is_empty(),
        "{} of {} answers differ (explained: {explained:?})\n{}",
        differences.len(),
        questions.len(),
        differences.concat()
    );
}
