use super::*;

fn request(service: &str, action: &str, parameters: &str) -> Result<Request, ParameterError> {
    let service = Service::find(service).unwrap();
    let operation = service.operation(action).unwrap();
    Request::new(
        service,
        operation,
        &Document::parse(parameters).unwrap(),
        Some("the-token"),
    )
}

#[track_caller]
fn check(service: &str, action: &str, parameters: &str, line: &str, body: &str) {
    let request = request(service, action, parameters).unwrap();
    assert_eq!(format!("{} {}", request.method, request.uri()), line);
    assert_eq!(String::from_utf8(request.body).unwrap(), body);
}

#[test]
fn every_protocol_writes_its_own_way() {
    let item = r#"{"TableName": "orders", "Key": {"id": {"S": "1"}}}"#;
    let body = r#"{"TableName":"orders","Key":{"id":{"S":"1"}}}"#;
    check("dynamodb", "getItem", item, "POST /", body);

    let parameters = r#"{"FunctionName": "f:1", "Qualifier": "a b", "Payload": {"a": 1}}"#;
    let line = "POST /2015-03-31/functions/f%3A1/invocations?Qualifier=a%20b";
    check("lambda", "invoke", parameters, line, r#"{"a":1}"#);

    let parameters = r#"{"TopicArn": "t", "Message": "a b", "MessageAttributes": {"k": {"DataType": "String"}}}"#;
    let body = "Action=Publish&Version=2010-03-31&TopicArn=t&Message=a%20b\
        &MessageAttributes.entry.1.Name=k&MessageAttributes.entry.1.Value.DataType=String";
    check("sns", "publish", parameters, "POST /", body);

    let parameters = r#"{"Filters": [{"Name": "n", "Values": ["v"]}], "MaxResults": 5}"#;
    let body = "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=n&Filter.1.Value.1=v&MaxResults=5";
    check("ec2", "describeInstances", parameters, "POST /", body);

    let parameters = r#"{"Bucket": "b", "Tagging": {"TagSet": [{"Key": "k", "Value": "<v>"}]}}"#;
    let body = "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <TagSet><Tag><Key>k</Key><Value>&lt;v&gt;</Value></Tag></TagSet></Tagging>";
    check("s3", "putBucketTagging", parameters, "PUT /?tagging", body);
}

#[test]
fn names_may_be_those_of_the_api_too() {
    for key in ["StateMachineArn", "stateMachineArn"] {
        let parameters = format!(r#"{{"{key}": "arn"}}"#);
        check(
            "sfn",
            "describeStateMachine",
            &parameters,
            "POST /",
            r#"{"stateMachineArn":"arn"}"#,
        );
    }
}

#[test]
fn null_is_left_out_and_other_values_become_text() {
    let parameters = r#"{"StateMachineArn": "arn", "Input": {"a": [1, null]}, "Name": null}"#;
    let body = r#"{"stateMachineArn":"arn","input":"{\"a\":[1,null]}"}"#;
    check("sfn", "startExecution", parameters, "POST /", body);
    let parameters = r#"{"StateMachineArn": "arn", "MaxResults": "5"}"#;
    check(
        "sfn",
        "listExecutions",
        parameters,
        "POST /",
        r#"{"stateMachineArn":"arn","maxResults":5}"#,
    );
}

#[test]
fn a_token_is_filled_in_unless_given() {
    let body = |parameters: &str| {
        let request = request("secretsmanager", "putSecretValue", parameters).unwrap();
        String::from_utf8(request.body).unwrap()
    };
    assert_eq!(
        body(r#"{"SecretId": "s"}"#),
        r#"{"SecretId":"s","ClientRequestToken":"the-token"}"#
    );
    assert_eq!(
        body(r#"{"ClientRequestToken": "mine"}"#),
        r#"{"ClientRequestToken":"mine"}"#
    );
    assert_eq!(
        body(r#"{"ClientRequestToken": null}"#),
        r#"{"ClientRequestToken":"the-token"}"#
    );
}

#[test]
fn moments_have_the_form_of_their_place() {
    let parameters = r#"{"Bucket": "b", "Key": "k", "IfModifiedSince": "2026-01-31T23:59:59.5Z"}"#;
    let header = request("s3", "getObject", parameters).unwrap();
    assert_eq!(
        header.header("if-modified-since"),
        Some("Sat, 31 Jan 2026 23:59:59 GMT")
    );
    let parameters = r#"{"Entries": [{"Time": "2026-01-31T23:59:59.5Z"}]}"#;
    check(
        "eventbridge",
        "putEvents",
        parameters,
        "POST /",
        r#"{"Entries":[{"Time":1769903999.5}]}"#,
    );
}

#[test]
fn a_path_keeps_its_parts_apart() {
    let line = |key: &str| {
        let parameters = format!(r#"{{"Bucket": "b", "Key": "{key}"}}"#);
        request("s3", "getObject", &parameters).map(|request| request.uri())
    };
    assert_eq!(line("a/b c?d").unwrap(), "/a/b%20c%3Fd");
    let parameters = r#"{"FunctionName": "../other", "Payload": "{}"}"#;
    let invoke = request("lambda", "invoke", parameters).unwrap();
    assert_eq!(invoke.path, "/2015-03-31/functions/..%2Fother/invocations");
    assert!(request("lambda", "getFunction", r#"{"FunctionName": ""}"#).is_err());
}

#[test]
fn a_host_label_must_be_one() {
    let parameters = |account: &str| format!(r#"{{"AccountId": "{account}", "JobId": "j"}}"#);
    let prefix = request("s3control", "describeJob", &parameters("123456789012"))
        .unwrap()
        .host_prefix;
    assert_eq!(prefix.as_deref(), Some("123456789012."));
    assert!(request("s3control", "describeJob", &parameters("evil.example/")).is_err());
}

#[test]
fn what_does_not_fit_says_where() {
    for (service, action, parameters, message) in [
        ("dynamodb", "getItem", r#"{"Table": "t"}"#, "unknown parameter `Table`"),
        (
            "dynamodb",
            "query",
            r#"{"Limit": "many"}"#,
            "expected a number, found string at `Limit`",
        ),
        (
            "dynamodb",
            "getItem",
            r#"{"Key": {"id": {"SS": "a"}}}"#,
            "expected an array, found string at `Key.id.SS`",
        ),
        (
            "eventbridge",
            "putEvents",
            r#"{"Entries": [{"Time": "soon"}]}"#,
            "expected a timestamp, found string at `Entries.0.Time`",
        ),
        (
            "sns",
            "publish",
            r#"{"MessageAttributes": []}"#,
            "expected an object, found array at `MessageAttributes`",
        ),
        (
            "s3",
            "putBucketTagging",
            r#"{"Tagging": {"TagSet": 1}}"#,
            "expected an array, found number at `Tagging.TagSet`",
        ),
        (
            "s3",
            "getObject",
            r#"{"Bucket": "b"}"#,
            "missing or unusable parameter `Key`",
        ),
    ] {
        let error = request(service, action, parameters).unwrap_err();
        assert_eq!(error.to_string(), message, "{service}:{action}");
    }
}

#[test]
fn parameters_nest_to_a_limit() {
    let nested = |levels: usize| {
        let value = format!(
            r#"{}{{"S": "x"}}{}"#,
            r#"{"M": {"a": "#.repeat(levels),
            "}}".repeat(levels)
        );
        request(
            "dynamodb",
            "putItem",
            &format!(r#"{{"TableName": "t", "Item": {{"a": {value}}}}}"#),
        )
    };
    assert!(nested(254).is_ok());
    let error = nested(255).unwrap_err();
    assert_eq!(error.to_string(), "the parameters nest more than 512 levels deep");
}
