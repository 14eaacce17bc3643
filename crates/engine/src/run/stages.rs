//! The stages of data inside a state, in their one order:
//! InputPath, Parameters, the state's work, ResultSelector, ResultPath, OutputPath.

use super::context::StateScope;
use super::machine::{Track, Variables, Visit};
use super::{DATA_BYTES_MAX, Failure, Run};
use crate::StateError;
use expressway_asl::Document;
use expressway_asl::document::{DEPTH_MAX, Object};
use expressway_asl::error_name::ErrorName;
use expressway_asl::path::PlaceError;
use expressway_asl::program::{Placement, Selection};
use expressway_asl::template::{EvaluationError, Template};

impl Run<'_> {
    /// Stage 1: what `InputPath` selects.
    pub(super) fn select_input(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: Document,
    ) -> Result<Document, StateError> {
        self.select(track, visit, &visit.state.stages.input_path, input)
    }

    /// Stage 2: the effective input, which `Parameters` builds.
    pub(super) fn effective_input(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: Document,
    ) -> Result<Document, StateError> {
        let Some(parameters) = &visit.state.stages.parameters else {
            return Ok(input);
        };
        let effective = self.evaluate(track, visit, parameters, &input)?;
        self.check_parameters(visit, &effective)?;
        Ok(effective)
    }

    /// Stages 3 and 4: the result, selected by `ResultSelector` and placed in the state input by `ResultPath`.
    pub(super) fn place_result(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: Document,
        result: Document,
    ) -> Result<Document, StateError> {
        let result = match &visit.state.stages.result_selector {
            Some(selector) => self.evaluate(track, visit, selector, &result)?,
            None => result,
        };
        self.place(visit, &visit.state.stages.result_path, input, result)
    }

    /// Stage 5: the state output, which `OutputPath` selects.
    pub(super) fn select_output(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        output: Document,
    ) -> Result<Document, StateError> {
        self.select(track, visit, &visit.state.stages.output_path, output)
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

    /// What `Assign` gives; `input` is what `$` means in it.
    pub(super) fn assign(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        assign: Option<&Template>,
        input: &Document,
    ) -> Result<Variables, StateError> {
        let Some(assign) = assign else {
            return Ok(None);
        };
        let assigned = self.evaluate(track, visit, assign, input)?;
        if assigned.json_bytes() > DATA_BYTES_MAX {
            let detail = format!("The values of 'Assign' have more than {DATA_BYTES_MAX} bytes.");
            return Err(visit.error(ErrorName::DataLimitExceeded, &detail));
        }
        match assigned {
            Document::Object(assigned) if !assigned.is_empty() => Ok(Some(assigned)),
            _ => Ok(None),
        }
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
pub(super) fn check_result_bytes(name: &str, result: &Document) -> Result<(), StateError> {
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
