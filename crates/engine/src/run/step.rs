//! States whose work takes no time, and waiting.

use super::context::StateScope;
use super::machine::{StateEnd, Track, Variables, Visit};
use super::{Failure, Run};
use crate::StateError;
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::error_name::ErrorName;
use expressway_asl::path::Path;
use expressway_asl::program::{ChoiceRule, Condition, FailText, Operand, StateId, StateKind, Transition, Wait};
use expressway_asl::scope::Scope;
use expressway_asl::template::Template;
use expressway_asl::timestamp::Timestamp;
use std::time::{Duration, SystemTime};

/// The longest that the service lets a Wait state wait, in seconds: what an `int` of its language holds.
const WAIT_SECONDS_MAX: u64 = i32::MAX as u64;

impl Run<'_> {
    /// Does the work of a Pass, Choice, Succeed or Fail state, or what is left of a Wait state.
    pub(super) fn step(&self, track: &Track<'_>, visit: &Visit<'_>, input: Document) -> Result<StateEnd, Failure> {
        let state = visit.state;
        match &state.kind {
            // The most common state costs a comparison, whatever the size of its input.
            StateKind::Pass { result: None } if state.assign.is_none() && state.stages.is_identity() => Ok(StateEnd {
                output: input,
                transition: state.transition,
                assigned: None,
            }),
            StateKind::Pass { result } => {
                let selected = self.select_input(track, visit, input.clone())?;
                let effective = self.effective_input(track, visit, selected)?;
                let result = result.clone().unwrap_or(effective);
                let assigned = self.assign(track, visit, state.assign.as_ref(), &result)?;
                let placed = self.place_result(track, visit, input, result)?;
                self.end(track, visit, placed, state.transition, assigned)
            }
            StateKind::Choice { rules, default } => {
                let selected = self.select_input(track, visit, input)?;
                let (next, assign) = self.choose(track, visit, rules, *default, &selected)?;
                let assigned = self.assign(track, visit, assign, &selected)?;
                self.end(track, visit, selected, Transition::Next(next), assigned)
            }
            StateKind::Fail { error, cause } => {
                let name = self.fail_text(track, visit, error.as_ref(), "ErrorPath", &input)?;
                let cause = self.fail_text(track, visit, cause.as_ref(), "CausePath", &input)?;
                Err(StateError {
                    name: name.map(|name| ErrorName::from(&*name)),
                    cause,
                }
                .into())
            }
            _ => {
                let selected = self.select_input(track, visit, input)?;
                let assigned = self.assign(track, visit, state.assign.as_ref(), &selected)?;
                self.end(track, visit, selected, state.transition, assigned)
            }
        }
    }

    fn end(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        placed: Document,
        transition: Transition,
        assigned: Variables,
    ) -> Result<StateEnd, Failure> {
        let output = self.select_output(track, visit, placed)?;
        Ok(StateEnd {
            output,
            transition,
            assigned,
        })
    }

    /// Where a Choice state leads, and what it assigns on the way: by the first rule that holds, or by default.
    fn choose<'v>(
        &self,
        track: &Track<'_>,
        visit: &Visit<'v>,
        rules: &'v [ChoiceRule],
        default: Option<StateId>,
        input: &Document,
    ) -> Result<(StateId, Option<&'v Template>), StateError> {
        let scope = StateScope::new(self, track, visit, input);
        for rule in rules {
            let holds = holds(&rule.condition, &scope).map_err(|path| {
                let detail =
                    format!("Invalid path '{path}': The choice state's condition path references an invalid value.");
                visit.runtime_error(&detail)
            })?;
            if holds {
                return Ok((rule.next, rule.assign.as_ref()));
            }
        }
        let default = default.map(|default| (default, visit.state.assign.as_ref()));
        default.ok_or_else(|| {
            let detail = "Failed to transition out of the state. The state does not point to a next state.";
            visit.error(ErrorName::NoChoiceMatched, detail)
        })
    }

    fn fail_text(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        text: Option<&FailText>,
        field: &str,
        input: &Document,
    ) -> Result<Option<Text>, StateError> {
        match text {
            None => Ok(None),
            Some(FailText::Literal(text)) => Ok(Some(Text::clone(text))),
            Some(FailText::Expression(expression)) => {
                let scope = StateScope::new(self, track, visit, input);
                let value = expression
                    .evaluate(&scope, field)
                    .map_err(|error| visit.evaluation_error(&error))?;
                match value {
                    Document::String(text) => Ok(Some(text)),
                    other => {
                        let detail = format!("The {field} parameter does not reference a string: {other}");
                        Err(visit.runtime_error(&detail))
                    }
                }
            }
        }
    }

    /// Lets the time of a Wait state pass.
    pub(super) async fn wait(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        wait: &Wait,
        input: &Document,
    ) -> Result<(), Failure> {
        let until = self.wait_until(track, visit, wait, input)?;
        if until > self.environment.clock.now() {
            self.sleep_until(until).await?;
        }
        Ok(())
    }

    fn wait_until(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        wait: &Wait,
        input: &Document,
    ) -> Result<SystemTime, StateError> {
        let now = self.environment.clock.now();
        let lookup = |path: &Path| {
            let selected = self.select_input(track, visit, input.clone())?;
            let scope = StateScope::new(self, track, visit, &selected);
            Ok::<_, StateError>(path.evaluate(&scope).ok())
        };
        let until = match wait {
            Wait::Seconds(seconds) => now + Duration::from_secs(*seconds),
            Wait::Timestamp(timestamp) => time_of(*timestamp),
            Wait::SecondsPath(path) => {
                let path_text = path.text();
                let Some(value) = lookup(path)? else {
                    let detail = format!("The SecondsPath parameter does not reference an input value: {path_text}");
                    return Err(visit.runtime_error(&detail));
                };
                let Some(seconds) = value.as_i64() else {
                    let detail = format!(
                        "The SecondsPath parameter cannot be parsed as a long value: {path_text} == {}",
                        plain(&value)
                    );
                    return Err(visit.runtime_error(&detail));
                };
                let Ok(seconds) = u64::try_from(seconds) else {
                    let detail =
                        format!("The SecondsPath parameter references a negative value: {path_text} == {seconds}");
                    return Err(visit.runtime_error(&detail));
                };
                if seconds > WAIT_SECONDS_MAX {
                    return Err(visit.runtime_error("Wait state delay is too long."));
                }
                now + Duration::from_secs(seconds)
            }
            Wait::TimestampPath(path) => {
                let path_text = path.text();
                let Some(value) = lookup(path)? else {
                    let detail = format!("The TimestampPath parameter does not reference an input value: {path_text}");
                    return Err(visit.runtime_error(&detail));
                };
                let Some(timestamp) = value.as_str().and_then(Timestamp::parse) else {
                    let detail = format!(
                        "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time \
                         format string: {path_text} == {}",
                        plain(&value)
                    );
                    return Err(visit.runtime_error(&detail));
                };
                time_of(timestamp)
            }
        };
        let delay = until.duration_since(now).unwrap_or_default();
        if delay.as_secs() > WAIT_SECONDS_MAX {
            return Err(visit.runtime_error("Wait state delay is too long."));
        }
        Ok(until)
    }
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
                Some(value) => Ok(operator.test(&value, operand)),
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
