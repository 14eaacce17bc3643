//! Records of topics, buckets, streams and pipes: one execution each, with a key, in order where there is one.

use super::*;
use crate::config::Pipes;
use crate::testing::{Store, with};
use expressway_durability::Level;

/// A record that a test tells apart by its number, and whose order is that of others with the same letter.
type Make = fn(letter: &str, number: usize) -> String;

fn sns(letter: &str, number: usize) -> String {
    let message = format!(r#"{{"TopicArn":"t","MessageId":"{letter}{number}","Message":"{letter}{number}"}}"#);
    format!(r#"{{"EventSource":"aws:sns","Sns":{message}}}"#)
}

fn s3(letter: &str, number: usize) -> String {
    let object = format!(r#"{{"key":"{letter}{number}","sequencer":"00{number}"}}"#);
    format!(
        r#"{{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{{"bucket":{{"name":"b"}},"object":{object}}}}}"#
    )
}

fn kinesis(letter: &str, number: usize) -> String {
    let record = format!(r#"{{"partitionKey":"{letter}","sequenceNumber":"{number}","data":"{letter}{number}"}}"#);
    format!(r#"{{"eventSource":"aws:kinesis","eventSourceARN":"s","eventID":"shard-0:{number}","kinesis":{record}}}"#)
}

fn dynamodb(letter: &str, number: usize) -> String {
    let change = format!(
        r#"{{"Keys":{{"id":{{"S":"{letter}"}}}},"NewImage":{{"n":{{"S":"{letter}{number}"}}}},"SequenceNumber":"{number}"}}"#
    );
    format!(r#"{{"eventSource":"aws:dynamodb","eventSourceARN":"s","eventID":"id-{number}","dynamodb":{change}}}"#)
}

fn kafka(letter: &str, number: usize) -> String {
    format!(r#"{{"topic":"t","partition":0,"offset":{number},"key":"{letter}","value":"{letter}{number}"}}"#)
}

/// A record of a pipe from Kinesis, which is flat.
fn piped_kinesis(letter: &str, number: usize) -> String {
    let names = r#""eventSource":"aws:kinesis","eventSourceARN":"s""#;
    let record = format!(r#""partitionKey":"{letter}","sequenceNumber":"{number}","data":"{letter}{number}""#);
    format!(r#"{{{names},"eventID":"id-{number}",{record}}}"#)
}

fn piped_kafka(letter: &str, number: usize) -> String {
    let record = kafka(letter, number);
    with(
        &with(&record, "eventSource", "\"aws:kafka\""),
        "eventSourceArn",
        "\"c\"",
    )
}

fn event(letter: &str, number: usize) -> String {
    format!(r#"{{"id":"{letter}{number}","source":"shop","detail-type":"Order","detail":"{letter}{number}"}}"#)
}

fn message(letter: &str, number: usize) -> String {
    let queue = format!(r#""attributes":{{"MessageGroupId":"{letter}"}},"eventSourceARN":"arn:aws:sqs:r:1:q.fifo""#);
    let body = format!(r#""body":"\"{letter}{number}\"""#);
    format!(r#"{{"messageId":"{letter}{number}","eventSource":"aws:sqs",{queue},{body}}}"#)
}

fn of_mapping(records: &[String]) -> String {
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

fn of_cluster(records: &[String]) -> String {
    let records = records.join(",");
    format!(r#"{{"eventSource":"aws:kafka","eventSourceArn":"c","records":{{"t-0":[{records}]}}}}"#)
}

fn of_pipe(records: &[String]) -> String {
    format!("[{}]", records.join(","))
}

/// What a failure does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Failing {
    /// It fails the invocation.
    Invocation,
    /// It is reported, and everything after it comes again.
    First,
    /// All that failed are reported.
    All,
}

struct Case {
    name: &'static str,
    make: Make,
    batch: fn(&[String]) -> String,
    is_ordered: bool,
    failing: Failing,
    /// What record 2 is reported by.
    identifier: &'static str,
}

const fn case(
    name: &'static str,
    make: Make,
    batch: fn(&[String]) -> String,
    is_ordered: bool,
    failing: Failing,
    identifier: &'static str,
) -> Case {
    Case {
        name,
        make,
        batch,
        is_ordered,
        failing,
        identifier,
    }
}

const CASES: [Case; 10] = [
    case("SNS", sns, of_mapping, false, Failing::Invocation, ""),
    case("S3", s3, of_mapping, false, Failing::Invocation, ""),
    case("Kinesis", kinesis, of_mapping, true, Failing::First, "\"2\""),
    case("DynamoDB", dynamodb, of_mapping, true, Failing::First, "\"2\""),
    case(
        "Kafka",
        kafka,
        of_cluster,
        true,
        Failing::First,
        r#"{"partition":"t-0","offset":2}"#,
    ),
    case(
        "pipe of Kinesis",
        piped_kinesis,
        of_pipe,
        true,
        Failing::All,
        "\"id-2\"",
    ),
    case("pipe of DynamoDB", dynamodb, of_pipe, true, Failing::All, "\"id-2\""),
    case("pipe of Kafka", piped_kafka, of_pipe, true, Failing::Invocation, ""),
    case("pipe of events", event, of_pipe, false, Failing::Invocation, ""),
    case("pipe of messages", message, of_pipe, true, Failing::All, "\"b2\""),
];

/// Four records: a1, b2, b3, a4.
fn batch(case: &Case) -> String {
    let records = [("a", 1), ("b", 2), ("b", 3), ("a", 4)].map(|(letter, number)| (case.make)(letter, number));
    (case.batch)(&records)
}

/// The texts that tell the records apart, in the order in which they ran.
fn ran(setup: &Setup) -> Vec<&'static str> {
    let inputs = setup.inputs();
    let names = inputs.iter().map(|input| {
        let named = ["a1", "b2", "b3", "a4"].into_iter().find(|name| input.contains(name));
        named.unwrap_or_else(|| panic!("{input}"))
    });
    names.collect()
}

/// A handler whose execution of record b2 fails.
fn failing() -> Setup {
    Setup::new(TASK).tasks(|request| match request.input.to_json().contains("b2") {
        true => testing::error("Declined", "no"),
        false => testing::result(Document::Null),
    })
}

fn reported(identifiers: &[&str]) -> String {
    let failures = identifiers.iter().map(|item| format!(r#"{{"itemIdentifier":{item}}}"#));
    let failures: Vec<_> = failures.collect();
    format!(r#"{{"batchItemFailures":[{}]}}"#, failures.join(","))
}

#[tokio::test]
async fn each_record_is_the_input_of_an_execution() {
    for case in &CASES {
        let setup = Setup::new(TASK);
        let answer = setup.handle(&batch(case)).await.unwrap();
        let mut ran = ran(&setup);
        ran.sort_unstable();
        assert_eq!(ran, ["a1", "a4", "b2", "b3"], "{}", case.name);
        let is_batch_answer = answer == reported(&[]);
        assert_eq!(
            is_batch_answer,
            case.failing != Failing::Invocation,
            "{} {answer}",
            case.name
        );
    }
}

#[tokio::test]
async fn a_failed_record_is_delivered_again_and_the_others_run() {
    for case in &CASES {
        let setup = failing();
        let answer = setup.handle(&batch(case)).await;
        let mut ran = ran(&setup);
        ran.sort_unstable();
        let expected = match case.is_ordered {
            true => &["a1", "a4", "b2"][..],
            false => &["a1", "a4", "b2", "b3"],
        };
        assert_eq!(ran, expected, "{}", case.name);
        let third = case.identifier.replace('2', "3");
        match case.failing {
            Failing::Invocation => assert_eq!(answer.unwrap_err().error_type, "Declined", "{}", case.name),
            Failing::First => assert_eq!(answer, Ok(reported(&[case.identifier])), "{}", case.name),
            Failing::All => assert_eq!(answer, Ok(reported(&[case.identifier, &third])), "{}", case.name),
        }
        // Each that did not succeed has a line of its own.
        let told = setup
            .observer
            .notices()
            .into_iter()
            .filter_map(|notice| notice.delivery);
        let reasons: Vec<_> = told.map(|delivery| delivery.reason).collect();
        let count = if case.is_ordered { 2 } else { 1 };
        assert_eq!(reasons.len(), count, "{} {reasons:?}", case.name);
    }
}

#[tokio::test(start_paused = true)]
async fn records_keep_their_order_and_others_run_beside_them() {
    for case in &CASES {
        let setup = Setup::new(TASK).tasks(|request| {
            let is_early = ["a1", "b2"].iter().any(|name| request.input.to_json().contains(name));
            testing::after_millis(if is_early { 100 } else { 10 })
        });
        setup.handle(&batch(case)).await.unwrap();
        let expected = if case.is_ordered { 2 } else { 4 };
        assert_eq!(setup.in_flight_max(), expected, "{}", case.name);
        let ran = ran(&setup);
        let at = |name| ran.iter().position(|ran| *ran == name);
        assert!(at("a1") < at("a4") && at("b2") < at("b3"), "{} {ran:?}", case.name);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_deadline_cuts_is_delivered_again() {
    for case in &CASES {
        let setup = Setup::new(TASK)
            .tasks(|request| match request.input.to_json().contains("b2") {
                true => testing::never(),
                false => testing::after_millis(10),
            })
            .deadline_in_millis(2_000);
        let answer = setup.handle(&batch(case)).await;
        let third = case.identifier.replace('2', "3");
        match case.failing {
            Failing::Invocation => assert_eq!(answer.unwrap_err().error_type, "States.Timeout", "{}", case.name),
            Failing::First => assert_eq!(answer, Ok(reported(&[case.identifier])), "{}", case.name),
            Failing::All => assert_eq!(answer, Ok(reported(&[case.identifier, &third])), "{}", case.name),
        }
    }
}

/// A state machine of its own, which shares no keys with others in the store.
fn of_own(store: &Store, name: &str) -> Setup {
    let setup = Setup::new(TASK).guarded(store, Level::Execution);
    setup.configured(|configuration| configuration.state_machine_name = name.replace(' ', "-"))
}

#[tokio::test(start_paused = true)]
async fn what_the_deadline_does_not_let_begin_does_not_begin() {
    for case in &CASES {
        let setup = Setup::new(TASK)
            .tasks(|_| testing::never())
            .configured(|configuration| configuration.batch_concurrency = 1)
            .deadline_in_millis(2_000);
        let answer = setup.handle(&batch(case)).await;
        assert_eq!(answer.is_err(), case.failing == Failing::Invocation, "{}", case.name);
        let events = setup.observer.events();
        let begun = events.iter().filter(|event| event.ends_with(" ExecutionStarted"));
        assert_eq!(begun.count(), 1, "{}", case.name);
        let told = setup
            .observer
            .notices()
            .into_iter()
            .filter_map(|notice| notice.delivery);
        let reasons: Vec<_> = told.map(|delivery| delivery.reason).collect();
        assert_eq!(reasons.len(), 4, "{} {reasons:?}", case.name);
        assert!(
            reasons.contains(&"Expressway.NotReached".to_owned()),
            "{} {reasons:?}",
            case.name
        );
    }
}

#[tokio::test]
async fn each_record_has_a_key_of_its_own() {
    let store = Store::new().await;
    for (at, case) in CASES.iter().enumerate() {
        let setup = of_own(&store, case.name);
        let first = setup.handle(&batch(case)).await.unwrap();
        assert_eq!(setup.handle(&batch(case)).await, Ok(first), "{}", case.name);
        assert_eq!(setup.calls(), 4, "{}", case.name);
        assert_eq!(store.records().await.len(), 4 * (at + 1), "{}", case.name);
        assert_eq!(setup.observer.notices(), [], "{}", case.name);
    }
}

#[tokio::test]
async fn records_of_other_places_are_others() {
    let store = Store::new().await;
    let stream = |record: String| of_mapping(&[record]);
    for (name, one, other) in [
        (
            "streams",
            stream(kinesis("a", 1)),
            stream(with(&kinesis("a", 1), "eventSourceARN", "\"z\"")),
        ),
        (
            "tables",
            stream(dynamodb("a", 1)),
            stream(with(&dynamodb("a", 1), "eventSourceARN", "\"z\"")),
        ),
        (
            "buckets",
            stream(s3("a", 1)),
            stream(s3("a", 1).replace("\"b\"", "\"c\"")),
        ),
        ("changes", stream(s3("a", 1)), stream(s3("a", 1).replace("Put", "Copy"))),
        (
            "versions",
            stream(s3("a", 1)),
            stream(s3("a", 1).replace("\"key\"", "\"versionId\":\"v\",\"key\"")),
        ),
        (
            "sequencers",
            stream(s3("a", 1)),
            stream(s3("a", 1).replace("001", "002")),
        ),
        (
            "clusters",
            of_cluster(&[kafka("a", 1)]),
            of_cluster(&[kafka("a", 1)]).replace("\"c\"", "\"d\""),
        ),
        (
            "partitions",
            of_cluster(&[kafka("a", 1)]),
            of_cluster(&[with(&kafka("a", 1), "partition", "1")]),
        ),
        (
            "topics",
            of_cluster(&[kafka("a", 1)]),
            of_cluster(&[with(&kafka("a", 1), "topic", "\"u\"")]),
        ),
    ] {
        let setup = of_own(&store, name);
        for event in [&one, &other, &one] {
            setup.handle(event).await.unwrap();
        }
        assert_eq!(setup.calls(), 2, "{name}");
    }
    // The servers of a cluster are listed in any order.
    let servers = |servers: &str| {
        let event = of_cluster(&[kafka("a", 1)]).replace("aws:kafka", "SelfManagedKafka");
        event.replace(r#""eventSourceArn":"c""#, &format!(r#""bootstrapServers":"{servers}""#))
    };
    let setup = of_own(&store, "servers");
    for event in [servers("x,y"), servers("y,x"), servers("x,z")] {
        setup.handle(&event).await.unwrap();
    }
    assert_eq!(setup.calls(), 2);
}

#[tokio::test]
async fn what_has_no_key_says_so() {
    let untold = r#"{"eventSource":"aws:s3","eventName":"ObjectRestore:Post","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}"#;
    let told = with(untold, "eventTime", "\"2026-03-12T10:15:30.000Z\"");
    let told = with(&told, "responseElements", r#"{"x-amz-request-id":"r"}"#);
    let store = Store::new().await;
    for (at, (record, source, calls)) in [
        (untold, "s3", 2),
        (&told, "s3", 1),
        (r#"{"EventSource":"aws:sns","Sns":{"Message":"m"}}"#, "sns", 2),
        (
            r#"{"eventSource":"aws:kinesis","kinesis":{"sequenceNumber":"1"}}"#,
            "kinesis",
            2,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let setup = of_own(&store, &format!("case-{at}"));
        for _ in 0..2 {
            setup.handle(&of_mapping(&[record.to_owned()])).await.unwrap();
        }
        assert_eq!(setup.calls(), calls, "{record}");
        let problems = setup.observer.problems();
        assert_eq!(problems.len(), if calls == 2 { 2 } else { 0 }, "{problems:?}");
        let text = format!("events from `{source}` may run without an idempotency key");
        assert!(
            problems.iter().all(|problem| problem.starts_with(&text)),
            "{problems:?}"
        );
    }
}

#[tokio::test]
async fn the_first_failure_of_each_partition_is_reported() {
    let record = |partition: usize, offset: usize, value: &str| {
        format!(r#"{{"topic":"t","partition":{partition},"offset":{offset},"value":"{value}"}}"#)
    };
    let event = format!(
        r#"{{"eventSource":"aws:kafka","eventSourceArn":"c","records":{{"t-0":[{},{}],"t-1":[{},{}],"t-2":[{}]}}}}"#,
        record(0, 7, "a1"),
        record(0, 8, "b2"),
        record(1, 7, "b2"),
        record(1, 8, "b2"),
        record(2, 1, "a1"),
    );
    let setup = failing();
    let expected = [r#"{"partition":"t-0","offset":8}"#, r#"{"partition":"t-1","offset":7}"#];
    assert_eq!(setup.handle(&event).await, Ok(reported(&expected)));
    // Records without a key are in order within their partition.
    assert_eq!(setup.calls(), 4);
}

#[tokio::test]
async fn a_record_that_could_not_be_reported_fails_the_invocation_before_anything_runs() {
    for event in [
        of_mapping(&[
            kinesis("a", 1),
            r#"{"eventSource":"aws:kinesis","kinesis":{}}"#.to_owned(),
        ]),
        of_mapping(&[dynamodb("a", 1), r#"{"eventSource":"aws:dynamodb"}"#.to_owned()]),
        of_cluster(&[kafka("a", 1), "{}".to_owned()]),
        of_pipe(&[piped_kinesis("a", 1), r#"{"eventSource":"aws:kinesis"}"#.to_owned()]),
    ] {
        let setup = Setup::new(TASK);
        let error = setup.handle(&event).await.unwrap_err();
        assert_eq!(error.error_type, "Expressway.InvalidEvent");
        assert!(error.message.starts_with("record 1 of the batch has no"), "{error}");
        assert_eq!(setup.calls(), 0);
    }
}

#[tokio::test]
async fn an_enrichment_answers_with_an_output_for_each_record() {
    const GREET: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Parameters":{"got.$":"$"}}}}"#;
    let enrichment = |setup: Setup| setup.configured(|configuration| configuration.pipes = Pipes::Enrichment);
    let custom: Make = |letter, number| format!(r#"{{"custom":"{letter}{number}"}}"#);
    for make in [message as Make, piped_kinesis, dynamodb, piped_kafka, event, custom] {
        let records = [make("a", 1), make("b", 2), make("b", 3)];
        let answer = enrichment(Setup::new(GREET)).handle(&of_pipe(&records)).await.unwrap();
        let answer = Document::parse(&answer).unwrap();
        let outputs = answer.as_array().unwrap();
        assert_eq!(outputs.len(), 3);
        for (output, name) in outputs.iter().zip(["a1", "b2", "b3"]) {
            assert!(output.get("got").unwrap().to_json().contains(name), "{output}");
        }
        let error = enrichment(failing()).handle(&of_pipe(&records)).await.unwrap_err();
        assert_eq!(error.error_type, "Declined");
    }
    assert_eq!(enrichment(Setup::new(GREET)).handle("[]").await.as_deref(), Ok("[]"));
    // A mapping is no pipe.
    let mapped = of_mapping(&[message("a", 1)]);
    assert_eq!(enrichment(Setup::new(GREET)).handle(&mapped).await, Ok(reported(&[])));
}
