//! What an execution of five tasks takes that answer at once, by level, with a DynamoDB on this machine.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a bench is a test")]

use criterion::{Criterion, criterion_group, criterion_main};
use expressway_asl::Document;
use expressway_durability::{
    Claim, ClaimRequest, Fingerprint, JournaledTasks, Key, KeyParts, Level, RecordOptions, Records, Table,
};
use expressway_engine::{
    Clock, Engine, Environment, ExecutionRequest, Identity, Options, Outcome, Replay, SystemClock, SystemEntropy,
    TaskBudget, TaskFuture, TaskRequest, TaskRunner,
};
use expressway_tests::dynamodb::{DynamoDb, configuration};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Gives the input back.
struct Echo;

impl TaskRunner for Echo {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        Box::pin(std::future::ready(Ok(request.input)))
    }
}

fn definition() -> String {
    let state = |n: u32| {
        let next = if n < 5 {
            format!(r#""Next":"T{}""#, n + 1)
        } else {
            r#""End":true"#.to_owned()
        };
        format!(r#""T{n}":{{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:f",{next}}}"#)
    };
    let states: Vec<String> = (1..=5).map(state).collect();
    format!(r#"{{"StartAt":"T1","States":{{{}}}}}"#, states.join(","))
}

async fn run(
    engine: &Engine,
    clock: &Arc<SystemClock>,
    tasks: Arc<dyn TaskRunner>,
    replay: Option<Replay>,
) -> Document {
    let environment = Environment {
        tasks,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        entropy: Arc::new(SystemEntropy),
        budget: TaskBudget::new(TaskBudget::DEFAULT),
        payloads: None,
    };
    let request = ExecutionRequest {
        input: Document::parse(r#"{"order":1}"#).unwrap(),
        identity: Identity {
            execution_arn: "execution".into(),
            execution_name: "name".into(),
            state_machine_arn: "machine".into(),
            state_machine_name: "machine".into(),
            role_arn: None,
            region: "eu-west-1".into(),
            redrive_count: None,
        },
        deadline: None,
        replay,
    };
    match engine.run(&environment, request, None).await.outcome {
        Outcome::Succeeded(output) => output,
        other => panic!("{other:?}"),
    }
}

static OWNERS: AtomicU64 = AtomicU64::new(0);

/// An execution with a record.
async fn guarded(engine: &Engine, records: &Records, key: &str) {
    let clock = Arc::new(SystemClock::new());
    let now = clock.now();
    let request = ClaimRequest {
        key: Key::new(KeyParts {
            state_machine_arn: "machine",
            source: "bench",
            caller: None,
            key,
        }),
        source: "bench",
        source_id: None,
        fingerprint: Some(Fingerprint::of(&"input".into())),
        definition: Fingerprint::of(&"definition".into()),
        input: Document::parse(r#"{"order":1}"#).unwrap(),
        execution_arn: "execution".into(),
        seed: 7,
        // Another run each time: a claim by the same owner would be taken for one whose answer was lost.
        owner: OWNERS.fetch_add(1, Ordering::Relaxed).to_string(),
        lease_until: now + Duration::from_secs(60),
        now,
    };
    match records.claim(&request).await.unwrap() {
        Claim::Granted(grant) => {
            let journal = grant.journal(Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
            let tasks: Arc<dyn TaskRunner> = match journal {
                Some(journal) => Arc::new(JournaledTasks::new(Arc::new(Echo), journal)),
                None => Arc::new(Echo),
            };
            let output = run(engine, &clock, tasks, Some(grant.replay())).await;
            grant.complete(&Ok(output), clock.now()).await.unwrap();
        }
        Claim::Finished(_) => {}
        other => panic!("{other:?}"),
    }
}

fn levels(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dynamodb = runtime.block_on(DynamoDb::start()).unwrap();
    let table = runtime.block_on(dynamodb.table()).unwrap();
    let aws = configuration(&format!("http://{}", dynamodb.authority()));
    let program = expressway_asl::compile(&definition(), &BTreeMap::new())
        .unwrap()
        .program;
    let engine = Engine::new(Arc::new(program), Options::default());
    let mut group = criterion.benchmark_group("five tasks");
    group.sample_size(50);
    group.bench_function("off", |bencher| {
        let clock = Arc::new(SystemClock::new());
        bencher.iter(|| runtime.block_on(run(&engine, &clock, Arc::new(Echo), None)));
    });
    let keys = AtomicU64::new(0);
    for (name, level) in [("execution", Level::Execution), ("task", Level::Task)] {
        let records = Records::new(Table::new(&aws, table.name()), RecordOptions::new(level));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let key = keys.fetch_add(1, Ordering::Relaxed).to_string();
                runtime.block_on(guarded(&engine, &records, &key));
            });
        });
    }
    let records = Records::new(Table::new(&aws, table.name()), RecordOptions::new(Level::Task));
    runtime.block_on(guarded(&engine, &records, "again"));
    group.bench_function("replay", |bencher| {
        bencher.iter(|| runtime.block_on(guarded(&engine, &records, "again")));
    });
    group.finish();
}

criterion_group!(benches, levels);
criterion_main!(benches);
