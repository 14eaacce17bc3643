//! What the compiler says about definitions that are wrong, in the form in which CreateStateMachine says it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use expressway_asl::compile;
use expressway_asl::diagnostic::{Diagnostic, Diagnostics};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn findings(definition: &str) -> Diagnostics {
    match compile(definition, &BTreeMap::new()) {
        Ok(compilation) => compilation.warnings,
        Err(diagnostics) => diagnostics,
    }
}

fn texts(definition: &str) -> Vec<String> {
    findings(definition).list.iter().map(Diagnostic::to_string).collect()
}

#[track_caller]
fn check(definition: &str, expected: &[&str]) {
    assert_eq!(texts(definition), expected, "{definition}");
}

/// A machine whose only state `S` has these fields.
fn state(fields: &str) -> String {
    format!(r#"{{"StartAt":"S","States":{{"S":{{{fields}}}}}}}"#)
}

#[test]
fn definitions_as_a_whole() {
    check(
        " ",
        &["SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"],
    );
    check(
        "[]",
        &["SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"],
    );
    check(
        "{}",
        &["SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /"],
    );
    check(
        r#"{"States":{"A":{"Type":"Succeed"}}}"#,
        &["SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt] at /"],
    );
    check(
        r#"{"StartAt":"A","States":{}}"#,
        &["SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States"],
    );
    let place = r#"[Source: (String)"not a definition"; line: 1, column: 4]"#;
    let message = "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    check(
        "not a definition",
        &[&format!("INVALID_JSON_DESCRIPTION: {message}\n at {place} at {place}")],
    );
    check(
        r#"{"Coment":"x","Version":"2.0","TimeoutSeconds":0,"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#,
        &[
            "SCHEMA_VALIDATION_FAILED: Field 'Coment' is not supported at /",
            "SCHEMA_VALIDATION_FAILED: The field 'Version' should have one of these values: [1.0] at /Version",
            "SCHEMA_VALIDATION_FAILED: The field 'TimeoutSeconds' must be a whole number between 1 and 99999999 at /TimeoutSeconds",
        ],
    );
}

#[test]
fn transitions() {
    check(
        r#"{"StartAt":"pass1","States":{"pass1":{"Type":"Pass","Next":"pass3"},"pass2":{"Type":"Pass","End":true}}}"#,
        &["MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at /States/pass1/Next"],
    );
    check(
        r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"},"B":{"Type":"Pass","Next":"A"}}}"#,
        &[r#"MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B"#],
    );
    check(
        r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}}}"#,
        &["MISSING_END_STATE: Workflow has no terminal state"],
    );
    check(
        r#"{"StartAt":"X","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"Next":"Y"}],"Default":"Z"}}}"#,
        &[
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /StartAt",
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/C/Choices[0]/Next",
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /States/C/Default",
        ],
    );
    check(
        &state(r#""Type":"Pass""#),
        &["SCHEMA_VALIDATION_FAILED: One of these fields is required: [Next, End] at /States/S"],
    );
}

#[test]
fn fields_of_states() {
    check(
        &state(r#""Type":"Passs","End":true"#),
        &[
            "SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/S/Type",
        ],
    );
    let found = texts(&state(r#""Type":"Pas","Next":"T""#));
    assert_eq!(
        found.len(),
        2,
        "the target is looked for though the type is unknown: {found:?}"
    );
    for field in ["TimeoutSeconds", "Catch", "Retry", "Resource"] {
        check(
            &state(&format!(r#""Type":"Pass","End":true,"{field}":[]"#)),
            &[&format!(
                "SCHEMA_VALIDATION_FAILED: Field '{field}' is not supported at /States/S"
            )],
        );
    }
    check(
        &state(r#""Type":"Parallel","Branches":[],"End":true"#),
        &["SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Branches"],
    );
    for timestamp in [
        "2016-12-05 21:29:29Z",
        "05-12-2016T21:29:29Z",
        "2016-13-05T21:29:29Z",
        "2016-12-05T21:29:29",
    ] {
        check(
            &state(&format!(r#""Type":"Wait","Timestamp":"{timestamp}","End":true"#)),
            &["SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at /States/S/Timestamp"],
        );
    }
    check(
        &state(r#""Type":"Wait","Seconds":-1,"SecondsPath":"$.x","End":true"#),
        &[
            "SCHEMA_VALIDATION_FAILED: Only one of these fields is allowed: [Seconds, SecondsPath, Timestamp, TimestampPath] at /States/S",
            "SCHEMA_VALIDATION_FAILED: The field 'Seconds' must be a whole number between 0 and 99999999 at /States/S/Seconds",
        ],
    );
    check(
        &state(
            r#""Type":"Pass","Parameters":{"a.$":"States.Nope($)"},"ResultPath":"$.a[*]","InputPath":"a","End":true"#,
        ),
        &[
            "SCHEMA_VALIDATION_FAILED: The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call at /States/S/Parameters",
            "SCHEMA_VALIDATION_FAILED: The value for the field 'ResultPath' must be a valid Reference Path at /States/S/ResultPath",
            "SCHEMA_VALIDATION_FAILED: The value for the field 'InputPath' must be a valid JSONPath at /States/S/InputPath",
        ],
    );
}

#[test]
fn resources_of_tasks() {
    let unrecognized = |arn: &str| {
        format!(
            "SCHEMA_VALIDATION_FAILED: The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/S/Resource"
        )
    };
    for (arn, expected) in [
        ("arn:aws:lambda:us-east-1:123456789012:function:f:PROD", None),
        ("arn:aws-cn:states:::dynamodb:getItem", None),
        ("arn:aws:states:::aws-sdk:s3:getObject", None),
        ("arn:aws:states:::dynamodb:query", Some(unrecognized("arn:aws:states:::dynamodb:query"))),
        ("nonsense", Some(unrecognized("nonsense"))),
        ("arn:aws:states:::sqs:sendMessage.sync", Some("SCHEMA_VALIDATION_FAILED: Express state machine does not support '.sync' service integration at /States/S/Resource".into())),
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", Some("SCHEMA_VALIDATION_FAILED: Express state machine does not support '.waitForTaskToken' service integration  at /States/S/Resource".into())),
        ("arn:aws:states:us-east-1:123456789012:activity:a", Some("SCHEMA_VALIDATION_FAILED: Express state machine does not support Activity ARN at /States/S/Resource".into())),
    ] {
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        check(&state(&format!(r#""Type":"Task","Resource":"{arn}","End":true"#)), &expected);
    }
    check(
        &state(
            r#""Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Credentials":{"Role":"x"},"TimeoutSeconds":5,"HeartbeatSeconds":5,"End":true"#,
        ),
        &[
            "SCHEMA_VALIDATION_FAILED: The value of 'HeartbeatSeconds' must be smaller than that of 'TimeoutSeconds' at /States/S",
            "SCHEMA_VALIDATION_FAILED: The field 'RoleArn' is required but was missing at /States/S/Credentials",
        ],
    );
}

#[test]
fn handlers() {
    let task = r#""Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true"#;
    check(
        &state(&format!(
            r#"{task},"Retry":[{{"ErrorEquals":["States.ALL","X"]}},{{"ErrorEquals":[]}},{{"BackoffRate":0.5,"ErrorEquals":["A"],"JitterStrategy":"HALF"}}]"#
        )),
        &[
            "SCHEMA_VALIDATION_FAILED: States.ALL must appear alone, and only in the last entry of Retry or Catch at /States/S/Retry[0]/ErrorEquals",
            "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Retry[1]/ErrorEquals",
            "SCHEMA_VALIDATION_FAILED: The field 'BackoffRate' must be a number of at least 1.0 at /States/S/Retry[2]/BackoffRate",
            "SCHEMA_VALIDATION_FAILED: The field 'JitterStrategy' should have one of these values: [NONE, FULL] at /States/S/Retry[2]/JitterStrategy",
        ],
    );
    check(
        &state(&format!(
            r#"{task},"Catch":[{{"ErrorEquals":["A"]}},{{"Next":"S","ErrorEquals":["A"],"MaxAttempts":1}}]"#
        )),
        &[
            "SCHEMA_VALIDATION_FAILED: These fields are required: [Next] at /States/S/Catch[0]",
            "SCHEMA_VALIDATION_FAILED: Field 'MaxAttempts' is not supported at /States/S/Catch[1]",
        ],
    );
}

#[test]
fn choices() {
    let choice = |rule: &str| {
        format!(r#"{{"StartAt":"C","States":{{"C":{{"Type":"Choice","Choices":[{rule}]}},"E":{{"Type":"Succeed"}}}}}}"#)
    };
    check(&choice(r#"{"Variable":"$.a","IsNull":true,"Next":"E"}"#), &[]);
    for (rule, expected) in [
        (
            r#"{"Variable":"$.a","StringEqual":"x","Next":"E"}"#,
            vec![
                "SCHEMA_VALIDATION_FAILED: A Choice rule must have a comparison operator, 'And', 'Or' or 'Not' at /States/C/Choices[0]",
                "SCHEMA_VALIDATION_FAILED: Field 'StringEqual' is not supported at /States/C/Choices[0]",
            ],
        ),
        (
            r#"{"StringEquals":"x","Next":"E"}"#,
            vec!["SCHEMA_VALIDATION_FAILED: These fields are required: [Variable] at /States/C/Choices[0]"],
        ),
        (
            r#"{"Not":{"Variable":"$.a","IsNull":true,"Next":"E"},"Next":"E"}"#,
            vec!["SCHEMA_VALIDATION_FAILED: Field 'Next' is not supported at /States/C/Choices[0]/Not"],
        ),
        (
            r#"{"And":[],"Next":"E"}"#,
            vec!["SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/C/Choices[0]/And"],
        ),
        (
            r#"{"Variable":"$.a[*]","IsNull":true,"Next":"E"}"#,
            vec![
                "SCHEMA_VALIDATION_FAILED: The value for the field 'Variable' must be a valid Reference Path at /States/C/Choices[0]/Variable",
            ],
        ),
    ] {
        let found = texts(&choice(rule));
        for text in expected {
            assert!(found.contains(&text.to_owned()), "{rule}: {found:#?}");
        }
    }
}

#[test]
fn maps_and_nested_states() {
    check(
        &state(
            r#""Type":"Map","End":true,"ItemReader":{},"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED"},"StartAt":"A","States":{"A":{"Type":"Pass","Next":"S"},"S":{"Type":"Succeed"}}}"#,
        ),
        &[
            "NOT_SUPPORTED: The field 'ItemReader' belongs to Distributed Map, which Express workflows do not support at /States/S/ItemReader",
            "NOT_SUPPORTED: Distributed Map is not supported: Express workflows do not have it at /States/S/ItemProcessor/ProcessorConfig/Mode",
            "DUPLICATE_STATE_NAME: The state name 'S' appears more than once at /States/S/ItemProcessor/States/S",
        ],
    );
    let mut nested = r#""L":{"Type":"Succeed"}"#.to_owned();
    for level in 0..70 {
        let start = if level == 0 {
            "L".to_owned()
        } else {
            format!("M{}", level - 1)
        };
        nested = format!(
            r#""M{level}":{{"Type":"Map","End":true,"Iterator":{{"StartAt":"{start}","States":{{{nested}}}}}}}"#
        );
    }
    let found = texts(&format!(r#"{{"StartAt":"M69","States":{{{nested}}}}}"#));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("TOO_DEEPLY_NESTED"), "{found:?}");
}

#[test]
fn all_findings_come_at_once_with_their_place_and_advice() {
    let definition = "{\n  \"StartAt\": \"Charg\",\n  \"States\": {\n    \"Charge\": {\n      \"Type\": \"Pass\",\n      \"Nxt\": \"X\",\n      \"End\": true\n    }\n  }\n}";
    let found = findings(definition).to_string();
    let expected = "2:14: error: MISSING_TRANSITION_TARGET: Missing 'Next' target: Charg at /StartAt (did you mean 'Charge'?)\n\
                    6:7: error: SCHEMA_VALIDATION_FAILED: Field 'Nxt' is not supported at /States/Charge (did you mean 'Next'?)";
    assert_eq!(found, expected);
    let pointers: Vec<_> = findings(definition)
        .list
        .into_iter()
        .filter_map(|finding| finding.pointer)
        .collect();
    assert_eq!(pointers, ["/StartAt", "/States/Charge"]);
}

#[test]
fn variables() {
    check(
        &state(r#""Type":"Pass","Assign":{"x":1,"été_2.$":"$.a"},"InputPath":"$x.id","End":true"#),
        &["VARIABLE_SCOPE: The variable '$x' is referenced here before any state assigns it at /States/S/InputPath"],
    );
    check(
        &state(r#""Type":"Pass","Assign":{"order":1,"a.b":1,"2":1,"states":1},"InputPath":"$oder.id","End":true"#),
        &[
            "SCHEMA_VALIDATION_FAILED: 'a.b' is not a valid name of a variable at /States/S/Assign/a.b",
            "SCHEMA_VALIDATION_FAILED: '2' is not a valid name of a variable at /States/S/Assign/2",
            "SCHEMA_VALIDATION_FAILED: 'states' is not a valid name of a variable at /States/S/Assign/states",
            "VARIABLE_SCOPE: No state assigns the variable '$oder' that is referenced here at /States/S/InputPath",
        ],
    );
    check(
        &state(
            r#""Type":"Map","Assign":{"x":1},"End":true,"ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"x":2,"y":1},"InputPath":"$x","End":true}}}"#,
        ),
        &[
            "VARIABLE_SCOPE: The variable 'x' of the states around is not changed by this assignment at /States/S/ItemProcessor/States/A/Assign/x",
            "VARIABLE_SCOPE: The variable '$x' is referenced here before any state assigns it at /States/S/ItemProcessor/States/A/InputPath",
        ],
    );
    check(
        &state(r#""Type":"Succeed","Assign":{"x":1}"#),
        &["SCHEMA_VALIDATION_FAILED: Field 'Assign' is not supported at /States/S"],
    );
}

/// A JSONata machine whose only state `S` has these fields.
fn jsonata(fields: &str) -> String {
    format!(r#"{{"QueryLanguage":"JSONata","StartAt":"S","States":{{"S":{{{fields}}}}}}}"#)
}

#[test]
fn query_languages() {
    check(
        &jsonata(r#""Type":"Pass","Output":{"a":"{% $states.input.b %}"},"End":true"#),
        &[],
    );
    check(
        &state(r#""Type":"Pass","Output":"x","End":true"#),
        &[
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/S",
        ],
    );
    check(
        &jsonata(r#""Type":"Pass","InputPath":"$.a","End":true"#),
        &[
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath' QueryLanguage at /States/S",
        ],
    );
    check(
        &jsonata(r#""Type":"Pass","QueryLanguage":"JSONPath","End":true"#),
        &[
            "SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/S",
        ],
    );
    check(
        &state(r#""Type":"Pass","QueryLanguage":"JSONata","Output":"{% 1 %}","End":true"#),
        &[],
    );
    check(
        r#"{"QueryLanguage":"jsonata","StartAt":"S","States":{"S":{"Type":"Succeed"}}}"#,
        &[
            "SCHEMA_VALIDATION_FAILED: The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata] at /QueryLanguage",
        ],
    );
}

#[test]
fn jsonata_expressions() {
    for (fields, expected) in [
        (
            r#""Output":{"v":"{% phone %}"}"#,
            Some(
                "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported. at /States/S/Output/v",
            ),
        ),
        (
            r#""Output":["{% $$ %}"]"#,
            Some("UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' is not supported. at /States/S/Output[0]"),
        ),
        (
            r#""Output":"{% $states.result %}""#,
            Some(
                "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$states.result' is not supported here. at /States/S/Output",
            ),
        ),
        (r#""Output":"{% [1, %}""#, Some("INVALID_JSONATA_EXPRESSION: ")),
        (
            r#""Output":"{% 1 ""#,
            Some(
                "INVALID_JSONATA_EXPRESSION: a JSONata expression must start with `{%` and end with `%}` at /States/S/Output",
            ),
        ),
        (r#""Output":" {% 1 %} ""#, None),
        (
            r#""Output":"{% $nowhere %}""#,
            Some(
                "VARIABLE_SCOPE: No state assigns the variable '$nowhere' that is referenced here at /States/S/Output",
            ),
        ),
    ] {
        let found = texts(&jsonata(&format!(r#""Type":"Pass","End":true,{fields}"#)));
        match expected {
            Some(expected) => assert!(
                found.len() == 1 && found[0].starts_with(expected),
                "{fields}: {found:?}"
            ),
            None => assert!(found.is_empty(), "{fields}: {found:?}"),
        }
    }
}

#[test]
fn what_has_no_effect_is_said() {
    let map = r#""Type":"Map","End":true,"ToleratedFailureCount":1,"ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#;
    check(
        &state(map),
        &[
            "NO_EFFECT: The field 'ToleratedFailureCount' means nothing in Mode INLINE: the first failure counts at /States/S/ToleratedFailureCount",
        ],
    );
}

/// JSON that looks like a definition here and there.
fn any_definition() -> impl Strategy<Value = serde_json::Value> {
    let words = prop::sample::select(vec![
        "S",
        "T",
        "Pass",
        "Task",
        "Choice",
        "Map",
        "Parallel",
        "Wait",
        "Fail",
        "Succeed",
        "$",
        "$.a[0]",
        "$$.State",
        "$v.x",
        "{% $states.input.a %}",
        "{% [",
        "States.Format('{}', $.a)",
        "States.",
        "arn:aws:states:::lambda:invoke",
        "States.ALL",
        "2016-03-14T01:59:00Z",
        "${x}",
    ]);
    let keys = prop::sample::select(vec![
        "StartAt",
        "States",
        "S",
        "T",
        "Type",
        "Next",
        "End",
        "Choices",
        "Default",
        "Variable",
        "StringEquals",
        "And",
        "Not",
        "Branches",
        "ItemProcessor",
        "Parameters",
        "a.$",
        "ResultPath",
        "InputPath",
        "ItemsPath",
        "Retry",
        "Catch",
        "ErrorEquals",
        "Resource",
        "Seconds",
        "Timestamp",
        "MaxConcurrency",
        "QueryLanguage",
        "Credentials",
        "Result",
        "Error",
        "CausePath",
        "Output",
        "Arguments",
        "Assign",
        "Condition",
        "Items",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-2_i64..5).prop_map(Into::into),
        words.prop_map(Into::into),
        ".{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(8, 200, 10, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::vec((keys.clone(), inner), 0..10).prop_map(|members| members
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_compiles_or_is_refused(definition in any_definition()) {
        let _ = texts(&definition.to_string());
    }

    #[test]
    fn any_text_compiles_or_is_refused(text in "(?s).{0,200}") {
        let _ = texts(&text);
    }

    #[test]
    fn findings_stand_within_the_text(definition in any_definition(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&definition).unwrap() } else { definition.to_string() };
        let found = findings(&text);
        for finding in &found.list {
            prop_assert!(text.get(finding.span.start..finding.span.end).is_some(), "{finding:?}");
            if let Some(pointer) = &finding.pointer {
                prop_assert!(definition.pointer(pointer).is_some(), "{finding:?}");
            }
        }
        let _ = found.to_string();
    }
}
