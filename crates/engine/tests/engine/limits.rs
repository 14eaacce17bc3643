//! Time and size.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn what_can_not_end_in_time_is_not_begun() {
    let wait = machine("W", r#""W":{"Type":"Wait","Seconds":61,"End":true}"#);
    let retry = machine(
        "T",
        &format!(r#""T":{{{TASK},"Retry":[{{"ErrorEquals":["Oops"],"IntervalSeconds":61}}],"End":true}}"#),
    );
    for definition in [wait, retry] {
        let tasks = Tasks::default().on("T", |_, _| Err(error("Oops", "")));
        let case = Case::new(&definition).tasks(tasks).deadline(MINUTE);
        let execution = case.run("{}").await;
        assert_eq!(execution.outcome, Outcome::Interrupted);
        assert_eq!(execution.stopped, execution.started, "nothing was waited for");
        assert_eq!(
            case.events.lines().last().unwrap().split_once('<').unwrap().1,
            "0 ExecutionTimedOut"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_too_slow_is_dropped_at_the_deadline() {
    let case = Case::new(&machine("T", &format!(r#""T":{{{TASK},"Catch":[{{"ErrorEquals":["States.ALL"],"Next":"C"}}],"End":true}},"C":{{"Type":"Succeed"}}"#)))
        .tasks(Tasks::default().on_after("T", 2 * MINUTE, |_, _| Ok(doc("1"))))
        .deadline(MINUTE);
    let execution = case.run("{}").await;
    assert_eq!(execution.outcome, Outcome::Interrupted, "nothing catches it");
    assert_eq!(case.tasks.cancelled.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_earliest_limit_counts() {
    for (timeout, deadline, seconds) in [
        ("", None, 300),
        (r#""TimeoutSeconds":7,"#, None, 7),
        ("", Some(MINUTE), 60),
    ] {
        let definition =
            machine("T", &format!(r#""T":{{{TASK},"End":true}}"#)).replacen('{', &format!("{{{timeout}"), 1);
        let mut case = Case::new(&definition).tasks(Tasks::default().on_after("T", 1000 * MINUTE, |_, _| Ok(doc("1"))));
        case.deadline = deadline;
        let execution = case.run("{}").await;
        let expected = match deadline {
            Some(_) => Outcome::Interrupted,
            None => Outcome::TimedOut,
        };
        assert_eq!(execution.outcome, expected);
        assert_eq!(
            execution.stopped.duration_since(execution.started).unwrap().as_secs(),
            seconds,
            "{timeout}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn branches_at_work_finish_when_another_can_not_end_in_time() {
    let states = format!(
        r#""P":{{"Type":"Parallel","End":true,"Branches":[
            {{"StartAt":"W","States":{{"W":{{"Type":"Wait","Seconds":999,"End":true}}}}}},
            {{"StartAt":"T","States":{{"T":{{{TASK},"End":true}}}}}}]}}"#
    );
    let case = Case::new(&machine("P", &states))
        .tasks(Tasks::default().on_after("T", Duration::from_secs(5), |_, _| Ok(doc("1"))))
        .deadline(MINUTE);
    let execution = case.run("{}").await;
    assert_eq!(execution.outcome, Outcome::Interrupted);
    assert_eq!(
        execution.stopped.duration_since(execution.started).unwrap().as_secs(),
        5
    );
    assert_eq!(case.tasks.cancelled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_loop_without_an_end_ends_at_the_deadline() {
    let definition = machine(
        "A",
        r#""A":{"Type":"Choice","Choices":[{"Variable":"$.go","BooleanEquals":false,"Next":"End"}],"Default":"A"},
           "End":{"Type":"Succeed"}"#,
    );
    let case = Case::new(&definition).deadline(Duration::from_millis(20));
    let execution = case
        .engine()
        .run(&case.environment(), case.request(r#"{"go":true}"#), None)
        .await;
    assert_eq!(execution.outcome, Outcome::Interrupted);
}

#[tokio::test(start_paused = true)]
async fn an_expression_has_no_more_time_than_its_execution() {
    let catch = r#""Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"Next":"C""#;
    let task = format!(r#""T":{{{TASK},"Arguments":"{{% $sum([1, 1]) %}}",{catch}}},"C":{{"Type":"Succeed"}}"#);
    let pass = r#""T":{"Type":"Pass","Output":"{% $sum([1, 1]) %}","End":true}"#;
    for states in [&task, pass] {
        let definition = machine("T", states).replacen('{', r#"{"QueryLanguage":"JSONata","#, 1);
        let in_time = Case::new(&definition).tasks(Tasks::default().on("T", |_, _| Ok(doc("2"))));
        assert_eq!(in_time.output("{}").await, "2");
        let late = ExecutionRequest {
            deadline: Some(std::time::SystemTime::UNIX_EPOCH),
            ..in_time.request("{}")
        };
        let execution = in_time.engine().run(&in_time.environment(), late, None).await;
        assert_eq!(execution.outcome, Outcome::Interrupted, "nothing catches it");
    }
}

const LIMIT: usize = expressway_engine::DATA_BYTES_MAX;

/// A string whose JSON text has this many bytes, of two-byte characters.
fn text_of(bytes: usize) -> Document {
    Document::from("é".repeat((bytes - 2) / 2))
}

#[tokio::test(start_paused = true)]
async fn results_over_the_limit_fail_the_task_and_can_be_caught() {
    for (bytes, caught) in [(LIMIT, false), (LIMIT + 2, true)] {
        for (resource, name) in [
            (TASK.to_owned(), "arn:aws:lambda:us-east-1:123456789012:function:f"),
            (
                TASK.replace(
                    "arn:aws:lambda:us-east-1:123456789012:function:f",
                    "arn:aws:states:::lambda:invoke",
                ),
                "lambda",
            ),
        ] {
            let states = format!(
                r#""T":{{{resource},"ResultPath":null,"Catch":[{{"ErrorEquals":["States.ALL"],"Next":"C"}}],"End":true}},
                   "C":{{"Type":"Pass","End":true}}"#
            );
            let tasks = Tasks::default().on("T", move |_, _| Ok(text_of(bytes)));
            let output = Case::new(&machine("T", &states)).tasks(tasks).output("{}").await;
            let cause = format!(
                "The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
            );
            let error = format!(r#"{{"Error":"States.DataLimitExceeded","Cause":"{cause}"}}"#);
            assert_eq!(output, if caught { error } else { "{}".to_owned() });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn state_outputs_and_parameters_have_the_limit_too() {
    let states = r#""P":{"Type":"Pass","Parameters":{"a.$":"$","b.$":"$"},"End":true}"#;
    let big = text_of(LIMIT / 2 + 100).to_json();
    let (name, cause) = Case::new(&machine("P", states)).failure(&big).await;
    assert_eq!(name, "States.DataLimitExceeded");
    assert!(cause.starts_with("The state/task 'P' "), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn data_can_not_nest_without_end() {
    let definition = machine(
        "P",
        r#""P":{"Type":"Pass","Parameters":{"x.$":"$"},"Next":"P2"},
           "P2":{"Type":"Choice","Choices":[{"Variable":"$.end","IsPresent":true,"Next":"End"}],"Default":"P"},
           "End":{"Type":"Succeed"}"#,
    );
    let (name, cause) = Case::new(&definition).failure("{}").await;
    assert_eq!(name, "States.Runtime");
    assert!(cause.contains("nested deeper than 1000 levels"), "{cause}");
}
