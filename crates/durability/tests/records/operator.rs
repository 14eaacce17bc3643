//! What an operator sees and does.

use super::*;
use expressway_asl::error_name::ErrorName;
use expressway_durability::{ExecutionRecord, RecordFilter, Release};
use expressway_engine::StateError;

fn keyed(owner: &str, machine: &str, digits: &str) -> ClaimRequest {
    ClaimRequest {
        key: Key::from_digits(machine, digits),
        source_id: Some(format!("id of {owner}")),
        ..request(owner, 0)
    }
}

async fn found(table: &Table, filter: RecordFilter) -> Vec<String> {
    let records = table.list(&filter, 10, &|_| {}).await.unwrap();
    let mut owners: Vec<String> = records.iter().map(|record| record.owner.to_string()).collect();
    owners.sort();
    owners
}

async fn only(table: &Table) -> ExecutionRecord {
    table.record(&request("", 0).key).await.unwrap().unwrap()
}

#[tokio::test]
async fn records_are_found_by_machine_status_and_name() {
    let store = Store::new().await;
    let (table, records) = (store.table(), store.records(Level::Task));
    for (owner, machine, digits) in [("a", "orders", "1"), ("b", "orders", "2"), ("c", "orders-2", "3")] {
        let claim = records.claim(&keyed(owner, machine, digits)).await.unwrap();
        if let (Claim::Granted(grant), "b") = (claim, owner) {
            grant.complete(&Ok(Document::Null), at(1)).await.unwrap();
        }
    }
    let text = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (RecordFilter::default(), vec!["a", "b", "c"]),
        (
            RecordFilter {
                state_machine_arn: text("orders"),
                ..RecordFilter::default()
            },
            vec!["a", "b"],
        ),
        (
            RecordFilter {
                status: text("SUCCEEDED"),
                ..RecordFilter::default()
            },
            vec!["b"],
        ),
        (
            RecordFilter {
                state_machine_arn: text("orders"),
                status: text("RUNNING"),
                ..RecordFilter::default()
            },
            vec!["a"],
        ),
        (
            RecordFilter {
                name: text("id of c"),
                ..RecordFilter::default()
            },
            vec!["c"],
        ),
        (
            RecordFilter {
                name: text("execution of a"),
                ..RecordFilter::default()
            },
            vec!["a"],
        ),
        (
            RecordFilter {
                name: text("2"),
                ..RecordFilter::default()
            },
            vec!["b"],
        ),
        (
            RecordFilter {
                name: text("nothing"),
                ..RecordFilter::default()
            },
            vec![],
        ),
    ] {
        assert_eq!(found(&table, filter.clone()).await, expected, "{filter:?}");
    }
    let seen = std::sync::Mutex::new(Vec::new());
    let two = table
        .list(&RecordFilter::default(), 2, &|items| seen.lock().unwrap().push(items))
        .await;
    assert_eq!(two.unwrap().len(), 2);
    assert_eq!(seen.into_inner().unwrap(), [3]);
}

#[tokio::test]
async fn a_record_says_what_there_is_to_know() {
    let store = Store::new().await;
    let (table, records) = (store.table(), store.records(Level::Task));
    assert!(table.record(&request("", 0).key).await.unwrap().is_none());
    let grant = granted(&records, "a", 5).await;
    let record = only(&table).await;
    assert_eq!(
        (&*record.execution_arn, &*record.status, &*record.owner, record.round),
        ("execution of a", "RUNNING", "a", 1)
    );
    assert_eq!(
        (record.source.as_deref(), record.source_id.as_deref()),
        (Some("test"), Some("id"))
    );
    assert_eq!((record.started, record.claimed), (Some(at(5)), Some(at(5))));
    assert_eq!(record.lease_until, Some(at(5 + LEASE)));
    assert_eq!(record.expires_at, Some(at(5 + LEASE + RETENTION)));
    assert_eq!((record.stopped, record.output, record.error), (None, None, None));
    let error = StateError {
        name: Some(ErrorName::from("Own")),
        cause: Some("why".into()),
    };
    grant.complete(&Err(error), at(9)).await.unwrap();
    let record = only(&table).await;
    assert_eq!((&*record.status, record.stopped), ("FAILED", Some(at(9))));
    assert_eq!(
        (record.error.as_deref(), record.cause.as_deref()),
        (Some("Own"), Some("why"))
    );
}

#[tokio::test]
async fn a_lease_can_be_ended_while_there_is_one() {
    let store = Store::new().await;
    let (table, records) = (store.table(), store.records(Level::Task));
    granted(&records, "a", 0).await;
    let record = only(&table).await;
    for (seconds, is_leased) in [(0, true), (LEASE - 1, true), (LEASE, false)] {
        assert_eq!(record.is_leased(at(seconds)), is_leased, "{seconds}");
    }
    assert!(table.end_lease(&record).await.unwrap());
    assert!(!table.end_lease(&record).await.unwrap(), "it has none by now");
    assert!(!only(&table).await.is_leased(at(0)));
    // The next delivery goes on at once, in the same round.
    let second = granted(&records, "b", 1).await;
    assert!(second.is_resumed());
    assert_eq!(only(&table).await.round, 1);
    assert!(!table.end_lease(&record).await.unwrap(), "it is another run's");
    second.release(Release::Failed, at(2)).await.unwrap();
    assert!(!only(&table).await.is_leased(at(2)));
}

#[tokio::test]
async fn what_is_forgotten_is_gone_with_its_tasks() {
    let store = Store::new().await;
    let (table, records) = (store.table(), store.records(Level::Task));
    let other = keyed("other", "machine", "other");
    records.claim(&other).await.unwrap();
    let mut item = store.table.records().await.unwrap().remove(0);
    let key = request("a", 0).key;
    granted(&records, "a", 0).await;
    // Two attempts of one task, and something that is no task.
    for (sort_key, attributes) in [
        (
            "task#1#failed#2#token#1",
            [("error", "Own"), ("cause", "why"), ("state", "S")],
        ),
        ("task#1#ok#token", [("result", "[1]"), ("state", "S"), ("x", "x")]),
        ("note", [("a", "a"), ("b", "b"), ("c", "c")]),
    ] {
        item.clear();
        let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        item.insert("pk".to_owned(), text(key.partition()));
        item.insert("sk".to_owned(), text(sort_key));
        let ended = if sort_key.contains("ok") { "2000" } else { "1000" };
        item.insert(
            "ended".to_owned(),
            aws_sdk_dynamodb::types::AttributeValue::N(ended.to_owned()),
        );
        for (name, value) in attributes {
            item.insert(name.to_owned(), text(value));
        }
        store.table.put(item.clone()).await.unwrap();
    }
    let tasks = table.tasks(&key).await.unwrap();
    let [failed, succeeded] = tasks.as_slice() else {
        panic!("{tasks:?}");
    };
    assert_eq!((&*failed.token, failed.failed), ("token", Some((2, 1))));
    assert_eq!(
        (failed.error.as_deref(), failed.cause.as_deref()),
        (Some("Own"), Some("why"))
    );
    assert_eq!((&*succeeded.token, succeeded.failed), ("token", None));
    assert_eq!(succeeded.result.as_ref().map(Document::to_json).as_deref(), Some("[1]"));
    assert_eq!(succeeded.state.as_deref(), Some("S"));

    assert_eq!(table.forget(&key).await.unwrap(), 4);
    assert!(table.record(&key).await.unwrap().is_none());
    assert_eq!(table.forget(&key).await.unwrap(), 0);
    assert!(table.record(&other.key).await.unwrap().is_some(), "another execution");
}
