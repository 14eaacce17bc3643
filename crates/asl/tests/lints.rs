//! What is doubtful about definitions that can run: each warning at its place, and what must not be warned about.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use expressway_asl::check;
use expressway_asl::diagnostic::{Code, Diagnostic, Severity};
use std::collections::BTreeMap;

fn warnings(definition: &str) -> Vec<Diagnostic> {
    let checked = check(definition, &BTreeMap::new());
    checked
        .unwrap_or_else(|diagnostics| panic!("{definition}: {diagnostics}"))
        .warnings
        .list
}

/// The warnings of one kind, as `pointer: message`.
fn found(code: Code, definition: &str) -> Vec<String> {
    let found = warnings(definition).into_iter().filter(|warning| warning.code == code);
    found
        .map(|warning| {
            assert_eq!(warning.severity, Severity::Warning);
            assert!(warning.help.is_some(), "{warning}");
            format!("{}: {}", warning.pointer.unwrap(), warning.message)
        })
        .collect()
}

#[track_caller]
fn check_rows(code: Code, rows: &[(&str, &[&str])]) {
    for (definition, expected) in rows {
        assert_eq!(found(code, definition), *expected, "{definition}");
    }
}

/// A machine of these states that starts at `A`.
fn machine(states: &str) -> String {
    format!(r#"{{"StartAt":"A","States":{{{states}}}}}"#)
}

fn jsonata(states: &str) -> String {
    format!(r#"{{"QueryLanguage":"JSONata","StartAt":"A","States":{{{states}}}}}"#)
}

/// A machine whose only state is the Task `A`.
fn task(resource: &str, fields: &str) -> String {
    machine(&format!(
        r#""A":{{"Type":"Task","Resource":"arn:aws:{resource}","End":true{fields}}}"#
    ))
}

const FUNCTION: &str = "lambda:us-east-1:123456789012:function:f";

fn retry(errors: &str) -> String {
    format!(r#","Retry":[{{"ErrorEquals":[{errors}]}}]"#)
}

#[test]
fn tasks_are_tried_again_when_their_service_is_busy() {
    let none = |what: &str| {
        vec![format!(
            "/States/A/Resource: The task 'A' is not tried again when {what} is busy or can not be reached"
        )]
    };
    let lambda = "states:::lambda:invoke";
    for (definition, what) in [
        (task(FUNCTION, ""), "Lambda"),
        (task(lambda, ""), "Lambda"),
        (task("states:::aws-sdk:s3:getObject", ""), "aws-sdk:s3"),
        (task("states:::dynamodb:putItem", ""), "dynamodb"),
        (task("states:::http:invoke", ""), "http"),
    ] {
        assert_eq!(found(Code::MissingRetry, &definition), none(what), "{definition}");
    }
    let other = task(FUNCTION, &retry(r#""OutOfStock""#));
    let expected = "/States/A/Retry: The task 'A' is not tried again when Lambda is busy or can not be reached";
    assert_eq!(found(Code::MissingRetry, &other), [expected]);
    let never = task(FUNCTION, r#","Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":0}]"#);
    assert_eq!(found(Code::MissingRetry, &never), [expected]);
    let around = |retry: &str| {
        machine(&format!(
            r#""A":{{"Type":"Parallel","End":true{retry},"Branches":[{{"StartAt":"B","States":{{"B":{{"Type":"Task",
            "Resource":"arn:aws:{FUNCTION}","End":true}}}}}}]}}"#
        ))
    };
    assert_eq!(found(Code::MissingRetry, &around("")).len(), 1);
    for definition in [
        task(FUNCTION, &retry(r#""States.ALL""#)),
        task(
            lambda,
            &retry(r#""Lambda.ServiceException","Lambda.SdkClientException""#),
        ),
        task(lambda, &retry(r#""States.TaskFailed""#)),
        task("states:::aws-sdk:s3:getObject", &retry(r#""S3.S3Exception""#)),
        task(
            "states:::aws-sdk:dynamodb:query",
            &retry(r#""DynamoDb.ThrottlingException""#),
        ),
        task("states:::apigateway:invoke", &retry(r#""ApiGateway.429""#)),
        task("states:::http:invoke", &retry(r#""States.Http.StatusCode.503""#)),
        around(&retry(r#""States.ALL""#)),
        // To try these again has dangers of its own.
        task("states:::sqs:sendMessage", ""),
        machine(r#""A":{"Type":"Pass","End":true}"#),
    ] {
        assert!(found(Code::MissingRetry, &definition).is_empty(), "{definition}");
    }
}

#[test]
fn waits_and_retries_end_before_the_execution() {
    let retrier = |fields: &str| {
        task(
            FUNCTION,
            &format!(r#","Retry":[{{"ErrorEquals":["States.ALL"]{fields}}}]"#),
        )
    };
    let timed =
        |definition: &str, seconds: u64| definition.replacen('{', &format!(r#"{{"TimeoutSeconds":{seconds},"#), 1);
    let wait = |seconds: u64| machine(&format!(r#""A":{{"Type":"Wait","Seconds":{seconds},"End":true}}"#));
    let timeouts = |timeout: u64| {
        task(
            FUNCTION,
            &format!(r#","TimeoutSeconds":{timeout},"Retry":[{{"ErrorEquals":["States.Timeout"],"MaxAttempts":2}}]"#),
        )
    };
    for (definition, expected) in [
        // 10 + 20 + 40 + 80 = 150, and 160 more.
        (
            retrier(r#","IntervalSeconds":10,"MaxAttempts":6"#),
            "/States/A/Retry/0/MaxAttempts: Retry 5 of 6 would begin after 310 s at the earliest, but the execution ends after 300 s",
        ),
        (
            timed(&retrier(""), 7),
            "/States/A/Retry/0: Retry 3 of 3 would begin after 7 s at the earliest, but the execution ends after 7 s",
        ),
        (timed(&retrier(r#","IntervalSeconds":10"#), 900), ""),
        (
            retrier(r#","IntervalSeconds":60,"MaxAttempts":99999998,"MaxDelaySeconds":60"#),
            "/States/A/Retry/0/MaxAttempts: Retry 5 of 99999998 would begin after 300 s at the earliest, but the execution ends after 300 s",
        ),
        (
            retrier(r#","IntervalSeconds":301,"MaxAttempts":1"#),
            "/States/A/Retry/0/MaxAttempts: Retry 1 of 1 would begin after 301 s at the earliest, but the execution ends after 300 s",
        ),
        // Each attempt takes its time too: 150 + 1 + 150 + 2.
        (
            timeouts(150),
            "/States/A/Retry/0/MaxAttempts: Retry 2 of 2 would begin after 303 s at the earliest, but the execution ends after 300 s",
        ),
        (
            wait(300),
            "/States/A/Seconds: The execution ends after 300 s, before this wait of 300 s",
        ),
        (
            timed(&wait(60), 60),
            "/States/A/Seconds: The execution ends after 60 s, before this wait of 60 s",
        ),
        (retrier(""), ""),
        (retrier(r#","IntervalSeconds":10,"MaxAttempts":4"#), ""),
        (
            retrier(r#","IntervalSeconds":10,"MaxAttempts":5,"JitterStrategy":"FULL""#),
            "",
        ),
        (retrier(r#","IntervalSeconds":400,"MaxAttempts":0"#), ""),
        (timeouts(60), ""),
        (wait(299), ""),
    ] {
        let expected: Vec<_> = expected.split_terminator('\n').collect();
        assert_eq!(found(Code::TimeLimit, &definition), expected, "{definition}");
    }
}

#[test]
fn errors_come_to_every_handler() {
    let taken = |place: &str| {
        let field = place.split('/').next().unwrap();
        vec![format!(
            "/States/A/{place}/ErrorEquals: No error comes to this entry of {field}: those before it match all that it names"
        )]
    };
    let nothing = vec![
        "/States/A/Catch/0/ErrorEquals: No error comes to this entry of Catch: nothing handles States.Runtime"
            .to_owned(),
    ];
    let handlers = |field: &str, lists: &[&str]| {
        let next = if field == "Catch" { r#","Next":"B""# } else { "" };
        let entries: Vec<_> = lists
            .iter()
            .map(|list| format!(r#"{{"ErrorEquals":[{list}]{next}}}"#))
            .collect();
        let next = if field == "Catch" { "Catch" } else { "Retry" };
        machine(&format!(
            r#""A":{{"Type":"Task","Resource":"arn:aws:{FUNCTION}","Next":"B","{next}":[{}]}},"B":{{"Type":"Succeed"}}"#,
            entries.join(",")
        ))
    };
    for (definition, expected) in [
        (
            handlers("Retry", &[r#""States.TaskFailed""#, r#""Oops""#]),
            taken("Retry/1"),
        ),
        (handlers("Retry", &[r#""Oops","Ouch""#, r#""Ouch""#]), taken("Retry/1")),
        (
            handlers("Catch", &[r#""States.Timeout""#, r#""States.HeartbeatTimeout""#]),
            taken("Catch/1"),
        ),
        (handlers("Catch", &[r#""States.Runtime""#, r#""States.ALL""#]), nothing),
        (
            handlers("Retry", &[r#""States.TaskFailed""#, r#""States.ALL""#]),
            vec![],
        ),
        (
            handlers("Retry", &[r#""States.HeartbeatTimeout""#, r#""States.Timeout""#]),
            vec![],
        ),
        (handlers("Catch", &[r#""Oops""#, r#""Oops","Ouch""#]), vec![]),
        (
            handlers("Catch", &[r#""Oops""#, r#""States.TaskFailed""#, r#""States.ALL""#]),
            vec![],
        ),
    ] {
        assert_eq!(found(Code::UnreachableHandler, &definition), expected, "{definition}");
    }
}

#[test]
fn what_is_tried_again_does_its_work_once() {
    let all = retry(r#""States.ALL""#);
    let with = |resource: &str, parameters: &str, retry: &str| {
        task(resource, &format!(r#","Parameters":{parameters}{retry}"#))
    };
    let repeats = |what: &str| {
        format!(
            "/States/A/Retry/0/ErrorEquals: The task 'A' may {what} more than once: it is tried again after errors that \
             do not tell whether it was done"
        )
    };
    for (resource, parameters, what) in [
        (
            "states:::sqs:sendMessage",
            r#"{"QueueUrl":"https://q","MessageBody.$":"$"}"#,
            "send the message",
        ),
        (
            "states:::aws-sdk:sqs:sendMessage",
            r#"{"QueueUrl.$":"$.q","MessageBody":"x"}"#,
            "send the message",
        ),
        (
            "states:::sns:publish",
            r#"{"TopicArn":"arn:t","Message":"x"}"#,
            "publish the message",
        ),
        ("states:::events:putEvents", r#"{"Entries":[]}"#, "put the events"),
        (
            "states:::states:startExecution",
            r#"{"StateMachineArn":"arn:m"}"#,
            "start an execution",
        ),
        ("states:::ecs:runTask", r#"{"TaskDefinition":"t"}"#, "run the task"),
        (
            "states:::dynamodb:updateItem",
            r#"{"UpdateExpression":"SET n = n + :one"}"#,
            "change the item",
        ),
        (
            "states:::dynamodb:updateItem",
            r#"{"UpdateExpression":"set a = :a add n :one"}"#,
            "change the item",
        ),
        (
            "states:::dynamodb:updateItem",
            r#"{"UpdateExpression":"SET l = list_append(l, :x)"}"#,
            "change the item",
        ),
    ] {
        let definition = with(resource, parameters, &all);
        assert_eq!(
            found(Code::RepeatedEffect, &definition),
            [repeats(what)],
            "{definition}"
        );
    }
    let send = (
        "states:::sqs:sendMessage",
        r#"{"QueueUrl":"https://q","MessageBody":"x"}"#,
    );
    for errors in [
        r#""States.TaskFailed""#,
        r#""Oops","States.Timeout""#,
        r#""Sqs.SdkClientException""#,
    ] {
        assert_eq!(
            found(Code::RepeatedEffect, &with(send.0, send.1, &retry(errors))).len(),
            1,
            "{errors}"
        );
    }
    let map = format!(
        r#""A":{{"Type":"Map","End":true{all},"ItemProcessor":{{"StartAt":"B","States":{{"B":{{"Type":"Task",
        "Resource":"arn:aws:{}","Parameters":{},"End":true}}}}}}}}"#,
        send.0, send.1
    );
    assert_eq!(
        found(Code::RepeatedEffect, &machine(&map)),
        [
            "/States/A/ItemProcessor/States/B/Resource: The task 'B' may send the message more than once: 'A' is tried \
          again with all that is inside it"
        ]
    );
    for definition in [
        with(send.0, send.1, ""),
        with(send.0, send.1, &retry(r#""Sqs.ThrottlingException""#)),
        with(
            send.0,
            send.1,
            r#","Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":0}]"#,
        ),
        with(send.0, r#"{"QueueUrl":"https://q.fifo","MessageBody":"x"}"#, &all),
        with(
            send.0,
            r#"{"QueueUrl.$":"$.q","MessageGroupId":"g","MessageBody":"x"}"#,
            &all,
        ),
        with(
            "states:::states:startExecution",
            r#"{"StateMachineArn":"arn:m","Name.$":"$$.Execution.Name"}"#,
            &all,
        ),
        with(
            "states:::dynamodb:updateItem",
            r#"{"UpdateExpression":"SET address = :add REMOVE b"}"#,
            &all,
        ),
        with(
            "states:::dynamodb:updateItem",
            r#"{"UpdateExpression":"ADD n :one","ConditionExpression":"n = :before"}"#,
            &all,
        ),
        with(
            "states:::dynamodb:updateItem",
            r#"{"UpdateExpression.$":"$.update"}"#,
            &all,
        ),
        with("states:::dynamodb:putItem", r#"{"Item":{}}"#, &all),
        task(FUNCTION, &all),
    ] {
        assert!(found(Code::RepeatedEffect, &definition).is_empty(), "{definition}");
    }
}

#[test]
fn caught_errors_are_not_forgotten() {
    let states = |catcher: &str, others: &str| {
        format!(r#""A":{{"Type":"Task","Resource":"arn:aws:{FUNCTION}","Catch":[{{{catcher}}}],"Next":"B"}},{others}"#)
    };
    let end = r#""B":{"Type":"Pass","Next":"C"},"C":{"Type":"Succeed"}"#;
    let tail = format!(r#""B":{{"Type":"Task","Resource":"arn:aws:{FUNCTION}","Next":"C"}},"C":{{"Type":"Succeed"}}"#);
    let fail = r#""B":{"Type":"Pass","Next":"C"},"C":{"Type":"Fail"}"#;
    let all = r#""ErrorEquals":["States.ALL"]"#;
    let dropped = "Every error of 'A' is dropped here, and the execution succeeds all the same";
    for (definition, place) in [
        (
            machine(&states(&format!(r#"{all},"ResultPath":null,"Next":"C""#), end)),
            "ResultPath",
        ),
        // Goes on as if nothing had happened.
        (
            machine(&states(&format!(r#"{all},"ResultPath":null,"Next":"B""#), &tail)),
            "ResultPath",
        ),
        (
            jsonata(&states(
                &format!(r#"{all},"Output":"{{% $states.input %}}","Next":"C""#),
                end,
            )),
            "",
        ),
    ] {
        let place = if place.is_empty() {
            String::new()
        } else {
            format!("/{place}")
        };
        let expected = format!("/States/A/Catch/0{place}: {dropped}");
        assert_eq!(found(Code::SwallowedError, &definition), [expected], "{definition}");
    }
    let notify =
        format!(r#""B":{{"Type":"Pass","End":true}},"N":{{"Type":"Task","Resource":"arn:aws:{FUNCTION}","Next":"B"}}"#);
    for definition in [
        machine(&states(&format!(r#"{all},"Next":"C""#), end)),
        machine(&states(&format!(r#"{all},"ResultPath":"$.error","Next":"C""#), end)),
        machine(&states(
            r#""ErrorEquals":["NotFound"],"ResultPath":null,"Next":"C""#,
            end,
        )),
        machine(&states(
            &format!(r#"{all},"ResultPath":null,"Assign":{{"error.$":"$"}},"Next":"C""#),
            end,
        )),
        machine(&states(&format!(r#"{all},"ResultPath":null,"Next":"C""#), fail)),
        machine(&states(&format!(r#"{all},"ResultPath":null,"Next":"N""#), &notify)),
        jsonata(&states(
            &format!(r#"{all},"Output":"{{% $states.errorOutput.Error %}}","Next":"C""#),
            end,
        )),
        jsonata(&states(&format!(r#"{all},"Assign":{{"x":1}},"Next":"C""#), end)),
    ] {
        assert!(found(Code::SwallowedError, &definition).is_empty(), "{definition}");
    }
}

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

#[test]
fn every_warning_has_a_name_of_its_own() {
    let mut names: Vec<_> = Code::WARNINGS.iter().map(|(code, _)| code.as_str()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn only_who_asks_is_warned() {
    let definition = task(FUNCTION, "");
    let compiled = expressway_asl::compile(&definition, &BTreeMap::new()).unwrap();
    assert!(compiled.warnings.list.is_empty());
    assert_eq!(warnings(&definition).len(), 1);
    // What is wrong comes first: doubts are for what can run.
    assert!(check("{}", &BTreeMap::new()).is_err());
    check_rows(
        Code::MissingRetry,
        &[(
            "StartAt: A\nStates:\n  A: {Type: Task, Resource: 'arn:aws:lambda:us-east-1:123456789012:function:f', End: true}\n",
            &["/States/A/Resource: The task 'A' is not tried again when Lambda is busy or can not be reached"],
        )],
    );
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
