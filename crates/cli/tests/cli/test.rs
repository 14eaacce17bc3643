use crate::expressway;

const FAILING: &str = "suite/failing.test.json";

#[test]
fn tests_that_pass_have_a_line_each() {
    let ran = expressway(&["test", "suite/orders.test.yaml"]);
    let expected = "\
suite/orders.test.yaml
  + an order is charged at the second attempt
  + a declined order fails
  + a busy desk is asked again
  + iterations are mocked as a whole
4 passed, 0 failed in ";
    assert!(ran.stdout.starts_with(expected), "{}{}", ran.stdout, ran.stderr);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn what_differs_is_told_by_its_place() {
    let ran = expressway(&["test", FAILING]);
    let expected = "\
suite/failing.test.json
  x nothing is as expected <&>
      error
        expected  Refused
        got       Declined
      cause
        expected  a text like /^[0-9]+$/
        got       no \\u{1b} funds
      path in Price items[1]
        expected  Price
        got       (no state)
      calls of Reserve
        expected  2
        got       1
      calls of Charge, 1. $.Payload.items[0]
        expected  \"b\"
        got       \"a\"
      duration
        expected  at most 4.5 s
        got       5 s
  x the output is another
      output $.items[0]
        expected  \"b\"
        got       \"a\"
      output $.items[1]
        expected  \"c\"
        got       nothing
      output $['price list']
        expected  [10]
        got       nothing
      output $.prices
        expected  nothing
        got       [10]
  x something is not mocked
      the state `Charge` was called, but is not mocked
0 passed, 3 failed in ";
    assert!(ran.stdout.starts_with(expected), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn mistakes_in_a_test_file_are_all_told_with_their_place() {
    let ran = expressway(&["test", "broken.test.yaml", "suite"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    let expected = [
        "4:3: the definition has no state `Chrage`, did you mean `Charge`?",
        "5:3: the state `Done` calls nothing, so it is not mocked",
        "9:16: a test has either `input` or `inputFile`",
        "9:16: cannot read `missing.json`: No such file or directory (os error 2)",
        "10:5: unknown key `expcet`, did you mean `expect`?",
        "11:5: the test `twice` appears twice",
        "13:7: `Prepare` is mocked only in a test of this single `state`: mock the states inside",
        "13:15: an answer has either `return` or `throw`",
        "13:15: the state `Charge` has no answer",
        "13:17: unknown key `retrun`, did you mean `return`?",
        "14:16: an answer has either `return` or `throw`",
        "14:16: the state `Reserve` has no answer",
        "16:23: `status` must be one of SUCCEEDED, FAILED, TIMED_OUT",
        "16:36: nothing is inside the state `Charge`",
        "16:50: the definition has no state `Nowhere`",
        "16:67: `matches` is not a right regular expression: unclosed group",
        "18:5: the key `name` appears twice",
        "19:16: `variables` is only for a test of a single `state`",
        "20:15: in `mocks.json` there is no test case `HapyPath`, did you mean `HappyPath`?",
        "23:25: unknown stage `afterParamaters`, did you mean `afterParameters`?",
    ];
    let found: Vec<_> = (ran.stderr.lines())
        .filter_map(|line| line.strip_prefix("error: broken.test.yaml:"))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn tests_are_listed_and_chosen_by_name() {
    let ran = expressway(&[
        "test",
        "suite",
        "--list",
        "--filter",
        "busy desk",
        "--filter",
        "another",
    ]);
    let expected = "\
suite/failing.test.json: the output is another
suite/orders.test.yaml: a busy desk is asked again
";
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), expected));
    let ran = expressway(&["test", "suite", "--filter", "busy desk"]);
    assert!(ran.stdout.contains("1 passed, 0 failed"), "{}", ran.stdout);
    for arguments in [
        &["test", "suite", "--filter", "no such test"][..],
        &["test", "missing.test.yaml"],
        &["test", "orders.asl.json"],
        &["test", "../../src"],
        &["test", "suite", "--jobs", "0"],
    ] {
        let ran = expressway(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?} {}", ran.stdout);
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
}

#[test]
fn after_a_failure_no_test_is_started() {
    let ran = expressway(&["test", FAILING, "--fail-fast", "--jobs", "1"]);
    assert!(
        ran.stdout.contains("  - the output is another  not run\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("0 passed, 1 failed, 2 not run in "),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.code, Some(1));
}

#[test]
fn results_are_written_as_junit() {
    let file = std::env::temp_dir().join(format!("expressway-junit-{}.xml", std::process::id()));
    let ran = expressway(&["test", "suite", "--junit", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    let xml = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    for expected in [
        "<testsuites tests=\"7\" failures=\"3\" errors=\"0\" skipped=\"0\" time=\"",
        "<testsuite name=\"suite/failing.test.json\" tests=\"3\" failures=\"3\"",
        "<testcase name=\"nothing is as expected &lt;&amp;&gt;\" classname=\"suite/failing.test.json\" time=\"",
        "<failure message=\"error: expected Refused, got Declined\" type=\"expectation\">",
        "got no \\u{1b} funds",
        "<testcase name=\"a declined order fails\" classname=\"suite/orders.test.yaml\" time=\"0.",
    ] {
        assert!(xml.contains(expected), "{expected}\n{xml}");
    }
}

#[test]
fn coverage_names_what_no_test_reached() {
    let ran = expressway(&["test", "suite", "--coverage", "--filter", "second attempt"]);
    let expected = "\
coverage of suite/../orders.asl.json: 7 of 8 states, 0 of 1 branches
  never entered  Refuse
  never taken    Charge > Refuse
";
    assert!(ran.stdout.contains(expected), "{}", ran.stdout);
}
