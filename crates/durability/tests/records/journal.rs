//! Tasks that are not called again.

use super::*;
use expressway_asl::document::{Reference, Text};
use expressway_asl::error_name::ErrorName;
use expressway_asl::resource::Resource;
use expressway_durability::{JournaledTasks, Release};
use expressway_engine::{Clock, StateError, SystemClock, TaskError, TaskFuture, TaskRequest, TaskRunner};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Answers with the input, or fails with it, and counts.
#[derive(Default)]
struct Echo {
    calls: AtomicUsize,
    failing: Mutex<Vec<String>>,
}

impl TaskRunner for Echo {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let failing = self.failing.lock().unwrap();
        let is_failing = failing.iter().any(|state| state == request.state_name);
        Box::pin(std::future::ready(match is_failing {
            true => Err(StateError::new("Own", "why").into()),
            false => Ok(request.input),
        }))
    }
}

impl Echo {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// One run's tasks.
struct Run {
    tasks: JournaledTasks,
    resource: Resource,
}

impl Run {
    async fn begin(grant: &Grant, echo: &Arc<Echo>) -> Run {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let journal = grant.journal(clock).await.unwrap().unwrap();
        Run {
            tasks: JournaledTasks::new(Arc::clone(echo) as Arc<dyn TaskRunner>, journal),
            resource: function(),
        }
    }

    async fn task(&self, name: &str, attempt: u32) -> Result<Document, String> {
        self.call(name, attempt, format!("answer of {name}").into()).await
    }

    async fn call(&self, name: &str, attempt: u32, input: Document) -> Result<Document, String> {
        let state_name = Text::from(name);
        let execution_arn = Text::from("execution");
        let request = TaskRequest {
            resource: &self.resource,
            input,
            state_name: &state_name,
            attempt,
            role_arn: None,
            execution_arn: &execution_arn,
            token: Some(token(name)),
            payloads: None,
        };
        let result = self.tasks.run(request).await.map_err(|error| match error {
            TaskError::State(error) => error.name.map_or_else(String::new, |name| name.as_str().to_owned()),
            TaskError::Fault(fault) => fault.to_string(),
        });
        if !matches!(&result, Err(fault) if fault.contains("table")) {
            assert!(self.tasks.ended(&token(name), attempt).is_some(), "{name}");
        }
        result
    }
}

fn function() -> Resource {
    Resource::Function {
        arn: "arn:aws:lambda:eu-west-1:111122223333:function:f".into(),
    }
}

fn token(name: &str) -> Text {
    format!("token of {name}").into()
}

fn answer(name: &str) -> Result<Document, String> {
    Ok(format!("answer of {name}").into())
}

const TASKS: [&str; 3] = ["a", "b", "c"];

async fn expiries(store: &Store) -> Vec<u64> {
    let journal = store.table.journal().await.unwrap();
    let expiries = journal
        .iter()
        .map(|item| dynamodb::text(item, "expires_at").parse().unwrap());
    expiries.collect()
}

#[tokio::test]
async fn what_is_on_record_is_not_called_again_however_little_is_held_in_memory() {
    for journal_bytes_max in [0, 20, 1 << 20] {
        let store = Store::new().await;
        let records = store.records_with(RecordOptions {
            journal_bytes_max,
            ..RecordOptions::new(Level::Task)
        });
        let echo = Arc::new(Echo::default());
        let run = Run::begin(&*granted(&records, "first", 0).await, &echo).await;
        for name in TASKS {
            assert_eq!(run.task(name, 0).await, answer(name));
            // Asked once more, as a bug would: it is read again and not called.
            assert_eq!(run.task(name, 0).await, answer(name));
        }
        assert_eq!(echo.calls(), 3);
        let run = Run::begin(&*granted(&records, "second", LEASE).await, &echo).await;
        for name in TASKS {
            assert_eq!(run.task(name, 0).await, answer(name));
        }
        assert_eq!(echo.calls(), 3, "{journal_bytes_max}");
        assert_eq!(run.task("d", 0).await, answer("d"));
        assert_eq!(echo.calls(), 4);
    }
}

#[tokio::test]
async fn a_failed_attempt_counts_within_its_round() {
    let store = Store::new().await;
    let records = store.records(Level::Task);
    let echo = Arc::new(Echo::default());
    echo.failing.lock().unwrap().push("a".to_owned());
    let first = granted(&records, "first", 0).await;
    let run = Run::begin(&first, &echo).await;
    assert_eq!(run.task("a", 0).await, Err("Own".to_owned()));
    echo.failing.lock().unwrap().clear();
    // A crash: the same round.
    let second = granted(&records, "second", LEASE).await;
    let run = Run::begin(&second, &echo).await;
    assert_eq!(run.task("a", 0).await, Err("Own".to_owned()));
    assert_eq!(echo.calls(), 1);
    assert_eq!(run.task("a", 1).await, answer("a"));
    assert_eq!(echo.calls(), 2);
    // A failure: the next round, in which only successes count.
    second.release(Release::Failed, at(LEASE + 1)).await.unwrap();
    let run = Run::begin(&*granted(&records, "third", LEASE + 2).await, &echo).await;
    assert_eq!(run.task("a", 0).await, answer("a"));
    assert_eq!(echo.calls(), 2);
}

#[tokio::test]
async fn a_timeout_is_on_record_too() {
    let store = Store::new().await;
    let records = store.records(Level::Task);
    let echo = Arc::new(Echo::default());
    let run = Run::begin(&*granted(&records, "first", 0).await, &echo).await;
    run.tasks.timed_out(&token("a"), 0).await.unwrap();
    assert!(run.tasks.ended(&token("a"), 0).is_some());
    let run = Run::begin(&*granted(&records, "second", LEASE).await, &echo).await;
    assert_eq!(run.task("a", 0).await, Err(ErrorName::Timeout.as_str().to_owned()));
    assert_eq!(echo.calls(), 0);
}

#[tokio::test]
async fn entries_live_as_long_as_their_record() {
    let store = Store::new().await;
    let records = store.records(Level::Task);
    let echo = Arc::new(Echo::default());
    let first = granted(&records, "first", 0).await;
    let run = Run::begin(&first, &echo).await;
    for name in TASKS {
        run.task(name, 0).await.unwrap();
    }
    first.release(Release::Failed, at(1)).await.unwrap();
    let begin = 1_750_000_000;
    assert_eq!(expiries(&store).await, [begin + LEASE + 2 * RETENTION; 3]);
    // Each delivery extends the record, the last ones beyond the first entries' own time.
    for (owner, seconds, expected) in [
        ("second", RETENTION, begin + LEASE + 2 * RETENTION),
        ("third", 2 * RETENTION - 1, begin + LEASE + 4 * RETENTION - 1),
        ("fourth", 3 * RETENTION - 2, begin + LEASE + 4 * RETENTION - 1),
        ("fifth", 4 * RETENTION - 3, begin + LEASE + 6 * RETENTION - 3),
    ] {
        let grant = granted(&records, owner, seconds).await;
        assert!(grant.is_resumed(), "{owner}");
        let run = Run::begin(&grant, &echo).await;
        for name in TASKS {
            assert_eq!(run.task(name, 0).await, answer(name));
        }
        let expires_at: u64 = store.attribute("expires_at").await.parse().unwrap();
        let expiries = expiries(&store).await;
        assert_eq!(expiries, [expected; 3], "{owner}");
        assert!(expiries.iter().all(|expiry| *expiry >= expires_at), "{owner}");
        grant.release(Release::Failed, at(seconds + 1)).await.unwrap();
    }
    assert_eq!(echo.calls(), 3);
}

#[tokio::test]
async fn any_entry_may_be_gone_at_any_time() {
    for gone in TASKS {
        let store = Store::new().await;
        let records = store.records(Level::Task);
        let echo = Arc::new(Echo::default());
        let run = Run::begin(&*granted(&records, "first", 0).await, &echo).await;
        for name in TASKS {
            run.task(name, 0).await.unwrap();
        }
        let forget = async || {
            for item in store.table.journal().await.unwrap() {
                if dynamodb::text(&item, "sk").ends_with(&*token(gone)) {
                    store.table.delete(&item).await.unwrap();
                }
            }
        };
        // Before a run begins: its task is called once more, the others are not.
        forget().await;
        let run = Run::begin(&*granted(&records, "second", LEASE).await, &echo).await;
        for name in TASKS {
            assert_eq!(run.task(name, 0).await, answer(name));
        }
        assert_eq!(echo.calls(), 4);
        // While a run is under way that has no room for it: an error that names it, and no second call.
        let records = store.records_with(RecordOptions {
            journal_bytes_max: 0,
            ..RecordOptions::new(Level::Task)
        });
        let run = Run::begin(&*granted(&records, "third", 2 * LEASE).await, &echo).await;
        forget().await;
        for name in TASKS {
            let result = run.task(name, 0).await;
            if name == gone {
                let error = result.unwrap_err();
                assert!(error.contains(&*token(gone)) && error.contains("is gone"), "{error}");
            } else {
                assert_eq!(result, answer(name));
            }
        }
        assert_eq!(echo.calls(), 4);
    }
}

#[tokio::test]
async fn the_first_answer_of_a_task_stands() {
    let store = Store::new().await;
    let records = store.records(Level::Task);
    let (one, other) = (Arc::new(Echo::default()), Arc::new(Echo::default()));
    other.failing.lock().unwrap().push("a".to_owned());
    let first = Run::begin(&*granted(&records, "first", 0).await, &one).await;
    let second = Run::begin(&*granted(&records, "second", LEASE).await, &other).await;
    // Both have read an empty journal.
    assert_eq!(first.task("a", 0).await, answer("a"));
    assert_eq!(first.task("b", 0).await, answer("b"));
    assert_eq!(second.task("b", 0).await, answer("b"));
    assert_eq!((one.calls(), other.calls()), (2, 1));
    assert_eq!(store.table.journal().await.unwrap().len(), 2);
}

#[tokio::test]
async fn tasks_without_a_token_and_levels_without_a_journal_record_nothing() {
    let store = Store::new().await;
    let grant = granted(&store.records(Level::Execution), "first", 0).await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    assert!(grant.journal(clock).await.unwrap().is_none());
}

#[tokio::test]
async fn many_answers_at_once_share_writes_and_are_all_on_record() {
    let store = Store::new().await;
    let records = store.records(Level::Task);
    let echo = Arc::new(Echo::default());
    let run = Run::begin(&*granted(&records, "first", 0).await, &echo).await;
    let names: Vec<String> = (0..120).map(|n| format!("t{n}")).collect();
    let all = names.iter().map(|name| run.task(name, 0));
    for (result, name) in futures_util::future::join_all(all).await.into_iter().zip(&names) {
        assert_eq!(result, answer(name));
    }
    assert_eq!(store.table.journal().await.unwrap().len(), 120);
    let run = Run::begin(&*granted(&records, "second", LEASE).await, &echo).await;
    for name in &names {
        assert_eq!(run.task(name, 0).await, answer(name));
    }
    assert_eq!(echo.calls(), 120);
}

#[tokio::test]
async fn large_values_of_earlier_runs_are_known_to_the_next_one() {
    let store = Store::new().await;
    let records = store.records_with(RecordOptions {
        journal_bytes_max: 0,
        ..RecordOptions::new(Level::Task)
    });
    let reference = Reference::store(&"large".into(), &"bucket".into(), "payloads/").reference;
    let answer = Document::object([("rows", vec![reference.clone().into(), Document::Null].into())]);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let first = granted(&records, "first", 0).await;
    let journal = first.journal(Arc::clone(&clock)).await.unwrap().unwrap();
    let echo: Arc<dyn TaskRunner> = Arc::new(Echo::default());
    let run = Run {
        tasks: JournaledTasks::new(echo, Arc::clone(&journal)),
        resource: function(),
    };
    assert_eq!(run.call("a", 0, answer.clone()).await, Ok(answer));
    assert_eq!(journal.references(), Document::from(Vec::new()), "its own are recent");

    let second = granted(&records, "second", LEASE).await;
    let journal = second.journal(clock).await.unwrap().unwrap();
    assert_eq!(journal.references(), Document::from(vec![reference.into()]));
    assert_eq!(journal.references(), Document::from(Vec::new()), "once is enough");
}
