use super::*;
use expressway_asl::resource::Resource;

const ORDERS: &str = r#"{
    "StateMachines": {
        "Orders": {"TestCases": {
            "HappyPath": {"Charge": "Charged", "Poll": "ReadyAtTheThirdCall"},
            "Retried": {"Charge": "ChargedAtTheThirdCall", "Poll": "Nothing"}
        }},
        "Returns": {"TestCases": {"HappyPath": {}, "Rejected": {}}}
    },
    "MockedResponses": {
        "Charged": {"0": {"Return": {"id": 7}}},
        "ReadyAtTheThirdCall": {"0-1": {"Return": "no"}, "2": {"Return": "yes"}},
        "ChargedAtTheThirdCall": {
            "2": {"Return": true},
            "0": {"Throw": {"Error": "Busy", "Cause": "too many"}},
            "1": {"Throw": {"Error": "States.Timeout"}}
        },
        "Nothing": {}
    }
}"#;

fn test_case(name: &str) -> MockedTasks {
    let file = MockFile::parse(ORDERS).unwrap();
    MockedTasks::new(file.test_case("Orders", name).unwrap())
}

fn call(tasks: &MockedTasks, execution_arn: &str, state_name: &str) -> String {
    let resource = Resource::Function { arn: "arn".into() };
    let answer = tasks.run(TaskRequest {
        resource: &resource,
        input: Document::Null,
        state_name,
        attempt: 0,
        role_arn: None,
        execution_arn,
        token: None,
        payloads: None,
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match runtime.block_on(answer) {
        Ok(result) => result.to_json(),
        Err(TaskError::State(error)) => error.to_document().to_json(),
        Err(TaskError::Fault(fault)) => fault.to_string(),
    }
}

#[test]
fn calls_are_counted_by_execution_and_state() {
    let tasks = test_case("HappyPath");
    for (execution, state, expected) in [
        ("a", "Poll", r#""no""#),
        ("a", "Poll", r#""no""#),
        ("b", "Poll", r#""no""#),
        ("a", "Charge", r#"{"id":7}"#),
        ("a", "Poll", r#""yes""#),
        ("b", "Poll", r#""no""#),
        ("b", "Poll", r#""yes""#),
    ] {
        assert_eq!(call(&tasks, execution, state), expected, "{execution} {state}");
    }
}

#[test]
fn the_last_answer_is_given_again() {
    let tasks = test_case("HappyPath");
    for expected in ["no", "no", "yes", "yes", "yes"] {
        assert_eq!(call(&tasks, "a", "Poll"), format!("{expected:?}"));
    }
    for _ in 0..3 {
        assert_eq!(call(&tasks, "a", "Charge"), r#"{"id":7}"#);
    }
}

#[test]
fn throws_become_errors_of_the_state() {
    let tasks = test_case("Retried");
    for expected in [
        r#"{"Error":"Busy","Cause":"too many"}"#,
        r#"{"Error":"States.Timeout"}"#,
        "true",
    ] {
        assert_eq!(call(&tasks, "a", "Charge"), expected);
    }
}

#[test]
fn what_is_not_mocked_says_so() {
    let tasks = test_case("Retried");
    for (state, expected) in [
        (
            "charge",
            r#"{"Error":"States.Runtime","Cause":"in the test case `Retried` of `Orders` the state `charge` is not mocked, did you mean `Charge`?"}"#,
        ),
        (
            "Confirm",
            r#"{"Error":"States.Runtime","Cause":"in the test case `Retried` of `Orders` the state `Confirm` is not mocked"}"#,
        ),
        (
            "Poll",
            r#"{"Error":"States.Runtime","Cause":"in the test case `Retried` of `Orders` the mocked response `Nothing` is empty"}"#,
        ),
    ] {
        assert_eq!(call(&tasks, "a", state), expected);
    }
}

#[test]
fn a_fallback_gets_what_is_not_mocked() {
    let tasks = test_case("Retried").with_fallback(Arc::new(test_case("HappyPath")));
    assert_eq!(call(&tasks, "a", "Charge"), r#"{"Error":"Busy","Cause":"too many"}"#);
    assert!(call(&tasks, "a", "Confirm").contains("`HappyPath`"));
}

#[test]
fn test_cases_are_chosen_by_machine_and_name() {
    let file = MockFile::parse(ORDERS).unwrap();
    for (machine, name, expected) in [
        ("Orders", "HappyPath", "Orders"),
        ("Returns", "HappyPath", "Returns"),
        ("workflow", "Retried", "Orders"),
        ("workflow", "Rejected", "Returns"),
        (
            "workflow",
            "HappyPath",
            "more than one state machine has a test case `HappyPath` (`Orders`, `Returns`), and none is named like the definition, `workflow`",
        ),
        (
            "Orders",
            "Rejected",
            "there is no test case `Rejected`\ntest cases: `HappyPath`, `Retried`",
        ),
        (
            "workflow",
            "Retired",
            "there is no test case `Retired`, did you mean `Retried`?\ntest cases: `HappyPath` of `Orders`, `Retried` of `Orders`, `HappyPath` of `Returns`, `Rejected` of `Returns`",
        ),
    ] {
        let found = file.test_case(machine, name);
        let found = found.map_or_else(|error| error.to_string(), |case| case.machine().to_owned());
        assert_eq!(found, expected);
    }
    let unclear = file.only_test_case("Orders").unwrap_err();
    assert_eq!(
        unclear.to_string(),
        "which test case is meant?\ntest cases: `HappyPath`, `Retried`"
    );
    let single = r#"{"StateMachines":{"M":{"TestCases":{"Only":{}}}}}"#;
    let single = MockFile::parse(single).unwrap();
    assert_eq!(single.only_test_case("workflow").unwrap().name(), "Only");
}

#[test]
fn all_mistakes_are_reported_with_their_place() {
    let file = r#"{
        "StateMachines": {
            "A": {"TestCases": {"T": {"S": "Chargd", "U": 5}, "X": []}},
            "B": {}
        },
        "MockedResponses": {
            "Charged": {"0": {"Return": 1}, "first": {"Return": 1}, "3-1": {"Return": 1}},
            "Overlap": {"0-2": {"Return": 1}, "2": {"Return": 2}},
            "Gap": {"0": {"Return": 1}, "2": {"Return": 2}},
            "Both": {"0": {"Return": 1, "Throw": {"Error": "E"}}},
            "Neither": {"0": {"Retrun": 1}},
            "Nameless": {"0": {"Throw": {"Cause": 5}}},
            "List": [1]
        }
    }"#;
    assert_eq!(
        MockFile::parse(file).unwrap_err(),
        [
            r#"MockedResponses/Charged/first: must be a number such as "0", or a range such as "1-2""#,
            "MockedResponses/Charged/3-1: the range ends before it begins",
            "MockedResponses/Overlap: has more than one answer numbered 2",
            "MockedResponses/Gap: has no answer numbered 1",
            "MockedResponses/Both/0: has both `Return` and `Throw`",
            "MockedResponses/Neither/0: has an unknown member `Retrun`",
            "MockedResponses/Neither/0: has neither `Return` nor `Throw`",
            "MockedResponses/Nameless/0/Throw: `Cause` must be a string, but is a number",
            "MockedResponses/Nameless/0/Throw: has no `Error`",
            "MockedResponses/List: must be an object, but is an array",
            "StateMachines/A/TestCases/T/S: unknown mocked response `Chargd`, did you mean `Charged`?",
            "StateMachines/A/TestCases/T/U: must name a mocked response, but is a number",
            "StateMachines/A/TestCases/X: must be an object, but is an array",
            "StateMachines/B: has no `TestCases`",
        ]
    );
    for (text, expected) in [
        ("[]", "the file: must be an object, but is an array"),
        ("{}", "the file: has no `StateMachines`"),
    ] {
        assert_eq!(MockFile::parse(text).unwrap_err(), [expected]);
    }
    assert_eq!(MockFile::parse("{,").unwrap_err().len(), 1);
}
