//! Which states of the tested definitions were never entered, and which of their branches never taken.

use super::file::TestFile;
use super::visits::Visits;
use crate::style;
use expressway_asl::document::Text;
use expressway_asl::program::{Machine, StateId, StateKind};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// What the tests of several definitions reached.
#[derive(Default)]
pub(super) struct Coverage {
    definitions: BTreeMap<String, Reached>,
}

#[derive(Default)]
struct Reached {
    /// In the order of the definition.
    states: Vec<Text>,
    /// From a Choice state, or one with Catch, to where it may lead besides `Next`.
    branches: Vec<(Text, Text)>,
    entered: BTreeSet<Text>,
    taken: BTreeSet<(Text, Text)>,
}

impl Coverage {
    /// Counts what one execution reached.
    pub(super) fn add(&mut self, file: &TestFile, visits: &Visits) {
        let reached = self.definitions.entry(file.definition_file.clone()).or_default();
        if reached.states.is_empty() {
            reached.collect(&file.definition.program.machine);
        }
        reached.entered.extend(visits.names().cloned());
        reached.taken.extend(visits.transitions.iter().cloned());
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let (heading, faint) = (style::HEADING, style::FAINT);
        for (file, reached) in &self.definitions {
            let missed: Vec<_> = (reached.states.iter())
                .filter(|state| !reached.entered.contains(*state))
                .collect();
            let untaken: Vec<_> = (reached.branches.iter())
                .filter(|branch| !reached.taken.contains(*branch))
                .collect();
            writeln!(
                out,
                "{heading}coverage of {file}{heading:#}: {} states, {} branches",
                share(reached.states.len(), missed.len()),
                share(reached.branches.len(), untaken.len())
            )?;
            for state in missed {
                writeln!(out, "  {faint}never entered{faint:#}  {state}")?;
            }
            for (from, to) in untaken {
                writeln!(out, "  {faint}never taken{faint:#}    {from} > {to}")?;
            }
        }
        Ok(())
    }
}

/// `3 of 4`
fn share(all: usize, missed: usize) -> String {
    format!("{} of {all}", all - missed.min(all))
}

impl Reached {
    fn collect(&mut self, machine: &Machine) {
        for state in machine.states() {
            self.states.push(Text::clone(&state.name));
            let mut targets: Vec<StateId> = Vec::new();
            if let StateKind::Choice { rules, default } = &state.kind {
                targets.extend(rules.iter().map(|rule| rule.next));
                targets.extend(default);
            }
            targets.extend(state.catch.iter().map(|catcher| catcher.next));
            for target in targets.into_iter().filter_map(|target| machine.state(target)) {
                let branch = (Text::clone(&state.name), Text::clone(&target.name));
                if !self.branches.contains(&branch) {
                    self.branches.push(branch);
                }
            }
            match &state.kind {
                StateKind::Parallel { branches } => branches.iter().for_each(|branch| self.collect(branch)),
                StateKind::Map(map) => self.collect(&map.processor),
                _ => {}
            }
        }
    }
}
