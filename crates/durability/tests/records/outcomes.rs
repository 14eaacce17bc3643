//! How executions end, and what is remembered of that.

use super::*;
use expressway_asl::error_name::ErrorName;
use expressway_durability::Completion;
use expressway_engine::StateError;

#[tokio::test]
async fn an_outcome_is_remembered() {
    let error = |name: Option<&str>, cause: Option<&str>| {
        Err(StateError {
            name: name.map(ErrorName::from),
            cause: cause.map(Into::into),
        })
    };
    for level in LEVELS {
        for (result, expected) in [
            (
                Ok(Document::parse(r#"{"n":1.5}"#).unwrap()),
                r#"finished execution of a: {"n":1.5}"#,
            ),
            (error(Some("Own"), Some("why")), "failed execution of a: Own, why"),
            (error(None, None), "failed execution of a: -, -"),
        ] {
            let store = Store::new().await;
            let records = store.records(level);
            let grant = granted(&records, "a", 0).await;
            assert_eq!(grant.complete(&result, at(9)).await.unwrap(), Completion::Recorded);
            // Its answer was lost, and the request sent again.
            assert_eq!(grant.complete(&result, at(9)).await.unwrap(), Completion::Recorded);
            assert_eq!(claim(&records, &request("b", 10)).await, expected);
            for (attribute, expected) in [
                ("stopped", 1_750_000_009_000_u64.to_string()),
                ("expires_at", (1_750_000_009 + RETENTION).to_string()),
                ("input", String::new()),
                ("lease_until", String::new()),
            ] {
                assert_eq!(store.attribute(attribute).await, expected, "{attribute}");
            }
        }
    }
}

#[tokio::test]
async fn causes_are_cut_to_what_an_item_holds() {
    let store = Store::new().await;
    let records = store.records(Level::Execution);
    let grant = granted(&records, "a", 0).await;
    let error = StateError {
        name: Some(ErrorName::from("Own")),
        cause: Some("ä".repeat(1_000_000).into()),
    };
    assert_eq!(grant.complete(&Err(error), at(9)).await.unwrap(), Completion::Recorded);
    assert_eq!(store.attribute("cause").await.len(), 262_144);
}

#[tokio::test]
async fn an_outcome_that_no_item_holds_is_refused_for_good() {
    let store = Store::new().await;
    let records = store.records(Level::Execution);
    let grant = granted(&records, "a", 0).await;
    let error = grant
        .complete(&Ok("a".repeat(500_000).into()), at(9))
        .await
        .unwrap_err();
    assert!(error.is_permanent, "{error}");
}

#[tokio::test]
async fn a_run_that_was_taken_over_learns_how_the_other_ended() {
    for level in LEVELS {
        let store = Store::new().await;
        let records = store.records(level);
        let first = granted(&records, "a", 0).await;
        let second = granted(&records, "b", LEASE).await;
        let overtaken = first.complete(&Ok("first".into()), at(LEASE + 1)).await.unwrap();
        assert_eq!(overtaken, Completion::Overtaken(None));
        second.complete(&Ok("second".into()), at(LEASE + 2)).await.unwrap();
        match first.complete(&Ok("first".into()), at(LEASE + 3)).await.unwrap() {
            Completion::Overtaken(Some(finished)) => assert_eq!(finished.result, Ok("second".into())),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_outcome_without_a_record_is_not_recorded() {
    let store = Store::new().await;
    let other = Store::new().await;
    let grant = granted(&store.records(Level::Execution), "a", 0).await;
    granted(&other.records(Level::Execution), "a", 0).await;
    for item in store.table.items().await.unwrap() {
        store.table.delete(&item).await.unwrap();
    }
    assert_eq!(
        grant.complete(&Ok(Document::Null), at(1)).await.unwrap(),
        Completion::Overtaken(None)
    );
}
