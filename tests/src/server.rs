//! An HTTP server on the loopback interface that answers as a test says, and counts.

use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A request as the server got it.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        values.next().map(|(_, value)| value.as_str())
    }

    /// The body, which must be text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Answers.
    Answer {
        /// The status.
        status: u16,
        /// Headers besides those that HTTP itself needs.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Answers, but closes the connection in the middle of the body.
    Half(Vec<u8>),
    /// Closes the connection without an answer.
    Cut,
    /// Says nothing for as long as the peer listens.
    Silence,
}

impl Reply {
    /// An answer with status 200 and a JSON body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Reply {
        Reply::status(200, body)
    }

    /// An answer with a JSON body.
    pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        let content_type = ("content-type", "application/json".to_owned());
        Reply::Answer {
            status,
            headers: vec![content_type],
            body: body.into(),
        }
    }

    /// The same answer with one more header; other replies stay as they are.
    pub fn with_header(mut self, name: &'static str, value: &str) -> Reply {
        if let Reply::Answer { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// What a server has seen so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// All requests, in the order in which they came.
    pub requests: Vec<Request>,
    /// How many connections were made.
    pub connections: usize,
    /// How many connections are open.
    pub connections_open: usize,
    /// How many requests wait for their answer.
    pub in_flight: usize,
    /// The most requests that ever waited for their answers at once.
    pub in_flight_max: usize,
}

/// A running server; dropping it closes all its connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    seen: Arc<watch::Sender<Seen>>,
    accept: AbortHandle,
}

impl Server {
    /// Starts a server in the current tokio runtime.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start<H, F>(handler: H) -> io::Result<Server>
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        Server::listen(None, handler).await
    }

    /// The same with TLS, by the certificate in the configuration.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start_with_tls<H, F>(tls: Arc<ServerConfig>, handler: H) -> io::Result<Server>
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        Server::listen(Some(TlsAcceptor::from(tls)), handler).await
    }

    async fn listen<H, F>(tls: Option<TlsAcceptor>, handler: H) -> io::Result<Server>
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(watch::Sender::new(Seen::default()));
        let accept = tokio::spawn(accept(listener, tls, Arc::clone(&seen), Arc::new(handler)));
        Ok(Server {
            address,
            seen,
            accept: accept.abort_handle(),
        })
    }

    /// `127.0.0.1:12345`
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:12345`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the server has seen so far.
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until the server has seen what the test waits for.
    pub async fn wait_until(&self, is_there: impl FnMut(&Seen) -> bool) {
        // The sender lives as long as `self`.
        let _ = self.seen.subscribe().wait_for(is_there).await;
    }

    /// Kills the server: its connections break, new ones are refused.
    pub fn kill(&self) {
        self.accept.abort();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn accept<H, F>(listener: TcpListener, tls: Option<TlsAcceptor>, seen: Arc<watch::Sender<Seen>>, handler: Arc<H>)
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    // Dropped with this task, and with it all connections.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        let handler = Arc::clone(&handler);
        let tls = tls.clone();
        let _ = stream.set_nodelay(true);
        seen.send_modify(|seen| {
            seen.connections += 1;
            seen.connections_open += 1;
        });
        connections.spawn(async move {
            let open = Counted::new(Arc::clone(&seen), |seen| seen.connections_open -= 1);
            let service = service_fn(|request| answer(request, Arc::clone(&seen), Arc::clone(&handler)));
            let http = http1::Builder::new();
            // A connection that breaks is what some tests are about.
            match tls {
                None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        drop(http.serve_connection(TokioIo::new(stream), service).await);
                    }
                }
            }
            drop(open);
        });
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

async fn answer<H, F>(
    request: hyper::Request<Incoming>,
    seen: Arc<watch::Sender<Seen>>,
    handler: Arc<H>,
) -> io::Result<hyper::Response<Body>>
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let headers = parts.headers.iter();
    let request = Request {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: body.to_vec(),
    };
    seen.send_modify(|seen| {
        seen.requests.push(request.clone());
        seen.in_flight += 1;
        seen.in_flight_max = seen.in_flight_max.max(seen.in_flight);
    });
    // Dropped with this future, which hyper drops when the peer hangs up.
    let in_flight = Counted::new(seen, |seen| seen.in_flight -= 1);
    let reply = handler(request).await;
    let response = match reply {
        Reply::Answer { status, headers, body } => {
            let mut response = hyper::Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            let length = body.len();
            response.header("content-length", length).body(chunks([Ok(body)]))
        }
        Reply::Half(body) => {
            let response = hyper::Response::builder().header("content-length", body.len() * 2 + 1);
            response.body(chunks([Ok(body), Err(io::ErrorKind::ConnectionAborted.into())]))
        }
        Reply::Cut => return Err(io::ErrorKind::ConnectionAborted.into()),
        Reply::Silence => std::future::pending().await,
    };
    drop(in_flight);
    response.map_err(io::Error::other)
}

fn chunks<const N: usize>(chunks: [io::Result<Vec<u8>>; N]) -> Body {
    let frames = chunks.map(|chunk| chunk.map(|chunk| Frame::data(Bytes::from(chunk))));
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

/// Counts down when it is dropped.
struct Counted {
    seen: Arc<watch::Sender<Seen>>,
    down: fn(&mut Seen),
}

impl Counted {
    fn new(seen: Arc<watch::Sender<Seen>>, down: fn(&mut Seen)) -> Counted {
        Counted { seen, down }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.seen.send_modify(self.down);
    }
}

/// Gives prepared replies one after the other, then the last one for good.
#[derive(Debug)]
pub struct Script {
    replies: Mutex<Vec<Reply>>,
}

impl Script {
    /// A script of these replies.
    pub fn new(replies: impl IntoIterator<Item = Reply>) -> Script {
        let mut replies: Vec<Reply> = replies.into_iter().collect();
        replies.reverse();
        Script {
            replies: Mutex::new(replies),
        }
    }

    /// The next reply.
    pub fn next(&self) -> Reply {
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        match replies.len() {
            0 => Reply::Silence,
            1 => replies.first().cloned().unwrap_or(Reply::Silence),
            _ => replies.pop().unwrap_or(Reply::Silence),
        }
    }
}
