//! What is sent, and what a definition sees of the answer.

use crate::{Aws, json, name_and_cause, signature};
use expressway_asl::Document;
use expressway_tests::execution::{EXECUTION, MACHINE};
use expressway_tests::server::Reply;

struct Row {
    resource: &'static str,
    parameters: &'static str,
    reply: &'static str,
    /// Method and path, and the service that it is signed for.
    sent: (&'static str, &'static str),
    /// Members of the body, if it is JSON; else a part of it.
    body: &'static str,
    /// The result without metadata.
    result: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        resource: "dynamodb:getItem",
        parameters: r#"{"TableName":"t","Key":{"id":{"S":"1"}}}"#,
        reply: r#"{"Item":{"id":{"S":"1"}}}"#,
        sent: ("POST /", "dynamodb"),
        body: r#"{"TableName":"t","Key":{"id":{"S":"1"}}}"#,
        result: r#"{"Item":{"id":{"S":"1"}}}"#,
    },
    Row {
        resource: "dynamodb:putItem",
        parameters: r#"{"TableName":"t","Item":{"id":{"S":"1"}}}"#,
        reply: "{}",
        sent: ("POST /", "dynamodb"),
        body: r#"{"Item":{"id":{"S":"1"}}}"#,
        result: "{}",
    },
    Row {
        resource: "dynamodb:updateItem",
        parameters: r#"{"TableName":"t","Key":{"id":{"S":"1"}},"UpdateExpression":"SET a=:a"}"#,
        reply: r#"{"Attributes":{"a":{"N":"1"}}}"#,
        sent: ("POST /", "dynamodb"),
        body: r#"{"UpdateExpression":"SET a=:a"}"#,
        result: r#"{"Attributes":{"a":{"N":"1"}}}"#,
    },
    Row {
        resource: "dynamodb:deleteItem",
        parameters: r#"{"TableName":"t","Key":{"id":{"S":"1"}}}"#,
        reply: "{}",
        sent: ("POST /", "dynamodb"),
        body: r#"{"Key":{"id":{"S":"1"}}}"#,
        result: "{}",
    },
    Row {
        resource: "sqs:sendMessage",
        parameters: r#"{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/1/q","MessageBody":{"a":[1,null]}}"#,
        reply: r#"{"MessageId":"m","MD5OfMessageBody":"5"}"#,
        sent: ("POST /", "sqs"),
        body: r#"{"MessageBody":"{\"a\":[1,null]}"}"#,
        result: r#"{"MD5OfMessageBody":"5","MessageId":"m"}"#,
    },
    Row {
        resource: "sns:publish",
        parameters: r#"{"TopicArn":"arn:aws:sns:eu-west-1:1:t","Message":{"a":1}}"#,
        reply: "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>",
        sent: ("POST /", "sns"),
        body: "Message=%7B%22a%22%3A1%7D",
        result: r#"{"MessageId":"m"}"#,
    },
    Row {
        resource: "states:startExecution",
        parameters: r#"{"StateMachineArn":"arn:m","Input":{"a":1},"Name":"n"}"#,
        reply: r#"{"executionArn":"arn:e","startDate":1700000000.5}"#,
        sent: ("POST /", "states"),
        body: r#"{"stateMachineArn":"arn:m","input":"{\"a\":1}","name":"n"}"#,
        result: r#"{"ExecutionArn":"arn:e","StartDate":1700000000500}"#,
    },
    Row {
        resource: "ecs:runTask",
        parameters: r#"{"TaskDefinition":"d","LaunchType":"FARGATE"}"#,
        reply: r#"{"tasks":[{"taskArn":"arn:t","createdAt":1700000000}],"failures":[]}"#,
        sent: ("POST /", "ecs"),
        body: r#"{"taskDefinition":"d","launchType":"FARGATE"}"#,
        result: r#"{"Failures":[],"Tasks":[{"CreatedAt":1700000000000,"TaskArn":"arn:t"}]}"#,
    },
    Row {
        resource: "batch:submitJob",
        parameters: r#"{"JobName":"j","JobQueue":"q","JobDefinition":"d","Parameters":{"x":"1"}}"#,
        reply: r#"{"jobArn":"arn:j","jobId":"1","jobName":"j"}"#,
        sent: ("POST /v1/submitjob", "batch"),
        body: r#"{"jobName":"j","parameters":{"x":"1"}}"#,
        result: r#"{"JobArn":"arn:j","JobId":"1","JobName":"j"}"#,
    },
    Row {
        resource: "glue:startJobRun",
        parameters: r#"{"JobName":"j"}"#,
        reply: r#"{"JobRunId":"r"}"#,
        sent: ("POST /", "glue"),
        body: r#"{"JobName":"j"}"#,
        result: r#"{"JobRunId":"r"}"#,
    },
    Row {
        resource: "athena:startQueryExecution",
        parameters: r#"{"QueryString":"SELECT 1","WorkGroup":"w"}"#,
        reply: r#"{"QueryExecutionId":"q"}"#,
        sent: ("POST /", "athena"),
        body: r#"{"QueryString":"SELECT 1","WorkGroup":"w"}"#,
        result: r#"{"QueryExecutionId":"q"}"#,
    },
    Row {
        resource: "athena:getQueryResults",
        parameters: r#"{"QueryExecutionId":"q"}"#,
        reply: r#"{"ResultSet":{"Rows":[{"Data":[{"VarCharValue":"1"}]}]}}"#,
        sent: ("POST /", "athena"),
        body: r#"{"QueryExecutionId":"q"}"#,
        result: r#"{"ResultSet":{"Rows":[{"Data":[{"VarCharValue":"1"}]}]}}"#,
    },
    Row {
        resource: "codebuild:stopBuild",
        parameters: r#"{"Id":"b"}"#,
        reply: r#"{"build":{"id":"b","startTime":1700000000.123}}"#,
        sent: ("POST /", "codebuild"),
        body: r#"{"id":"b"}"#,
        result: r#"{"Build":{"Id":"b","StartTime":1700000000123}}"#,
    },
    Row {
        resource: "sagemaker:createEndpoint",
        parameters: r#"{"EndpointName":"e","EndpointConfigName":"c"}"#,
        reply: r#"{"EndpointArn":"arn:e"}"#,
        sent: ("POST /", "sagemaker"),
        body: r#"{"EndpointName":"e"}"#,
        result: r#"{"EndpointArn":"arn:e"}"#,
    },
    Row {
        resource: "databrew:startJobRun",
        parameters: r#"{"Name":"j"}"#,
        reply: r#"{"RunId":"r"}"#,
        sent: ("POST /jobs/j/startJobRun", "databrew"),
        body: "",
        result: r#"{"RunId":"r"}"#,
    },
    Row {
        resource: "mediaconvert:createJob",
        parameters: r#"{"Role":"arn:r","Settings":{"TimecodeConfig":{"Source":"ZEROBASED"}}}"#,
        reply: r#"{"job":{"id":"j"}}"#,
        sent: ("POST /2017-08-29/jobs", "mediaconvert"),
        body: r#"{"role":"arn:r"}"#,
        result: r#"{"Job":{"Id":"j"}}"#,
    },
    Row {
        resource: "emr-containers:startJobRun",
        parameters: r#"{"VirtualClusterId":"v","Name":"n"}"#,
        reply: r#"{"id":"r"}"#,
        sent: ("POST /virtualclusters/v/jobruns", "emr-containers"),
        body: r#"{"name":"n"}"#,
        result: r#"{"Id":"r"}"#,
    },
    Row {
        resource: "emr-serverless:startApplication",
        parameters: r#"{"ApplicationId":"a"}"#,
        reply: "{}",
        sent: ("POST /applications/a/start", "emr-serverless"),
        body: "",
        result: "{}",
    },
    Row {
        resource: "eks:deleteCluster",
        parameters: r#"{"Name":"c"}"#,
        reply: r#"{"cluster":{"name":"c"}}"#,
        sent: ("DELETE /clusters/c", "eks"),
        body: "",
        result: r#"{"Cluster":{"Name":"c"}}"#,
    },
    Row {
        resource: "elasticmapreduce:createCluster",
        parameters: r#"{"Name":"c","Instances":{"KeepJobFlowAliveWhenNoSteps":true}}"#,
        reply: r#"{"JobFlowId":"j"}"#,
        sent: ("POST /", "elasticmapreduce"),
        body: r#"{"Name":"c"}"#,
        result: r#"{"ClusterId":"j"}"#,
    },
    Row {
        resource: "elasticmapreduce:addStep",
        parameters: r#"{"ClusterId":"j","Step":{"Name":"s","HadoopJarStep":{"Jar":"a.jar"}}}"#,
        reply: r#"{"StepIds":["s-1"]}"#,
        sent: ("POST /", "elasticmapreduce"),
        body: r#"{"JobFlowId":"j","Steps":[{"Name":"s","HadoopJarStep":{"Jar":"a.jar"}}]}"#,
        result: r#"{"StepId":"s-1"}"#,
    },
    Row {
        resource: "elasticmapreduce:cancelStep",
        parameters: r#"{"ClusterId":"j","StepId":"s-1"}"#,
        reply: r#"{"CancelStepsInfoList":[{"StepId":"s-1","Status":"SUBMITTED"}]}"#,
        sent: ("POST /", "elasticmapreduce"),
        body: r#"{"ClusterId":"j","StepIds":["s-1"]}"#,
        result: r#"{"CancelStepsInfo":{"Status":"SUBMITTED","StepId":"s-1"}}"#,
    },
    Row {
        resource: "elasticmapreduce:setClusterTerminationProtection",
        parameters: r#"{"ClusterId":"j","TerminationProtected":true}"#,
        reply: "{}",
        sent: ("POST /", "elasticmapreduce"),
        body: r#"{"JobFlowIds":["j"],"TerminationProtected":true}"#,
        result: "{}",
    },
    Row {
        resource: "elasticmapreduce:terminateCluster",
        parameters: r#"{"ClusterId":"j"}"#,
        reply: "{}",
        sent: ("POST /", "elasticmapreduce"),
        body: r#"{"JobFlowIds":["j"]}"#,
        result: "{}",
    },
];

/// Whether all members of the expected value are there.
fn contains(actual: &Document, expected: &Document) -> bool {
    match (actual, expected) {
        (Document::Object(actual), Document::Object(expected)) => {
            let mut members = expected.iter();
            members.all(|(key, expected)| actual.get(key).is_some_and(|actual| actual == expected))
        }
        _ => false,
    }
}

fn without_metadata(result: &Document) -> Document {
    let members = result.as_object().unwrap().iter();
    let members = members.filter(|(key, _)| !matches!(&***key, "SdkHttpMetadata" | "SdkResponseMetadata"));
    members
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect::<expressway_asl::document::Object>()
        .into()
}

#[tokio::test]
async fn parameters_are_sent_as_the_service_takes_them_and_results_tell_of_the_answer() {
    for row in ROWS {
        let aws = Aws::scripted([Reply::ok(row.reply).with_header("x-amzn-requestid", "r-1")]).await;
        let result = aws.call(row.resource, row.parameters).await;
        let result = result.unwrap_or_else(|error| panic!("{}: {error:?}", row.resource));
        let request = aws.request();
        let (service, _) = signature(&request).unwrap();
        let sent = format!("{} {}", request.method, request.path);
        assert_eq!((&*sent, &*service), row.sent, "{}", row.resource);
        let body = request.text();
        match Document::parse(row.body) {
            Ok(expected) => assert!(contains(&json(&body), &expected), "{}: {body}", row.resource),
            Err(_) => assert!(body.contains(row.body), "{}: {body}", row.resource),
        }
        assert_eq!(without_metadata(&result), json(row.result), "{}", row.resource);
        let keys: Vec<_> = result
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, _)| key.to_string())
            .collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(
            result
                .get("SdkHttpMetadata")
                .unwrap()
                .get("HttpStatusCode")
                .unwrap()
                .as_i64(),
            Some(200)
        );
        assert_eq!(
            result.get("SdkResponseMetadata").unwrap().to_json(),
            r#"{"RequestId":"r-1"}"#
        );
    }
}

#[tokio::test]
async fn errors_have_the_names_and_words_of_the_first_sdk() {
    for (resource, parameters, status, body, name, cause) in [
        (
            "dynamodb:putItem",
            r#"{"TableName":"t","Item":{}}"#,
            400,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}"#,
            "DynamoDB.ResourceNotFoundException",
            "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ResourceNotFoundException; Request ID: r-1; Proxy: null)",
        ),
        (
            "dynamodb:putItem",
            r#"{"TableName":"t","Item":{}}"#,
            400,
            r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"no"}"#,
            "DynamoDB.AmazonDynamoDBException",
            "no (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: r-1; Proxy: null)",
        ),
        (
            "sns:publish",
            r#"{"TopicArn":"t","Message":"m"}"#,
            404,
            "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message></Error><RequestId>r-1</RequestId></ErrorResponse>",
            "SNS.NotFoundException",
            "Topic does not exist (Service: AmazonSNS; Status Code: 404; Error Code: NotFound; Request ID: r-1; Proxy: null)",
        ),
        (
            "states:startExecution",
            r#"{"StateMachineArn":"arn:m"}"#,
            400,
            r#"{"__type":"com.amazonaws.swf.service.v2.model#StateMachineDoesNotExist","message":"State Machine Does Not Exist: 'arn:m'"}"#,
            "StepFunctions.StateMachineDoesNotExistException",
            "State Machine Does Not Exist: 'arn:m' (Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: r-1; Proxy: null)",
        ),
    ] {
        let aws = Aws::scripted([Reply::status(status, body).with_header("x-amzn-requestid", "r-1")]).await;
        let error = name_and_cause(aws.call(resource, parameters).await);
        assert_eq!(error, (name.to_owned(), cause.to_owned()));
    }
}

#[tokio::test]
async fn a_service_that_is_gone_is_an_error_of_the_client() {
    let aws = Aws::scripted([Reply::Cut]).await;
    let (name, cause) = name_and_cause(
        aws.call("sqs:sendMessage", r#"{"QueueUrl":"q","MessageBody":"b"}"#)
            .await,
    );
    assert_eq!(name, "SQS.SdkClientException");
    assert!(cause.starts_with("Unable to execute HTTP request: "), "{cause}");
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_told_all_at_once_and_not_sent() {
    let aws = Aws::scripted([]).await;
    for (resource, parameters, faults) in [
        (
            "sqs:sendMessage",
            r#"{"MessageBody":"b","Body":"c"}"#,
            "The field 'Body' is not supported by Step Functions, The field 'QueueUrl' is required but was missing",
        ),
        (
            "elasticmapreduce:addStep",
            r#"{"ClusterId":"j","Steps":[]}"#,
            "The field 'Steps' is not supported by Step Functions, The field 'Step' is required but was missing",
        ),
        (
            "bedrock:invokeModel",
            r#"{"ModelId":"m","Input":{"S3Uri":"https://no"}}"#,
            "The value of the field 'Input' has an invalid format, One of the fields 'Body' and 'Input' is required",
        ),
    ] {
        let (name, cause) = name_and_cause(aws.call(resource, parameters).await);
        assert_eq!(name, "States.Runtime");
        let expected = format!("The Parameters '{parameters}' could not be used to start the Task: [{faults}]");
        assert_eq!(cause, expected);
    }
    assert_eq!(aws.requests().len(), 0);
}

#[tokio::test]
async fn events_name_their_execution_and_have_no_metadata() {
    let answer = r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"},{"EventId":"2"}]}"#;
    let aws = Aws::scripted([Reply::ok(answer)]).await;
    let parameters = r#"{"Entries":[{"Detail":{"a":1},"DetailType":"d","Source":"s"},
        {"Detail":"{}","DetailType":"d","Source":"s","Resources":["mine"]}]}"#;
    let result = aws.call("events:putEvents", parameters).await.unwrap();
    assert_eq!(
        result.to_json(),
        r#"{"Entries":[{"EventId":"1"},{"EventId":"2"}],"FailedEntryCount":0}"#
    );
    let body = json(&aws.request().text());
    let entries = body.get("Entries").unwrap().as_array().unwrap();
    let resources = |index: usize| entries[index].get("Resources").unwrap().to_json();
    assert_eq!(resources(0), format!(r#"["{EXECUTION}","{MACHINE}"]"#));
    assert_eq!(resources(1), format!(r#"["mine","{EXECUTION}","{MACHINE}"]"#));
    assert_eq!(entries[0].get("Detail").unwrap().as_str(), Some(r#"{"a":1}"#));
}

#[tokio::test]
async fn an_event_that_fails_fails_the_task_with_the_whole_answer() {
    let answer =
        r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."}]}"#;
    let aws = Aws::scripted([Reply::ok(answer)]).await;
    let parameters = r#"{"Entries":[{"Detail":"\"x\"","DetailType":"d","Source":"s"}]}"#;
    let (name, cause) = name_and_cause(aws.call("events:putEvents", parameters).await);
    assert_eq!(name, "EventBridge.FailedEntry");
    assert_eq!(
        cause,
        r#"{"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."}],"FailedEntryCount":1}"#
    );
}

#[tokio::test]
async fn a_group_of_instances_is_found_by_its_name() {
    let aws = Aws::scripted([
        Reply::ok(r#"{"InstanceGroups":[{"Id":"ig-1","Name":"core"}],"Marker":"next"}"#),
        Reply::ok(r#"{"InstanceGroups":[{"Id":"ig-2","Name":"task"}]}"#),
        Reply::ok("{}"),
    ])
    .await;
    let parameters = r#"{"ClusterId":"j","InstanceGroupName":"task","InstanceGroup":{"InstanceCount":3}}"#;
    aws.call("elasticmapreduce:modifyInstanceGroupByName", parameters)
        .await
        .unwrap();
    let bodies: Vec<String> = aws.requests().iter().map(|request| request.text()).collect();
    assert_eq!(
        bodies,
        [
            r#"{"ClusterId":"j"}"#,
            r#"{"ClusterId":"j","Marker":"next"}"#,
            r#"{"ClusterId":"j","InstanceGroups":[{"InstanceCount":3,"InstanceGroupId":"ig-2"}]}"#,
        ]
    );
}

#[tokio::test]
async fn models_get_and_give_json() {
    let aws = Aws::scripted([Reply::ok(r#"{"completion":"hi"}"#)]).await;
    let parameters = r#"{"ModelId":"anthropic.claude-v2","Body":{"prompt":"hello"}}"#;
    let result = aws.call("bedrock:invokeModel", parameters).await.unwrap();
    assert_eq!(
        result.to_json(),
        r#"{"Body":{"completion":"hi"},"ContentType":"application/json"}"#
    );
    let request = aws.request();
    assert_eq!(request.path, "/model/anthropic.claude-v2/invoke");
    assert_eq!(request.text(), r#"{"prompt":"hello"}"#);
}

#[tokio::test]
async fn bodies_of_models_can_be_in_s3() {
    let aws = Aws::with(|request| match (&*request.method, &*request.path) {
        ("GET", path) if path.starts_with("/in/prompt.json") => Reply::ok(r#"{"prompt":"hello"}"#),
        ("PUT", path) if path.starts_with("/out/answer.json") => Reply::ok(""),
        ("POST", "/model/m/invoke") => Reply::ok(r#"{"completion":"hi"}"#),
        _ => Reply::status(404, "{}"),
    })
    .await;
    let parameters =
        r#"{"ModelId":"m","Input":{"S3Uri":"s3://in/prompt.json"},"Output":{"S3Uri":"s3://out/answer.json"}}"#;
    let result = aws.call("bedrock:invokeModel", parameters).await.unwrap();
    assert_eq!(
        result.to_json(),
        r#"{"Body":"s3://out/answer.json","ContentType":"application/json"}"#
    );
    let requests = aws.requests();
    assert_eq!(requests[1].text(), r#"{"prompt":"hello"}"#);
    assert_eq!(requests[2].text(), r#"{"completion":"hi"}"#);
}
