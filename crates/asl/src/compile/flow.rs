//! Variables that a state refers to before any state can have assigned them.

use super::Compiler;
use super::place::Place;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::document::Text;
use crate::program::{Machine, StateKind, VariableUse};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

/// A reference to a variable that some state in reach assigns.
pub(super) struct Reference {
    state: Text,
    name: Text,
    /// The finding, should no state that assigns the variable run before.
    finding: Diagnostic,
}

/// Which of the variables that are referenced may have a value, a bit for each.
#[derive(Clone, Default)]
struct Names(Vec<u64>);

impl Names {
    fn insert(&mut self, index: usize) {
        let word = index / 64;
        self.0.resize(self.0.len().max(word + 1), 0);
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << (index % 64);
        }
    }

    fn contains(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Adds those of `other`; tells whether there are more then.
    fn join(&mut self, other: &Names) -> bool {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        let mut has_grown = false;
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            has_grown |= *more & !*word != 0;
            *word |= more;
        }
        has_grown
    }
}

/// What is known about all machines of a definition.
struct Flow<'c> {
    /// The places of the referenced variables in [`Names`].
    indices: HashMap<&'c str, usize>,
    variables: &'c VariableUse,
    /// What may have a value when a state is entered, by its name.
    entered: HashMap<&'c str, Names>,
}

impl Compiler {
    pub(super) fn remember_reference(&mut self, place: &Place<'_>, name: &str) {
        let Some(state) = self.within.last() else {
            return;
        };
        self.references.push(Reference {
            state: Text::clone(state),
            name: name.into(),
            finding: Diagnostic {
                code: Code::VariableScope,
                severity: Severity::Warning,
                message: format!("The variable '${name}' is referenced here before any state assigns it"),
                pointer: Some(place.pointer()),
                location: Some(place.location()),
                span: place.span(),
                help: None,
            },
        });
    }

    /// Reports references that come too early. Step Functions accepts them, and fails the execution there.
    pub(super) fn check_variable_flow(&mut self, machine: &Machine) {
        if self.references.is_empty() {
            return;
        }
        let mut indices: HashMap<&str, usize> = HashMap::new();
        for reference in &self.references {
            let next = indices.len();
            indices.entry(&reference.name).or_insert(next);
        }
        let mut flow = Flow {
            indices,
            variables: &self.variables,
            entered: HashMap::new(),
        };
        flow.machine(machine, Names::default());
        let early = |reference: &Reference| {
            // States that nothing reaches have been reported.
            let entered = flow.entered.get(&*reference.state)?;
            let index = flow.indices.get(&*reference.name)?;
            (!entered.contains(*index)).then(|| reference.finding.clone())
        };
        let found: Vec<_> = self.references.iter().filter_map(early).collect();
        self.list.extend(found);
    }
}

impl<'c> Flow<'c> {
    /// Finds what may have a value when each state is entered; `entry` is what the machine begins with.
    ///
    /// What a state assigns counts on all its ways out, though Choice rules and catchers differ: this finds
    /// too little rather than too much.
    fn machine(&mut self, machine: &'c Machine, entry: Names) {
        let mut waiting = VecDeque::from([(machine.start, entry)]);
        while let Some((id, names)) = waiting.pop_front() {
            let Some(state) = machine.state(id) else {
                continue;
            };
            let mut after = match self.entered.entry(&state.name) {
                Entry::Vacant(entered) => entered.insert(names).clone(),
                Entry::Occupied(mut entered) => match entered.get_mut().join(&names) {
                    true => entered.get().clone(),
                    false => continue,
                },
            };
            for name in self.variables.assignments.get(&state.name).into_iter().flatten() {
                if let Some(index) = self.indices.get(&**name) {
                    after.insert(*index);
                }
            }
            let successors = state.successors();
            waiting.extend(successors.into_iter().map(|next| (next, after.clone())));
        }
        for state in machine.states() {
            let Some(entry) = self.entered.get(&*state.name).cloned() else {
                continue;
            };
            match &state.kind {
                StateKind::Parallel { branches } => {
                    for branch in branches {
                        self.machine(branch, entry.clone());
                    }
                }
                StateKind::Map(map) => self.machine(&map.processor, entry),
                _ => {}
            }
        }
    }
}
