//! What the fuzz targets do with the bytes that they get.
//!
//! A target panics when something does that never should, or when what must always hold does not. Inputs that
//! need an expression and data have the expression in the first line and a document in the rest.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target finds by panicking"
)]

use expressway_asl::diagnostic::{Diagnostic, Diagnostics};
use expressway_asl::intrinsic::Intrinsic;
use expressway_asl::jsonata::{Bindings, Jsonata};
use expressway_asl::path::{Path, ReferencePath};
use expressway_asl::scope::Scope;
use expressway_asl::template::Template;
use expressway_asl::{Document, check};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Compiles a definition, JSON or YAML, and looks for what is doubtful about it, with and without values for `${A}`, `${Fn}` and `${N}`.
pub fn definition(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let values = [("A", r#"{"a":[1,"x"]}"#), ("Fn", "a\"b\\"), ("N", "5")];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
    for substitutions in [BTreeMap::new(), BTreeMap::from(values)] {
        match check(text, &substitutions) {
            Ok(compilation) => {
                assert!(!compilation.warnings.has_errors());
                assert!(compilation.program.machine.states().count() > 0);
                check_diagnostics(&compilation.warnings);
            }
            Err(diagnostics) => {
                assert!(diagnostics.has_errors(), "a definition without errors is refused");
                check_diagnostics(&diagnostics);
            }
        }
    }
}

/// Findings are about places in the text.
fn check_diagnostics(diagnostics: &Diagnostics) {
    let text = &diagnostics.text;
    for diagnostic in &diagnostics.list {
        let Diagnostic { span, message, .. } = diagnostic;
        assert!(!message.is_empty());
        assert!(
            text.get(span.start..span.end).is_some(),
            "{span:?} of {} is no part of the text",
            diagnostic.code.as_str()
        );
        let (line, column) = diagnostics.line_and_column(diagnostic);
        assert!(line > 0 && column > 0);
    }
    assert_eq!(diagnostics.to_string().is_empty(), diagnostics.list.is_empty());
}

/// Reads a path, evaluates it, and places a value there if it is a reference path.
pub fn path(data: &[u8]) {
    let Some((text, document)) = expression_and_document(data) else {
        return;
    };
    let Ok(path) = Path::parse(text) else { return };
    assert_eq!(
        Path::parse(path.text()).as_ref(),
        Ok(&path),
        "a path reads as it was written"
    );
    let data = Data::new(document.clone());
    let (evaluated, found) = (path.evaluate(&data), path.find(&data));
    if let Ok(found) = &found {
        check_document(found);
        assert_eq!(evaluated.as_ref(), Ok(found), "what is found is what is there");
    }
    if let Err(no_match) = &evaluated {
        assert!(!no_match.detail().is_empty());
    }
    if let Ok(reference) = ReferencePath::parse_for_result(text)
        && let Ok(placed) = reference.place(document, Document::from("placed"))
    {
        check_document(&placed);
        let found = reference.as_path().find(&Data::new(placed));
        assert_eq!(found, Ok(Document::from("placed")), "what is placed is found again");
    }
}

/// Reads and evaluates the call of an intrinsic function.
pub fn intrinsic(data: &[u8]) {
    let Some((text, document)) = expression_and_document(data) else {
        return;
    };
    let Ok(intrinsic) = Intrinsic::parse(text) else { return };
    intrinsic.visit_paths(&mut |path| assert!(!path.text().is_empty()));
    match intrinsic.evaluate(&Data::new(document)) {
        Ok(value) => check_document(&value),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Compiles and evaluates a payload template: the first line is the data, the rest the template.
pub fn template(data: &[u8]) {
    let Some((input, template)) = expression_and_document(data) else {
        return;
    };
    let Ok(template) = Template::compile(&template) else {
        return;
    };
    let input = Document::parse(input).unwrap_or_default();
    template.visit_paths(&mut |path| assert!(!path.text().is_empty()));
    match template.evaluate(&Data::new(input)) {
        Ok(value) => check_document(&value),
        Err(error) => assert!(!error.detail.is_empty()),
    }
}

/// Reads and evaluates a JSONata expression.
pub fn jsonata(data: &[u8]) {
    let Some((text, document)) = expression_and_document(data) else {
        return;
    };
    let Ok(expression) = Jsonata::parse(text) else { return };
    let references = expression.references();
    if references.names_root || !references.top_level.is_empty() {
        return; // Refused by the compiler.
    }
    match expression.evaluate(&Data::new(document)) {
        Ok(Some(value)) => check_document(&value),
        Ok(None) => {}
        Err(failure) => assert!(!failure.cause(expression.text(), "Output").is_empty()),
    }
}

/// Reads a document, and holds it against what serde_json makes of it.
pub fn document(data: &[u8]) {
    let ours = expressway_asl::document::parse(data);
    let theirs: Result<Value, _> = serde_json::from_slice(data);
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            check_document(&ours);
            let again: Value = serde_json::from_str(&ours.to_json()).expect("what is written is JSON");
            assert!(is_same(&again, &theirs), "{again} is not {theirs}");
        }
        (Ok(ours), Err(error)) => {
            // Numbers beyond an f64, of which we keep every digit, and what is deeper than 128 levels.
            let reason = error.to_string();
            let is_expected = reason.contains("number out of range") || reason.contains("recursion limit");
            assert!(is_expected, "only we read {ours}: {reason}");
        }
        (Err(error), Ok(theirs)) => panic!("only serde_json reads {theirs}: {error}"),
        (Err(error), Err(_)) => {
            assert!(!error.message.is_empty() && error.line > 0 && error.column > 0);
        }
    }
}

/// Numbers count by value: serde_json tells -0 from 0, and its last digit depends on how a number is written.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            let (left, right) = (left.as_f64().unwrap_or_default(), right.as_f64().unwrap_or_default());
            (left - right).abs() <= left.abs() * 1e-14
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let in_right = |(key, left)| right.get(key).is_some_and(|right| is_same(left, right));
            left.len() == right.len() && left.iter().all(in_right)
        }
        (left, right) => left == right,
    }
}

/// A document is JSON of the length that it says it has.
fn check_document(document: &Document) {
    let text = document.to_json();
    assert_eq!(document.json_bytes(), text.len(), "{text}");
    if document.depth() < 1_000 {
        let again = Document::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(&again, document, "{text}");
    }
}

fn expression_and_document(data: &[u8]) -> Option<(&str, Document)> {
    let (first, rest) = str::from_utf8(data).ok()?.split_once('\n')?;
    Some((first, Document::parse(rest).ok()?))
}

/// The document is all there is to see: the input, the context object, and the result.
struct Data {
    document: Document,
}

impl Data {
    fn new(document: Document) -> Data {
        Data { document }
    }
}

impl expressway_asl::resolve::Resolver for Data {}

impl Scope for Data {
    fn input(&self) -> &Document {
        &self.document
    }

    fn context(&self) -> Document {
        self.document.clone()
    }

    fn variable(&self, name: &str) -> Option<Document> {
        self.document.get(name).cloned()
    }

    fn random(&self) -> u128 {
        0x0123_4567_89ab_cdef_0123_4567_89ab_cdef
    }
}

impl Bindings for Data {
    fn states(&self, member: &str) -> Option<Document> {
        matches!(member, "input" | "context" | "result").then(|| self.document.clone())
    }

    fn variable(&self, name: &str) -> Option<Document> {
        self.document.get(name).cloned()
    }

    fn random(&self) -> u128 {
        0x0123_4567_89ab_cdef_0123_4567_89ab_cdef
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }
}
