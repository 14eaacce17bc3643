use super::*;

fn response<'r>(status: u16, headers: &'r [(&'r str, &'r str)], body: &'r str) -> Response<'r> {
    Response {
        status,
        headers,
        body: body.as_bytes(),
    }
}

#[track_caller]
fn check(service: &str, action: &str, headers: &[(&str, &str)], body: &str, result: &str) {
    let service = Service::find(service).unwrap();
    let operation = service.operation(action).unwrap();
    let found = response(200, headers, body).result(service, operation).unwrap();
    assert_eq!(found.to_json(), result);
}

fn error(service: &str, action: &str, status: u16, headers: &[(&str, &str)], body: &str) -> ErrorAnswer {
    let service = Service::find(service).unwrap();
    let operation = service.operation(action).unwrap();
    let response = response(status, headers, body);
    assert!(response.is_error(service, operation));
    response.error(service, operation)
}

#[test]
fn every_protocol_is_read_its_own_way() {
    let answer = r#"{"executionArn": "arn", "startDate": 1700000000.5, "unknown": 1}"#;
    let result = r#"{"ExecutionArn":"arn","StartDate":"2023-11-14T22:13:20.500Z"}"#;
    check("sfn", "startExecution", &[], answer, result);

    let headers = [("X-Amz-Executed-Version", "$LATEST")];
    let result = r#"{"ExecutedVersion":"$LATEST","Payload":"{\"a\":1}","StatusCode":200}"#;
    check("lambda", "invoke", &headers, r#"{"a":1}"#, result);

    let answer = "<ListTopicsResponse><ListTopicsResult><Topics><member><TopicArn>t</TopicArn></member></Topics>\
        </ListTopicsResult></ListTopicsResponse>";
    check("sns", "listTopics", &[], answer, r#"{"Topics":[{"TopicArn":"t"}]}"#);

    let answer = "<DescribeVpcsResponse><vpcSet><item><vpcId>v</vpcId><isDefault>true</isDefault></item></vpcSet>\
        </DescribeVpcsResponse>";
    check(
        "ec2",
        "describeVpcs",
        &[],
        answer,
        r#"{"Vpcs":[{"IsDefault":true,"VpcId":"v"}]}"#,
    );

    let answer = "<ListBucketResult><KeyCount>1</KeyCount><Contents><Key>k</Key><Size>7</Size></Contents>\
        </ListBucketResult>";
    check(
        "s3",
        "listObjectsV2",
        &[],
        answer,
        r#"{"Contents":[{"Key":"k","Size":7}],"KeyCount":1}"#,
    );
}

#[test]
fn an_object_of_s3_comes_as_text_with_its_headers() {
    let headers = [
        ("ETag", "\"e\""),
        ("Content-Length", "4"),
        ("Last-Modified", "Sat, 31 Jan 2026 23:59:59 GMT"),
        ("x-amz-meta-Colour", "red"),
    ];
    let result = r#"{"Body":"text","ContentLength":4,"ETag":"\"e\"","LastModified":"2026-01-31T23:59:59Z","Metadata":{"Colour":"red"}}"#;
    check("s3", "getObject", &headers, "text", result);
    check("s3", "getObject", &[], "", r#"{"Body":"","Metadata":{}}"#);
}

#[test]
fn bytes_are_text_if_they_can_be() {
    check(
        "kms",
        "decrypt",
        &[],
        r#"{"Plaintext": "dGV4dA=="}"#,
        r#"{"Plaintext":"text"}"#,
    );
    check(
        "kms",
        "decrypt",
        &[],
        r#"{"Plaintext": "//8="}"#,
        r#"{"Plaintext":"//8="}"#,
    );
}

#[test]
fn nothing_to_report_is_an_empty_object() {
    check("dynamodb", "putItem", &[], "{}", "{}");
    check("dynamodb", "putItem", &[], "", "{}");
    check("sqs", "deleteMessage", &[], "", "{}");
    check("cloudwatch", "putMetricData", &[], "", "{}");
}

#[test]
fn errors_have_the_names_of_step_functions() {
    let body = r#"{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no"}"#;
    let found = error("dynamodb", "putItem", 400, &[("x-amzn-RequestId", "r")], body);
    assert_eq!(found.name(), "DynamoDb.ResourceNotFoundException");
    assert_eq!(
        found.cause(),
        "no (Service: DynamoDb, Status Code: 400, Request ID: r) (SDK Attempt Count: 1)"
    );

    let body = r#"{"__type": "ValidationException", "message": "no"}"#;
    let found = error("dynamodb", "putItem", 400, &[], body);
    assert_eq!(
        (found.name().as_str(), found.code.as_str()),
        ("DynamoDb.DynamoDbException", "ValidationException")
    );

    let body = "<Error><Code>NoSuchKey</Code><Message>no</Message><RequestId>r</RequestId><HostId>h</HostId></Error>";
    let found = error("s3", "getObject", 404, &[], body);
    assert_eq!(found.name(), "S3.NoSuchKeyException");
    assert!(
        found.cause().contains("Request ID: r, Extended Request ID: h)"),
        "{}",
        found.cause()
    );

    let body = "<ErrorResponse><Error><Code>NotFound</Code><Message>no</Message></Error></ErrorResponse>";
    assert_eq!(error("sns", "publish", 404, &[], body).name(), "Sns.NotFoundException");

    let headers = [("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender")];
    let body = r#"{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no"}"#;
    let found = error("sqs", "sendMessage", 400, &headers, body);
    assert_eq!(found.name(), "Sqs.QueueDoesNotExistException");
    assert_eq!(found.code, "AWS.SimpleQueueService.NonExistentQueue");
}

#[test]
fn an_error_without_a_body_has_its_status() {
    let found = error("dynamodb", "putItem", 503, &[], "<html>");
    assert_eq!(
        (found.name().as_str(), found.code.as_str()),
        ("DynamoDb.DynamoDbException", "503")
    );
    assert!(
        found.cause().starts_with("null (Service: DynamoDb, Status Code: 503"),
        "{}",
        found.cause()
    );
    assert_eq!(error("s3", "headObject", 404, &[], "").name(), "S3.NoSuchKeyException");
    assert_eq!(error("s3", "headBucket", 403, &[], "").name(), "S3.S3Exception");
}

#[test]
fn s3_may_say_so_after_the_status() {
    let body = "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>no</Message></Error>";
    assert_eq!(error("s3", "copyObject", 200, &[], body).code, "InternalError");
    let service = Service::find("s3").unwrap();
    let get = service.operation("getObject").unwrap();
    assert!(
        !response(200, &[], body).is_error(service, get),
        "an object may hold anything"
    );
}

#[test]
fn a_body_in_another_language_is_malformed() {
    let malformed = |service: &str, action: &str, body: &str| {
        let service = Service::find(service).unwrap();
        response(200, &[], body)
            .result(service, service.operation(action).unwrap())
            .unwrap_err()
            .to_string()
    };
    let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
    assert!(malformed("dynamodb", "getItem", &deep).contains("256 levels"));
    assert!(malformed("dynamodb", "getItem", "<html>").starts_with("the answer cannot be read"));
    assert!(malformed("sns", "listTopics", "{}").starts_with("the answer cannot be read"));
    assert!(malformed("cloudwatch", "listMetrics", "\u{1f}").starts_with("the answer cannot be read"));
}

#[test]
fn cbor_is_read_with_all_its_forms() {
    let read = |bytes: &[u8]| cbor::untyped(bytes).map(|value| value.to_json());
    for (bytes, json) in [
        (&[0x18, 0x64][..], "100"),
        (
            &[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            "-18446744073709551616",
        ),
        (&[0xf9, 0x3c, 0x00], "1"),
        (&[0xf9, 0x7c, 0x00], "\"Infinity\""),
        (&[0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], "1.5"),
        (&[0x5f, 0x41, b'a', 0x41, b'b', 0xff], "\"ab\""),
        (&[0xbf, 0x61, b'k', 0x9f, 0xf5, 0xf6, 0xff, 0xff], "{\"k\":[true,null]}"),
        (&[0xc1, 0x00], "0"),
    ] {
        assert_eq!(read(bytes).as_deref(), Some(json), "{bytes:x?}");
    }
    for bytes in [
        &[0x18][..],
        &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x9f],
        &[0xa1, 0x01, 0x02],
    ] {
        assert_eq!(read(bytes), None, "{bytes:x?}");
    }
    assert_eq!(read(&[0x81; 100_000]), None, "too deep");
}
