//! A proxy before the AWS endpoints of a function: counts requests, and breaks what a test wants to see broken.
//!
//! Requests of DynamoDB go on to a [`DynamoDb`]; anything else, Lambda above all, is answered by the test.

use crate::dynamodb::DynamoDb;
use crate::server::{Reply, Request, Server};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// A request that came by.
#[derive(Clone, Debug)]
pub struct Call {
    /// 1 for the first.
    pub number: usize,
    /// `PutItem`, `TransactWriteItems`, ...; `Invoke` for Lambda.
    pub operation: String,
    /// The request.
    pub request: Request,
}

impl Call {
    /// The body as JSON.
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.request.body).unwrap_or_default()
    }

    /// Whether the request is for this table.
    pub fn is_for(&self, table: &str) -> bool {
        // Names of tables of tests are found nowhere else.
        self.request.text().contains(&format!("\"{table}\""))
    }

    /// Whether the request is what a task does, other than in DynamoDB.
    pub fn is_invoke(&self) -> bool {
        let target = self.request.header("x-amz-target");
        !target.is_some_and(|target| target.starts_with("DynamoDB"))
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Answered,
    /// The process is killed at this moment.
    Killed(Moment),
    /// It is refused, because there are too many.
    Throttled,
    /// It is answered with an error of the service (500).
    Failed,
    /// It is not answered.
    Ignored,
    /// The connection is closed.
    Cut,
    /// It is carried out, but then the connection is closed.
    Lost,
    /// It is carried out, but not answered.
    Unanswered,
    /// The process is stopped, and the request waits for [`Proxy::let_go`].
    Held,
}

/// A moment in the life of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before it is carried out.
    Before,
    /// After it is carried out, before it is answered.
    Between,
    /// After it is answered.
    After,
}

impl Moment {
    /// All moments.
    pub const ALL: [Moment; 3] = [Moment::Before, Moment::Between, Moment::After];
}

type Functions = dyn Fn(&Request) -> Reply + Send + Sync;
type Plan = dyn Fn(&Call) -> Fate + Send + Sync;

struct Shared {
    dynamodb: String,
    functions: Box<Functions>,
    plan: Box<Plan>,
    calls: Mutex<Vec<Call>>,
    victim: Mutex<Option<u32>>,
    is_killed: watch::Sender<bool>,
    at_work: watch::Sender<usize>,
    is_held: watch::Sender<bool>,
    is_let_go: watch::Sender<bool>,
}

/// A running proxy.
pub struct Proxy {
    server: Server,
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// A proxy that lets all pass.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(
        dynamodb: &DynamoDb,
        functions: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Proxy> {
        Proxy::faulty(dynamodb, functions, |_| Fate::Answered).await
    }

    /// A proxy that decides about each request.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn faulty(
        dynamodb: &DynamoDb,
        functions: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        plan: impl Fn(&Call) -> Fate + Send + Sync + 'static,
    ) -> io::Result<Proxy> {
        let shared = Arc::new(Shared {
            dynamodb: dynamodb.authority().to_owned(),
            functions: Box::new(functions),
            plan: Box::new(plan),
            calls: Mutex::default(),
            victim: Mutex::default(),
            is_killed: watch::Sender::new(false),
            at_work: watch::Sender::new(0),
            is_held: watch::Sender::new(false),
            is_let_go: watch::Sender::new(false),
        });
        let server = Server::start({
            let shared = Arc::clone(&shared);
            move |request| Arc::clone(&shared).reply(request)
        })
        .await?;
        Ok(Proxy { server, shared })
    }

    /// `http://127.0.0.1:12345`
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The process that [`Fate::Killed`] kills.
    pub fn aims_at(&self, process: u32) {
        *lock(&self.shared.victim) = Some(process);
    }

    /// All requests, in the order in which they came.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.calls).clone()
    }

    /// How many requests were such.
    pub fn count(&self, is_such: impl Fn(&Call) -> bool) -> usize {
        lock(&self.shared.calls).iter().filter(|call| is_such(call)).count()
    }

    /// Waits until the process has been killed, and until all that it began is done.
    pub async fn killed(&self) {
        // The senders live as long as `self`.
        let _ = self.shared.is_killed.subscribe().wait_for(|is_killed| *is_killed).await;
        self.quiet().await;
    }

    /// Waits until the process has been stopped.
    pub async fn held(&self) {
        let _ = self.shared.is_held.subscribe().wait_for(|is_held| *is_held).await;
    }

    /// Lets the process go on that was stopped, and its request, too.
    pub fn let_go(&self) {
        self.shared.is_let_go.send_replace(true);
        signal(*lock(&self.shared.victim), Signal::CONT);
    }

    /// Waits until nothing is being carried out.
    pub async fn quiet(&self) {
        let _ = self.shared.at_work.subscribe().wait_for(|at_work| *at_work == 0).await;
    }

    /// Waits until as many requests were such.
    pub async fn wait_for(&self, count: usize, is_such: impl Fn(&Call) -> bool) {
        self.server.wait_until(|_| self.count(&is_such) >= count).await;
    }
}

impl Shared {
    async fn reply(self: Arc<Shared>, request: Request) -> Reply {
        let (call, fate) = self.decide(request);
        let work = || {
            // Goes on when the process is killed that asked for it.
            let shared = Arc::clone(&self);
            let call = call.clone();
            shared.at_work.send_modify(|at_work| *at_work += 1);
            let work = tokio::spawn(async move {
                let reply = shared.carry_out(&call).await;
                shared.at_work.send_modify(|at_work| *at_work -= 1);
                reply
            });
            async { work.await.unwrap_or(Reply::Cut) }
        };
        match fate {
            Fate::Answered => work().await,
            Fate::Killed(moment) => {
                let reply = match moment {
                    Moment::Before => Reply::Silence,
                    Moment::Between | Moment::After => work().await,
                };
                if moment != Moment::After {
                    self.kill();
                    // It may live a moment longer, and must not learn of its end.
                    return Reply::Silence;
                }
                tokio::spawn(async move {
                    // Long enough for an answer to be on its way, and short enough for what follows it not to be done.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    self.kill();
                });
                reply
            }
            Fate::Throttled => refusal(&call, true),
            Fate::Failed => refusal(&call, false),
            Fate::Ignored => Reply::Silence,
            Fate::Cut => Reply::Cut,
            Fate::Lost => {
                work().await;
                Reply::Cut
            }
            Fate::Unanswered => {
                work().await;
                Reply::Silence
            }
            Fate::Held => {
                signal(*lock(&self.victim), Signal::STOP);
                self.is_held.send_replace(true);
                let _ = self.is_let_go.subscribe().wait_for(|is_let_go| *is_let_go).await;
                work().await
            }
        }
    }

    /// Counts a request, and says what becomes of it.
    fn decide(&self, request: Request) -> (Call, Fate) {
        let target = request.header("x-amz-target").unwrap_or("Lambda.Invoke");
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let mut calls = lock(&self.calls);
        let call = Call {
            number: calls.len() + 1,
            operation,
            request,
        };
        calls.push(call.clone());
        drop(calls);
        let fate = (self.plan)(&call);
        (call, fate)
    }

    async fn carry_out(&self, call: &Call) -> Reply {
        if call.is_invoke() {
            return (self.functions)(&call.request);
        }
        forward(&self.dynamodb, &call.request).await.unwrap_or(Reply::Cut)
    }

    fn kill(&self) {
        signal(*lock(&self.victim), Signal::KILL);
        self.is_killed.send_replace(true);
    }
}

/// Sends a signal to a process, if there is one.
fn signal(process: Option<u32>, signal: Signal) {
    let process = process.and_then(|process| Pid::from_raw(i32::try_from(process).ok()?));
    if let Some(process) = process {
        // It may have ended by itself.
        let _ = kill_process(process, signal);
    }
}

/// How the services say that there are too many requests, or that they failed.
fn refusal(call: &Call, is_throttled: bool) -> Reply {
    match (call.is_invoke(), is_throttled) {
        (true, true) => Reply::status(
            429,
            r#"{"Reason":"CallerRateLimitExceeded","message":"Rate Exceeded."}"#,
        )
        .with_header("x-amzn-errortype", "TooManyRequestsException"),
        (true, false) => {
            Reply::status(500, r#"{"message":"as asked"}"#).with_header("x-amzn-errortype", "ServiceException")
        }
        (false, true) => Reply::status(
            400,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"as asked"}"#,
        ),
        (false, false) => Reply::status(
            500,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"as asked"}"#,
        ),
    }
}

/// The headers of an answer that clients look at.
const HEADERS: [&str; 4] = ["content-type", "x-amz-crc32", "x-amzn-requestid", "x-amzn-errortype"];

/// Sends a request on, over a connection of its own.
async fn forward(authority: &str, request: &Request) -> io::Result<Reply> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let mut forwarded = hyper::Request::builder().method(&*request.method).uri(&request.path);
    for (name, value) in &request.headers {
        forwarded = forwarded.header(name, value);
    }
    let body = Full::new(Bytes::from(request.body.clone()));
    let forwarded = forwarded.body(body).map_err(io::Error::other)?;
    let response = sender.send_request(forwarded).await.map_err(io::Error::other)?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    connection.abort();
    let headers = HEADERS.iter().filter_map(|name| {
        let value = parts.headers.get(*name)?.to_str().ok()?;
        Some((*name, value.to_owned()))
    });
    Ok(Reply::Answer {
        status: parts.status.as_u16(),
        headers: headers.collect(),
        body: body.to_vec(),
    })
}
