//! The function's real binary, as a process under a Runtime API that is served here.

use crate::dynamodb::Table;
use crate::proxy::Proxy;
use crate::server::{Reply, Request, Server};
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead};
use tokio::process::Child;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// The function's ARN.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:orders";

/// What an answer must repeat, so that one of an abandoned invocation is not taken for it.
pub const INVOCATION_ID: &str = "i-1";

/// The trace that invocations belong to.
pub const TRACE_ID: &str = "Root=1-65f0a1b2-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0";

/// The time that an invocation has unless a test says otherwise: longer than any test takes.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A function to be started.
#[derive(Clone, Debug)]
pub struct Setup {
    definition: String,
    environment: HashMap<String, String>,
}

/// A function that runs.
#[derive(Debug)]
pub struct Function {
    child: Child,
    output: Vec<JoinHandle<Vec<String>>>,
    runtime_api: Server,
    state: Arc<State>,
    /// Holds the definition's file.
    _package: TempDir,
}

/// How a function ended.
#[derive(Clone, Debug)]
pub struct End {
    /// The status of the process.
    pub status: ExitStatus,
    /// The error that it reported to Lambda instead of asking for events.
    pub init_error: Option<Answer>,
    /// All lines that it wrote.
    pub log: Vec<String>,
}

/// What came of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The function's answer.
    Response(String),
    /// The invocation failed: error type as Lambda is told, and the error as JSON.
    Error(String, String),
}

impl Answer {
    /// The text of a response; of an error, the error.
    pub fn text(&self) -> &str {
        match self {
            Answer::Response(text) | Answer::Error(_, text) => text,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    events: Mutex<VecDeque<(String, Event)>>,
    has_events: Notify,
    answers: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    init_error: Mutex<Option<Answer>>,
    invocations: Mutex<u64>,
}

#[derive(Debug)]
struct Event {
    body: Vec<u8>,
    deadline: SystemTime,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Setup {
    /// A function with this definition, in a file of its package.
    pub fn new(definition: &str) -> Setup {
        let variables = [
            ("AWS_ACCESS_KEY_ID", "AKIDTEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_NAME", "orders"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
            ("EXPRESSWAY_DEFINITION", "workflow.asl.json"),
        ];
        Setup {
            definition: definition.to_owned(),
            environment: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        }
    }

    /// Sets an environment variable.
    pub fn with(mut self, name: &str, value: &str) -> Setup {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets an environment variable unless it is set.
    pub fn with_default(mut self, name: &str, value: &str) -> Setup {
        self.environment
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
        self
    }

    /// Lets the function call this server for Lambda.
    pub fn calling(self, lambda: &Server) -> Setup {
        self.with("AWS_ENDPOINT_URL_LAMBDA", &lambda.url())
    }

    /// Lets the function call this proxy for all services, and keep its records in a table behind it.
    pub fn behind(self, proxy: &Proxy, table: &Table) -> Setup {
        self.with("AWS_ENDPOINT_URL", &proxy.url())
            .with("EXPRESSWAY_TABLE", table.name())
    }

    /// Starts the function.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub async fn start(self) -> io::Result<Function> {
        let package = tempfile::tempdir()?;
        std::fs::write(package.path().join("workflow.asl.json"), &self.definition)?;
        let state = Arc::new(State::default());
        let runtime_api = Server::start({
            let state = Arc::clone(&state);
            move |request| Arc::clone(&state).reply(request)
        })
        .await?;
        let mut child = tokio::process::Command::new(binary()?)
            // Nothing of this machine leaks in.
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.authority())
            .env("LAMBDA_TASK_ROOT", package.path())
            .envs(self.environment)
            .current_dir(package.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().map(|output| tokio::spawn(lines(output)));
        let stderr = child.stderr.take().map(|output| tokio::spawn(lines(output)));
        Ok(Function {
            child,
            output: stdout.into_iter().chain(stderr).collect(),
            runtime_api,
            state,
            _package: package,
        })
    }
}

impl Function {
    /// Sends an event and waits for what comes of it.
    pub async fn invoke(&self, event: impl Into<Vec<u8>>) -> Answer {
        let (answer, _) = self.invoke_for(TIMEOUT, event).await;
        answer
    }

    /// Sends an event with this much time to handle it; gives what comes of it, and the time that was left.
    pub async fn invoke_for(&self, timeout: Duration, event: impl Into<Vec<u8>>) -> (Answer, Duration) {
        let deadline = SystemTime::now() + timeout;
        let (sender, receiver) = oneshot::channel();
        let request_id = {
            let mut invocations = lock(&self.state.invocations);
            *invocations += 1;
            format!("00000000-0000-4000-8000-{invocations:012}")
        };
        lock(&self.state.answers).insert(request_id.clone(), sender);
        let body = event.into();
        lock(&self.state.events).push_back((request_id, Event { body, deadline }));
        self.state.has_events.notify_one();
        let no_answer = |_| Answer::Error("Test.NoAnswer".to_owned(), String::new());
        let answer = receiver.await.unwrap_or_else(no_answer);
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        (answer, left)
    }

    /// Waits until the function has started and asks for an event.
    pub async fn ready(&self) {
        self.runtime_api.wait_until(|seen| !seen.requests.is_empty()).await;
    }

    /// The id of the process.
    pub fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Ends the function, and gives all lines that it wrote.
    ///
    /// # Errors
    /// The process can not be ended.
    pub async fn log(mut self) -> io::Result<Vec<String>> {
        self.child.kill().await?;
        self.written().await
    }

    /// Waits until the function has ended by itself.
    ///
    /// # Errors
    /// The process can not be waited for.
    pub async fn end(mut self) -> io::Result<End> {
        let status = self.child.wait().await?;
        let init_error = lock(&self.state.init_error).clone();
        let log = self.written().await?;
        Ok(End {
            status,
            init_error,
            log,
        })
    }

    async fn written(self) -> io::Result<Vec<String>> {
        let mut all = Vec::new();
        for lines in self.output {
            all.append(&mut lines.await.map_err(io::Error::other)?);
        }
        Ok(all)
    }

    /// The requests that the function made of the Runtime API.
    pub fn runtime_requests(&self) -> Vec<Request> {
        self.runtime_api.seen().requests
    }
}

impl State {
    async fn reply(self: Arc<State>, request: Request) -> Reply {
        let path = request.path.strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
        let error_type = request.header("lambda-runtime-function-error-type").unwrap_or_default();
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let parts: Vec<&str> = path.split('/').collect();
        let answer = match parts[..] {
            ["invocation", "next"] => return self.next_event().await,
            ["invocation", id, "response"] => Some((id, Answer::Response(text))),
            ["invocation", id, "error"] => Some((id, Answer::Error(error_type.to_owned(), text))),
            ["init", "error"] => {
                *lock(&self.init_error) = Some(Answer::Error(error_type.to_owned(), text));
                None
            }
            _ => return Reply::status(404, "{}"),
        };
        if let Some((id, answer)) = answer
            && let Some(sender) = lock(&self.answers).remove(id)
        {
            // Nobody waits any more if the test has ended.
            let _ = sender.send(answer);
        }
        Reply::status(202, r#"{"status":"OK"}"#)
    }

    async fn next_event(&self) -> Reply {
        let (request_id, event) = loop {
            let event = lock(&self.events).pop_front();
            match event {
                Some(event) => break event,
                None => self.has_events.notified().await,
            }
        };
        let deadline = event.deadline.duration_since(SystemTime::UNIX_EPOCH);
        let deadline = deadline.unwrap_or_default().as_millis();
        Reply::ok(event.body)
            .with_header("lambda-runtime-aws-request-id", &request_id)
            .with_header("lambda-runtime-deadline-ms", &deadline.to_string())
            .with_header("lambda-runtime-invocation-id", INVOCATION_ID)
            .with_header("lambda-runtime-invoked-function-arn", FUNCTION_ARN)
            .with_header("lambda-runtime-trace-id", TRACE_ID)
    }
}

/// All lines of an output, until it is closed.
async fn lines(output: impl AsyncRead + Unpin) -> Vec<String> {
    let mut reader = tokio::io::BufReader::new(output).lines();
    let mut lines = Vec::new();
    while let Ok(Some(line)) = reader.next_line().await {
        lines.push(line);
    }
    lines
}

/// The function's binary. Cargo builds it before it runs a test of this package, and tells the test where it is.
fn binary() -> io::Result<OsString> {
    std::env::var_os("CARGO_BIN_EXE_function").ok_or_else(|| {
        io::Error::other("`CARGO_BIN_EXE_function` is not set: start tests of the function with `cargo test`")
    })
}
