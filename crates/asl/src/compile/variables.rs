//! Variables: `Assign`, its scopes, and references to what nothing assigns.

use super::place::Place;
use super::query::Reserved;
use super::{Compiler, Language};
use crate::diagnostic::{Code, Severity};
use crate::document::Text;
use crate::path::{Path, Root};
use crate::program::Construction;
use std::collections::HashSet;

/// The longest name of a variable, in characters.
const NAME_CHARACTERS_MAX: usize = 80;

/// The variables that states assign, by machine: the outermost first, the one being compiled last.
#[derive(Default)]
pub(super) struct Scopes {
    machines: Vec<HashSet<Text>>,
}

impl Scopes {
    /// Goes into a machine; collects the names that its own states assign.
    pub(super) fn enter(&mut self, states: &Place<'_>) {
        let mut names = HashSet::new();
        for member in states.members() {
            let state = states.at(member);
            collect(&state, &mut names);
            for field in ["Choices", "Catch"] {
                if let Some(entries) = state.member(field)
                    && let Some(items) = entries.items()
                {
                    items.for_each(|item| collect(&item, &mut names));
                }
            }
        }
        self.machines.push(names);
    }

    pub(super) fn leave(&mut self) {
        self.machines.pop();
    }

    fn is_assigned(&self, name: &str) -> bool {
        self.machines.iter().any(|names| names.contains(name))
    }

    fn is_assigned_outside(&self, name: &str) -> bool {
        let outer = self.machines.split_last().map_or(&[][..], |(_, outer)| outer);
        outer.iter().any(|names| names.contains(name))
    }

    fn names(&self) -> Vec<String> {
        self.machines.iter().flatten().map(|name| name.to_string()).collect()
    }
}

fn collect(place: &Place<'_>, names: &mut HashSet<Text>) {
    if let Some(assign) = place.member("Assign") {
        names.extend(
            assign
                .members()
                .iter()
                .map(|member| Text::from(variable_name(&member.key))),
        );
    }
}

fn variable_name(key: &str) -> &str {
    key.strip_suffix(".$").unwrap_or(key)
}

impl Compiler {
    /// `Assign` of a state, a Choice rule or a catcher, which stands at `within` in its state.
    pub(super) fn assign(
        &mut self,
        place: &Place<'_>,
        within: &str,
        language: Language,
        reserved: Reserved,
    ) -> Option<Construction> {
        let assign = place.member("Assign")?;
        if !assign.is_object() {
            self.schema_error(&assign, "The field 'Assign' must be an object");
            return None;
        }
        for member in assign.members() {
            let name = variable_name(&member.key);
            let place = assign.at(member);
            if let Some(state) = self.within.last() {
                self.variables.assigns(state, name);
            }
            if !is_variable_name(name) {
                self.schema_error(&place, format!("'{name}' is not a valid name of a variable"));
            }
            if self.scopes.is_assigned_outside(name) {
                let message = format!("The variable '{name}' of the states around is not changed by this assignment");
                self.push_at(&place, Code::VariableScope, Severity::Warning, message);
                self.help("branches and iterations read outer variables, what they assign is their own");
            }
        }
        self.construction(&assign, within, language, reserved)
    }

    /// What builds a value: a payload template or a query, as the language has it.
    pub(super) fn construction(
        &mut self,
        place: &Place<'_>,
        within: &str,
        language: Language,
        reserved: Reserved,
    ) -> Option<Construction> {
        match language {
            Language::JsonPath => self.template(place).map(Construction::Template),
            Language::Jsonata => self.query(place, within, reserved).map(Construction::Query),
        }
    }

    /// Reports a reference to a variable that no state in reach assigns.
    pub(super) fn refers_to(&mut self, place: &Place<'_>, path: &Path) {
        let Root::Variable(name) = path.root() else {
            return;
        };
        self.check_variable(place, name);
    }

    /// Step Functions accepts such a reference, and fails the execution that comes to it.
    pub(super) fn check_variable(&mut self, place: &Place<'_>, name: &str) {
        if let Some(state) = self.within.last() {
            self.variables.refers_to(state, name);
        }
        if !self.scopes.is_assigned(name) {
            let message = format!("No state assigns the variable '${name}' that is referenced here");
            self.push_at(place, Code::VariableScope, Severity::Warning, message);
            let known = self.scopes.names();
            self.did_you_mean(name, known.iter().map(String::as_str));
        } else {
            self.remember_reference(place, name);
        }
    }

    /// Notes a reference to a variable with the name of a function, if there is one. Before it is assigned, the name
    /// means the function, so no reference comes too early.
    pub(super) fn function_or_variable(&mut self, name: &str) {
        if let Some(state) = self.within.last()
            && self.scopes.is_assigned(name)
        {
            self.variables.refers_to(state, name);
        }
    }
}

/// A Unicode identifier of at most 80 characters, but not `states`.
fn is_variable_name(name: &str) -> bool {
    let mut characters = name.chars();
    let starts_well = characters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_');
    starts_well
        && characters.all(|character| character.is_alphanumeric() || character == '_')
        && name.chars().count() <= NAME_CHARACTERS_MAX
        && name != "states"
}
