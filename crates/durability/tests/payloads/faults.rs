//! What can be wrong with an object, wherever it is needed.

use super::*;
use expressway_asl::document::{Reference, decode, encode};
use expressway_durability::payloads::{MISSING, TOO_LARGE, UNREADABLE};

/// What is wrong with the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    Missing,
    Denied,
    OtherContent,
    TooLong,
    TooShort,
    NoText,
    CutOnce,
    CutAlways,
}

/// Where it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needed {
    /// An own reference that an expression looks into.
    Own,
    /// An own value that lies inside of another: a large output of a replayed record.
    Nested,
    /// The object of a message.
    Outside,
    /// The same, once the execution has read it.
    OutsideAgain,
    /// An own reference in the journal or the record that a later run takes over.
    Record,
    /// An own value that an answer redirects to.
    Link,
    /// A value that is stored again.
    StoredAgain,
}

const VALUE: &str = r#"{"n":[1,2,3]}"#;

const OUTSIDE_BYTES_MAX: usize = 1_000;

fn break_it(server: &Server, path: &str, wrong: Wrong) {
    match wrong {
        Wrong::Nothing => {}
        Wrong::Missing => server.delete(path),
        Wrong::Denied => server.deny(path, 403),
        Wrong::OtherContent => server.put(path, VALUE.replace('3', "4").as_bytes()),
        Wrong::TooLong => server.put(path, "1".repeat(OUTSIDE_BYTES_MAX + 1).as_bytes()),
        Wrong::TooShort => server.put(path, b"1"),
        Wrong::NoText => server.put(path, &[0xff; VALUE.len()]),
        Wrong::CutOnce => server.break_request(server.lines().len() + 1, Broken::CutHalfway),
        Wrong::CutAlways => server.break_all(Broken::CutHalfway),
    }
}

/// What came of it: the value, the name of an error for the operator, or `unavailable`; and the message.
async fn need(needed: Needed, wrong: Wrong) -> (&'static str, String) {
    let server = Server::start().await;
    let options = PayloadOptions {
        cache_bytes: 0,
        outside_bytes_max: OUTSIDE_BYTES_MAX,
        allowed_buckets: vec!["theirs".to_owned()],
        ..PayloadOptions::new("bucket")
    };
    let store = Arc::new(S3Payloads::new(&config(&server.url), options).with_clock(server.clock()));
    let value = Document::parse(VALUE).unwrap();
    let put = async |value: &Document| {
        let stored = store.prepare(value);
        let reference = stored.reference.clone();
        store.put(stored, value.clone()).await.unwrap();
        reference
    };
    let own = put(&value).await;
    let path = format!("/bucket/{}", own.key());
    let outside = store.outside(("theirs".into(), "m".into()), Some(5), false).unwrap();
    server.put("/theirs/m", VALUE.as_bytes());
    let view = Arc::clone(&store).for_execution();
    let result = match needed {
        Needed::Own => {
            break_it(&server, &path, wrong);
            view.get(&own).await
        }
        Needed::Nested => {
            let outer = put(&Document::from(vec![own.clone().into()])).await;
            let outer = view.get(&outer).await.unwrap();
            break_it(&server, &path, wrong);
            let whole = expressway_engine::resolve(&*view, outer, usize::MAX).await;
            whole.map(|whole| whole.as_array().unwrap()[0].clone())
        }
        Needed::Outside => {
            break_it(&server, "/theirs/m", wrong);
            view.get(&outside).await
        }
        Needed::OutsideAgain => {
            view.get(&outside).await.unwrap();
            break_it(&server, "/theirs/m", wrong);
            view.get(&outside).await
        }
        Needed::Record => {
            let record = encode(&Document::object([("output", own.into())]));
            server.advance(Duration::from_secs(86_400));
            break_it(&server, &path, wrong);
            store.renew(&decode(&record).unwrap()).await.map(|()| value)
        }
        Needed::Link => {
            break_it(&server, &path, wrong);
            let (own, presentation) = (own.into(), Presentation::default());
            let link = store.link(&own, &presentation, Duration::from_secs(60)).await;
            link.map(|_| value)
        }
        Needed::StoredAgain => {
            break_it(&server, &path, wrong);
            let again = store.prepare(&value);
            store.put(again, value.clone()).await.map(|()| value)
        }
    };
    match result {
        Ok(value) => {
            let is_as_stored = value.to_json() == VALUE;
            (if is_as_stored { "as stored" } else { "as it is" }, String::new())
        }
        Err(Fault::Payload { error, cause }) => (error, cause.to_string()),
        Err(Fault::Store(problem)) => ("unavailable", problem.to_string()),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_fault_of_an_object_is_told_by_its_name_wherever_it_is_needed() {
    const GOOD: &str = "as stored";
    let wrongs = [
        Wrong::Nothing,
        Wrong::Missing,
        Wrong::Denied,
        Wrong::OtherContent,
        Wrong::TooLong,
        Wrong::TooShort,
        Wrong::NoText,
        Wrong::CutOnce,
        Wrong::CutAlways,
    ];
    let own = [
        GOOD,
        MISSING,
        MISSING,
        CHANGED,
        CHANGED,
        CHANGED,
        CHANGED,
        GOOD,
        "unavailable",
    ];
    let outside = [
        GOOD,
        MISSING,
        MISSING,
        "as it is",
        TOO_LARGE,
        "as it is",
        UNREADABLE,
        GOOD,
        "unavailable",
    ];
    let again = [
        GOOD,
        MISSING,
        MISSING,
        CHANGED,
        CHANGED,
        CHANGED,
        CHANGED,
        GOOD,
        "unavailable",
    ];
    // Only HEAD requests, whose answers have no body to cut, unless the content has to be compared.
    let looked_at = [GOOD, MISSING, MISSING, CHANGED, CHANGED, CHANGED, CHANGED, GOOD, GOOD];
    // The copy in place that renews it has an answer to cut.
    let taken_over = [GOOD, MISSING, MISSING, CHANGED, CHANGED, CHANGED, CHANGED, GOOD, "any"];
    let stored_again = [GOOD, GOOD, MISSING, CHANGED, CHANGED, CHANGED, CHANGED, GOOD, "any"];
    let rows = [
        (Needed::Own, own),
        (Needed::Nested, own),
        (Needed::Outside, outside),
        (Needed::OutsideAgain, again),
        (Needed::Record, taken_over),
        (Needed::Link, looked_at),
        (Needed::StoredAgain, stored_again),
    ];
    let cells = rows.into_iter().flat_map(|(needed, expected)| {
        let cells = wrongs.into_iter().zip(expected);
        cells.map(move |(wrong, expected)| async move { (needed, wrong, expected, need(needed, wrong).await) })
    });
    for (needed, wrong, expected, (told, message)) in futures_util::future::join_all(cells).await {
        assert!(
            told == expected || expected == "any",
            "{needed:?} {wrong:?}: {told} {message}"
        );
        let is_outside = matches!(needed, Needed::Outside | Needed::OutsideAgain);
        let place = if is_outside {
            "s3://theirs/m"
        } else {
            "s3://bucket/payloads/"
        };
        assert!(
            message.is_empty() || message.contains(place),
            "{needed:?} {wrong:?}: {message}"
        );
        if told == MISSING {
            let advice = if is_outside {
                "its sender deleted it"
            } else {
                "EXPRESSWAY_IDEMPOTENCY_SECONDS"
            };
            let is_dated = message.contains("it was stored at 20");
            // The time is in the reference, but not in one that lies inside of another stored value.
            let has_time = !is_outside && needed != Needed::Nested;
            assert!(message.contains(advice), "{needed:?} {wrong:?}: {message}");
            assert_eq!(is_dated, has_time, "{needed:?}: {message}");
        }
    }
}

#[tokio::test]
async fn a_value_is_refused_by_what_it_takes_in_memory() {
    let server = Server::start().await;
    let options = PayloadOptions {
        allowed_buckets: vec!["theirs".to_owned()],
        ..PayloadOptions::new("bucket").for_memory(128 << 20)
    };
    assert_eq!(
        (options.cache_bytes, options.outside_bytes_max, options.parsed_bytes_max),
        (8 << 20, 16 << 20, 32 << 20)
    );
    let store = Arc::new(S3Payloads::new(&config(&server.url), options));
    let view = store.for_execution();
    let nested = format!("[{}[]]", "[[[[[]]]]],".repeat(200_000));
    for (text, is_string, expected) in [
        ("x".repeat(3_000_000), false, true),
        (nested.clone(), true, true),
        (nested, false, false),
        (format!("[{}1]", "1,".repeat(1_000_000)), false, false),
        (format!("[{}1]", "1,".repeat(300_000)), false, true),
        ("x".repeat(17 << 20), true, false),
    ] {
        server.put("/theirs/m", text.as_bytes());
        let reference = Reference::outside("theirs".into(), "m".into(), None, is_string);
        // Each is another message, so another execution.
        let view = Arc::clone(&view).for_execution();
        match view.get(&reference).await {
            Ok(_) => assert!(expected, "{}", text.len()),
            Err(fault) => {
                assert!(!expected, "{fault}");
                assert!(fault.to_string().starts_with(TOO_LARGE), "{fault}");
            }
        }
    }
}

#[tokio::test]
async fn what_senders_claim_of_sizes_counts_for_nothing() {
    let server = Server::start().await;
    let store = store(&server.url, 0);
    server.put("/theirs/m", VALUE.as_bytes());
    let claims = [None, Some(0), Some(1), Some(usize::MAX)].map(|bytes| {
        let reference = store.outside(("theirs".into(), "m".into()), bytes, false).unwrap();
        Document::from(reference)
    });
    let both = Document::from(claims.to_vec());
    assert_eq!(decode(&encode(&both)), Ok(both.clone()));
    let whole = expressway_engine::resolve(&*store, both, usize::MAX).await.unwrap();
    assert_eq!(whole.to_json(), format!("[{VALUE},{VALUE},{VALUE},{VALUE}]"));
}
