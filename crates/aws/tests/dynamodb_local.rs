//! Calls to DynamoDB Local, AWS's own stand-in for DynamoDB.
//!
//! Runs when `DYNAMODB_LOCAL_URL` names a server, such as one started by `.ci/dynamodb-local`; says so and passes
//! without it. Each test has a table of its own.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use expressway_asl::Document;
use expressway_aws::{CallError, CallOptions, Client, EndpointOverrides, Service};
use std::io::Write;

/// A table with a partition key `id` and a sort key `n`.
struct Table {
    client: Client,
    name: &'static str,
}

impl Table {
    /// Makes a new table; nothing where no server is.
    async fn new(name: &'static str) -> Option<Table> {
        let Ok(url) = std::env::var("DYNAMODB_LOCAL_URL") else {
            // Past the harness, which shows what a test prints only if it fails.
            std::io::stderr()
                .write_all(b"skipped: DYNAMODB_LOCAL_URL does not name a DynamoDB Local\n")
                .unwrap();
            return None;
        };
        // Tables belong to a key and a region, so that ours meet no others.
        let credentials = Credentials::new("expressway", "test", None, None, "test");
        let config = SdkConfig::builder()
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(url)
            .build();
        let table = Table {
            client: Client::new(config, EndpointOverrides::none()),
            name,
        };
        // Left over from a run before.
        let _ = table.call("deleteTable", "{}").await;
        let definition = r#"{"BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
            "AttributeDefinitions": [
                {"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}
            ]}"#;
        table.call("createTable", definition).await.unwrap();
        Some(table)
    }

    /// Calls an action; parameters get the table's name, also where they write `TABLE`.
    async fn call(&self, action: &str, parameters: &str) -> Result<Document, CallError> {
        let service = Service::find("dynamodb").unwrap();
        let operation = service.operation(action).unwrap();
        let mut parameters = Document::parse(&parameters.replace("TABLE", self.name)).unwrap();
        if !matches!(
            action,
            "batchGetItem" | "batchWriteItem" | "transactWriteItems" | "transactGetItems"
        ) {
            let mut object = parameters.as_object().unwrap().clone();
            object.insert("TableName", self.name.into());
            parameters = object.into();
        }
        let options = CallOptions::default();
        self.client.call(service, operation, &parameters, &options).await
    }

    async fn put(&self, id: &str, n: u32) {
        let item = format!(r#"{{"Item": {{"id": {{"S": "{id}"}}, "n": {{"N": "{n}"}}}}}}"#);
        assert_eq!(self.call("putItem", &item).await.unwrap().to_json(), "{}");
    }

    /// The name and the cause of the error that a call must give.
    async fn error(&self, action: &str, parameters: &str) -> (String, String) {
        let error = self.call(action, parameters).await.unwrap_err();
        (error.name(Service::find("dynamodb").unwrap()), error.cause())
    }
}

fn length(result: &Document, key: &str) -> usize {
    result.get(key).and_then(Document::as_array).unwrap().len()
}

#[tokio::test]
async fn items_are_put_read_changed_and_deleted() {
    let Some(table) = Table::new("items").await else { return };
    let item = r#"{"b":{"B":"AAEC"},"id":{"S":"ü"},"l":{"L":[{"NULL":true},{"BOOL":false}]},"n":{"N":"1"},"s":{"SS":["x","y"]}}"#;
    table.call("putItem", &format!(r#"{{"Item": {item}}}"#)).await.unwrap();
    let key = r#""Key": {"id": {"S": "ü"}, "n": {"N": "1"}}"#;
    let read = table
        .call("getItem", &format!("{{{key}, \"ConsistentRead\": true}}"))
        .await
        .unwrap();
    let members = |item: &Document| item.as_object().unwrap().len();
    let read = read.get("Item").unwrap();
    assert_eq!(members(read), 5);
    for (name, value) in Document::parse(item).unwrap().as_object().unwrap().iter() {
        assert_eq!(read.get(name), Some(value));
    }
    let change = format!(
        r#"{{{key}, "UpdateExpression": "SET amount = if_not_exists(amount, :zero) + :more REMOVE s",
            "ExpressionAttributeValues": {{":zero": {{"N": "0"}}, ":more": {{"N": "12345678901234567890.5"}}}},
            "ReturnValues": "ALL_NEW"}}"#
    );
    let changed = table.call("updateItem", &change).await.unwrap();
    let changed = changed.get("Attributes").unwrap();
    assert_eq!(
        changed.get("amount").unwrap().to_json(),
        r#"{"N":"12345678901234567890.5"}"#
    );
    assert!(changed.get("s").is_none());
    let deleted = table
        .call("deleteItem", &format!(r#"{{{key}, "ReturnValues": "ALL_OLD"}}"#))
        .await
        .unwrap();
    assert_eq!(deleted.get("Attributes"), Some(changed));
    assert_eq!(
        table.call("getItem", &format!("{{{key}}}")).await.unwrap().to_json(),
        "{}"
    );
}

#[tokio::test]
async fn a_condition_that_fails_has_its_name() {
    let Some(table) = Table::new("conditions").await else {
        return;
    };
    table.put("a", 1).await;
    // The item that the answer has then is not in the cause: Step Functions tells name and message.
    for more in ["", r#", "ReturnValuesOnConditionCheckFailure": "ALL_OLD""#] {
        let put = format!(
            r#"{{"Item": {{"id": {{"S": "a"}}, "n": {{"N": "1"}}}}, "ConditionExpression": "attribute_not_exists(id)"{more}}}"#
        );
        let (name, cause) = table.error("putItem", &put).await;
        assert_eq!(name, "DynamoDb.ConditionalCheckFailedException");
        let start = "The conditional request failed (Service: DynamoDb, Status Code: 400, Request ID: ";
        assert!(cause.starts_with(start), "{cause}");
        assert!(cause.ends_with(") (SDK Attempt Count: 1)"), "{cause}");
    }
}

#[tokio::test]
async fn a_transaction_says_why_it_was_cancelled() {
    let Some(table) = Table::new("transactions").await else {
        return;
    };
    table.put("a", 1).await;
    let put = |id: &str, condition: &str| {
        format!(
            r#"{{"Put": {{"TableName": "TABLE", "Item": {{"id": {{"S": "{id}"}}, "n": {{"N": "1"}}}}{condition}}}}}"#
        )
    };
    let condition = r#", "ConditionExpression": "attribute_not_exists(id)""#;
    let [b, a] = [put("b", ""), put("a", condition)];
    let (name, cause) = table
        .error("transactWriteItems", &format!(r#"{{"TransactItems": [{b}, {a}]}}"#))
        .await;
    assert_eq!(name, "DynamoDb.TransactionCanceledException");
    assert!(cause.contains("[None, ConditionalCheckFailed]"), "{cause}");
    // All or nothing.
    let key = r#"{"Key": {"id": {"S": "b"}, "n": {"N": "1"}}}"#;
    assert_eq!(table.call("getItem", key).await.unwrap().to_json(), "{}");

    let token = r#""ClientRequestToken": "token-1""#;
    let once = format!(r#"{{"TransactItems": [{b}], {token}}}"#);
    for _ in 0..2 {
        assert_eq!(table.call("transactWriteItems", &once).await.unwrap().to_json(), "{}");
    }
    let other = put("c", "");
    let (name, _) = table
        .error(
            "transactWriteItems",
            &format!(r#"{{"TransactItems": [{other}], {token}}}"#),
        )
        .await;
    assert_eq!(name, "DynamoDb.IdempotentParameterMismatchException");
    let get = r#"{"TransactItems": [{"Get": {"TableName": "TABLE", "Key": {"id": {"S": "b"}, "n": {"N": "1"}}}}]}"#;
    assert_eq!(
        length(&table.call("transactGetItems", get).await.unwrap(), "Responses"),
        1
    );
}

#[tokio::test]
async fn pages_follow_each_other() {
    let Some(table) = Table::new("pages").await else { return };
    for n in 1..=7 {
        table.put("a", n).await;
    }
    let query = r#""KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": "a"}}, "Limit": 3"#;
    for (action, rest) in [("query", query), ("scan", r#""Limit": 3"#)] {
        let mut sizes = Vec::new();
        let mut from = String::new();
        loop {
            let page = table.call(action, &format!("{{{rest}{from}}}")).await.unwrap();
            assert_eq!(
                page.get("Count").and_then(Document::as_i64),
                Some(length(&page, "Items") as i64)
            );
            sizes.push(length(&page, "Items"));
            match page.get("LastEvaluatedKey") {
                Some(key) => from = format!(r#", "ExclusiveStartKey": {key}"#),
                None => break,
            }
        }
        assert_eq!(sizes, [3, 3, 1], "{action}");
    }
}

#[tokio::test]
async fn batches_write_and_read() {
    let Some(table) = Table::new("batches").await else {
        return;
    };
    let puts = |count: u32| {
        let put = |n| format!(r#"{{"PutRequest": {{"Item": {{"id": {{"S": "a"}}, "n": {{"N": "{n}"}}}}}}}}"#);
        let puts: Vec<String> = (1..=count).map(put).collect();
        format!(r#"{{"RequestItems": {{"TABLE": [{}]}}}}"#, puts.join(", "))
    };
    let written = table.call("batchWriteItem", &puts(25)).await.unwrap();
    assert_eq!(written.get("UnprocessedItems").unwrap().to_json(), "{}");
    let keys: Vec<String> = (1..=25)
        .map(|n| format!(r#"{{"id": {{"S": "a"}}, "n": {{"N": "{n}"}}}}"#))
        .collect();
    let keys = format!(r#"{{"RequestItems": {{"TABLE": {{"Keys": [{}]}}}}}}"#, keys.join(", "));
    let read = table.call("batchGetItem", &keys).await.unwrap();
    // The name of a table is data: it keeps its case.
    assert_eq!(length(read.get("Responses").unwrap(), "batches"), 25);
    let (name, cause) = table.error("batchWriteItem", &puts(26)).await;
    assert_eq!(name, "DynamoDb.DynamoDbException");
    assert!(
        cause.starts_with("Too many items requested for the BatchWriteItem call "),
        "{cause}"
    );
}

#[tokio::test]
async fn errors_have_names_and_causes() {
    let Some(table) = Table::new("errors").await else {
        return;
    };
    for (action, parameters, name, status) in [
        (
            "getItem",
            r#"{"Key": {"wrong": {"S": "a"}}}"#,
            "DynamoDb.DynamoDbException",
            400,
        ),
        (
            "getItem",
            r#"{"Key": {"id": {"N": "a"}, "n": {"N": "1"}}}"#,
            "DynamoDb.DynamoDbException",
            400,
        ),
        ("query", "{}", "DynamoDb.DynamoDbException", 400),
        (
            "createTable",
            r#"{"BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}"#,
            "DynamoDb.ResourceInUseException",
            400,
        ),
        ("describeTable", r#"{}"#, "", 200),
    ] {
        match table.call(action, parameters).await {
            Ok(_) => assert_eq!((name, status), ("", 200), "{action}"),
            Err(error) => {
                let answer = error.answer().unwrap();
                assert_eq!(
                    (&*answer.name(), answer.status),
                    (name, status),
                    "{action}: {}",
                    error.cause()
                );
                assert!(
                    error
                        .cause()
                        .contains("(Service: DynamoDb, Status Code: 400, Request ID: ")
                );
                assert_eq!(answer.attempts, 1);
            }
        }
    }
    table.call("deleteTable", "{}").await.unwrap();
    let (name, cause) = table
        .error("getItem", r#"{"Key": {"id": {"S": "a"}, "n": {"N": "1"}}}"#)
        .await;
    assert_eq!(name, "DynamoDb.ResourceNotFoundException");
    assert!(
        cause.starts_with("Cannot do operations on a non-existent table (Service: DynamoDb, Status Code: 400, "),
        "{cause}"
    );
}
