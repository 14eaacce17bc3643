//! One state by itself: the parts of a run around it, and the probe that its stages show their data to.

use super::context::{ExecutionContext, Seen, StateScope, map_item};
use super::handlers::Tried;
use super::machine::{Progress, StateEnd, Track, Visit};
use super::{Failure, Run};
use crate::history::EventDetails;
use crate::test_state::{ErrorDetails, Mock, Rejection, StateInspection, StateTest, TestStatus, TestedState, float};
use crate::{Environment, Identity, Options, StateError};
use expressway_asl::document::{Array, Object, Text};
use expressway_asl::error_name::ErrorName;
use expressway_asl::path::Path;
use expressway_asl::program::{
    Count, Distributed, ItemBatcher, Items, Map, Percentage, Stages, State, StateKind, Transition,
};
use expressway_asl::timestamp::Timestamp;
use expressway_asl::{Document, Inspected};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// What a stage of a state gave, by its name in `inspectionData`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Input,
    InputPath,
    Parameters,
    Arguments,
    Result,
    ResultSelector,
    ResultPath,
    ItemsPath,
    ItemsPointer,
    ItemSelector,
    ItemBatcher,
    MaxConcurrency,
    ToleratedFailureCount,
    ToleratedFailurePercentage,
    Variables,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Input => "input",
            Stage::InputPath => "afterInputPath",
            Stage::Parameters => "afterParameters",
            Stage::Arguments => "afterArguments",
            Stage::Result => "result",
            Stage::ResultSelector => "afterResultSelector",
            Stage::ResultPath => "afterResultPath",
            Stage::ItemsPath => "afterItemsPath",
            Stage::ItemsPointer => "afterItemsPointer",
            Stage::ItemSelector => "afterItemSelector",
            Stage::ItemBatcher => "afterItemBatcher",
            Stage::MaxConcurrency => "maxConcurrency",
            Stage::ToleratedFailureCount => "toleratedFailureCount",
            Stage::ToleratedFailurePercentage => "toleratedFailurePercentage",
            Stage::Variables => "variables",
        }
    }

    /// Whether the API shows this stage of a state.
    ///
    /// # Source
    /// Recorded: `test_state/*inspection_level*`, `test_state/*parallel_state_mock*`.
    fn is_shown(self, kind: &StateKind) -> bool {
        let is_hidden = matches!(
            (self, kind),
            (
                Stage::InputPath | Stage::Parameters,
                StateKind::Pass { result: Some(_) } | StateKind::Parallel { .. }
            ) | (Stage::Arguments, StateKind::Parallel { .. })
                | (
                    Stage::ResultSelector | Stage::ResultPath,
                    StateKind::Wait(_) | StateKind::Succeed
                )
        );
        !is_hidden
    }
}

/// Stands in for what runs inside the state that is tested, and hears of its stages.
pub(crate) struct Probe<'p> {
    state: &'p State,
    test: &'p StateTest,
    stages: Mutex<Vec<(&'static str, Document)>>,
}

impl Probe<'_> {
    pub(super) fn record(&self, stage: Stage, value: &Document) {
        if stage.is_shown(&self.state.kind) {
            let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
            stages.push((stage.name(), value.clone()));
        }
    }

    /// What the mock answers, if there is one.
    pub(super) fn answer(&self) -> Option<Result<Document, StateError>> {
        self.test.mock.as_ref().map(|mock| match mock {
            Mock::Result(result) => Ok(result.clone()),
            Mock::Error(error) => Err(error.clone()),
        })
    }

    /// What the mock answers for branches or iterations.
    pub(super) fn children(&self) -> Result<Document, Failure> {
        match self.answer() {
            Some(answer) => Ok(answer?),
            None => Err(crate::Fault::Bug("branches and iterations are not tested without a mock".into()).into()),
        }
    }
}

/// The name that the context object of a test gives the state, whatever it is called.
///
/// # Source
/// Recorded: `test_state_with_variables[base_expressions]`, whose state is called `State0`.
const STATE_NAME: &str = "StateName";

/// Tests a state that the test fits.
pub(crate) async fn test_state(
    inspected: Inspected<'_>,
    environment: &Environment,
    identity: &Identity,
    test: &StateTest,
) -> Result<TestedState, Rejection> {
    let options = Options::default();
    let probe = Probe {
        state: inspected.state,
        test,
        stages: Mutex::default(),
    };
    let now = environment.clock.now();
    let context = match &test.context {
        Some(Document::Object(given)) => given.clone(),
        _ => default_context(inspected.state, identity, test, now),
    };
    let run = Run {
        environment,
        options: &options,
        identity,
        history: None,
        context: ExecutionContext::given(context),
        deadline: now + options.execution_time_max,
        events: AtomicU64::new(0),
        transitions: AtomicU64::new(0),
        probe: Some(&probe),
    };
    let tried = run.tested(inspected.state, test).await;
    let tried = tried.map_err(|fault| Rejection::fault(&fault))?;
    let mut members = probe.stages.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (variables, tried) = tried;
    if !variables.is_empty() {
        members.push((Stage::Variables.name(), variables.into()));
    }
    let next = |end: &StateEnd| match end.transition {
        Transition::Next(id) => inspected.target(id).cloned(),
        Transition::End => None,
    };
    let mut details = ErrorDetails::default();
    let mut tested = TestedState {
        status: TestStatus::Succeeded,
        output: None,
        error: None,
        next_state: None,
        inspection: StateInspection::default(),
    };
    match tried {
        Tried::Ended(end) => {
            tested.next_state = next(&end);
            tested.output = Some(end.output);
        }
        Tried::Retriable { error, index, delay } => {
            tested.status = TestStatus::Retriable;
            tested.error = Some(error);
            details.retry_index = Some(index);
            details.retry_backoff = Some(delay);
        }
        Tried::Caught {
            end,
            error,
            index,
            retry_index,
        } => {
            tested.status = TestStatus::CaughtError;
            tested.error = Some(error);
            tested.next_state = next(&end);
            tested.output = Some(end.output);
            details.catch_index = Some(index);
            details.retry_index = retry_index;
        }
        Tried::Failed { error, retry_index } => {
            tested.status = TestStatus::Failed;
            tested.error = Some(error);
            details.retry_index = retry_index;
        }
    }
    tested.inspection = StateInspection {
        members,
        error_details: (details != ErrorDetails::default()).then_some(details),
    };
    Ok(tested)
}

/// The context object of an execution in which only this state runs.
fn default_context(state: &State, identity: &Identity, test: &StateTest, now: SystemTime) -> Object {
    let text = |text: &Text| Document::String(Text::clone(text));
    let now = || Document::from(Timestamp::from(now).to_string());
    let execution = Document::object([
        ("Id", text(&identity.execution_arn)),
        ("Input", test.input.clone()),
        ("Name", text(&identity.execution_name)),
        ("RoleArn", test.role_arn.as_ref().map_or(Document::Null, text)),
        ("StartTime", now()),
    ]);
    let machine = Document::object([
        ("Id", text(&identity.state_machine_arn)),
        ("Name", text(&identity.state_machine_name)),
    ]);
    let mut context_state: Object = [("Name", Document::from(STATE_NAME)), ("EnteredTime", now())]
        .into_iter()
        .collect();
    if matches!(
        state.kind,
        StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_)
    ) {
        let retries = i64::try_from(test.configuration.retrier_retry_count).unwrap_or(i64::MAX);
        context_state.insert("RetryCount", Document::from(retries));
    }
    [
        ("Execution", execution),
        ("StateMachine", machine),
        ("State", context_state.into()),
    ]
    .into_iter()
    .collect()
}

impl Run<'_> {
    /// Visits one state: what came of it, and the variables after it.
    async fn tested(&self, state: &State, test: &StateTest) -> Result<(Object, Tried), crate::Fault> {
        let progress = Progress::default();
        let track = Track::new(&progress, None);
        let input = test.input.clone();
        // The event before that of the state, so that causes name the second one, as for the first state of an execution.
        self.event(0, || EventDetails::ExecutionStarted {
            input: input.clone(),
            role_arn: None,
        });
        let variables = (!test.variables.is_empty()).then(|| test.variables.clone());
        let visit = self.enter(state, &track, &variables, &input);
        self.stage(Stage::Input, &input);
        let tried = self.visited(&track, &visit, input, test.configuration.retrier_retry_count);
        let tried = match tried.await {
            Ok(tried) => tried,
            Err(Failure::Error(error)) => failed(error),
            Err(Failure::Fault(fault)) => return Err(fault),
        };
        let mut after = test.variables.clone();
        let assigned = match &tried {
            Tried::Ended(end) | Tried::Caught { end, .. } => end.assigned.clone(),
            Tried::Retriable { .. } | Tried::Failed { .. } => None,
        };
        if let Some(assigned) = assigned {
            match visit.with_variables(assigned) {
                Ok(variables) => after = variables,
                Err(error) => return Ok((after, failed(error))),
            }
        }
        Ok((after, tried))
    }

    async fn visited(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: Document,
        retry_count: u64,
    ) -> Result<Tried, Failure> {
        let tried = match &visit.state.kind {
            StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_) => {
                self.try_once(track, visit, input, retry_count).await?
            }
            kind => {
                match kind {
                    StateKind::Wait(wait) => {
                        self.wait_until(track, visit, wait, &input).await?;
                    }
                    // Here the stages are passed over, but the API shows them.
                    StateKind::Fail { .. } if matches!(visit.state.stages, Stages::JsonPath(_)) => {
                        self.stage(Stage::InputPath, &input);
                    }
                    _ => {}
                }
                Tried::Ended(self.step(track, visit, input).await?)
            }
        };
        if let Tried::Ended(end) | Tried::Caught { end, .. } = &tried {
            self.check_output(visit, &end.output)?;
        }
        Ok(tried)
    }

    /// Whether a mock answers for the state's task.
    pub(super) fn is_mocked(&self) -> bool {
        self.probe.is_some_and(|probe| probe.test.mock.is_some())
    }

    /// What a Map state does before and after its iterations, for which the mock answers.
    pub(super) async fn probed_map(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        map: &Map,
        probe: &Probe<'_>,
        input: Document,
    ) -> Result<Document, Failure> {
        let items = self.probed_items(track, visit, map, probe, &input).await?;
        if let Some(items) = &items {
            let mut inputs: Array = items.clone();
            if map.item_selector.is_some() {
                let mut selected = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let context = map_item(index, item);
                    selected.push(self.iteration_input(track, visit, map, &input, item, &context).await?);
                }
                inputs = selected.into_iter().collect();
                self.stage(Stage::ItemSelector, &Document::Array(inputs.clone()));
            }
            let batcher = map.distributed.as_ref().and_then(|map| map.item_batcher.as_ref());
            if let Some(batcher) = batcher {
                let batches = self.batches(track, visit, batcher, &input, &inputs).await?;
                self.stage(Stage::ItemBatcher, &batches);
            }
        }
        let exceeded = match &map.distributed {
            Some(distributed) => {
                let length = items.as_ref().map(|items| items.len());
                self.exceeds_tolerance(track, visit, distributed, probe, &input, length)
                    .await?
            }
            None => false,
        };
        let result = probe.children()?;
        if exceeded {
            let cause = "The specified tolerated failure threshold was exceeded";
            return Err(StateError::new(ErrorName::ExceedToleratedFailureThreshold, cause).into());
        }
        Ok(result)
    }

    /// What the Map state runs over; none where nobody says what its `ItemReader` reads.
    async fn probed_items(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        map: &Map,
        probe: &Probe<'_>,
        input: &Document,
    ) -> Result<Option<Array>, Failure> {
        let reader = map.distributed.as_ref().and_then(|map| map.item_reader.as_ref());
        let Some(reader) = reader else {
            let items = self.items(track, visit, map, input.clone()).await?;
            if matches!(map.items, Items::Path(_)) {
                self.stage(Stage::ItemsPath, &Document::Array(items.clone()));
            }
            return Ok(Some(items));
        };
        let Some(data) = &probe.test.configuration.map_item_reader_data else {
            return Ok(None);
        };
        let mut data = data.clone();
        if let Some(pointer) = &reader.items_pointer {
            let found = pointer.split('/').skip(1).try_fold(data, |data, key| {
                data.get(&key.replace("~1", "/").replace("~0", "~")).cloned()
            });
            let error = || {
                let cause = format!("The ItemsPointer '{pointer}' does not point to anything in what the reader gave.");
                StateError::new(ErrorName::ItemReaderFailed, cause)
            };
            data = found.ok_or_else(error)?;
            self.stage(Stage::ItemsPointer, &data);
        }
        let Document::Array(items) = data else {
            let cause = "Attempting to map over non-iterable node.";
            return Err(StateError::new(ErrorName::ItemReaderFailed, cause).into());
        };
        let max = match &reader.max_items {
            Some(count) => self.whole(track, visit, count, input).await?,
            None => 0,
        };
        Ok(Some(match usize::try_from(max) {
            Ok(max) if max > 0 => items.iter().take(max).cloned().collect(),
            _ => items,
        }))
    }

    /// What `ItemBatcher` makes of the items: `{"BatchInput": ..., "Items": [...]}` each.
    async fn batches(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        batcher: &ItemBatcher,
        input: &Document,
        items: &Array,
    ) -> Result<Document, Failure> {
        let limit = async |count: &Option<Count>| match count {
            Some(count) => match self.whole(track, visit, count, input).await? {
                0 => Ok::<_, Failure>(usize::MAX),
                count => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
            },
            None => Ok(usize::MAX),
        };
        let items_max = limit(&batcher.max_items).await?;
        let bytes_max = limit(&batcher.max_input_bytes).await?;
        let batch_input = match &batcher.batch_input {
            Some(of_all) => Some(self.construct(track, visit, of_all, input, Seen::input(input)).await?),
            None => None,
        };
        let batch = |items: &[Document]| {
            let mut batch = Object::new();
            if let Some(batch_input) = &batch_input {
                batch.insert("BatchInput", batch_input.clone());
            }
            batch.insert("Items", Document::Array(items.iter().cloned().collect()));
            Document::from(batch)
        };
        let mut batches = Vec::new();
        let mut pending: Vec<Document> = Vec::new();
        for item in items.iter() {
            pending.push(item.clone());
            let is_full = pending.len() > items_max || batch(&pending).json_bytes() > bytes_max;
            if is_full && pending.len() > 1 {
                let next = pending.pop();
                batches.push(batch(&pending));
                pending = next.into_iter().collect();
            }
        }
        if !pending.is_empty() {
            batches.push(batch(&pending));
        }
        Ok(batches.into())
    }

    /// Whether more iterations failed than the Map state tolerates. One that says nothing tolerates all of them.
    ///
    /// # Source
    /// Recorded: `test_map_state_failure_count[*BASE_MAP_STATE]`.
    async fn exceeds_tolerance(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        distributed: &Distributed,
        probe: &Probe<'_>,
        input: &Document,
        length: Option<usize>,
    ) -> Result<bool, Failure> {
        let failures = probe.test.configuration.map_iteration_failure_count.unwrap_or(0);
        let mut exceeds = false;
        if let Some(count) = &distributed.tolerated_failure_count {
            let tolerated = self.whole(track, visit, count, input).await?;
            let shown = Document::from(i64::try_from(tolerated).unwrap_or(i64::MAX));
            self.stage(Stage::ToleratedFailureCount, &shown);
            exceeds |= failures > tolerated;
        }
        if let Some(percentage) = &distributed.tolerated_failure_percentage {
            let tolerated = self.percentage(track, visit, percentage, input).await?;
            self.stage(Stage::ToleratedFailurePercentage, &float(tolerated));
            let length = length.unwrap_or(0).max(1);
            exceeds |= failures as f64 / length as f64 * 100.0 > tolerated;
        }
        Ok(exceeds)
    }

    /// What a path finds in the state's data.
    async fn at(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        path: &Path,
        input: &Document,
    ) -> Result<Document, Failure> {
        let found = self.evaluating(visit, |values| {
            path.evaluate(&StateScope::new(self, track, visit, input, values))
        });
        let found = found
            .await?
            .map_err(|no_match| visit.runtime_error(&no_match.to_string()))?;
        self.loaded(visit, found).await
    }

    async fn whole(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        count: &Count,
        input: &Document,
    ) -> Result<u64, Failure> {
        match count {
            Count::Literal(count) => Ok(*count),
            Count::Query(query) => {
                let count = |value: &Document| value.as_i64().and_then(|count| u64::try_from(count).ok());
                self.query_as(track, visit, query, Seen::input(input), "non-negative integer", count)
                    .await
            }
            Count::Path(path) => {
                let value = self.at(track, visit, path, input).await?;
                let digits = value.as_str().and_then(|text| text.parse::<i64>().ok());
                let count = value.as_i64().or(digits).and_then(|count| u64::try_from(count).ok());
                count.ok_or_else(|| not_a_number(visit, path.text(), &value).into())
            }
        }
    }

    async fn percentage(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        percentage: &Percentage,
        input: &Document,
    ) -> Result<f64, Failure> {
        let number = |value: &Document| {
            let digits = value.as_str().and_then(|text| text.parse::<f64>().ok());
            let number = value
                .as_number()
                .map(expressway_asl::document::Number::as_f64)
                .or(digits);
            number.filter(|number| (0.0..=100.0).contains(number))
        };
        match percentage {
            Percentage::Literal(percentage) => Ok(*percentage),
            Percentage::Query(query) => {
                self.query_as(
                    track,
                    visit,
                    query,
                    Seen::input(input),
                    "number between 0 and 100",
                    number,
                )
                .await
            }
            Percentage::Path(path) => {
                let value = self.at(track, visit, path, input).await?;
                number(&value).ok_or_else(|| not_a_number(visit, path.text(), &value).into())
            }
        }
    }
}

fn failed(error: StateError) -> Tried {
    Tried::Failed {
        error,
        retry_index: None,
    }
}

fn not_a_number(visit: &Visit<'_>, path: &str, value: &Document) -> StateError {
    let value = value.as_str().map_or_else(|| value.to_json(), str::to_owned);
    visit.runtime_error(&format!(
        "The path {path} refers to value \"{value}\" which is not a valid number"
    ))
}
