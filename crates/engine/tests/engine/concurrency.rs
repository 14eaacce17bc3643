//! How much runs at once.

use super::*;
use futures_util::future::join_all;

fn map(concurrency: &str, inner: &str) -> String {
    format!(r#"{{"Type":"Map",{concurrency}"ItemProcessor":{inner},"End":true}}"#)
}

fn one_task(name: &str) -> String {
    machine(name, &format!(r#""{name}":{{{TASK},"End":true}}"#))
}

fn slow(name: &'static str) -> Tasks {
    Tasks::default().on_after(name, Duration::from_millis(10), |request, _| Ok(request.input.clone()))
}

fn numbers(count: usize) -> String {
    format!("[{}]", (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(","))
}

#[tokio::test(start_paused = true)]
async fn a_map_runs_as_many_iterations_as_it_says() {
    for (concurrency, expected) in [
        ("", 40),
        (r#""MaxConcurrency":0,"#, 40),
        (r#""MaxConcurrency":3,"#, 3),
        (r#""MaxConcurrency":100,"#, 100),
    ] {
        let case = Case::new(&machine("M", &format!(r#""M":{}"#, map(concurrency, &one_task("T"))))).tasks(slow("T"));
        assert_eq!(case.output(&numbers(200)).await, numbers(200));
        assert_eq!(
            case.tasks.in_flight_max.load(Ordering::SeqCst),
            expected,
            "{concurrency}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn ten_executions_share_one_budget() {
    let case = Case::new(&machine("M", &format!(r#""M":{}"#, map("", &one_task("T")))))
        .tasks(slow("T"))
        .budget(16);
    let engine = case.engine();
    let environment = case.environment();
    let runs = (0..10).map(|_| engine.run(&environment, case.request(&numbers(1000)), None));
    for execution in join_all(runs).await {
        assert_eq!(execution.outcome, Outcome::Succeeded(doc(&numbers(1000))));
    }
    assert_eq!(case.tasks.in_flight_max.load(Ordering::SeqCst), 16);
    assert_eq!(case.tasks.calls_of("T"), 10_000);
}

#[tokio::test(start_paused = true)]
async fn nested_states_complete_with_a_budget_of_one() {
    let parallel = machine(
        "P",
        &format!(
            r#""P":{{"Type":"Parallel","Branches":[{},{}],"End":true}}"#,
            one_task("A"),
            one_task("B")
        ),
    );
    let inner = machine("Inner", &format!(r#""Inner":{}"#, map("", &parallel)));
    let case = Case::new(&machine("Outer", &format!(r#""Outer":{}"#, map("", &inner))))
        .tasks(
            Tasks::default()
                .on_after("A", Duration::from_millis(1), |request, _| Ok(request.input.clone()))
                .on_after("B", Duration::from_millis(1), |_, _| Ok(doc("0"))),
        )
        .budget(1);
    assert_eq!(case.output("[[1,2],[3]]").await, "[[[1,0],[2,0]],[[3,0]]]");
    assert_eq!(case.tasks.in_flight_max.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_map_keeps_only_its_running_iterations_alive() {
    let case = Case::new(&machine(
        "M",
        &format!(r#""M":{}"#, map(r#""MaxConcurrency":2,"#, &one_task("T"))),
    ))
    .tasks(Tasks::default().on_after("T", Duration::from_secs(1), |_, call| {
        if call == 3 {
            Err(error("Oops", ""))
        } else {
            Ok(doc("1"))
        }
    }));
    assert_eq!(case.failure(&numbers(1000)).await.0, "Oops");
    assert!(
        case.tasks.calls_of("T") <= 5,
        "iterations that were not reached are not started"
    );
}
