//! States in the JSONata query language.

use super::*;

fn jsonata(start: &str, states: &str) -> String {
    machine(start, states).replacen('{', r#"{"QueryLanguage":"JSONata","#, 1)
}

#[tokio::test(start_paused = true)]
async fn arguments_go_in_and_output_comes_out() {
    let states = format!(
        r#""T":{{{TASK},"Arguments":{{"n":"{{% $states.input.n + 1 %}}","fixed":[1,"x"]}},
            "Output":{{"in":"{{% $states.input.n %}}","got":"{{% $states.result.v %}}"}},
            "Assign":{{"v":"{{% $states.result.v %}}"}},"Next":"P"}},
           "P":{{"Type":"Pass","Output":{{"all":"{{% $states.input %}}","v":"{{% $v %}}","name":"{{% $states.context.State.Name %}}"}},"End":true}}"#
    );
    let tasks = Tasks::default().on("T", |request, _| {
        assert_eq!(request.input.to_json(), r#"{"n":2,"fixed":[1,"x"]}"#);
        Ok(doc(r#"{"v":[1,2]}"#))
    });
    let output = Case::new(&jsonata("T", &states))
        .tasks(tasks)
        .output(r#"{"n":1}"#)
        .await;
    assert_eq!(output, r#"{"all":{"in":1,"got":[1,2]},"v":[1,2],"name":"P"}"#);
}

#[tokio::test(start_paused = true)]
async fn states_without_output_hand_on_their_result_or_input() {
    let states =
        format!(r#""T":{{{TASK},"Next":"W"}},"W":{{"Type":"Wait","Seconds":"{{% $states.input %}}","End":true}}"#);
    let tasks = Tasks::default().on("T", |request, _| {
        assert_eq!(request.input.to_json(), r#"{"n":1}"#);
        Ok(doc("7"))
    });
    let case = Case::new(&jsonata("T", &states)).tasks(tasks);
    let execution = case.run(r#"{"n":1}"#).await;
    assert_eq!(execution.outcome, Outcome::Succeeded(doc("7")));
    assert_eq!(
        execution.stopped.duration_since(execution.started).unwrap().as_secs(),
        7
    );
}

#[tokio::test(start_paused = true)]
async fn choice_takes_output_and_assign_of_the_rule_or_of_the_state() {
    let states = r#"
        "C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input > 5 %}","Output":"big","Assign":{"way":"rule"},"Next":"E"}],
             "Default":"E","Output":"small","Assign":{"way":"default"}},
        "E":{"Type":"Pass","Output":"{% $states.input & ' by ' & $way %}","End":true}"#;
    let definition = jsonata("C", states);
    assert_eq!(Case::new(&definition).output("6").await, r#""big by rule""#);
    assert_eq!(Case::new(&definition).output("5").await, r#""small by default""#);
    let wrong = jsonata("C", &states.replace("$states.input > 5", "$states.input"));
    let (name, cause) = Case::new(&wrong).failure("5").await;
    assert_eq!(name, "States.QueryEvaluationError");
    let expected = "The JSONata expression '$states.input' specified for the field 'Choices[0]/Condition' returned an \
                    unexpected result type. Expected 'boolean', but was 'number' for value: 5";
    assert!(cause.ends_with(expected), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn maps_run_over_items_or_their_input() {
    let states = |items: &str| {
        format!(
            r#""M":{{"Type":"Map",{items}"ItemProcessor":{{"StartAt":"P","States":{{
                "P":{{"Type":"Pass","Output":"{{% $states.input * 2 %}}","End":true}}}}}},
                "Output":"{{% $sum($states.result) %}}","End":true}}"#
        )
    };
    let case = |items: &str| Case::new(&jsonata("M", &states(items)));
    assert_eq!(
        case(r#""Items":"{% $states.input.list %}","#)
            .output(r#"{"list":[1,2]}"#)
            .await,
        "6"
    );
    assert_eq!(
        case(r#""Items":[1,2,3],"MaxConcurrency":"{% 1 %}","#)
            .output("{}")
            .await,
        "12"
    );
    let selector = r#""Items":"{% $states.input.list %}","ItemSelector":"{% $states.context.Map.Item.Value + $states.context.Map.Item.Index %}","#;
    assert_eq!(case(selector).output(r#"{"list":[1,2]}"#).await, "8");
    assert_eq!(case("").output("[5]").await, "10");
    let (_, cause) = case("").failure("5").await;
    assert!(
        cause.ends_with("Map state input must be an array but was: 5"),
        "{cause}"
    );
}

#[tokio::test(start_paused = true)]
async fn failed_evaluations_have_an_event_and_can_be_caught() {
    let states = format!(
        r#""T":{{{TASK},"Arguments":"{{% $states.input.missing %}}","Next":"Done","Catch":[{{"ErrorEquals":["States.ALL"],
            "Output":"{{% $states.errorOutput.Error & ' ' & $states.input.id %}}","Next":"Done"}}]}},"Done":{{"Type":"Succeed"}}"#
    );
    let case = Case::new(&jsonata("T", &states));
    assert_eq!(case.output(r#"{"id":7}"#).await, r#""States.QueryEvaluationError 7""#);
    let expected = [
        "1<0 ExecutionStarted",
        "2<0 TaskStateEntered",
        "3<0 EvaluationFailed",
        "4<3 TaskStateExited",
    ];
    assert_eq!(case.events.lines()[..4], expected);
}

#[tokio::test(start_paused = true)]
async fn fail_states_say_what_their_expressions_give() {
    let states = r#""F":{"Type":"Fail","Error":"{% 'E' & $states.input.n %}","Cause":"{% $string($states.input) %}"}"#;
    let failure = Case::new(&jsonata("F", states)).failure(r#"{"n":1}"#).await;
    assert_eq!(failure, ("E1".to_owned(), r#"{"n":1}"#.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn languages_mix_by_state() {
    let states = r#"
        "A":{"Type":"Pass","Assign":{"x.$":"$.n"},"Next":"B"},
        "B":{"Type":"Pass","QueryLanguage":"JSONata","Output":{"double":"{% $x * 2 %}"},"Next":"C"},
        "C":{"Type":"Pass","Parameters":{"d.$":"$.double","x.$":"$x"},"End":true}"#;
    assert_eq!(
        Case::new(&machine("A", states)).output(r#"{"n":4}"#).await,
        r#"{"d":8,"x":4}"#
    );
}
