use crate::{at, call, client, seeded, via, with_options};
use expressway_asl::Document;
use expressway_standins::{Options, StandIns};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

const URL: &str = "https://sqs.us-east-1.amazonaws.com/111111111111";

/// A clock that stands still until it is moved.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn options(&self) -> Options {
        let seconds = Arc::clone(&self.0);
        let now = move || SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds.load(Ordering::Relaxed));
        Options {
            time: Some(Arc::new(now)),
            ..Options::default()
        }
    }
}

async fn send(stand_ins: &StandIns, queue: &str, more: &str) -> Result<Document, String> {
    call(
        stand_ins,
        "sqs:sendMessage",
        &format!(r#"{{"QueueUrl": "{URL}/{queue}", {more}}}"#),
    )
    .await
}

/// The bodies that are received.
async fn receive(stand_ins: &StandIns, queue: &str, more: &str) -> Vec<String> {
    bodies(&received(stand_ins, queue, more).await)
}

async fn received(stand_ins: &StandIns, queue: &str, more: &str) -> Document {
    let parameters = format!(
        r#"{{"QueueUrl": "{URL}/{queue}", "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]{more}}}"#
    );
    call(stand_ins, "sqs:receiveMessage", &parameters).await.unwrap()
}

fn bodies(answer: &Document) -> Vec<String> {
    let messages = answer.get("Messages").and_then(Document::as_array);
    messages
        .into_iter()
        .flat_map(|all| all.iter())
        .map(|message| at(message, "Body"))
        .collect()
}

#[tokio::test]
async fn messages_come_back_until_they_are_deleted() {
    let clock = Clock::default();
    let stand_ins = with_options("queues: {orders: }", clock.options()).await;
    let sent = send(&stand_ins, "orders", r#""MessageBody": "Zoë""#).await.unwrap();
    assert_eq!(at(&sent, "MD5OfMessageBody"), "fb44af73417cf03c023d098e7f07c114");
    assert_eq!(receive(&stand_ins, "orders", "").await, ["Zoë"]);
    assert_eq!(receive(&stand_ins, "orders", "").await, [""; 0]);
    clock.pass(31);
    let again = received(&stand_ins, "orders", "").await;
    assert_eq!(at(&again, "Messages/0/Attributes/ApproximateReceiveCount"), "2");
    assert_eq!(at(&again, "Messages/0/MessageId"), at(&sent, "MessageId"));
    let delete = format!(
        r#"{{"QueueUrl": "{URL}/orders", "ReceiptHandle": "{}"}}"#,
        at(&again, "Messages/0/ReceiptHandle")
    );
    call(&stand_ins, "sqs:deleteMessage", &delete).await.unwrap();
    clock.pass(31);
    assert_eq!(receive(&stand_ins, "orders", "").await, [""; 0]);
}

#[tokio::test]
async fn fifo_queues_take_a_deduplication_id_once_in_five_minutes() {
    let clock = Clock::default();
    let stand_ins = with_options("queues: {orders.fifo: }", clock.options()).await;
    let message =
        |body: &str| format!(r#""MessageBody": "{body}", "MessageGroupId": "g", "MessageDeduplicationId": "d""#);
    let first = send(&stand_ins, "orders.fifo", &message("a")).await.unwrap();
    let second = send(&stand_ins, "orders.fifo", &message("b")).await.unwrap();
    for member in ["MessageId", "SequenceNumber"] {
        assert_eq!(at(&first, member), at(&second, member));
    }
    assert_eq!(stand_ins.effects().len(), 1);
    clock.pass(301);
    let third = send(&stand_ins, "orders.fifo", &message("c")).await.unwrap();
    assert!(at(&third, "SequenceNumber") > at(&first, "SequenceNumber"));
    assert_eq!(stand_ins.messages("orders.fifo"), ["a", "c"]);
}

#[tokio::test]
async fn fifo_groups_keep_their_order_and_wait_for_each_other() {
    let clock = Clock::default();
    let seed = r#"queues: {q.fifo: {attributes: {ContentBasedDeduplication: "true"}}}"#;
    let stand_ins = with_options(seed, clock.options()).await;
    for (body, group) in [("a1", "a"), ("b1", "b"), ("a2", "a")] {
        let message = format!(r#""MessageBody": "{body}", "MessageGroupId": "{group}""#);
        send(&stand_ins, "q.fifo", &message).await.unwrap();
    }
    let one = format!(r#"{{"QueueUrl": "{URL}/q.fifo"}}"#);
    let first = call(&stand_ins, "sqs:receiveMessage", &one).await.unwrap();
    assert_eq!(bodies(&first), ["a1"]);
    // `a2` waits for `a1`, `b1` does not.
    assert_eq!(receive(&stand_ins, "q.fifo", "").await, ["b1"]);
    let delete = format!(
        r#"{{"QueueUrl": "{URL}/q.fifo", "ReceiptHandle": "{}"}}"#,
        at(&first, "Messages/0/ReceiptHandle")
    );
    call(&stand_ins, "sqs:deleteMessage", &delete).await.unwrap();
    assert_eq!(receive(&stand_ins, "q.fifo", "").await, ["a2"]);
    clock.pass(31);
    assert_eq!(receive(&stand_ins, "q.fifo", "").await, ["b1", "a2"]);
}

#[tokio::test]
async fn what_is_received_too_often_goes_to_the_dead_letter_queue() {
    let clock = Clock::default();
    let seed = "queues: {orders: {deadLetterQueue: {name: dead, maxReceiveCount: 2}, messages: [bad]}, dead: }";
    let stand_ins = with_options(seed, clock.options()).await;
    for _ in 0..2 {
        assert_eq!(receive(&stand_ins, "orders", "").await, ["bad"]);
        clock.pass(31);
    }
    assert_eq!(receive(&stand_ins, "orders", "").await, [""; 0]);
    assert_eq!(stand_ins.messages("orders"), [""; 0]);
    let dead = received(&stand_ins, "dead", "").await;
    assert_eq!(bodies(&dead), ["bad"]);
    assert!(at(&dead, "Messages/0/Attributes/DeadLetterQueueSourceArn").ends_with(":orders"));
}

#[tokio::test]
async fn visibility_can_be_changed_while_a_message_is_in_flight() {
    let clock = Clock::default();
    let stand_ins = with_options("queues: {orders: {messages: [m]}}", clock.options()).await;
    let first = received(&stand_ins, "orders", "").await;
    let handle = at(&first, "Messages/0/ReceiptHandle");
    let change = |seconds: u32| {
        format!(r#"{{"QueueUrl": "{URL}/orders", "ReceiptHandle": "{handle}", "VisibilityTimeout": {seconds}}}"#)
    };
    call(&stand_ins, "sqs:changeMessageVisibility", &change(100))
        .await
        .unwrap();
    clock.pass(31);
    assert_eq!(receive(&stand_ins, "orders", "").await, [""; 0]);
    call(&stand_ins, "sqs:changeMessageVisibility", &change(0))
        .await
        .unwrap();
    assert_eq!(receive(&stand_ins, "orders", "").await, ["m"]);
    let error = call(&stand_ins, "sqs:changeMessageVisibility", &change(5))
        .await
        .unwrap_err();
    assert!(error.starts_with("Sqs.MessageNotInflightException"), "{error}");
    // The first handle is over, so it deletes nothing.
    let delete = format!(r#"{{"QueueUrl": "{URL}/orders", "ReceiptHandle": "{handle}"}}"#);
    call(&stand_ins, "sqs:deleteMessage", &delete).await.unwrap();
    assert_eq!(stand_ins.messages("orders"), ["m"]);
}

#[tokio::test]
async fn receiving_does_not_wait() {
    let stand_ins = seeded("queues: {orders: }").await;
    assert_eq!(
        receive(&stand_ins, "orders", r#", "WaitTimeSeconds": 20"#).await,
        [""; 0]
    );
}

#[tokio::test]
async fn delayed_messages_come_later() {
    let clock = Clock::default();
    let stand_ins = with_options("queues: {orders: }", clock.options()).await;
    send(&stand_ins, "orders", r#""MessageBody": "m", "DelaySeconds": 60"#)
        .await
        .unwrap();
    assert_eq!(receive(&stand_ins, "orders", "").await, [""; 0]);
    clock.pass(60);
    assert_eq!(receive(&stand_ins, "orders", "").await, ["m"]);
}

#[tokio::test]
async fn batches_tell_what_failed() {
    let stand_ins = seeded("queues: {orders: }").await;
    let batch = format!(
        r#"{{"QueueUrl": "{URL}/orders", "Entries": [
            {{"Id": "1", "MessageBody": "a"}}, {{"Id": "2", "MessageBody": "b", "DelaySeconds": 901}}, {{"Id": "3", "MessageBody": "c"}}]}}"#
    );
    let answer = call(&stand_ins, "sqs:sendMessageBatch", &batch).await.unwrap();
    assert_eq!(
        (at(&answer, "Successful/1/Id"), at(&answer, "Failed/0/Id")),
        ("3".into(), "2".into())
    );
    assert_eq!(at(&answer, "Failed/0/Code"), "InvalidParameterValue");
    assert_eq!(stand_ins.messages("orders"), ["a", "c"]);
    for (entries, expected) in [
        ("[]", "Sqs.EmptyBatchRequestException"),
        (
            r#"[{"Id": "1", "MessageBody": "a"}, {"Id": "1", "MessageBody": "b"}]"#,
            "Sqs.BatchEntryIdsNotDistinctException",
        ),
    ] {
        let batch = format!(r#"{{"QueueUrl": "{URL}/orders", "Entries": {entries}}}"#);
        let error = call(&stand_ins, "sqs:sendMessageBatch", &batch).await.unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn attributes_are_checked_summed_and_given_back() {
    let stand_ins = seeded("queues: {orders: }").await;
    let message = r#""MessageBody": "m", "MessageAttributes": {
        "kind": {"DataType": "String", "StringValue": "sale"}, "count": {"DataType": "Number", "StringValue": "2"}}"#;
    let sent = send(&stand_ins, "orders", message).await.unwrap();
    // Calculated by another program, as the developer guide says.
    assert_eq!(at(&sent, "MD5OfMessageAttributes"), "8d56967522dd90a263655133f0283959");
    let received = received(&stand_ins, "orders", "").await;
    assert_eq!(at(&received, "Messages/0/MessageAttributes/kind/StringValue"), "sale");
    assert_eq!(
        at(&received, "Messages/0/MD5OfMessageAttributes"),
        at(&sent, "MD5OfMessageAttributes")
    );
}

#[tokio::test]
async fn mistakes_have_the_names_of_sqs() {
    let stand_ins = seeded("queues: {orders: , orders.fifo: }").await;
    for (queue, more, expected) in [
        (
            "none",
            r#""MessageBody": "m""#,
            "Sqs.QueueDoesNotExistException: The specified queue does not exist.",
        ),
        (
            "orders.fifo",
            r#""MessageBody": "m""#,
            "Sqs.SqsException: The request must contain the parameter MessageGroupId.",
        ),
        (
            "orders.fifo",
            r#""MessageBody": "m", "MessageGroupId": "g""#,
            "Sqs.SqsException: The queue should either have ContentBasedDeduplication enabled or",
        ),
        (
            "orders",
            r#""MessageBody": """#,
            "Sqs.SqsException: The request must contain the parameter MessageBody.",
        ),
        (
            "orders",
            r#""MessageBody": "m", "MessageDeduplicationId": "d""#,
            "Sqs.SqsException: Value d for parameter MessageDeduplicationId is invalid.",
        ),
        (
            "orders",
            r#""MessageBody": "\u0001""#,
            "Sqs.InvalidMessageContentsException: Invalid characters found: #x1",
        ),
    ] {
        let error = send(&stand_ins, queue, more).await.unwrap_err();
        assert!(error.starts_with(expected), "{queue} {more}: {error}");
    }
    let large = format!(r#""MessageBody": "{}""#, "x".repeat(1_048_577));
    let error = send(&stand_ins, "orders", &large).await.unwrap_err();
    assert!(error.contains("Message must be shorter than 1048576 bytes"), "{error}");
}

#[tokio::test]
async fn queues_are_made_listed_described_and_emptied() {
    let stand_ins = seeded("{}").await;
    let client = client(stand_ins.config());
    let create = r#"{"QueueName": "a.fifo", "Attributes": {"FifoQueue": "true", "VisibilityTimeout": "5"}}"#;
    let made = via(&client, "sqs:createQueue", create).await.unwrap();
    assert_eq!(at(&made, "QueueUrl"), format!("{URL}/a.fifo"));
    assert!(via(&client, "sqs:createQueue", create).await.is_ok());
    let other = r#"{"QueueName": "a.fifo", "Attributes": {"VisibilityTimeout": "6"}}"#;
    assert!(via(&client, "sqs:createQueue", other).await.is_err());
    assert!(
        via(
            &client,
            "sqs:createQueue",
            r#"{"QueueName": "b", "Attributes": {"FifoQueue": "true"}}"#
        )
        .await
        .is_err()
    );
    let all = via(&client, "sqs:listQueues", "{}").await.unwrap();
    assert_eq!(at(&all, "QueueUrls"), format!(r#"["{URL}/a.fifo"]"#));
    let send = format!(
        r#"{{"QueueUrl": "{URL}/a.fifo", "MessageBody": "m", "MessageGroupId": "g", "MessageDeduplicationId": "d"}}"#
    );
    via(&client, "sqs:sendMessage", &send).await.unwrap();
    let attributes = format!(r#"{{"QueueUrl": "{URL}/a.fifo", "AttributeNames": ["All"]}}"#);
    let known = via(&client, "sqs:getQueueAttributes", &attributes).await.unwrap();
    assert_eq!(at(&known, "Attributes/ApproximateNumberOfMessages"), "1");
    assert_eq!(
        at(&known, "Attributes/QueueArn"),
        "arn:aws:sqs:us-east-1:111111111111:a.fifo"
    );
    via(&client, "sqs:purgeQueue", &format!(r#"{{"QueueUrl": "{URL}/a.fifo"}}"#))
        .await
        .unwrap();
    assert_eq!(stand_ins.messages("a.fifo"), [""; 0]);
}
