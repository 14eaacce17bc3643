//! Retry, Catch, and the errors that they see.

use super::*;

fn task(handlers: &str) -> String {
    machine(
        "T",
        &format!(
            r#""T":{{{TASK},{handlers}"Next":"Done"}},"Done":{{"Type":"Pass","End":true}},
               "Caught":{{"Type":"Pass","End":true}},"Fallback":{{"Type":"Pass","Next":"Caught"}}"#
        ),
    )
}

const CATCH_ALL: &str =
    r#""Catch":[{"ErrorEquals":["Other"],"Next":"Fallback"},{"ErrorEquals":["States.ALL"],"Next":"Caught"}],"#;

/// Fails this often, then succeeds.
fn fails(times: usize, name: &'static str) -> Tasks {
    Tasks::default().on("T", move |_, call| {
        if call < times {
            Err(error(name, "why"))
        } else {
            Ok(doc("\"ok\""))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn retries_wait_longer_each_time_up_to_the_maximum() {
    for (fields, failures, calls, seconds) in [
        ("", 0, 1, 0),
        ("", 3, 4, 1 + 2 + 4),
        (r#","IntervalSeconds":3,"BackoffRate":1.0,"MaxAttempts":2"#, 2, 3, 3 + 3),
        (
            r#","IntervalSeconds":2,"BackoffRate":10,"MaxDelaySeconds":5,"MaxAttempts":3"#,
            3,
            4,
            2 + 5 + 5,
        ),
    ] {
        let retry = format!(r#""Retry":[{{"ErrorEquals":["Oops"]{fields}}}],"#);
        let case = Case::new(&task(&(retry + CATCH_ALL))).tasks(fails(failures, "Oops"));
        let execution = case.run("{}").await;
        assert_eq!(execution.outcome, Outcome::Succeeded(doc("\"ok\"")), "{fields}");
        assert_eq!(case.tasks.calls_of("T"), calls, "{fields}");
        let waited = execution.stopped.duration_since(execution.started).unwrap();
        assert_eq!(waited.as_secs(), seconds, "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn exhausted_retries_go_to_the_catcher_that_matches() {
    let retry = r#""Retry":[{"ErrorEquals":["Oops"],"MaxAttempts":1},{"ErrorEquals":["States.ALL"],"MaxAttempts":9}],"#;
    let case = Case::new(&task(&(retry.to_owned() + CATCH_ALL))).tasks(fails(9, "Oops"));
    assert_eq!(case.output("{}").await, r#"{"Error":"Oops","Cause":"why"}"#);
    assert_eq!(case.tasks.calls_of("T"), 2, "a later retrier is not tried");
}

#[tokio::test(start_paused = true)]
async fn retriers_count_each_for_themselves() {
    let retry = r#""Retry":[{"ErrorEquals":["A"],"MaxAttempts":2},{"ErrorEquals":["B"],"MaxAttempts":2}],"#;
    let tasks = Tasks::default().on("T", |_, call| match call {
        4 => Ok(doc("\"ok\"")),
        call => Err(error(if call % 2 == 0 { "A" } else { "B" }, "")),
    });
    let case = Case::new(&task(&(retry.to_owned() + CATCH_ALL))).tasks(tasks);
    assert_eq!(case.output("{}").await, "\"ok\"");
}

#[tokio::test(start_paused = true)]
async fn full_jitter_waits_a_part_of_the_interval() {
    let retry = r#""Retry":[{"ErrorEquals":["Oops"],"IntervalSeconds":100,"JitterStrategy":"FULL"}],"#;
    let case = Case::new(&task(&(retry.to_owned() + CATCH_ALL))).tasks(fails(1, "Oops"));
    let execution = case.run("{}").await;
    assert_eq!(execution.outcome, Outcome::Succeeded(doc("\"ok\"")));
    // The first number of the test's entropy is zero.
    assert_eq!(
        execution.stopped.duration_since(execution.started).unwrap().as_secs(),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn the_error_output_goes_where_the_catcher_says() {
    for (path, output) in [
        (
            r#","ResultPath":"$.e""#,
            r#"{"a":1,"e":{"Error":"Oops","Cause":"why"}}"#,
        ),
        (r#","ResultPath":null"#, r#"{"a":1}"#),
        ("", r#"{"Error":"Oops","Cause":"why"}"#),
    ] {
        let catch = format!(
            r#""OutputPath":"$.not.there","Catch":[{{"ErrorEquals":["States.TaskFailed"],"Next":"Caught"{path}}},
               {{"ErrorEquals":["X"],"Next":"Fallback"}}],"#
        );
        assert_eq!(
            Case::new(&task(&catch))
                .tasks(fails(1, "Oops"))
                .output(r#"{"a":1}"#)
                .await,
            output,
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn runtime_errors_are_never_caught() {
    let handlers = r#""Parameters":{"x.$":"$.no"},"Retry":[{"ErrorEquals":["States.ALL"]}],"#.to_owned() + CATCH_ALL;
    let case = Case::new(&task(&handlers)).tasks(fails(0, ""));
    let (name, cause) = case.failure("{}").await;
    assert_eq!(name, "States.Runtime");
    assert!(cause.contains("The JSONPath '$.no' specified for the field 'x.$' could not be found in the input '{}'"));
    assert_eq!(case.tasks.calls_of("T"), 0);
}

#[tokio::test(start_paused = true)]
async fn parameters_that_no_task_takes_are_a_runtime_error_of_the_state() {
    let tasks = Tasks::default().on("T", |_, _| {
        Err(error("States.Runtime", "The field 'X' is not supported"))
    });
    let case = Case::new(&task(CATCH_ALL)).tasks(tasks);
    let cause = "An error occurred while executing the state 'T' (entered at the event id #2). \
                 The field 'X' is not supported";
    assert_eq!(
        case.failure("{}").await,
        ("States.Runtime".to_owned(), cause.to_owned())
    );
    assert!(!case.events.types().contains(&"LambdaFunctionFailed".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_attempt_is_dropped_and_can_be_retried() {
    let handlers =
        r#""TimeoutSeconds":5,"Retry":[{"ErrorEquals":["States.Timeout"],"MaxAttempts":2}],"#.to_owned() + CATCH_ALL;
    let tasks = Tasks::default().on_after("T", Duration::from_secs(6), |_, _| Ok(doc("1")));
    let case = Case::new(&task(&handlers)).tasks(tasks);
    assert_eq!(case.output("{}").await, r#"{"Error":"States.Timeout"}"#);
    assert_eq!(case.tasks.cancelled.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fail_state_gives_what_it_knows() {
    for (fields, name, cause) in [
        ("", "", ""),
        (r#","Error":"E","Cause":"c""#, "E", "c"),
        (
            r#","ErrorPath":"$.e","CausePath":"States.Format('is {}', $.c)""#,
            "Given",
            "is 5",
        ),
    ] {
        let case = Case::new(&machine("F", &format!(r#""F":{{"Type":"Fail"{fields}}}"#)));
        let failure = case.failure(r#"{"e":"Given","c":5}"#).await;
        assert_eq!(failure, (name.to_owned(), cause.to_owned()), "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_error_of_a_branch_cancels_the_others() {
    let branch = |name: &str| format!(r#"{{"StartAt":"{name}","States":{{"{name}":{{{TASK},"End":true}}}}}}"#);
    let states = format!(
        r#""P":{{"Type":"Parallel","Branches":[{},{}],"Catch":[{{"ErrorEquals":["Oops"],"Next":"C"}}],"End":true}},
           "C":{{"Type":"Pass","End":true}}"#,
        branch("slow"),
        branch("bad")
    );
    let tasks = Tasks::default()
        .on_after("slow", Duration::from_secs(60), |_, _| Ok(doc("1")))
        .on_after("bad", Duration::from_secs(1), |_, _| Err(error("Oops", "why")));
    let case = Case::new(&machine("P", &states)).tasks(tasks);
    assert_eq!(case.output("{}").await, r#"{"Error":"Oops","Cause":"why"}"#);
    assert_eq!(case.tasks.cancelled.load(Ordering::SeqCst), 1);
    assert!(case.events.types().contains(&"TaskStateAborted".to_owned()));
}
