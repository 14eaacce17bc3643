//! The mock file: reading it, and choosing one of its test cases.

use super::Answer;
use crate::suggest::closest;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_asl::error_name::ErrorName;
use expressway_engine::StateError;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A mock file that was read and found right.
#[derive(Clone, Debug)]
pub struct MockFile {
    machines: Vec<Machine>,
    responses: HashMap<Text, Arc<Response>>,
}

#[derive(Clone, Debug)]
struct Machine {
    name: Text,
    test_cases: Vec<Arc<TestCase>>,
}

/// How the states of one execution answer.
#[derive(Clone, Debug)]
pub struct TestCase {
    pub(super) machine: Text,
    pub(super) name: Text,
    states: HashMap<Text, Arc<Response>>,
}

/// One entry of `MockedResponses`.
#[derive(Clone, Debug)]
pub struct Response {
    pub(super) name: Text,
    /// What it answers to which calls, without a gap from call 0 on.
    answers: Vec<(RangeInclusive<usize>, Answer)>,
}

/// No test case, or more than one, is what was asked for. The message lists those there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownTestCase(String);

impl MockFile {
    /// Reads a mock file.
    ///
    /// # Errors
    /// All its mistakes, each with its place; only the first one when the text is not JSON.
    pub fn parse(text: &str) -> Result<MockFile, Vec<String>> {
        let file = Document::parse(text).map_err(|error| vec![error.to_string()])?;
        let mut reader = Reader::default();
        let responses = reader.responses(&file);
        let machines = reader.machines(&file, &responses);
        match reader.mistakes.is_empty() {
            true => Ok(MockFile { machines, responses }),
            false => Err(reader.mistakes),
        }
    }

    /// Chooses a test case by name, for a definition whose file is named like `machine`.
    ///
    /// The state machine of that name counts; when the file has none, the only one with such a test case does.
    ///
    /// # Errors
    /// There is no such test case, or it is not clear which one is meant.
    pub fn test_case(&self, machine: &str, name: &str) -> Result<Arc<TestCase>, UnknownTestCase> {
        let found: Vec<_> = self.candidates(machine).filter(|case| *case.name == *name).collect();
        match found.as_slice() {
            [case] => Ok(Arc::clone(case)),
            [] => {
                let mut problem = format!("there is no test case `{name}`");
                if let Some(meant) = closest(name, self.candidates(machine).map(|case| &*case.name)) {
                    problem.push_str(&format!(", did you mean `{meant}`?"));
                }
                Err(self.unknown(machine, problem))
            }
            [..] => {
                let machines: Vec<_> = found.iter().map(|case| format!("`{}`", case.machine)).collect();
                Err(UnknownTestCase(format!(
                    "more than one state machine has a test case `{name}` ({}), and none is named like the definition, \
                     `{machine}`",
                    machines.join(", ")
                )))
            }
        }
    }

    /// The only test case, for a definition whose file is named like `machine`.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn only_test_case(&self, machine: &str) -> Result<Arc<TestCase>, UnknownTestCase> {
        let mut candidates = self.candidates(machine);
        match (candidates.next(), candidates.next()) {
            (Some(case), None) => Ok(Arc::clone(case)),
            (Some(_), Some(_)) => Err(self.unknown(machine, "which test case is meant?".to_owned())),
            (None, _) => Err(UnknownTestCase("it has no test cases".to_owned())),
        }
    }

    /// An entry of `MockedResponses`.
    pub fn response(&self, name: &str) -> Option<Arc<Response>> {
        self.responses.get(name).cloned()
    }

    /// The names in `MockedResponses`.
    pub fn response_names(&self) -> impl Iterator<Item = &str> {
        self.responses.keys().map(|name| &**name)
    }

    /// The test cases of the state machine with this name; of all of them if there is none.
    fn candidates(&self, machine: &str) -> impl Iterator<Item = &Arc<TestCase>> {
        let is_known = self.machines.iter().any(|known| *known.name == *machine);
        self.machines
            .iter()
            .filter(move |known| !is_known || *known.name == *machine)
            .flat_map(|known| &known.test_cases)
    }

    fn unknown(&self, machine: &str, problem: String) -> UnknownTestCase {
        let mut message = problem;
        let cases: Vec<_> = self.candidates(machine).collect();
        for (at, case) in cases.iter().enumerate() {
            let before = if at == 0 { "\ntest cases: " } else { ", " };
            message.push_str(&format!("{before}`{}`", case.name));
            if cases.iter().any(|other| other.machine != case.machine) {
                message.push_str(&format!(" of `{}`", case.machine));
            }
        }
        UnknownTestCase(message)
    }
}

impl TestCase {
    /// The name of the test case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The state machine that it belongs to.
    pub fn machine(&self) -> &str {
        &self.machine
    }

    /// The names of the mocked states.
    pub fn state_names(&self) -> impl Iterator<Item = &str> {
        self.states.keys().map(|name| &**name)
    }

    pub(super) fn response(&self, state_name: &str) -> Option<&Response> {
        self.states.get(state_name).map(|response| &**response)
    }
}

impl Response {
    /// How many different answers there are.
    pub(super) fn answers(&self) -> usize {
        self.answers.len()
    }

    /// The answer to the call with this number; beyond the last number, the last answer.
    pub fn answer(&self, call: usize) -> Option<&Answer> {
        let numbered = self.answers.iter().find(|(calls, _)| calls.contains(&call));
        numbered.or(self.answers.last()).map(|(_, answer)| answer)
    }
}

/// Reads a parsed file, and notes all that is wrong with it.
#[derive(Default)]
struct Reader {
    mistakes: Vec<String>,
}

impl Reader {
    fn mistake(&mut self, place: &str, problem: impl AsRef<str>) {
        self.mistakes.push(format!("{place}: {}", problem.as_ref()));
    }

    /// `value` as an object; noted as a mistake if it is none.
    fn object<'d>(&mut self, place: &str, value: &'d Document) -> Option<&'d Object> {
        let object = value.as_object();
        if object.is_none() {
            self.mistake(place, format!("must be an object, but is {}", describe(value)));
        }
        object
    }

    fn responses(&mut self, file: &Document) -> HashMap<Text, Arc<Response>> {
        let Some(responses) = file.get("MockedResponses") else {
            return HashMap::new();
        };
        let Some(responses) = self.object("MockedResponses", responses) else {
            return HashMap::new();
        };
        let read = responses.iter().map(|(name, value)| {
            let response = self.response(name, value);
            (Text::clone(name), Arc::new(response))
        });
        read.collect()
    }

    /// An empty response is right as long as nothing calls it: files that programs write have them.
    fn response(&mut self, name: &Text, value: &Document) -> Response {
        let place = format!("MockedResponses/{name}");
        let mut answers: Vec<(RangeInclusive<usize>, Answer)> = Vec::new();
        for (key, value) in self.object(&place, value).into_iter().flat_map(Object::iter) {
            let place = format!("{place}/{key}");
            let calls = parse_range(key);
            match &calls {
                None => self.mistake(&place, r#"must be a number such as "0", or a range such as "1-2""#),
                Some(calls) if calls.is_empty() => self.mistake(&place, "the range ends before it begins"),
                Some(_) => {}
            }
            if let (Some(answer), Some(calls)) = (self.answer(&place, value), calls) {
                answers.push((calls, answer));
            }
        }
        answers.sort_by_key(|(calls, _)| *calls.start());
        self.check_sequence(&place, &answers);
        Response {
            name: Text::clone(name),
            answers,
        }
    }

    /// Each call must have one answer up to the last number.
    fn check_sequence(&mut self, place: &str, answers: &[(RangeInclusive<usize>, Answer)]) {
        let mut next = 0;
        for (calls, _) in answers.iter().filter(|(calls, _)| !calls.is_empty()) {
            if *calls.start() > next {
                self.mistake(place, format!("has no answer numbered {next}"));
            } else if *calls.start() < next {
                self.mistake(place, format!("has more than one answer numbered {}", calls.start()));
            }
            next = next.max(calls.end().saturating_add(1));
        }
    }

    fn answer(&mut self, place: &str, value: &Document) -> Option<Answer> {
        let object = self.object(place, value)?;
        for (member, _) in object.iter() {
            if !matches!(&**member, "Return" | "Throw") {
                self.mistake(place, format!("has an unknown member `{member}`"));
            }
        }
        match (object.get("Return"), object.get("Throw")) {
            (Some(result), None) => Some(Answer::Return(result.clone())),
            (None, Some(error)) => self.error(&format!("{place}/Throw"), error).map(Answer::Throw),
            (Some(_), Some(_)) => {
                self.mistake(place, "has both `Return` and `Throw`");
                None
            }
            (None, None) => {
                self.mistake(place, "has neither `Return` nor `Throw`");
                None
            }
        }
    }

    fn error(&mut self, place: &str, value: &Document) -> Option<StateError> {
        let object = self.object(place, value)?;
        let mut text = |member: &str| match object.get(member) {
            Some(Document::String(text)) => Some(Text::clone(text)),
            Some(other) => {
                self.mistake(
                    place,
                    format!("`{member}` must be a string, but is {}", describe(other)),
                );
                None
            }
            None => None,
        };
        let (name, cause) = (text("Error"), text("Cause"));
        if object.get("Error").is_none() {
            self.mistake(place, "has no `Error`");
        }
        Some(StateError {
            name: Some(ErrorName::from(&*name?)),
            cause,
        })
    }

    fn machines(&mut self, file: &Document, responses: &HashMap<Text, Arc<Response>>) -> Vec<Machine> {
        if self.object("the file", file).is_none() {
            return Vec::new();
        }
        let Some(machines) = file.get("StateMachines") else {
            self.mistake("the file", "has no `StateMachines`");
            return Vec::new();
        };
        let machines = self.object("StateMachines", machines);
        let read = machines
            .into_iter()
            .flat_map(Object::iter)
            .map(|(name, value)| Machine {
                name: Text::clone(name),
                test_cases: self.test_cases(name, value, responses),
            });
        read.collect()
    }

    fn test_cases(
        &mut self,
        machine: &Text,
        value: &Document,
        responses: &HashMap<Text, Arc<Response>>,
    ) -> Vec<Arc<TestCase>> {
        let place = format!("StateMachines/{machine}");
        if self.object(&place, value).is_none() {
            return Vec::new();
        }
        let Some(test_cases) = value.get("TestCases") else {
            self.mistake(&place, "has no `TestCases`");
            return Vec::new();
        };
        let place = format!("{place}/TestCases");
        let test_cases = self.object(&place, test_cases);
        let read = test_cases.into_iter().flat_map(Object::iter).map(|(name, value)| {
            Arc::new(TestCase {
                machine: Text::clone(machine),
                name: Text::clone(name),
                states: self.states(&format!("{place}/{name}"), value, responses),
            })
        });
        read.collect()
    }

    fn states(
        &mut self,
        place: &str,
        value: &Document,
        responses: &HashMap<Text, Arc<Response>>,
    ) -> HashMap<Text, Arc<Response>> {
        let mut states = HashMap::new();
        for (state, value) in self.object(place, value).into_iter().flat_map(Object::iter) {
            let place = format!("{place}/{state}");
            let Some(name) = value.as_str() else {
                let problem = format!("must name a mocked response, but is {}", describe(value));
                self.mistake(&place, problem);
                continue;
            };
            if let Some(response) = responses.get(name) {
                states.insert(Text::clone(state), Arc::clone(response));
                continue;
            }
            let mut problem = format!("unknown mocked response `{name}`");
            if let Some(meant) = closest(name, responses.keys().map(|name| &**name)) {
                problem.push_str(&format!(", did you mean `{meant}`?"));
            }
            self.mistake(&place, problem);
        }
        states
    }
}

/// `"0"` or `"1-3"`.
fn parse_range(key: &str) -> Option<RangeInclusive<usize>> {
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<usize>().ok(),
        false => None,
    };
    match key.split_once('-') {
        Some((first, last)) => Some(number(first)?..=number(last)?),
        None => number(key).map(|only| only..=only),
    }
}

/// The kind of a value with its article, for messages.
fn describe(value: &Document) -> String {
    match value.kind() {
        kind @ "null" => kind.to_owned(),
        kind @ ("array" | "object") => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}
