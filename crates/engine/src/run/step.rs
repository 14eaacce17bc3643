//! States whose work takes no time, and waiting.

#![warn(clippy::arithmetic_side_effects)]

use super::context::Seen;
use super::machine::{StateEnd, Track, Variables, Visit};
use super::values::{Evaluation, Stop};
use super::{Failure, Run, Stage};
use crate::{StateError, later};
use expressway_asl::Document;
use expressway_asl::document::{Number, Text};
use expressway_asl::error_name::ErrorName;
use expressway_asl::path::Path;
use expressway_asl::program::{
    ChoiceRule, Condition, Construction, FailText, Operand, Stages, StateId, StateKind, Transition, Wait,
};
use expressway_asl::query::{Query, QueryError};
use expressway_asl::scope::Scope;
use expressway_asl::timestamp::Timestamp;
use std::time::{Duration, SystemTime};

/// The longest that the service lets a Wait state wait, in seconds: what an `int` of its language holds.
const WAIT_SECONDS_MAX: u64 = i32::MAX as u64;

impl Run<'_> {
    /// Does the work of a Pass, Choice, Succeed or Fail state, or what is left of a Wait state.
    pub(super) async fn step(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        mut input: Document,
    ) -> Result<StateEnd, Failure> {
        self.evaluating(track, visit, |evaluation| evaluation.step(&mut input))
            .await
    }

    /// Lets the time of a Wait state pass.
    pub(super) async fn wait(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        wait: &Wait,
        input: &Document,
    ) -> Result<(), Failure> {
        let until = self.wait_until(track, visit, wait, input).await?;
        Ok(self.sleep_until(track, until).await?)
    }

    pub(super) async fn wait_until(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        wait: &Wait,
        input: &Document,
    ) -> Result<SystemTime, Failure> {
        let now = self.now(track);
        self.evaluating(track, visit, |evaluation| evaluation.wait_until(wait, input, now))
            .await
    }
}

impl<'e> Evaluation<'e> {
    /// What comes of a state whose work takes no time. The input is only taken when nothing can be missing any more.
    pub(super) fn step(&self, input: &mut Document) -> Result<StateEnd, Stop> {
        let state = self.visit.state;
        match &state.kind {
            StateKind::Pass { result } => {
                let mut effective = self.prepared(input.clone())?;
                if let Some(result) = result {
                    self.run.stage(Stage::Result, result);
                    effective = result.clone();
                }
                let assigned = self.assign(state.assign.as_ref(), &effective, Seen::input(input))?;
                let placed = self.place_result(input, effective)?;
                self.end(placed, state.transition, assigned)
            }
            StateKind::Choice { rules, default } => {
                let selected = self.select_input(input.clone())?;
                let choice = self.choose(rules, *default, &selected)?;
                let seen = Seen::input(&selected);
                let assigned = self.assign(choice.assign, &selected, seen)?;
                let output = match choice.output {
                    Some(output) => self.query(output, seen)?,
                    None => selected,
                };
                self.end(output, Transition::Next(choice.next), assigned)
            }
            StateKind::Fail { error, cause } => {
                let name = self.fail_text(error.as_ref(), "ErrorPath", input)?;
                let cause = self.fail_text(cause.as_ref(), "CausePath", input)?;
                let name = name.map(|name| ErrorName::from(&*name));
                Err(StateError { name, cause }.into())
            }
            _ => {
                let selected = self.select_input(input.clone())?;
                let assigned = self.assign(state.assign.as_ref(), &selected, Seen::input(&selected))?;
                // In JSONata these states have an Output too.
                let output = self.place_result(&mut selected.clone(), selected)?;
                self.end(output, state.transition, assigned)
            }
        }
    }

    fn end(&self, placed: Document, transition: Transition, assigned: Variables) -> Result<StateEnd, Stop> {
        Ok(StateEnd {
            output: self.select_output(placed)?,
            transition,
            assigned,
        })
    }

    /// Where a Choice state leads, and what it assigns on the way: by the first rule that holds, or by default.
    fn choose(&self, rules: &'e [ChoiceRule], default: Option<StateId>, input: &Document) -> Result<Choice<'e>, Stop> {
        for rule in rules {
            let holds = match &rule.condition {
                Condition::Query(query) => self.query_as(query, Seen::input(input), "boolean", Document::as_bool)?,
                condition => self.complete(holds(condition, &self.scope(input)))?.map_err(|path| {
                    let detail = format!(
                        "Invalid path '{path}': The choice state's condition path references an invalid value."
                    );
                    self.visit.runtime_error(&detail)
                })?,
            };
            if holds {
                return Ok(Choice {
                    next: rule.next,
                    assign: rule.assign.as_ref(),
                    output: rule.output.as_ref(),
                });
            }
        }
        let state = self.visit.state;
        let default = default.map(|next| Choice {
            next,
            assign: state.assign.as_ref(),
            output: match &state.stages {
                Stages::JsonPath(_) => None,
                Stages::Jsonata(stages) => stages.output.as_ref(),
            },
        });
        default.ok_or_else(|| {
            let detail = "Failed to transition out of the state. The state does not point to a next state.";
            self.visit.error(ErrorName::NoChoiceMatched, detail).into()
        })
    }

    fn fail_text(&self, text: Option<&FailText>, field: &str, input: &Document) -> Result<Option<Text>, Stop> {
        match text {
            None => Ok(None),
            Some(FailText::Literal(text)) => Ok(Some(Text::clone(text))),
            Some(FailText::Query(query)) => {
                let text = |value: &Document| match value {
                    Document::String(text) => Some(Text::clone(text)),
                    _ => None,
                };
                self.query_as(query, Seen::input(input), "string", text).map(Some)
            }
            Some(FailText::Expression(expression)) => {
                let value = self
                    .complete(expression.evaluate(&self.scope(input), field))?
                    .map_err(|error| self.visit.evaluation_error(&error))?;
                match self.loaded(value)? {
                    Document::String(text) => Ok(Some(text)),
                    other => {
                        let detail = format!("The {field} parameter does not reference a string: {other}");
                        Err(self.visit.runtime_error(&detail).into())
                    }
                }
            }
        }
    }

    /// The value at a path into what `InputPath` selects, if there is one.
    fn selected(&self, path: &Path, input: &Document) -> Result<Option<Document>, Stop> {
        let selected = self.select_input(input.clone())?;
        match self.complete(path.evaluate(&self.scope(&selected)))? {
            Ok(value) => self.loaded(value).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn wait_until(&self, wait: &Wait, input: &Document, now: SystemTime) -> Result<SystemTime, Stop> {
        let visit = self.visit;
        let until = match wait {
            Wait::SecondsQuery(query) => {
                let seconds = |value: &Document| value.as_number().map(Number::as_f64);
                let seconds = self.query_as(query, Seen::input(input), "number", seconds)?;
                let delay = seconds_of(seconds)
                    .ok_or_else(|| visit.error(ErrorName::QueryEvaluationError, "Wait state delay is too long."))?;
                later(now, delay)
            }
            Wait::TimestampQuery(query) => {
                let value = self.query(query, Seen::input(input))?;
                let value = self.loaded(value)?;
                let Some(timestamp) = value.as_str().and_then(Timestamp::parse) else {
                    let detail = format!(
                        "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {}",
                        plain(&value)
                    );
                    let location = Some("Timestamp".into());
                    return Err(QueryError { detail, location }.into());
                };
                time_of(timestamp)
            }
            Wait::Seconds(seconds) => later(now, Duration::from_secs(*seconds)),
            Wait::Timestamp(timestamp) => time_of(*timestamp),
            Wait::SecondsPath(path) => {
                let path_text = path.text();
                let Some(value) = self.selected(path, input)? else {
                    let detail = format!("The SecondsPath parameter does not reference an input value: {path_text}");
                    return Err(visit.runtime_error(&detail).into());
                };
                let Some(seconds) = value.as_i64() else {
                    let detail = format!(
                        "The SecondsPath parameter cannot be parsed as a long value: {path_text} == {}",
                        plain(&value)
                    );
                    return Err(visit.runtime_error(&detail).into());
                };
                let Ok(seconds) = u64::try_from(seconds) else {
                    let detail =
                        format!("The SecondsPath parameter references a negative value: {path_text} == {seconds}");
                    return Err(visit.runtime_error(&detail).into());
                };
                if seconds > WAIT_SECONDS_MAX {
                    return Err(visit.runtime_error("Wait state delay is too long.").into());
                }
                later(now, Duration::from_secs(seconds))
            }
            Wait::TimestampPath(path) => {
                let path_text = path.text();
                let Some(value) = self.selected(path, input)? else {
                    let detail = format!("The TimestampPath parameter does not reference an input value: {path_text}");
                    return Err(visit.runtime_error(&detail).into());
                };
                let Some(timestamp) = value.as_str().and_then(Timestamp::parse) else {
                    let detail = format!(
                        "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time \
                         format string: {path_text} == {}",
                        plain(&value)
                    );
                    return Err(visit.runtime_error(&detail).into());
                };
                time_of(timestamp)
            }
        };
        let delay = until.duration_since(now).unwrap_or_default();
        if delay.as_secs() > WAIT_SECONDS_MAX {
            return Err(visit.runtime_error("Wait state delay is too long.").into());
        }
        Ok(until)
    }
}

/// A number of seconds as a time span: negative is none, a fraction is cut off.
fn seconds_of(seconds: f64) -> Option<Duration> {
    let seconds = seconds.trunc().max(0.0);
    (seconds <= WAIT_SECONDS_MAX as f64).then(|| Duration::from_secs_f64(seconds))
}

/// Where a Choice state leads, and what happens on the way.
struct Choice<'c> {
    next: StateId,
    assign: Option<&'c Construction>,
    output: Option<&'c Query>,
}

/// Whether a condition holds; fails with the text of a path that finds nothing.
fn holds<'c>(condition: &'c Condition, scope: &dyn Scope) -> Result<bool, &'c str> {
    match condition {
        Condition::And(conditions) => {
            for condition in conditions {
                if !holds(condition, scope)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Condition::Or(conditions) => {
            for condition in conditions {
                if holds(condition, scope)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Condition::Not(condition) => Ok(!holds(condition, scope)?),
        // Only whole rules are queries, and those have been evaluated.
        Condition::Query(_) => Ok(false),
        Condition::Test {
            variable,
            operator,
            operand,
        } => {
            // An index past the end finds nothing here, though templates see `null`.
            let found = variable.find(scope).ok();
            let operand_found;
            let operand = match operand {
                Operand::Literal(literal) => literal,
                Operand::Path(path) => {
                    operand_found = path.find(scope).map_err(|_| &**path.text())?;
                    &operand_found
                }
            };
            match found {
                Some(value) => Ok(operator.test(&value, operand, scope)),
                // Only this operator asks whether there is anything at all.
                None if operator.is_presence() => Ok(operand.as_bool() == Some(false)),
                None => Err(variable.text()),
            }
        }
    }
}

fn time_of(timestamp: Timestamp) -> SystemTime {
    SystemTime::from(timestamp)
}

/// A value as causes show it: text without quotes.
fn plain(value: &Document) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}
