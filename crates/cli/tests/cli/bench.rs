use crate::{command, expressway, ran};

#[test]
fn json_has_the_figures() {
    let output = std::env::temp_dir().join(format!("expressway-bench-{}.json", std::process::id()));
    // The test case `bench` is taken, though there is another.
    let arguments = [
        "bench",
        "task.asl.yaml",
        "--mock",
        "mocks.json",
        "--iterations",
        "20",
        "--format",
        "json",
    ];
    let mut command = command(&arguments);
    command.env("PEER_BENCH_OUTPUT", &output);
    let ran = ran(command, "");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(ran.member("iterations"), "20");
    assert_eq!(ran.member("transitions"), "1");
    let number = |name: &str| ran.member(name).parse::<f64>().unwrap();
    assert!(number("min_us") > 0.0);
    assert!(number("min_us") <= number("median_us") && number("median_us") <= number("p99_us"));
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "true");
    std::fs::remove_file(&output).unwrap();
}

#[test]
fn mocks_begin_again_with_each_iteration() {
    let definition = r#"{"StartAt": "Price", "States": {
        "Price": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "End": true}
    }}"#;
    let output = std::env::temp_dir().join(format!("expressway-again-{}.json", std::process::id()));
    let mut command = command(&["bench", "-", "--mock", "mocks.json#HappyPath", "--iterations", "3"]);
    command.env("PEER_BENCH_OUTPUT", &output);
    let ran = ran(command, definition);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(std::fs::read_to_string(&output).unwrap(), r#"{"Payload":10}"#);
    std::fs::remove_file(&output).unwrap();
}

#[test]
fn an_execution_that_fails_is_not_measured() {
    let ran = expressway(&["bench", "task.asl.yaml", "--mock", "mocks.json#Other"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.starts_with("error: the execution did not succeed: "),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("the state `Work` is not mocked"), "{}", ran.stderr);
}
