//! Runs one test: an execution on a virtual clock, or a single state, with mocked tasks.

use super::file::{Answers, Case, TestFile};
use super::visits::{Visits, branches};
use crate::identity;
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::error_name::ErrorName;
use expressway_asl::program::StateKind;
use expressway_engine::history::{HistoryEvent, HistorySink};
use expressway_engine::test_state::{Mock, StateTest, test_state};
use expressway_engine::{
    Clock, Engine, Entropy, Environment, ExecutionRequest, Options, Outcome, StateError, TaskBudget, TaskFuture,
    TaskRequest, TaskRunner,
};
use expressway_local::mock::Answer;
use expressway_local::{FastForward, MockedTasks, closest};
use std::collections::HashMap;
use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// What a test did.
pub(super) struct Observed {
    pub(super) status: &'static str,
    pub(super) output: Option<Document>,
    pub(super) error: Option<StateError>,
    pub(super) visits: Visits,
    /// The tasks that were called, with their inputs, in order.
    pub(super) calls: Vec<(Text, Document)>,
    /// How long it took, on the virtual clock.
    pub(super) duration: Duration,
    /// What must be told whatever the test expects: tasks without a mock, tests that do not fit their state.
    pub(super) problems: Vec<String>,
    pub(super) next: Option<Text>,
    pub(super) variables: Option<Document>,
    pub(super) stages: Vec<(&'static str, Document)>,
}

/// Runs a test to its end.
pub(super) async fn execute(file: &TestFile, case: &Case) -> Observed {
    let clock = Arc::new(FastForward::starting_at(
        case.start_time.unwrap_or_else(SystemTime::now),
    ));
    let tasks = Arc::new(Mocks::new(case));
    let environment = Environment {
        tasks: Arc::clone(&tasks) as Arc<dyn TaskRunner>,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        entropy: Arc::new(Seeded::default()),
        budget: TaskBudget::default(),
        payloads: None,
    };
    let mut observed = match &case.state {
        Some(state) => single_state(file, case, state, &environment).await,
        None => clock.run(execution(file, case, &environment)).await,
    };
    observed.calls = std::mem::take(&mut *lock(&tasks.calls));
    observed.problems.append(&mut lock(&tasks.problems));
    observed
}

impl Observed {
    fn new(status: &'static str) -> Observed {
        Observed {
            status,
            output: None,
            error: None,
            visits: Visits::default(),
            calls: Vec::new(),
            duration: Duration::ZERO,
            problems: Vec::new(),
            next: None,
            variables: None,
            stages: Vec::new(),
        }
    }
}

async fn execution(file: &TestFile, case: &Case, environment: &Environment) -> Observed {
    let program = &file.definition.program;
    let engine = Engine::new(Arc::clone(program), Options::default());
    let identity = match &case.execution_name {
        Some(name) => identity::named(&file.definition.name, name),
        None => identity::anonymous(&file.definition.name),
    };
    let request = ExecutionRequest {
        input: case.input.clone(),
        identity,
        deadline: None,
        replay: None,
    };
    let events = Events::default();
    let execution = engine.run(environment, request, Some(&events)).await;
    let mut observed = Observed::new(execution.outcome.status());
    match execution.outcome {
        Outcome::Succeeded(output) => observed.output = Some(output),
        Outcome::Failed(error) => observed.error = Some(error),
        Outcome::TimedOut | Outcome::Interrupted => {}
        Outcome::Faulted(fault) => observed.problems.push(fault.to_string()),
    }
    observed.duration = execution.stopped.duration_since(execution.started).unwrap_or_default();
    observed.visits = Visits::of(&lock(&events.events), &branches(&program.machine));
    observed
}

async fn single_state(file: &TestFile, case: &Case, state: &Text, environment: &Environment) -> Observed {
    let Some(inspected) = file.inspection.state(Some(state)) else {
        let mut observed = Observed::new("FAILED");
        observed.problems.push(format!("there is no state `{state}`"));
        return observed;
    };
    // The task runner answers for a task. What is inside other states is mocked as a whole.
    let is_task = matches!(inspected.state.kind, StateKind::Task(_));
    let answers = case.mocks.get(state).filter(|_| !is_task);
    let identity = identity::express(&file.definition.name);
    let test = StateTest {
        input: case.input.clone(),
        variables: case.variables.clone(),
        context: case.context.clone(),
        mock: answers
            .and_then(|answers| answers.first())
            .map(|answers| match &answers.answer {
                Answer::Return(result) => Mock::Result(result.clone()),
                Answer::Throw(error) => Mock::Error(error.clone()),
            }),
        configuration: case.configuration.clone(),
        role_arn: identity.role_arn.clone(),
    };
    let tested = match test_state(inspected, environment, &identity, &test).await {
        Ok(tested) => tested,
        Err(rejection) => {
            let mut observed = Observed::new("FAILED");
            observed
                .problems
                .push(format!("the test does not fit the state: {rejection}"));
            return observed;
        }
    };
    let mut observed = Observed::new(tested.status.as_str());
    let stages = tested.inspection.stages().map(|(name, value)| (name, value.clone()));
    observed.stages = stages.collect();
    let variables = observed.stages.iter().find(|(name, _)| *name == "variables");
    observed.variables = variables.map(|(_, variables)| variables.clone());
    observed.output = tested.output;
    observed.error = tested.error;
    observed.next = tested.next_state;
    observed
}

#[derive(Default)]
struct Events {
    events: Mutex<Vec<HistoryEvent>>,
}

impl HistorySink for Events {
    fn record(&self, event: &HistoryEvent) {
        lock(&self.events).push(event.clone());
    }
}

/// Answers tasks as the test says, and remembers what they were called with.
struct Mocks {
    answers: HashMap<Text, Vec<Answers>>,
    others: Option<MockedTasks>,
    mocked: Vec<Text>,
    calls: Mutex<Vec<(Text, Document)>>,
    problems: Mutex<Vec<String>>,
}

impl Mocks {
    fn new(case: &Case) -> Mocks {
        let mocked = case.mocks.keys().cloned();
        let others = case
            .mock_case
            .iter()
            .flat_map(|case| case.state_names())
            .map(Text::from);
        Mocks {
            answers: case.mocks.clone(),
            others: case.mock_case.clone().map(MockedTasks::new),
            mocked: mocked.chain(others).collect(),
            calls: Mutex::default(),
            problems: Mutex::default(),
        }
    }

    /// The answer to the next call of a state; after the last one, that is given again.
    fn answer<'m>(&self, answers: &'m [Answers], state: &str) -> Option<&'m Answer> {
        let calls = lock(&self.calls);
        let mut call = calls
            .iter()
            .filter(|(called, _)| **called == *state)
            .count()
            .saturating_sub(1);
        for answers in answers {
            if call < answers.times {
                return Some(&answers.answer);
            }
            call -= answers.times;
        }
        answers.last().map(|answers| &answers.answer)
    }

    fn unmocked(&self, state: &str) -> StateError {
        let mut problem = format!("the state `{state}` was called, but is not mocked");
        if let Some(meant) = closest(state, self.mocked.iter().map(|name| &**name)) {
            problem.push_str(&format!(", did you mean `{meant}`?"));
        }
        let error = StateError::new(ErrorName::Runtime, problem.as_str());
        let mut problems = lock(&self.problems);
        if !problems.contains(&problem) {
            problems.push(problem);
        }
        error
    }
}

impl TaskRunner for Mocks {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        let state = request.state_name;
        lock(&self.calls).push((state.into(), request.input.clone()));
        if let Some(answers) = self.answers.get(state) {
            let answer = match self.answer(answers, state) {
                Some(Answer::Return(result)) => Ok(result.clone()),
                Some(Answer::Throw(error)) => Err(error.clone().into()),
                None => Err(self.unmocked(state).into()),
            };
            return Box::pin(ready(answer));
        }
        match &self.others {
            Some(others) if self.mocked.iter().any(|mocked| **mocked == *state) => others.run(request),
            _ => Box::pin(ready(Err(self.unmocked(state).into()))),
        }
    }
}

/// Random bits that are the same in every run of a test.
#[derive(Default)]
struct Seeded {
    drawn: AtomicU64,
}

impl Seeded {
    /// SplitMix64.
    fn next(&self) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let mut bits = drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

impl Entropy for Seeded {
    fn random(&self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
