//! Calls to `moto_server`, a stand-in for AWS in Python.
//!
//! Runs when `MOTO_URL` names a fresh server, such as one started by
//! `pip install 'moto[server]' && moto_server -p 5000`; says so and passes without it.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use expressway_asl::Document;
use expressway_aws::{CallError, CallOptions, Client, EndpointOverrides, Service};
use std::io::Write;

/// Service, action, parameters, and a key that the result has; `{}` for an empty result, or an error name.
type Call = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const CALLS: &[Call] = &[
    ("dynamodb", "createTable", r#"{"TableName": "orders", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}"#, "TableDescription"),
    ("dynamodb", "putItem", r#"{"TableName": "orders", "Item": {"id": {"S": "1"}, "n": {"N": "7"}}}"#, "{}"),
    ("dynamodb", "getItem", r#"{"TableName": "orders", "Key": {"id": {"S": "1"}}}"#, "Item"),
    ("dynamodb", "updateItem", r#"{"TableName": "orders", "Key": {"id": {"S": "1"}}, "UpdateExpression": "SET n = n + :one", "ExpressionAttributeValues": {":one": {"N": "1"}}, "ReturnValues": "ALL_NEW"}"#, "Attributes"),
    ("dynamodb", "query", r#"{"TableName": "orders", "KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": "1"}}}"#, "Items"),
    ("dynamodb", "putItem", r#"{"TableName": "orders", "Item": {"id": {"S": "1"}}, "ConditionExpression": "attribute_not_exists(id)"}"#, "DynamoDb.ConditionalCheckFailedException"),
    ("dynamodb", "getItem", r#"{"TableName": "nowhere", "Key": {"id": {"S": "1"}}}"#, "DynamoDb.ResourceNotFoundException"),
    ("dynamodb", "deleteItem", r#"{"TableName": "orders", "Key": {"id": {"S": "1"}}}"#, "{}"),
    ("s3", "createBucket", r#"{"Bucket": "orders", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}"#, "Location"),
    ("s3", "getBucketLocation", r#"{"Bucket": "orders"}"#, "LocationConstraint"),
    ("s3", "putObject", r#"{"Bucket": "orders", "Key": "a b/ü.json", "Body": {"a": 1}, "Metadata": {"colour": "red"}}"#, "ETag"),
    ("s3", "getObject", r#"{"Bucket": "orders", "Key": "a b/ü.json"}"#, "Body"),
    ("s3", "headObject", r#"{"Bucket": "orders", "Key": "a b/ü.json"}"#, "ContentLength"),
    ("s3", "headObject", r#"{"Bucket": "orders", "Key": "nothing"}"#, "S3.NoSuchKeyException"),
    ("s3", "getObject", r#"{"Bucket": "orders", "Key": "nothing"}"#, "S3.NoSuchKeyException"),
    ("s3", "listObjectsV2", r#"{"Bucket": "orders"}"#, "Contents"),
    ("s3", "listObjectsV2", r#"{"Bucket": "nowhere"}"#, "S3.NoSuchBucketException"),
    ("s3", "putBucketTagging", r#"{"Bucket": "orders", "Tagging": {"TagSet": [{"Key": "k", "Value": "v"}]}}"#, "{}"),
    ("s3", "getBucketTagging", r#"{"Bucket": "orders"}"#, "TagSet"),
    ("s3", "copyObject", r#"{"Bucket": "orders", "Key": "copy", "CopySource": "orders/a%20b/%C3%BC.json"}"#, "CopyObjectResult"),
    ("s3", "deleteObjects", r#"{"Bucket": "orders", "Delete": {"Objects": [{"Key": "copy"}]}}"#, "Deleted"),
    ("s3", "listBuckets", "{}", "Buckets"),
    ("sqs", "createQueue", r#"{"QueueName": "orders", "Attributes": {"VisibilityTimeout": "30"}}"#, "QueueUrl"),
    ("sqs", "getQueueUrl", r#"{"QueueName": "orders"}"#, "QueueUrl"),
    ("sqs", "getQueueUrl", r#"{"QueueName": "nowhere"}"#, "Sqs.QueueDoesNotExistException"),
    ("sqs", "listQueues", "{}", "QueueUrls"),
    ("sns", "createTopic", r#"{"Name": "orders", "Attributes": {"DisplayName": "Orders"}}"#, "TopicArn"),
    ("sns", "publish", r#"{"TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders", "Message": {"a": 1}, "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}}"#, "MessageId"),
    ("sns", "publish", r#"{"TopicArn": "arn:aws:sns:eu-west-1:123456789012:nowhere", "Message": "m"}"#, "Sns.NotFoundException"),
    ("sns", "listTopics", "{}", "Topics"),
    ("eventbridge", "putEvents", r#"{"Entries": [{"Source": "s", "DetailType": "t", "Detail": "{}"}]}"#, "FailedEntryCount"),
    ("eventbridge", "listEventBuses", "{}", "EventBuses"),
    ("secretsmanager", "createSecret", r#"{"Name": "orders", "SecretString": "text"}"#, "ARN"),
    ("secretsmanager", "getSecretValue", r#"{"SecretId": "orders"}"#, "CreatedDate"),
    ("secretsmanager", "getSecretValue", r#"{"SecretId": "nowhere"}"#, "SecretsManager.ResourceNotFoundException"),
    ("ssm", "putParameter", r#"{"Name": "/orders", "Value": "text", "Type": "String"}"#, "Version"),
    ("ssm", "getParameter", r#"{"Name": "/orders"}"#, "Parameter"),
    ("ssm", "getParameter", r#"{"Name": "/nowhere"}"#, "Ssm.ParameterNotFoundException"),
    ("sts", "getCallerIdentity", "{}", "Account"),
    ("sts", "assumeRole", r#"{"RoleArn": "arn:aws:iam::123456789012:role/orders", "RoleSessionName": "session"}"#, "Credentials"),
    ("iam", "createRole", r#"{"RoleName": "orders", "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}"#, "Role"),
    ("iam", "getRole", r#"{"RoleName": "nowhere"}"#, "Iam.NoSuchEntityException"),
    ("iam", "listRoles", "{}", "Roles"),
    ("kms", "createKey", "{}", "KeyMetadata"),
    ("kms", "listKeys", "{}", "Keys"),
    ("kinesis", "createStream", r#"{"StreamName": "orders", "ShardCount": 1}"#, "{}"),
    ("kinesis", "describeStreamSummary", r#"{"StreamName": "orders"}"#, "StreamDescriptionSummary"),
    ("kinesis", "putRecord", r#"{"StreamName": "orders", "Data": "text", "PartitionKey": "k"}"#, "SequenceNumber"),
    ("sfn", "listStateMachines", "{}", "StateMachines"),
    ("sfn", "describeExecution", r#"{"ExecutionArn": "arn:aws:states:eu-west-1:123456789012:execution:m:e"}"#, "Sfn.ExecutionDoesNotExistException"),
    ("ec2", "describeInstances", r#"{"Filters": [{"Name": "instance-state-name", "Values": ["running"]}]}"#, "Reservations"),
    ("ec2", "createVpc", r#"{"CidrBlock": "10.0.0.0/16"}"#, "Vpc"),
    ("ec2", "describeVpcs", "{}", "Vpcs"),
    ("ec2", "describeVpcs", r#"{"VpcIds": ["vpc-nowhere"]}"#, "Ec2.Ec2Exception"),
    ("cloudwatch", "putMetricData", r#"{"Namespace": "orders", "MetricData": [{"MetricName": "m", "Value": 1.5, "Timestamp": "2026-01-01T00:00:00Z"}]}"#, "{}"),
    ("cloudwatch", "listMetrics", r#"{"Namespace": "orders"}"#, "Metrics"),
    ("cloudwatchlogs", "createLogGroup", r#"{"LogGroupName": "orders"}"#, "{}"),
    ("cloudwatchlogs", "describeLogGroups", "{}", "LogGroups"),
    ("ecs", "createCluster", r#"{"ClusterName": "orders"}"#, "Cluster"),
    ("ecs", "describeClusters", r#"{"Clusters": ["orders"]}"#, "Clusters"),
    ("lambda", "listFunctions", "{}", "Functions"),
    ("lambda", "getFunction", r#"{"FunctionName": "nowhere"}"#, "Lambda.ResourceNotFoundException"),
    ("apigateway", "createRestApi", r#"{"Name": "orders"}"#, "Id"),
    ("apigateway", "getRestApis", "{}", "Items"),
    ("route53", "createHostedZone", r#"{"Name": "example.com", "CallerReference": "r"}"#, "HostedZone"),
    ("route53", "listHostedZones", "{}", "HostedZones"),
    ("rds", "describeDBInstances", "{}", "DBInstances"),
    ("rds", "describeDBInstances", r#"{"DBInstanceIdentifier": "nowhere"}"#, "Rds.DbInstanceNotFoundException"),
    ("cloudformation", "listStacks", "{}", "StackSummaries"),
    ("autoscaling", "describeAutoScalingGroups", "{}", "AutoScalingGroups"),
    ("elasticloadbalancingv2", "describeLoadBalancers", "{}", "LoadBalancers"),
    ("batch", "describeJobQueues", "{}", "JobQueues"),
    ("glue", "createDatabase", r#"{"DatabaseInput": {"Name": "orders"}}"#, "{}"),
    ("glue", "getDatabases", "{}", "DatabaseList"),
    ("athena", "listWorkGroups", "{}", "WorkGroups"),
    ("firehose", "listDeliveryStreams", "{}", "DeliveryStreamNames"),
    ("ecr", "createRepository", r#"{"RepositoryName": "orders"}"#, "Repository"),
    ("acm", "listCertificates", "{}", "CertificateSummaryList"),
    ("ses", "verifyEmailIdentity", r#"{"EmailAddress": "a@example.com"}"#, "{}"),
    ("cloudfront", "listDistributions", "{}", "DistributionList"),
];

#[tokio::test]
async fn moto_understands_us_and_we_understand_it() {
    let Ok(url) = std::env::var("MOTO_URL") else {
        // Past the harness, which shows what a test prints only if it fails.
        std::io::stderr()
            .write_all(b"skipped: MOTO_URL does not name a moto server\n")
            .unwrap();
        return;
    };
    let credentials = SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test"));
    let config = SdkConfig::builder()
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials)
        .endpoint_url(url)
        .build();
    let client = Client::new(config, EndpointOverrides::none());
    let mut failed = Vec::new();
    for call in CALLS {
        if let Err(problem) = check(&client, call).await {
            failed.push(format!("{}:{} {problem}", call.0, call.1));
        }
    }
    eprintln!("{} calls, {} failed", CALLS.len(), failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

async fn check(client: &Client, (service, action, parameters, expected): &Call) -> Result<(), String> {
    let service = Service::find(service).ok_or("no such service")?;
    let operation = service.operation(action).ok_or("no such action")?;
    let parameters = Document::parse(parameters).unwrap();
    let result = client
        .call(service, operation, &parameters, &CallOptions::default())
        .await;
    match result {
        Ok(result) if result.get(expected).is_some() || result.to_json() == **expected => Ok(()),
        Err(CallError::Answered(error)) if error.name() == *expected => Ok(()),
        Ok(result) => Err(format!("gave {result}, expected {expected}")),
        Err(error) => Err(format!(
            "gave {} {}, expected {expected}",
            error.name(service),
            error.cause()
        )),
    }
}
