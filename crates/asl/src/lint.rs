//! Warnings about definitions that run, but not as well as they could: what neither the service nor the compiler
//! has anything against.
//!
//! They are found after a definition has compiled, by going through its text and its program side by side, and
//! only when somebody asks for them: the function never does, so they cost it nothing and are not in its log.

mod effects;
mod flow;
mod handlers;
mod retry;
mod shape;
mod swallowed;
mod time;

use crate::compile::place::Place;
use crate::compile::{Compilation, compile};
use crate::definition::{self, Substitutions};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity, Span};
use crate::document::Text;
use crate::program::{Machine, Program, Retrier, State, StateKind};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an Express workflow runs at most.
///
/// # Source
/// "Quotas for Step Functions" in the AWS documentation.
const EXPRESS_TIME_MAX: Duration = Duration::from_secs(300);

/// Compiles a definition as [`compile`] does, and looks for what is doubtful about it. [`Code::WARNINGS`] lists
/// what that can be.
///
/// # Errors
/// All that is wrong with the definition, at once. Doubts are for definitions that can run.
pub fn check(text: &str, substitutions: &BTreeMap<String, String>) -> Result<Compilation, Diagnostics> {
    let mut compilation = compile(text, substitutions)?;
    // What compiled can be read again.
    if let Ok(node) = definition::parse(text, &mut Substitutions::new(substitutions)) {
        let found = lint(&Place::root(&node), &compilation.program);
        let list = &mut compilation.warnings.list;
        list.extend(found);
        list.sort_by_key(|diagnostic| (diagnostic.pointer.is_none(), diagnostic.span.start));
    }
    Ok(compilation)
}

fn lint(root: &Place<'_>, program: &Program) -> Vec<Diagnostic> {
    let mut linter = Linter {
        findings: Findings::default(),
        time_max: program
            .timeout
            .map_or(EXPRESS_TIME_MAX, |max| max.min(EXPRESS_TIME_MAX)),
    };
    linter.machine(root, &program.machine, None);
    flow::check(root, &program.machine, &mut linter.findings);
    linter.findings.list
}

/// What has been found so far.
#[derive(Default)]
struct Findings {
    list: Vec<Diagnostic>,
}

impl Findings {
    fn warn(&mut self, place: &Place<'_>, code: Code, message: impl Into<String>, help: impl Into<String>) {
        self.warn_at(place, place.span(), code, message, help);
    }

    /// A finding about a place of which only a part is to be shown.
    fn warn_at(
        &mut self,
        place: &Place<'_>,
        span: Span,
        code: Code,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.list.push(Diagnostic {
            code,
            severity: Severity::Warning,
            message: message.into(),
            pointer: Some(place.pointer()),
            location: Some(place.location()),
            span,
            help: Some(help.into()),
        });
    }
}

/// Looks at each state for itself.
struct Linter {
    findings: Findings,
    /// When the execution ends at the latest.
    time_max: Duration,
}

/// The Map and Parallel states around a state, the nearest first.
struct Around<'a> {
    state: &'a State,
    next: Option<&'a Around<'a>>,
}

impl Around<'_> {
    /// Whether any of these states tries its children again, in a way that `is_meant` recognizes; gives its name.
    fn find_retrier(around: Option<&Around<'_>>, is_meant: impl Fn(&Retrier) -> bool) -> Option<Text> {
        let mut around = around;
        while let Some(Around { state, next }) = around {
            if state.retry.iter().any(&is_meant) {
                return Some(Text::clone(&state.name));
            }
            around = *next;
        }
        None
    }
}

impl Linter {
    fn machine(&mut self, place: &Place<'_>, machine: &Machine, around: Option<&Around<'_>>) {
        let Some(states) = place.member("States") else {
            return;
        };
        for (member, state) in states.members().iter().zip(machine.states()) {
            let place = states.at(member);
            self.state(&place, state, around);
            self.swallowed_errors(&place, state, machine, &states);
            let within = Around { state, next: around };
            each_machine(&place, state, &mut |place, machine| {
                self.machine(place, machine, Some(&within));
            });
        }
    }

    fn state(&mut self, place: &Place<'_>, state: &State, around: Option<&Around<'_>>) {
        self.unreachable_handlers(place, state);
        self.retries_in_time(place, state);
        match &state.kind {
            StateKind::Wait(wait) => self.wait_in_time(place, wait),
            StateKind::Task(task) => {
                let effect = effects::effect(place, &task.resource);
                match effect {
                    Some(effect) => self.repeated_effect(place, state, &effect, around),
                    None => self.missing_retry(place, state, &task.resource, around),
                }
            }
            _ => {}
        }
    }
}

/// Hands over the machines inside a Map or Parallel state.
fn each_machine(place: &Place<'_>, state: &State, visit: &mut dyn FnMut(&Place<'_>, &Machine)) {
    match &state.kind {
        StateKind::Parallel { branches } => {
            let Some(places) = place.member("Branches") else {
                return;
            };
            for (place, branch) in places.items().into_iter().flatten().zip(branches) {
                visit(&place, branch);
            }
        }
        StateKind::Map(map) => {
            let processor = place.member("ItemProcessor").or_else(|| place.member("Iterator"));
            if let Some(processor) = processor {
                visit(&processor, &map.processor);
            }
        }
        _ => {}
    }
}
