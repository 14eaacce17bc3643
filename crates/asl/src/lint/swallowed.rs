//! Errors that are caught and then forgotten.

use super::Linter;
use crate::compile::place::Place;
use crate::definition::Value;
use crate::diagnostic::Code;
use crate::document::Text;
use crate::error_name::ErrorName;
use crate::jsonata::{Jsonata, expression_text};
use crate::path::{Lead, Path, Root};
use crate::program::{Catcher, Machine, Placement, Selection, Stages, State, StateId, StateKind, Transition};
use crate::template::Expression;
use std::collections::HashSet;

impl Linter {
    /// Warns about catchers of all errors that lead to success with nothing left of the error. `states` is where
    /// the states of the machine are.
    pub(super) fn swallowed_errors(&mut self, place: &Place<'_>, state: &State, machine: &Machine, states: &Place<'_>) {
        let Some(catch) = place.member("Catch") else {
            return;
        };
        for (entry, catcher) in catch.items().into_iter().flatten().zip(&state.catch) {
            if !catcher.errors.names().contains(&ErrorName::All)
                || !ends_well_without_work(machine, state, catcher.next)
            {
                continue;
            }
            let name = &state.name;
            if is_dropped(&entry, state, catcher) {
                let message =
                    format!("Every error of '{name}' is dropped here, and the execution succeeds all the same");
                let (place, how) = match entry.member("ResultPath") {
                    Some(path) => (path, "keep the error, such as with \"ResultPath\": \"$.error\""),
                    None => (entry, "keep $states.errorOutput in Output or Assign"),
                };
                let help = format!("{how}, or catch only the errors that are expected");
                self.findings.warn(&place, Code::SwallowedError, message, help);
            } else if let Some(by) = dropped_by(machine, states, catcher)
                && let Some(next) = entry.member("Next")
            {
                let message = format!("'{by}' drops every error of '{name}', and the execution succeeds all the same");
                let help = "keep the error in the output of the state, or catch only the errors that are expected";
                self.findings.warn(&next, Code::SwallowedError, message, help);
            }
        }
    }
}

/// What a state does with an error in its input.
enum Fate {
    /// Looks at it, or hands it on in a way of its own.
    Used,
    /// Hands it on.
    Kept,
    /// Gives an output without it.
    Dropped,
}

/// The state that drops an error, if on all ways from a catcher some state does, before any has looked at it.
fn dropped_by(machine: &Machine, states: &Place<'_>, catcher: &Catcher) -> Option<Text> {
    let location: Vec<_> = match &catcher.result_path {
        Placement::Whole => Vec::new(),
        Placement::At(path) => path.as_path().leads().collect(),
        Placement::Discard => return None,
    };
    // Output and Assign of a catcher in JSONata make of the error what they like.
    if catcher.output.is_some() || catcher.assign.is_some() {
        return None;
    }
    let mut by = None;
    let mut seen = HashSet::new();
    let mut waiting = vec![catcher.next];
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.0) {
            continue;
        }
        let (state, member) = (machine.state(id)?, states.members().get(id.0 as usize)?);
        match fate(&states.at(member), state, &location) {
            Fate::Used => return None,
            Fate::Dropped => by = Some(Text::clone(&state.name)),
            Fate::Kept => {
                let successors = state.successors();
                // At the end, the error is in the output.
                if successors.is_empty() {
                    return None;
                }
                waiting.extend(successors);
            }
        }
    }
    by
}

fn fate(place: &Place<'_>, state: &State, location: &[Lead<'_>]) -> Fate {
    match (&state.kind, &state.stages) {
        (StateKind::Pass { .. } | StateKind::Choice { .. } | StateKind::Wait(_), Stages::Jsonata(stages)) => {
            if reads(place, "input") {
                return Fate::Used;
            }
            match (&state.kind, &stages.output) {
                (StateKind::Choice { .. }, Some(_)) => Fate::Used,
                (_, Some(_)) => Fate::Dropped,
                (_, None) => Fate::Kept,
            }
        }
        (StateKind::Pass { result }, Stages::JsonPath(stages)) => {
            if names(place, location) {
                return Fate::Used;
            }
            let makes_its_own = result.is_some() || stages.parameters.is_some();
            match (&stages.result_path, &stages.output_path) {
                (_, Selection::Nothing) => Fate::Dropped,
                (_, Selection::Path(_)) => Fate::Used,
                (Placement::Whole, Selection::Whole) if makes_its_own => Fate::Dropped,
                (Placement::At(path), Selection::Whole) if path.as_path().leads().eq(location.iter().copied()) => {
                    Fate::Dropped
                }
                (_, Selection::Whole) if matches!(stages.input_path, Selection::Whole) => Fate::Kept,
                (_, Selection::Whole) => Fate::Used,
            }
        }
        (StateKind::Choice { .. } | StateKind::Wait(_), Stages::JsonPath(stages)) => {
            let hands_on = matches!(
                (&stages.input_path, &stages.output_path),
                (Selection::Whole, Selection::Whole)
            );
            match hands_on && !names(place, location) {
                true => Fate::Kept,
                false => Fate::Used,
            }
        }
        _ => Fate::Used,
    }
}

/// Whether any path in a state, but for those that say where results go, leads to a location in the input or to
/// something around it.
fn names(place: &Place<'_>, location: &[Lead<'_>]) -> bool {
    let leads_there = |path: &Path| {
        let same = path
            .leads()
            .zip(location)
            .take_while(|(lead, other)| lead == *other)
            .count();
        let is_elsewhere = path.leads().nth(same) == Some(Lead::Elsewhere);
        *path.root() == Root::Input && (is_elsewhere || same == location.len() || path.leads().count() == same)
    };
    place.members().iter().any(|member| {
        let is_path = member.key.ends_with(".$") || member.key.ends_with("Path") || *member.key == *"Variable";
        let place = place.at(member);
        match &member.value.value {
            Value::String(text) if is_path && *member.key != *"ResultPath" => {
                let mut found = false;
                if let Ok(expression) = Expression::parse(text) {
                    expression.visit_paths(&mut |path| found |= leads_there(path));
                }
                found
            }
            // Literal, whatever it looks like.
            _ if *member.key == *"Result" => false,
            _ => names(&place, location),
        }
    }) || place.items().into_iter().flatten().any(|item| names(&item, location))
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
            output.is_some_and(|place| !reads(&place, "errorOutput"))
                && !entry.member("Assign").is_some_and(|place| reads(&place, "errorOutput"))
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

/// Whether any expression in a value reads this member of `$states`.
fn reads(place: &Place<'_>, wanted: &str) -> bool {
    match &place.node.value {
        Value::String(text) => {
            let expression = expression_text(text).ok().flatten();
            let parsed = expression.and_then(|expression| Jsonata::parse(expression).ok());
            parsed.is_some_and(|parsed| {
                let mut states = parsed.references().states.iter();
                states.any(|states| states.member.as_deref().is_none_or(|member| member == wanted))
            })
        }
        _ => {
            place.members().iter().any(|member| reads(&place.at(member), wanted))
                || place.items().into_iter().flatten().any(|item| reads(&item, wanted))
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
