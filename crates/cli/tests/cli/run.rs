use crate::{Ran, command, expressway, ran};
use expressway_asl::Document;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

const ITEMS: &str = r#"{"items": ["a", "b"]}"#;

fn mocked(test_case: &str, more: &[&str]) -> Ran {
    let mock = format!("mocks.json#{test_case}");
    let arguments = [
        "run",
        "orders.asl.json",
        "--input",
        ITEMS,
        "--mock",
        &mock,
        "--fast-forward",
    ];
    expressway(&[&arguments, more].concat())
}

#[test]
fn text_shows_the_states_as_they_run() {
    let ran = mocked("HappyPath", &[]);
    assert_eq!(ran.stderr, "");
    assert_eq!(
        ran.stdout,
        r#"> Parallel  Prepare
+ Task        Reserve
+ Wait        Settle                              5.0 s
+ Parallel  Prepare                               5.0 s
> Map       Price items
+ Task        Price [0]
+ Task        Price [1]
+ Map       Price items
~ Task      Charge                                attempt 1: Busy: come back, retried after 2.0 s
+ Task      Charge                                2.0 s, 2 attempts
+ Succeed   Done

SUCCEEDED in 7.0 s, 8 transitions
{
  "items": [
    "a",
    "b"
  ],
  "prices": [
    10,
    20
  ]
}
"#
    );
    assert_eq!(ran.code, Some(0));
}

#[test]
fn text_shows_where_it_failed() {
    let ran = mocked("Declined", &[]);
    let expected = "\
~ Task      Charge                                attempt 1: Busy, retried after 2.0 s
~ Task      Charge                                attempt 2: Busy, retried after 4.0 s
! Task      Charge                                6.0 s, 3 attempts, caught Declined: no funds
x Fail      Refuse

FAILED in 11.0 s, 8 transitions
error: Declined
cause: no funds
";
    assert!(ran.stdout.ends_with(expected), "{}", ran.stdout);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn text_shows_what_failed_inside() {
    let mock = r#"{
        "StateMachines": {"stdin": {"TestCases": {"T": {"Call": "FailsTwice"}}}},
        "MockedResponses": {"FailsTwice": {"0-1": {"Throw": {"Error": "E", "Cause": "no\nway"}}, "2": {"Return": 5}}}
    }"#;
    let definition = r#"{"StartAt": "Each", "States": {
        "Each": {
            "Type": "Map",
            "MaxConcurrency": 2,
            "ItemProcessor": {"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "End": true, "Branches": [
                {"StartAt": "Sleep", "States": {"Sleep": {"Type": "Wait", "Seconds": 1, "End": true}}},
                {"StartAt": "Call", "States": {"Call": {
                    "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111111111111:function:call", "End": true
                }}}
            ]}}},
            "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["E"], "Next": "Last"}],
            "Next": "Last"
        },
        "Last": {"Type": "Pass", "Parameters": {"x.$": "$.missing"}, "End": true}
    }}"#;
    let file = std::env::temp_dir().join(format!("expressway-mock-{}.json", std::process::id()));
    std::fs::write(&file, mock).unwrap();
    let arguments = [
        "run",
        "-",
        "--input",
        "[1]",
        "--fast-forward",
        "--mock",
        &file.to_string_lossy(),
    ];
    let ran = ran(command(&arguments), definition);
    std::fs::remove_file(&file).unwrap();
    let states = r#"> Map       Each
> Parallel    Both [0]
- Wait          Sleep [0]                         aborted
x Task          Call [0]                          E: no way
x Parallel    Both [0]
~ Map       Each                                  attempt 1: E: no way, retried after 1.0 s
> Parallel    Both [0]
- Wait          Sleep [0]                         aborted
x Task          Call [0]                          E: no way
x Parallel    Both [0]
! Map       Each                                  1.0 s, 2 attempts, caught E: no way
x Pass      Last

FAILED in 1.0 s, "#;
    assert!(ran.stdout.starts_with(states), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("\nerror: States.Runtime\ncause: An error occurred "),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_state_without_a_mock_fails_the_execution() {
    let ran = mocked("Incomplete", &["--format", "json"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.member("error"), r#""States.Runtime""#);
    assert_eq!(
        ran.member("cause"),
        "\"An error occurred while executing the state 'Price' (entered at the event id #16). \
         in the test case `Incomplete` of `orders` the state `Price` is not mocked\""
    );
}

#[test]
fn json_is_the_answer_of_start_sync_execution() {
    let ran = mocked("HappyPath", &["--format", "json", "--name", "order-7"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), 1);
    for (member, expected) in [
        (
            "executionArn",
            r#""arn:aws:states:us-east-1:111111111111:execution:orders:order-7""#,
        ),
        (
            "stateMachineArn",
            r#""arn:aws:states:us-east-1:111111111111:stateMachine:orders""#,
        ),
        ("name", r#""order-7""#),
        ("status", r#""SUCCEEDED""#),
        ("input", r#""{\"items\":[\"a\",\"b\"]}""#),
        ("inputDetails", r#"{"included":true}"#),
        ("output", r#""{\"items\":[\"a\",\"b\"],\"prices\":[10,20]}""#),
        ("outputDetails", r#"{"included":true}"#),
        (
            "billingDetails",
            r#"{"billedMemoryUsedInMB":64,"billedDurationInMilliseconds":7000}"#,
        ),
        ("error", "none"),
    ] {
        assert_eq!(ran.member(member), expected);
    }
}

#[test]
fn history_is_an_array_of_events() {
    let file = std::env::temp_dir().join(format!("expressway-history-{}.json", std::process::id()));
    let ran = mocked("HappyPath", &["--format", "json", "--history", &file.to_string_lossy()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let history = Document::parse(&text).unwrap();
    let ids: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event.get("id").unwrap().as_i64())
        .collect();
    let expected: Vec<_> = (1..=ids.len()).map(|id| Some(id as i64)).collect();
    assert_eq!(ids, expected);
    assert!(
        text.starts_with(
            r#"[
{"timestamp":"#
        ),
        "{text}"
    );
    assert!(
        text.contains(r#""type":"ExecutionStarted","id":1,"previousEventId":0"#),
        "{text}"
    );
}

#[test]
fn wrong_input_is_told_in_the_service_s_words() {
    for (input, expected) in [
        (
            "{\"a\": not}",
            "error: Invalid State Machine Execution Input: 'Unrecognized token 'not'",
        ),
        ("no-such-file.json", "error: there is no file `no-such-file.json`\n"),
        (
            ".",
            "error: `.` is a directory, not a file\nhelp: did you mean `./broken.asl.json`?\n",
        ),
    ] {
        let ran = expressway(&["run", "wait.json", "--input", input]);
        assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{input}");
    }
}

#[test]
fn warnings_are_mentioned() {
    let definition = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": "${Name}", "End": true}}}"#;
    let ran = ran(command(&["run", "-", "--format", "json"]), definition);
    assert_eq!(
        ran.stderr,
        "warning: `-` has 1 warning, shown by `expressway validate -`\n"
    );
    assert_eq!((ran.code, ran.member("output").as_str()), (Some(0), r#""\"${Name}\"""#));
}

#[test]
fn an_input_has_at_most_256_kib() {
    for (characters, code) in [(262_142, 0), (262_143, 2)] {
        let input = format!("\"{}\"", "x".repeat(characters));
        let definition = ["run", "done.json", "--input", "-", "--format", "json"];
        let ran = ran(command(&definition), &input);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    }
}

#[test]
fn tasks_without_mocks_are_called_in_aws() {
    let endpoint = lambda_that_answers(r#"{"worked": true}"#);
    let mut command = command(&[
        "run",
        "task.asl.yaml",
        "--input",
        "[1]",
        "--fast-forward",
        "--format",
        "json",
    ]);
    command.envs([
        ("AWS_ENDPOINT_URL_LAMBDA", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
    ]);
    let ran = ran(command, "");
    assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
    assert_eq!(ran.member("output"), r#""{\"worked\":true}""#);
    assert!(ran.member("executionArn").contains(":eu-central-1:"));
}

/// An endpoint that answers one request like a Lambda function with this result.
fn lambda_that_answers(result: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"[1]") {
            let mut part = [0; 4096];
            let length = stream.read(&mut part).unwrap();
            request.extend_from_slice(part.get(..length).unwrap());
        }
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nX-Amz-Executed-Version: $LATEST\r\nContent-Length: {}\r\n\r\n{result}",
            result.len()
        )
        .unwrap();
    });
    endpoint
}

#[test]
fn input_and_definition_come_from_standard_input_too() {
    let definition = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#;
    let ran = ran(command(&["run", "-", "--input", "5", "--format", "json"]), definition);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.member("output"), r#""5""#);

    let ran = crate::ran(
        command(&["run", "wait.json", "--input", "-", "--fast-forward", "--format", "json"]),
        "[1]",
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.member("output"), r#""[1]""#);
}

#[test]
fn time_limits_end_the_execution() {
    let arguments = [
        "run",
        "wait.json",
        "--fast-forward",
        "--timeout-seconds",
        "30",
        "--format",
        "json",
    ];
    let ran = expressway(&arguments);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.member("status"), r#""TIMED_OUT""#);
    assert_eq!(ran.member("error"), "none");
}

#[test]
fn a_definition_with_errors_does_not_run() {
    let ran = expressway(&["run", "broken.asl.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(
        ran.stderr.starts_with("error[MISSING_TRANSITION_TARGET]: "),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.ends_with("error: `broken.asl.json` can not run: 1 error\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn mistakes_with_mocks_list_what_there_is() {
    for (definition, mock, expected) in [
        (
            "orders.asl.json",
            "mocks.json",
            "error: in `mocks.json` which test case is meant?\ntest cases: `HappyPath`, `Declined`, `Incomplete`\nhelp: name one as `--mock mocks.json#TESTCASE`\n",
        ),
        (
            "orders.asl.json",
            "mocks.json#HapyPath",
            "error: in `mocks.json` there is no test case `HapyPath`, did you mean `HappyPath`?\n",
        ),
        (
            "task.asl.yaml",
            "broken-mocks.json",
            "error: `broken-mocks.json` is not a right mock file\n  StateMachines/task/TestCases/T/Work: unknown mocked response `Nothing`\n",
        ),
    ] {
        let ran = expressway(&["run", definition, "--mock", mock]);
        assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
        assert_eq!(ran.code, Some(2));
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_aborts_the_execution() {
    let started = Instant::now();
    let mut command = command(&["run", "wait.json", "--format", "json"]);
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains(r#""status":"ABORTED""#)
    );
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn large_values_need_no_account() {
    let directory = tempfile::tempdir().unwrap();
    let definition = directory.path().join("large.asl.json");
    std::fs::write(
        &definition,
        r#"{"StartAt":"Grow","States":{
           "Grow":{"Type":"Pass","Parameters":{"status":"ready","rows.$":"States.ArrayRange(1,1000,1)","same.$":"$"},"ResultPath":"$.more","Next":"Route"},
           "Route":{"Type":"Choice","Choices":[{"Variable":"$.more.status","StringEquals":"ready","Next":"Pick"}]},
           "Pick":{"Type":"Pass","InputPath":"$.more.same.text","Parameters":{"last.$":"States.ArrayLength($$.Execution.Input.list)"},"End":true}}}"#,
    )
    .unwrap();
    let input = directory.path().join("input.json");
    std::fs::write(
        &input,
        format!(r#"{{"text":"{}","list":[1,2,3]}}"#, "x".repeat(400_000)),
    )
    .unwrap();
    let arguments = [
        "run",
        definition.to_str().unwrap(),
        "--input",
        input.to_str().unwrap(),
        "--format",
        "json",
    ];
    let without = expressway(&arguments);
    assert_eq!(without.code, Some(2));
    assert!(
        without.stderr.contains("at most 262144 without a bucket"),
        "{}",
        without.stderr
    );
    let with = expressway(&[&arguments[..], &["--local"]].concat());
    assert_eq!(with.code, Some(0), "{} {}", with.stdout, with.stderr);
    assert!(with.stdout.contains(r#"{\"last\":3}"#), "{}", with.stdout);
}

#[test]
fn an_http_task_whose_host_is_data_needs_patterns_unless_it_is_mocked() {
    let definition = r#"{"StartAt":"Ask","States":{"Ask":{"Type":"Task","End":true,
        "Resource":"arn:aws:states:::http:invoke","Parameters":{"ApiEndpoint.$":"$.url","Method":"GET",
        "Authentication":{"ConnectionArn":"arn:aws:events:eu-west-1:111122223333:connection/shop/0a1b"}}}}}"#;
    let mocks = r#"{"StateMachines":{"stdin":{"TestCases":{"Fine":{"Ask":"Answer"}}}},
        "MockedResponses":{"Answer":{"0":{"Return":{"ok":true}}}}}"#;
    let mock_file = std::env::temp_dir().join(format!("expressway-endpoints-{}.json", std::process::id()));
    std::fs::write(&mock_file, mocks).unwrap();
    let mock = format!("{}#Fine", mock_file.display());
    let evil = ["run", "-", "--input", r#"{"url":"https://evil.example/"}"#];
    for (arguments, endpoints, code, said) in [
        (
            &evil[..],
            None,
            2,
            "the host of `ApiEndpoint` is made from data, which needs EXPRESSWAY_HTTP_ENDPOINTS",
        ),
        (
            &evil,
            Some("https://api.shop.example/*"),
            2,
            "EXPRESSWAY_HTTP_ENDPOINTS is `https://api.shop.example/*`",
        ),
        (
            &evil,
            Some(r#"["https://api.shop.example/*"]"#),
            1,
            "names the host `evil.example`",
        ),
        (&[&evil[..], &["--mock", &mock]].concat(), None, 0, r#""ok""#),
    ] {
        let mut command = command(arguments);
        command
            .env_remove("EXPRESSWAY_HTTP_ENDPOINTS")
            .envs(endpoints.map(|value| ("EXPRESSWAY_HTTP_ENDPOINTS", value)));
        command.envs([
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "eu-west-1"),
        ]);
        let ran = ran(command, definition);
        let all = format!("{} {}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, Some(code), "{all}");
        assert!(all.contains(said), "{all}");
    }
    std::fs::remove_file(mock_file).unwrap();
}
