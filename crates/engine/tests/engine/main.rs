//! What executions do, seen from outside the engine.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod concurrency;
mod data_flow;
mod depth;
mod errors;
mod fairness;
mod faults;
mod history;
mod jsonata;
mod limits;
mod payloads;
mod replay;
mod test_state;
mod times;

use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_engine::history::{HistoryEvent, HistorySink};
use expressway_engine::{
    Engine, Entropy, Environment, Execution, ExecutionRequest, Identity, Options, Outcome, PayloadStore, Replay,
    ReplayTime, StateError, SystemClock, TaskBudget, TaskError, TaskFuture, TaskRequest, TaskRunner,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// A task runner that answers by the name of the state, and counts.
#[derive(Default)]
pub(crate) struct Tasks {
    answers: HashMap<&'static str, Answer>,
    in_flight: AtomicUsize,
    pub(crate) in_flight_max: AtomicUsize,
    pub(crate) calls: Mutex<Vec<String>>,
    pub(crate) cancelled: AtomicUsize,
}

type Answer = Box<dyn Fn(&TaskRequest<'_>, usize) -> (Duration, Result<Document, TaskError>) + Send + Sync>;

impl Tasks {
    /// Answers the tasks of a state at once. The function gets the request and how often the state was called.
    pub(crate) fn on(
        self,
        state: &'static str,
        answer: impl Fn(&TaskRequest<'_>, usize) -> Result<Document, TaskError> + Send + Sync + 'static,
    ) -> Tasks {
        self.on_after(state, Duration::ZERO, answer)
    }

    /// The same after some time.
    pub(crate) fn on_after(
        mut self,
        state: &'static str,
        delay: Duration,
        answer: impl Fn(&TaskRequest<'_>, usize) -> Result<Document, TaskError> + Send + Sync + 'static,
    ) -> Tasks {
        self.answers
            .insert(state, Box::new(move |request, call| (delay, answer(request, call))));
        self
    }

    pub(crate) fn calls_of(&self, state: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| *call == state).count()
    }
}

/// Notices when an attempt is dropped before it ends.
struct Attempt<'t>(&'t Tasks, bool);

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        if !self.1 {
            self.0.cancelled.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl TaskRunner for Tasks {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        Box::pin(async move {
            let in_flight = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            self.in_flight_max.fetch_max(in_flight, Ordering::SeqCst);
            let mut attempt = Attempt(self, false);
            let call = self.calls_of(request.state_name);
            self.calls.lock().unwrap().push(request.state_name.to_owned());
            let answer = self
                .answers
                .get(request.state_name)
                .expect("the test answers this state");
            let (delay, result) = answer(&request, call);
            tokio::time::sleep(delay).await;
            attempt.1 = true;
            result
        })
    }
}

/// Counts up, so that runs can be repeated.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Entropy for Counter {
    fn random(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::SeqCst)) << 96
    }
}

/// Keeps the events.
#[derive(Default)]
pub(crate) struct Events(pub(crate) Mutex<Vec<HistoryEvent>>);

impl HistorySink for Events {
    fn record(&self, event: &HistoryEvent) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Events {
    /// One event a line: `id<previous type details`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let events = self.0.lock().unwrap();
        let line = |event: &HistoryEvent| format!("{}<{} {}", event.id, event.previous_id, event.details.type_name());
        events.iter().map(line).collect()
    }

    pub(crate) fn types(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .map(|event| event.details.type_name().into_owned())
            .collect()
    }
}

pub(crate) fn doc(text: &str) -> Document {
    Document::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn error(name: &str, cause: &str) -> TaskError {
    StateError::new(name, cause).into()
}

/// One run of a definition, to be set up and run.
pub(crate) struct Case {
    definition: String,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) events: Events,
    budget: TaskBudget,
    pub(crate) store: Option<Arc<dyn PayloadStore>>,
    deadline: Option<Duration>,
    pub(crate) replay: Option<Replay>,
}

impl Case {
    pub(crate) fn new(definition: &str) -> Case {
        Case {
            definition: definition.to_owned(),
            tasks: Arc::default(),
            events: Events::default(),
            budget: TaskBudget::default(),
            store: None,
            deadline: None,
            replay: None,
        }
    }

    pub(crate) fn tasks(mut self, tasks: Tasks) -> Case {
        self.tasks = Arc::new(tasks);
        self
    }

    pub(crate) fn budget(mut self, permits: usize) -> Case {
        self.budget = TaskBudget::new(permits);
        self
    }

    pub(crate) fn deadline(mut self, deadline: Duration) -> Case {
        self.deadline = Some(deadline);
        self
    }

    pub(crate) fn engine(&self) -> Engine {
        let compiled = expressway_asl::compile(&self.definition, &BTreeMap::new());
        let program = compiled.unwrap_or_else(|diagnostics| panic!("{diagnostics}")).program;
        Engine::new(Arc::new(program), Options::default())
    }

    pub(crate) fn environment(&self) -> Environment {
        Environment {
            tasks: Arc::clone(&self.tasks) as Arc<dyn TaskRunner>,
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(Counter::default()),
            budget: self.budget.clone(),
            payloads: self.store.clone(),
        }
    }

    pub(crate) fn request(&self, input: &str) -> ExecutionRequest {
        let text = |text: &str| Text::from(text);
        ExecutionRequest {
            input: doc(input),
            identity: Identity {
                execution_arn: text("arn:aws:states:us-east-1:123456789012:express:Machine:Run:1"),
                execution_name: text("Run"),
                state_machine_arn: text("arn:aws:states:us-east-1:123456789012:stateMachine:Machine"),
                state_machine_name: text("Machine"),
                role_arn: None,
                region: text("us-east-1"),
                redrive_count: Some(0),
            },
            deadline: self.deadline.map(|deadline| SystemTime::now() + deadline),
            replay: self.replay.clone(),
        }
    }

    pub(crate) async fn run(&self, input: &str) -> Execution {
        self.engine()
            .run(&self.environment(), self.request(input), Some(&self.events))
            .await
    }

    /// The output of a run that must succeed.
    pub(crate) async fn output(&self, input: &str) -> String {
        match self.run(input).await.outcome {
            Outcome::Succeeded(output) => output.to_json(),
            other => panic!("{other:?}"),
        }
    }

    /// Error name and cause of a run that must fail.
    pub(crate) async fn failure(&self, input: &str) -> (String, String) {
        match self.run(input).await.outcome {
            Outcome::Failed(StateError { name, cause }) => (
                name.map(|name| name.to_string()).unwrap_or_default(),
                cause.unwrap_or_default().to_string(),
            ),
            other => panic!("{other:?}"),
        }
    }
}

/// A machine of these states, as JSON members, that starts at the first.
pub(crate) fn machine(start: &str, states: &str) -> String {
    format!(r#"{{"StartAt":"{start}","States":{{{states}}}}}"#)
}

/// The fields of a Task state that calls a function.
pub(crate) const TASK: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f""#;
