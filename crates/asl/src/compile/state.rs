//! States: the fields that each type has, and what they become.

use super::place::Place;
use super::{Compiler, StateIds};
use crate::diagnostic::{Code, Severity};
use crate::document::Document;
use crate::path::{Path, Root};
use crate::program::{
    Condition, Count, FailText, Map, Operand, Selection, Stages, State, StateId, StateKind, StateType, Task,
    Transition, Wait,
};
use crate::template::Template;
use crate::timestamp::Timestamp;

const COMMON: &[&str] = &["Type", "Comment", "QueryLanguage"];
const FLOW: &[&str] = &["Next", "End"];
const SELECTION: &[&str] = &["InputPath", "OutputPath"];
const RESULT: &[&str] = &["Parameters", "ResultSelector", "ResultPath", "Retry", "Catch"];

/// Fields of Distributed Map, which Express workflows do not have.
const DISTRIBUTED: &[&str] = &[
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
];

/// Fields that only JSONata states, or states with variables, have.
const JSONATA: &[&str] = &["Arguments", "Output", "Condition", "Items"];

/// The fields of a state in the JSONPath query language.
fn fields(state_type: StateType) -> Vec<&'static str> {
    let own: &[&[&'static str]] = match state_type {
        StateType::Pass => &[FLOW, SELECTION, &["Parameters", "Result", "ResultPath"]],
        StateType::Task => &[
            FLOW,
            SELECTION,
            RESULT,
            &[
                "Resource",
                "TimeoutSeconds",
                "TimeoutSecondsPath",
                "HeartbeatSeconds",
                "HeartbeatSecondsPath",
            ],
            &["Credentials"],
        ],
        StateType::Choice => &[SELECTION, &["Choices", "Default"]],
        StateType::Wait => &[
            FLOW,
            SELECTION,
            &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"],
        ],
        StateType::Succeed => &[SELECTION],
        StateType::Fail => &[&["Error", "ErrorPath", "Cause", "CausePath"]],
        StateType::Parallel => &[FLOW, SELECTION, RESULT, &["Branches"]],
        StateType::Map => &[
            FLOW,
            SELECTION,
            RESULT,
            &[
                "ItemProcessor",
                "Iterator",
                "ItemsPath",
                "ItemSelector",
                "MaxConcurrency",
                "MaxConcurrencyPath",
            ],
            DISTRIBUTED,
        ],
    };
    [COMMON]
        .iter()
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
        let all: Vec<String> = StateType::ALL.iter().map(ToString::to_string).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        self.required(place, &["Type"])?;
        let type_field = place.member("Type")?;
        let named = type_field.node.as_str().and_then(|name| {
            StateType::ALL
                .into_iter()
                .zip(&all)
                .find(|(_, known)| **known == &**name)
                .map(|(state_type, _)| state_type)
        });
        let Some(state_type) = named else {
            self.one_of(&type_field, &all);
            return None;
        };
        let is_jsonata = self.query_language(place, self.is_jsonata);
        if is_jsonata {
            return self.jsonata_state(place, state_type, ids, nesting);
        }
        let mut known = fields(state_type);
        known.extend(JSONATA);
        if !matches!(state_type, StateType::Succeed | StateType::Fail) {
            known.push("Assign");
        }
        self.known_fields(place, &known);
        self.no_jsonata(place);
        let transition = self.transition(place, state_type, ids);
        let retry = self.retry(place);
        let catch = self.catch(place, ids);
        let assign = self.assign(place);
        let stages = Stages {
            input_path: self.selection(place, "InputPath"),
            parameters: match state_type {
                // The old name of ItemSelector, applied to each item.
                StateType::Map => None,
                _ => place.member("Parameters").and_then(|place| self.template(&place)),
            },
            result_selector: place.member("ResultSelector").and_then(|place| self.template(&place)),
            result_path: self.placement(place),
            output_path: self.selection(place, "OutputPath"),
        };
        let kind = match state_type {
            StateType::Pass => Some(StateKind::Pass {
                result: place.member("Result").map(|place| place.node.to_document()),
            }),
            StateType::Task => self.task(place),
            StateType::Choice => self.choice(place, ids),
            StateType::Wait => self.wait(place),
            StateType::Succeed => Some(StateKind::Succeed),
            StateType::Fail => Some(self.fail(place)),
            StateType::Parallel => self.parallel(place, nesting),
            StateType::Map => self.map(place, nesting),
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

    /// Reports what belongs to JSONata in a state, rule or catcher.
    pub(super) fn no_jsonata(&mut self, place: &Place<'_>) {
        for field in JSONATA {
            if place.member(field).is_some() {
                let message = format!(
                    "The QueryLanguage is set to 'JSONPath', but field '{field}' is only supported for the 'JSONata' \
                     QueryLanguage"
                );
                self.schema_error(place, message);
            }
        }
    }

    /// Checks what can be checked of a state whose language is not supported.
    fn jsonata_state(
        &mut self,
        place: &Place<'_>,
        state_type: StateType,
        ids: &StateIds<'_>,
        nesting: u32,
    ) -> Option<State> {
        self.transition(place, state_type, ids);
        if let Some(credentials) = place.member("Credentials") {
            self.role_is_given(&credentials);
        }
        if let Some(resource) = place.member("Resource") {
            self.resource(&resource);
        }
        for field in ["ItemProcessor", "Iterator"] {
            if let Some(processor) = place.member(field) {
                self.machine(&processor, nesting + 1);
            }
        }
        if let Some(branches) = place.member("Branches")
            && let Some(branches) = branches.items()
        {
            for branch in branches {
                self.machine(&branch, nesting + 1);
            }
        }
        None
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

    fn task(&mut self, place: &Place<'_>) -> Option<StateKind> {
        self.required(place, &["Resource"]);
        let timeout = self.task_seconds(place, "TimeoutSeconds", "TimeoutSecondsPath");
        let heartbeat = self.task_seconds(place, "HeartbeatSeconds", "HeartbeatSecondsPath");
        if let (Some(Count::Literal(timeout)), Some(Count::Literal(heartbeat))) = (&timeout, &heartbeat)
            && heartbeat >= timeout
        {
            self.schema_error(
                place,
                "The value of 'HeartbeatSeconds' must be smaller than that of 'TimeoutSeconds'",
            );
        }
        let credentials = place.member("Credentials").and_then(|place| {
            self.role_is_given(&place);
            self.template(&place)
        });
        let resource = place.member("Resource").and_then(|place| self.resource(&place))?;
        let resources = &mut self.requirements.resources;
        if !resources.iter().any(|(known, _)| *known == resource) {
            resources.push((resource.clone(), place.name().into()));
        }
        if credentials.is_some() && self.requirements.credentials.is_none() {
            self.requirements.credentials = Some(place.name().into());
        }
        Some(StateKind::Task(Box::new(Task {
            resource,
            timeout,
            heartbeat,
            credentials,
        })))
    }

    fn role_is_given(&mut self, credentials: &Place<'_>) {
        if credentials.member("RoleArn").is_none() && credentials.member("RoleArn.$").is_none() {
            self.schema_error(credentials, "The field 'RoleArn' is required but was missing");
        }
    }

    fn task_seconds(&mut self, place: &Place<'_>, literal: &str, path: &str) -> Option<Count> {
        let field = self.at_most_one(place, &[literal, path])?;
        if field.name() == path {
            self.definite_path(&field).map(Count::Path)
        } else {
            self.seconds(&field, 1).map(Count::Literal)
        }
    }

    fn wait(&mut self, place: &Place<'_>) -> Option<StateKind> {
        const FIELDS: &[&str] = &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
        let Some(field) = self.at_most_one(place, FIELDS) else {
            self.schema_error(
                place,
                format!("One of these fields is required: [{}]", FIELDS.join(", ")),
            );
            return None;
        };
        let wait = match &*field.name() {
            "Seconds" => Wait::Seconds(self.seconds(&field, 0)?),
            "SecondsPath" => Wait::SecondsPath(self.definite_path(&field)?),
            "TimestampPath" => Wait::TimestampPath(self.definite_path(&field)?),
            _ => {
                let timestamp = self.text(&field).and_then(|text| Timestamp::parse(&text));
                if timestamp.is_none() {
                    self.schema_error(&field, "String does not match RFC3339 timestamp");
                    self.help("such as 2016-03-14T01:59:00Z");
                }
                Wait::Timestamp(timestamp?)
            }
        };
        Some(StateKind::Wait(wait))
    }

    fn fail(&mut self, place: &Place<'_>) -> StateKind {
        let mut text = |literal: &str, path: &str| {
            let field = self.at_most_one(place, &[literal, path])?;
            if field.name() == path {
                self.expression(&field).map(FailText::Expression)
            } else {
                self.text(&field).map(FailText::Literal)
            }
        };
        StateKind::Fail {
            error: text("Error", "ErrorPath"),
            cause: text("Cause", "CausePath"),
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

    fn map(&mut self, place: &Place<'_>, nesting: u32) -> Option<StateKind> {
        let processor = self.processor(place, nesting);
        let items_path = self.selection(place, "ItemsPath");
        let selector = self.at_most_one(place, &["ItemSelector", "Parameters"]);
        let item_selector = selector.and_then(|place| self.template(&place));
        let max_concurrency = self
            .at_most_one(place, &["MaxConcurrency", "MaxConcurrencyPath"])
            .and_then(|field| {
                if field.name() == "MaxConcurrencyPath" {
                    self.definite_path(&field).map(Count::Path)
                } else {
                    self.count(&field, 0).map(Count::Literal)
                }
            });
        for field in DISTRIBUTED {
            if let Some(field) = place.member(field) {
                let message = format!(
                    "The field '{}' belongs to Distributed Map, which Express workflows do not support",
                    field.name()
                );
                self.not_supported(&field, message);
            }
        }
        Some(StateKind::Map(Box::new(Map {
            items_path,
            item_selector,
            max_concurrency,
            processor: processor?,
        })))
    }

    fn processor(&mut self, place: &Place<'_>, nesting: u32) -> Option<crate::program::Machine> {
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
                    Some("DISTRIBUTED") => {
                        let message = "Distributed Map is not supported: Express workflows do not have it";
                        self.not_supported(&mode, message);
                    }
                    _ => self.one_of(&mode, &["INLINE", "DISTRIBUTED"]),
                }
            }
            if let Some(execution_type) = config.member("ExecutionType") {
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

impl State {
    /// Where this state can lead.
    pub(super) fn successors(&self) -> Vec<StateId> {
        let mut successors: Vec<StateId> = self.catch.iter().map(|catcher| catcher.next).collect();
        match &self.kind {
            StateKind::Choice { rules, default } => {
                successors.extend(rules.iter().map(|rule| rule.next));
                successors.extend(default);
            }
            _ => {
                if let Transition::Next(next) = self.transition {
                    successors.push(next);
                }
            }
        }
        successors
    }

    fn looks_at_context(&self) -> bool {
        let mut found = false;
        self.visit_paths(&mut |path| found |= matches!(path.root(), Root::Context));
        found
    }

    /// Shows every path of this state, but not of states inside it.
    fn visit_paths(&self, visit: &mut dyn FnMut(&Path)) {
        let Stages {
            input_path,
            parameters,
            result_selector,
            result_path: _,
            output_path,
        } = &self.stages;
        for selection in [input_path, output_path] {
            visit_selection(selection, visit);
        }
        for catcher in &self.catch {
            visit_template(catcher.assign.as_ref(), visit);
        }
        for template in [parameters, result_selector, &self.assign] {
            visit_template(template.as_ref(), visit);
        }
        match &self.kind {
            StateKind::Pass { .. } | StateKind::Succeed | StateKind::Parallel { .. } => {}
            StateKind::Task(task) => {
                visit_count(task.timeout.as_ref(), visit);
                visit_count(task.heartbeat.as_ref(), visit);
                visit_template(task.credentials.as_ref(), visit);
            }
            StateKind::Choice { rules, .. } => {
                for rule in rules {
                    visit_condition(&rule.condition, visit);
                    visit_template(rule.assign.as_ref(), visit);
                }
            }
            StateKind::Wait(Wait::SecondsPath(path) | Wait::TimestampPath(path)) => visit(path),
            StateKind::Wait(Wait::Seconds(_) | Wait::Timestamp(_)) => {}
            StateKind::Fail { error, cause } => {
                for text in [error, cause] {
                    if let Some(FailText::Expression(expression)) = text {
                        expression.visit_paths(visit);
                    }
                }
            }
            StateKind::Map(map) => {
                visit_selection(&map.items_path, visit);
                visit_template(map.item_selector.as_ref(), visit);
                visit_count(map.max_concurrency.as_ref(), visit);
            }
        }
    }
}

fn visit_selection(selection: &Selection, visit: &mut dyn FnMut(&Path)) {
    if let Selection::Path(path) = selection {
        visit(path);
    }
}

fn visit_template(template: Option<&Template>, visit: &mut dyn FnMut(&Path)) {
    if let Some(template) = template {
        template.visit_paths(visit);
    }
}

fn visit_count(count: Option<&Count>, visit: &mut dyn FnMut(&Path)) {
    if let Some(Count::Path(path)) = count {
        visit(path);
    }
}

fn visit_condition(condition: &Condition, visit: &mut dyn FnMut(&Path)) {
    match condition {
        Condition::And(conditions) | Condition::Or(conditions) => {
            conditions
                .iter()
                .for_each(|condition| visit_condition(condition, visit));
        }
        Condition::Not(condition) => visit_condition(condition, visit),
        Condition::Test { variable, operand, .. } => {
            visit(variable);
            if let Operand::Path(path) = operand {
                visit(path);
            }
        }
    }
}
