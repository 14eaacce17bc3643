//! What tests of the handler need: a workflow, a task runner that follows a script, and ears.

pub(crate) mod troubles;

use crate::config::{Configuration, Definition};
use crate::startup;
use crate::{Handler, InvocationContext, InvocationError, Notice, Observer};
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_durability::Level;
use expressway_durability::payloads::S3Payloads;
use expressway_engine::history::HistoryEvent;
use expressway_engine::{Clock, StateError, SystemClock, SystemEntropy, TaskFuture, TaskRequest, TaskRunner};
use expressway_tests::dynamodb::{self, DynamoDb, Table, text};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The text of a sample event.
macro_rules! event {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/events/", $name, ".json"))
    };
}

pub(crate) use event;

/// What a task does.
pub(crate) enum Answer {
    Result(Document),
    Error(StateError),
    After(Duration),
    Never,
}

pub(crate) fn result(document: Document) -> Answer {
    Answer::Result(document)
}

pub(crate) fn error(name: &str, cause: &str) -> Answer {
    Answer::Error(StateError::new(name, cause))
}

pub(crate) fn after_millis(millis: u64) -> Answer {
    Answer::After(Duration::from_millis(millis))
}

pub(crate) fn never() -> Answer {
    Answer::Never
}

/// An event, or any other object, with another value for one member.
pub(crate) fn with(event: &str, member: &str, value: &str) -> String {
    let event = Document::parse(event).unwrap();
    let mut object = event.as_object().unwrap().clone();
    object.insert(member, Document::parse(value).unwrap());
    Document::from(object).to_json()
}

/// A table for the records of a test.
pub(crate) struct Store {
    dynamodb: DynamoDb,
    table: Table,
}

impl Store {
    pub(crate) async fn new() -> Store {
        let dynamodb = DynamoDb::start().await.unwrap();
        let table = dynamodb.table().await.unwrap();
        Store { dynamodb, table }
    }

    /// Status, and round if there is one, of each record.
    pub(crate) async fn records(&self) -> Vec<(String, String)> {
        let records = self.table.records().await.unwrap();
        let records = records
            .iter()
            .map(|record| (text(record, "status"), text(record, "round")));
        records.collect()
    }

    /// All items, as text.
    pub(crate) async fn dump(&self) -> String {
        format!(
            "{:?} {:?}",
            self.table.records().await.unwrap(),
            self.table.journal().await.unwrap()
        )
    }

    /// How many attempts of tasks are on record.
    pub(crate) async fn entries(&self) -> usize {
        self.table.journal().await.unwrap().len()
    }
}

type Script = dyn Fn(&TaskRequest<'_>) -> Answer + Send + Sync;

struct Tasks {
    script: Box<Script>,
    inputs: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    in_flight_max: AtomicUsize,
}

impl TaskRunner for Tasks {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        Box::pin(async move {
            self.inputs.lock().unwrap().push(request.input.to_json());
            let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
            self.in_flight_max.fetch_max(in_flight, Ordering::Relaxed);
            let result = match (self.script)(&request) {
                Answer::Result(result) => Ok(result),
                Answer::Error(error) => Err(error.into()),
                Answer::After(duration) => {
                    tokio::time::sleep(duration).await;
                    Ok(Document::Null)
                }
                Answer::Never => std::future::pending().await,
            };
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            result
        })
    }
}

/// Ears.
pub(crate) struct Ears {
    pub(crate) wants_history: bool,
    events: Mutex<Vec<String>>,
    notices: Mutex<Vec<Notice>>,
}

impl Ears {
    pub(crate) fn new() -> Ears {
        Ears {
            wants_history: true,
            events: Mutex::default(),
            notices: Mutex::default(),
        }
    }

    pub(crate) fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        let notices = self.notices();
        notices.into_iter().map(|notice| notice.message).collect()
    }

    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap().clone()
    }
}

impl Observer for Ears {
    fn wants_history(&self) -> bool {
        self.wants_history
    }

    fn history_event(&self, execution_arn: &Text, event: &HistoryEvent) {
        let event = format!("{execution_arn} {}", event.details.type_name());
        self.events.lock().unwrap().push(event);
    }

    fn notice(&self, notice: &Notice) {
        self.notices.lock().unwrap().push(notice.clone());
    }
}

/// A handler to be, and what it does.
pub(crate) struct Setup {
    definition: String,
    configuration: Configuration,
    tasks: Arc<Tasks>,
    deadline: Option<Duration>,
    store: Option<Arc<S3Payloads>>,
    endpoint: Option<String>,
    pub(crate) observer: Ears,
}

impl Setup {
    /// A handler of this workflow, whose tasks give their input back.
    pub(crate) fn new(definition: &str) -> Setup {
        let mut configuration = Configuration::new(Definition::Inline(definition.to_owned()));
        configuration.state_machine_name = "orders".to_owned();
        let setup = Setup {
            definition: definition.to_owned(),
            configuration,
            tasks: Arc::new(Tasks {
                script: Box::new(|_| never()),
                inputs: Mutex::default(),
                in_flight: AtomicUsize::new(0),
                in_flight_max: AtomicUsize::new(0),
            }),
            deadline: None,
            store: None,
            endpoint: None,
            observer: Ears::new(),
        };
        setup.tasks(|request| result(request.input.clone()))
    }

    pub(crate) fn tasks(mut self, script: impl Fn(&TaskRequest<'_>) -> Answer + Send + Sync + 'static) -> Setup {
        self.tasks = Arc::new(Tasks {
            script: Box::new(script),
            inputs: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            in_flight_max: AtomicUsize::new(0),
        });
        self
    }

    pub(crate) fn configured(mut self, change: impl FnOnce(&mut Configuration)) -> Setup {
        change(&mut self.configuration);
        self
    }

    pub(crate) fn store(mut self, store: Arc<S3Payloads>) -> Setup {
        self.store = Some(store);
        self
    }

    /// Keeps records there.
    pub(crate) fn guarded(mut self, store: &Store, level: Level) -> Setup {
        self.endpoint = Some(format!("http://{}", store.dynamodb.authority()));
        self.configured(|configuration| {
            configuration.table = Some(store.table.name().to_owned());
            configuration.idempotency = Some(level);
        })
    }

    pub(crate) fn deadline_in_millis(mut self, millis: u64) -> Setup {
        self.deadline = Some(Duration::from_millis(millis));
        self
    }

    pub(crate) async fn handle(&self, event: &str) -> Result<String, InvocationError> {
        self.handle_bytes(event.as_bytes()).await
    }

    pub(crate) async fn handle_bytes(&self, event: &[u8]) -> Result<String, InvocationError> {
        let compilation = expressway_asl::compile(&self.definition, &BTreeMap::new()).unwrap();
        let tasks: Arc<dyn TaskRunner> = Arc::clone(&self.tasks) as Arc<dyn TaskRunner>;
        let mut handler = Handler::new(self.configuration.clone(), Arc::new(compilation.program), tasks);
        if let Some(store) = &self.store {
            handler = handler.with_payloads(Arc::clone(store));
        }
        if let Some(endpoint) = &self.endpoint {
            let aws = dynamodb::configuration(endpoint);
            let guard = startup::guard(&self.configuration, &aws, &self.definition).unwrap();
            handler = handler.guarded(guard);
        }
        let clock = SystemClock::new();
        let context = InvocationContext {
            request_id: "req-1",
            invoked_function_arn: "arn:aws:lambda:eu-west-1:111122223333:function:orders:live",
            tenant_id: None,
            deadline: self.deadline.map(|deadline| clock.now() + deadline),
            clock: Arc::new(clock),
            entropy: Arc::new(SystemEntropy),
            observer: Some(&self.observer),
        };
        handler.handle(event, &context).await
    }

    /// An HTTP answer.
    pub(crate) async fn answer(&self, event: &str) -> Document {
        Document::parse(&self.handle(event).await.unwrap()).unwrap()
    }

    /// Status and body of an HTTP answer.
    pub(crate) async fn respond(&self, event: &str) -> (u16, String) {
        let answer = Document::parse(&self.handle(event).await.unwrap()).unwrap();
        let status = answer.get("statusCode").and_then(Document::as_i64).unwrap();
        let body = answer.get("body").and_then(Document::as_str).unwrap();
        (u16::try_from(status).unwrap(), body.to_owned())
    }

    /// The inputs that tasks got, in the order of the calls.
    pub(crate) fn inputs(&self) -> Vec<String> {
        self.tasks.inputs.lock().unwrap().clone()
    }

    pub(crate) fn calls(&self) -> usize {
        self.inputs().len()
    }

    pub(crate) fn in_flight_max(&self) -> usize {
        self.tasks.in_flight_max.load(Ordering::Relaxed)
    }
}
