//! The stages of data inside a state, in their one order: InputPath, Parameters, the state's work, ResultSelector,
//! ResultPath, OutputPath; in JSONata: Arguments, the state's work, Output.

use super::context::{QueryScope, Seen, StateScope};
use super::machine::{Track, Variables, Visit};
use super::{DATA_BYTES_MAX, Failure, Run, Stage};
use crate::StateError;
use crate::history::EventDetails;
use expressway_asl::Document;
use expressway_asl::document::{DEPTH_MAX, Object, Text};
use expressway_asl::error_name::ErrorName;
use expressway_asl::path::PlaceError;
use expressway_asl::program::{Construction, JsonPathStages, JsonataStages, Placement, Selection, Stages, StateKind};
use expressway_asl::query::{Query, QueryError};
use expressway_asl::template::{EvaluationError, Template};

impl Run<'_> {
    /// Stage 1: what `InputPath` selects.
    pub(super) fn select_input(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: Document,
    ) -> Result<Document, StateError> {
        match &visit.state.stages {
            Stages::JsonPath(stages) => {
                let selected = self.select(track, visit, &stages.input_path, input)?;
                self.stage(Stage::InputPath, &selected);
                Ok(selected)
            }
            Stages::Jsonata(_) => Ok(input),
        }
    }

    /// Stage 2: the effective input, which `Parameters` or `Arguments` builds.
    pub(super) fn effective_input(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: Document,
    ) -> Result<Document, StateError> {
        let effective = match &visit.state.stages {
            Stages::JsonPath(JsonPathStages {
                parameters: Some(parameters),
                ..
            }) => {
                let effective = self.evaluate(track, visit, parameters, &input)?;
                self.stage(Stage::Parameters, &effective);
                effective
            }
            Stages::Jsonata(JsonataStages {
                arguments: Some(arguments),
                ..
            }) => {
                let effective = self.query(track, visit, arguments, Seen::input(&input))?;
                self.stage(Stage::Arguments, &effective);
                effective
            }
            Stages::JsonPath(_) => {
                self.stage(Stage::Parameters, &input);
                return Ok(input);
            }
            Stages::Jsonata(_) => return Ok(input),
        };
        self.check_parameters(visit, &effective)?;
        Ok(effective)
    }

    /// Stages 3 and 4: what becomes of the result: selected by `ResultSelector` and placed in the state input by
    /// `ResultPath`, or built by `Output`.
    pub(super) fn place_result(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: Document,
        result: Document,
    ) -> Result<Document, StateError> {
        match &visit.state.stages {
            Stages::JsonPath(stages) => {
                let result = match &stages.result_selector {
                    Some(selector) => self.evaluate(track, visit, selector, &result)?,
                    None => result,
                };
                self.stage(Stage::ResultSelector, &result);
                let placed = self.place(visit, &stages.result_path, input, result)?;
                self.stage(Stage::ResultPath, &placed);
                Ok(placed)
            }
            Stages::Jsonata(JsonataStages { output: None, .. }) => Ok(result),
            Stages::Jsonata(JsonataStages {
                output: Some(output), ..
            }) => {
                let has_result = matches!(
                    visit.state.kind,
                    StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_)
                );
                let seen = Seen {
                    result: has_result.then_some(&result),
                    ..Seen::input(&input)
                };
                self.query(track, visit, output, seen)
            }
        }
    }

    /// Stage 5: the state output, which `OutputPath` selects.
    pub(super) fn select_output(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        output: Document,
    ) -> Result<Document, StateError> {
        match &visit.state.stages {
            Stages::JsonPath(stages) => self.select(track, visit, &stages.output_path, output),
            Stages::Jsonata(_) => Ok(output),
        }
    }

    pub(super) fn select(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        selection: &Selection,
        from: Document,
    ) -> Result<Document, StateError> {
        match selection {
            Selection::Whole => Ok(from),
            Selection::Nothing => Ok(Object::new().into()),
            Selection::Path(path) => {
                let scope = StateScope::new(self, track, visit, &from);
                path.evaluate(&scope)
                    .map_err(|no_match| visit.runtime_error(&no_match.to_string()))
            }
        }
    }

    pub(super) fn place(
        &self,
        visit: &Visit<'_>,
        placement: &Placement,
        input: Document,
        result: Document,
    ) -> Result<Document, StateError> {
        match placement {
            Placement::Whole => Ok(result),
            Placement::Discard => Ok(input),
            Placement::At(path) => path
                .place(input, result)
                .map_err(|error| visit.error(ErrorName::from(PlaceError::ERROR_NAME), &error.to_string())),
        }
    }

    pub(super) fn evaluate(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        template: &Template,
        input: &Document,
    ) -> Result<Document, StateError> {
        let scope = StateScope::new(self, track, visit, input);
        template
            .evaluate(&scope)
            .map_err(|error| visit.evaluation_error(&error))
    }

    /// What `Assign` gives; `dollar` is what `$` means in it, `seen` what `$states` does.
    pub(super) fn assign(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        assign: Option<&Construction>,
        dollar: &Document,
        seen: Seen<'_>,
    ) -> Result<Variables, StateError> {
        let Some(assign) = assign else {
            return Ok(None);
        };
        let assigned = self.construct(track, visit, assign, dollar, seen)?;
        if assigned.json_bytes() > DATA_BYTES_MAX {
            let detail = format!("The values of 'Assign' have more than {DATA_BYTES_MAX} bytes.");
            return Err(visit.error(ErrorName::DataLimitExceeded, &detail));
        }
        match assigned {
            Document::Object(assigned) if !assigned.is_empty() => Ok(Some(assigned)),
            _ => Ok(None),
        }
    }

    pub(super) fn construct(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        construction: &Construction,
        dollar: &Document,
        seen: Seen<'_>,
    ) -> Result<Document, StateError> {
        match construction {
            Construction::Template(template) => self.evaluate(track, visit, template, dollar),
            Construction::Query(query) => self.query(track, visit, query, seen),
        }
    }

    pub(super) fn query(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        query: &Query,
        seen: Seen<'_>,
    ) -> Result<Document, StateError> {
        let scope = self.query_scope(track, visit, seen);
        query
            .evaluate(&scope)
            .map_err(|error| self.query_error(track, visit, error))
    }

    /// The value of a query that must be of some kind.
    pub(super) fn query_as<T>(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        query: &Query,
        seen: Seen<'_>,
        expected: &str,
        accept: impl FnOnce(&Document) -> Option<T>,
    ) -> Result<T, StateError> {
        let scope = self.query_scope(track, visit, seen);
        query
            .evaluate_as(&scope, expected, accept)
            .map_err(|error| self.query_error(track, visit, error))
    }

    fn query_scope<'s>(&'s self, track: &'s Track<'_>, visit: &'s Visit<'_>, seen: Seen<'s>) -> QueryScope<'s> {
        QueryScope {
            scope: StateScope::new(self, track, visit, seen.input),
            seen,
        }
    }

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

    pub(super) fn check_parameters(&self, visit: &Visit<'_>, parameters: &Document) -> Result<(), StateError> {
        check_depth(visit, parameters)?;
        if parameters.json_bytes() <= DATA_BYTES_MAX {
            return Ok(());
        }
        let cause = format!(
            "The state/task '{}' provided parameters with a size exceeding the maximum number of bytes service limit.",
            visit.state.name
        );
        Err(StateError::new(ErrorName::DataLimitExceeded, cause))
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
fn check_depth(visit: &Visit<'_>, document: &Document) -> Result<(), StateError> {
    if document.depth() <= DEPTH_MAX {
        return Ok(());
    }
    Err(visit.runtime_error(&format!("The data is nested deeper than {DEPTH_MAX} levels.")))
}

impl Visit<'_> {
    pub(super) fn evaluation_error(&self, error: &EvaluationError) -> StateError {
        self.error(error.name.clone(), &error.detail)
    }
}
