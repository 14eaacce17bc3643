//! The stages of data inside a state, in their one order: InputPath, Parameters, the state's work, ResultSelector,
//! ResultPath, OutputPath; in JSONata: Arguments, the state's work, Output.

use super::context::Seen;
use super::machine::{Track, Variables, Visit};
use super::values::{Evaluation, Stop};
use super::{DATA_BYTES_MAX, Failure, Run, Stage};
use crate::StateError;
use crate::history::EventDetails;
use crate::payload::Root;
use expressway_asl::Document;
use expressway_asl::document::{DEPTH_MAX, Object, Text};
use expressway_asl::error_name::ErrorName;
use expressway_asl::path::{Path, PlaceError};
use expressway_asl::program::{Construction, JsonataStages, Placement, Selection, Stages, StateKind};
use expressway_asl::query::{Query, QueryError};
use expressway_asl::template::{EvaluationError, Template};
use expressway_asl::work;

impl Evaluation<'_> {
    /// Stage 1: what `InputPath` selects.
    pub(super) fn select_input(&self, input: Document) -> Result<Document, Stop> {
        match &self.visit.state.stages {
            Stages::JsonPath(stages) => {
                let selected = self.select(&stages.input_path, input)?;
                self.run.stage(Stage::InputPath, &selected);
                Ok(selected)
            }
            Stages::Jsonata(_) => Ok(input),
        }
    }

    /// Stage 2: the effective input, which `Parameters` or `Arguments` builds.
    pub(super) fn effective_input(&self, input: Document) -> Result<Document, Stop> {
        match &self.visit.state.stages {
            Stages::JsonPath(stages) => {
                let effective = match &stages.parameters {
                    Some(parameters) => {
                        let effective = self.evaluate(parameters, &input)?;
                        self.check_parameters(effective)?
                    }
                    None => input,
                };
                self.run.stage(Stage::Parameters, &effective);
                Ok(effective)
            }
            Stages::Jsonata(stages) => match &stages.arguments {
                Some(arguments) => {
                    let effective = self.query(arguments, Seen::input(&input))?;
                    self.run.stage(Stage::Arguments, &effective);
                    self.check_parameters(effective)
                }
                None => Ok(input),
            },
        }
    }

    pub(super) fn select(&self, selection: &Selection, from: Document) -> Result<Document, Stop> {
        match selection {
            Selection::Whole => Ok(from),
            Selection::Nothing => Ok(Object::new().into()),
            Selection::Path(path) => self.path(path, &from),
        }
    }

    /// The value at a path, which must find one.
    pub(super) fn path(&self, path: &Path, input: &Document) -> Result<Document, Stop> {
        self.complete(path.evaluate(&self.scope(input)))?
            .map_err(|no_match| self.visit.runtime_error(&no_match.to_string()).into())
    }

    pub(super) fn evaluate(&self, template: &Template, input: &Document) -> Result<Document, Stop> {
        self.complete(template.evaluate(&self.scope(input)))?
            .map_err(|error| self.visit.evaluation_error(&error).into())
    }

    pub(super) fn construct(
        &self,
        construction: &Construction,
        dollar: &Document,
        seen: Seen<'_>,
    ) -> Result<Document, Stop> {
        match construction {
            Construction::Template(template) => self.evaluate(template, dollar),
            Construction::Query(query) => self.query(query, seen),
        }
    }

    pub(super) fn query(&self, query: &Query, seen: Seen<'_>) -> Result<Document, Stop> {
        Ok(self.complete(query.evaluate(&self.query_scope(seen)))??)
    }

    /// The value of a query that must be of some kind.
    pub(super) fn query_as<T>(
        &self,
        query: &Query,
        seen: Seen<'_>,
        expected: &str,
        accept: impl FnOnce(&Document) -> Option<T>,
    ) -> Result<T, Stop> {
        Ok(self.complete(query.evaluate_as(&self.query_scope(seen), expected, accept))??)
    }

    /// Stages 1 and 2.
    pub(super) fn prepared(&self, input: Document) -> Result<Document, Stop> {
        let selected = self.select_input(input)?;
        self.effective_input(selected)
    }

    /// Stages 3 and 4: what becomes of the result: selected by `ResultSelector` and placed in the state input by
    /// `ResultPath`, or built by `Output`.
    pub(super) fn place_result(&self, input: &mut Document, result: Document) -> Result<Document, Stop> {
        match &self.visit.state.stages {
            Stages::JsonPath(stages) => {
                let result = match &stages.result_selector {
                    Some(selector) => self.evaluate(selector, &result)?,
                    None => result,
                };
                check_depth(self.visit, &result)?;
                self.run.stage(Stage::ResultSelector, &result);
                let is_last = matches!(stages.output_path, Selection::Whole);
                let placed = self.place(&stages.result_path, input, result, is_last)?;
                self.run.stage(Stage::ResultPath, &placed);
                Ok(placed)
            }
            Stages::Jsonata(JsonataStages { output: None, .. }) => Ok(result),
            Stages::Jsonata(JsonataStages {
                output: Some(output), ..
            }) => {
                let has_result = matches!(
                    self.visit.state.kind,
                    StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_)
                );
                let seen = Seen {
                    result: has_result.then_some(&result),
                    ..Seen::input(input)
                };
                self.query(output, seen)
            }
        }
    }

    /// Places a result in the state input. If this is the last thing to do, the input is changed rather than copied,
    /// where nobody else has it.
    pub(super) fn place(
        &self,
        placement: &Placement,
        input: &mut Document,
        result: Document,
        is_last: bool,
    ) -> Result<Document, Stop> {
        let path = match placement {
            Placement::Whole => return Ok(result),
            Placement::Discard => return Ok(input.clone()),
            Placement::At(path) => path,
        };
        // What is placed inside a value needs that value.
        let mut opened = None;
        while let Some(reference) = path.through(opened.as_ref().unwrap_or(input)) {
            let value = self.loaded(reference.clone().into())?;
            opened = Some(path.open(opened.unwrap_or_else(|| input.clone()), value));
        }
        let into = match opened {
            Some(opened) => opened,
            None if is_last => std::mem::take(input),
            None => input.clone(),
        };
        self.run.may_work(path.copies(&into).saturating_mul(work::MEMBER));
        let placed = path.place(into, result).map_err(|error| {
            let name = ErrorName::from(PlaceError::ERROR_NAME);
            self.visit.error(name, &error.to_string())
        })?;
        // `OutputPath` could select a part of it.
        check_depth(self.visit, &placed)?;
        Ok(placed)
    }

    /// Stage 5: the state output, which `OutputPath` selects.
    pub(super) fn select_output(&self, output: Document) -> Result<Document, Stop> {
        match &self.visit.state.stages {
            Stages::JsonPath(stages) => self.select(&stages.output_path, output),
            Stages::Jsonata(_) => Ok(output),
        }
    }

    /// What `Assign` gives; `dollar` is what `$` means in it, `seen` what `$states` does.
    pub(super) fn assign(
        &self,
        assign: Option<&Construction>,
        dollar: &Document,
        seen: Seen<'_>,
    ) -> Result<Variables, Stop> {
        let Some(assign) = assign else {
            return Ok(None);
        };
        let assigned = self.construct(assign, dollar, seen)?;
        let assigned = self.fit(assigned, Root::Stays)?;
        if let Document::Object(assigned) = &assigned {
            assigned.values().try_for_each(|value| check_depth(self.visit, value))?;
        }
        if assigned.json_bytes() > DATA_BYTES_MAX {
            let detail = format!("The values of 'Assign' have more than {DATA_BYTES_MAX} bytes.");
            return Err(self.visit.error(ErrorName::DataLimitExceeded, &detail).into());
        }
        match assigned {
            Document::Object(assigned) if !assigned.is_empty() => Ok(Some(assigned)),
            _ => Ok(None),
        }
    }

    /// Refuses parameters that are too large and can not be shortened.
    pub(super) fn check_parameters(&self, parameters: Document) -> Result<Document, Stop> {
        let parameters = self.fit(parameters, Root::MayGo)?;
        check_depth(self.visit, &parameters)?;
        if parameters.json_bytes() <= DATA_BYTES_MAX {
            return Ok(parameters);
        }
        let cause = format!(
            "The state/task '{}' provided parameters with a size exceeding the maximum number of bytes service limit.",
            self.visit.state.name
        );
        Err(StateError::new(ErrorName::DataLimitExceeded, cause).into())
    }
}

impl Run<'_> {
    /// The error of a query that failed, which has an event of its own.
    pub(super) fn query_error(&self, track: &Track<'_>, visit: &Visit<'_>, error: QueryError) -> StateError {
        let QueryError { detail, location } = error;
        let error = visit.error(ErrorName::QueryEvaluationError, &detail);
        // Beside the event that entered the state, but in Wait states after it (recorded: `*undefined_reference*`,
        // `*wait_timestamp_jsonata*`).
        let previous = match visit.state.kind {
            StateKind::Wait(_) => visit.entered_id,
            _ => visit.entered_after,
        };
        track.follow(self.event(previous, || EventDetails::EvaluationFailed {
            error: error.clone(),
            location,
            state: Text::clone(&visit.state.name),
        }));
        error
    }

    /// Refuses an output that is too large to go on to the next state.
    pub(super) fn check_output(&self, visit: &Visit<'_>, output: &Document) -> Result<(), Failure> {
        check_depth(visit, output)?;
        check_result_bytes(&visit.state.name, output)?;
        Ok(())
    }
}

/// Refuses a result over the limit on data; `name` is the state's, or the resource's that gave the result.
///
/// # Errors
/// `States.DataLimitExceeded`, in the words of the service.
pub fn check_result_bytes(name: &str, result: &Document) -> Result<(), StateError> {
    if result.json_bytes() <= DATA_BYTES_MAX {
        return Ok(());
    }
    let cause = format!(
        "The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
    );
    Err(StateError::new(ErrorName::DataLimitExceeded, cause))
}

/// Documents deeper than any parser accepts could never leave the execution again.
#[inline]
pub(super) fn check_depth(visit: &Visit<'_>, document: &Document) -> Result<(), StateError> {
    if document.depth() <= DEPTH_MAX {
        return Ok(());
    }
    Err(visit.runtime_error(&too_deep()))
}

pub(super) fn too_deep() -> String {
    format!("The data is nested deeper than {DEPTH_MAX} levels.")
}

impl Visit<'_> {
    pub(super) fn evaluation_error(&self, error: &EvaluationError) -> StateError {
        self.error(error.name.clone(), &error.detail)
    }
}
