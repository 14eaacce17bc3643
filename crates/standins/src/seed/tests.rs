use super::*;

fn mistakes(text: &str) -> Vec<String> {
    Seed::parse(text).err().unwrap_or_default()
}

#[test]
fn mistakes_have_their_place() {
    for (text, expected) in [
        ("tabels: {}", "the file: unknown key `tabels`, did you mean `tables`?"),
        (
            "x: {}",
            "the file: unknown key `x`, known are `buckets`, `eventBuses`, `parameters`",
        ),
        ("tables: []", "tables: must be an object, but is an array"),
        (
            "tables: {orders: }",
            "tables/orders: must have `key`, the name of the partition key",
        ),
        (
            "tables: {orders: {key: id, itms: []}}",
            "tables/orders: unknown key `itms`, did you mean `items`?",
        ),
        (
            "tables: {orders: {key: [id, at], items: [{id: 1}]}}",
            "tables/orders/items/0: has no `at`, which is part of the table's key",
        ),
        (
            "tables: {orders: {key: id, types: {id: X}}}",
            "tables/orders/types/id: must be `S`, `N` or `B`",
        ),
        (
            "queues: {a: {deadLetterQueue: {name: b}}}",
            "queues/a/deadLetterQueue: must have `name` and `maxReceiveCount`",
        ),
        (
            "queues: {orders-dead: , a: {deadLetterQueue: {name: order-dead, maxReceiveCount: 1}}}",
            "queues/a/deadLetterQueue: there is no queue `order-dead` in this file, did you mean `orders-dead`?",
        ),
        (
            "topics: {t: {subscriptions: [{raw: true}]}}",
            "topics/t/subscriptions/0: must have `queue`",
        ),
        (
            "eventBuses: {default: {rules: {r: {pattern: {source: shop}}}}}",
            "eventBuses/default/rules/r/pattern: Event pattern is not valid. Reason: \"source\" must be",
        ),
        (
            "eventBuses: {default: {rules: {r: {pattern: {source: [shop]}, targets: [{}]}}}}",
            "eventBuses/default/rules/r/targets/0: must have `queue` or `topic`",
        ),
        ("{", "not"),
    ] {
        let mistakes = mistakes(text);
        assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
        let begins = mistakes.first().is_some_and(|first| first.starts_with(expected));
        assert!(begins || expected == "not", "{text}: {mistakes:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    assert_eq!(mistakes("tabels: {}\ntables: {a: {}, b: {}}").len(), 3);
}

#[test]
fn empty_sections_and_settings_are_right() {
    for text in [
        "{}",
        "queues:",
        "queues: {orders: }",
        r#"{"buckets": {"receipts": {}}}"#,
    ] {
        assert_eq!(mistakes(text), Vec::<String>::new(), "{text}");
    }
}
