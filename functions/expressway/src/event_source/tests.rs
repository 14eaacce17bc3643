use super::*;
use crate::config::{HttpInput, SqsInput};
use crate::testing::{self, Setup};

macro_rules! event {
    ($name:literal) => {
        include_str!(concat!("../../events/", $name, ".json"))
    };
}

#[test]
fn sources_are_told_apart_by_shape() {
    let alb = |is_multi_value| EventSource::Http(http::Format::Alb { is_multi_value });
    for (event, expected) in [
        (event!("api_gateway_v1"), EventSource::Http(http::Format::ApiGatewayV1)),
        (event!("http_api_v1"), EventSource::Http(http::Format::ApiGatewayV1)),
        (event!("api_gateway_v2"), EventSource::Http(http::Format::ApiGatewayV2)),
        (event!("function_url"), EventSource::Http(http::Format::ApiGatewayV2)),
        (event!("alb"), alb(false)),
        (event!("alb_multi_value"), alb(true)),
        (event!("event_bridge"), EventSource::EventBridge),
        (event!("scheduler"), EventSource::EventBridge),
        (event!("sns"), EventSource::Direct),
        (event!("kinesis"), EventSource::Direct),
        (event!("s3"), EventSource::Direct),
        (event!("web_socket"), EventSource::Direct),
        ("{}", EventSource::Direct),
        ("[]", EventSource::Direct),
        ("null", EventSource::Direct),
        ("[1,2]", EventSource::Direct),
        (r#"{"Records":7}"#, EventSource::Direct),
        (r#"{"Records":[],"more":1}"#, EventSource::Direct),
        (r#"{"httpMethod":"GET"}"#, EventSource::Direct),
        (r#"{"version":"2.0"}"#, EventSource::Direct),
        (r#"{"Records":[]}"#, EventSource::Sqs(&[])),
    ] {
        let event = Document::parse(event).unwrap();
        assert_eq!(EventSource::of(&event), expected, "{event}");
    }
    let batch = Document::parse(event!("sqs")).unwrap();
    assert!(matches!(EventSource::of(&batch), EventSource::Sqs([_, _])));
    let pipe = batch.get("Records").unwrap();
    assert!(matches!(EventSource::of(pipe), EventSource::Sqs([_, _])));
    let bus = Document::parse(&format!("[{}]", event!("event_bridge"))).unwrap();
    assert!(matches!(EventSource::of(&bus), EventSource::EventBridgeArray([_])));
}

/// A workflow that gives its input back.
const ECHO: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#;

/// A workflow that fails.
const FAIL: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Fail","Error":"OrderInvalid","Cause":"no items"}}}"#;

/// A workflow that calls a function with its input.
const TASK: &str = r#"{"StartAt":"Charge","States":{"Charge":{"Type":"Task","Resource":
    "arn:aws:lambda:eu-west-1:111122223333:function:charge","End":true}}}"#;

/// A workflow that shows who it is.
const IDENTITY: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Parameters":{
    "id.$":"$$.Execution.Id","name.$":"$$.Execution.Name","machine.$":"$$.StateMachine.Id"}}}}"#;

const ORDER: &str = r#"{"orderId":"4711","amount":12.5}"#;

mod http_sources {
    use super::*;

    #[tokio::test]
    async fn the_output_is_the_body_of_the_answer() {
        let headers = r#"{"content-type":"application/json"}"#;
        let body = Document::from(ORDER).to_json();
        for (event, expected) in [
            (
                event!("api_gateway_v1"),
                format!(r#"{{"statusCode":200,"headers":{headers},"body":{body},"isBase64Encoded":false}}"#),
            ),
            (
                event!("api_gateway_v2"),
                format!(r#"{{"statusCode":200,"headers":{headers},"body":{body},"isBase64Encoded":false}}"#),
            ),
            (
                event!("function_url"),
                format!(r#"{{"statusCode":200,"headers":{headers},"body":{body},"isBase64Encoded":false}}"#),
            ),
            (
                event!("alb"),
                format!(
                    r#"{{"statusCode":200,"statusDescription":"200 OK","headers":{headers},"body":{body},"isBase64Encoded":false}}"#
                ),
            ),
            (
                event!("alb_multi_value"),
                format!(
                    r#"{{"statusCode":200,"statusDescription":"200 OK","multiValueHeaders":{{"content-type":["application/json"]}},"body":{body},"isBase64Encoded":false}}"#
                ),
            ),
        ] {
            assert_eq!(Setup::new(ECHO).handle(event).await, Ok(expected));
        }
    }

    #[tokio::test]
    async fn a_request_without_a_body_gives_an_empty_object() {
        for event in [
            event!("http_api_v1").to_owned(),
            testing::with(event!("alb"), "body", "\"\""),
            testing::with(event!("alb"), "body", "\"  \""),
        ] {
            assert_eq!(Setup::new(ECHO).respond(&event).await, (200, "{}".to_owned()));
        }
    }

    #[tokio::test]
    async fn the_whole_event_can_be_the_input() {
        let setup = Setup::new(ECHO).configured(|configuration| configuration.http_input = HttpInput::Event);
        let (status, body) = setup.respond(event!("function_url")).await;
        assert_eq!(status, 200);
        assert_eq!(
            Document::parse(&body).unwrap(),
            Document::parse(event!("function_url")).unwrap()
        );
    }

    #[tokio::test]
    async fn a_body_that_is_not_json_is_refused() {
        for (body, is_base64, cause) in [
            (
                r#""{\"a\":\n 1,}""#,
                "false",
                "the body of the request is not JSON: Unexpected character ('}' (code 125)): was expecting double-quote \
                 to start field name at line 2, column 4",
            ),
            (
                r#""%%%""#,
                "true",
                "the body of the request is not base64: Invalid symbol 37, offset 0.",
            ),
            (
                r#""//8=""#,
                "true",
                "the body of the request is not JSON: Invalid UTF-8 at line 1, column 1",
            ),
        ] {
            let event = testing::with(event!("alb"), "body", body);
            let event = testing::with(&event, "isBase64Encoded", is_base64);
            let expected = Document::object([("error", "Expressway.InvalidBody".into()), ("cause", cause.into())]);
            assert_eq!(Setup::new(ECHO).respond(&event).await, (400, expected.to_json()));
        }
    }

    #[tokio::test]
    async fn an_input_over_262144_bytes_is_refused() {
        let body = |length: usize| Document::from(Document::from("a".repeat(length)).to_json()).to_json();
        let event = testing::with(event!("api_gateway_v2"), "isBase64Encoded", "false");
        let fits = testing::with(&event, "body", &body(262_142));
        assert_eq!(Setup::new(ECHO).respond(&fits).await.0, 200);
        let too_large = testing::with(&event, "body", &body(262_143));
        let expected = r#"{"error":"States.DataLimitExceeded","cause":"the execution's input has 262145 bytes, at most 262144 are allowed"}"#;
        assert_eq!(Setup::new(ECHO).respond(&too_large).await, (413, expected.to_owned()));
    }

    #[tokio::test]
    async fn a_failed_execution_has_the_status_of_its_error() {
        let body = r#"{"error":"OrderInvalid","cause":"no items"}"#.to_owned();
        let failed = Setup::new(FAIL).respond(event!("api_gateway_v2")).await;
        assert_eq!(failed, (500, body.clone()));
        for (name, status) in [("OrderInvalid", 422), ("States.ALL", 409)] {
            let setup = Setup::new(FAIL).configured(|configuration| {
                configuration.http_errors.insert(name.to_owned(), status);
            });
            assert_eq!(setup.respond(event!("api_gateway_v2")).await, (status, body.clone()));
        }
    }

    #[tokio::test]
    async fn a_failure_without_error_and_cause_has_an_empty_body() {
        let fail = r#"{"StartAt":"A","States":{"A":{"Type":"Fail"}}}"#;
        assert_eq!(Setup::new(fail).respond(event!("alb")).await, (500, "{}".to_owned()));
    }

    #[tokio::test]
    async fn errors_of_lambda_have_statuses_of_their_own() {
        for (name, status) in [
            ("Lambda.TooManyRequestsException", 503),
            ("States.Timeout", 504),
            ("Lambda.ServiceException", 500),
        ] {
            let setup = Setup::new(TASK).tasks(move |_| testing::error(name, "ups"));
            let body = format!(r#"{{"error":"{name}","cause":"ups"}}"#);
            assert_eq!(setup.respond(event!("alb")).await, (status, body));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_execution_that_outlives_the_deadline_is_a_gateway_timeout() {
        let setup = Setup::new(TASK).tasks(|_| testing::never()).deadline_in_millis(2000);
        let body = r#"{"error":"States.Timeout","cause":"the execution did not end in the time it had"}"#;
        assert_eq!(setup.respond(event!("api_gateway_v1")).await, (504, body.to_owned()));
    }

    #[tokio::test]
    async fn a_mistake_of_ours_shows_nothing_to_the_caller() {
        let setup = Setup::new(TASK).tasks(|_| panic!("secret"));
        let (status, body) = setup.respond(event!("api_gateway_v2")).await;
        assert_eq!(status, 500);
        let cause = "the execution could not be carried out, the log of request req-1 says why";
        let expected = Document::object([("error", "Expressway.InternalError".into()), ("cause", cause.into())]);
        assert_eq!(body, expected.to_json());
        assert!(
            setup
                .observer
                .problems()
                .iter()
                .any(|problem| problem.contains("secret"))
        );
    }

    #[tokio::test]
    async fn an_output_can_be_the_whole_response() {
        let workflow = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Result":{"statusCode":201,
            "headers":{"Location":"/orders/4711"},"multiValueHeaders":{"Via":["a","b"]},"cookies":["x=1","y=2"],
            "body":{"ok":true}}}}}"#;
        let v1 = r#"{"statusCode":201,"headers":{"Location":"/orders/4711","content-type":"application/json"},"multiValueHeaders":{"Via":["a","b"],"set-cookie":["x=1","y=2"]},"body":"{\"ok\":true}","isBase64Encoded":false}"#;
        let v2 = r#"{"statusCode":201,"headers":{"Location":"/orders/4711","Via":"a,b","content-type":"application/json"},"cookies":["x=1","y=2"],"body":"{\"ok\":true}","isBase64Encoded":false}"#;
        let alb = r#"{"statusCode":201,"statusDescription":"201 Created","headers":{"Location":"/orders/4711","Via":"a,b","content-type":"application/json","set-cookie":"y=2"},"body":"{\"ok\":true}","isBase64Encoded":false}"#;
        let alb_multi_value = r#"{"statusCode":201,"statusDescription":"201 Created","multiValueHeaders":{"Location":["/orders/4711"],"Via":["a","b"],"content-type":["application/json"],"set-cookie":["x=1","y=2"]},"body":"{\"ok\":true}","isBase64Encoded":false}"#;
        for (event, expected) in [
            (event!("api_gateway_v1"), v1),
            (event!("api_gateway_v2"), v2),
            (event!("alb"), alb),
            (event!("alb_multi_value"), alb_multi_value),
        ] {
            assert_eq!(Setup::new(workflow).handle(event).await.as_deref(), Ok(expected));
        }
    }

    #[tokio::test]
    async fn an_output_that_fails_to_be_a_response_is_a_bad_gateway() {
        let workflow = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Result":{"statusCode":99}}}}"#;
        let setup = Setup::new(workflow);
        let body =
            r#"{"error":"Expressway.InvalidResponse","cause":"`statusCode` must be a whole number from 200 to 599"}"#;
        assert_eq!(setup.respond(event!("alb")).await, (502, body.to_owned()));
        assert_eq!(setup.observer.problems().len(), 1);
    }

    #[tokio::test]
    async fn the_idempotency_key_names_the_execution() {
        for (event, name) in [
            (event!("api_gateway_v1").to_owned(), Some("order-4711")),
            (event!("api_gateway_v2").to_owned(), Some("order-4711")),
            (event!("alb_multi_value").to_owned(), Some("order-4711")),
            (event!("alb").to_owned(), None),
            (
                testing::with(event!("alb"), "headers", r#"{"Idempotency-Key":"not a name"}"#),
                None,
            ),
        ] {
            let (_, body) = Setup::new(IDENTITY).respond(&event).await;
            let identity = Document::parse(&body).unwrap();
            let actual = identity.get("name").unwrap().as_str().unwrap();
            match name {
                Some(name) => assert_eq!(actual, name),
                None => assert_eq!(actual.len(), 36),
            }
            let id = identity.get("id").unwrap().as_str().unwrap();
            let start = format!("arn:aws:states:eu-west-1:111122223333:express:orders:{actual}:");
            assert!(id.starts_with(&start), "{id}");
        }
    }
}

mod events {
    use super::*;

    #[tokio::test]
    async fn an_event_is_the_input_and_its_id_the_name() {
        let answer = Setup::new(ECHO).handle(event!("event_bridge")).await.unwrap();
        assert_eq!(
            Document::parse(&answer).unwrap(),
            Document::parse(event!("event_bridge")).unwrap()
        );
        let answer = Setup::new(IDENTITY).handle(event!("event_bridge")).await.unwrap();
        assert!(
            answer.contains(r#""name":"6a7e8feb-b491-4cf7-a9f1-bf3703467718""#),
            "{answer}"
        );
    }

    #[tokio::test]
    async fn a_failed_execution_fails_the_invocation() {
        let expected = InvocationError {
            error_type: "OrderInvalid".into(),
            message: "no items".into(),
        };
        for event in [event!("event_bridge"), event!("scheduler"), event!("sns"), "{}", "7"] {
            assert_eq!(Setup::new(FAIL).handle(event).await, Err(expected.clone()));
        }
        let nameless = r#"{"StartAt":"A","States":{"A":{"Type":"Fail"}}}"#;
        let error = Setup::new(nameless).handle("{}").await.unwrap_err();
        assert_eq!((&*error.error_type, &*error.message), ("ExecutionFailed", ""));
    }

    #[tokio::test]
    async fn an_array_of_events_is_as_many_executions() {
        let second = testing::with(event!("event_bridge"), "id", "\"second\"");
        let array = format!("[{},{second}]", event!("event_bridge"));
        let answer = Setup::new(ECHO).handle(&array).await.unwrap();
        assert_eq!(Document::parse(&answer).unwrap(), Document::parse(&array).unwrap());
    }

    #[tokio::test]
    async fn an_array_fails_when_any_of_its_executions_does_but_all_run() {
        let events: Vec<String> = (0..4)
            .map(|n| testing::with(event!("event_bridge"), "detail", &n.to_string()))
            .collect();
        let array = format!("[{}]", events.join(","));
        let setup = Setup::new(TASK).tasks(|request| match request.input.get("detail").and_then(Document::as_i64) {
            Some(1) => testing::error("First", "one"),
            Some(2) => testing::error("Second", "two"),
            _ => testing::result(Document::Null),
        });
        let error = setup.handle(&array).await.unwrap_err();
        assert_eq!(error.to_string(), "First: 2 of 4 executions failed, the first: one");
        assert_eq!(setup.calls(), 4);
    }

    #[tokio::test]
    async fn anything_else_is_the_input_as_it_is() {
        for event in [
            event!("kinesis"),
            event!("s3"),
            event!("web_socket"),
            "[1,{}]",
            "null",
            "\"text\"",
        ] {
            let answer = Setup::new(ECHO).handle(event).await.unwrap();
            assert_eq!(Document::parse(&answer).unwrap(), Document::parse(event).unwrap());
        }
    }

    #[tokio::test]
    async fn what_is_not_json_fails_the_invocation() {
        for (event, message) in [
            (&b"{\"a\":"[..], "the event is not JSON: Unexpected end-of-input"),
            (b"\"\xff\"", "the event is not JSON: Invalid UTF-8 at line 1, column 2"),
            (b"", "the event is not JSON: Unexpected end-of-input"),
        ] {
            let error = Setup::new(ECHO).handle_bytes(event).await.unwrap_err();
            assert_eq!(error.error_type, "Expressway.InvalidEvent");
            assert!(error.message.starts_with(message), "{error}");
        }
    }

    #[tokio::test]
    async fn a_large_input_fails_the_invocation_and_a_deep_one_does_not() {
        let large = Document::from("a".repeat(10 * 1024 * 1024)).to_json();
        let error = Setup::new(ECHO).handle(&large).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "States.DataLimitExceeded: the execution's input has 10485762 bytes, at most 262144 are allowed"
        );
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert_eq!(Setup::new(ECHO).handle(&deep).await, Ok(deep));
    }
}

mod sqs_batches {
    use super::*;

    /// Runs messages whose body asks for an error by `fail`.
    fn failing() -> Setup {
        Setup::new(TASK).tasks(|request| match request.input.get("fail") {
            Some(_) => testing::error("Failed", "as asked"),
            None => testing::result(request.input.clone()),
        })
    }

    fn message(id: &str, group: Option<&str>, body: &str) -> String {
        let (queue, attributes) = match group {
            Some(group) => ("orders.fifo", format!(r#"{{"MessageGroupId":"{group}"}}"#)),
            None => ("orders", "{}".to_owned()),
        };
        let body = Document::from(body).to_json();
        format!(
            r#"{{"messageId":"{id}","body":{body},"attributes":{attributes},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:111122223333:{queue}"}}"#
        )
    }

    fn batch(messages: &[String]) -> String {
        format!(r#"{{"Records":[{}]}}"#, messages.join(","))
    }

    fn handed_back(ids: &[&str]) -> String {
        let ids = ids
            .iter()
            .map(|id| Document::object([("itemIdentifier", (*id).into())]));
        let ids: Vec<Document> = ids.collect();
        Document::object([("batchItemFailures", ids.into())]).to_json()
    }

    #[tokio::test]
    async fn exactly_the_failed_messages_are_handed_back() {
        let messages = [
            message("m1", None, "{}"),
            message("m2", None, r#"{"fail":1}"#),
            message("m3", None, "text"),
            message("m4", None, r#"{"fail":1}"#),
        ];
        let setup = failing();
        assert_eq!(setup.handle(&batch(&messages)).await, Ok(handed_back(&["m2", "m4"])));
        assert_eq!(setup.calls(), 4);
    }

    #[tokio::test]
    async fn an_empty_batch_has_no_failures() {
        assert_eq!(failing().handle(r#"{"Records":[]}"#).await, Ok(handed_back(&[])));
    }

    #[tokio::test]
    async fn a_body_is_parsed_if_it_is_json_and_a_record_can_be_the_input() {
        let setup = Setup::new(TASK);
        setup.handle(event!("sqs")).await.unwrap();
        let inputs = setup.inputs();
        assert_eq!(inputs, [r#"{"orderId":"1","amount":12.5}"#, r#""not json""#]);

        let setup = Setup::new(TASK).configured(|configuration| configuration.sqs_input = SqsInput::Record);
        setup.handle(event!("sqs")).await.unwrap();
        let batch = Document::parse(event!("sqs")).unwrap();
        let records = batch.get("Records").unwrap().as_array().unwrap();
        let records: Vec<String> = records.iter().map(Document::to_json).collect();
        assert_eq!(setup.inputs(), records);
    }

    #[tokio::test]
    async fn a_message_that_can_not_be_run_is_handed_back_and_the_others_run() {
        let no_body = message("m2", None, "").replace(r#""body":"","#, "");
        let messages = [
            message("m1", None, &"a".repeat(262_143)),
            no_body,
            message("m3", None, "{}"),
        ];
        let setup = failing();
        assert_eq!(setup.handle(&batch(&messages)).await, Ok(handed_back(&["m1", "m2"])));
        let problems = [
            "message m1: States.DataLimitExceeded: the execution's input has 262145 bytes, at most 262144 are allowed",
            "message m2: it has no body",
        ];
        assert_eq!(setup.observer.problems(), problems);
    }

    #[tokio::test]
    async fn a_batch_that_could_not_be_handed_back_fails_before_anything_runs() {
        let good = message("m1", None, "{}");
        for bad in [
            message("", None, "{}"),
            "7".to_owned(),
            good.replace("aws:sqs\"", "aws:sns\""),
            good.replace(r#""messageId":"m1","#, ""),
        ] {
            let setup = failing();
            let error = setup.handle(&batch(&[good.clone(), bad])).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "Expressway.InvalidEvent: record 1 of the batch is not an SQS message with a `messageId`"
            );
            assert_eq!(setup.calls(), 0);
        }
    }

    #[tokio::test]
    async fn after_a_failure_the_rest_of_its_group_is_handed_back_unrun() {
        let messages = [
            message("a1", Some("a"), r#"{"n":"a1"}"#),
            message("b1", Some("b"), r#"{"n":"b1","fail":1}"#),
            message("a2", Some("a"), r#"{"n":"a2"}"#),
            message("b2", Some("b"), r#"{"n":"b2"}"#),
            message("c1", Some("c"), r#"{"n":"c1"}"#),
            message("b3", Some("b"), r#"{"n":"b3"}"#),
        ];
        let setup = failing();
        assert_eq!(
            setup.handle(&batch(&messages)).await,
            Ok(handed_back(&["b1", "b2", "b3"]))
        );
        let mut ran = setup.inputs();
        ran.sort();
        let expected = [
            r#"{"n":"a1"}"#,
            r#"{"n":"a2"}"#,
            r#"{"n":"b1","fail":1}"#,
            r#"{"n":"c1"}"#,
        ];
        assert_eq!(ran, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn groups_run_side_by_side_and_each_in_its_order() {
        let messages = [
            message("a1", Some("a"), r#""a1""#),
            message("b1", Some("b"), r#""b1""#),
            message("a2", Some("a"), r#""a2""#),
            message("b2", Some("b"), r#""b2""#),
        ];
        // Within a group the first takes longer.
        let setup = Setup::new(TASK).tasks(|request| {
            let millis = if request.input.as_str().unwrap_or_default().ends_with('1') {
                100
            } else {
                10
            };
            testing::after_millis(millis)
        });
        assert_eq!(setup.handle(&batch(&messages)).await, Ok(handed_back(&[])));
        assert_eq!(setup.inputs(), [r#""a1""#, r#""b1""#, r#""a2""#, r#""b2""#]);
        assert_eq!(setup.in_flight_max(), 2);
    }

    #[tokio::test]
    async fn message_groups_of_a_standard_queue_promise_no_order() {
        let fair = |id, body| message(id, Some("a"), body).replace("orders.fifo", "orders");
        let messages = [fair("m1", r#"{"fail":1}"#), fair("m2", "{}")];
        assert_eq!(failing().handle(&batch(&messages)).await, Ok(handed_back(&["m1"])));
    }

    #[tokio::test(start_paused = true)]
    async fn executions_at_once_are_bounded() {
        let messages: Vec<String> = (0..50).map(|n| message(&format!("m{n}"), None, "{}")).collect();
        let setup = Setup::new(TASK)
            .tasks(|_| testing::after_millis(10))
            .configured(|configuration| {
                configuration.batch_concurrency = 7;
            });
        assert_eq!(setup.handle(&batch(&messages)).await, Ok(handed_back(&[])));
        assert_eq!(setup.in_flight_max(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_before_the_deadline_is_handed_back_and_what_did_is_not() {
        let messages = [
            message("m1", None, "\"slow\""),
            message("m2", None, "{}"),
            message("m3", None, "{}"),
            message("m4", None, "\"slow\""),
            message("m5", None, "{}"),
        ];
        let setup = Setup::new(TASK)
            .tasks(|request| match request.input.as_str() {
                Some(_) => testing::never(),
                None => testing::after_millis(100),
            })
            .configured(|configuration| configuration.batch_concurrency = 2)
            .deadline_in_millis(2000);
        // The second lane gets as far as m4, m5 is not reached.
        assert_eq!(
            setup.handle(&batch(&messages)).await,
            Ok(handed_back(&["m1", "m4", "m5"]))
        );
        assert_eq!(setup.calls(), 4);
        let problems = ["3 of 5 messages go back to their queue: the deadline came first"];
        assert_eq!(setup.observer.problems(), problems);
    }

    #[tokio::test]
    async fn a_mistake_of_ours_hands_the_message_back() {
        let messages = [message("m1", None, "1"), message("m2", None, "{}")];
        let setup = Setup::new(TASK).tasks(|request| match request.input.as_i64() {
            Some(_) => panic!("bug"),
            None => testing::result(Document::Null),
        });
        assert_eq!(setup.handle(&batch(&messages)).await, Ok(handed_back(&["m1"])));
    }
}

#[tokio::test]
async fn an_observer_hears_the_events_of_every_execution_if_it_wants_to() {
    let setup = Setup::new(ECHO);
    setup.handle(event!("sqs")).await.unwrap();
    let events = setup.observer.events();
    assert_eq!(events.len(), 8, "{events:?}");
    assert_eq!(
        events
            .iter()
            .filter(|event| event.ends_with(" ExecutionSucceeded"))
            .count(),
        2
    );

    let mut setup = Setup::new(ECHO);
    setup.observer.wants_history = false;
    setup.handle(event!("sqs")).await.unwrap();
    assert_eq!(setup.observer.events(), [] as [String; 0]);
}

#[test]
fn handling_can_move_between_threads() {
    fn check<T: Send>(_: &T) {}
    let setup = Setup::new(ECHO);
    check(&setup.handle("{}"));
}
