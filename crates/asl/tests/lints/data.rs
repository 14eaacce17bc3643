//! What data can look like, and how large it is.

use super::*;

#[test]
fn paths_lead_to_what_can_be_there() {
    let leads = |place: &str, path: &str, key: &str| {
        format!("/States/{place}: '{path}' leads nowhere: no way to this state produces '{key}'")
    };
    let result =
        |result: &str, rest: &str| machine(&format!(r#""A":{{"Type":"Pass","Result":{result},"Next":"B"}},{rest}"#));
    let order = r#"{"order":{"id":1,"items":[{"sku":"a"}]}}"#;
    let pass = |fields: &str| result(order, &format!(r#""B":{{"Type":"Pass",{fields},"End":true}}"#));
    for (definition, expected) in [
        (pass(r#""InputPath":"$.ordr""#), leads("B/InputPath", "$.ordr", "ordr")),
        (
            pass(r#""Parameters":{"a":[{"x.$":"$.order.nr"}]}"#),
            leads("B/Parameters/a/0/x.$", "$.order.nr", "nr"),
        ),
        (
            pass(r#""Parameters":{"x.$":"States.Format('{}', $.order.nr)"}"#),
            leads("B/Parameters/x.$", "$.order.nr", "nr"),
        ),
        (
            pass(r#""Parameters":{"x.$":"$.order.items[0].name"}"#),
            leads("B/Parameters/x.$", "$.order.items[0].name", "name"),
        ),
        (
            pass(r#""Parameters":{"x.$":"$.order.id.x"}"#),
            leads("B/Parameters/x.$", "$.order.id.x", "x"),
        ),
        (
            pass(r#""ResultPath":"$.more","OutputPath":"$.less""#),
            leads("B/OutputPath", "$.less", "less"),
        ),
        (
            pass(r#""Parameters":{"x.$":"$$.Execution.Nam"}"#),
            leads("B/Parameters/x.$", "$$.Execution.Nam", "Nam"),
        ),
        (
            pass(r#""Parameters":{"x.$":"$$.Map.Item.Value"}"#),
            leads("B/Parameters/x.$", "$$.Map.Item.Value", "Map"),
        ),
        (
            result(
                order,
                r#""B":{"Type":"Choice","Choices":[{"Variable":"$.state","StringEquals":"x","Next":"C"}],"Default":"C"},"C":{"Type":"Succeed"}"#,
            ),
            leads("B/Choices/0/Variable", "$.state", "state"),
        ),
        (
            result(order, r#""B":{"Type":"Wait","SecondsPath":"$.seconds","End":true}"#),
            leads("B/SecondsPath", "$.seconds", "seconds"),
        ),
        (
            result(order, r#""B":{"Type":"Fail","CausePath":"$.cause"}"#),
            leads("B/CausePath", "$.cause", "cause"),
        ),
        // A selector builds an object of just these members.
        (
            machine(&format!(
                r#""A":{{"Type":"Task","Resource":"arn:aws:{FUNCTION}","ResultSelector":{{"x.$":"$.y"}},"ResultPath":"$.got","Next":"B"}},"B":{{"Type":"Pass","InputPath":"$.got.y","End":true}}"#
            )),
            leads("B/InputPath", "$.got.y", "y"),
        ),
        // A caught error has a name and a cause.
        (
            machine(&format!(
                r#""A":{{"Type":"Task","Resource":"arn:aws:{FUNCTION}","Catch":[{{"ErrorEquals":["States.ALL"],"Next":"B"}}],"Next":"C"}},"B":{{"Type":"Pass","InputPath":"$.error","Next":"C"}},"C":{{"Type":"Succeed"}}"#
            )),
            leads("B/InputPath", "$.error", "error"),
        ),
        // In branches and iterations.
        (
            result(
                order,
                r#""B":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"D","States":{"D":{"Type":"Pass","InputPath":"$.x","End":true}}}]}"#,
            ),
            leads("B/Branches/0/States/D/InputPath", "$.x", "x"),
        ),
        (
            result(
                order,
                r#""B":{"Type":"Map","End":true,"ItemsPath":"$.order.items","ItemProcessor":{"StartAt":"D","States":{"D":{"Type":"Pass","InputPath":"$.x","End":true}}}}"#,
            ),
            leads("B/ItemProcessor/States/D/InputPath", "$.x", "x"),
        ),
        (
            machine(
                r#""A":{"Type":"Parallel","Next":"B","Branches":[{"StartAt":"D","States":{"D":{"Type":"Pass","Result":{"a":1},"End":true}}}]},"B":{"Type":"Pass","InputPath":"$[0].b","End":true}"#,
            ),
            leads("B/InputPath", "$[0].b", "b"),
        ),
        (
            jsonata(
                r#""A":{"Type":"Pass","Output":{"a":{"b":1}},"Next":"B"},"B":{"Type":"Pass","Output":"{% $states.input.a.c %}","End":true}"#,
            ),
            leads("B/Output", "$states.input.a.c", "c"),
        ),
        (
            jsonata(r#""A":{"Type":"Pass","Output":{"a":"{% $states.context.Execution.Nme %}"},"End":true}"#),
            leads("A/Output/a", "$states.context.Execution.Nme", "Nme"),
        ),
    ] {
        assert_eq!(found(Code::UnknownMember, &definition), [expected], "{definition}");
    }
    for definition in [
        // Nothing is known of the input, nor of what tasks give.
        machine(r#""A":{"Type":"Pass","InputPath":"$.x","OutputPath":"$.y","End":true}"#),
        machine(&format!(
            r#""A":{{"Type":"Task","Resource":"arn:aws:{FUNCTION}","ResultPath":"$.r","Next":"B"}},"B":{{"Type":"Pass","InputPath":"$.r.x","End":true}}"#
        )),
        pass(r#""InputPath":"$.order.items[0].sku""#),
        pass(r#""InputPath":"$..anything""#),
        pass(r#""InputPath":"$.order.items[7]""#),
        pass(r#""Parameters":{"x.$":"$$.Execution.Input.x","y.$":"$variable.x"}"#),
        // One of two ways is enough.
        machine(
            r#""A":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"B"}],"Default":"C"},
            "B":{"Type":"Pass","Result":{"a":1},"Next":"D"},"C":{"Type":"Pass","Result":{"b":1},"Next":"D"},
            "D":{"Type":"Pass","InputPath":"$.b","End":true}"#,
        ),
        // What comes round a loop may be anything.
        machine(
            r#""A":{"Type":"Pass","Result":{"n":1},"Next":"B"},
            "B":{"Type":"Choice","Choices":[{"Variable":"$.last","NumericEquals":1,"Next":"D"}],"Default":"C"},
            "C":{"Type":"Pass","Result":1,"ResultPath":"$.last","Next":"B"},"D":{"Type":"Succeed"}"#,
        ),
        // Somebody asks first.
        result(
            order,
            r#""B":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"C"},
            {"And":[{"Variable":"$.x","IsPresent":true},{"Variable":"$.x","NumericEquals":1}],"Next":"C"}],"Default":"C"},
            "C":{"Type":"Succeed"}"#,
        ),
        result(
            order,
            r#""B":{"Type":"Map","End":true,"ItemsPath":"$.order.items","ItemSelector":{"i.$":"$$.Map.Item.Index"},
            "ItemProcessor":{"StartAt":"D","States":{"D":{"Type":"Pass","Parameters":{"v.$":"$$.Map.Item.Value"},"End":true}}}}"#,
        ),
        jsonata(
            r#""A":{"Type":"Pass","Output":{"a":1},"Next":"B"},"B":{"Type":"Pass","Output":"{% $exists($states.input.c) %}","End":true}"#,
        ),
        machine(&format!(
            r#""A":{{"Type":"Task","Resource":"arn:aws:{FUNCTION}","Catch":[{{"ErrorEquals":["States.ALL"],"ResultPath":"$.e","Next":"B"}}],"Next":"C"}},"B":{{"Type":"Pass","Parameters":{{"c.$":"$.e.Cause","x.$":"$.x"}},"Next":"C"}},"C":{{"Type":"Succeed"}}"#
        )),
    ] {
        let nothing: [String; 0] = [];
        assert_eq!(found(Code::UnknownMember, &definition), nothing, "{definition}");
    }
    let help = warnings(&pass(r#""InputPath":"$.ordr""#)).remove(0).help;
    assert_eq!(help.as_deref(), Some("what can be there is 'order'"));
}

#[test]
fn data_stays_within_the_limit() {
    let text = "x".repeat(150_000);
    let too_large = |what: &str, name: &str, bytes: usize| {
        format!(
            "/States/{name}: The {what} of '{name}' has at least {bytes} bytes, more than the 262144 that it may have"
        )
    };
    let two = |second: &str| {
        machine(&format!(
            r#""A":{{"Type":"Pass","Result":"{text}","ResultPath":"$.a","Next":"B"}},
            "B":{{"Type":"Pass","Result":"{text}","ResultPath":"{second}","Next":"C"}},"C":{{"Type":"Succeed"}}"#
        ))
    };
    // Twice 150,000 characters, quotes, two keys, braces and a comma.
    let list = |items: usize, fields: &str| {
        machine(&format!(
            r#""A":{{"Type":"Pass","Parameters":{{"n.$":"States.ArrayRange(1, {items}, 1)"}},"Next":"B"}},
            "B":{{"Type":"Map","ItemsPath":"$.n"{fields},"End":true,"ItemProcessor":{{"StartAt":"C","States":{{
            "C":{{"Type":"Pass","Result":"{}","End":true}}}}}}}}"#,
            "y".repeat(1_000)
        ))
    };
    let whole = "/States/A/ItemSelector: Each result of 'A' holds the whole input of the state, once for each item";
    let map = |selector: &str, processor: &str| {
        machine(&format!(
            r#""A":{{"Type":"Map","ItemsPath":"$.list","ItemSelector":{selector},"End":true,"ItemProcessor":{{"StartAt":"C",
            "States":{{"C":{{{processor},"End":true}}}}}}}}"#
        ))
    };
    let called = |result_path: &str| format!(r#""Type":"Task","Resource":"arn:aws:{FUNCTION}"{result_path}"#);
    let body = "/States/A/Resource: The result has all of the object, which may be more than 262144 bytes";
    for (definition, expected) in [
        (two("$.b"), too_large("output", "B", 300_015)),
        (list(300, ""), too_large("result", "B", 300 * 1_003 + 1)),
        (
            jsonata(r#""A":{"Type":"Pass","Output":"{% $pad('', 300000, '.') %}","End":true}"#),
            too_large("output", "A", 300_002),
        ),
        (map(r#"{"all.$":"$"}"#, r#""Type":"Pass""#), whole.to_owned()),
        (
            map(r#"{"all.$":"$"}"#, &called(r#","ResultPath":"$.result""#)),
            whole.to_owned(),
        ),
        (
            task(
                "states:::aws-sdk:s3:getObject",
                r#","Parameters":{"Bucket":"b","Key":"k"}"#,
            ),
            body.to_owned(),
        ),
        (
            task(FUNCTION, &format!(r#","Parameters":{{"a":"{text}","b":"{text}"}}"#)),
            too_large("effective input", "A", 300_015),
        ),
        (two("$.a"), String::new()),
        (two("$"), String::new()),
        (list(200, ""), String::new()),
        (
            list(300, r#","ResultPath":null"#),
            too_large("result", "B", 300 * 1_003 + 1),
        ),
        (
            jsonata(r#""A":{"Type":"Pass","Output":"{% $pad('', 30000, '.') %}","End":true}"#),
            String::new(),
        ),
        (map(r#"{"all.$":"$"}"#, &called("")), String::new()),
        (map(r#"{"some.$":"$.some"}"#, r#""Type":"Pass""#), String::new()),
        (
            task(
                "states:::aws-sdk:s3:getObject",
                r#","Parameters":{"Bucket":"b","Key":"k","Range":"bytes=0-99"}"#,
            ),
            String::new(),
        ),
        (
            task(
                "states:::aws-sdk:s3:headObject",
                r#","Parameters":{"Bucket":"b","Key":"k"}"#,
            ),
            String::new(),
        ),
    ] {
        let expected: Vec<_> = expected.split_terminator('\n').collect();
        assert_eq!(
            found(Code::DataTooLarge, &definition),
            expected,
            "{}",
            definition.chars().take(300).collect::<String>()
        );
    }
}

/// Shapes that double with every state, and machines in machines, take no longer for it.
#[test]
fn looking_at_data_takes_a_time_in_proportion_to_the_definition() {
    let mut states = String::new();
    for at in 0..300 {
        states.push_str(&format!(
            r#""{}":{{"Type":"Pass","Parameters":{{"a.$":"$","b.$":"$"}},"Next":"{}"}},"#,
            if at == 0 { "A".to_owned() } else { format!("P{at}") },
            if at == 299 {
                "Z".to_owned()
            } else {
                format!("P{}", at + 1)
            },
        ));
    }
    states.push_str(r#""Z":{"Type":"Succeed"}"#);
    warnings(&machine(&states));
    let mut inner = r#"{"StartAt":"S0","States":{"S0":{"Type":"Succeed"}}}"#.to_owned();
    for at in 1..60 {
        inner = format!(
            r#"{{"StartAt":"S{at}","States":{{"S{at}":{{"Type":"Parallel","Branches":[{inner}],"End":true}}}}}}"#
        );
    }
    warnings(&inner);
}
