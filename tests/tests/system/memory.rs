//! The function in as little memory as Lambda gives it: no event and no answer of a task that Lambda lets through kills
//! the process. What it has no room for is refused, and the next event is handled.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use expressway_tests::function::{Answer, Function, Setup};
use expressway_tests::server::{Reply, Request, Server};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

/// Stacks for deep evaluations, and address space that threads of the allocator reserve. Of these little is ever used.
const RESERVED: u64 = 192 * MIB;

/// What Lambda lets through.
const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;

/// What is repeated in arrays: the heaviest shapes for their length first.
const SHAPES: [&str; 5] = ["[[[[[]]]]]", "{}", "[]", "1", r#""\u00e9\u00e9""#];

const ECHO: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;

const CALL: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Task","Parameters":{"shape.$":"$.shape"},
    "Resource":"arn:aws:lambda:eu-west-1:111122223333:function:large","ResultPath":null,"End":true}}}"#;

/// An array of a shape, about so many bytes long.
fn array(shape: &str, bytes: usize) -> String {
    let count = bytes / (shape.len() + 1);
    format!("[{}]", vec![shape; count].join(","))
}

/// A JSON string with this text.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn http(body: &str) -> String {
    let body = quoted(body);
    format!(
        r#"{{"version":"2.0","rawPath":"/","requestContext":{{"http":{{"method":"POST"}}}},"headers":{{}},"body":{body},"isBase64Encoded":false}}"#
    )
}

/// A batch with these bodies.
fn batch(bodies: &[String]) -> String {
    let messages = bodies.iter().enumerate().map(|(at, body)| {
        let body = quoted(body);
        format!(r#"{{"messageId":"m{at}","receiptHandle":"r","body":{body},"attributes":{{}},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q"}}"#)
    });
    format!(r#"{{"Records":[{}]}}"#, messages.collect::<Vec<_>>().join(","))
}

/// Events of each kind, as large as Lambda takes them.
fn events(shape: &str) -> Vec<(&'static str, String)> {
    let escapes = quoted(shape).len() as f64 / shape.len() as f64;
    let body_bytes = ((EVENT_BYTES_MAX - 4_096) as f64 / escapes) as usize;
    let bodies: Vec<String> = (0..10).map(|_| array(shape, body_bytes / 10 - 200)).collect();
    let mut events = vec![
        ("direct", array(shape, EVENT_BYTES_MAX - 4_096)),
        ("http", http(&array(shape, body_bytes))),
    ];
    // A batch weighs as much as its bodies.
    if SHAPES.iter().take(2).any(|heavy| *heavy == shape) {
        events.push(("batch", batch(&bodies)));
    }
    events
}

/// Starts a function that really has so much memory: what it allocates beyond that aborts it.
async fn start(setup: Setup, memory: u64) -> Function {
    let function = setup
        .with("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &(memory / MIB).to_string())
        .with("EXPRESSWAY_LOG_LEVEL", "OFF")
        .start()
        .await
        .unwrap();
    let limit = Rlimit {
        current: Some(memory + RESERVED),
        maximum: Some(memory + RESERVED),
    };
    prlimit(Pid::from_raw(function.process() as i32), Resource::Data, limit).unwrap();
    function
}

/// Invokes a function, which is dead if it does not answer.
async fn invoke(function: &Function, event: impl Into<Vec<u8>>, case: &str) -> Answer {
    let answer = tokio::time::timeout(Duration::from_secs(60), function.invoke(event)).await;
    answer.unwrap_or_else(|_| panic!("{case}: the process was killed"))
}

/// The most memory that a process has had, in bytes.
fn peak(function: &Function) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", function.process())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// The memory of small functions, and how many shapes are tried with it: with more memory only what is heaviest.
const MEMORIES: [(u64, usize); 2] = [(128 * MIB, SHAPES.len()), (256 * MIB, 1)];

#[tokio::test]
async fn no_event_kills_the_process() {
    for (memory, shapes) in MEMORIES {
        let function = start(Setup::new(ECHO), memory).await;
        for shape in SHAPES.into_iter().take(shapes) {
            for (kind, event) in events(shape) {
                let case = format!("{} MB, {kind} of {shape}", memory / MIB);
                let answer = invoke(&function, event, &case).await;
                let is_answered = !matches!(&answer, Answer::Error(error, _) if error.starts_with("Test."));
                assert!(is_answered, "{case}: {answer:?}");
                assert!(peak(&function) < memory, "{case}: {} MB", peak(&function) / MIB);
                let next = invoke(&function, http(r#"{"n":1}"#), &case).await;
                assert!(next.text().contains(r#""statusCode":200"#), "{case}: {next:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_answer_of_a_task_kills_the_process() {
    let lambda = Server::start(|request: Request| async move {
        let asked: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let shape = asked
            .get("shape")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned();
        Reply::ok(array(&shape, EVENT_BYTES_MAX))
    })
    .await
    .unwrap();
    for (memory, shapes) in MEMORIES {
        let function = start(Setup::new(CALL).calling(&lambda), memory).await;
        for shape in SHAPES.into_iter().take(shapes) {
            let case = format!("{} MB, answer of {shape}", memory / MIB);
            let event = format!(r#"{{"shape":{}}}"#, quoted(shape));
            let answer = invoke(&function, event, &case).await;
            let is_refused = matches!(&answer, Answer::Error(error, _) if !error.starts_with("Test."));
            assert!(is_refused, "{case}: {answer:?}");
            assert!(peak(&function) < memory, "{case}: {} MB", peak(&function) / MIB);
        }
    }
}
