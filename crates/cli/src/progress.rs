//! An execution as people like to see it: a line for each state that ended, and how it ended.

use crate::answer::{Aborted, INTERNAL_ERROR};
use crate::style;
use anstyle::Style;
use expressway_asl::document::Text;
use expressway_asl::program::StateType;
use expressway_engine::history::{EventDetails, HistoryEvent};
use expressway_engine::{Execution, Outcome, StateError};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// Follows the events of one execution.
pub(crate) struct Progress {
    /// The visits of states so far.
    visits: Vec<Visit>,
    /// Where each event happened, by its id: what follows an event happens there too, or next to it.
    places: Vec<Place>,
}

/// One visit of one state.
struct Visit {
    name: Text,
    state_type: StateType,
    depth: usize,
    /// The Map or Parallel state around it.
    parent: Option<usize>,
    /// The Map iteration it belongs to.
    iteration: Option<usize>,
    entered: SystemTime,
    attempts: u32,
    /// The last error, until it is shown.
    error: Option<Failed>,
    has_ended: bool,
}

struct Failed {
    error: StateError,
    time: SystemTime,
    /// Whether a state inside failed, which has a line of its own.
    is_inherited: bool,
}

#[derive(Clone, Copy, Default)]
struct Place {
    visit: Option<usize>,
    /// Whether states that follow are inside that visit, not next to it.
    is_inside: bool,
    iteration: Option<usize>,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        Progress {
            visits: Vec::new(),
            places: vec![Place::default()],
        }
    }

    /// Shows what there is to show about one more event.
    pub(crate) fn show(&mut self, out: &mut dyn Write, event: &HistoryEvent) -> io::Result<()> {
        use EventDetails as E;
        let previous = self.place(event.previous_id);
        let at = Place {
            is_inside: false,
            ..previous
        };
        let at = match &event.details {
            E::StateEntered { name, state_type, .. } => {
                let place = self.enter(previous, Text::clone(name), *state_type, event.time);
                self.show_container(out, place.visit)?;
                place
            }
            E::StateExited { name, .. } => {
                let visit = self.ancestor(at.visit, |visit| *visit.name == **name);
                self.show_end(out, visit, event.time)?;
                Place { visit, ..at }
            }
            E::MapStateStarted { .. } => self.start_inside(out, at, StateType::Map, event.time)?,
            E::ParallelStateStarted => self.start_inside(out, at, StateType::Parallel, event.time)?,
            E::MapIterationStarted { name, index } => Place {
                visit: self.ancestor(at.visit, |visit| *visit.name == **name),
                is_inside: true,
                iteration: Some(*index),
            },
            E::LambdaFunctionScheduled { .. } | E::TaskScheduled(_) => {
                self.show_retry(out, at.visit, event.time)?;
                at
            }
            E::LambdaFunctionFailed(error)
            | E::LambdaFunctionTimedOut(error)
            | E::TaskFailed(_, error)
            | E::TaskTimedOut(_, error) => {
                if let Some(visit) = self.visit_mut(at.visit) {
                    visit.error = Some(Failed {
                        error: error.clone(),
                        time: event.time,
                        is_inherited: false,
                    });
                }
                at
            }
            E::StateAborted { .. } => {
                self.show_aborted(out, at.visit)?;
                at
            }
            E::MapIterationFailed { name, .. } | E::MapIterationAborted { name, .. } => {
                self.show_failure(out, at.visit, event.time)?;
                let visit = self.ancestor(at.visit, |visit| *visit.name == **name);
                Place { visit, ..at }
            }
            E::MapStateFailed | E::ParallelStateFailed => {
                self.show_failure(out, at.visit, event.time)?;
                let around = self.visit(at.visit).and_then(|visit| visit.parent);
                let visit = if previous.is_inside { at.visit } else { around };
                Place { visit, ..at }
            }
            E::ExecutionFailed(_) | E::ExecutionTimedOut(_) | E::ExecutionAborted(_) => {
                self.show_failure(out, at.visit, event.time)?;
                at
            }
            _ => at,
        };
        self.remember(event.id, at);
        Ok(())
    }

    fn enter(&mut self, previous: Place, name: Text, state_type: StateType, entered: SystemTime) -> Place {
        let (parent, iteration) = match self.visit(previous.visit) {
            Some(_) if previous.is_inside => (previous.visit, previous.iteration),
            Some(before) => (before.parent, before.iteration),
            None => (None, None),
        };
        let depth = self.visit(parent).map_or(0, |parent| parent.depth + 1);
        self.visits.push(Visit {
            name,
            state_type,
            depth,
            parent,
            iteration,
            entered,
            attempts: 0,
            error: None,
            has_ended: false,
        });
        Place {
            visit: Some(self.visits.len() - 1),
            is_inside: false,
            iteration,
        }
    }

    /// Map and Parallel states have a line when they begin, above the states inside.
    fn show_container(&self, out: &mut dyn Write, visit: Option<usize>) -> io::Result<()> {
        match self.visit(visit) {
            Some(visit) if matches!(visit.state_type, StateType::Map | StateType::Parallel) => {
                visit.line(out, style::FAINT, '>', "")
            }
            Some(visit) if visit.state_type == StateType::Fail => visit.line(out, style::ERROR, 'x', ""),
            _ => Ok(()),
        }
    }

    /// The states inside a Map or Parallel state begin, perhaps again.
    fn start_inside(
        &mut self,
        out: &mut dyn Write,
        at: Place,
        state_type: StateType,
        now: SystemTime,
    ) -> io::Result<Place> {
        // After a failed attempt, this follows what failed inside.
        let visit = self.ancestor(at.visit, |visit| visit.state_type == state_type && !visit.has_ended);
        self.show_retry(out, visit, now)?;
        Ok(Place {
            visit,
            is_inside: true,
            iteration: self.visit(visit).and_then(|visit| visit.iteration),
        })
    }

    /// A second attempt begins: shows how the first one failed.
    fn show_retry(&mut self, out: &mut dyn Write, visit: Option<usize>, now: SystemTime) -> io::Result<()> {
        let Some(visit) = self.visit_mut(visit) else {
            return Ok(());
        };
        visit.attempts += 1;
        if visit.attempts == 1 {
            return Ok(());
        }
        let (error, since) = match visit.error.take() {
            Some(failed) => (
                describe(&failed.error),
                now.duration_since(failed.time).unwrap_or_default(),
            ),
            None => ("failed".to_owned(), Duration::ZERO),
        };
        let after = duration(since).map_or_else(String::new, |since| format!(" after {since}"));
        let attempt = visit.attempts - 1;
        visit.line(
            out,
            style::WARNING,
            '~',
            &format!("attempt {attempt}: {error}, retried{after}"),
        )
    }

    fn show_end(&mut self, out: &mut dyn Write, visit: Option<usize>, now: SystemTime) -> io::Result<()> {
        let Some(visit) = self.visit_mut(visit) else {
            return Ok(());
        };
        visit.has_ended = true;
        let mut notes = Vec::new();
        notes.extend(duration(now.duration_since(visit.entered).unwrap_or_default()));
        if visit.attempts > 1 {
            notes.push(format!("{} attempts", visit.attempts));
        }
        let error = visit.error.take();
        notes.extend(
            error
                .as_ref()
                .map(|failed| format!("caught {}", describe(&failed.error))),
        );
        let (style, mark) = match error {
            Some(_) => (style::WARNING, '!'),
            None => (style::SUCCESS, '+'),
        };
        visit.line(out, style, mark, &notes.join(", "))
    }

    /// Something failed for good; shows the state where it began, once, and remembers why for the state around it.
    fn show_failure(&mut self, out: &mut dyn Write, visit: Option<usize>, now: SystemTime) -> io::Result<()> {
        let Some(visit) = self.visit_mut(visit).filter(|visit| !visit.has_ended) else {
            return Ok(());
        };
        visit.has_ended = true;
        let failed = visit.error.take();
        let own = failed.as_ref().filter(|failed| !failed.is_inherited);
        let note = own.map(|failed| describe(&failed.error)).unwrap_or_default();
        if visit.state_type != StateType::Fail {
            visit.line(out, style::ERROR, 'x', &note)?;
        }
        let around = visit.parent;
        if let Some(around) = self.visit_mut(around) {
            // A Fail state has no event that tells its error.
            let unknown = StateError {
                name: None,
                cause: None,
            };
            around.error = Some(Failed {
                error: failed.map_or(unknown, |failed| failed.error),
                time: now,
                is_inherited: true,
            });
        }
        Ok(())
    }

    /// A state was given up because another one failed.
    fn show_aborted(&mut self, out: &mut dyn Write, visit: Option<usize>) -> io::Result<()> {
        // The state that failed is listed among those that were aborted too (recorded: `*parallel_state*`).
        match self.visit_mut(visit) {
            Some(visit) if !visit.has_ended && visit.error.is_none() => {
                visit.has_ended = true;
                visit.line(out, style::FAINT, '-', "aborted")
            }
            _ => Ok(()),
        }
    }

    fn place(&self, event: u64) -> Place {
        let event = usize::try_from(event).unwrap_or(usize::MAX);
        self.places.get(event).copied().unwrap_or_default()
    }

    /// Events come in the order of their ids.
    fn remember(&mut self, event: u64, place: Place) {
        let event = usize::try_from(event).unwrap_or_default();
        self.places.resize(event.max(self.places.len()), Place::default());
        self.places.push(place);
    }

    fn visit(&self, visit: Option<usize>) -> Option<&Visit> {
        self.visits.get(visit?)
    }

    fn visit_mut(&mut self, visit: Option<usize>) -> Option<&mut Visit> {
        self.visits.get_mut(visit?)
    }

    /// The nearest visit that is meant: the given one, or one around it.
    fn ancestor(&self, from: Option<usize>, is_meant: impl Fn(&Visit) -> bool) -> Option<usize> {
        let mut at = from;
        while let Some(visit) = self.visit(at) {
            if is_meant(visit) {
                return at;
            }
            at = visit.parent;
        }
        from
    }
}

impl Visit {
    /// `+ Task        Charge payment [2]                1.2 s`
    fn line(&self, out: &mut dyn Write, style: Style, mark: char, note: &str) -> io::Result<()> {
        let faint = style::FAINT;
        let mut name = format!("{:indent$}{}", "", self.name, indent = 2 * self.depth);
        if let Some(index) = self.iteration {
            name.push_str(&format!(" [{index}]"));
        }
        let kind = self.state_type.to_string();
        if note.is_empty() {
            return writeln!(out, "{style}{mark}{style:#} {faint}{kind:8}{faint:#}  {name}");
        }
        writeln!(
            out,
            "{style}{mark}{style:#} {faint}{kind:8}{faint:#}  {name:36}  {faint}{note}{faint:#}"
        )
    }
}

/// Writes how the execution ended; an error stands for one that was aborted.
pub(crate) fn write_end(out: &mut dyn Write, ended: Result<&Execution, &Aborted>) -> io::Result<()> {
    let (heading, bad) = (style::HEADING, style::ERROR);
    let execution = match ended {
        Ok(execution) => execution,
        Err(aborted) => {
            let time = aborted.stopped.duration_since(aborted.started).unwrap_or_default();
            let time = duration(time).unwrap_or_else(|| "0 ms".to_owned());
            return writeln!(out, "\n{bad}ABORTED{bad:#} by Ctrl-C after {time}");
        }
    };
    let style = match execution.outcome {
        Outcome::Succeeded(_) => style::SUCCESS,
        _ => style::ERROR,
    };
    let status = execution.outcome.status();
    let time = execution.stopped.duration_since(execution.started).unwrap_or_default();
    let time = duration(time).map_or_else(String::new, |time| format!(" in {time}"));
    let plural = if execution.transitions == 1 { "" } else { "s" };
    writeln!(
        out,
        "\n{style}{status}{style:#}{time}, {} transition{plural}",
        execution.transitions
    )?;
    let (error, cause) = match &execution.outcome {
        Outcome::Succeeded(output) => return writeln!(out, "{}", output.to_json_pretty()),
        Outcome::Failed(error) => (error.name.as_ref().map(ToString::to_string), error.cause.as_deref()),
        Outcome::TimedOut | Outcome::Interrupted => (None, None),
        Outcome::Faulted(fault) => {
            writeln!(out, "{heading}error{heading:#}: {INTERNAL_ERROR}")?;
            return writeln!(out, "{heading}cause{heading:#}: {fault}");
        }
    };
    if let Some(error) = error {
        writeln!(out, "{heading}error{heading:#}: {error}")?;
    }
    match cause {
        Some(cause) => writeln!(out, "{heading}cause{heading:#}: {cause}"),
        None => Ok(()),
    }
}

/// `Name: cause`, on one line.
fn describe(error: &StateError) -> String {
    /// Enough to know what it is about; the whole cause is in the history.
    const CAUSE_CHARACTERS_MAX: usize = 100;
    let mut text = error.name.as_ref().map_or("an error", |name| name.as_str()).to_owned();
    if let Some(cause) = &error.cause {
        text.push_str(": ");
        let characters = cause.chars().map(|c| if c.is_control() { ' ' } else { c });
        text.extend(characters.take(CAUSE_CHARACTERS_MAX));
        if cause.chars().nth(CAUSE_CHARACTERS_MAX).is_some() {
            text.push_str("...");
        }
    }
    text
}

/// A duration for people; none if it is not worth a word.
fn duration(duration: Duration) -> Option<String> {
    let milliseconds = duration.as_millis();
    match milliseconds {
        0 => None,
        1..1_000 => Some(format!("{milliseconds} ms")),
        1_000..60_000 => Some(format!("{:.1} s", duration.as_secs_f64())),
        _ => Some(format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60)),
    }
}
