//! Executions in one process get what each of them would get alone.

use super::*;
use expressway_asl::document::Reference;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// What happens, in this order, in a process with two executions.
#[derive(Clone, Debug)]
enum Event {
    /// An execution does something.
    Step(usize, Step),
    /// The sender of messages, or another party, writes an object.
    Overwritten(u8, u8),
}

#[derive(Clone, Debug)]
enum Step {
    /// Looks into the object of a message, as text or as JSON.
    Load { object: u8, is_string: bool },
    /// Looks whether the value is at hand.
    Peek { object: u8, is_string: bool },
    /// Stores a value that holds a pointer to an object, and looks into all of it.
    Store { object: u8, is_string: bool },
    /// Stores a value whose text an object may hold, too, and reads it back, as a string or as JSON.
    Own { content: u8, is_string: bool },
    /// Follows a pointer that leads to an own value of another execution.
    OwnByPointer { content: u8, is_string: bool },
}

/// What objects hold: JSON, text, a text that looks like a reference, and nothing that can be parsed.
const CONTENTS: [&str; 4] = [
    r#"{"n":[1,2]}"#,
    "[3]",
    r#"{"expressway:reference":{"bucket":"bucket","key":"k","kind":"string","bytes":1}}"#,
    "[open",
];

fn value(content: u8, is_string: bool) -> Document {
    let text = CONTENTS[usize::from(content)];
    match is_string {
        true => text.into(),
        false => Document::parse(text).unwrap_or_else(|_| text.into()),
    }
}

fn told(result: Result<Document, Fault>) -> String {
    match result {
        Ok(value) => value.to_json(),
        Err(fault) => fault.to_string(),
    }
}

async fn step(view: &dyn PayloadStore, store: &S3Payloads, step: &Step) -> String {
    let outside = |object: &u8, is_string: &bool| {
        let place = ("theirs".into(), object.to_string().into());
        store.outside(place, None, *is_string).unwrap()
    };
    let put = async |value: Document| {
        let stored = view.prepare(&value);
        let reference = stored.reference.clone();
        view.put(stored, value).await.map(|()| reference)
    };
    match step {
        Step::Load { object, is_string } => told(view.get(&outside(object, is_string)).await),
        Step::Peek { object, is_string } => format!("{:?}", view.cached(&outside(object, is_string))),
        Step::Store { object, is_string } => {
            let stored = put(Document::from(vec![outside(object, is_string).into()])).await;
            let reference = stored.unwrap().into();
            told(expressway_engine::resolve(view, reference, usize::MAX).await)
        }
        Step::Own { content, is_string } => {
            let reference = put(value(*content, *is_string)).await.unwrap();
            told(expressway_engine::resolve(view, reference.into(), usize::MAX).await)
        }
        Step::OwnByPointer { content, is_string } => {
            let bytes = view.prepare(&value(*content, true)).text.into_bytes();
            let reference = store.put_bytes(bytes, "text/plain").await.unwrap();
            let place = (reference.bucket().clone(), reference.key().clone());
            let pointer: Reference = store.outside(place, None, *is_string).unwrap();
            told(view.get(&pointer).await)
        }
    }
}

/// What each of these executions was told.
async fn run(events: &[Event], executions: &[usize], cache_bytes: usize) -> Vec<Vec<String>> {
    let server = Server::start().await;
    let store = store(&server.url, cache_bytes);
    for object in 0..2 {
        server.put(&format!("/theirs/{object}"), CONTENTS[0].as_bytes());
    }
    let views: Vec<_> = (0..2).map(|_| Arc::clone(&store).for_execution()).collect();
    let mut told = vec![Vec::new(); 2];
    for event in events {
        match event {
            Event::Step(execution, what) if executions.contains(execution) => {
                told[*execution].push(step(&*views[*execution], &store, what).await);
            }
            Event::Step(..) => {}
            Event::Overwritten(object, content) => {
                let content = CONTENTS[usize::from(*content)];
                server.put(&format!("/theirs/{object}"), content.as_bytes());
            }
        }
    }
    told
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let step = prop_oneof![
        (0..2_u8, any::<bool>()).prop_map(|(object, is_string)| Step::Load { object, is_string }),
        (0..2_u8, any::<bool>()).prop_map(|(object, is_string)| Step::Peek { object, is_string }),
        (0..2_u8, any::<bool>()).prop_map(|(object, is_string)| Step::Store { object, is_string }),
        (0..4_u8, any::<bool>()).prop_map(|(content, is_string)| Step::Own { content, is_string }),
        (0..4_u8, any::<bool>()).prop_map(|(content, is_string)| Step::OwnByPointer { content, is_string }),
    ];
    let event = prop_oneof![
        4 => (0..2_usize, step).prop_map(|(execution, step)| Event::Step(execution, step)),
        1 => (0..2_u8, 0..4_u8).prop_map(|(object, content)| Event::Overwritten(object, content)),
    ];
    prop::collection::vec(event, 1..14)
}

#[test]
fn two_executions_get_what_each_gets_alone() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    });
    let cases = (events(), prop_oneof![Just(0), Just(1_000_000)]);
    let checked = runner.run(&cases, |(events, cache_bytes)| {
        runtime.block_on(async {
            let together = run(&events, &[0, 1], cache_bytes).await;
            for execution in 0..2 {
                let alone = run(&events, &[execution], cache_bytes).await;
                prop_assert_eq!(&together[execution], &alone[execution], "execution {}", execution);
            }
            Ok(())
        })
    });
    checked.unwrap();
}

#[tokio::test]
async fn within_an_execution_a_pointer_always_gives_the_same() {
    for cache_bytes in [0, 1_000_000] {
        let server = Server::start().await;
        let store = store(&server.url, cache_bytes);
        server.put("/theirs/m", b"[1]");
        let pointer = |is_string| store.outside(("theirs".into(), "m".into()), None, is_string).unwrap();
        let first = Arc::clone(&store).for_execution();
        assert_eq!(told(first.get(&pointer(false)).await), "[1]");
        server.put("/theirs/m", b"[2]");
        let again = told(first.get(&pointer(false)).await);
        match cache_bytes {
            0 => assert!(
                again.contains("was overwritten after the execution first read it"),
                "{again}"
            ),
            _ => assert_eq!(again, "[1]"),
        }
        // As text it would be another value of the same object.
        let as_text = told(first.get(&pointer(true)).await);
        assert!(as_text.starts_with(CHANGED), "{as_text}");
        let second = Arc::clone(&store).for_execution();
        assert_eq!(second.cached(&pointer(false)), None);
        assert_eq!(told(second.get(&pointer(false)).await), "[2]");
        drop(first);
        assert_eq!(told(second.get(&pointer(false)).await), "[2]");
    }
}
