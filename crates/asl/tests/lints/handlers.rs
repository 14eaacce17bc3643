//! Retry and Catch.

use super::*;

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
    let fallback = |fields: &str| {
        format!(r#""B":{{"Type":"Pass","End":true}},"F":{{"Type":"Pass",{fields}"Next":"G"}},"G":{{"Type":"Succeed"}}"#)
    };
    let to = |path: &str, fields: &str| {
        let path = if path.is_empty() {
            String::new()
        } else {
            format!(r#","ResultPath":"{path}""#)
        };
        machine(&states(&format!(r#"{all}{path},"Next":"F""#), &fallback(fields)))
    };
    for definition in [
        to("", r#""Result":{"price":0},"#),
        to("$.error", r#""Result":{"price":0},"#),
        to("$.error", r#""Parameters":{"price":0,"id.$":"$.id"},"#),
        to("$.error", r#""Result":"none","ResultPath":"$.error","#),
        to("", r#""OutputPath":null,"#),
        jsonata(&states(
            &format!(r#"{all},"Next":"F""#),
            &fallback(r#""Output":{"price":0},"#),
        )),
    ] {
        let expected = "/States/A/Catch/0/Next: 'F' drops every error of 'A', and the execution succeeds all the same";
        assert_eq!(found(Code::SwallowedError, &definition), [expected], "{definition}");
    }
    for definition in [
        to("", ""),
        to("$.error", r#""Result":0,"ResultPath":"$.price","#),
        to("$.error", r#""Parameters":{"price":0,"why.$":"$.error.Cause"},"#),
        to("$.error", r#""Parameters":{"all.$":"$"},"#),
        to("$.error", r#""Parameters":{"all.$":"States.JsonToString($.*)"},"#),
        to("$.error", r#""InputPath":"$.error","#),
        jsonata(&states(
            &format!(r#"{all},"Next":"F""#),
            &fallback(r#""Output":"{% $states.input.Error %}","#),
        )),
        // Somebody looks at it on one way.
        machine(&states(
            &format!(r#"{all},"Next":"C""#),
            r#""B":{"Type":"Pass","End":true},"C":{"Type":"Choice","Choices":[{"Variable":"$.Error","StringEquals":"Known","Next":"B"}],"Default":"F"},
               "F":{"Type":"Pass","Result":1,"End":true}"#,
        )),
    ] {
        assert!(found(Code::SwallowedError, &definition).is_empty(), "{definition}");
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
