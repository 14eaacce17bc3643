//! `expressway run`: one execution, from its input to its output.

use crate::answer::{self, Aborted};
use crate::definition::DefinitionArguments;
use crate::failure::Failure;
use crate::identity::IdentityArguments;
use crate::interrupt::Interrupt;
use crate::progress::{self, Progress};
use crate::source::JsonSource;
use crate::tasks::{TaskArguments, Tasks};
use crate::{Exit, embedded, local, source};
use clap::ValueEnum;
use expressway_asl::Document;
use expressway_durability::payloads::{LargePayloadTasks, PayloadOptions, S3Payloads};
use expressway_engine::history::{HistoryEvent, HistorySink};
use expressway_engine::{
    Clock, DATA_BYTES_MAX, Engine, Environment, Execution, ExecutionRequest, Identity, Options, Outcome, PayloadStore,
    SystemClock, SystemEntropy,
};
use expressway_local::FastForward;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Run one execution and show what it does
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    definition: DefinitionArguments,
    /// The execution's input: a file, JSON itself, or - for standard input
    #[arg(long, value_name = "FILE|JSON|-", default_value = "{}")]
    input: String,
    #[command(flatten)]
    tasks: TaskArguments,
    /// Let Wait states, retry intervals and timeouts pass at once, on a virtual clock
    #[arg(long)]
    fast_forward: bool,
    /// Write the history there, an array of events as GetExecutionHistory returns them
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// What to print: the states as they run, or one object like StartSyncExecution's answer
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    identity: IdentityArguments,
    /// The longest that the execution may take, whatever its TimeoutSeconds says
    #[arg(long, value_name = "N", default_value_t = 300)]
    timeout_seconds: u64,
}

const EXAMPLES: &str = "\
Examples:
  expressway run orders.asl.json --input order.json
  expressway run orders.asl.json --input '{\"id\": 7}' --mock mocks.json#HappyPath --fast-forward
  expressway run orders.asl.json --input order.json --local --seed seed.yaml --functions functions.json
  expressway run orders.asl.yaml --input - --format json --history history.json < order.json

Without --mock and --local, Task states call AWS with the credentials and region that AWS's own tools would use; \
AWS_ENDPOINT_URL_LAMBDA sends the calls elsewhere.";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let definition = arguments.definition.load()?;
    let input = read_input(&arguments.input)?;
    let identity = arguments.identity.identity(&definition.name)?;
    let history = arguments.history.as_deref().map(HistoryFile::create).transpose()?;
    let runtime = crate::runtime()?;
    let tasks = runtime.block_on(arguments.tasks.prepare(&definition, None, None))?;

    let options = Options {
        execution_time_max: Duration::from_secs(arguments.timeout_seconds),
        ..Options::default()
    };
    let engine = Engine::new(definition.program, options);
    let request = ExecutionRequest {
        input: input.clone(),
        identity: identity.clone(),
        deadline: None,
        replay: None,
    };
    let is_text = arguments.format == Format::Text;
    let recorder = Recorder {
        events: history.is_some().then(Mutex::default),
        progress: is_text.then(|| Mutex::new(Progress::new())),
    };
    let payloads = match tasks.stand_ins() {
        Some(stand_ins) => {
            runtime.block_on(embedded::create(stand_ins, None, Some(embedded::BUCKET)))?;
            let options = PayloadOptions::new(embedded::BUCKET);
            Some(Arc::new(S3Payloads::new(&stand_ins.config(), options)))
        }
        None => None,
    };
    check_input(&input, payloads.is_some())?;
    let execution = execute(arguments, &engine, &tasks, request, &recorder, payloads.as_ref());
    let execution = runtime.block_on(execution);

    if let Some(history) = history {
        history.write(&recorder.into_events())?;
    }
    match arguments.format {
        Format::Text => {
            let mut out = anstream::stdout().lock();
            progress::write_end(&mut out, execution.as_ref())?;
            local::write_effects(&mut out, &tasks.effects())?;
        }
        Format::Json => {
            write_json(&identity, &input, execution.as_ref())?;
            local::write_effects(&mut anstream::stderr().lock(), &tasks.effects())?;
        }
    }
    Ok(match execution.map(|execution| execution.outcome) {
        Ok(Outcome::Succeeded(_)) => Exit::Success,
        Ok(Outcome::Failed(_) | Outcome::TimedOut | Outcome::Interrupted | Outcome::Faulted(_)) => Exit::Negative,
        Err(_) => Exit::Aborted,
    })
}

/// Runs the execution, on the clock that was asked for, until it ends or Ctrl-C is pressed.
async fn execute(
    arguments: &Arguments,
    engine: &Engine,
    tasks: &Tasks,
    request: ExecutionRequest,
    recorder: &Recorder,
    payloads: Option<&Arc<S3Payloads>>,
) -> Result<Execution, Aborted> {
    let started = SystemTime::now();
    let interrupt = Interrupt::watch();
    let mut runner = tasks.runner();
    let store = payloads.map(|store| Arc::clone(store) as Arc<dyn PayloadStore>);
    if let Some(payloads) = payloads {
        runner = Arc::new(LargePayloadTasks::new(runner, Arc::clone(payloads), DATA_BYTES_MAX));
    }
    let environment = |clock| Environment {
        tasks: Arc::clone(&runner),
        clock,
        entropy: Arc::new(SystemEntropy),
        budget: arguments.tasks.budget(),
        payloads: store.clone(),
    };
    let execution = async {
        if arguments.fast_forward {
            let clock = Arc::new(FastForward::new());
            let environment = environment(Arc::clone(&clock) as Arc<dyn Clock>);
            clock.run(engine.run(&environment, request, recorder.listener())).await
        } else {
            let environment = environment(Arc::new(SystemClock::new()));
            engine.run(&environment, request, recorder.listener()).await
        }
    };
    tokio::select! {
        biased;
        () = interrupt.pressed() => Err(Aborted { started, stopped: SystemTime::now() }),
        execution = execution => Ok(execution),
    }
}

fn read_input(value: &str) -> Result<Document, Failure> {
    parse_input(&source::read_json("--input", value)?)
}

/// Refuses an input that has nowhere to go.
fn check_input(input: &Document, has_bucket: bool) -> Result<(), Failure> {
    let bytes = input.json_bytes();
    if bytes <= DATA_BYTES_MAX || has_bucket {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the input has {bytes} bytes of JSON, an execution takes at most {DATA_BYTES_MAX} without a bucket"
    )))
}

/// The execution's input. What is wrong with it is told in Step Functions' words.
pub(crate) fn parse_input(source: &JsonSource) -> Result<Document, Failure> {
    Document::parse(&source.text).map_err(|error| {
        let message = format!("Invalid State Machine Execution Input: '{}'", error.message);
        let place = format!("{}:{}:{}", source.place, error.line, error.column);
        Failure::usage(format!("{message}\n  --> {place}"))
    })
}

fn write_json(identity: &Identity, input: &Document, execution: Result<&Execution, &Aborted>) -> io::Result<()> {
    let answer = answer::answer(identity, input, execution);
    writeln!(anstream::stdout().lock(), "{answer}")
}

/// Listens to the execution.
struct Recorder {
    events: Option<Mutex<Vec<HistoryEvent>>>,
    progress: Option<Mutex<Progress>>,
}

impl HistorySink for Recorder {
    fn record(&self, event: &HistoryEvent) {
        if let Some(events) = &self.events {
            events
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(event.clone());
        }
        if let Some(progress) = &self.progress {
            let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
            // When standard output is closed, the execution goes on all the same.
            let _ = progress.show(&mut anstream::stdout().lock(), event);
        }
    }
}

impl Recorder {
    /// Itself, if there is anything to listen for.
    fn listener(&self) -> Option<&dyn HistorySink> {
        (self.events.is_some() || self.progress.is_some()).then_some(self as &dyn HistorySink)
    }

    fn into_events(self) -> Vec<HistoryEvent> {
        let events = self.events.map(Mutex::into_inner);
        events.map_or_else(Vec::new, |events| events.unwrap_or_else(PoisonError::into_inner))
    }
}

/// The file of `--history`: made before the execution starts, so that nothing is done in vain.
struct HistoryFile {
    file: File,
    name: String,
}

impl HistoryFile {
    fn create(path: &Path) -> Result<HistoryFile, Failure> {
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Ok(HistoryFile { file, name }),
            Err(error) => Err(Failure::usage(format!("cannot write `{name}`: {error}"))),
        }
    }

    /// Writes an array with one event a line.
    fn write(self, events: &[HistoryEvent]) -> Result<(), Failure> {
        let write = || {
            let mut out = BufWriter::new(&self.file);
            let mut before = "[\n";
            for event in events {
                write!(out, "{before}{}", event.to_api())?;
                before = ",\n";
            }
            writeln!(out, "{}", if events.is_empty() { "[]" } else { "\n]" })?;
            out.flush()
        };
        write().map_err(|error: io::Error| Failure::usage(format!("cannot write `{}`: {error}", self.name)))
    }
}
