use crate::{at, call, listening, seeded, with_options};

#[tokio::test]
async fn secrets_are_found_by_name_and_arn() {
    let stand_ins = seeded("secrets: {shop/gateway: {apiKey: k}}").await;
    let secret = call(
        &stand_ins,
        "secretsmanager:getSecretValue",
        r#"{"SecretId": "shop/gateway"}"#,
    )
    .await
    .unwrap();
    assert_eq!(at(&secret, "SecretString"), r#"{"apiKey":"k"}"#);
    let by_arn = format!(r#"{{"SecretId": "{}"}}"#, at(&secret, "ARN"));
    call(
        &stand_ins,
        "secretsmanager:putSecretValue",
        &by_arn.replace('}', r#", "SecretString": "new"}"#),
    )
    .await
    .unwrap();
    let secret = call(&stand_ins, "secretsmanager:getSecretValue", &by_arn)
        .await
        .unwrap();
    assert_eq!(at(&secret, "SecretString"), "new");
    let previous = by_arn.replace('}', r#", "VersionStage": "AWSPREVIOUS"}"#);
    let secret = call(&stand_ins, "secretsmanager:getSecretValue", &previous)
        .await
        .unwrap();
    assert_eq!(at(&secret, "SecretString"), r#"{"apiKey":"k"}"#);
    let error = call(&stand_ins, "secretsmanager:getSecretValue", r#"{"SecretId": "none"}"#)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        "SecretsManager.ResourceNotFoundException: Secrets Manager can't find the specified secret."
    );
}

#[tokio::test]
async fn parameters_are_found_by_name_and_path() {
    let stand_ins = seeded("parameters: {/shop/limit: 100, /shop/eu/currency: EUR}").await;
    let limit = call(&stand_ins, "ssm:getParameter", r#"{"Name": "/shop/limit"}"#)
        .await
        .unwrap();
    assert_eq!(at(&limit, "Parameter/Value"), "100");
    let all = call(
        &stand_ins,
        "ssm:getParametersByPath",
        r#"{"Path": "/shop", "Recursive": true}"#,
    )
    .await
    .unwrap();
    assert_eq!(at(&all, "Parameters/0/Name"), "/shop/eu/currency");
    let direct = call(&stand_ins, "ssm:getParametersByPath", r#"{"Path": "/shop/"}"#)
        .await
        .unwrap();
    assert_eq!(
        (at(&direct, "Parameters/0/Name"), at(&direct, "Parameters/1")),
        ("/shop/limit".into(), "none".into())
    );
    let put = r#"{"Name": "/shop/limit", "Value": "5", "Type": "String"}"#;
    assert!(
        call(&stand_ins, "ssm:putParameter", put)
            .await
            .unwrap_err()
            .starts_with("Ssm.ParameterAlreadyExists")
    );
    let put = put.replace('}', r#", "Overwrite": true}"#);
    assert_eq!(
        at(&call(&stand_ins, "ssm:putParameter", &put).await.unwrap(), "Version"),
        "2"
    );
    assert!(
        call(&stand_ins, "ssm:getParameter", r#"{"Name": "/none"}"#)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn roles_can_be_assumed() {
    let stand_ins = seeded("{}").await;
    let assume = r#"{"RoleArn": "arn:aws:iam::123456789012:role/teller", "RoleSessionName": "s"}"#;
    let assumed = call(&stand_ins, "sts:assumeRole", assume).await.unwrap();
    assert_eq!(
        at(&assumed, "AssumedRoleUser/Arn"),
        "arn:aws:sts::111111111111:assumed-role/teller/s"
    );
    assert_ne!(at(&assumed, "Credentials/SecretAccessKey"), "none");
    let identity = call(&stand_ins, "sts:getCallerIdentity", "{}").await.unwrap();
    assert_eq!(at(&identity, "Account"), "111111111111");
}

#[tokio::test]
async fn executions_are_recorded() {
    let stand_ins = seeded("stateMachines: {invoicing: {output: {invoice: I-1}}}").await;
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:invoicing";
    let start = |input: &str| format!(r#"{{"StateMachineArn": "{machine}", "Name": "e", "Input": {input}}}"#);
    let started = call(&stand_ins, "sfn:startExecution", &start(r#"{"a": 1}"#))
        .await
        .unwrap();
    assert_eq!(
        at(&started, "ExecutionArn"),
        "arn:aws:states:us-east-1:111111111111:execution:invoicing:e"
    );
    assert!(
        call(&stand_ins, "sfn:startExecution", &start(r#"{"a": 1}"#))
            .await
            .is_ok()
    );
    let error = call(&stand_ins, "sfn:startExecution", &start(r#"{"a": 2}"#))
        .await
        .unwrap_err();
    assert!(error.starts_with("Sfn.ExecutionAlreadyExistsException"), "{error}");
    let run = call(&stand_ins, "sfn:startSyncExecution", &start(r#"{"a": 3}"#))
        .await
        .unwrap();
    assert_eq!(
        (at(&run, "Status"), at(&run, "Output")),
        ("SUCCEEDED".into(), r#"{"invoice":"I-1"}"#.into())
    );
    let unknown = start("{}").replace("invoicing", "other");
    let error = call(&stand_ins, "sfn:startSyncExecution", &unknown).await.unwrap_err();
    assert!(error.starts_with("Sfn.StateMachineDoesNotExistException"), "{error}");
    assert_eq!(stand_ins.effects().len(), 2);
}

/// One service of each protocol.
#[tokio::test]
async fn other_services_say_that_they_are_not_there() {
    let (heard, options) = listening();
    let stand_ins = with_options("{}", options).await;
    for (action, parameters, name, service) in [
        ("ecs:listClusters", "{}", "Ecs.EcsException", "ecs"),
        (
            "cloudwatch:listMetrics",
            "{}",
            "CloudWatch.CloudWatchException",
            "monitoring",
        ),
        ("ec2:describeVpcs", "{}", "Ec2.Ec2Exception", "ec2"),
        ("iam:listRoles", "{}", "Iam.IamException", "iam"),
        ("eks:listClusters", "{}", "Eks.EksException", "eks"),
        ("route53:listHostedZones", "{}", "Route53.Route53Exception", "route53"),
    ] {
        let error = call(&stand_ins, action, parameters).await.unwrap_err();
        let message =
            format!("the service `{service}` is not available in a local run: mock the states that call it (--mock)");
        assert_eq!(error, format!("{name}: {message}"));
        assert_eq!(heard.lock().unwrap().pop(), Some(message));
    }
}

#[tokio::test]
async fn actions_that_are_not_there_say_so() {
    let stand_ins = seeded("queues: {q: }").await;
    for (action, parameters) in [
        ("sqs:listQueueTags", r#"{"QueueUrl": "https://x/1/q"}"#),
        ("sns:tagResource", r#"{"ResourceArn": "a", "Tags": []}"#),
        ("eventbridge:listArchives", "{}"),
        ("dynamodb:listBackups", "{}"),
        ("ssm:listDocuments", "{}"),
        ("lambda:listFunctions", "{}"),
    ] {
        let error = call(&stand_ins, action, parameters).await.unwrap_err();
        assert!(error.contains("local run"), "{action}: {error}");
    }
}
