//! States: the fields that each type has, and what they become.

use super::distributed::DISTRIBUTED;
use super::place::Place;
use super::query::Reserved;
use super::{Compiler, Language, StateIds, Workflows};
use crate::diagnostic::{Code, Severity};
use crate::document::Document;
use crate::program::{
    Items, JsonPathStages, JsonataStages, Machine, Map, Stages, State, StateKind, StateType, Transition,
};

const COMMON: &[&str] = &["Type", "Comment", "QueryLanguage"];
const FLOW: &[&str] = &["Next", "End"];
const HANDLERS: &[&str] = &["Retry", "Catch"];
const SELECTION: &[&str] = &["InputPath", "OutputPath"];
const RESULT: &[&str] = &["Parameters", "ResultSelector", "ResultPath"];

/// Fields that only states in JSONata have, or only states in JSONPath.
const JSONATA: &[&str] = &["Arguments", "Output", "Condition", "Items"];
const JSONPATH: &[&str] = &[
    "InputPath",
    "Parameters",
    "ResultSelector",
    "ResultPath",
    "OutputPath",
    "ItemsPath",
    "Result",
    "Variable",
    "SecondsPath",
    "TimestampPath",
    "TimeoutSecondsPath",
    "HeartbeatSecondsPath",
    "MaxConcurrencyPath",
    "ErrorPath",
    "CausePath",
];

/// The fields that states of a type have in either language.
fn fields(state_type: StateType) -> Vec<&'static str> {
    let own: &[&[&'static str]] = match state_type {
        StateType::Pass => &[FLOW, SELECTION, &["Parameters", "Result", "ResultPath"]],
        StateType::Task => &[
            FLOW,
            SELECTION,
            RESULT,
            HANDLERS,
            &["Resource", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds"],
            &["HeartbeatSecondsPath", "Credentials", "Arguments"],
        ],
        StateType::Choice => &[SELECTION, &["Choices", "Default"]],
        StateType::Wait => &[
            FLOW,
            SELECTION,
            &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"],
        ],
        StateType::Succeed => &[SELECTION],
        StateType::Fail => &[&["Error", "ErrorPath", "Cause", "CausePath"]],
        StateType::Parallel => &[FLOW, SELECTION, RESULT, HANDLERS, &["Branches", "Arguments"]],
        StateType::Map => &[
            FLOW,
            SELECTION,
            RESULT,
            HANDLERS,
            &["ItemProcessor", "Iterator", "Items", "ItemsPath", "ItemSelector"],
            &["MaxConcurrency", "MaxConcurrencyPath"],
            DISTRIBUTED,
        ],
    };
    let outputs: &[&str] = match state_type {
        StateType::Fail => &[],
        StateType::Succeed => &["Output"],
        _ => &["Output", "Assign"],
    };
    let all = [COMMON, outputs];
    all.iter()
        .chain(own)
        .flat_map(|fields| fields.iter().copied())
        .collect()
}

impl Compiler {
    pub(super) fn state(&mut self, place: &Place<'_>, ids: &StateIds<'_>, nesting: u32) -> Option<State> {
        if !place.is_object() {
            self.schema_error(place, "A state must be an object");
            return None;
        }
        let Some(state_type) = self.state_type(place) else {
            // What can be said without knowing the type.
            if let Some(next) = place.member("Next") {
                self.target(&next, ids);
            }
            return None;
        };
        self.within.push(place.name().into());
        let state = self.state_of_type(place, state_type, ids, nesting);
        self.within.pop();
        state
    }

    fn state_of_type(
        &mut self,
        place: &Place<'_>,
        state_type: StateType,
        ids: &StateIds<'_>,
        nesting: u32,
    ) -> Option<State> {
        let language = self.query_language(place, self.language);
        self.state_fields(place, state_type, language);
        let transition = self.transition(place, state_type, ids);
        let retry = self.retry(place);
        let catch = self.catch(place, ids, language);
        let reserved = match state_type {
            StateType::Task | StateType::Parallel | StateType::Map => Reserved::Result,
            _ => Reserved::Input,
        };
        let assign = self.assign(place, "", language, reserved);
        let stages = self.stages(place, state_type, language, reserved);
        let kind = match state_type {
            StateType::Pass => Some(StateKind::Pass {
                result: place.member("Result").map(|place| place.node.to_document()),
            }),
            StateType::Task => self.task(place, language),
            StateType::Choice => self.choice(place, ids, language),
            StateType::Wait => self.wait(place, language),
            StateType::Succeed => Some(StateKind::Succeed),
            StateType::Fail => Some(self.fail(place, language)),
            StateType::Parallel => self.parallel(place, nesting),
            StateType::Map => self.map(place, nesting, language),
        };
        let mut state = State {
            name: place.name().into(),
            kind: kind?,
            stages,
            transition: transition?,
            retry,
            catch,
            assign,
            uses_context: false,
        };
        state.uses_context = state.looks_at_context();
        Some(state)
    }

    fn state_type(&mut self, place: &Place<'_>) -> Option<StateType> {
        self.required(place, &["Type"])?;
        let field = place.member("Type")?;
        let names = StateType::ALL.map(|state_type| state_type.to_string());
        let given = field.node.as_str();
        let known = StateType::ALL.into_iter().zip(&names);
        let found = known
            .filter(|(_, name)| given.is_some_and(|given| **given == ***name))
            .map(|(found, _)| found)
            .next();
        if found.is_none() {
            self.one_of(&field, &names.each_ref().map(String::as_str));
        }
        found
    }

    /// Reports fields that states of this type do not have, or not in this language.
    fn state_fields(&mut self, place: &Place<'_>, state_type: StateType, language: Language) {
        let known = fields(state_type);
        // A field of the other language gets a finding of its own.
        let other = if language == Language::Jsonata {
            JSONPATH
        } else {
            JSONATA
        };
        let all: Vec<&str> = known.iter().chain(other).copied().collect();
        self.known_fields(place, &all);
        self.fields_of_language(place, language);
    }

    /// Reports what belongs to the other query language in a state, rule or catcher.
    pub(super) fn fields_of_language(&mut self, place: &Place<'_>, language: Language) {
        let (own, other, foreign) = match language {
            Language::JsonPath => ("JSONPath", "JSONata", JSONATA),
            Language::Jsonata => ("JSONata", "JSONPath", JSONPATH),
        };
        for field in foreign {
            if place.member(field).is_some() {
                let message = format!(
                    "The QueryLanguage is set to '{own}', but field '{field}' is only supported for the '{other}' \
                     QueryLanguage"
                );
                self.schema_error(place, message);
            }
        }
    }

    fn stages(&mut self, place: &Place<'_>, state_type: StateType, language: Language, reserved: Reserved) -> Stages {
        match language {
            Language::JsonPath => Stages::JsonPath(JsonPathStages {
                input_path: self.selection(place, "InputPath"),
                parameters: match state_type {
                    // The old name of ItemSelector, applied to each item.
                    StateType::Map => None,
                    _ => place.member("Parameters").and_then(|place| self.template(&place)),
                },
                result_selector: place.member("ResultSelector").and_then(|place| self.template(&place)),
                result_path: self.placement(place),
                output_path: self.selection(place, "OutputPath"),
            }),
            Language::Jsonata => Stages::Jsonata(JsonataStages {
                arguments: place
                    .member("Arguments")
                    .and_then(|place| self.query(&place, "", Reserved::Input)),
                output: place
                    .member("Output")
                    .and_then(|place| self.query(&place, "", reserved)),
            }),
        }
    }

    fn transition(&mut self, place: &Place<'_>, state_type: StateType, ids: &StateIds<'_>) -> Option<Transition> {
        if matches!(state_type, StateType::Choice | StateType::Succeed | StateType::Fail) {
            return Some(Transition::End);
        }
        let end = place.member("End").map(|place| match place.node.to_document() {
            Document::Bool(end) => Some(end),
            _ => {
                self.schema_error(&place, "The field 'End' must be a boolean");
                None
            }
        });
        let is_end = match end {
            Some(end) => end?,
            None => false,
        };
        match (place.member("Next"), is_end) {
            (Some(next), false) => self.target(&next, ids).map(Transition::Next),
            (Some(next), true) => {
                self.target(&next, ids);
                self.schema_error(place, "Only one of these fields is allowed: [Next, End]");
                None
            }
            (None, true) => Some(Transition::End),
            (None, false) => {
                self.schema_error(place, "One of these fields is required: [Next, End]");
                None
            }
        }
    }

    fn parallel(&mut self, place: &Place<'_>, nesting: u32) -> Option<StateKind> {
        self.required(place, &["Branches"])?;
        let field = place.member("Branches")?;
        let Some(items) = field.items() else {
            self.schema_error(&field, "The field 'Branches' must be an array");
            return None;
        };
        if items.len() == 0 {
            self.schema_error(&field, "Value cannot be empty");
        }
        let branches: Vec<_> = items
            .map(|branch| {
                self.known_fields(&branch, &["Comment", "StartAt", "States"]);
                self.machine(&branch, nesting + 1)
            })
            .collect();
        Some(StateKind::Parallel {
            branches: branches.into_iter().collect::<Option<_>>()?,
        })
    }

    fn map(&mut self, place: &Place<'_>, nesting: u32, language: Language) -> Option<StateKind> {
        let processor = self.processor(place, nesting);
        let items = match language {
            Language::JsonPath => Items::Path(self.selection(place, "ItemsPath")),
            Language::Jsonata => Items::Query(
                place
                    .member("Items")
                    .and_then(|place| self.query(&place, "", Reserved::Input)),
            ),
        };
        let selector = self.at_most_one(place, &["ItemSelector", "Parameters"]);
        let item_selector = selector.and_then(|place| self.construction(&place, "", language, Reserved::Input));
        let max_concurrency = self
            .at_most_one(place, &["MaxConcurrency", "MaxConcurrencyPath"])
            .and_then(|field| self.count_or_path(&field, language, 0));
        let distributed = match self.workflows {
            Workflows::All => self.distributed(place, language),
            Workflows::Express => {
                self.refuse_distributed(place);
                None
            }
        };
        Some(StateKind::Map(Box::new(Map {
            items,
            item_selector,
            max_concurrency,
            processor: processor?,
            distributed: distributed.map(Box::new),
        })))
    }

    fn processor(&mut self, place: &Place<'_>, nesting: u32) -> Option<Machine> {
        let Some(processor) = self.at_most_one(place, &["ItemProcessor", "Iterator"]) else {
            self.required(place, &["ItemProcessor"]);
            return None;
        };
        self.known_fields(&processor, &["Comment", "StartAt", "States", "ProcessorConfig"]);
        if let Some(config) = processor.member("ProcessorConfig") {
            self.known_fields(&config, &["Mode", "ExecutionType"]);
            if let Some(mode) = config.member("Mode") {
                match mode.node.as_str().map(|mode| &**mode) {
                    Some("INLINE") => {}
                    Some("DISTRIBUTED") if self.workflows == Workflows::All => {}
                    Some("DISTRIBUTED") => {
                        let message = "Distributed Map is not supported: Express workflows do not have it";
                        self.not_supported(&mode, message);
                    }
                    _ => self.one_of(&mode, &["INLINE", "DISTRIBUTED"]),
                }
            }
            if let Some(execution_type) = config.member("ExecutionType")
                && self.workflows == Workflows::Express
            {
                let message = "The field 'ExecutionType' is only for Mode DISTRIBUTED and means nothing here";
                self.push_at(
                    &execution_type,
                    Code::SchemaValidationFailed,
                    Severity::Warning,
                    message,
                );
            }
        }
        self.machine(&processor, nesting + 1)
    }
}
