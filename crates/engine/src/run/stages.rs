//! The stages of data inside a state, in their one order: InputPath, Parameters, the state's work, ResultSelector,
//! ResultPath, OutputPath; in JSONata: Arguments, the state's work, Output.

use super::context::{QueryScope, Seen, StateScope};
use super::machine::{Track, Variables, Visit};
use super::values::Values;
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
    pub(super) async fn select_input(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: Document,
    ) -> Result<Document, Failure> {
        match &visit.state.stages {
            Stages::JsonPath(stages) => {
                let selected = self.select(track, visit, &stages.input_path, input).await?;
                self.stage(Stage::InputPath, &selected);
                Ok(selected)
            }
            Stages::Jsonata(_) => Ok(input),
        }
    }

    /// Stage 2: the effective input, which `Parameters` or `Arguments` builds.
    pub(super) async fn effective_input(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: Document,
    ) -> Result<Document, Failure> {
        let effective = match &visit.state.stages {
            Stages::JsonPath(JsonPathStages {
                parameters: Some(parameters),
                ..
            }) => {
                let effective = self.evaluate(track, visit, parameters, &input).await?;
                self.stage(Stage::Parameters, &effective);
                effective
            }
            Stages::Jsonata(JsonataStages {
                arguments: Some(arguments),
                ..
            }) => {
                let effective = self.query(track, visit, arguments, Seen::input(&input)).await?;
                self.stage(Stage::Arguments, &effective);
                effective
            }
            Stages::JsonPath(_) => {
                self.stage(Stage::Parameters, &input);
                return Ok(input);
            }
            Stages::Jsonata(_) => return Ok(input),
        };
        self.check_parameters(visit, effective).await
    }

    /// Stages 3 and 4: what becomes of the result: selected by `ResultSelector` and placed in the state input by
    /// `ResultPath`, or built by `Output`.
    pub(super) async fn place_result(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: Document,
        result: Document,
    ) -> Result<Document, Failure> {
        match &visit.state.stages {
            Stages::JsonPath(stages) => {
                let result = match &stages.result_selector {
                    Some(selector) => self.evaluate(track, visit, selector, &result).await?,
                    None => result,
                };
                self.stage(Stage::ResultSelector, &result);
                let placed = self.place(visit, &stages.result_path, input, result).await?;
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
                self.query(track, visit, output, seen).await
            }
        }
    }

    /// Stage 5: the state output, which `OutputPath` selects.
    pub(super) async fn select_output(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        output: Document,
    ) -> Result<Document, Failure> {
        match &visit.state.stages {
            Stages::JsonPath(stages) => self.select(track, visit, &stages.output_path, output).await,
            Stages::Jsonata(_) => Ok(output),
        }
    }

    pub(super) async fn select(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        selection: &Selection,
        from: Document,
    ) -> Result<Document, Failure> {
        match selection {
            Selection::Whole => Ok(from),
            Selection::Nothing => Ok(Object::new().into()),
            Selection::Path(path) => {
                let selected = self
                    .evaluating(visit, |values| {
                        path.evaluate(&StateScope::new(self, track, visit, &from, values))
                    })
                    .await?;
                selected.map_err(|no_match| visit.runtime_error(&no_match.to_string()).into())
            }
        }
    }

    pub(super) async fn place(
        &self,
        visit: &Visit<'_>,
        placement: &Placement,
        input: Document,
        result: Document,
    ) -> Result<Document, Failure> {
        match placement {
            Placement::Whole => Ok(result),
            Placement::Discard => Ok(input),
            Placement::At(path) => {
                let mut input = input;
                // What is placed inside a value needs that value.
                while let Some(reference) = path.through(&input) {
                    let value = self.loaded(visit, reference.clone().into()).await?;
                    input = path.open(input, value);
                }
                path.place(input, result).map_err(|error| {
                    visit
                        .error(ErrorName::from(PlaceError::ERROR_NAME), &error.to_string())
                        .into()
                })
            }
        }
    }

    pub(super) async fn evaluate(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        template: &Template,
        input: &Document,
    ) -> Result<Document, Failure> {
        let evaluated = self
            .evaluating(visit, |values| {
                template.evaluate(&StateScope::new(self, track, visit, input, values))
            })
            .await?;
        evaluated.map_err(|error| visit.evaluation_error(&error).into())
    }

    /// What `Assign` gives; `dollar` is what `$` means in it, `seen` what `$states` does.
    pub(super) async fn assign(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        assign: Option<&Construction>,
        dollar: &Document,
        seen: Seen<'_>,
    ) -> Result<Variables, Failure> {
        let Some(assign) = assign else {
            return Ok(None);
        };
        let assigned = self.construct(track, visit, assign, dollar, seen).await?;
        let assigned = self.fit_members(assigned).await?;
        if assigned.json_bytes() > DATA_BYTES_MAX {
            let detail = format!("The values of 'Assign' have more than {DATA_BYTES_MAX} bytes.");
            return Err(visit.error(ErrorName::DataLimitExceeded, &detail).into());
        }
        match assigned {
            Document::Object(assigned) if !assigned.is_empty() => Ok(Some(assigned)),
            _ => Ok(None),
        }
    }

    pub(super) async fn construct(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        construction: &Construction,
        dollar: &Document,
        seen: Seen<'_>,
    ) -> Result<Document, Failure> {
        match construction {
            Construction::Template(template) => self.evaluate(track, visit, template, dollar).await,
            Construction::Query(query) => self.query(track, visit, query, seen).await,
        }
    }

    pub(super) async fn query(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        query: &Query,
        seen: Seen<'_>,
    ) -> Result<Document, Failure> {
        let evaluated = self
            .evaluating(visit, |values| {
                query.evaluate(&self.query_scope(track, visit, seen, values))
            })
            .await?;
        evaluated.map_err(|error| self.query_error(track, visit, error).into())
    }

    /// The value of a query that must be of some kind.
    pub(super) async fn query_as<T>(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        query: &Query,
        seen: Seen<'_>,
        expected: &str,
        accept: impl Fn(&Document) -> Option<T>,
    ) -> Result<T, Failure> {
        let evaluated = self
            .evaluating(visit, |values| {
                query.evaluate_as(&self.query_scope(track, visit, seen, values), expected, &accept)
            })
            .await?;
        evaluated.map_err(|error| self.query_error(track, visit, error).into())
    }

    fn query_scope<'s>(
        &'s self,
        track: &'s Track<'_>,
        visit: &'s Visit<'_>,
        seen: Seen<'s>,
        values: &'s Values<'_>,
    ) -> QueryScope<'s> {
        QueryScope {
            scope: StateScope::new(self, track, visit, seen.input, values),
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

    /// Refuses parameters that are too large and can not be shortened.
    pub(super) async fn check_parameters(&self, visit: &Visit<'_>, parameters: Document) -> Result<Document, Failure> {
        let parameters = self.fit(parameters).await?;
        check_depth(visit, &parameters)?;
        if parameters.json_bytes() <= DATA_BYTES_MAX {
            return Ok(parameters);
        }
        let cause = format!(
            "The state/task '{}' provided parameters with a size exceeding the maximum number of bytes service limit.",
            visit.state.name
        );
        Err(StateError::new(ErrorName::DataLimitExceeded, cause).into())
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
