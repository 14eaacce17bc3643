//! What data can look like at each state: paths to what can not be there, and data that gets too large.
//!
//! Shapes go through each machine once, in an order in which a state comes after all that lead to it. What a loop
//! leads back to may get anything, and so may the first state: nothing is known of the input of an execution.

mod expressions;
mod size;

use super::Findings;
use super::shape::Shape;
use crate::compile::place::Place;
use crate::path::ReferencePath;
use crate::program::{Machine, Placement, Stages, State, StateId, StateKind, Transition, Wait};
use expressions::Seen;
use std::collections::{HashMap, HashSet};

pub(super) fn check(root: &Place<'_>, machine: &Machine, findings: &mut Findings) {
    let mut flow = Flow {
        findings,
        maps: 0,
        constants: 0,
    };
    flow.machine(root, machine, Shape::UNKNOWN, &Context { is_in_map: false });
}

struct Flow<'f> {
    findings: &'f mut Findings,
    /// How many Map states have been looked at, which numbers them.
    maps: usize,
    /// How many expressions have been evaluated.
    constants: usize,
}

/// What the context object has.
struct Context {
    /// `$$.Map`.
    is_in_map: bool,
}

/// What leaves a state, and where it goes: none for the end of the machine.
type Exits = Vec<(Option<StateId>, Shape)>;

impl Flow<'_> {
    /// Lets data of a shape go through a machine, and gives the shape of what comes out.
    fn machine(&mut self, place: &Place<'_>, machine: &Machine, input: Shape, context: &Context) -> Shape {
        let Some(states) = place.member("States") else {
            return Shape::UNKNOWN;
        };
        let order = Order::of(machine);
        let mut inputs = HashMap::from([(machine.start.0, input)]);
        let mut output: Option<Shape> = None;
        for id in order.states {
            let (Some(state), Some(member)) = (machine.state(id), states.members().get(id.0 as usize)) else {
                continue;
            };
            let input = match order.loops.contains(&id.0) {
                true => Shape::UNKNOWN,
                false => inputs.remove(&id.0).unwrap_or(Shape::UNKNOWN),
            };
            for (next, shape) in self.state(&states.at(member), state, input, context) {
                let known = match next {
                    Some(next) => inputs.remove(&next.0),
                    None => output.take(),
                };
                let joined = match known {
                    Some(known) => known.or(shape),
                    None => shape,
                };
                match next {
                    Some(next) => drop(inputs.insert(next.0, joined)),
                    None => output = Some(joined),
                }
            }
        }
        output.unwrap_or(Shape::UNKNOWN)
    }

    fn state(&mut self, place: &Place<'_>, state: &State, input: Shape, context: &Context) -> Exits {
        match &state.stages {
            Stages::JsonPath(stages) => self.jsonpath(place, state, &stages.result_path, input, context),
            Stages::Jsonata(_) => self.jsonata(place, state, input, context),
        }
    }

    fn jsonpath(
        &mut self,
        place: &Place<'_>,
        state: &State,
        result_path: &Placement,
        input: Shape,
        context: &Context,
    ) -> Exits {
        let selected = self.selection(place, "InputPath", &Seen::jsonpath(&input, context));
        let effective = match (&state.kind, place.member("Parameters")) {
            // The old name of ItemSelector.
            (StateKind::Map(_), _) | (_, None) => selected.clone(),
            (_, Some(parameters)) => {
                let made = self.template(&parameters, &Seen::jsonpath(&selected, context));
                self.effective_input(place, state, &input, made)
            }
        };
        let result = match &state.kind {
            StateKind::Pass { result } => result.as_ref().map_or(effective, Shape::of),
            StateKind::Task(task) => {
                self.unbounded_result(place, &task.resource);
                Shape::UNKNOWN
            }
            StateKind::Parallel { branches } => self.parallel(place, branches, &effective, context),
            StateKind::Map(_) => {
                let items = self.selection(place, "ItemsPath", &Seen::jsonpath(&selected, context));
                self.map(
                    place,
                    state,
                    &Seen::jsonpath(&selected, context),
                    &items,
                    &Seen::jsonpath(&selected, &Context { is_in_map: true }),
                )
            }
            StateKind::Choice { .. } => {
                self.variables_of_rules(place, &Seen::jsonpath(&selected, context));
                selected.clone()
            }
            StateKind::Wait(wait) => {
                if let Wait::SecondsPath(_) | Wait::TimestampPath(_) = wait {
                    self.path_fields(
                        place,
                        &["SecondsPath", "TimestampPath"],
                        &Seen::jsonpath(&selected, context),
                    );
                }
                selected.clone()
            }
            StateKind::Fail { .. } => {
                self.path_fields(place, &["ErrorPath", "CausePath"], &Seen::jsonpath(&selected, context));
                return Vec::new();
            }
            StateKind::Succeed => selected.clone(),
        };
        let result = self.result(place, state, &input, result);
        if let Some(assign) = place.member("Assign") {
            self.template(&assign, &Seen::jsonpath(&result, context));
        }
        let result = match place.member("ResultSelector") {
            Some(selector) => self.template(&selector, &Seen::jsonpath(&result, context)),
            None => result,
        };
        let moves_on = matches!(
            state.kind,
            StateKind::Choice { .. } | StateKind::Wait(_) | StateKind::Succeed
        );
        let placed = match moves_on {
            true => result,
            false => put(result_path, input.clone(), result),
        };
        let output = self.selection(place, "OutputPath", &Seen::jsonpath(&placed, context));
        let output = self.limited(place, state, "output", &input, output);
        let mut exits = self.exits(place, state, output, &Seen::jsonpath(&input, context));
        for catcher in &state.catch {
            exits.push((
                Some(catcher.next),
                put(&catcher.result_path, input.clone(), error_output()),
            ));
        }
        exits
    }

    fn jsonata(&mut self, place: &Place<'_>, state: &State, input: Shape, context: &Context) -> Exits {
        let seen = Seen::jsonata(&input, context);
        let field = |flow: &mut Flow<'_>, name: &str, seen: &Seen<'_>| {
            let place = place.member(name)?;
            Some(flow.query(&place, seen))
        };
        let effective = field(self, "Arguments", &seen).unwrap_or_else(|| input.clone());
        let effective = self.effective_input(place, state, &input, effective);
        let result = match &state.kind {
            StateKind::Task(task) => {
                self.unbounded_result(place, &task.resource);
                Shape::UNKNOWN
            }
            StateKind::Parallel { branches } => self.parallel(place, branches, &effective, context),
            StateKind::Map(_) => {
                let items = field(self, "Items", &seen).unwrap_or_else(|| input.clone());
                self.map(
                    place,
                    state,
                    &seen,
                    &items,
                    &Seen::jsonata(&input, &Context { is_in_map: true }),
                )
            }
            StateKind::Fail { .. } => {
                for name in ["Error", "Cause"] {
                    field(self, name, &seen);
                }
                return Vec::new();
            }
            StateKind::Wait(_) => {
                for name in ["Seconds", "Timestamp"] {
                    field(self, name, &seen);
                }
                input.clone()
            }
            StateKind::Pass { .. } | StateKind::Choice { .. } | StateKind::Succeed => input.clone(),
        };
        let result = self.result(place, state, &input, result);
        let after = match has_result(state) {
            true => seen.with("result", &result),
            false => seen.clone(),
        };
        field(self, "Assign", &after);
        let output = field(self, "Output", &after).unwrap_or(result);
        let output = self.limited(place, state, "output", &input, output);
        let mut exits = self.exits(place, state, output, &seen);
        let error = error_output();
        let caught = seen.with("errorOutput", &error);
        let catch = place.member("Catch");
        let entries = catch.as_ref().and_then(Place::items).into_iter().flatten();
        for (entry, catcher) in entries.zip(&state.catch) {
            if let Some(assign) = entry.member("Assign") {
                self.query(&assign, &caught);
            }
            let output = match entry.member("Output") {
                Some(output) => self.query(&output, &caught),
                None => error.clone(),
            };
            exits.push((Some(catcher.next), output));
        }
        exits
    }

    /// Where the output of a state goes; rules of Choice states may have outputs of their own.
    fn exits(&mut self, place: &Place<'_>, state: &State, output: Shape, seen: &Seen<'_>) -> Exits {
        let StateKind::Choice { rules, default } = &state.kind else {
            return match state.transition {
                Transition::Next(next) => vec![(Some(next), output)],
                Transition::End => vec![(None, output)],
            };
        };
        let is_jsonata = matches!(state.stages, Stages::Jsonata(_));
        let choices = place.member("Choices");
        let entries = choices.as_ref().and_then(Place::items).into_iter().flatten();
        let mut exits = Vec::new();
        for (entry, rule) in entries.zip(rules) {
            let own = entry.member("Output").filter(|_| is_jsonata);
            let shape = match own {
                Some(own) => self.query(&own, seen),
                // The state's Output counts only when no rule matches.
                None if is_jsonata => seen.input().clone(),
                None => output.clone(),
            };
            exits.push((Some(rule.next), shape));
        }
        exits.extend(default.map(|default| (Some(default), output)));
        exits
    }

    fn effective_input(&mut self, place: &Place<'_>, state: &State, input: &Shape, made: Shape) -> Shape {
        match has_result(state) {
            true => self.limited(place, state, "effective input", input, made),
            false => made,
        }
    }

    /// Looks at the size of a result before it is placed: it is limited even if nothing is made of it.
    fn result(&mut self, place: &Place<'_>, state: &State, input: &Shape, result: Shape) -> Shape {
        match has_result(state) {
            true => self.limited(place, state, "result", input, result),
            false => result,
        }
    }

    fn parallel(&mut self, place: &Place<'_>, branches: &[Machine], input: &Shape, context: &Context) -> Shape {
        let Some(places) = place.member("Branches") else {
            return Shape::UNKNOWN;
        };
        let outputs = places.items().into_iter().flatten().zip(branches);
        let outputs = outputs.map(|(place, branch)| self.machine(&place, branch, input.clone(), context));
        Shape::array(outputs.collect())
    }

    /// `seen` is what the state's own fields see, `item_seen` what its ItemSelector does.
    fn map(&mut self, place: &Place<'_>, state: &State, seen: &Seen<'_>, items: &Shape, item_seen: &Seen<'_>) -> Shape {
        let StateKind::Map(map) = &state.kind else {
            return Shape::UNKNOWN;
        };
        self.maps += 1;
        let number = self.maps;
        let (item, least) = items.as_list().unwrap_or((Shape::UNKNOWN, 0));
        let selector = place.member("ItemSelector").or_else(|| place.member("Parameters"));
        let input = match &selector {
            None => item,
            Some(selector) => {
                // The whole input in each item makes the results grow with the square of it.
                let is_suspect = !items.is_bounded() && seen.input().is_open();
                let seen = match is_suspect {
                    true => item_seen.with_whole(number),
                    false => item_seen.clone(),
                };
                self.construction(selector, &seen)
            }
        };
        let processor = place.member("ItemProcessor").or_else(|| place.member("Iterator"));
        let output = match processor {
            Some(processor) => self.machine(&processor, &map.processor, input, &Context { is_in_map: true }),
            None => Shape::UNKNOWN,
        };
        if let Some(selector) = selector.filter(|_| output.holds_whole(number)) {
            self.whole_input_in_each_result(&selector, state);
        }
        Shape::list(output, least)
    }
}

fn has_result(state: &State) -> bool {
    matches!(
        state.kind,
        StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_)
    )
}

fn put(result_path: &Placement, input: Shape, result: Shape) -> Shape {
    let leads = |path: &ReferencePath, input: Shape, result| input.placed(path.as_path().leads(), result);
    match result_path {
        Placement::Whole => result,
        Placement::At(path) => leads(path, input, result),
        Placement::Discard => input,
    }
}

fn error_output() -> Shape {
    Shape::object_of_any(["Error", "Cause"])
}

/// The states of a machine, each after all that lead to it, but for loops.
struct Order {
    states: Vec<StateId>,
    /// What something later leads back to.
    loops: HashSet<u32>,
}

impl Order {
    fn of(machine: &Machine) -> Order {
        /// Goes into a state, or leaves it when all that follow it are done.
        enum Step {
            Enter(StateId),
            Leave(StateId),
        }
        let (mut entered, mut left, mut loops) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut states = Vec::new();
        let mut steps = vec![Step::Enter(machine.start)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Leave(id) => {
                    left.insert(id.0);
                    states.push(id);
                }
                Step::Enter(id) if !entered.insert(id.0) => {
                    if !left.contains(&id.0) {
                        loops.insert(id.0);
                    }
                }
                Step::Enter(id) => {
                    steps.push(Step::Leave(id));
                    let successors = machine.state(id).map(State::successors).unwrap_or_default();
                    steps.extend(successors.into_iter().map(Step::Enter));
                }
            }
        }
        states.reverse();
        Order { states, loops }
    }
}
