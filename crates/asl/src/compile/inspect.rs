//! Definitions that are only looked into: those of Standard workflows too, and single states.

use super::place::Place;
use super::{Compiler, Language, StateIds, Workflows};
use crate::call::Call;
use crate::diagnostic::{Code, Diagnostics};
use crate::document::Text;
use crate::program::{Machine, State, StateId, StateKind, VariableUse};
use std::collections::BTreeMap;

/// A definition to look into. It may have what nothing here can run, such as a Distributed Map.
#[derive(Debug)]
pub struct Inspection {
    /// Findings that do not make the definition wrong.
    pub warnings: Diagnostics,
    /// What its Task states call.
    pub calls: Vec<Call>,
    machine: Machine,
    /// Of a single state: the states that it leads to, which the definition does not hold.
    targets: Option<Vec<Text>>,
    variables: VariableUse,
}

/// A state of an [`Inspection`].
#[derive(Clone, Copy, Debug)]
pub struct Inspected<'i> {
    /// The state.
    pub state: &'i State,
    machine: &'i Machine,
    targets: Option<&'i [Text]>,
}

/// What a state is called that is all of its definition.
///
/// # Source
/// Recorded: `State.Name` of the context object in `test_state_task_catch_error`.
const SINGLE_STATE: &str = "StateName";

/// Compiles a definition to look into it: that of an Express or a Standard workflow, or a single state as `TestState`
/// takes it, whose targets need not exist.
///
/// # Errors
/// All that is wrong with the definition, at once.
pub fn inspect(text: &str, substitutions: &BTreeMap<String, String>) -> Result<Inspection, Diagnostics> {
    let mut compiler = Compiler {
        workflows: Workflows::All,
        ..Compiler::default()
    };
    let found = compiler.inspection(text, substitutions);
    let mut list = compiler.list;
    list.sort_by_key(|diagnostic| (diagnostic.pointer.is_none(), diagnostic.span.start));
    let mut warnings = Diagnostics {
        list,
        text: text.to_owned(),
    };
    match found {
        Some((machine, targets)) if !warnings.has_errors() => {
            if targets.is_some() {
                // Nobody knows what the states before it assign.
                warnings.list.retain(|warning| warning.code != Code::VariableScope);
            }
            Ok(Inspection {
                warnings,
                calls: compiler.calls,
                machine,
                targets,
                variables: compiler.variables,
            })
        }
        _ => Err(warnings),
    }
}

impl Compiler {
    fn inspection(
        &mut self,
        text: &str,
        substitutions: &BTreeMap<String, String>,
    ) -> Option<(Machine, Option<Vec<Text>>)> {
        let node = self.parse(text, substitutions)?;
        let root = Place::root(&node);
        if root.member("Type").is_none() {
            let mut program = self.program(&root)?;
            self.variables = std::mem::take(&mut program.variables);
            return Some((program.machine, None));
        }
        let targets = targets(&root);
        let mut ids = StateIds::new();
        for (at, target) in targets.iter().enumerate() {
            ids.insert(target, StateId(u32::try_from(at + 1).unwrap_or(u32::MAX)));
        }
        self.language = Language::JsonPath;
        let mut state = self.state(&root, &ids, 0)?;
        state.name = SINGLE_STATE.into();
        let machine = Machine {
            start: StateId(0),
            states: [state].into(),
        };
        Some((machine, Some(targets)))
    }
}

/// The names that a single state leads to.
fn targets(state: &Place<'_>) -> Vec<Text> {
    let mut targets: Vec<Text> = Vec::new();
    let mut add = |place: Option<Place<'_>>| {
        if let Some(name) = place.and_then(|place| place.node.as_str().cloned())
            && !targets.contains(&name)
        {
            targets.push(name);
        }
    };
    add(state.member("Next"));
    add(state.member("Default"));
    for field in ["Choices", "Catch"] {
        let entries = state.member(field);
        for entry in entries.iter().filter_map(Place::items).flatten() {
            add(entry.member("Next"));
        }
    }
    targets
}

impl Inspection {
    /// The state of this name, wherever it is nested; without a name the first one, or the only one.
    pub fn state(&self, name: Option<&str>) -> Option<Inspected<'_>> {
        let (state, machine) = match (name, &self.targets) {
            (None, _) => (self.machine.state(self.machine.start)?, &self.machine),
            (Some(name), None) => find(&self.machine, name)?,
            (Some(_), Some(_)) => return None,
        };
        Some(Inspected {
            state,
            machine,
            targets: self.targets.as_deref(),
        })
    }

    /// Whether the definition is a single state, not a state machine.
    pub fn is_single_state(&self) -> bool {
        self.targets.is_some()
    }

    /// Which states refer to which variables, and which assign them.
    pub fn variables(&self) -> &VariableUse {
        &self.variables
    }

    /// The states of the outermost machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }
}

impl<'i> Inspected<'i> {
    /// The name of a state that this one leads to.
    pub fn target(&self, id: StateId) -> Option<&'i Text> {
        match self.targets {
            None => self.machine.state(id).map(|state| &state.name),
            Some(targets) => targets.get((id.0 as usize).checked_sub(1)?),
        }
    }

    /// Whether a state of this name is inside this one.
    pub fn contains(&self, name: &str) -> bool {
        inside(self.state).iter().any(|machine| find(machine, name).is_some())
    }
}

fn find<'m>(machine: &'m Machine, name: &str) -> Option<(&'m State, &'m Machine)> {
    machine.states().find_map(|state| match *state.name == *name {
        true => Some((state, machine)),
        false => inside(state).iter().find_map(|machine| find(machine, name)),
    })
}

/// The machines inside a state.
fn inside(state: &State) -> &[Machine] {
    match &state.kind {
        StateKind::Parallel { branches } => branches,
        StateKind::Map(map) => std::slice::from_ref(&map.processor),
        _ => &[],
    }
}
