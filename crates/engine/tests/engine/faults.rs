//! Every call of a definition fails once, in each way that a call can fail.

use super::*;
use expressway_engine::Fault;

/// A Map of tasks and a Parallel of tasks, with Retry and Catch around.
fn definition() -> String {
    let task = |name: &str, more: &str| format!(r#""{name}":{{{TASK},{more}"End":true}}"#);
    let retry = r#""TimeoutSeconds":5,"Retry":[{"ErrorEquals":["Transient","States.Timeout"],"MaxAttempts":1}],"#;
    format!(
        r#"{{"StartAt":"M","States":{{
            "M":{{"Type":"Map","MaxConcurrency":2,"ItemProcessor":{},"ResultPath":"$","Next":"P"}},
            "P":{{"Type":"Parallel","Branches":[{},{}],"Catch":[{{"ErrorEquals":["States.ALL"],"Next":"Undo"}}],"Next":"Last"}},
            "Undo":{{{TASK},"Next":"Sorry"}},"Sorry":{{"Type":"Fail","Error":"Sorry"}},
            "Last":{{{TASK},"End":true}}}}}}"#,
        machine("Item", &task("Item", retry)),
        machine("A", &task("A", retry)),
        machine("B", &task("B", "")),
    )
}

#[derive(Clone, Copy, Debug)]
enum Failing {
    Transient,
    Final,
    TimesOut,
    Oversized,
    Deep,
    Panics,
    Faults,
}

/// Lets the n-th call fail; every other call succeeds.
struct NthFails {
    calls: AtomicUsize,
    nth: usize,
    how: Failing,
}

impl TaskRunner for NthFails {
    fn run<'a>(&'a self, _request: TaskRequest<'a>) -> TaskFuture<'a> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if call != self.nth {
                return Ok(doc("1"));
            }
            match self.how {
                Failing::Transient => Err(error("Transient", "")),
                Failing::Final => Err(error("Final", "")),
                Failing::TimesOut => std::future::pending().await,
                Failing::Oversized => Ok(Document::from("x".repeat(300_000))),
                Failing::Deep => Ok((0..2000).fold(Document::Null, |inner, _| Document::from(vec![inner]))),
                Failing::Panics => panic!("the runner has a bug"),
                Failing::Faults => Err(Fault::Bug("lost".into()).into()),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_may_fail_in_every_way() {
    let case = Case::new(&definition());
    let engine = case.engine();
    for how in [
        Failing::Transient,
        Failing::Final,
        Failing::TimesOut,
        Failing::Oversized,
        Failing::Deep,
        Failing::Panics,
        Failing::Faults,
    ] {
        for nth in 0.. {
            let tasks = Arc::new(NthFails {
                calls: AtomicUsize::new(0),
                nth,
                how,
            });
            let environment = Environment {
                tasks: Arc::clone(&tasks) as Arc<dyn TaskRunner>,
                ..case.environment()
            };
            let events = Events::default();
            let execution = engine.run(&environment, case.request("[1,2,3]"), Some(&events)).await;
            if tasks.calls.load(Ordering::SeqCst) <= nth {
                assert!(nth >= 6, "the definition makes at least six calls");
                assert!(matches!(execution.outcome, Outcome::Succeeded(_)));
                break;
            }
            let context = format!("{how:?} at call {nth}: {:?}", execution.outcome);
            match how {
                Failing::Panics | Failing::Faults => {
                    assert!(matches!(execution.outcome, Outcome::Faulted(_)), "{context}");
                }
                _ => assert!(!matches!(execution.outcome, Outcome::Faulted(_)), "{context}"),
            }
            check_history(&events, &context);
        }
    }
}

/// Every event follows an earlier one, and the execution ends once, at the end.
fn check_history(events: &Events, context: &str) {
    let events = events.0.lock().unwrap();
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event.id, at as u64 + 1, "{context}");
        assert!(event.previous_id < event.id, "{context}");
    }
    let is_end = |event: &HistoryEvent| {
        let name = event.details.type_name();
        name.starts_with("Execution") && name != "ExecutionStarted"
    };
    assert_eq!(events.iter().filter(|event| is_end(event)).count(), 1, "{context}");
    assert!(events.last().is_some_and(is_end), "{context}");
}

#[tokio::test(start_paused = true)]
async fn the_same_answers_give_the_same_history() {
    let case = Case::new(&definition());
    let engine = case.engine();
    let mut histories = Vec::new();
    for _ in 0..2 {
        let tasks = Arc::new(NthFails {
            calls: AtomicUsize::new(0),
            nth: 3,
            how: Failing::Transient,
        });
        let environment = Environment {
            tasks,
            ..case.environment()
        };
        let events = Events::default();
        engine.run(&environment, case.request("[1,2,3]"), Some(&events)).await;
        histories.push(events.lines());
    }
    assert_eq!(histories[0], histories[1]);
}
