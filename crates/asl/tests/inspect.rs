//! Definitions that are looked into: what they may have, and what is told about their states and variables.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use expressway_asl::{compile, inspect};
use std::collections::BTreeMap;

const STANDARD: &str = r#"{"StartAt":"Set","States":{
    "Set":{"Type":"Pass","Assign":{"n":1,"list.$":"$.list"},"Next":"Each"},
    "Each":{"Type":"Map","ItemsPath":"$list","MaxConcurrencyPath":"$n","Next":"Ask",
        "ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"MaxItemsPath":"$n"}},
        "ItemBatcher":{"BatchInput":{"b.$":"States.Array($n, $.x)"}},
        "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"In",
            "States":{"In":{"Type":"Wait","SecondsPath":"$n","End":true}}}},
    "Ask":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Next":"Pick",
        "Catch":[{"ErrorEquals":["States.ALL"],"Assign":{"why.$":"$"},"Next":"Fail"}]},
    "Pick":{"Type":"Choice","QueryLanguage":"JSONata","Default":"Fail",
        "Choices":[{"Condition":"{% $n > 1 and $unknown %}","Assign":{"picked":"{% $why %}"},"Next":"Fail"}]},
    "Fail":{"Type":"Fail","ErrorPath":"States.Format('{}', $why)","CausePath":"$$.Execution.Name"}}}"#;

#[test]
fn variables_are_told_by_state() {
    let inspection = inspect(STANDARD, &BTreeMap::new()).unwrap();
    let variables = inspection.variables();
    let list = |states: &BTreeMap<_, _>| format!("{states:?}");
    assert_eq!(
        list(&variables.references),
        r#"{"Each": {"list", "n"}, "Fail": {"why"}, "In": {"n"}, "Pick": {"n", "unknown", "why"}}"#
    );
    assert_eq!(
        list(&variables.assignments),
        r#"{"Ask": {"why"}, "Pick": {"picked"}, "Set": {"list", "n"}}"#
    );
    let warnings: Vec<_> = inspection.warnings.list.iter().map(ToString::to_string).collect();
    let expected = "VARIABLE_SCOPE: No state assigns the variable '$unknown' that is referenced here at \
                    /States/Pick/Choices[0]/Condition";
    assert_eq!(warnings, [expected]);
}

#[test]
fn what_runs_tells_its_variables_too() {
    let definition = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"x":1},"Next":"B"},
        "B":{"Type":"Pass","Parameters":{"y.$":"$x"},"End":true}}}"#;
    let program = compile(definition, &BTreeMap::new()).unwrap().program;
    assert_eq!(format!("{:?}", program.variables().references), r#"{"B": {"x"}}"#);
}

#[test]
fn what_only_standard_workflows_have_is_looked_into_but_not_run() {
    let diagnostics = compile(STANDARD, &BTreeMap::new()).unwrap_err().to_string();
    for expected in [
        "The field 'ItemReader' belongs to Distributed Map",
        "Distributed Map is not supported",
        "does not support '.waitForTaskToken' service integration",
    ] {
        assert!(diagnostics.contains(expected), "{diagnostics}");
    }
}

#[test]
fn states_are_found_wherever_they_are_nested() {
    let inspection = inspect(STANDARD, &BTreeMap::new()).unwrap();
    let name = |name| inspection.state(name).map(|inspected| inspected.state.name.to_string());
    assert_eq!(name(None).as_deref(), Some("Set"));
    assert_eq!(name(Some("In")).as_deref(), Some("In"));
    assert_eq!(name(Some("in")), None);
    assert!(inspection.state(Some("Each")).unwrap().contains("In"));
    assert!(!inspection.is_single_state());
}

#[test]
fn a_single_state_leads_to_states_that_are_not_there() {
    let state = r#"{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Next":"After",
        "Parameters":{"x.$":"$variable"},"Catch":[{"ErrorEquals":["E"],"Next":"Caught"}]}"#;
    let inspection = inspect(state, &BTreeMap::new()).unwrap();
    let inspected = inspection.state(None).unwrap();
    assert_eq!(
        inspected.target(inspected.state.catch[0].next).map(|name| &**name),
        Some("Caught")
    );
    assert!(inspection.is_single_state() && inspection.state(Some("After")).is_none());
    assert!(inspection.warnings.list.is_empty());

    let errors = inspect(r#"{"Type":"Pass","Nxt":"After"}"#, &BTreeMap::new()).unwrap_err();
    assert!(
        errors.to_string().contains("Field 'Nxt' is not supported at /"),
        "{errors}"
    );
}

#[test]
fn fields_of_a_distributed_map_are_checked() {
    let map = |fields: &str| {
        format!(
            r#"{{"Type":"Map","End":true,{fields},"ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED"}},
                "StartAt":"I","States":{{"I":{{"Type":"Pass","End":true}}}}}}}}"#
        )
    };
    for (fields, expected) in [
        (r#""ToleratedFailurePercentage":12.5,"ToleratedFailureCount":0"#, ""),
        (
            r#""ToleratedFailurePercentage":101"#,
            "must be a number between 0 and 100",
        ),
        (
            r#""ToleratedFailureCount":1,"ToleratedFailureCountPath":"$.n""#,
            "Only one of these fields is allowed: [ToleratedFailureCount, ToleratedFailureCountPath]",
        ),
        (
            r#""ItemReader":{"Resource":"r","ReaderConfig":{"MaxItem":1}}"#,
            "Field 'MaxItem' is not supported",
        ),
        (r#""ItemReader":{}"#, "These fields are required: [Resource]"),
        (
            r#""ResultWriter":{"Resource":"r","Arguments":{}}"#,
            "Field 'Arguments' is not supported",
        ),
        (r#""ItemBatcher":{"MaxItemsPerBatch":"2"}"#, "must be a whole number"),
    ] {
        let found = inspect(&map(fields), &BTreeMap::new()).err();
        let found = found.map(|diagnostics| diagnostics.to_string()).unwrap_or_default();
        assert!(
            found.contains(expected) && found.is_empty() == expected.is_empty(),
            "{fields}: {found}"
        );
    }
}

#[test]
fn references_that_come_too_early_are_warned_of() {
    const EARLY: &str = "is referenced here before any state assigns it";
    let warnings = |states: &str| {
        let definition = format!(r#"{{"StartAt":"A","States":{{{states}}}}}"#);
        let compilation = compile(&definition, &BTreeMap::new()).unwrap_or_else(|errors| panic!("{errors}"));
        let list = compilation.warnings.list.into_iter();
        let early = list.filter(|warning| warning.message.contains(EARLY));
        early
            .map(|warning| warning.location.unwrap_or_default())
            .collect::<Vec<_>>()
            .join(" ")
    };
    const USE: &str = r#""Type":"Pass","InputPath":"$v""#;
    let set = r#""Type":"Pass","Assign":{"v":1}"#;
    for (states, expected) in [
        (format!(r#""A":{{{set},"Next":"B"}},"B":{{{USE},"End":true}}"#), ""),
        (
            format!(r#""A":{{{USE},"Next":"B"}},"B":{{{set},"End":true}}"#),
            "/States/A/InputPath",
        ),
        // A state does not see what it assigns itself, unless it is entered again.
        (
            r#""A":{"Type":"Pass","InputPath":"$v","Assign":{"v":1},"End":true}"#.to_owned(),
            "/States/A/InputPath",
        ),
        (
            r#""A":{"Type":"Pass","InputPath":"$v","Assign":{"v":1},"Next":"B"},
                "B":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"A"}],"Default":"C"},
                "C":{"Type":"Succeed"}"#
                .to_owned(),
            "",
        ),
        // What only one of two ways assigns may be there.
        (
            format!(
                r#""A":{{"Type":"Choice","Choices":[{{"Variable":"$.x","IsPresent":true,"Assign":{{"v":1}},"Next":"B"}}],
                "Default":"B"}},"B":{{{USE},"End":true}}"#
            ),
            "",
        ),
        // Branches see what was assigned before them, not beside or inside them.
        (
            format!(
                r#""A":{{"Type":"Parallel","Next":"B","Branches":[
                    {{"StartAt":"C","States":{{"C":{{{USE},"End":true}}}}}},
                    {{"StartAt":"D","States":{{"D":{{{set},"Next":"E"}},"E":{{{USE},"End":true}}}}}}]}},
                "B":{{{set},"End":true}}"#
            ),
            "/States/A/Branches[0]/States/C/InputPath",
        ),
        (
            format!(
                r#""A":{{{set},"Next":"B"}},"B":{{"Type":"Map","End":true,"ItemProcessor":{{"StartAt":"C","States":{{
                    "C":{{"Type":"Pass","QueryLanguage":"JSONata","Output":"{{% $v %}}","End":true}}}}}}}}"#
            ),
            "",
        ),
    ] {
        assert_eq!(warnings(&states), expected, "{states}");
    }
}
