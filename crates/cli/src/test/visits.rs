//! Which states an execution entered, in which order, and which inside which.

use expressway_asl::document::Text;
use expressway_asl::program::{Machine, StateKind, StateType};
use expressway_engine::history::{EventDetails, HistoryEvent};
use std::collections::{BTreeSet, HashMap};

/// The visits of one execution.
#[derive(Default)]
pub(super) struct Visits {
    visits: Vec<Visit>,
    /// Where each event happened, by its id.
    places: Vec<Place>,
    /// From one state to the next one.
    pub(super) transitions: BTreeSet<(Text, Text)>,
}

struct Visit {
    name: Text,
    state_type: StateType,
    parent: Option<usize>,
    /// The branch or iteration of the parent.
    group: Option<usize>,
    has_ended: bool,
}

#[derive(Clone, Copy, Default)]
struct Place {
    visit: Option<usize>,
    /// Whether states that follow are inside that visit, not next to it.
    is_inside: bool,
    iteration: Option<usize>,
}

/// The states of the branches of Parallel states: the branch of each, by name.
pub(super) fn branches(machine: &Machine) -> HashMap<Text, usize> {
    let mut found = HashMap::new();
    for state in machine.states() {
        match &state.kind {
            StateKind::Parallel { branches: inside } => {
                for (index, branch) in inside.iter().enumerate() {
                    found.extend(branch.states().map(|state| (Text::clone(&state.name), index)));
                    found.extend(branches(branch));
                }
            }
            StateKind::Map(map) => found.extend(branches(&map.processor)),
            _ => {}
        }
    }
    found
}

impl Visits {
    pub(super) fn of(events: &[HistoryEvent], branches: &HashMap<Text, usize>) -> Visits {
        let mut visits = Visits::default();
        for event in events {
            visits.follow(event, branches);
        }
        visits
    }

    /// The names of the states entered, in order, of the outermost machine or of a branch or iteration.
    pub(super) fn line(&self, parent: Option<usize>, group: Option<usize>) -> Vec<usize> {
        let is_on_line = |visit: &Visit| visit.parent == parent && visit.group == group;
        let visits = self.visits.iter().enumerate();
        visits
            .filter(|(_, visit)| is_on_line(visit))
            .map(|(index, _)| index)
            .collect()
    }

    /// How many branches or iterations of this visit were begun.
    pub(super) fn groups(&self, parent: usize) -> usize {
        let inside = self.visits.iter().filter(|visit| visit.parent == Some(parent));
        let last = inside.filter_map(|visit| visit.group).max();
        last.map_or(0, |last| last + 1)
    }

    pub(super) fn name(&self, visit: usize) -> &str {
        self.visits.get(visit).map_or("", |visit| &visit.name)
    }

    /// The names of all states entered.
    pub(super) fn names(&self) -> impl Iterator<Item = &Text> {
        self.visits.iter().map(|visit| &visit.name)
    }

    /// The rules are those of `progress`: most events happen where the one before happened.
    fn follow(&mut self, event: &HistoryEvent, branches: &HashMap<Text, usize>) {
        use EventDetails as E;
        let previous = self.place(event.previous_id);
        let at = Place {
            is_inside: false,
            ..previous
        };
        let at = match &event.details {
            E::StateEntered { name, state_type, .. } => self.enter(previous, name, *state_type, branches),
            E::StateExited { name, .. } => {
                let visit = self.ancestor(at.visit, |visit| *visit.name == **name);
                if let Some(visit) = visit.and_then(|visit| self.visits.get_mut(visit)) {
                    visit.has_ended = true;
                }
                Place { visit, ..at }
            }
            E::MapStateStarted { .. } => self.inside(at, StateType::Map),
            E::ParallelStateStarted => self.inside(at, StateType::Parallel),
            E::MapIterationStarted { name, index } => Place {
                visit: self.ancestor(at.visit, |visit| *visit.name == **name),
                is_inside: true,
                iteration: Some(*index),
            },
            E::MapIterationFailed { name, .. } | E::MapIterationAborted { name, .. } => Place {
                visit: self.ancestor(at.visit, |visit| *visit.name == **name),
                ..at
            },
            E::MapStateFailed => self.outside(at, StateType::Map),
            E::ParallelStateFailed => self.outside(at, StateType::Parallel),
            _ => at,
        };
        let id = usize::try_from(event.id).unwrap_or_default();
        self.places.resize(id.max(self.places.len()), Place::default());
        self.places.push(at);
    }

    fn enter(&mut self, previous: Place, name: &Text, state_type: StateType, branches: &HashMap<Text, usize>) -> Place {
        let before = previous.visit.and_then(|visit| self.visits.get(visit));
        let (parent, group) = match before {
            Some(around) if previous.is_inside => {
                let branch = (around.state_type == StateType::Parallel).then(|| branches.get(name).copied());
                (previous.visit, branch.unwrap_or(previous.iteration))
            }
            Some(before) => {
                self.transitions.insert((Text::clone(&before.name), Text::clone(name)));
                (before.parent, before.group)
            }
            None => (None, None),
        };
        self.visits.push(Visit {
            name: Text::clone(name),
            state_type,
            parent,
            group,
            has_ended: false,
        });
        Place {
            visit: Some(self.visits.len() - 1),
            is_inside: false,
            iteration: None,
        }
    }

    fn open(&self, from: Option<usize>, state_type: StateType) -> Option<usize> {
        self.ancestor(from, |visit| visit.state_type == state_type && !visit.has_ended)
    }

    fn inside(&self, at: Place, state_type: StateType) -> Place {
        Place {
            visit: self.open(at.visit, state_type),
            is_inside: true,
            iteration: None,
        }
    }

    fn outside(&self, at: Place, state_type: StateType) -> Place {
        Place {
            visit: self.open(at.visit, state_type),
            ..at
        }
    }

    fn place(&self, event: u64) -> Place {
        let event = usize::try_from(event).unwrap_or(usize::MAX);
        self.places.get(event).copied().unwrap_or_default()
    }

    /// The nearest visit that is meant: the given one, or one around it.
    fn ancestor(&self, from: Option<usize>, is_meant: impl Fn(&Visit) -> bool) -> Option<usize> {
        let mut at = from;
        while let Some(visit) = at.and_then(|at| self.visits.get(at)) {
            if is_meant(visit) {
                return at;
            }
            at = visit.parent;
        }
        from
    }
}
