//! Definition text into a checked program.
//!
//! One pass over the definition builds the program and collects everything that is wrong. Each topic has a
//! module: machines here, states in `state`, rules of Choice states in `choice`, Retry and Catch in
//! `handlers`, the `Resource` of tasks in `resource`, and the readers of single fields in `fields`.

mod choice;
mod distributed;
mod fields;
mod flow;
mod handlers;
mod inspect;
pub(crate) mod place;
mod query;
mod resource;
mod state;
mod task;
mod variables;
mod visit;

use crate::call::Call;
use crate::definition::{self, Node, Substitutions};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity, Span};
use crate::document::Text;
use crate::program::{Machine, Program, Requirements, StateId, StateKind, Transition, VariableUse};
use place::Place;
use std::collections::{BTreeMap, HashMap, HashSet};

pub use inspect::{Inspected, Inspection, inspect};

/// A compiled definition, and what looked doubtful about it.
#[derive(Debug)]
pub struct Compilation {
    /// The program.
    pub program: Program,
    /// Findings that do not keep the program from running.
    pub warnings: Diagnostics,
    /// What its Task states call, in the order of the definition, for checks that know the services.
    pub calls: Vec<Call>,
}

/// The longest definition that Step Functions takes, in bytes.
pub const DEFINITION_BYTES_MAX: usize = 1_048_576;

/// How deep Map and Parallel states may nest. Deeper than any real definition, shallow enough for the stack.
const NESTING_MAX: u32 = 64;

/// The longest name of a state, in characters.
const STATE_NAME_CHARACTERS_MAX: usize = 80;

/// Compiles a definition, JSON or YAML, after replacing `${Name}` by `substitutions`.
///
/// # Errors
/// All that is wrong with the definition, at once.
pub fn compile(text: &str, substitutions: &BTreeMap<String, String>) -> Result<Compilation, Diagnostics> {
    let mut compiler = Compiler::default();
    let program = compiler.definition(text, substitutions);
    let mut list = compiler.list;
    // In the order of the text; findings about the whole come last.
    list.sort_by_key(|diagnostic| (diagnostic.pointer.is_none(), diagnostic.span.start));
    let diagnostics = Diagnostics {
        list,
        text: text.to_owned(),
    };
    match program {
        Some(program) if !diagnostics.has_errors() => Ok(Compilation {
            program,
            warnings: diagnostics,
            calls: compiler.calls,
        }),
        _ => Err(diagnostics),
    }
}

/// What has been found and gathered so far.
#[derive(Default)]
struct Compiler {
    workflows: Workflows,
    list: Vec<Diagnostic>,
    state_names: HashSet<Text>,
    requirements: Requirements,
    calls: Vec<Call>,
    /// The query language of the definition as a whole.
    language: Language,
    scopes: variables::Scopes,
    variables: VariableUse,
    references: Vec<flow::Reference>,
    /// The states that are being compiled, the innermost last.
    within: Vec<Text>,
}

/// Which workflows a definition may be for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Workflows {
    /// Express workflows, which is what runs.
    #[default]
    Express,
    /// Standard workflows too, which can be looked into.
    All,
}

/// The query languages of states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Language {
    #[default]
    JsonPath,
    Jsonata,
}

/// The states of the machine being compiled, by name.
type StateIds<'n> = HashMap<&'n str, StateId>;

impl Compiler {
    fn definition(&mut self, text: &str, values: &BTreeMap<String, String>) -> Option<Program> {
        let node = self.parse(text, values)?;
        self.program(&Place::root(&node))
    }

    /// The definition as a tree whose root is an object.
    fn parse(&mut self, text: &str, values: &BTreeMap<String, String>) -> Option<Node> {
        if text.len() > DEFINITION_BYTES_MAX {
            let message = format!("The definition is longer than {DEFINITION_BYTES_MAX} bytes");
            self.push(
                Code::SchemaValidationFailed,
                Severity::Error,
                message,
                None,
                Span::default(),
            );
            return None;
        }
        if text.trim().is_empty() {
            self.not_an_object();
            return None;
        }
        let mut substitutions = Substitutions::new(values);
        let node = match definition::parse(text, &mut substitutions) {
            Ok(node) => node,
            Err(error) => {
                let span = Span {
                    start: error.offset.min(text.len()),
                    end: error.offset.min(text.len()),
                };
                let place = format!(
                    "[Source: (String)\"{}\"; line: {}, column: {}]",
                    text.chars().take(500).collect::<String>(),
                    error.line,
                    error.column
                );
                let message = format!("{}\n at {place}", error.message);
                self.push(
                    Code::InvalidJsonDescription,
                    Severity::Error,
                    message,
                    Some(place),
                    span,
                );
                return None;
            }
        };
        for (name, span) in substitutions.unknown {
            let message = format!("The substitution '${{{name}}}' has no value");
            self.push(Code::UnknownSubstitution, Severity::Warning, message, None, span);
            self.help("it stays in the text as it is");
        }
        if !Place::root(&node).is_object() {
            self.not_an_object();
            return None;
        }
        Some(node)
    }

    fn program(&mut self, root: &Place<'_>) -> Option<Program> {
        self.known_fields(
            root,
            &[
                "Comment",
                "StartAt",
                "States",
                "Version",
                "TimeoutSeconds",
                "QueryLanguage",
            ],
        );
        self.language = self.query_language(root, Language::JsonPath);
        if let Some(version) = root.member("Version")
            && self.text(&version).is_some_and(|version| *version != *"1.0")
        {
            self.one_of(&version, &["1.0"]);
        }
        let timeout = root.member("TimeoutSeconds").and_then(|place| self.seconds(&place, 1));
        let machine = self.machine(root, 0)?;
        self.check_variable_flow(&machine);
        Some(Program {
            machine,
            timeout: timeout.map(std::time::Duration::from_secs),
            requirements: std::mem::take(&mut self.requirements),
            variables: std::mem::take(&mut self.variables),
        })
    }

    fn not_an_object(&mut self) {
        let message = "Definition must be a valid JSON object".to_owned();
        self.push(
            Code::SchemaValidationFailed,
            Severity::Error,
            message,
            None,
            Span::default(),
        );
    }

    /// Compiles `StartAt` and `States` of this object.
    fn machine(&mut self, place: &Place<'_>, nesting: u32) -> Option<Machine> {
        if nesting > NESTING_MAX {
            self.error(
                place,
                Code::TooDeeplyNested,
                format!("States are nested deeper than {NESTING_MAX} levels"),
            );
            return None;
        }
        self.required(place, &["States", "StartAt"])?;
        let states = place.member("States")?;
        let start_at = place.member("StartAt")?;
        if !states.is_object() {
            self.schema_error(&states, "The field 'States' must be an object");
            return None;
        }
        if states.members().is_empty() {
            self.schema_error(&states, "Value cannot be empty");
            return None;
        }
        let mut ids = StateIds::new();
        // Of states with the same name the last counts; the first ones have been reported.
        for member in states.members() {
            let next_id = StateId(u32::try_from(ids.len()).unwrap_or(u32::MAX));
            let is_repeated = ids.insert(&member.key, next_id).is_some();
            let place = states.at(member);
            if is_repeated || !self.state_names.insert(Text::clone(&member.key)) {
                let message = format!("The state name '{}' appears more than once", member.key);
                self.error(&place, Code::DuplicateStateName, message);
            }
            if member.key.chars().count() > STATE_NAME_CHARACTERS_MAX || member.key.is_empty() {
                let message = format!("The state name must have 1 to {STATE_NAME_CHARACTERS_MAX} characters");
                self.error(&place, Code::InvalidStateName, message);
            }
        }
        let start = self.target(&start_at, &ids);
        self.scopes.enter(&states);
        let compiled: Vec<_> = states
            .members()
            .iter()
            .map(|member| self.state(&states.at(member), &ids, nesting))
            .collect();
        self.scopes.leave();
        let start = start?;
        let compiled = compiled.into_iter().collect::<Option<Vec<_>>>()?;
        let machine = Machine {
            start,
            states: compiled.into(),
        };
        self.check_flow(&machine, place, &states);
        Some(machine)
    }

    /// Every machine can end, and every state can be reached.
    fn check_flow(&mut self, machine: &Machine, place: &Place<'_>, states: &Place<'_>) {
        let is_end = |kind: &StateKind| matches!(kind, StateKind::Succeed | StateKind::Fail { .. });
        let has_end = machine.states().any(|state| {
            is_end(&state.kind)
                || !matches!(state.kind, StateKind::Choice { .. }) && state.transition == Transition::End
        });
        if !has_end {
            let location = (place.location() != "/").then(|| place.location());
            let pointer = location.as_ref().map(|_| place.pointer());
            let message = "Workflow has no terminal state".to_owned();
            self.push(Code::MissingEndState, Severity::Error, message, location, place.span());
            if let Some(last) = self.list.last_mut() {
                last.pointer = pointer;
            }
            // Step Functions looks no further in this case either.
            return;
        }
        let mut reached = HashSet::new();
        let mut waiting = vec![machine.start];
        while let Some(id) = waiting.pop() {
            if !reached.insert(id.0) {
                continue;
            }
            if let Some(state) = machine.state(id) {
                waiting.extend(state.successors());
            }
        }
        for (at, (member, state)) in states.members().iter().zip(machine.states()).enumerate() {
            if !reached.contains(&(at as u32)) {
                let place = states.at(member);
                let message = format!("State \"{}\" is not reachable.", state.name);
                self.push_at(&place, Code::MissingTransitionTarget, Severity::Error, message);
                if let Some(last) = self.list.last_mut() {
                    last.span = member.key_span;
                }
            }
        }
    }

    /// The state that a field names.
    fn target(&mut self, place: &Place<'_>, ids: &StateIds<'_>) -> Option<StateId> {
        let name = self.text(place)?;
        if let Some(id) = ids.get(&*name) {
            return Some(*id);
        }
        self.error(
            place,
            Code::MissingTransitionTarget,
            format!("Missing 'Next' target: {name}"),
        );
        self.did_you_mean(&name, ids.keys().copied());
        None
    }
}
