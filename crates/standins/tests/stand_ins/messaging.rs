use crate::{at, call, listening, seeded, with_options};
use expressway_asl::Document;

const SHOP: &str = r#"
queues: {all: , raw: , big: , events: , group.fifo: {attributes: {ContentBasedDeduplication: "true"}}}
topics:
  orders:
    subscriptions:
      - {queue: all}
      - {queue: raw, raw: true, filter: {kind: [sale]}}
  alarms: {subscriptions: [{queue: events}]}
eventBuses:
  default:
    rules:
      confirmed:
        pattern: {source: [shop], detail: {total: [{numeric: [">", 10]}]}}
        targets: [{queue: events}, {queue: group.fifo, group: g}, {topic: alarms}]
  audit:
"#;

fn topic(name: &str) -> String {
    format!("arn:aws:sns:us-east-1:123456789012:{name}")
}

#[tokio::test]
async fn topics_deliver_to_queues() {
    let stand_ins = seeded(SHOP).await;
    let publish = format!(
        r#"{{"TopicArn": "{}", "Subject": "s", "Message": "größer & <so>",
            "MessageAttributes": {{"kind": {{"DataType": "String", "StringValue": "sale"}}}}}}"#,
        topic("orders")
    );
    let published = call(&stand_ins, "sns:publish", &publish).await.unwrap();
    let envelope = Document::parse(stand_ins.messages("all").first().unwrap()).unwrap();
    assert_eq!(at(&envelope, "Type"), "Notification");
    assert_eq!(at(&envelope, "Message"), "größer & <so>");
    assert_eq!(at(&envelope, "Subject"), "s");
    assert_eq!(at(&envelope, "MessageId"), at(&published, "MessageId"));
    assert_eq!(at(&envelope, "MessageAttributes/kind/Value"), "sale");
    assert_eq!(stand_ins.messages("raw"), ["größer & <so>"]);
    // The filter policy of the second queue wants the attribute.
    let other = format!(r#"{{"TopicArn": "{}", "Message": "other"}}"#, topic("orders"));
    call(&stand_ins, "sns:publish", &other).await.unwrap();
    assert_eq!(
        (stand_ins.messages("all").len(), stand_ins.messages("raw").len()),
        (2, 1)
    );
    let effects = stand_ins.effects();
    let shown: Vec<_> = effects
        .iter()
        .map(|effect| format!("{} {}", effect.service, effect.resource))
        .collect();
    assert_eq!(shown, ["sns orders", "sqs all", "sqs raw", "sns orders", "sqs all"]);
}

#[tokio::test]
async fn mistakes_have_the_names_of_sns() {
    let stand_ins = seeded(SHOP).await;
    let missing = format!(r#"{{"TopicArn": "{}", "Message": "m"}}"#, topic("none"));
    let error = call(&stand_ins, "sns:publish", &missing).await.unwrap_err();
    assert_eq!(error, "Sns.NotFoundException: Topic does not exist");
    let error = call(&stand_ins, "sns:publish", r#"{"Message": "m"}"#)
        .await
        .unwrap_err();
    assert!(error.starts_with("Sns.InvalidParameterException"), "{error}");
}

#[tokio::test]
async fn batches_are_published() {
    let stand_ins = seeded(SHOP).await;
    let batch = format!(
        r#"{{"TopicArn": "{}", "PublishBatchRequestEntries": [{{"Id": "1", "Message": "a"}}, {{"Id": "2", "Message": "b"}}]}}"#,
        topic("orders")
    );
    let published = call(&stand_ins, "sns:publishBatch", &batch).await.unwrap();
    assert_eq!(at(&published, "Successful/1/Id"), "2");
    assert_eq!(stand_ins.messages("all").len(), 2);
}

#[tokio::test]
async fn topics_and_subscriptions_are_made_by_request() {
    let stand_ins = seeded("queues: {q: }").await;
    let made = call(&stand_ins, "sns:createTopic", r#"{"Name": "t"}"#).await.unwrap();
    let arn = at(&made, "TopicArn");
    let subscribe = format!(
        r#"{{"TopicArn": "{arn}", "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:1:q", "Attributes": {{"RawMessageDelivery": "true"}}}}"#
    );
    let made = call(&stand_ins, "sns:subscribe", &subscribe).await.unwrap();
    let list = call(
        &stand_ins,
        "sns:listSubscriptionsByTopic",
        &format!(r#"{{"TopicArn": "{arn}"}}"#),
    )
    .await
    .unwrap();
    assert_eq!(
        at(&list, "Subscriptions/0/SubscriptionArn"),
        at(&made, "SubscriptionArn")
    );
    call(
        &stand_ins,
        "sns:publish",
        &format!(r#"{{"TopicArn": "{arn}", "Message": "m"}}"#),
    )
    .await
    .unwrap();
    assert_eq!(stand_ins.messages("q"), ["m"]);
}

fn event(bus: &str, detail: &str) -> String {
    let detail = Document::from(detail).to_json();
    format!(
        r#"{{"Entries": [{{"Source": "shop", "DetailType": "Order Confirmed", "Detail": {detail}, "EventBusName": "{bus}"}}]}}"#
    )
}

#[tokio::test]
async fn rules_hand_events_to_queues_and_topics() {
    let stand_ins = seeded(SHOP).await;
    for (bus, detail) in [
        ("default", r#"{"total": 59.7}"#),
        ("default", r#"{"total": 5}"#),
        ("audit", r#"{"total": 99}"#),
    ] {
        let put = call(&stand_ins, "eventbridge:putEvents", &event(bus, detail))
            .await
            .unwrap();
        assert_eq!(at(&put, "FailedEntryCount"), "0");
    }
    let delivered = stand_ins.messages("events");
    let first = Document::parse(delivered.first().unwrap()).unwrap();
    assert_eq!(
        (at(&first, "detail/total"), at(&first, "detail-type")),
        ("59.7".into(), "Order Confirmed".into())
    );
    assert_eq!(delivered.len(), 2, "one from the rule, one by the topic: {delivered:?}");
    assert_eq!(stand_ins.messages("group.fifo").len(), 1);
    let events = stand_ins
        .effects()
        .into_iter()
        .filter(|effect| effect.service == "events");
    let events: Vec<_> = events
        .map(|effect| format!("{} {}", effect.resource, effect.detail))
        .collect();
    assert_eq!(
        events,
        [
            r#"default Order Confirmed from shop {"total":59.7}"#,
            r#"default Order Confirmed from shop {"total":5}"#,
            r#"audit Order Confirmed from shop {"total":99}"#,
        ]
    );
}

#[tokio::test]
async fn an_entry_that_is_wrong_fails_alone() {
    let stand_ins = seeded(SHOP).await;
    let put = r#"{"Entries": [
        {"Source": "shop", "DetailType": "A", "Detail": "{}"},
        {"Source": "shop", "DetailType": "A", "Detail": "no JSON"},
        {"Source": "shop", "Detail": "{}"}]}"#;
    let answer = call(&stand_ins, "eventbridge:putEvents", put).await.unwrap();
    assert_eq!(at(&answer, "FailedEntryCount"), "2");
    assert_eq!(at(&answer, "Entries/1/ErrorCode"), "MalformedDetail");
    assert_eq!(at(&answer, "Entries/2/ErrorCode"), "InvalidArgument");
}

#[tokio::test]
async fn targets_get_what_they_ask_for() {
    let stand_ins = seeded("queues: {path: , fixed: , made: }").await;
    let rule = r#"{"Name": "r", "EventPattern": "{\"source\": [\"shop\"]}"}"#;
    call(&stand_ins, "eventbridge:putRule", rule).await.unwrap();
    let targets = r#"{"Rule": "r", "Targets": [
        {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:1:path", "InputPath": "$.detail.total"},
        {"Id": "2", "Arn": "arn:aws:sqs:us-east-1:1:fixed", "Input": "{\"a\":1}"},
        {"Id": "3", "Arn": "arn:aws:sqs:us-east-1:1:made", "InputTransformer": {
            "InputPathsMap": {"total": "$.detail.total", "kind": "$.detail-type"},
            "InputTemplate": "{\"total\": <total>, \"text\": \"<kind>\"}"}}]}"#;
    call(&stand_ins, "eventbridge:putTargets", targets).await.unwrap();
    call(
        &stand_ins,
        "eventbridge:putEvents",
        &event("default", r#"{"total": 7}"#),
    )
    .await
    .unwrap();
    assert_eq!(stand_ins.messages("path"), ["7"]);
    assert_eq!(stand_ins.messages("fixed"), [r#"{"a":1}"#]);
    assert_eq!(
        stand_ins.messages("made"),
        [r#"{"total": 7, "text": "Order Confirmed"}"#]
    );
}

#[tokio::test]
async fn what_can_not_be_delivered_is_told() {
    let (heard, options) = listening();
    let stand_ins = with_options(SHOP, options).await;
    let subscribe = format!(
        r#"{{"TopicArn": "{}", "Protocol": "email", "Endpoint": "a@example.com"}}"#,
        topic("orders")
    );
    call(&stand_ins, "sns:subscribe", &subscribe).await.unwrap();
    call(&stand_ins, "eventbridge:putEvents", &event("nowhere", "{}"))
        .await
        .unwrap();
    assert_eq!(
        *heard.lock().unwrap(),
        [
            "messages of the topic `orders` are not delivered to a@example.com: a local run only delivers to queues",
            "there is no event bus `nowhere`: the event `Order Confirmed` went nowhere",
        ]
    );
}
