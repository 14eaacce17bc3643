//! States whose work takes no time, and waiting.

use super::context::{Seen, StateScope};
use super::machine::{StateEnd, Track, Variables, Visit};
use super::{Failure, Run, Stage};
use crate::StateError;
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
        input: Document,
    ) -> Result<StateEnd, Failure> {
        let state = visit.state;
        match &state.kind {
            StateKind::Pass { result } => {
                let selected = self.select_input(track, visit, input.clone()).await?;
                let effective = self.effective_input(track, visit, selected).await?;
                if let Some(result) = result {
                    self.stage(Stage::Result, result);
                }
                let result = result.clone().unwrap_or(effective);
                let assigned = self
                    .assign(track, visit, state.assign.as_ref(), &result, Seen::input(&input))
                    .await?;
                let placed = self.place_result(track, visit, input, result).await?;
                self.end(track, visit, placed, state.transition, assigned).await
            }
            StateKind::Choice { rules, default } => {
                let selected = self.select_input(track, visit, input).await?;
                let choice = self.choose(track, visit, rules, *default, &selected).await?;
                let assigned = self
                    .assign(track, visit, choice.assign, &selected, Seen::input(&selected))
                    .await?;
                let output = match choice.output {
                    Some(output) => self.query(track, visit, output, Seen::input(&selected)).await?,
                    None => selected,
                };
                self.end(track, visit, output, Transition::Next(choice.next), assigned)
                    .await
            }
            StateKind::Fail { error, cause } => {
                let name = self
                    .fail_text(track, visit, error.as_ref(), "ErrorPath", &input)
                    .await?;
                let cause = self
                    .fail_text(track, visit, cause.as_ref(), "CausePath", &input)
                    .await?;
                Err(StateError {
                    name: name.map(|name| ErrorName::from(&*name)),
                    cause,
                }
                .into())
            }
            _ => {
                let selected = self.select_input(track, visit, input).await?;
                let assigned = self
                    .assign(track, visit, state.assign.as_ref(), &selected, Seen::input(&selected))
                    .await?;
                // In JSONata these states have an Output too.
                let output = self.place_result(track, visit, selected.clone(), selected).await?;
                self.end(track, visit, output, state.transition, assigned).await
            }
        }
    }

    async fn end(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        placed: Document,
        transition: Transition,
        assigned: Variables,
    ) -> Result<StateEnd, Failure> {
        let output = self.select_output(track, visit, placed).await?;
        Ok(StateEnd {
            output,
            transition,
            assigned,
        })
    }

    /// Where a Choice state leads, and what it assigns on the way: by the first rule that holds, or by default.
    async fn choose<'v>(
        &self,
        track: &Track<'_>,
        visit: &Visit<'v>,
        rules: &'v [ChoiceRule],
        default: Option<StateId>,
        input: &Document,
    ) -> Result<Choice<'v>, Failure> {
        for rule in rules {
            let holds = match &rule.condition {
                Condition::Query(query) => {
                    self.query_as(track, visit, query, Seen::input(input), "boolean", Document::as_bool)
                        .await?
                }
                condition => {
                    let held = self.evaluating(visit, |values| {
                        holds(condition, &StateScope::new(self, track, visit, input, values))
                    });
                    held.await?.map_err(|path| {
                        let detail = format!(
                            "Invalid path '{path}': The choice state's condition path references an invalid value."
                        );
                        visit.runtime_error(&detail)
                    })?
                }
            };
            if holds {
                return Ok(Choice {
                    next: rule.next,
                    assign: rule.assign.as_ref(),
                    output: rule.output.as_ref(),
                });
            }
        }
        let default = default.map(|next| Choice {
            next,
            assign: visit.state.assign.as_ref(),
            output: match &visit.state.stages {
                Stages::JsonPath(_) => None,
                Stages::Jsonata(stages) => stages.output.as_ref(),
            },
        });
        default.ok_or_else(|| {
            let detail = "Failed to transition out of the state. The state does not point to a next state.";
            visit.error(ErrorName::NoChoiceMatched, detail).into()
        })
    }

    async fn fail_text(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        text: Option<&FailText>,
        field: &str,
        input: &Document,
    ) -> Result<Option<Text>, Failure> {
        match text {
            None => Ok(None),
            Some(FailText::Literal(text)) => Ok(Some(Text::clone(text))),
            Some(FailText::Query(query)) => {
                let text = |value: &Document| match value {
                    Document::String(text) => Some(Text::clone(text)),
                    _ => None,
                };
                self.query_as(track, visit, query, Seen::input(input), "string", text)
                    .await
                    .map(Some)
            }
            Some(FailText::Expression(expression)) => {
                let value = self
                    .evaluating(visit, |values| {
                        expression.evaluate(&StateScope::new(self, track, visit, input, values), field)
                    })
                    .await?
                    .map_err(|error| visit.evaluation_error(&error))?;
                match self.loaded(visit, value).await? {
                    Document::String(text) => Ok(Some(text)),
                    other => {
                        let detail = format!("The {field} parameter does not reference a string: {other}");
                        Err(visit.runtime_error(&detail).into())
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
        let until = self.wait_until(track, visit, wait, input).await?;
        Ok(self.sleep_until(track, until).await?)
    }

    /// The value at a path into what `InputPath` selects, if there is one.
    async fn selected(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        path: &Path,
        input: &Document,
    ) -> Result<Option<Document>, Failure> {
        let selected = self.select_input(track, visit, input.clone()).await?;
        let found = self.evaluating(visit, |values| {
            path.evaluate(&StateScope::new(self, track, visit, &selected, values))
        });
        match found.await? {
            Ok(value) => self.loaded(visit, value).await.map(Some),
            Err(_) => Ok(None),
        }
    }

    pub(super) async fn wait_until(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        wait: &Wait,
        input: &Document,
    ) -> Result<SystemTime, Failure> {
        let now = self.now(track);
        let until = match wait {
            Wait::SecondsQuery(query) => {
                let seconds = |value: &Document| value.as_number().map(Number::as_f64);
                let seconds = self
                    .query_as(track, visit, query, Seen::input(input), "number", seconds)
                    .await?;
                now + seconds_of(seconds)
                    .ok_or_else(|| visit.error(ErrorName::QueryEvaluationError, "Wait state delay is too long."))?
            }
            Wait::TimestampQuery(query) => {
                let value = self.query(track, visit, query, Seen::input(input)).await?;
                let value = self.loaded(visit, value).await?;
                let Some(timestamp) = value.as_str().and_then(Timestamp::parse) else {
                    let detail = format!(
                        "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {}",
                        plain(&value)
                    );
                    let location = Some("Timestamp".into());
                    return Err(self.query_error(track, visit, QueryError { detail, location }).into());
                };
                time_of(timestamp)
            }
            Wait::Seconds(seconds) => now + Duration::from_secs(*seconds),
            Wait::Timestamp(timestamp) => time_of(*timestamp),
            Wait::SecondsPath(path) => {
                let path_text = path.text();
                let Some(value) = self.selected(track, visit, path, input).await? else {
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
                now + Duration::from_secs(seconds)
            }
            Wait::TimestampPath(path) => {
                let path_text = path.text();
                let Some(value) = self.selected(track, visit, path, input).await? else {
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
struct Choice<'v> {
    next: StateId,
    assign: Option<&'v Construction>,
    output: Option<&'v Query>,
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
