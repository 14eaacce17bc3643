//! Test files: what they say, and what is wrong with them, by line and column.
//!
//! ```yaml
//! definition: orders.asl.json
//! mocks:
//!   Charge: { return: { id: ch_1 } }
//! tests:
//!   - name: the card is declined
//!     inputFile: order.json
//!     mocks:
//!       Charge: { throw: { error: CardDeclined, cause: insufficient funds } }
//!     expect:
//!       error: PaymentFailed
//!       cause: { contains: declined }
//!       path: [Check, Charge, Undo, Failed]
//! ```

mod expectation;
mod mocks;

use super::expect::Expectation;
use crate::definition::{self, Definition, Substitutions, machine_name};
use crate::failure::Failure;
use expressway_asl::definition::{Member, Node, Value};
use expressway_asl::diagnostic::Span;
use expressway_asl::document::{Object, Text};
use expressway_asl::program::{Machine, State, StateKind};
use expressway_asl::timestamp::Timestamp;
use expressway_asl::{Document, Inspection};
use expressway_engine::test_state::StateConfiguration;
use expressway_local::mock::Answer;
use expressway_local::{TestCase, closest};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// One test file that was read and found right.
pub(super) struct TestFile {
    /// The file's name, as messages show it.
    pub(super) name: String,
    pub(super) definition: Definition,
    /// The definition's file.
    pub(super) definition_file: String,
    /// The same definition to look into, for tests of single states.
    pub(super) inspection: Inspection,
    pub(super) cases: Vec<Case>,
}

/// One test.
pub(super) struct Case {
    pub(super) name: String,
    /// The only state that is run, if not all of them are.
    pub(super) state: Option<Text>,
    pub(super) input: Document,
    pub(super) mocks: HashMap<Text, Vec<Answers>>,
    /// What answers for states without mocks of their own.
    pub(super) mock_case: Option<Arc<TestCase>>,
    pub(super) variables: Object,
    pub(super) context: Option<Document>,
    pub(super) configuration: StateConfiguration,
    pub(super) execution_name: Option<Text>,
    pub(super) start_time: Option<SystemTime>,
    pub(super) expect: Expectation,
}

/// An answer, and how often it is given; the last one of a state is given for ever.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    pub(super) times: usize,
    pub(super) answer: Answer,
}

/// Why a test file is not run.
pub(super) enum Unusable {
    /// Mistakes, each with its place.
    Mistakes(Vec<String>),
    Failure(Failure),
}

impl From<Failure> for Unusable {
    fn from(failure: Failure) -> Unusable {
        Unusable::Failure(failure)
    }
}

/// Reads a test file and the definition that it is about.
pub(super) fn read(path: &Path) -> Result<TestFile, Unusable> {
    let name = path.display().to_string();
    let text = crate::source::read_file(&name)?;
    let node = expressway_asl::definition::read(&text).map_err(|error| {
        let place = format!("{name}:{}:{}", error.line, error.column);
        Unusable::Mistakes(vec![format!("{place}: {}", error.message)])
    })?;
    let mut reader = Reader {
        name: &name,
        text: &text,
        directory: path.parent().unwrap_or(Path::new("")),
        mistakes: Vec::new(),
        states: HashMap::new(),
    };
    let members = reader.members(
        &node,
        "a test file",
        &["definition", "comment", "substitutions", "mocks", "mockFile", "tests"],
    );
    let definition_file = reader.definition_file(path, &members);
    let substitutions = reader.substitutions(&members, definition_file.as_deref());
    let (Some(definition_file), Some(substitutions)) = (definition_file, substitutions) else {
        return Err(reader.mistakes());
    };
    let definition_text = crate::source::read_file(&definition_file)?;
    let broken = |diagnostics| {
        Unusable::Failure(Failure::Definition {
            file: definition_file.clone(),
            diagnostics,
        })
    };
    let compilation = expressway_asl::compile(&definition_text, &substitutions).map_err(broken)?;
    let inspection = expressway_asl::inspect(&definition_text, &substitutions).map_err(broken)?;
    let checked = definition::checked(compilation).map_err(broken)?;
    collect(&checked.program.machine, &mut reader.states);
    let definition = Definition {
        file: definition_file.clone(),
        text: definition_text,
        name: machine_name(&definition_file),
        program: Arc::new(checked.program),
        not_supported: checked.not_supported,
        calls: checked.calls,
    };
    let cases = reader.cases(&node, &members, &definition.name);
    match reader.mistakes.is_empty() {
        true => Ok(TestFile {
            name,
            definition,
            definition_file,
            inspection,
            cases,
        }),
        false => Err(reader.mistakes()),
    }
}

/// What reading needs to know of a state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Task,
    /// A Map or Parallel state.
    Container,
    Other,
}

fn collect(machine: &Machine, states: &mut HashMap<Text, Kind>) {
    for state in machine.states() {
        states.insert(Text::clone(&state.name), kind(state));
        match &state.kind {
            StateKind::Parallel { branches } => branches.iter().for_each(|branch| collect(branch, states)),
            StateKind::Map(map) => collect(&map.processor, states),
            _ => {}
        }
    }
}

fn kind(state: &State) -> Kind {
    match &state.kind {
        StateKind::Task(_) => Kind::Task,
        StateKind::Parallel { .. } | StateKind::Map(_) => Kind::Container,
        _ => Kind::Other,
    }
}

type Members<'n> = HashMap<&'n str, &'n Node>;

struct Reader<'r> {
    name: &'r str,
    text: &'r str,
    directory: &'r Path,
    /// Each with where it stands.
    mistakes: Vec<(usize, String)>,
    states: HashMap<Text, Kind>,
}

impl Reader<'_> {
    fn mistake(&mut self, span: Span, problem: impl AsRef<str>) {
        let (line, column) = span.line_and_column(self.text);
        let mistake = format!("{}:{line}:{column}: {}", self.name, problem.as_ref());
        self.mistakes.push((span.start, mistake));
    }

    /// All mistakes in the order of the text.
    fn mistakes(mut self) -> Unusable {
        self.mistakes.sort_by_key(|(start, _)| *start);
        Unusable::Mistakes(self.mistakes.into_iter().map(|(_, mistake)| mistake).collect())
    }

    fn unknown<'k>(&mut self, span: Span, problem: &str, name: &str, known: impl IntoIterator<Item = &'k str>) {
        let mut message = format!("{problem} `{name}`");
        if let Some(meant) = closest(name, known) {
            message.push_str(&format!(", did you mean `{meant}`?"));
        }
        self.mistake(span, message);
    }

    /// The members of an object with these keys, each once.
    fn members<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Members<'n> {
        let mut members = Members::new();
        for member in self.object(node, what) {
            if !known.contains(&&*member.key) {
                self.unknown(member.key_span, "unknown key", &member.key, known.iter().copied());
            }
            if members.insert(&member.key, &member.value).is_some() {
                self.mistake(member.key_span, format!("the key `{}` appears twice", member.key));
            }
        }
        members
    }

    fn object<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Member] {
        match &node.value {
            Value::Object(members) => members,
            _ => {
                self.mistake(node.span, format!("{what} must be an object"));
                &[]
            }
        }
    }

    fn array<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            Value::Array(items) => items,
            _ => {
                self.mistake(node.span, format!("{what} must be a list"));
                &[]
            }
        }
    }

    fn string(&mut self, node: &Node, what: &str) -> Option<Text> {
        let text = node.as_str().cloned();
        if text.is_none() {
            self.mistake(node.span, format!("{what} must be text"));
        }
        text
    }

    fn text(&mut self, members: &Members<'_>, key: &str) -> Option<Text> {
        members.get(key).and_then(|node| self.string(node, &format!("`{key}`")))
    }

    fn count(&mut self, node: &Node, what: &str) -> Option<u64> {
        let count = match &node.value {
            Value::Number(number) => number.as_i64().and_then(|number| u64::try_from(number).ok()),
            _ => None,
        };
        if count.is_none() {
            self.mistake(node.span, format!("{what} must be a whole number"));
        }
        count
    }

    /// The name of a state of the definition.
    fn state_name(&mut self, span: Span, name: &Text) -> Option<Kind> {
        let kind = self.states.get(name).copied();
        if kind.is_none() {
            let known: Vec<Text> = self.states.keys().cloned().collect();
            self.unknown(
                span,
                "the definition has no state",
                name,
                known.iter().map(|name| &**name),
            );
        }
        kind
    }

    /// A file that is named relative to the test file.
    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn definition_file(&mut self, path: &Path, members: &Members<'_>) -> Option<String> {
        if let Some(node) = members.get("definition") {
            let name = self.string(node, "`definition`")?;
            let file = self.file(&name);
            if !file.is_file() {
                self.mistake(node.span, format!("there is no file `{}`", file.display()));
                return None;
            }
            return Some(file.display().to_string());
        }
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = super::ENDINGS
            .iter()
            .find_map(|ending| file_name.strip_suffix(ending))?;
        let beside = ["asl.json", "asl.yaml", "asl.yml", "json"].map(|ending| self.file(&format!("{stem}.{ending}")));
        let found = beside.iter().find(|file| file.is_file());
        if found.is_none() {
            let message =
                format!("name the definition: there is no `{stem}.asl.json` beside this file\n  definition: FILE");
            self.mistake(Span::default(), message);
        }
        found.map(|file| file.display().to_string())
    }

    fn substitutions(&mut self, members: &Members<'_>, definition: Option<&str>) -> Option<BTreeMap<String, String>> {
        let Some(node) = members.get("substitutions") else {
            return match Substitutions::beside().of(definition?) {
                Ok(values) => Some(values),
                Err(failure) => {
                    failure.report();
                    self.mistake(Span::default(), "the substitutions can not be read");
                    None
                }
            };
        };
        let mut values = BTreeMap::new();
        for member in self.object(node, "`substitutions`") {
            match member.value.to_document() {
                Document::String(text) => values.insert(member.key.to_string(), text.to_string()),
                value @ (Document::Number(_) | Document::Bool(_)) => {
                    values.insert(member.key.to_string(), value.to_json())
                }
                _ => {
                    self.mistake(
                        member.value.span,
                        "the value of a substitution must be text or a number",
                    );
                    None
                }
            };
        }
        Some(values)
    }

    fn cases(&mut self, root: &Node, file: &Members<'_>, machine: &str) -> Vec<Case> {
        let mocks = match file.get("mocks") {
            Some(node) => self.mocks(node),
            None => HashMap::new(),
        };
        let mock_file = file.get("mockFile").and_then(|node| self.mock_file(node, machine));
        let Some(tests) = file.get("tests") else {
            self.mistake(root.span, "there is no `tests`, the list of test cases");
            return Vec::new();
        };
        let mut names: Vec<String> = Vec::new();
        let mut cases = Vec::new();
        for node in self.array(tests, "`tests`") {
            let Some(mut case) = self.case(node, machine) else {
                continue;
            };
            if names.contains(&case.name) {
                self.mistake(node.span, format!("the test `{}` appears twice", case.name));
            }
            names.push(case.name.clone());
            for (state, answers) in &mocks {
                case.mocks.entry(Text::clone(state)).or_insert_with(|| answers.clone());
            }
            case.mock_case = case.mock_case.or_else(|| mock_file.clone());
            cases.push(case);
        }
        cases
    }

    fn case(&mut self, node: &Node, machine: &str) -> Option<Case> {
        let known = [
            "name",
            "comment",
            "state",
            "input",
            "inputFile",
            "mocks",
            "mockFile",
            "variables",
            "context",
            "stateConfiguration",
            "execution",
            "expect",
        ];
        let members = self.members(node, "a test", &known);
        if !members.contains_key("name") {
            self.mistake(node.span, "the test has no `name`");
        }
        let name = self.text(&members, "name");
        let state = self.text(&members, "state");
        if let (Some(state), Some(node)) = (&state, members.get("state")) {
            self.state_name(node.span, state);
        }
        for key in ["variables", "context", "stateConfiguration"] {
            if let (None, Some(node)) = (&state, members.get(key)) {
                self.mistake(node.span, format!("`{key}` is only for a test of a single `state`"));
            }
        }
        if let (Some(_), Some(node)) = (&state, members.get("execution")) {
            self.mistake(
                node.span,
                "`execution` is not for a test of a single `state`: give its `context`",
            );
        }
        let (execution_name, start_time) = self.execution(&members);
        let mocks = members.get("mocks").map(|node| self.mocks(node)).unwrap_or_default();
        if let (None, Some(node)) = (&state, members.get("mocks")) {
            for name in mocks.keys() {
                if self.states.get(name) == Some(&Kind::Container) {
                    let message =
                        format!("`{name}` is mocked only in a test of this single `state`: mock the states inside");
                    self.mistake(node.span, message);
                }
            }
        }
        Some(Case {
            input: self.input(&members),
            mocks,
            mock_case: members.get("mockFile").and_then(|node| self.mock_file(node, machine)),
            variables: match members.get("variables").map(|node| node.to_document()) {
                Some(Document::Object(variables)) => variables,
                None => Object::new(),
                Some(_) => {
                    self.mistake(node.span, "`variables` must be an object");
                    Object::new()
                }
            },
            context: members.get("context").map(|node| node.to_document()),
            configuration: self.configuration(&members),
            execution_name,
            start_time,
            expect: self.expectation(&members, state.is_some()),
            state,
            name: name?.to_string(),
        })
    }

    fn execution(&mut self, members: &Members<'_>) -> (Option<Text>, Option<SystemTime>) {
        let Some(node) = members.get("execution") else {
            return (None, None);
        };
        let members = self.members(node, "`execution`", &["name", "startTime"]);
        let name = self.text(&members, "name");
        let time = self.text(&members, "startTime");
        let parsed = time.as_deref().and_then(Timestamp::parse).map(SystemTime::from);
        if let (Some(_), None, Some(node)) = (&time, parsed, members.get("startTime")) {
            self.mistake(
                node.span,
                "`startTime` must be a timestamp such as 2026-01-31T12:00:00Z",
            );
        }
        (name, parsed)
    }

    fn input(&mut self, members: &Members<'_>) -> Document {
        let inline = members.get("input");
        let Some(node) = members.get("inputFile") else {
            return inline.map_or_else(|| Object::new().into(), |node| node.to_document());
        };
        if inline.is_some() {
            self.mistake(node.span, "a test has either `input` or `inputFile`");
        }
        self.json_file(node, "`inputFile`").unwrap_or(Document::Null)
    }

    fn json_file(&mut self, node: &Node, what: &str) -> Option<Document> {
        let name = self.string(node, what)?;
        let file = self.file(&name);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                self.mistake(node.span, format!("cannot read `{}`: {error}", file.display()));
                return None;
            }
        };
        match expressway_asl::definition::read(&text) {
            Ok(read) => Some(read.to_document()),
            Err(error) => {
                self.mistake(node.span, format!("in `{}`: {error}", file.display()));
                None
            }
        }
    }

    fn configuration(&mut self, members: &Members<'_>) -> StateConfiguration {
        let Some(node) = members.get("stateConfiguration") else {
            return StateConfiguration::default();
        };
        let known = [
            "retrierRetryCount",
            "errorCausedByState",
            "mapIterationFailureCount",
            "mapItemReaderData",
        ];
        let members = self.members(node, "`stateConfiguration`", &known);
        let mut count = |key: &str| members.get(key).and_then(|node| self.count(node, &format!("`{key}`")));
        StateConfiguration {
            retrier_retry_count: count("retrierRetryCount").unwrap_or(0),
            map_iteration_failure_count: count("mapIterationFailureCount"),
            error_caused_by_state: self.text(&members, "errorCausedByState"),
            map_item_reader_data: members.get("mapItemReaderData").map(|node| node.to_document()),
        }
    }
}
