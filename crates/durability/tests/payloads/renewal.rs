//! A lifecycle rule deletes nothing that a live record needs.

use super::*;
use expressway_asl::document::{decode, encode};

const HOUR: Duration = Duration::from_secs(3_600);

const DAY: Duration = Duration::from_secs(86_400);

/// How long outcomes are remembered, and what README says of the rule: a day more.
const REMEMBERED: Duration = DAY;
const RULE: Duration = Duration::from_secs(2 * 86_400);

/// The longest run.
const RUN: Duration = Duration::from_secs(900);

fn sandbox(server: &Server, cache_bytes: usize) -> Arc<S3Payloads> {
    let options = PayloadOptions {
        cache_bytes,
        ..PayloadOptions::new("bucket")
    };
    Arc::new(S3Payloads::new(&config(&server.url), options).with_clock(server.clock()))
}

/// How a value comes to be needed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// The same sandbox stores it, and has it at hand.
    SameSandbox,
    /// Another one stores it.
    OtherSandbox,
    /// Another one, and the store keeps no checksums.
    WithoutChecksums,
    /// A run takes over a record that refers to it.
    TakenOver,
    /// A run takes over a record that refers to a value that refers to it.
    TakenOverInside,
    /// The same, by a run that takes over after another one did.
    TakenOverTwice,
    /// An answer redirects to it.
    Linked,
}

async fn put(store: &S3Payloads, value: &Document) -> Document {
    let stored = store.prepare(value);
    let reference = stored.reference.clone();
    store.put(stored, value.clone()).await.unwrap();
    reference.into()
}

#[tokio::test]
async fn whatever_is_needed_again_stays_as_long_as_its_record() {
    let value = Document::from(vec!["some value".into(), 1.into()]);
    for again in [
        Again::SameSandbox,
        Again::OtherSandbox,
        Again::WithoutChecksums,
        Again::TakenOver,
        Again::TakenOverInside,
        Again::TakenOverTwice,
        Again::Linked,
    ] {
        for lag in [0, 1, 5, 6, 7, 23, 24, 25, 47] {
            let case = format!("{again:?} {lag}");
            let server = Server::start().await;
            let first = sandbox(&server, 1_000_000);
            let mut document = put(&first, &value).await;
            if again == Again::TakenOverInside {
                document = put(&first, &Document::from(vec![document])).await;
            }
            let record = encode(&Document::object([("output", document.clone())]));
            server.advance(HOUR * lag);
            server.expire(RULE);
            let other = sandbox(&server, 0);
            match again {
                Again::SameSandbox => drop(put(&first, &value).await),
                Again::OtherSandbox => drop(put(&other, &value).await),
                Again::WithoutChecksums => {
                    server.drop_checksums();
                    put(&other, &value).await;
                }
                Again::TakenOver | Again::TakenOverInside => other.renew(&decode(&record).unwrap()).await.unwrap(),
                Again::TakenOverTwice => {
                    other.renew(&decode(&record).unwrap()).await.unwrap();
                    server.advance(HOUR * lag);
                    server.expire(RULE);
                    other.renew(&decode(&record).unwrap()).await.unwrap();
                }
                Again::Linked => {
                    let presentation = Presentation::default();
                    let link = other.link(&document, &presentation, HOUR).await;
                    link.unwrap().unwrap();
                }
            }
            server.advance(RUN + REMEMBERED);
            server.expire(RULE);
            let reader = sandbox(&server, 0);
            let whole = expressway_engine::resolve(&*reader, document, usize::MAX).await;
            let whole = whole.unwrap_or_else(|fault| panic!("{case}: {fault}"));
            assert!(whole.to_json().contains(&value.to_json()), "{case}: {whole}");
        }
    }
}

/// PUT (with copies), HEAD and GET requests since the last look.
fn requests(server: &Server, seen: &mut usize) -> [usize; 3] {
    let lines = server.lines().split_off(*seen);
    *seen += lines.len();
    ["PUT", "HEAD", "GET"].map(|method| lines.iter().filter(|line| line.starts_with(method)).count())
}

#[tokio::test]
async fn what_renewal_costs() {
    let server = Server::start().await;
    let mut seen = 0;
    let value = Document::from(vec!["some value".into(), 1.into()]);
    let first = sandbox(&server, 1_000_000);
    let reference = put(&first, &value).await;
    assert_eq!(requests(&server, &mut seen), [1, 0, 0], "a new value");
    put(&first, &value).await;
    first.renew(&reference).await.unwrap();
    assert_eq!(requests(&server, &mut seen), [0, 0, 0], "what is at hand and recent");
    let other = sandbox(&server, 0);
    other.renew(&reference).await.unwrap();
    assert_eq!(
        requests(&server, &mut seen),
        [0, 0, 0],
        "a recent reference says so itself"
    );
    put(&other, &value).await;
    assert_eq!(
        requests(&server, &mut seen),
        [1, 1, 0],
        "what another sandbox has stored"
    );
    server.drop_checksums();
    put(&other, &value).await;
    assert_eq!(
        requests(&server, &mut seen),
        [1, 1, 1],
        "the same in a store without checksums"
    );
    server.advance(DAY);
    other.renew(&reference).await.unwrap();
    assert_eq!(requests(&server, &mut seen), [1, 1, 1], "an old reference");
    other.renew(&reference).await.unwrap();
    assert_eq!(
        requests(&server, &mut seen),
        [0, 1, 1],
        "an old reference to a renewed object"
    );
    put(&first, &value).await;
    server.advance(DAY);
    put(&other, &value).await;
    assert_eq!(server.objects(), 1);
}

#[tokio::test]
async fn references_without_a_time_are_read_and_renewed() {
    let server = Server::start().await;
    let store = sandbox(&server, 0);
    let value = Document::from(vec!["some value".into(), 1.into()]);
    let reference = put(&store, &value).await;
    // As versions before this one wrote it.
    let text = encode(&reference);
    let at = text.find(r#","stored":"#).unwrap();
    let text = format!("{}}}}}", &text[..at]);
    let old = decode(&text).unwrap();
    assert_eq!(old, reference);
    assert_eq!(old.json_bytes(), reference.json_bytes());
    store.renew(&old).await.unwrap();
    assert_eq!(server.requests("HEAD"), 1);
    let whole = expressway_engine::resolve(&*store, old, usize::MAX).await;
    assert_eq!(whole, Ok(value));
}
