//! Executions that are run again: the same way, the same tokens, random bits and times.

use super::*;
use expressway_engine::{Clock, Sleep};
use std::collections::BTreeSet;

/// Time that begins where the test says.
struct Since(SystemTime, tokio::time::Instant);

impl Clock for Since {
    fn now(&self) -> SystemTime {
        self.0 + self.1.elapsed()
    }

    fn sleep_until(&self, time: SystemTime) -> Sleep<'_> {
        let duration = time.duration_since(self.now()).unwrap_or_default();
        Box::pin(tokio::time::sleep(duration))
    }
}

type Record = BTreeMap<(String, u32), (Result<Document, TaskError>, SystemTime)>;

/// Keeps a record of what tasks answered, and answers from it what it can.
struct Recorder {
    clock: Arc<Since>,
    record: Mutex<Record>,
    calls: Mutex<Vec<(String, u32)>>,
    /// By the names of their states.
    tokens: Mutex<BTreeMap<String, String>>,
    lines: Mutex<BTreeMap<String, SystemTime>>,
}

impl TaskRunner for Recorder {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        Box::pin(async move {
            let key = (request.token.expect("a repeatable run").to_string(), request.attempt);
            self.tokens
                .lock()
                .unwrap()
                .insert(request.state_name.to_owned(), key.0.clone());
            if let Some((result, _)) = self.record.lock().unwrap().get(&key) {
                return result.clone();
            }
            let seconds = request.input.get("seconds").and_then(Document::as_i64).unwrap_or(1);
            tokio::time::sleep(Duration::from_secs(seconds.try_into().unwrap())).await;
            let result = match request.state_name {
                "Flaky" if request.attempt == 0 => Err(error("Busy", "")),
                _ => match request.input.get("fail").and_then(Document::as_str) {
                    Some(name) => Err(self::error(name, "")),
                    None => Ok(request.input),
                },
            };
            self.calls.lock().unwrap().push(key.clone());
            self.record
                .lock()
                .unwrap()
                .insert(key, (result.clone(), self.clock.now()));
            result
        })
    }

    fn line_begins(&self, line: &str, now: SystemTime) -> SystemTime {
        *self.lines.lock().unwrap().entry(line.to_owned()).or_insert(now)
    }

    fn ended(&self, token: &str, attempt: u32) -> Option<SystemTime> {
        let record = self.record.lock().unwrap();
        record.get(&(token.to_owned(), attempt)).map(|(_, ended)| *ended)
    }
}

const DEFINITION: &str = r#"{
  "StartAt": "Draw",
  "States": {
    "Draw": {"Type": "Pass", "Parameters": {"id.$": "States.UUID()", "seconds": 5}, "ResultPath": "$.drawn", "Next": "First"},
    "First": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f",
      "InputPath": "$.drawn", "ResultPath": "$.first", "Next": "Again"},
    "Again": {"Type": "Choice", "Choices": [{"Variable": "$.second", "IsPresent": true, "Next": "Wait"}], "Default": "Second"},
    "Second": {"Type": "Pass", "Result": 1, "ResultPath": "$.second", "Next": "First"},
    "Wait": {"Type": "Wait", "Seconds": 3600, "Next": "Each"},
    "Each": {"Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.each", "Next": "Flaky",
      "ItemProcessor": {"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "L", "States": {"L": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f", "End": true}}},
        {"StartAt": "R", "States": {"R": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f", "ResultSelector": {"at.$": "$$.State.EnteredTime", "id.$": "States.UUID()"}, "End": true}}}
      ]}}}},
    "Flaky": {"Type": "Task", "Parameters": {"seconds": 1}, "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f", "ResultPath": null,
      "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 600, "JitterStrategy": "FULL"}], "Next": "Last"},
    "Last": {"Type": "Pass", "QueryLanguage": "JSONata", "End": true,
      "Output": {"state": "{% $states.input %}", "now": "{% $now() %}", "start": "{% $states.context.Execution.StartTime %}", "random": "{% $random() %}", "uuid": "{% $uuid() %}"}}
  }
}"#;

const INPUT: &str = r#"{"items": [{"seconds": 3}, {"seconds": 1}, {"seconds": 2}, {"seconds": 1}]}"#;

/// Runs the definition `later` than its first start, with what is on record.
async fn run(seed: u8, time: ReplayTime, later: Duration, record: Record) -> (Execution, Arc<Recorder>, Duration) {
    run_definition(DEFINITION, INPUT, seed, time, later, record).await
}

async fn run_input(
    definition: &str,
    input: &str,
    later: Duration,
    record: Record,
) -> (Execution, Arc<Recorder>, Duration) {
    run_definition(definition, input, 1, ReplayTime::Recorded, later, record).await
}

async fn run_definition(
    definition: &str,
    input: &str,
    seed: u8,
    time: ReplayTime,
    later: Duration,
    record: Record,
) -> (Execution, Arc<Recorder>, Duration) {
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000);
    let clock = Arc::new(Since(started + later, tokio::time::Instant::now()));
    let recorder = Arc::new(Recorder {
        clock: Arc::clone(&clock),
        record: Mutex::new(record),
        calls: Mutex::default(),
        tokens: Mutex::default(),
        lines: Mutex::default(),
    });
    let mut case = Case::new(definition);
    case.replay = Some(Replay {
        seed: [seed; 32],
        started,
        timeout_from: started,
        time,
    });
    let environment = Environment {
        tasks: Arc::clone(&recorder) as Arc<dyn TaskRunner>,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..case.environment()
    };
    let options = Options {
        execution_time_max: Duration::from_secs(90_000),
        ..Options::default()
    };
    let program = expressway_asl::compile(definition, &BTreeMap::new()).unwrap().program;
    let engine = Engine::new(Arc::new(program), options);
    let execution = engine.run(&environment, case.request(input), None).await;
    let took = clock.1.elapsed();
    (execution, recorder, took)
}

fn output(execution: Execution) -> Document {
    match execution.outcome {
        Outcome::Succeeded(output) => output,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_run_takes_the_same_way_and_waits_for_nothing_again() {
    let (first, recorder, took) = run(1, ReplayTime::Recorded, Duration::ZERO, Record::new()).await;
    assert!(took >= Duration::from_secs(3600), "{took:?}");
    let first = output(first);
    let record = recorder.record.lock().unwrap().clone();
    let calls = recorder.calls.lock().unwrap().clone();
    // Two visits of `First`, two branches of four items, two attempts of `Flaky`: with one token each but the last.
    assert_eq!(calls.len(), 12);
    let tokens: BTreeSet<_> = calls.iter().map(|(token, _)| token).collect();
    assert_eq!(tokens.len(), 11);
    assert!(tokens.iter().all(|token| token.len() == 64));

    let (second, recorder, took) = run(1, ReplayTime::Recorded, Duration::from_secs(80_000), record.clone()).await;
    assert_eq!(output(second), first);
    assert_eq!(*recorder.calls.lock().unwrap(), []);
    assert_eq!(took, Duration::ZERO, "all of it is on record");

    // Whatever of the record is missing, the rest of the way is the same and only what is missing is called.
    for kept in 0..calls.len() {
        let record = record.clone().into_iter();
        let record: Record = record.filter(|(key, _)| calls[..kept].contains(key)).collect();
        let (again, recorder, _) = run(1, ReplayTime::Recorded, Duration::from_secs(10), record).await;
        let again = output(again);
        assert_eq!(again.get("start"), first.get("start"));
        assert_eq!(again.get("random"), first.get("random"));
        assert_eq!(again.get("uuid"), first.get("uuid"));
        let mut called = recorder.calls.lock().unwrap().clone();
        let mut expected = calls[kept..].to_vec();
        called.sort();
        expected.sort();
        assert_eq!(called, expected, "after {kept} tasks");
    }
}

#[tokio::test(start_paused = true)]
async fn another_execution_draws_and_calls_for_itself() {
    let (first, recorder, _) = run(1, ReplayTime::Actual, Duration::ZERO, Record::new()).await;
    let (second, other, _) = run(2, ReplayTime::Actual, Duration::ZERO, Record::new()).await;
    let (first, second) = (output(first), output(second));
    assert_ne!(first.get("uuid"), second.get("uuid"));
    assert_ne!(first.get("random"), second.get("random"));
    let tokens = |recorder: &Recorder| -> BTreeSet<String> {
        let calls = recorder.calls.lock().unwrap();
        calls.iter().map(|(token, _)| token.clone()).collect()
    };
    assert!(tokens(&recorder).is_disjoint(&tokens(&other)));
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_counts_from_the_start_of_the_try() {
    let definition =
        machine("W", r#""W":{"Type":"Wait","Seconds":30,"End":true}"#).replacen('{', r#"{"TimeoutSeconds":60,"#, 1);
    for (earlier, expected) in [(0, "SUCCEEDED"), (40, "TIMED_OUT"), (70, "TIMED_OUT")] {
        let mut case = Case::new(&definition);
        case.replay = Some(Replay {
            seed: [0; 32],
            started: SystemTime::UNIX_EPOCH,
            timeout_from: SystemTime::now() - Duration::from_secs(earlier),
            time: ReplayTime::Actual,
        });
        assert_eq!(case.run("{}").await.outcome.status(), expected, "{earlier}");
    }
}

/// Items that wait for each other, and tell their tasks when they began.
const WAITING: &str = r#"{
  "StartAt": "Each",
  "States": {
    "Each": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "Next": "Both",
      "ItemProcessor": {"StartAt": "First", "States": {
        "First": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f", "ResultPath": "$.first",
          "Parameters": {"seconds.$": "$.seconds", "at.$": "$$.State.EnteredTime"}, "Next": "Wait"},
        "Wait": {"Type": "Wait", "Seconds": 2, "Next": "Second"},
        "Second": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f", "End": true,
          "Parameters": {"seconds.$": "$.seconds", "at.$": "$$.State.EnteredTime"}}}}},
    "Both": {"Type": "Parallel", "End": true, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}], "Branches": [
      {"StartAt": "Late", "States": {"Late": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f",
        "Parameters": {"seconds": 5, "fail": "Late"}, "End": true}}},
      {"StartAt": "Early", "States": {"Early": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f",
        "Parameters": {"seconds": 4, "fail": "Early"}, "End": true}}}]},
    "Caught": {"Type": "Pass", "Parameters": {"error.$": "$.Error", "at.$": "$$.State.EnteredTime"}, "End": true}
  }
}"#;

#[tokio::test(start_paused = true)]
async fn items_that_waited_begin_at_the_same_time_in_each_run() {
    let input = r#"{"items": [{"seconds": 9}, {"seconds": 1}, {"seconds": 2}, {"seconds": 1}, {"seconds": 1}]}"#;
    let (first, recorder, _) = run_input(WAITING, input, Duration::ZERO, Record::new()).await;
    let first = output(first);
    assert_eq!(first.get("error").and_then(Document::as_str), Some("Early"));
    let mut record = recorder.record.lock().unwrap().clone();
    let calls = recorder.calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 11, "ten of the items, and the branch that failed first");

    // As if the other branch's failure had still got on record.
    let (_, recorder, _) = run_input(WAITING, input, Duration::ZERO, Record::new()).await;
    let late = recorder.tokens.lock().unwrap().get("Late").cloned().unwrap();
    let (_, ended) = record.values().last().cloned().unwrap();
    let failed = Err(error("Late", ""));
    record.insert((late, 0), (failed, ended + Duration::from_secs(60)));
    let (again, recorder, _) = run_input(WAITING, input, Duration::from_secs(80_000), record.clone()).await;
    assert_eq!(output(again), first);
    assert_eq!(*recorder.calls.lock().unwrap(), []);

    for kept in 0..calls.len() {
        let record: Record = record
            .clone()
            .into_iter()
            .filter(|(key, _)| calls[..kept].contains(key))
            .collect();
        let (_, recorder, _) = run_input(WAITING, input, Duration::from_secs(100), record).await;
        let called = recorder.calls.lock().unwrap().clone();
        assert!(
            calls[..kept].iter().all(|call| !called.contains(call)),
            "after {kept} tasks"
        );
        assert_eq!(called.len(), calls.len() - kept, "after {kept} tasks");
    }
}
