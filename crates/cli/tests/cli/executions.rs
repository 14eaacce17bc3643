//! `expressway executions`, over what `expressway invoke` has on record.

use crate::{Ran, expressway};
use expressway_asl::Document;
use std::path::Path;

const DEFINITION: &str = r#"{"StartAt":"Save","States":{
    "Save":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:updateItem","Parameters":{"TableName":"counters","Key":{"id":{"S":"c"}},
        "UpdateExpression":"ADD n :one","ExpressionAttributeValues":{":one":{"N":"1"}}},"ResultPath":null,"Next":"Fail"},
    "Fail":{"Type":"Fail","Error":"OrderInvalid","Cause":"order 4711 has no items"}}}"#;

const MESSAGE: &str = r#"{"Records":[{"messageId":"m-1","receiptHandle":"r","body":"{\"orderId\":\"4711\"}",
    "attributes":{"ApproximateReceiveCount":"1","MessageGroupId":"g"},
    "messageAttributes":{"Kind":{"stringValue":"order","dataType":"String"},"Raw":{"binaryValue":"AAE=","dataType":"Binary"}},
    "eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:111111111111:orders"}]}"#;

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("orders.asl.json"), DEFINITION).unwrap();
        let seed = r#"{"tables":{"counters":{"key":"id"}},"queues":{"failed":{},"failed.fifo":{}}}"#;
        std::fs::write(directory.path().join("orders.asl.seed.json"), seed).unwrap();
        Place { directory }
    }

    fn path(&self, name: &str) -> String {
        Path::new(self.directory.path()).join(name).to_str().unwrap().to_owned()
    }

    fn invoke(&self, variables: &[&str]) -> Ran {
        let (definition, state) = (self.path("orders.asl.json"), self.path("state"));
        let mut arguments = vec!["invoke", &definition, "--event", MESSAGE, "--local", "--state", &state];
        arguments.extend(["--format", "json", "--env", "EXPRESSWAY_IDEMPOTENCY=task"]);
        for variable in variables {
            arguments.extend(["--env", variable]);
        }
        expressway(&arguments)
    }

    fn executions(&self, action: &str, more: &[&str]) -> Ran {
        let state = self.path("state");
        let arguments = [
            "executions",
            action,
            "--table",
            "expressway-executions",
            "--state",
            &state,
        ];
        expressway(&[&arguments, more].concat())
    }
}

fn only(ran: &Ran) -> Document {
    let list = Document::parse(&ran.stdout).unwrap();
    let [one] = &list.as_array().unwrap()[..] else {
        panic!("{}", ran.stdout);
    };
    one.clone()
}

#[test]
fn an_operator_sees_and_forgets_an_execution() {
    let place = Place::new();
    assert!(place.invoke(&[]).stdout.contains("m-1"));
    let listed = place.executions("list", &["--status", "RELEASED"]);
    let record = only(&listed);
    for (member, expected) in [("status", "RELEASED"), ("source", "sqs"), ("sourceId", "m-1")] {
        assert_eq!(
            record.get(member).and_then(Document::as_str),
            Some(expected),
            "{record}"
        );
    }
    assert_eq!(record.get("round").and_then(Document::as_i64), Some(2));
    let arn = record.get("executionArn").unwrap().as_str().unwrap();
    let machine = "arn:aws:states:us-east-1:111111111111:stateMachine:orders";
    let name = arn.split(':').nth(7).unwrap();
    for key in [
        &["m-1"][..],
        &[arn],
        &[name],
        &["--machine", machine, "--source", "sqs", "m-1"],
    ] {
        let shown = place.executions("show", key);
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
        let shown = only(&shown);
        assert_eq!(shown.get("executionArn").unwrap().as_str(), Some(arn), "{key:?}");
        let tasks = shown.get("tasks").unwrap().as_array().unwrap();
        let [task] = &tasks[..] else {
            panic!("{shown}");
        };
        assert_eq!(task.get("state").and_then(Document::as_str), Some("Save"));
        assert_eq!(task.get("result"), None, "data is shown only if asked for");
    }
    let text = place.executions("show", &["--data", "--format", "text", "m-1"]);
    assert!(
        text.stdout.contains("RELEASED") && text.stdout.contains("Save"),
        "{}",
        text.stdout
    );
    assert_eq!(place.executions("list", &["--status", "RUNNING"]).stdout, "[]\n");
    assert_eq!(place.executions("list", &["--machine", machine]).stdout, listed.stdout);
    assert_eq!(
        place
            .executions(
                "list",
                &["--machine", "arn:aws:states:us-east-1:111111111111:stateMachine:order"]
            )
            .stdout,
        "[]\n"
    );

    let released = place.executions("release", &["m-1"]);
    assert_eq!(released.code, Some(1));
    assert!(
        released.stderr.contains("has no lease: it is RELEASED"),
        "{}",
        released.stderr
    );
    let forgotten = place.executions("forget", &["m-1", "m-2"]);
    assert_eq!(forgotten.code, Some(1), "m-2 was never there");
    assert!(
        forgotten.stderr.contains("is forgotten: 2 items deleted"),
        "{}",
        forgotten.stderr
    );
    assert!(
        forgotten.stderr.contains("there is no execution `m-2` on record"),
        "{}",
        forgotten.stderr
    );
    assert_eq!(place.executions("list", &[]).stdout, "[]\n");
}

#[test]
fn a_message_with_a_final_error_goes_to_the_queue_for_such_messages() {
    let final_errors = r#"EXPRESSWAY_FINAL_ERRORS=["OrderInvalid"]"#;
    for (queue, more) in [
        ("arn:aws:sqs:us-east-1:111111111111:failed", ""),
        ("https://sqs.us-east-1.amazonaws.com/111111111111/failed.fifo", ".fifo"),
    ] {
        let place = Place::new();
        let queue = format!("EXPRESSWAY_FINAL_ERRORS_QUEUE={queue}");
        let ran = place.invoke(&[final_errors, &queue]);
        assert_eq!(ran.stdout, "{\"batchItemFailures\":[]}\n", "{}", ran.stderr);
        let sent = format!("failed{more}");
        assert!(
            ran.stderr.contains(&sent) && ran.stderr.contains("4711"),
            "{}",
            ran.stderr
        );
        // Delivered again, it is still set aside and not run.
        let again = place.invoke(&[final_errors, &queue]);
        assert_eq!(again.stdout, "{\"batchItemFailures\":[]}\n");
        assert!(!again.stderr.contains("counters"), "{}", again.stderr);
    }
    let place = Place::new();
    let nowhere = "EXPRESSWAY_FINAL_ERRORS_QUEUE=arn:aws:sqs:us-east-1:111111111111:no-such-queue";
    let ran = place.invoke(&[final_errors, nowhere]);
    assert!(ran.stdout.contains("m-1"), "it is not lost: {}", ran.stdout);
    assert!(ran.stderr.contains("did not take it"), "{}", ran.stderr);
    // Without such a queue it goes the way of all failures.
    let ran = Place::new().invoke(&[final_errors]);
    assert!(ran.stdout.contains("m-1"), "{}", ran.stdout);
}
