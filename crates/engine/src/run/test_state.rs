//! One state by itself: the parts of a run around it, and the probe that its stages show their data to.

#![warn(clippy::arithmetic_side_effects)]

mod map;

use super::context::ExecutionContext;
use super::handlers::Tried;
use super::machine::{Progress, StateEnd, Track, Visit};
use super::work::Work;
use super::{Failure, Run};
use crate::history::EventDetails;
use crate::test_state::{ErrorDetails, Mock, Rejection, StateInspection, StateTest, TestStatus, TestedState};
use crate::{Environment, Identity, Options, StateError, later};
use expressway_asl::document::{Object, Text};
use expressway_asl::program::{Stages, State, StateKind, Transition};
use expressway_asl::timestamp::Timestamp;
use expressway_asl::{Document, Inspected};
use std::sync::atomic::{AtomicU64, AtomicUsize};
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
        deadline: later(now, options.execution_time_max),
        events: AtomicU64::new(0),
        transitions: AtomicU64::new(0),
        work: Work::default(),
        variables_bytes: AtomicUsize::new(0),
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
        http: None,
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
            let variables = visit.with_variables(assigned);
            match visit.check_variables(variables.json_bytes()) {
                Ok(()) => after = variables,
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
}

fn failed(error: StateError) -> Tried {
    Tried::Failed {
        error,
        retry_index: None,
    }
}
