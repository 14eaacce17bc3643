use super::*;

fn from(variables: &[(&str, &str)]) -> Result<Configuration, Mistakes> {
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Configuration::from_env(variables)
}

#[test]
fn the_definition_is_all_that_must_be_set() {
    let configuration = from(&[("EXPRESSWAY_DEFINITION", "workflow.asl.json"), ("HOME", "/root")]).unwrap();
    assert_eq!(configuration.definition, Definition::File("workflow.asl.json".into()));
    assert_eq!(configuration.state_machine_name, "expressway");
    assert_eq!(configuration.execution_time_max, Duration::from_secs(300));
    assert_eq!(configuration.deadline_reserve, Duration::from_millis(500));
    assert_eq!(configuration.task_concurrency, 256);
    assert_eq!(configuration.map_concurrency, 40);
    assert_eq!(configuration.log_level, LogLevel::Error);
    assert!(!configuration.log_execution_data);
    assert_eq!(configuration.http_input, HttpInput::Body);
    assert_eq!(configuration.sqs_input, SqsInput::Body);
}

#[test]
fn every_variable_is_read() {
    let configuration = from(&[
        ("AWS_LAMBDA_FUNCTION_NAME", "orders-function"),
        ("EXPRESSWAY_DEFINITION", " {\"StartAt\": \"A\"}"),
        ("EXPRESSWAY_SUBSTITUTIONS", r#"{"Charge":"arn:aws:lambda:..."}"#),
        ("EXPRESSWAY_STATE_MACHINE_NAME", "orders"),
        ("EXPRESSWAY_ROLE_ARN", "arn:aws:iam::111122223333:role/orders"),
        ("EXPRESSWAY_TIMEOUT_SECONDS", "900"),
        ("EXPRESSWAY_DEADLINE_RESERVE_MILLIS", "250"),
        ("EXPRESSWAY_MAX_CONCURRENCY", "16"),
        ("EXPRESSWAY_MAP_CONCURRENCY", "5"),
        ("EXPRESSWAY_BATCH_CONCURRENCY", "10"),
        ("EXPRESSWAY_LOG_LEVEL", "ALL"),
        ("EXPRESSWAY_LOG_EXECUTION_DATA", "true"),
        ("EXPRESSWAY_HTTP_INPUT", "event"),
        ("EXPRESSWAY_HTTP_ERRORS", r#"{"OrderInvalid":400,"States.ALL":502}"#),
        ("EXPRESSWAY_SQS_INPUT", "record"),
    ])
    .unwrap();
    assert_eq!(
        configuration.definition,
        Definition::Inline(" {\"StartAt\": \"A\"}".into())
    );
    assert_eq!(configuration.substitutions["Charge"], "arn:aws:lambda:...");
    assert_eq!(configuration.state_machine_name, "orders");
    assert_eq!(
        configuration.role_arn.as_deref(),
        Some("arn:aws:iam::111122223333:role/orders")
    );
    assert_eq!(configuration.execution_time_max, Duration::from_secs(900));
    assert_eq!(configuration.deadline_reserve, Duration::from_millis(250));
    assert_eq!(configuration.task_concurrency, 16);
    assert_eq!(configuration.map_concurrency, 5);
    assert_eq!(configuration.batch_concurrency, 10);
    assert_eq!(configuration.log_level, LogLevel::All);
    assert!(configuration.log_execution_data);
    assert_eq!(configuration.http_input, HttpInput::Event);
    assert_eq!(configuration.http_errors["OrderInvalid"], 400);
    assert_eq!(configuration.http_errors["States.ALL"], 502);
    assert_eq!(configuration.sqs_input, SqsInput::Record);
}

#[test]
fn sources_are_answered_as_configured() {
    let configuration = from(&[
        ("EXPRESSWAY_DEFINITION", "{}"),
        ("EXPRESSWAY_HTTP_RESPONSE", "output"),
        ("EXPRESSWAY_HTTP_CAUSE", "none"),
        ("EXPRESSWAY_HTTP_METHODS", "get, POST"),
        ("EXPRESSWAY_HEALTH_PATH", "/health"),
        ("EXPRESSWAY_RECORDS", "event"),
        ("EXPRESSWAY_PIPES", "enrichment"),
    ]);
    let configuration = configuration.unwrap();
    assert_eq!(configuration.http_response, HttpResponse::Output);
    assert_eq!(configuration.http_cause, HttpCause::None);
    assert_eq!(configuration.http_methods.unwrap(), ["GET", "POST"]);
    assert_eq!(configuration.health_path.as_deref(), Some("/health"));
    assert_eq!(configuration.records_input, RecordsInput::Event);
    assert_eq!(configuration.pipes, Pipes::Enrichment);
    let methods = |value| from(&[("EXPRESSWAY_DEFINITION", "{}"), ("EXPRESSWAY_HTTP_METHODS", value)]);
    let array = methods(r#"["HEAD","PUT"]"#).unwrap();
    assert_eq!(array.http_methods.unwrap(), ["HEAD", "PUT"]);
    for wrong in ["[]", "GET,,PUT", "7", r#"["GET",7]"#, r#"{"GET":1}"#, "G T"] {
        let mistakes = methods(wrong).unwrap_err();
        let expected = format!(
            "EXPRESSWAY_HTTP_METHODS is `{wrong}`, but must be a JSON array or a comma-separated list of HTTP methods"
        );
        assert_eq!(mistakes.list, [expected]);
    }
    let mistakes = from(&[("EXPRESSWAY_DEFINITION", "{}"), ("EXPRESSWAY_HEALTH_PATH", "health")]).unwrap_err();
    assert_eq!(
        mistakes.list,
        ["EXPRESSWAY_HEALTH_PATH is `health`, but must be a path that begins with `/`"]
    );
}

#[test]
fn the_state_machine_is_named_after_the_function() {
    let configuration = from(&[("EXPRESSWAY_DEFINITION", "{}"), ("AWS_LAMBDA_FUNCTION_NAME", "orders")]).unwrap();
    assert_eq!(configuration.state_machine_name, "orders");
}

#[test]
fn a_relative_path_is_in_the_package() {
    for (path, expected) in [
        ("workflow.asl.json", "/var/task/workflow.asl.json"),
        ("./a/b.yaml", "/var/task/./a/b.yaml"),
        ("/opt/workflow.asl.json", "/opt/workflow.asl.json"),
    ] {
        let variables = [("EXPRESSWAY_DEFINITION", path), ("LAMBDA_TASK_ROOT", "/var/task")];
        assert_eq!(from(&variables).unwrap().definition, Definition::File(expected.into()));
    }
}

#[test]
fn a_variable_set_to_nothing_is_not_set() {
    let configuration = from(&[("EXPRESSWAY_DEFINITION", "{}"), ("EXPRESSWAY_TIMEOUT_SECONDS", "")]).unwrap();
    assert_eq!(configuration.execution_time_max, Duration::from_secs(300));
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let mistakes = from(&[
        ("EXPRESSWAY_DEFINITION", "s3://bucket"),
        ("EXPRESSWAY_SUBSTITUTIONS", r#"{"Charge": 7}"#),
        ("EXPRESSWAY_STATE_MACHINE_NAME", "my orders"),
        ("EXPRESSWAY_TIMEOUT_SECONDS", "901"),
        ("EXPRESSWAY_MAX_CONCURRENCY", "many"),
        ("EXPRESSWAY_LOG_LEVEL", "DEBUG"),
        ("EXPRESSWAY_HTTP_ERRORS", r#"{"OrderInvalid": 200}"#),
        ("EXPRESSWAY_SQS_INPUT", "Body"),
        ("EXPRESSWAY_LOGLEVEL", "ALL"),
        ("EXPRESSWAY_TELEPORT", "yes"),
    ])
    .unwrap_err();
    let expected = [
        "EXPRESSWAY_DEFINITION is `s3://bucket`, but must be `s3://bucket/key`, perhaps with `?versionId=` and a version",
        "EXPRESSWAY_SUBSTITUTIONS is `{\"Charge\": 7}`, but must be a JSON object of strings",
        "EXPRESSWAY_STATE_MACHINE_NAME is `my orders`, but must be a name of 1 to 80 characters, without white space \
         and ?*<>{}[]\"#%\\^|~`$&,;:/",
        "EXPRESSWAY_TIMEOUT_SECONDS is `901`, but must be a whole number from 1 to 900",
        "EXPRESSWAY_MAX_CONCURRENCY is `many`, but must be a whole number from 1 to 1000",
        "EXPRESSWAY_LOG_LEVEL is `DEBUG`, but must be one of `ALL`, `ERROR`, `FATAL`, `OFF`",
        "EXPRESSWAY_HTTP_ERRORS is `{\"OrderInvalid\": 200}`, but must be a JSON object of numbers from 400 to 599",
        "EXPRESSWAY_SQS_INPUT is `Body`, but must be one of `body`, `record`",
        "EXPRESSWAY_LOGLEVEL is no known variable, did you mean EXPRESSWAY_LOG_LEVEL?",
        "EXPRESSWAY_TELEPORT is no known variable",
    ];
    assert_eq!(mistakes.list, expected);
}

#[test]
fn a_missing_definition_and_bad_json_are_explained() {
    let mistakes = from(&[("EXPRESSWAY_SUBSTITUTIONS", "{Charge}")]).unwrap_err();
    let expected = [
        "EXPRESSWAY_DEFINITION is not set, it must be the path of a definition, or a definition in JSON",
        "EXPRESSWAY_SUBSTITUTIONS is `{Charge}`, but must be a JSON object of strings: Unexpected character ('C' (code \
         67)): was expecting double-quote to start field name at line 1, column 2",
    ];
    assert_eq!(mistakes.list, expected);
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf8_is_a_mistake_only_if_it_is_ours() {
    use std::os::unix::ffi::OsStringExt;
    let broken = || OsString::from_vec(vec![b'a', 0xff]);
    let variables = [
        ("EXPRESSWAY_DEFINITION".into(), "{}".into()),
        ("OTHER".into(), broken()),
        ("EXPRESSWAY_ROLE_ARN".into(), broken()),
    ];
    let mistakes = Configuration::from_env(variables).unwrap_err();
    assert_eq!(mistakes.list, ["EXPRESSWAY_ROLE_ARN is `a\u{fffd}`, but must be UTF-8"]);
}

#[test]
fn a_definition_can_be_in_a_bucket() {
    for (url, key, version) in [
        ("s3://flows/orders/v1.asl.json", "orders/v1.asl.json", None),
        ("s3://flows/a?versionId=3HL4", "a", Some("3HL4")),
    ] {
        let definition = from(&[("EXPRESSWAY_DEFINITION", url)]).unwrap().definition;
        let expected = Definition::S3 {
            bucket: "flows".to_owned(),
            key: key.to_owned(),
            version: version.map(str::to_owned),
        };
        assert_eq!(definition, expected);
    }
    for url in ["s3://", "s3:///key", "s3://flows/", "s3://flows/a?versionId="] {
        assert!(from(&[("EXPRESSWAY_DEFINITION", url)]).is_err(), "{url}");
    }
}

#[test]
fn large_values_have_a_bucket_or_none() {
    let configuration = from(&[("EXPRESSWAY_DEFINITION", "{}")]).unwrap();
    assert_eq!(configuration.payloads, None);
    let configuration = from(&[
        ("EXPRESSWAY_DEFINITION", "{}"),
        ("EXPRESSWAY_BUCKET", "large"),
        ("EXPRESSWAY_PREFIX", "team/a"),
        ("EXPRESSWAY_PAYLOAD_BYTES", "100000"),
        ("EXPRESSWAY_CACHE_BYTES", "0"),
        ("EXPRESSWAY_ALLOWED_BUCKETS", r#"["theirs"]"#),
        ("EXPRESSWAY_LARGE_RESPONSE", "reference"),
    ])
    .unwrap();
    let expected = PayloadOptions {
        bucket: "large".to_owned(),
        prefix: "team/a".to_owned(),
        cache_bytes: 0,
        allowed_buckets: vec!["theirs".to_owned()],
        ..PayloadOptions::new("")
    };
    assert_eq!(configuration.payloads, Some(expected));
    assert_eq!(configuration.payload_bytes, 100_000);
    assert_eq!(configuration.large_response, LargeResponse::Reference);
    let mistakes = from(&[
        ("EXPRESSWAY_DEFINITION", "{}"),
        ("EXPRESSWAY_PAYLOAD_BYTES", "300000"),
        ("EXPRESSWAY_ALLOWED_BUCKETS", r#"["theirs"]"#),
    ])
    .unwrap_err();
    let expected = [
        "EXPRESSWAY_PAYLOAD_BYTES is `300000`, but must be a whole number from 16384 to 262144",
        "EXPRESSWAY_BUCKET is not set, it must be, for EXPRESSWAY_ALLOWED_BUCKETS",
    ];
    assert_eq!(mistakes.list, expected);
}

#[test]
fn endpoints_are_patterns() {
    let endpoints = |variables: &[(&str, &str)]| {
        let variables = [&[("EXPRESSWAY_DEFINITION", "{}")], variables].concat();
        from(&variables).map(|configuration| configuration.endpoints)
    };
    let api = || vec![HostPattern::parse("*.shop.example").unwrap()];
    let http = vec![UrlPattern::parse("https://api.shop.example/*").unwrap()];
    for (variables, expected) in [
        (&[][..], AllowedEndpoints::default()),
        (
            &[(API_ENDPOINTS, r#"["*.shop.example"]"#)],
            AllowedEndpoints::new(api(), None),
        ),
        (&[(HTTP_ENDPOINTS, "[]")], AllowedEndpoints::new(vec![], Some(vec![]))),
        (
            &[
                (API_ENDPOINTS, r#"["*.shop.example"]"#),
                (HTTP_ENDPOINTS, r#"["https://api.shop.example/*"]"#),
            ],
            AllowedEndpoints::new(api(), Some(http)),
        ),
    ] {
        assert_eq!(endpoints(variables).as_ref(), Ok(&expected));
        let environment = variables.iter().map(|(name, value)| (name.into(), value.into()));
        assert_eq!(endpoints_from_env(environment), Ok(expected));
    }
    for (name, value, problem) in [
        (API_ENDPOINTS, "shop.example", "it is not an array"),
        (API_ENDPOINTS, "{}", "it is not an array"),
        (API_ENDPOINTS, "[7]", "an item is not a string"),
        (API_ENDPOINTS, r#"["a.example", "b/c"]"#, "`b/c` is not a host"),
        (
            HTTP_ENDPOINTS,
            r#"["a.example"]"#,
            "`a.example` does not begin with `https://`",
        ),
        (
            HTTP_ENDPOINTS,
            r#"["https://a.example*"]"#,
            "`a.example*` ends in a wildcard, so it also matches hosts of other domains; write a `/` behind the host",
        ),
    ] {
        let expected = format!("{name} is `{value}`, but must be a JSON array of patterns: {problem}");
        let mistakes = endpoints(&[(name, value)]).unwrap_err();
        assert_eq!(mistakes.list, [expected]);
        assert_eq!(endpoints_from_env([(name.into(), value.into())]), Err(mistakes));
    }
}
