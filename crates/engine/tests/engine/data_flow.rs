//! The stages of a state, and the states that only move data.

use super::*;

async fn pass(fields: &str, input: &str) -> String {
    Case::new(&machine("P", &format!(r#""P":{{"Type":"Pass",{fields}"End":true}}"#)))
        .output(input)
        .await
}

#[tokio::test(start_paused = true)]
async fn stages_come_in_their_order() {
    for (fields, input, output) in [
        ("", r#"{"a":1}"#, r#"{"a":1}"#),
        (r#""Result":{"x.$":"$.a"},"#, r#"{"a":1}"#, r#"{"x.$":"$.a"}"#),
        (r#""InputPath":"$.a","#, r#"{"a":[1]}"#, "[1]"),
        (r#""InputPath":null,"#, r#"{"a":1}"#, "{}"),
        (
            r#""InputPath":"$.a","Parameters":{"x.$":"$.b","y":2},"#,
            r#"{"a":{"b":1}}"#,
            r#"{"x":1,"y":2}"#,
        ),
        (
            r#""InputPath":"$.a","ResultPath":"$.r","#,
            r#"{"a":1}"#,
            r#"{"a":1,"r":1}"#,
        ),
        (
            r#""Result":1,"ResultPath":"$.b.c","#,
            r#"{"a":1}"#,
            r#"{"a":1,"b":{"c":1}}"#,
        ),
        (r#""Result":1,"ResultPath":null,"#, r#"{"a":1}"#, r#"{"a":1}"#),
        (
            r#""Result":1,"ResultPath":"$.b","OutputPath":"$.b","#,
            r#"{"a":1}"#,
            "1",
        ),
        (r#""OutputPath":null,"#, r#"{"a":1}"#, "{}"),
        (r#""OutputPath":"$$.Execution.Name","#, "{}", r#""Run""#),
        (
            r#""Parameters":{"s.$":"$$.State.Name","m.$":"$$.StateMachine.Name"},"#,
            "{}",
            r#"{"s":"P","m":"Machine"}"#,
        ),
    ] {
        assert_eq!(pass(fields, input).await, output, "{fields} {input}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_finds_nothing_is_a_runtime_error() {
    let case = Case::new(&machine("P", r#""P":{"Type":"Pass","InputPath":"$.no","End":true}"#));
    let cause = "An error occurred while executing the state 'P' (entered at the event id #2). \
                 Invalid path '$.no' : No results for path: $['no']";
    assert_eq!(
        case.failure("{}").await,
        ("States.Runtime".to_owned(), cause.to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn choice_goes_by_the_first_rule_that_holds() {
    let definition = machine(
        "C",
        r#""C":{"Type":"Choice","Choices":[
            {"Variable":"$.no","IsPresent":true,"Next":"A"},
            {"And":[{"Variable":"$.n","NumericGreaterThan":1},{"Not":{"Variable":"$.n","NumericEquals":5}}],"Next":"A"},
            {"Or":[{"Variable":"$.s","StringMatches":"x*"},{"Variable":"$.s","StringEqualsPath":"$.t"}],"Next":"B"}
        ]},"A":{"Type":"Pass","Result":"A","End":true},"B":{"Type":"Pass","Result":"B","End":true}"#,
    );
    for (input, output) in [
        (r#"{"n":2,"s":""}"#, r#""A""#),
        (r#"{"n":5,"s":"xyz"}"#, r#""B""#),
        (r#"{"n":0,"s":"t","t":"t"}"#, r#""B""#),
    ] {
        assert_eq!(Case::new(&definition).output(input).await, output, "{input}");
    }
    let (name, cause) = Case::new(&definition).failure(r#"{"n":0,"s":"a","t":"t"}"#).await;
    assert_eq!(name, "States.NoChoiceMatched");
    assert!(cause.ends_with("Failed to transition out of the state. The state does not point to a next state."));
    let (name, cause) = Case::new(&definition).failure("{}").await;
    assert_eq!(name, "States.Runtime");
    assert!(cause.contains("Invalid path '$.n'"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn waits_pass_on_the_clock() {
    for (fields, input, seconds) in [
        (r#""Seconds":90"#, "{}", 90),
        (r#""SecondsPath":"$.s""#, r#"{"s":7.0}"#, 7),
        (r#""Timestamp":"2016-03-14T01:59:00Z""#, "{}", 0),
    ] {
        let case = Case::new(&machine("W", &format!(r#""W":{{"Type":"Wait",{fields},"End":true}}"#)));
        let execution = case.run(input).await;
        assert_eq!(execution.outcome, Outcome::Succeeded(doc(input)), "{fields}");
        assert_eq!(
            execution.stopped.duration_since(execution.started).unwrap().as_secs(),
            seconds,
            "{fields}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_gets_its_parameters_and_gives_its_result() {
    let state = format!(
        r#""T":{{{TASK},"Parameters":{{"n.$":"$.n","retry.$":"$$.State.RetryCount"}},
            "ResultSelector":{{"got.$":"$.x"}},"ResultPath":"$.r","OutputPath":"$.r","End":true}}"#
    );
    let tasks = Tasks::default().on("T", |request, _| {
        assert_eq!(request.input.to_json(), r#"{"n":1,"retry":0}"#);
        Ok(doc(r#"{"x":[1,2]}"#))
    });
    assert_eq!(
        Case::new(&machine("T", &state)).tasks(tasks).output(r#"{"n":1}"#).await,
        r#"{"got":[1,2]}"#
    );
}

#[tokio::test(start_paused = true)]
async fn map_keeps_the_order_of_its_items_and_selects_their_input() {
    let definition = machine(
        "M",
        r#""M":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":2,"ResultPath":"$.out",
            "ItemSelector":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value","all.$":"$.x"},
            "ItemProcessor":{"StartAt":"W","States":{
                "W":{"Type":"Wait","SecondsPath":"$.v","Next":"P"},"P":{"Type":"Pass","End":true}}},
            "End":true}"#,
    );
    let output = Case::new(&definition).output(r#"{"items":[3,1,2],"x":"y"}"#).await;
    let items = r#"[{"i":0,"v":3,"all":"y"},{"i":1,"v":1,"all":"y"},{"i":2,"v":2,"all":"y"}]"#;
    assert_eq!(output, format!(r#"{{"items":[3,1,2],"x":"y","out":{items}}}"#));
}

#[tokio::test(start_paused = true)]
async fn parallel_gives_an_array_in_the_order_of_its_branches() {
    let branch = |name: &str, seconds: u32| {
        format!(
            r#"{{"StartAt":"W{name}","States":{{"W{name}":{{"Type":"Wait","Seconds":{seconds},"Next":"{name}"}},
               "{name}":{{"Type":"Pass","Result":"{name}","End":true}}}}}}"#
        )
    };
    let branches = format!("{},{}", branch("a", 5), branch("b", 1));
    let definition = machine(
        "P",
        &format!(r#""P":{{"Type":"Parallel","Branches":[{branches}],"End":true}}"#),
    );
    assert_eq!(Case::new(&definition).output("{}").await, r#"["a","b"]"#);
}

#[tokio::test(start_paused = true)]
async fn variables_are_seen_from_the_next_state_on() {
    let states = r#"
        "A":{"Type":"Pass","Result":{"n":1},"Assign":{"x.$":"$.n","y":{"z":[2]}},"Next":"B"},
        "B":{"Type":"Pass","Assign":{"x":5},"Parameters":{"x.$":"$x","z.$":"$y.z[0]","sum.$":"States.MathAdd($x, 1)"},"Next":"C"},
        "C":{"Type":"Choice","Choices":[{"Variable":"$x","NumericEquals":5,"Assign":{"way":"rule"},"Next":"D"}],"Default":"D"},
        "D":{"Type":"Pass","Parameters":{"b.$":"$","way.$":"$way"},"End":true}"#;
    let case = Case::new(&machine("A", states));
    assert_eq!(case.output("{}").await, r#"{"b":{"x":1,"z":2,"sum":2},"way":"rule"}"#);
    let events = case.events.0.lock().unwrap();
    let exited = events[2].to_api();
    let assigned = exited
        .get("stateExitedEventDetails")
        .and_then(|details| details.get("assignedVariables"));
    assert_eq!(assigned.unwrap().to_json(), r#"{"x":"1","y":"{\"z\":[2]}"}"#);
}

#[tokio::test(start_paused = true)]
async fn iterations_read_outer_variables_and_keep_their_own() {
    let states = r#"
        "A":{"Type":"Pass","Assign":{"factor":10},"Next":"M"},
        "M":{"Type":"Map","ItemProcessor":{"StartAt":"I","States":{
            "I":{"Type":"Pass","Assign":{"own.$":"$"},"Next":"J"},
            "J":{"Type":"Pass","Parameters":{"own.$":"$own","factor.$":"$factor"},"End":true}}},
            "Assign":{"count.$":"States.ArrayLength($)"},"Next":"Z"},
        "Z":{"Type":"Pass","Parameters":{"all.$":"$","count.$":"$count"},"End":true}"#;
    let output = Case::new(&machine("A", states)).output("[1,2]").await;
    assert_eq!(
        output,
        r#"{"all":[{"own":1,"factor":10},{"own":2,"factor":10}],"count":2}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_catcher_assigns_from_the_error_output() {
    let states = format!(
        r#""T":{{{TASK},"Assign":{{"ok":true}},"Catch":[{{"ErrorEquals":["States.ALL"],"Assign":{{"why.$":"$.Cause"}},
            "ResultPath":null,"Next":"E"}}],"Next":"E"}},
           "E":{{"Type":"Pass","Parameters":{{"why.$":"$why"}},"End":true}}"#
    );
    let tasks = Tasks::default().on("T", |_, _| Err(error("Oops", "no luck")));
    assert_eq!(
        Case::new(&machine("T", &states)).tasks(tasks).output("{}").await,
        r#"{"why":"no luck"}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_variable_that_was_not_assigned_on_the_way_is_a_runtime_error() {
    let states = r#"
        "C":{"Type":"Choice","Choices":[{"Variable":"$.go","IsPresent":true,"Next":"A"}],"Default":"B"},
        "A":{"Type":"Pass","Assign":{"x":1},"Next":"B"},
        "B":{"Type":"Pass","Parameters":{"x.$":"$x"},"End":true}"#;
    assert_eq!(
        Case::new(&machine("C", states)).output(r#"{"go":1}"#).await,
        r#"{"x":1}"#
    );
    assert_eq!(Case::new(&machine("C", states)).failure("{}").await.0, "States.Runtime");
}
