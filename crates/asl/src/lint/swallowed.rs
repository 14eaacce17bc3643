//! Errors that are caught and then forgotten.

use super::Linter;
use crate::compile::place::Place;
use crate::definition::Value;
use crate::diagnostic::Code;
use crate::error_name::ErrorName;
use crate::jsonata::{Jsonata, expression_text};
use crate::program::{Catcher, Machine, Placement, Stages, State, StateId, StateKind, Transition};
use std::collections::HashSet;

impl Linter {
    /// Warns about catchers of all errors that lead to success with nothing left of the error.
    pub(super) fn swallowed_errors(&mut self, place: &Place<'_>, state: &State, machine: &Machine) {
        let Some(catch) = place.member("Catch") else {
            return;
        };
        for (entry, catcher) in catch.items().into_iter().flatten().zip(&state.catch) {
            if !catcher.errors.names().contains(&ErrorName::All)
                || !is_dropped(&entry, state, catcher)
                || !ends_well_without_work(machine, state, catcher.next)
            {
                continue;
            }
            let name = &state.name;
            let message = format!("Every error of '{name}' is dropped here, and the execution succeeds all the same");
            let (place, help) = match (entry.member("ResultPath"), &state.stages) {
                (Some(path), _) => (
                    path,
                    "keep the error, such as with \"ResultPath\": \"$.error\", or catch only the errors that are expected",
                ),
                (None, Stages::Jsonata(_)) => (
                    entry,
                    "keep $states.errorOutput in Output or Assign, or catch only the errors that are expected",
                ),
                (None, Stages::JsonPath(_)) => (entry, "catch only the errors that are expected"),
            };
            self.findings.warn(&place, Code::SwallowedError, message, help);
        }
    }
}

/// Whether nothing of the error output gets past the catcher.
fn is_dropped(entry: &Place<'_>, state: &State, catcher: &Catcher) -> bool {
    match &state.stages {
        Stages::JsonPath(_) => {
            matches!(catcher.result_path, Placement::Discard)
                && !entry.member("Assign").is_some_and(|place| has_path(&place))
        }
        Stages::Jsonata(_) => {
            let output = entry.member("Output");
            output.is_some_and(|place| !reads_error(&place))
                && !entry.member("Assign").is_some_and(|place| reads_error(&place))
        }
    }
}

/// Whether a payload template has any expression.
fn has_path(place: &Place<'_>) -> bool {
    let is_path = |key: &str| key.ends_with(".$");
    place
        .members()
        .iter()
        .any(|member| is_path(&member.key) || has_path(&place.at(member)))
        || place.items().into_iter().flatten().any(|item| has_path(&item))
}

/// Whether any expression in a value reads `$states.errorOutput`.
fn reads_error(place: &Place<'_>) -> bool {
    match &place.node.value {
        Value::String(text) => {
            let expression = expression_text(text).ok().flatten();
            let parsed = expression.and_then(|expression| Jsonata::parse(expression).ok());
            parsed.is_some_and(|parsed| {
                let mut states = parsed.references().states.iter();
                states.any(|states| states.member.as_deref().is_none_or(|member| member == "errorOutput"))
            })
        }
        _ => {
            place.members().iter().any(|member| reads_error(&place.at(member)))
                || place.items().into_iter().flatten().any(|item| reads_error(&item))
        }
    }
}

/// Whether all ways from `next` end well, with nothing done on them but what would have followed without the error.
///
/// A task on the way counts as making something of the error: it may tell somebody. If the way goes on as if
/// nothing had happened, its tasks know nothing of the error.
fn ends_well_without_work(machine: &Machine, state: &State, next: StateId) -> bool {
    let goes_on = state.transition == Transition::Next(next);
    let mut seen = HashSet::new();
    let mut waiting = vec![next];
    while let Some(id) = waiting.pop() {
        let Some(state) = machine.state(id).filter(|_| seen.insert(id.0)) else {
            continue;
        };
        match &state.kind {
            StateKind::Fail { .. } => return false,
            StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_) if !goes_on => return false,
            _ => waiting.extend(state.successors()),
        }
    }
    true
}
