use crate::{command, expressway, ran};
use std::io::{Read, Write};
use std::net::TcpListener;

const CHARGE: &[&str] = &["test-state", "orders.asl.json", "--state", "Charge", "--format", "json"];

fn charge(arguments: &[&str]) -> crate::Ran {
    expressway(&[CHARGE, arguments].concat())
}

#[test]
fn a_mocked_task_shows_its_stages() {
    let ran = charge(&[
        "--input",
        r#"{"a":1}"#,
        "--mock",
        r#"{"result":"{\"StatusCode\":200}"}"#,
    ]);
    let expected = r#"{"output":"{\"a\":1}","inspectionData":{"input":"{\"a\":1}","afterInputPath":"{\"a\":1}","afterParameters":"{\"FunctionName\":\"charge\",\"Payload\":{\"a\":1}}","result":"{\"StatusCode\":200}","afterResultSelector":"{\"StatusCode\":200}","afterResultPath":"{\"a\":1}"},"nextState":"Done","status":"SUCCEEDED"}"#;
    assert_eq!((ran.code, ran.stdout.trim_end()), (Some(0), expected), "{}", ran.stderr);
}

#[test]
fn errors_meet_the_handlers() {
    let busy = r#"{"errorOutput":{"error":"Busy"}}"#;
    for (mock, retries, code, expected) in [
        (
            busy,
            1,
            1,
            r#""errorDetails":{"retryIndex":0,"retryBackoffIntervalSeconds":4}},"status":"RETRIABLE"}"#,
        ),
        (busy, 2, 1, r#""errorDetails":{"retryIndex":0}},"status":"FAILED"}"#),
        (
            r#"{"errorOutput":{"error":"Declined"}}"#,
            0,
            0,
            r#""errorDetails":{"catchIndex":0}},"nextState":"Refuse","status":"CAUGHT_ERROR"}"#,
        ),
        (
            r#"{"errorOutput":{"error":"Other"}}"#,
            0,
            1,
            r#"Payload\":{}}"},"status":"FAILED"}"#,
        ),
    ] {
        let configuration = format!(r#"{{"retrierRetryCount":{retries}}}"#);
        let ran = charge(&["--mock", mock, "--state-configuration", &configuration]);
        assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.trim_end().ends_with(expected), "{}", ran.stdout);
    }
}

#[test]
fn what_does_not_fit_is_refused_as_the_service_does() {
    let definition = "orders.asl.json";
    for (arguments, message) in [
        (&[definition, "--state", "Chrage"][..], "State not found in definition"),
        (
            &[definition, "--state", "Charge"],
            "RoleArn must be specified when testing a Task state",
        ),
        (
            &[definition, "--state", "Prepare"],
            "TestState API does not support Map or Parallel states.",
        ),
        (
            &[definition, "--state", "Prepare", "--mock", r#"{"result":{}}"#],
            "Mocked result must be an array.",
        ),
        (
            &[definition, "--state", "Done", "--mock", r#"{"result":{}}"#],
            "State type 'Succeed' is not supported when a mock is specified",
        ),
        (
            &[
                definition,
                "--state",
                "Charge",
                "--mock",
                r#"{"result":{"StatusCode":"200"}}"#,
            ],
            "Mock result schema validation error: Field 'StatusCode' must be a number",
        ),
        (
            &[
                definition,
                "--state",
                "Done",
                "--context",
                r#"{"Execution":{"pokemon":1}}"#,
            ],
            "Invalid Context object provided: Field 'pokemon' is not allowed",
        ),
    ] {
        let ran = expressway(&[&["test-state", "--format", "json"], arguments].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stdout);
        assert!(ran.stdout.contains(message), "{message}\n{}{}", ran.stdout, ran.stderr);
        let ran = expressway(&[&["test-state"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains(message), "{}", ran.stderr);
    }
    let ran = charge(&["--mock", r#"{"reslt":1}"#]);
    assert!(ran.stderr.contains("help: did you mean `result`?"), "{}", ran.stderr);
}

#[test]
fn a_single_state_needs_no_machine() {
    let state = r#"{"Type":"Choice","QueryLanguage":"JSONata","Default":"Small",
        "Choices":[{"Condition":"{% $states.input.n > $limit %}","Next":"Large","Assign":{"seen":"{% $states.context.State.Name %}"}}]}"#;
    let arguments = [
        "test-state",
        "-",
        "--input",
        r#"{"n":3}"#,
        "--variables",
        r#"{"limit":2}"#,
    ];
    let found = ran(command(&arguments), state);
    let expected = "\
input
  {
    \"n\": 3
  }
variables
  {
    \"limit\": 2,
    \"seen\": \"StateName\"
  }
output
  {
    \"n\": 3
  }
SUCCEEDED, next state Large
";
    assert_eq!(
        (found.code, found.stdout.as_str()),
        (Some(0), expected),
        "{}",
        found.stderr
    );
}

#[test]
fn distributed_maps_can_be_tested() {
    let state = r#"{"Type":"Map","QueryLanguage":"JSONata","End":true,"ToleratedFailurePercentage":50,
        "ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON","MaxItems":3,"ItemsPointer":"/rows"}},
        "ItemSelector":{"row":"{% $states.context.Map.Item.Value %}"},
        "ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"all":"{% $states.input.all %}"}},
        "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"Row","States":{"Row":{"Type":"Pass","End":true}}}}"#;
    for (failures, code, expected) in [
        (
            1,
            0,
            r#""afterItemsPointer":"[1,2,3,4]","afterItemSelector":"[{\"row\":1},{\"row\":2},{\"row\":3}]","afterItemBatcher":"[{\"BatchInput\":{\"all\":7},\"Items\":[{\"row\":1},{\"row\":2}]},{\"BatchInput\":{\"all\":7},\"Items\":[{\"row\":3}]}]","toleratedFailurePercentage":50.0},"status":"SUCCEEDED"}"#,
        ),
        (
            2,
            1,
            r#"{"error":"States.ExceedToleratedFailureThreshold","cause":"The specified"#,
        ),
    ] {
        let configuration =
            format!(r#"{{"mapItemReaderData":{{"rows":[1,2,3,4]}},"mapIterationFailureCount":{failures}}}"#);
        let arguments = [
            "test-state",
            "-",
            "--input",
            r#"{"all":7}"#,
            "--mock",
            r#"{"result":[]}"#,
            "--format",
            "json",
        ];
        let mut command = command(&arguments);
        command.args(["--state-configuration", &configuration]);
        let ran = ran(command, state);
        assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(expected), "{}", ran.stdout);
    }
}

#[test]
fn what_waits_for_a_callback_must_be_mocked() {
    let state = r#"{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","End":true}"#;
    let found = ran(command(&["test-state", "-", "--role-arn", "role"]), state);
    assert_eq!(found.code, Some(2), "{}", found.stdout);
    assert!(
        found.stderr.contains("help: answer for it with --mock"),
        "{}",
        found.stderr
    );
}

/// EventBridge, Secrets Manager and somebody's API on one address, until the process ends.
fn web() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut part = [0; 4096];
            while !String::from_utf8_lossy(&request).contains("\r\n\r\n") {
                let length = stream.read(&mut part).unwrap();
                request.extend_from_slice(part.get(..length).unwrap());
            }
            let request = String::from_utf8_lossy(&request).to_lowercase();
            let body = if request.contains("awsevents.describeconnection") {
                r#"{"ConnectionState":"AUTHORIZED","AuthorizationType":"BASIC","SecretArn":"arn:aws:secretsmanager:eu-central-1:1:secret:s"}"#
            } else if request.contains("secretsmanager.getsecretvalue") {
                r#"{"SecretString":"{\"username\":\"user\",\"password\":\"pass\"}"}"#
            } else {
                r#"{"ok":true}"#
            };
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .unwrap();
        }
    });
    authority
}

#[test]
fn trace_shows_what_went_over_the_wire_and_secrets_only_if_asked_for() {
    let authority = web();
    let endpoint = format!("http://{authority}");
    let state = format!(
        r#"{{"Type":"Task","Resource":"arn:aws:states:::http:invoke","End":true,"Parameters":{{"Method":"GET",
        "ApiEndpoint":"{endpoint}/get","Headers":{{"X-Mine":"h1"}},"QueryParameters":{{"q":"1"}},"Authentication":
        {{"ConnectionArn":"arn:aws:events:eu-central-1:111122223333:connection/shop/0a1b"}}}}}}"#
    );
    let tested = |more: &[&str]| {
        let role = ["--role-arn", "arn:aws:iam::111122223333:role/r"];
        let mut command = command(&[&["test-state", "-", "--format", "json"], &role[..], more].concat());
        command.envs([
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "eu-central-1"),
        ]);
        let ran = ran(command, &state);
        assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
        ran.stdout
    };
    let request = |authorization: &str| {
        format!(
            r#""request":{{"protocol":"http","method":"GET","url":"{endpoint}/get?q=1","headers":"[X-Mine: h1, {authorization}User-Agent: Amazon|StepFunctions|HttpInvoke|eu-central-1, Range: bytes=0-262144]","body":""}}"#
        )
    };
    let response = r#""response":{"protocol":"http","statusCode":"200","statusMessage":"OK","headers":"[content-type: application/json, content-length: 11, connection: close]","body":"{\"ok\":true}"}"#;

    let traced = tested(&["--inspection", "trace"]);
    assert!(traced.contains(&request("")), "{traced}");
    assert!(traced.contains(response), "{traced}");
    let revealed = tested(&["--inspection", "trace", "--reveal-secrets"]);
    assert!(
        revealed.contains(&request("Authorization: Basic dXNlcjpwYXNz, ")),
        "{revealed}"
    );
    let debug = tested(&["--reveal-secrets"]);
    assert!(!debug.contains("Basic"), "{debug}");
}
