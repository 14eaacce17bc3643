//! Data and variables nest no deeper than the limit, wherever they come from, and all of that on a small stack.

use super::*;
use expressway_asl::document::{DEPTH_MAX, Object};
use expressway_engine::test_state::{Mock, StateConfiguration, StateTest, test_state};

/// The stack that threads of Rust and Tokio have.
const STACK_BYTES: usize = 2 * 1024 * 1024;

/// Runs a test on a thread with a small stack, which a debug build fills fastest.
fn on_a_small_stack<T: Send + 'static>(test: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(test())
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap();
    thread.join().unwrap()
}

fn nested(levels: u32) -> Document {
    (0..levels).fold(Document::from(1), |inner, _| Document::from(vec![inner]))
}

fn nested_in(levels: u32, key: &str) -> Document {
    Document::object([(key, nested(levels - 1))])
}

/// A definition whose state data or variables get deeper with each round, and the language that it is in.
fn growing() -> Vec<(&'static str, &'static str, String)> {
    let leaf = r#"{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}"#;
    let inner_loop = r#"{"StartAt":"I","States":{
        "I":{"Type":"Pass","Assign":{"w.$":"$$.Execution.Input.d"},"Next":"J"},
        "J":{"Type":"Pass","Assign":{"w":{"in.$":"$w"}},"Next":"K"},
        "K":{"Type":"Choice","Choices":[{"Variable":"$w","IsNumeric":true,"Next":"L"}],"Default":"J"},
        "L":{"Type":"Succeed"}}}"#;
    let catch =
        |fields: &str| format!(r#""T":{{{TASK},"Catch":[{{"ErrorEquals":["Oops"],{fields},"Next":"T"}}],"Next":"Z"}}"#);
    let pass = |fields: &str| format!(r#""S":{{"Type":"Pass",{fields},"Next":"S"}}"#);
    let rules = r#"[{"Variable":"$v","IsNull":true,"Next":"Z"}]"#;
    let all_rules = |assign: &str| format!(r#"[{{"Variable":"$v","IsPresent":true,{assign},"Next":"S"}}]"#);
    let grow = r#""Assign":{"v":{"in.$":"$v"}}"#;
    let grow_jsonata = r#""Assign":{"v":{"in":"{% $v %}"}}"#;
    let task = |fields: &str| format!(r#""S":{{{TASK},{fields},"Next":"S"}}"#);
    vec![
        ("Parameters", "JSONPath", pass(r#""Parameters":{"x.$":"$"}"#)),
        ("ResultPath", "JSONPath", pass(r#""ResultPath":"$.in""#)),
        (
            "ResultPath and OutputPath",
            "JSONPath",
            pass(r#""ResultPath":"$.in.in.in","OutputPath":"$.in.in""#),
        ),
        (
            "States.Array",
            "JSONPath",
            pass(r#""Parameters":{"x.$":"States.Array(States.Array($))"},"OutputPath":"$.x""#),
        ),
        (
            "States.JsonMerge",
            "JSONPath",
            pass(r#""Parameters":{"x.$":"States.JsonMerge($, $, false)"}"#),
        ),
        ("Output", "JSONata", pass(r#""Output":{"x":"{% $states.input %}"}"#)),
        (
            "Output by expression",
            "JSONata",
            pass(r#""Output":"{% {'x': $states.input} %}""#),
        ),
        (
            "Output by the evaluator",
            "JSONata",
            pass(r#""Output":"{% [1].{'x': $states.input} %}""#),
        ),
        ("Assign of Pass", "JSONPath", pass(grow)),
        ("Assign by JSONata", "JSONata", pass(grow_jsonata)),
        (
            "Assign by expression",
            "JSONata",
            pass(r#""Assign":{"v":"{% {'in': $v} %}"}"#),
        ),
        (
            "Assign by merge",
            "JSONata",
            pass(r#""Assign":{"v":"{% $merge([{'in': $v}]) %}"}"#),
        ),
        (
            "Assign by the evaluator",
            "JSONata",
            pass(r#""Assign":{"v":"{% $map([1], function($x) { {'in': $v} }) %}"}"#),
        ),
        (
            "Assign of Choice",
            "JSONPath",
            format!(r#""S":{{"Type":"Choice","Choices":{rules},{grow},"Default":"S"}}"#),
        ),
        (
            "Assign of a rule",
            "JSONPath",
            format!(r#""S":{{"Type":"Choice","Choices":{},"Default":"Z"}}"#, all_rules(grow)),
        ),
        (
            "Assign of Wait",
            "JSONPath",
            format!(r#""S":{{"Type":"Wait","Seconds":0,{grow},"Next":"S"}}"#),
        ),
        ("Assign of Task", "JSONPath", task(grow)),
        ("Assign of Task in JSONata", "JSONata", task(grow_jsonata)),
        (
            "Assign of Parallel",
            "JSONPath",
            format!(r#""S":{{"Type":"Parallel","Branches":[{leaf}],{grow},"Next":"S"}}"#),
        ),
        (
            "Assign of Map",
            "JSONPath",
            format!(
                r#""S":{{"Type":"Map","ItemsPath":"$.l","ItemProcessor":{leaf},"ResultPath":null,{grow},"Next":"S"}}"#
            ),
        ),
        (
            "Assign of a catcher",
            "JSONPath",
            catch(r#""ResultPath":null,"Assign":{"v":{"in.$":"$v"}}"#),
        ),
        (
            "Output of a catcher",
            "JSONata",
            catch(r#""Output":{"in":"{% $states.input %}"}"#),
        ),
        (
            "Assign in a branch",
            "JSONPath",
            format!(r#""S":{{"Type":"Parallel","Branches":[{inner_loop}],"Next":"S"}}"#),
        ),
        (
            "Assign in an iteration",
            "JSONPath",
            format!(r#""S":{{"Type":"Map","ItemsPath":"$.l","ItemProcessor":{inner_loop},"Next":"S"}}"#),
        ),
        (
            "results of Parallel",
            "JSONPath",
            format!(r#""S":{{"Type":"Parallel","Branches":[{leaf}],"Next":"S"}}"#),
        ),
        (
            "results of Map",
            "JSONPath",
            format!(
                r#""S":{{"Type":"Map","ItemsPath":"$.l","ItemSelector":{{"o.$":"$"}},"ItemProcessor":{leaf},"ResultPath":"$.l","Next":"S"}}"#
            ),
        ),
        ("ResultSelector", "JSONPath", task(r#""ResultSelector":{"x.$":"$"}"#)),
        ("Parameters of Task", "JSONPath", task(r#""Parameters":{"x.$":"$"}"#)),
        (
            "Arguments of Task",
            "JSONata",
            task(r#""Arguments":{"x":"{% $states.input %}"}"#),
        ),
        ("results of Task", "JSONPath", format!(r#""W":{{{TASK},"Next":"W"}}"#)),
    ]
}

#[test]
fn whatever_grows_is_refused_at_the_limit() {
    on_a_small_stack(async || {
        for (name, language, states) in growing() {
            let first = states.split('"').nth(1).unwrap().to_owned();
            let start = match language {
                "JSONata" => {
                    r#""Choices":[{"Condition":"{% $states.input.stop = true %}","Next":"Z"}],"Assign":{"v":"{% $states.input.d %}"}"#
                }
                _ => r#""Choices":[{"Variable":"$.stop","IsPresent":true,"Next":"Z"}],"Assign":{"v.$":"$.d"}"#,
            };
            let states =
                format!(r#""Start":{{"Type":"Choice",{start},"Default":"{first}"}},"Z":{{"Type":"Succeed"}},{states}"#);
            let definition = machine("Start", &states).replacen('{', &format!(r#"{{"QueryLanguage":"{language}","#), 1);
            let tasks = Tasks::default()
                .on("S", |request, _| Ok(request.input.clone()))
                .on("T", |_, _| Err(error("Oops", "")))
                .on("W", |request, _| Ok(Document::from(vec![request.input.clone()])));
            let case = Case::new(&definition).tasks(tasks);
            let engine = case.engine();
            // Deep already, so that the test takes little time.
            let input = format!(r#"{{"l":[1],"d":{}}}"#, nested(DEPTH_MAX - 20));
            let execution = engine.run(&case.environment(), case.request(&input), None).await;
            let Outcome::Failed(StateError { name: error, cause }) = execution.outcome else {
                panic!("{name}: {:.300}", format!("{:?}", execution.outcome));
            };
            let (error, cause) = (error.unwrap().to_string(), cause.unwrap_or_default());
            match &*error {
                "States.Runtime" => assert!(cause.contains("nested deeper than 1000 levels"), "{name}: {cause:.300}"),
                "States.QueryEvaluationError" => {
                    assert!(cause.contains("Stack overflow error"), "{name}: {cause:.300}")
                }
                other => panic!("{name}: {other}: {cause:.300}"),
            }
            assert!(execution.transitions > 8, "{name}: {}", execution.transitions);
        }
    });
}

/// Data that is as deep as data may be can be used in all ways, and what wraps it is refused.
#[test]
fn data_at_the_limit_is_data() {
    on_a_small_stack(async || {
        let inner = r#"{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}"#;
        for (fields, is_refused) in [
            (r#""Type":"Pass""#, false),
            (r#""Type":"Pass","InputPath":"$.a""#, false),
            (r#""Type":"Pass","Assign":{"v.$":"$"}"#, false),
            (r#""Type":"Pass","Parameters":{"a.$":"$.a"}"#, false),
            (r#""Type":"Pass","Parameters":{"n.$":"States.ArrayLength($.a)"}"#, false),
            (r#""Type":"Pass","Parameters":{"n.$":"States.JsonToString($)"}"#, false),
            (
                r#""Type":"Pass","Parameters":{"n.$":"States.StringToJson(States.JsonToString($.a))"}"#,
                false,
            ),
            (
                r#""Type":"Pass","Parameters":{"n.$":"States.ArrayContains($.a, $.a[0])"}"#,
                false,
            ),
            (r#""Type":"Pass","Parameters":{"n.$":"States.ArrayUnique($.a)"}"#, false),
            (r#""Type":"Pass","Parameters":{"n.$":"$..b"}"#, false),
            (r#""Type":"Pass","Parameters":{"n":1},"ResultPath":"$.n""#, false),
            (
                r#""Type":"Pass","QueryLanguage":"JSONata","Output":"{% $states.input %}""#,
                false,
            ),
            (
                r#""Type":"Pass","QueryLanguage":"JSONata","Output":"{% $states.input = $states.input %}""#,
                false,
            ),
            (
                r#""Type":"Pass","QueryLanguage":"JSONata","Output":"{% $sift($states.input, function($v) { true }) %}""#,
                false,
            ),
            (
                r#""Type":"Pass","QueryLanguage":"JSONata","Output":"{% $length($string($states.input)) %}""#,
                false,
            ),
            (
                r#""Type":"Pass","QueryLanguage":"JSONata","Output":"{% $count($states.input.**) %}""#,
                false,
            ),
            (r#""Type":"Pass","Parameters":{"x.$":"$"}"#, true),
            (r#""Type":"Pass","Parameters":{"x.$":"$"},"ResultPath":null"#, true),
            (r#""Type":"Pass","Parameters":{"x.$":"$$"}"#, true),
            (r#""Type":"Pass","Assign":{"x.$":"$$"}"#, true),
            (r#""Type":"Pass","Assign":{"x":{"y.$":"$"}}"#, true),
            (r#""Type":"Pass","Parameters":{"n.$":"States.Array($)"}"#, true),
            (r#""Type":"Pass","ResultPath":"$.b""#, true),
            (
                r#""Type":"Pass","QueryLanguage":"JSONata","Output":{"x":"{% $states.context %}"}"#,
                true,
            ),
            (&format!(r#""Type":"Parallel","Branches":[{inner}]"#), true),
            (
                &format!(r#""Type":"Parallel","Branches":[{inner}],"ResultPath":null"#),
                true,
            ),
            (
                &format!(r#""Type":"Map","ItemsPath":"$.a","ItemProcessor":{inner},"ResultPath":null"#),
                false,
            ),
            (
                &format!(
                    r#""Type":"Map","ItemsPath":"$.a","ItemSelector":{{"x":{{"y.$":"$"}}}},"ItemProcessor":{inner}"#
                ),
                true,
            ),
            (TASK, false),
            (&format!(r#"{TASK},"ResultPath":"$.b""#), true),
            (&format!(r#"{TASK},"Parameters":{{"x.$":"$"}}"#), true),
        ] {
            let definition = machine("S", &format!(r#""S":{{{fields},"End":true}}"#));
            let case = Case::new(&definition).tasks(Tasks::default().on("S", |request, _| Ok(request.input.clone())));
            let request = ExecutionRequest {
                input: nested_in(DEPTH_MAX, "a"),
                ..case.request("{}")
            };
            let execution = case
                .engine()
                .run(&case.environment(), request, Some(&case.events))
                .await;
            match execution.outcome {
                Outcome::Succeeded(_) => assert!(!is_refused, "{fields}"),
                Outcome::Failed(error) => {
                    let cause = error.cause.unwrap_or_default();
                    assert!(
                        is_refused && cause.contains("nested deeper than 1000 levels"),
                        "{fields}: {cause:.300}"
                    );
                }
                other => panic!("{fields}: {:.300}", format!("{other:?}")),
            }
        }
    });
}

/// Large text deep inside of data leaves it and comes back.
#[test]
fn values_that_are_kept_elsewhere_may_be_deep() {
    on_a_small_stack(async || {
        let store = Arc::new(crate::payloads::Store::default());
        let output = r#"{"x":"{% $states.input %}","n":"{% $count($states.input.**) %}"}"#;
        let states = format!(
            r#""S":{{{TASK},"ResultPath":"$.r","Next":"J"}},
               "J":{{"Type":"Pass","QueryLanguage":"JSONata","Output":{output},"End":true}}"#
        );
        let deep = || {
            let text = Document::from("a".repeat(300_000));
            (0..DEPTH_MAX - 10).fold(text, |inner, _| Document::from(vec![inner, 1.into()]))
        };
        let mut case = Case::new(&machine("S", &states)).tasks(Tasks::default().on("S", move |_, _| Ok(deep())));
        case.store = Some(Arc::clone(&store) as Arc<dyn PayloadStore>);
        let outcome = case.run("{}").await.outcome;
        let Outcome::Succeeded(output) = outcome else {
            panic!("{:.300}", format!("{outcome:?}"));
        };
        assert!(output.has_references());
        let read = expressway_asl::document::decode(&expressway_asl::document::encode(&output)).unwrap();
        let whole = store.whole(read).await;
        assert_eq!(whole.get("x").and_then(|x| x.get("r")), Some(&deep()));
    });
}

#[test]
fn what_is_deeper_does_not_get_in() {
    on_a_small_stack(async || {
        let deep = || nested(DEPTH_MAX + 1);
        let case = Case::new(&machine("S", r#""S":{"Type":"Succeed"}"#));
        let request = ExecutionRequest {
            input: deep(),
            ..case.request("{}")
        };
        let outcome = case.engine().run(&case.environment(), request, None).await.outcome;
        assert!(matches!(outcome, Outcome::Failed(_)), "an input");

        let pass = r#"{"Type":"Pass","End":true}"#;
        let task = format!(r#"{{{TASK},"End":true}}"#);
        let test = |input: Document| StateTest {
            input,
            variables: Object::new(),
            context: None,
            mock: None,
            configuration: StateConfiguration::default(),
            role_arn: Some("role".into()),
        };
        let variables = |value: Document| [("v", value)].into_iter().collect::<Object>();
        let text = |bytes: usize| Document::from("a".repeat(bytes));
        let many = (0..41).map(|n| (format!("v{n}"), text(expressway_engine::DATA_BYTES_MAX - 2)));
        for (name, state, test) in [
            ("Input", pass, test(deep())),
            (
                "Variables",
                pass,
                StateTest {
                    variables: variables(deep()),
                    ..test(doc("1"))
                },
            ),
            (
                "Variables",
                pass,
                StateTest {
                    variables: variables(text(300_000)),
                    ..test(doc("1"))
                },
            ),
            (
                "Variables",
                pass,
                StateTest {
                    variables: many.collect(),
                    ..test(doc("1"))
                },
            ),
            (
                "Context",
                pass,
                StateTest {
                    context: Some(deep()),
                    ..test(doc("1"))
                },
            ),
            (
                "Mock result",
                &task,
                StateTest {
                    mock: Some(Mock::Result(deep())),
                    ..test(doc("1"))
                },
            ),
            (
                "MapItemReaderData",
                &task,
                StateTest {
                    configuration: StateConfiguration {
                        map_item_reader_data: Some(deep()),
                        ..StateConfiguration::default()
                    },
                    mock: Some(Mock::Result(doc("1"))),
                    ..test(doc("1"))
                },
            ),
        ] {
            let inspection = expressway_asl::inspect(state, &BTreeMap::new()).unwrap();
            let identity = case.request("{}").identity;
            let tested = test_state(inspection.state(None).unwrap(), &case.environment(), &identity, &test).await;
            let rejection = tested.expect_err(name);
            assert!(rejection.message.starts_with(name), "{}", rejection.message);
        }
    });
}

/// The limit on variables is one of the execution: lines beside one another share it.
#[tokio::test]
async fn variables_of_all_lines_have_one_limit() {
    let items = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
    let processor = format!(
        r#"{{"StartAt":"A","States":{{
            "A":{{"Type":"Pass","Assign":{{"v.$":"$"}},"ResultPath":null,"Next":"T"}},
            "T":{{{TASK},"End":true}}}}}}"#
    );
    for (count, concurrency, is_refused) in [(41, 100, false), (45, 10, false), (45, 100, true)] {
        let states = format!(
            r#""B":{{"Type":"Pass","Assign":{{"big.$":"$.text"}},"Next":"M"}},
               "M":{{"Type":"Map","MaxConcurrency":{concurrency},"ItemsPath":"$.items","ItemSelector":{{"v.$":"$big"}},
                    "ItemProcessor":{processor},"ResultPath":null,"End":true}}"#
        );
        let tasks = Tasks::default().on_after("T", Duration::from_millis(1), |_, _| Ok(doc("1")));
        let case = Case::new(&machine("B", &states)).tasks(tasks);
        let input = format!(r#"{{"items":{},"text":"{}"}}"#, items(count), "a".repeat(240_000));
        let outcome = case.run(&input).await.outcome;
        let is_failed = match outcome {
            Outcome::Failed(error) => error.cause.unwrap().contains("The variables of the execution have"),
            _ => false,
        };
        assert_eq!(is_failed, is_refused, "{count} items, {concurrency} at once");
    }
}
