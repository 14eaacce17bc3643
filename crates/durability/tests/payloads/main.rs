//! Large payloads against a server on the loopback interface that speaks as much S3 as they need.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and a child process reports by printing"
)]

mod faults;
mod isolation;
mod memory;
mod renewal;
mod server;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_aws::client::http_client;
use expressway_durability::payloads::{
    CHANGED, LargePayloadTasks, PayloadOptions, Presentation, S3Payloads, load_text,
};
use expressway_engine::{
    Engine, Environment, ExecutionRequest, Fault, Identity, Options, Outcome, PayloadStore, SystemClock, SystemEntropy,
    TaskBudget, TaskError, TaskFuture, TaskRequest, TaskRunner, shorten,
};
use server::{Broken, Server};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

thread_local! {
    /// One for all clients of a test: it takes long to make.
    static HTTP_CLIENT: aws_sdk_s3::config::SharedHttpClient = http_client();
}

pub(crate) fn config(url: &str) -> aws_config::SdkConfig {
    aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(Credentials::new(
            "key", "secret", None, None, "test",
        )))
        .endpoint_url(url)
        .http_client(HTTP_CLIENT.with(Clone::clone))
        .build()
}

pub(crate) fn store(url: &str, cache_bytes: usize) -> Arc<S3Payloads> {
    let options = PayloadOptions {
        prefix: "some/large".to_owned(),
        cache_bytes,
        allowed_buckets: vec!["theirs".to_owned()],
        ..PayloadOptions::new("bucket")
    };
    Arc::new(S3Payloads::new(&config(url), options))
}

/// Answers by a function, and keeps the inputs.
pub(crate) struct Tasks<F> {
    answer: F,
    inputs: Mutex<Vec<Document>>,
}

impl<F> Tasks<F> {
    pub(crate) fn new(answer: F) -> Arc<Tasks<F>> {
        Arc::new(Tasks {
            answer,
            inputs: Mutex::default(),
        })
    }
}

impl<F: Fn(&Document) -> Document + Send + Sync> TaskRunner for Tasks<F> {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        let answer = (self.answer)(&request.input);
        // Only small ones: what was large is not to be kept.
        let input = match request.input.json_bytes() {
            0..10_000 => request.input,
            bytes => format!("{bytes} bytes").into(),
        };
        self.inputs.lock().unwrap().push(input);
        Box::pin(std::future::ready(Ok::<_, TaskError>(answer)))
    }
}

/// Runs a definition with these tasks, whose requests and answers may be large.
pub(crate) async fn run(definition: &str, store: &Arc<S3Payloads>, tasks: Arc<dyn TaskRunner>, input: &str) -> Outcome {
    let program = expressway_asl::compile(definition, &BTreeMap::new()).unwrap().program;
    let options = Options::default();
    let tasks = LargePayloadTasks::new(tasks, Arc::clone(store), options.inline_bytes_max);
    let environment = Environment {
        tasks: Arc::new(tasks),
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        budget: TaskBudget::default(),
        payloads: Some(Arc::clone(store) as Arc<dyn PayloadStore>),
    };
    let text = |text: &str| Text::from(text);
    let request = ExecutionRequest {
        input: Document::parse(input).unwrap(),
        identity: Identity {
            execution_arn: text("arn:aws:states:us-east-1:123456789012:express:Machine:Run:1"),
            execution_name: text("Run"),
            state_machine_arn: text("arn:aws:states:us-east-1:123456789012:stateMachine:Machine"),
            state_machine_name: text("Machine"),
            role_arn: None,
            region: text("us-east-1"),
            redrive_count: Some(0),
        },
        deadline: None,
        replay: None,
    };
    let engine = Engine::new(Arc::new(program), options);
    engine.run(&environment, request, None).await.outcome
}

pub(crate) const TASK: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f""#;

fn large(letter: &str) -> Document {
    Document::object([
        ("status", "ready".into()),
        ("text", letter.repeat(500_000).into()),
        (
            "nested",
            Document::object([("n", 7.into()), ("more", letter.repeat(400_000).into())]),
        ),
    ])
}

#[tokio::test]
async fn a_choice_on_a_small_sibling_of_5_mb_loads_nothing() {
    let server = Server::start().await;
    let store = store(&server.url, 0);
    let definition = format!(
        r#"{{"StartAt":"T","States":{{"T":{{{TASK},"Next":"C"}},
            "C":{{"Type":"Choice","Choices":[{{"Variable":"$.status","StringEquals":"ready","Next":"S"}}]}},
            "S":{{"Type":"Pass","OutputPath":"$.status","End":true}}}}}}"#
    );
    let tasks = Tasks::new(|_: &Document| {
        Document::object([("status", "ready".into()), ("rows", "x".repeat(5_000_000).into())])
    });
    assert_eq!(
        run(&definition, &store, tasks, "{}").await,
        Outcome::Succeeded("ready".into())
    );
    assert_eq!(server.requests("GET"), 0);
    assert_eq!(server.requests("PUT"), 1);
}

#[tokio::test]
async fn the_same_value_is_uploaded_once() {
    let server = Server::start().await;
    // Nothing is at hand, as in another sandbox.
    let store = store(&server.url, 0);
    let first = shorten(&*store, large("a"), 1000).await.unwrap();
    let again = shorten(&*store, large("a"), 1000).await.unwrap();
    assert_eq!(first, again);
    let lines = server.lines();
    assert!(
        lines.iter().all(|line| line.contains(" /bucket/some/large/")),
        "{lines:?}"
    );
    let requests = ["PUT", "HEAD", "GET"].map(|method| server.requests(method));
    assert_eq!(
        requests,
        [4, 2, 0],
        "the second time they were there already, and were compared"
    );
    assert_eq!(server.objects(), 2);
    assert_eq!(
        expressway_engine::resolve(&*store, first, usize::MAX).await.unwrap(),
        large("a")
    );
}

#[tokio::test]
async fn what_is_at_hand_is_neither_loaded_nor_stored_again() {
    let server = Server::start().await;
    let store = store(&server.url, 10_000_000);
    let shortened = shorten(&*store, large("b"), 1000).await.unwrap();
    shorten(&*store, large("b"), 1000).await.unwrap();
    expressway_engine::resolve(&*store, shortened, usize::MAX)
        .await
        .unwrap();
    assert_eq!((server.requests("PUT"), server.requests("GET")), (2, 0));
}

#[tokio::test]
async fn what_comes_back_must_be_what_was_stored() {
    let server = Server::start().await;
    let store = store(&server.url, 0);
    let shortened = shorten(&*store, large("c"), 1000).await.unwrap();
    server.change_all(|body| body[17] = b'!');
    let Err(Fault::Payload { error, cause }) = expressway_engine::resolve(&*store, shortened, usize::MAX).await else {
        panic!("it is not what was stored");
    };
    assert_eq!(error, CHANGED);
    assert!(cause.contains("its checksum differs"), "{cause}");
}

#[tokio::test]
async fn what_s3_refuses_is_a_fault() {
    let server = Server::start().await;
    server.answer_with(403);
    let store = store(&server.url, 0);
    let problem = shorten(&*store, large("d"), 1000).await.unwrap_err();
    assert!(
        problem.to_string().contains("failed to store `s3://bucket/some/large/"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_hiccup_of_s3_is_tried_again() {
    let server = Server::start().await;
    server.fail_next(1);
    let store = store(&server.url, 0);
    shorten(&*store, large("e"), 1000).await.unwrap();
    assert_eq!(server.objects(), 2);
    assert_eq!(server.requests("PUT"), 3);
}

#[tokio::test]
async fn whatever_goes_wrong_once_changes_nothing() {
    let definition = format!(
        r#"{{"StartAt":"T","States":{{"T":{{{TASK},"ResultPath":"$.answer","Next":"L"}},
            "L":{{"Type":"Pass","Parameters":{{"n.$":"$.answer.nested.n","more.$":"$.answer.nested.more"}},"Next":"E"}},
            "E":{{"Type":"Pass","Parameters":{{"n.$":"$.n","rest.$":"States.ArrayLength(States.StringSplit($.more, 'f'))"}},"End":true}}}}}}"#
    );
    let run = async |broken: Option<(usize, Broken)>| {
        let server = Server::start().await;
        if let Some((number, broken)) = broken {
            server.break_request(number, broken);
        }
        let tasks = Tasks::new(|_: &Document| large("e"));
        let outcome = self::run(&definition, &store(&server.url, 0), tasks, "{}").await;
        (outcome, server.objects(), server.lines().len())
    };
    let (outcome, objects, requests) = run(None).await;
    assert_eq!(
        outcome,
        Outcome::Succeeded(Document::parse(r#"{"n":7,"rest":1}"#).unwrap())
    );
    assert!(objects > 0 && requests > objects, "{objects} {requests}");
    let kinds = [
        Broken::Refused(503),
        Broken::Refused(500),
        Broken::Cut,
        Broken::Lost,
        Broken::CutHalfway,
    ];
    let cases = (1..=requests).flat_map(|number| kinds.map(|kind| (number, kind)));
    let runs = cases.map(|case| {
        let run = &run;
        async move { (case, run(Some(case)).await) }
    });
    for (case, (outcome_then, objects_then, requests_then)) in futures_util::future::join_all(runs).await {
        assert_eq!((&outcome_then, objects_then), (&outcome, objects), "{case:?}");
        // An upload whose answer is lost is found to be there, and compared.
        let extra = match case.1 {
            Broken::Lost => 1..=2,
            // The answer to an upload has no body to cut.
            Broken::CutHalfway => 0..=1,
            _ => 1..=1,
        };
        assert!(extra.contains(&(requests_then - requests)), "{case:?}");
    }
}

#[tokio::test]
async fn pointers_of_others_are_resolved_from_allowed_buckets_only() {
    let server = Server::start().await;
    let store = store(&server.url, 0);
    server.put("/theirs/message", br#"{"n": [1, 2]}"#);
    // It looks like a reference of ours, but is only what somebody wrote.
    let forged = r#"{"expressway:reference":{"bucket":"secret","key":"k","kind":"string","bytes":1}}"#;
    server.put("/theirs/forged", forged.as_bytes());
    let place = |bucket: &str, key: &str| (Text::from(bucket), Text::from(key));
    for (key, is_string, expected) in [
        ("message", false, r#"{"n":[1,2]}"#),
        ("message", true, r#""{\"n\": [1, 2]}""#),
        ("forged", false, forged),
    ] {
        let reference = store.outside(place("theirs", key), None, is_string).unwrap();
        assert_eq!(store.get(&reference).await.unwrap().to_json(), expected);
    }
    let refused = store.outside(place("secret", "k"), None, true).unwrap_err();
    assert!(refused.to_string().contains("`s3://secret/k`"), "{refused}");
}

#[tokio::test]
async fn requests_hold_values_as_far_as_the_api_takes_them() {
    let server = Server::start().await;
    let store = store(&server.url, 0);
    let send = |size: usize| {
        let definition = format!(
            r#"{{"StartAt":"T","States":{{"T":{{{TASK},"ResultPath":"$.body","Next":"Send"}},
                "Send":{{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage",
                  "Parameters":{{"QueueUrl":"q","MessageBody.$":"$.body.text"}},"End":true}}}}}}"#
        );
        let tasks = Tasks::new(move |_: &Document| Document::object([("text", "m".repeat(size).into())]));
        (definition, tasks)
    };
    let (definition, tasks) = send(600_000);
    run(&definition, &store, tasks.clone(), "{}").await;
    let bytes = 600_000 + r#"{"QueueUrl":"q","MessageBody":""}"#.len();
    assert_eq!(tasks.inputs.lock().unwrap()[1], format!("{bytes} bytes").into());

    let (definition, tasks) = send(1_200_000);
    run(&definition, &store, tasks.clone(), "{}").await;
    let inputs = tasks.inputs.lock().unwrap();
    let body = inputs[1].get("MessageBody").unwrap().as_str().unwrap();
    let (bucket, key) = expressway_asl::document::Reference::parse_pointer(body).unwrap();
    assert_eq!(
        server.body(&format!("/{bucket}/{key}")).unwrap(),
        "m".repeat(1_200_000).into_bytes(),
        "the reader of the queue finds the text itself"
    );
    let size = inputs[1]
        .get("MessageAttributes")
        .unwrap()
        .get("ExtendedPayloadSize")
        .unwrap();
    assert_eq!(size.to_json(), r#"{"DataType":"Number","StringValue":"1200000"}"#);
}

#[tokio::test]
async fn a_link_leads_to_text_that_anyone_can_read() {
    let server = Server::start().await;
    let store = store(&server.url, 0);
    let shortened = shorten(&*store, large("f"), 1000).await.unwrap();
    let url = store
        .link(&shortened, &Presentation::default(), Duration::from_secs(60))
        .await
        .unwrap()
        .unwrap();
    let path = url.strip_prefix(&server.url).unwrap().split('?').next().unwrap();
    assert_eq!(
        server.body(path).unwrap(),
        large("f").to_json().into_bytes(),
        "without references"
    );
    assert_eq!(server.content_type(path).as_deref(), Some("application/json"));
    assert!(
        url.contains("X-Amz-Expires=60") && url.contains("response-content-type=application%2Fjson"),
        "{url}"
    );
}

#[tokio::test]
async fn a_definition_can_be_loaded() {
    let server = Server::start().await;
    server.put("/definitions/flow.asl.json", b"{}");
    let config = config(&server.url);
    let text = load_text(&config, "definitions", "flow.asl.json", Some("v1"), 100).await;
    assert_eq!(text.as_deref(), Ok("{}"));
    assert!(server.lines()[0].contains("versionId=v1"));
    let missing = load_text(&config, "definitions", "none", None, 100).await.unwrap_err();
    assert!(missing.contains("NoSuchKey"), "{missing}");
}

#[tokio::test]
async fn one_text_can_be_two_values() {
    let server = Server::start().await;
    let text = format!("[{}1]", "1,".repeat(140_000));
    let both = Document::object([
        ("string", text.as_str().into()),
        ("array", Document::parse(&text).unwrap()),
    ]);
    for cache_bytes in [0, 10_000_000] {
        let store = store(&server.url, cache_bytes);
        let shortened = shorten(&*store, both.clone(), 1_000).await.unwrap();
        assert_eq!(server.objects(), 1);
        let whole = expressway_engine::resolve(&*store, shortened.clone(), usize::MAX).await;
        assert_eq!(whole.unwrap(), both);
        // An expression that looks into both.
        let definition = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{
            "array.$":"States.ArrayLength($.array)","string.$":"States.ArrayLength(States.StringSplit($.string, ','))"},"End":true}}}"#;
        let outcome = run(
            definition,
            &store,
            Tasks::new(|_: &Document| Document::Null),
            &both.to_json(),
        )
        .await;
        let expected = Document::parse(r#"{"array":140001,"string":140001}"#).unwrap();
        assert_eq!(outcome, Outcome::Succeeded(expected));
    }
}
