use crate::{command, expressway, ran};

#[test]
fn diagnostics_show_the_line() {
    let ran = expressway(&["validate", "broken.asl.json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    let expected = r#"error[MISSING_TRANSITION_TARGET]: Missing 'Next' target: Secnd
 --> broken.asl.json:4:40
  |
4 |     "First": { "Type": "Pass", "Next": "Secnd" },
  |                                        ^^^^^^^
  = at /States/First/Next
"#;
    assert!(ran.stdout.contains(expected), "{}", ran.stdout);
    assert!(
        ran.stdout.ends_with("broken.asl.json: not valid, 1 error\n"),
        "{}",
        ran.stdout
    );
}

#[test]
fn several_files_are_all_checked() {
    let ran = expressway(&[
        "validate",
        "orders.asl.json",
        "broken.asl.json",
        "task.asl.yaml",
        "missing.json",
    ]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.stderr, "error: there is no file `missing.json`\n");
    for line in [
        "orders.asl.json: valid, 3 warnings\n",
        "broken.asl.json: not valid, 1 error\n",
        "task.asl.yaml: valid, 1 warning\n",
    ] {
        assert!(ran.stdout.contains(line), "{}", ran.stdout);
    }
    assert!(
        ran.stdout.ends_with("1 error, 4 warnings in 4 files\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        expressway(&["validate", "orders.asl.json", "task.asl.yaml"]).code,
        Some(0)
    );
}

#[test]
fn json_has_the_shape_of_the_service() {
    let ran = expressway(&[
        "validate",
        "--format",
        "json",
        "--allow",
        "MISSING_RETRY",
        "task.asl.yaml",
        "broken.asl.json",
    ]);
    assert_eq!(ran.code, Some(1));
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(
        lines.first().copied(),
        Some(r#"{"file":"task.asl.yaml","result":"OK","diagnostics":[],"truncated":false}"#)
    );
    let expected = r#"{"severity":"ERROR","code":"MISSING_TRANSITION_TARGET","message":"Missing 'Next' target: Secnd","location":"/States/First/Next"}"#;
    assert!(ran.stdout.contains(expected), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains(r#"{"file":"broken.asl.json","result":"FAIL","diagnostics":["#)
    );
    assert_eq!(lines.len(), 2);
}

#[test]
fn standard_input_is_checked_too() {
    let ran = ran(command(&["validate", "-", "--format", "json"]), "not json");
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains(r#""code":"INVALID_JSON_DESCRIPTION""#),
        "{}",
        ran.stdout
    );
}

#[test]
fn warnings_are_allowed_and_denied_by_name() {
    for (arguments, code, end) in [
        (&["orders.asl.json"][..], 0, "orders.asl.json: valid, 3 warnings\n"),
        (
            &["orders.asl.json", "--allow", "missing_retry"],
            0,
            "orders.asl.json: valid\n",
        ),
        (
            &["orders.asl.json", "--deny", "MISSING_RETRY"],
            1,
            "orders.asl.json: not valid, 3 errors\n",
        ),
        (
            &["orders.asl.json", "--deny", "TIME_LIMIT"],
            0,
            "orders.asl.json: valid, 3 warnings\n",
        ),
        (
            &["orders.asl.json", "--allow", "MISSING_RETRY", "--deny", "warnings"],
            0,
            "orders.asl.json: valid\n",
        ),
        (
            &["broken.asl.json", "--allow", "warnings"],
            1,
            "broken.asl.json: not valid, 1 error\n",
        ),
    ] {
        let ran = expressway(&[&["validate"], arguments].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}");
        assert!(ran.stdout.ends_with(end), "{arguments:?}: {}", ran.stdout);
    }
    let unknown = expressway(&["validate", "orders.asl.json", "--allow", "MISING_RETRY"]);
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.stderr.contains("--list-warnings shows them all"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn warnings_are_listed() {
    let ran = expressway(&["validate", "--list-warnings"]);
    assert_eq!(ran.code, Some(0));
    let names: Vec<_> = ran
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(names.first(), Some(&"MISSING_RETRY"));
    for name in names {
        assert_eq!(
            expressway(&["validate", "broken.asl.json", "--deny", name]).code,
            Some(1),
            "{name}"
        );
    }
}

#[test]
fn values_are_held_against_the_limits_of_the_services() {
    let definition = r#"{"StartAt":"Save","States":{"Save":{"Type":"Task","End":true,
  "Resource":"arn:aws:states:::aws-sdk:s3:putObject",
  "Parameters":{"Bucket":"b","Key.$":"$.key","StorageClass":"STANDARD_IA_"}}}}"#;
    let ran = |arguments: &[&str]| ran(command(&[&["validate", "-"], arguments].concat()), definition);
    let expected = r#"warning[UNEXPECTED_VALUE]: The value of the field 'StorageClass' does not fit: "STANDARD_IA_" is none of the known values
 --> <stdin>:3:46
"#;
    let found = ran(&["--allow", "MISSING_RETRY"]);
    assert_eq!(found.code, Some(0));
    assert!(found.stdout.contains(expected), "{}", found.stdout);
    assert!(
        found.stdout.contains("= help: did you mean 'STANDARD_IA'?"),
        "{}",
        found.stdout
    );
    let allowed = ran(&["--allow", "MISSING_RETRY", "--allow", "UNEXPECTED_VALUE"]);
    assert_eq!(allowed.stdout, "<stdin>: valid\n");
}

#[test]
fn calls_are_checked_against_the_services() {
    let definition = r#"{"StartAt":"Save","States":{"Save":{"Type":"Task","End":true,
  "Resource":"arn:aws:states:::dynamodb:putItem",
  "Parameters":{"TabelName":"orders","TableName.$":"$.t"}}}}"#;
    let ran = ran(command(&["validate", "-"]), definition);
    assert_eq!(ran.code, Some(1));
    let expected = r#"error[SCHEMA_VALIDATION_FAILED]: The field 'TabelName' is not supported by Step Functions
 --> <stdin>:3:17
  |
3 |   "Parameters":{"TabelName":"orders","TableName.$":"$.t"}}}}
  |                 ^^^^^^^^^^^^^^^^^^^^
  = at /States/Save/Parameters/TabelName
  = help: did you mean 'TableName'?
"#;
    assert!(ran.stdout.contains(expected), "{}", ran.stdout);
}
