//! A small HTTP server that answers as it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers.
    Answer {
        status: u16,
        headers: &'static str,
        body: Vec<u8>,
    },
    /// Reads on and says nothing.
    Silence,
    /// Closes the connection.
    Cut,
    /// Begins an answer and closes the connection.
    CutWithin,
    /// Begins an answer and says no more.
    Stall,
    /// Closes the connection at once, with a reset instead of an end.
    Reset,
    /// Writes these bytes.
    Raw(Vec<u8>),
    /// Answers and closes the connection without having announced it.
    Last(Box<Reply>),
    /// Answers after this time.
    Late(Duration, Box<Reply>),
}

impl Reply {
    pub(crate) fn ok(body: &str) -> Reply {
        Reply::status(200, body)
    }

    pub(crate) fn status(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply::with_headers(status, "", body)
    }

    /// An answer with these lines in its head, each with its line end.
    pub(crate) fn with_headers(status: u16, headers: &'static str, body: impl Into<Vec<u8>>) -> Reply {
        Reply::Answer {
            status,
            headers,
            body: body.into(),
        }
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Method and address.
    pub(crate) line: String,
    /// All headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

type Script = dyn Fn(usize) -> Reply + Send + Sync;

/// A server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    connections: AtomicUsize,
    requests: Mutex<Vec<Received>>,
    /// Told when a client closes a connection.
    closed: Notify,
    received: Notify,
}

impl Server {
    /// Starts a server that answers the request of each number, from 0.
    pub(crate) async fn start(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            script: Box::new(script),
            connections: AtomicUsize::new(0),
            requests: Mutex::new(Vec::new()),
            closed: Notify::new(),
            received: Notify::new(),
        });
        let accepting = shared.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                let shared = accepting.clone();
                tokio::spawn(async move {
                    // A connection that breaks is what some tests are about.
                    let _ = serve(stream, &shared).await;
                    shared.closed.notify_one();
                });
            }
        });
        Server { url, shared }
    }

    /// Starts a server that gives these answers in turn, the last one for ever.
    pub(crate) async fn answering(replies: Vec<Reply>) -> Server {
        let last = replies.last().unwrap().clone();
        Server::start(move |number| replies.get(number).unwrap_or(&last).clone()).await
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits until a request has come.
    pub(crate) async fn received(&self) {
        self.shared.received.notified().await;
    }

    /// Waits until a client has closed a connection.
    pub(crate) async fn closed(&self) {
        self.shared.closed.notified().await;
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(request) = receive(&mut stream, &mut buffer).await? {
        let number = {
            let mut requests = shared.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        shared.received.notify_one();
        if !answer((shared.script)(number), &mut stream).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Does what a reply says; gives whether the connection stays.
async fn answer(reply: Reply, stream: &mut TcpStream) -> std::io::Result<bool> {
    match reply {
        Reply::Answer { status, headers, body } => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {length}\r\n\r\n");
            // In one piece: between two the kernel would wait for the client's acknowledgement.
            stream.write_all(&[head.as_bytes(), &body].concat()).await?;
        }
        Reply::Silence => {}
        Reply::Cut => return Ok(false),
        Reply::CutWithin => {
            stream.write_all(BEGINNING).await?;
            return Ok(false);
        }
        Reply::Stall => stream.write_all(BEGINNING).await?,
        Reply::Reset => {
            stream.set_zero_linger()?;
            return Ok(false);
        }
        Reply::Raw(bytes) => stream.write_all(&bytes).await?,
        Reply::Last(reply) => {
            Box::pin(answer(*reply, stream)).await?;
            return Ok(false);
        }
        Reply::Late(after, reply) => {
            tokio::time::sleep(after).await;
            return Box::pin(answer(*reply, stream)).await;
        }
    }
    Ok(true)
}

const BEGINNING: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";

/// The next request; nothing if the client has closed the connection.
async fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Received>> {
    loop {
        let end = buffer.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(buffer.get(..end).unwrap()).into_owned();
            let mut lines = head.split("\r\n");
            let line = lines.next().unwrap().to_owned();
            let headers: Vec<(String, String)> = lines
                .map(|line| line.split_once(':').unwrap())
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length = length.map_or(0, |(_, length)| length.parse().unwrap());
            if buffer.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(buffer.get(end + 4..end + 4 + length).unwrap()).into_owned();
                buffer.drain(..end + 4 + length);
                return Ok(Some(Received { line, headers, body }));
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await? {
            0 => return Ok(None),
            length => buffer.extend(chunk.iter().take(length)),
        }
    }
}
