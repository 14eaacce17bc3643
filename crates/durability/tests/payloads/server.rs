//! As much of S3 as payloads need: objects by path, conditional writes, and a count of requests.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    lines: Vec<String>,
    /// What everything is answered with.
    status: Option<u16>,
    /// How many requests fail from now on.
    failures: usize,
    /// Which request goes wrong, and how.
    broken: Option<(usize, Broken)>,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Broken {
    /// It is answered with this status, and nothing is done.
    Refused(u16),
    /// The connection is cut, and nothing is done.
    Cut,
    /// The connection is cut after the work.
    Lost,
}

impl Server {
    pub(crate) async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Server { url, state }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.state.lock().unwrap().lines.clone()
    }

    pub(crate) fn requests(&self, method: &str) -> usize {
        let is_such = |line: &&String| line.starts_with(method);
        self.state.lock().unwrap().lines.iter().filter(is_such).count()
    }

    pub(crate) fn objects(&self) -> usize {
        self.state.lock().unwrap().objects.len()
    }

    pub(crate) fn body(&self, path: &str) -> Option<Vec<u8>> {
        self.state.lock().unwrap().objects.get(path).cloned()
    }

    pub(crate) fn put(&self, path: &str, body: &[u8]) {
        self.state
            .lock()
            .unwrap()
            .objects
            .insert(path.to_owned(), body.to_vec());
    }

    pub(crate) fn change_all(&self, change: impl Fn(&mut Vec<u8>)) {
        self.state.lock().unwrap().objects.values_mut().for_each(change);
    }

    pub(crate) fn answer_with(&self, status: u16) {
        self.state.lock().unwrap().status = Some(status);
    }

    pub(crate) fn break_request(&self, number: usize, broken: Broken) {
        self.state.lock().unwrap().broken = Some((number, broken));
    }

    pub(crate) fn fail_next(&self, requests: usize) {
        self.state.lock().unwrap().failures = requests;
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let mut headers = HashMap::new();
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.unwrap();
            match header.trim_end().split_once(':') {
                Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
                None => break,
            };
        }
        let length = headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let line = line.trim_end();
        let broken = {
            let mut state = state.lock().unwrap();
            state.lines.push(line.to_owned());
            let number = state.lines.len();
            state.broken.filter(|(at, _)| *at == number).map(|(_, broken)| broken)
        };
        let (status, body) = match broken {
            None => answer(&state, line, &headers, body),
            Some(Broken::Refused(status)) => (status, error(if status == 503 { "SlowDown" } else { "InternalError" })),
            Some(Broken::Cut) => return,
            Some(Broken::Lost) => {
                answer(&state, line, &headers, body);
                return;
            }
        };
        let head = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(head.as_bytes()).await.is_err() || stream.write_all(&body).await.is_err() {
            return;
        }
    }
}

fn error(code: &str) -> Vec<u8> {
    format!("<Error><Code>{code}</Code><Message>no</Message></Error>").into_bytes()
}

fn answer(state: &Mutex<State>, line: &str, headers: &HashMap<String, String>, body: Vec<u8>) -> (u16, Vec<u8>) {
    let mut state = state.lock().unwrap();
    if let Some(status) = state.status {
        return (status, error("AccessDenied"));
    }
    if state.failures > 0 {
        state.failures -= 1;
        return (503, error("SlowDown"));
    }
    let mut words = line.split(' ');
    let method = words.next().unwrap();
    let path = words.next().unwrap().split('?').next().unwrap();
    match method {
        "PUT" if state.objects.contains_key(path) && headers.get("if-none-match").is_some_and(|tag| tag == "*") => {
            (412, error("PreconditionFailed"))
        }
        "PUT" => {
            state.objects.insert(path.to_owned(), body);
            (200, Vec::new())
        }
        _ => match state.objects.get(path) {
            Some(body) => (200, body.clone()),
            None => (404, error("NoSuchKey")),
        },
    }
}
