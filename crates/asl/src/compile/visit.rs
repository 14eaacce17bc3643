//! What the compiler asks of finished states: where they lead, and what their expressions look at.

use crate::path::{Path, Root};
use crate::program::{
    Condition, Construction, Count, FailText, Items, JsonPathStages, JsonataStages, Operand, Selection, Stages, State,
    StateId, StateKind, Transition, Wait,
};
use crate::query::Query;

impl State {
    /// Where this state can lead.
    pub(crate) fn successors(&self) -> Vec<StateId> {
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

    /// Whether any expression of this state, but not of states inside it, looks at the context object.
    pub(super) fn looks_at_context(&self) -> bool {
        let mut seen = Seen { context: false };
        seen.state(self);
        seen.context
    }
}

/// Collects what expressions look at.
struct Seen {
    context: bool,
}

impl Seen {
    fn state(&mut self, state: &State) {
        match &state.stages {
            Stages::JsonPath(JsonPathStages {
                input_path,
                parameters,
                result_selector,
                result_path: _,
                output_path,
            }) => {
                self.selection(input_path);
                self.selection(output_path);
                for template in [parameters, result_selector].into_iter().flatten() {
                    template.visit_paths(&mut |path| self.path(path));
                }
            }
            Stages::Jsonata(JsonataStages { arguments, output }) => {
                self.query(arguments.as_ref());
                self.query(output.as_ref());
            }
        }
        self.construction(state.assign.as_ref());
        for catcher in &state.catch {
            self.construction(catcher.assign.as_ref());
            self.query(catcher.output.as_ref());
        }
        self.kind(&state.kind);
    }

    fn kind(&mut self, kind: &StateKind) {
        match kind {
            StateKind::Pass { .. } | StateKind::Succeed | StateKind::Parallel { .. } => {}
            StateKind::Task(task) => {
                self.count(task.timeout.as_ref());
                self.count(task.heartbeat.as_ref());
                self.construction(task.credentials.as_ref());
            }
            StateKind::Choice { rules, .. } => {
                for rule in rules {
                    self.condition(&rule.condition);
                    self.construction(rule.assign.as_ref());
                    self.query(rule.output.as_ref());
                }
            }
            StateKind::Wait(wait) => match wait {
                Wait::SecondsPath(path) | Wait::TimestampPath(path) => self.path(path),
                Wait::SecondsQuery(query) | Wait::TimestampQuery(query) => self.query(Some(query)),
                Wait::Seconds(_) | Wait::Timestamp(_) => {}
            },
            StateKind::Fail { error, cause } => {
                for text in [error, cause].into_iter().flatten() {
                    match text {
                        FailText::Literal(_) => {}
                        FailText::Expression(expression) => expression.visit_paths(&mut |path| self.path(path)),
                        FailText::Query(query) => self.query(Some(query)),
                    }
                }
            }
            StateKind::Map(map) => {
                match &map.items {
                    Items::Path(selection) => self.selection(selection),
                    Items::Query(query) => self.query(query.as_ref()),
                }
                self.construction(map.item_selector.as_ref());
                self.count(map.max_concurrency.as_ref());
            }
        }
    }

    fn path(&mut self, path: &Path) {
        self.context |= matches!(path.root(), Root::Context);
    }

    fn query(&mut self, query: Option<&Query>) {
        self.context |= query.is_some_and(Query::uses_context);
    }

    fn selection(&mut self, selection: &Selection) {
        if let Selection::Path(path) = selection {
            self.path(path);
        }
    }

    fn construction(&mut self, construction: Option<&Construction>) {
        match construction {
            None => {}
            Some(Construction::Template(template)) => template.visit_paths(&mut |path| self.path(path)),
            Some(Construction::Query(query)) => self.query(Some(query)),
        }
    }

    fn count(&mut self, count: Option<&Count>) {
        match count {
            None | Some(Count::Literal(_)) => {}
            Some(Count::Path(path)) => self.path(path),
            Some(Count::Query(query)) => self.query(Some(query)),
        }
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::And(conditions) | Condition::Or(conditions) => {
                conditions.iter().for_each(|condition| self.condition(condition));
            }
            Condition::Not(condition) => self.condition(condition),
            Condition::Query(query) => self.query(Some(query)),
            Condition::Test { variable, operand, .. } => {
                self.path(variable);
                if let Operand::Path(path) = operand {
                    self.path(path);
                }
            }
        }
    }
}
