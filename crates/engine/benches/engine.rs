//! What an execution costs: `cargo bench -p expressway-engine`.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that can not be set up has nothing to measure"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use expressway_asl::Document;
use expressway_engine::{
    Engine, Environment, ExecutionRequest, Identity, Options, Outcome, SystemClock, SystemEntropy, TaskBudget,
    TaskFuture, TaskRequest, TaskRunner,
};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

struct NoTasks;

impl TaskRunner for NoTasks {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        Box::pin(async move { Ok(request.input) })
    }
}

fn engine(definition: &str) -> Engine {
    let compilation = expressway_asl::compile(definition, &BTreeMap::new()).expect("the definition is valid");
    Engine::new(Arc::new(compilation.program), Options::default())
}

fn run(engine: &Engine, runtime: &tokio::runtime::Runtime, input: &Document) -> Outcome {
    let environment = Environment {
        tasks: Arc::new(NoTasks),
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        budget: TaskBudget::default(),
        payloads: None,
    };
    let request = ExecutionRequest {
        input: input.clone(),
        identity: Identity {
            execution_arn: "arn".into(),
            execution_name: "name".into(),
            state_machine_arn: "arn".into(),
            state_machine_name: "name".into(),
            role_arn: None,
            region: "us-east-1".into(),
            redrive_count: None,
        },
        deadline: None,
        replay: None,
    };
    runtime.block_on(engine.run(&environment, request, None)).outcome
}

/// A chain of this many states with these fields.
fn chain(length: usize, fields: &str) -> String {
    let state = |n: usize| {
        let next = if n + 1 == length {
            r#""End":true"#.to_owned()
        } else {
            format!(r#""Next":"S{}""#, n + 1)
        };
        format!(r#""S{n}":{{"Type":"Pass",{fields}{next}}}"#)
    };
    format!(
        r#"{{"StartAt":"S0","States":{{{}}}}}"#,
        (0..length).map(state).collect::<Vec<_>>().join(",")
    )
}

fn document(bytes: usize) -> Document {
    let item = r#"{"sku":"SKU-0001","quantity":3,"price":9.99}"#;
    let items = vec![item; bytes / item.len()].join(",");
    Document::parse(&format!(r#"{{"n":1,"items":[{items}]}}"#)).expect("JSON")
}

const STATES: usize = 1000;

fn transitions(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let mut group = criterion.benchmark_group("1000 transitions");
    group.throughput(Throughput::Elements(STATES as u64));
    for (name, fields) in [
        ("pass", ""),
        ("result path", r#""Result":1,"ResultPath":"$.r","#),
        ("parameters", r#""Parameters":{"n.$":"$.n","items.$":"$.items"},"#),
        (
            "intrinsic",
            r#""Parameters":{"n.$":"States.MathAdd($.n, 1)","items.$":"$.items"},"#,
        ),
    ] {
        let engine = engine(&chain(STATES, fields));
        for kib in [1, 250] {
            let input = document(kib * 1024);
            group.bench_with_input(
                BenchmarkId::new(name, format!("{kib} KiB")),
                &input,
                |bencher, input| {
                    bencher.iter(|| run(&engine, &runtime, black_box(input)));
                },
            );
        }
    }
    group.finish();
}

fn map(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let engine = engine(
        r#"{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"P","States":{
            "P":{"Type":"Pass","End":true}}},"End":true}}}"#,
    );
    let input = Document::from((0..1000).map(Document::from).collect::<Vec<_>>());
    criterion.bench_function("map of 1000 items", |bencher| {
        bencher.iter(|| run(&engine, &runtime, black_box(&input)))
    });
}

fn compile(criterion: &mut Criterion) {
    let definition = chain(
        100,
        r#""Parameters":{"n.$":"States.MathAdd($.n, 1)","items.$":"$.items[0].sku"},"#,
    );
    criterion.bench_function("compile 100 states", |bencher| {
        bencher.iter(|| engine(black_box(&definition)))
    });
}

criterion_group!(benches, transitions, map, compile);
criterion_main!(benches);
