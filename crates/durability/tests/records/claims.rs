//! Who may run an execution.

use super::*;
use expressway_durability::{DefinitionChange, Release};

#[tokio::test]
async fn an_execution_is_one_runs_at_a_time() {
    for level in LEVELS {
        let store = Store::new().await;
        let records = store.records(level);
        assert_eq!(claim(&records, &request("a", 0)).await, "new execution of a");
        // A request that was sent twice, since its answer was lost.
        assert_eq!(claim(&records, &request("a", 0)).await, "new execution of a");
        for seconds in [0, 1, LEASE - 1] {
            assert_eq!(
                claim(&records, &request("b", seconds)).await,
                format!("running execution of a: 0 to {LEASE}")
            );
        }
        // The lease has ended: the first run to ask has it from now on.
        assert_eq!(claim(&records, &request("b", LEASE)).await, "resumed execution of a");
        assert_eq!(
            claim(&records, &request("c", LEASE + 5)).await,
            format!("running execution of a: {LEASE} to {}", 2 * LEASE)
        );
        for (attribute, expected) in [
            ("status", "RUNNING".to_owned()),
            ("owner", "b".to_owned()),
            ("source", "test".to_owned()),
            ("source_id", "id".to_owned()),
            ("round", "1".to_owned()),
            ("seed", format!("{:032x}", 1)),
            ("expires_at", (1_750_000_000 + 2 * LEASE + RETENTION).to_string()),
            (
                "input",
                if level == Level::Task {
                    r#""a""#.to_owned()
                } else {
                    String::new()
                },
            ),
        ] {
            assert_eq!(store.attribute(attribute).await, expected, "{attribute}");
        }
    }
}

#[tokio::test]
async fn two_keys_are_two_executions() {
    let store = Store::new().await;
    let records = store.records(Level::Execution);
    granted(&records, "a", 0).await;
    let mut other = request("b", 0);
    other.key = Key::from_digits("machine", "other");
    assert_eq!(claim(&records, &other).await, "new execution of b");
    assert_eq!(store.table.records().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_run_that_takes_over_goes_on_where_the_first_one_began() {
    for level in LEVELS {
        let store = Store::new().await;
        let records = store.records(level);
        let first = granted(&records, "a", 0).await;
        let second = granted(&records, "b", LEASE).await;
        let (first_run, second_run) = (first.replay(), second.replay());
        assert_eq!(second_run.seed, first_run.seed);
        assert_eq!((second_run.started, first_run.started), (at(0), at(0)));
        assert_eq!((second_run.timeout_from, first_run.timeout_from), (at(0), at(0)));
        assert_eq!(second.lease_until(), at(2 * LEASE));
        let input = second.input().map(Document::to_json);
        assert_eq!(input.as_deref(), (level == Level::Task).then_some(r#""a""#));
        assert_eq!(first.input(), None, "the first delivery brings it itself");
    }
}

#[tokio::test]
async fn seeds_differ_and_are_not_the_key() {
    let store = Store::new().await;
    let records = store.records(Level::Task);
    let first = granted(&records, "a", 0).await.replay().seed;
    let store = Store::new().await;
    // The same key, claimed with other random bits.
    let other = granted(&store.records(Level::Task), "a", 9).await;
    assert_ne!(other.replay().seed, first);
}

#[tokio::test]
async fn a_record_that_has_expired_counts_no_more_though_it_is_still_there() {
    for level in LEVELS {
        let store = Store::new().await;
        let records = store.records(level);
        let first = granted(&records, "a", 0).await;
        first.complete(&Ok(Document::Null), at(10)).await.unwrap();
        let expiry = 10 + RETENTION;
        assert_eq!(
            claim(&records, &request("b", expiry - 1)).await,
            "finished execution of a: null"
        );
        let second = granted(&records, "b", expiry).await;
        assert!(!second.is_resumed());
        assert_ne!(second.replay().seed, first.replay().seed);
        assert_eq!(store.table.records().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn deliveries_are_compared_if_both_say_by_what() {
    let store = Store::new().await;
    let records = store.records(Level::Execution);
    granted(&records, "a", 0).await;
    let with = |fingerprint: Option<&str>| ClaimRequest {
        fingerprint: fingerprint.map(|text| Fingerprint::of(&text.into())),
        ..request("b", LEASE)
    };
    assert_eq!(claim(&records, &with(Some("x"))).await, "DifferentInput execution of a");
    assert_eq!(claim(&records, &with(None)).await, "resumed execution of a");

    let store = Store::new().await;
    let records = store.records(Level::Execution);
    assert_eq!(claim(&records, &with(None)).await, "new execution of b");
    let later = ClaimRequest {
        owner: "c".to_owned(),
        now: at(2 * LEASE),
        ..with(Some("x"))
    };
    assert_eq!(claim(&records, &later).await, "resumed execution of b");
}

#[tokio::test]
async fn another_definition_goes_on_unless_it_is_to_be_refused() {
    for level in LEVELS {
        for (change, expected) in [
            (DefinitionChange::Continue, "resumed execution of a"),
            (DefinitionChange::Refuse, "DifferentDefinition execution of a"),
        ] {
            let store = Store::new().await;
            let records = store.records_with(RecordOptions {
                definition_change: change,
                ..RecordOptions::new(level)
            });
            granted(&records, "a", 0).await;
            let changed = ClaimRequest {
                definition: Fingerprint::of(&"another".into()),
                ..request("b", LEASE)
            };
            assert_eq!(claim(&records, &changed).await, expected);
            let same = request("c", 2 * LEASE);
            let resumed = claim(&records, &same).await;
            // The definition of the last run counts.
            assert_eq!(resumed, "resumed execution of a", "{change:?}");
        }
    }
}

#[tokio::test]
async fn a_released_execution_is_free_at_once() {
    for (why, round, round_started) in [(Release::Failed, "2", 20), (Release::Unfinished, "1", 0)] {
        let store = Store::new().await;
        let records = store.records(Level::Task);
        granted(&records, "a", 0).await.release(why, at(10)).await.unwrap();
        assert_eq!(store.attribute("status").await, "RELEASED");
        assert_eq!(store.attribute("round").await, round);
        assert_eq!(
            store.attribute("expires_at").await,
            (1_750_000_000 + 10 + RETENTION).to_string()
        );
        let second = granted(&records, "b", 20).await;
        assert!(second.is_resumed());
        assert_eq!(second.replay().timeout_from, at(round_started), "{why:?}");
    }
    // At this level nothing of a failed run is of use to the next one.
    for why in [Release::Failed, Release::Unfinished] {
        let store = Store::new().await;
        let records = store.records(Level::Execution);
        granted(&records, "a", 0).await.release(why, at(10)).await.unwrap();
        assert!(store.table.items().await.unwrap().is_empty());
        assert_eq!(claim(&records, &request("b", 20)).await, "new execution of b");
    }
}

#[tokio::test]
async fn a_run_that_was_taken_over_changes_nothing_any_more() {
    for level in LEVELS {
        let store = Store::new().await;
        let records = store.records(level);
        let first = granted(&records, "a", 0).await;
        granted(&records, "b", LEASE).await;
        first.release(Release::Failed, at(LEASE + 1)).await.unwrap();
        assert_eq!(store.attribute("status").await, "RUNNING");
        assert_eq!(store.attribute("owner").await, "b");
    }
}

#[tokio::test]
async fn what_will_not_pass_by_itself_is_permanent() {
    let store = Store::new().await;
    let aws = dynamodb::configuration(&format!("http://{}", store.dynamodb.authority()));
    let records = Records::new(Table::new(&aws, "no-such-table"), RecordOptions::new(Level::Execution));
    let error = records.claim(&request("a", 0)).await.unwrap_err();
    assert!(error.is_permanent, "{error}");
    assert!(error.to_string().contains("`no-such-table`"), "{error}");
}

#[tokio::test]
async fn a_record_that_is_broken_is_an_error_that_names_it() {
    for attribute in [
        "status",
        "owner",
        "seed",
        "started",
        "round",
        "execution_arn",
        "lease_until",
        "claimed",
        "input",
    ] {
        let store = Store::new().await;
        let records = store.records(Level::Task);
        granted(&records, "a", 0).await;
        let mut record = store.table.records().await.unwrap().remove(0);
        match attribute {
            "input" => record.insert(
                "input".to_owned(),
                aws_sdk_dynamodb::types::AttributeValue::S("{".to_owned()),
            ),
            attribute => record.remove(attribute),
        };
        store.table.put(record).await.unwrap();
        let seconds = if attribute == "claimed" { 1 } else { LEASE };
        let error = records.claim(&request("b", seconds)).await.unwrap_err().to_string();
        assert!(error.contains(&format!("valid attribute `{attribute}`")), "{error}");
    }
}
