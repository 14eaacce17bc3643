//! What answers for tasks, read: mocks in a test file, and mock files of Step Functions Local.

use super::{Answers, Kind, Reader};
use expressway_asl::definition::{Node, Value};
use expressway_asl::document::Text;
use expressway_asl::error_name::ErrorName;
use expressway_engine::StateError;
use expressway_local::mock::Answer;
use expressway_local::{MockFile, TestCase};
use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

impl Reader<'_> {
    /// `FILE#TESTCASE`, in the format of Step Functions Local.
    pub(super) fn mock_file(&mut self, node: &Node, machine: &str) -> Option<Arc<TestCase>> {
        let given = self.string(node, "`mockFile`")?;
        let (file, case) = match given.rsplit_once('#') {
            Some((file, case)) => (self.file(file), Some(case)),
            None => (self.file(&given), None),
        };
        let shown = file.display();
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                self.mistake(node.span, format!("cannot read `{shown}`: {error}"));
                return None;
            }
        };
        let mocks = match MockFile::parse(&text) {
            Ok(mocks) => mocks,
            Err(mistakes) => {
                for mistake in mistakes {
                    self.mistake(node.span, format!("in `{shown}`: {mistake}"));
                }
                return None;
            }
        };
        let found = match case {
            Some(case) => mocks.test_case(machine, case),
            None => mocks.only_test_case(machine),
        };
        match found {
            Ok(case) => Some(case),
            Err(unknown) => {
                self.mistake(node.span, format!("in `{shown}` {unknown}"));
                None
            }
        }
    }

    pub(super) fn mocks(&mut self, node: &Node) -> HashMap<Text, Vec<Answers>> {
        let mut mocks = HashMap::new();
        for member in self.object(node, "`mocks`") {
            if let Some(Kind::Other) = self.state_name(member.key_span, &member.key) {
                let message = format!("the state `{}` calls nothing, so it is not mocked", member.key);
                self.mistake(member.key_span, message);
            }
            let answers: Vec<_> = match &member.value.value {
                Value::Array(items) => items.iter().filter_map(|item| self.answers(item)).collect(),
                _ => self.answers(&member.value).into_iter().collect(),
            };
            if answers.is_empty() {
                self.mistake(member.value.span, format!("the state `{}` has no answer", member.key));
            }
            if mocks.insert(Text::clone(&member.key), answers).is_some() {
                self.mistake(member.key_span, format!("the key `{}` appears twice", member.key));
            }
        }
        mocks
    }

    fn answers(&mut self, node: &Node) -> Option<Answers> {
        let members = self.members(node, "an answer", &["return", "throw", "times"]);
        let times = members.get("times").map(|node| self.count(node, "`times`"));
        let answer = match (members.get("return"), members.get("throw")) {
            (Some(result), None) => Some(Answer::Return(result.to_document())),
            (None, Some(error)) => self.error(error).map(Answer::Throw),
            _ => {
                self.mistake(node.span, "an answer has either `return` or `throw`");
                None
            }
        };
        Some(Answers {
            times: match times {
                Some(times) => usize::try_from(times?).unwrap_or(usize::MAX),
                None => 1,
            },
            answer: answer?,
        })
    }

    fn error(&mut self, node: &Node) -> Option<StateError> {
        let members = self.members(node, "`throw`", &["error", "cause"]);
        if !members.contains_key("error") {
            self.mistake(node.span, "`throw` has no `error`");
        }
        Some(StateError {
            name: self.text(&members, "error").map(|name| ErrorName::from(&*name)),
            cause: match members.get("cause").map(|node| (node, &node.value)) {
                None => None,
                Some((_, Value::String(text))) => Some(Text::clone(text)),
                // Causes of functions are JSON text.
                Some((node, _)) => Some(node.to_document().to_json().into()),
            },
        })
    }
}
