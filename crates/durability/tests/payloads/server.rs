//! As much of S3 as payloads need: objects by path with their times, conditions, and a count of requests.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    /// How far the time is ahead.
    ahead: Duration,
    /// What reads of one object are answered with.
    denied: BTreeMap<String, u16>,
    lines: Vec<String>,
    /// What everything is answered with.
    status: Option<u16>,
    /// How many requests fail from now on.
    failures: usize,
    /// Which request goes wrong, and how.
    broken: Option<(usize, Broken)>,
    /// How all requests go wrong.
    all_broken: Option<Broken>,
}

struct Object {
    body: Vec<u8>,
    content_type: Option<String>,
    /// As the header of its upload said.
    checksum: Option<String>,
    modified: SystemTime,
}

impl Object {
    fn new(body: Vec<u8>, modified: SystemTime) -> Object {
        Object {
            body,
            content_type: None,
            checksum: None,
            modified,
        }
    }

    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.body.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }

    fn headers(&self) -> String {
        let modified = DateTime::from(self.modified).fmt(Format::HttpDate).unwrap();
        let mut headers = format!("etag: {}\r\nlast-modified: {modified}\r\n", self.tag());
        if let Some(checksum) = &self.checksum {
            headers += &format!("x-amz-checksum-sha256: {checksum}\r\n");
        }
        if let Some(content_type) = &self.content_type {
            headers += &format!("content-type: {content_type}\r\n");
        }
        headers
    }
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It is answered with this status, and nothing is done.
    Refused(u16),
    /// The connection is cut, and nothing is done.
    Cut,
    /// The connection is cut after the work.
    Lost,
    /// The connection is cut in the middle of the answer's body.
    CutHalfway,
}

impl Server {
    pub(crate) async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Else each answer waits for the acknowledgement of its head.
                stream.set_nodelay(true).unwrap();
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
        self.state
            .lock()
            .unwrap()
            .objects
            .get(path)
            .map(|object| object.body.clone())
    }

    pub(crate) fn content_type(&self, path: &str) -> Option<String> {
        self.state.lock().unwrap().objects.get(path)?.content_type.clone()
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.state.lock().unwrap().ahead += time;
    }

    /// A clock that goes with the server's.
    pub(crate) fn clock(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let state = Arc::clone(&self.state);
        move || state.lock().unwrap().now()
    }

    /// Deletes what was last written that long ago, as a lifecycle rule does.
    pub(crate) fn expire(&self, age: Duration) {
        let mut state = self.state.lock().unwrap();
        let now = state.now();
        state
            .objects
            .retain(|_, object| now.duration_since(object.modified).unwrap_or_default() < age);
    }

    pub(crate) fn delete(&self, path: &str) {
        self.state.lock().unwrap().objects.remove(path);
    }

    /// Forgets the checksums, as if objects had been stored without.
    pub(crate) fn drop_checksums(&self) {
        let mut state = self.state.lock().unwrap();
        state.objects.values_mut().for_each(|object| object.checksum = None);
    }

    pub(crate) fn deny(&self, path: &str, status: u16) {
        self.state.lock().unwrap().denied.insert(path.to_owned(), status);
    }

    pub(crate) fn put(&self, path: &str, body: &[u8]) {
        let mut state = self.state.lock().unwrap();
        let object = Object::new(body.to_vec(), state.now());
        state.objects.insert(path.to_owned(), object);
    }

    pub(crate) fn change_all(&self, change: impl Fn(&mut Vec<u8>)) {
        let mut state = self.state.lock().unwrap();
        for object in state.objects.values_mut() {
            change(&mut object.body);
            object.checksum = None;
        }
    }

    pub(crate) fn answer_with(&self, status: u16) {
        self.state.lock().unwrap().status = Some(status);
    }

    pub(crate) fn break_request(&self, number: usize, broken: Broken) {
        self.state.lock().unwrap().broken = Some((number, broken));
    }

    pub(crate) fn break_all(&self, broken: Broken) {
        self.state.lock().unwrap().all_broken = Some(broken);
    }

    pub(crate) fn fail_next(&self, requests: usize) {
        self.state.lock().unwrap().failures = requests;
    }
}

impl State {
    fn now(&self) -> SystemTime {
        // Whole seconds, as in headers.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        UNIX_EPOCH + Duration::from_secs(now.as_secs()) + self.ahead
    }
}

/// Status, headers and body.
type Answer = (u16, String, Vec<u8>);

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
            let broken = state.broken.filter(|(at, _)| *at == number).map(|(_, broken)| broken);
            broken.or(state.all_broken)
        };
        let (status, head, body) = match broken {
            None | Some(Broken::CutHalfway) => answer(&state, line, &headers, body),
            Some(Broken::Refused(status)) => error(status, if status == 503 { "SlowDown" } else { "InternalError" }),
            Some(Broken::Cut) => return,
            Some(Broken::Lost) => {
                answer(&state, line, &headers, body);
                return;
            }
        };
        let head = format!(
            "HTTP/1.1 {status} Status\r\n{head}content-length: {}\r\n\r\n",
            body.len()
        );
        let body = match (line.starts_with("HEAD"), broken) {
            (true, _) => &[],
            (_, Some(Broken::CutHalfway)) => &body[..body.len() / 2],
            _ => &body[..],
        };
        let is_sent = stream.write_all(head.as_bytes()).await.is_ok() && stream.write_all(body).await.is_ok();
        if !is_sent || matches!(broken, Some(Broken::CutHalfway)) {
            return;
        }
    }
}

fn error(status: u16, code: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    (status, String::new(), body.into_bytes())
}

fn answer(state: &Mutex<State>, line: &str, headers: &HashMap<String, String>, body: Vec<u8>) -> Answer {
    let mut state = state.lock().unwrap();
    if let Some(status) = state.status {
        return error(status, "AccessDenied");
    }
    if state.failures > 0 {
        state.failures -= 1;
        return error(503, "SlowDown");
    }
    let mut words = line.split(' ');
    let method = words.next().unwrap();
    let path = words.next().unwrap().split('?').next().unwrap();
    let header = |name: &str| headers.get(name).cloned();
    let now = state.now();
    if method != "PUT"
        && let Some(status) = state.denied.get(path)
    {
        return error(*status, "AccessDenied");
    }
    match (method, header("x-amz-copy-source")) {
        ("PUT", Some(source)) => {
            assert_eq!(format!("/{source}"), path, "only copies in place are asked for");
            assert_eq!(
                headers["x-amz-metadata-directive"], "REPLACE",
                "S3 refuses anything else"
            );
            let Some(object) = state.objects.get_mut(path) else {
                return error(404, "NoSuchKey");
            };
            if header("x-amz-copy-source-if-match").is_some_and(|tag| tag != object.tag()) {
                return error(412, "PreconditionFailed");
            }
            object.modified = now;
            object.content_type = header("content-type");
            (200, String::new(), b"<CopyObjectResult/>".to_vec())
        }
        ("PUT", None) if state.objects.contains_key(path) && header("if-none-match").as_deref() == Some("*") => {
            error(412, "PreconditionFailed")
        }
        ("PUT", None) => {
            let object = Object {
                content_type: header("content-type"),
                checksum: header("x-amz-checksum-sha256"),
                ..Object::new(body, now)
            };
            state.objects.insert(path.to_owned(), object);
            (200, String::new(), Vec::new())
        }
        _ => match state.objects.get(path) {
            Some(object) if header("if-match").is_some_and(|tag| tag != object.tag()) => {
                error(412, "PreconditionFailed")
            }
            Some(object) => (200, object.headers(), object.body.clone()),
            None => error(404, "NoSuchKey"),
        },
    }
}
