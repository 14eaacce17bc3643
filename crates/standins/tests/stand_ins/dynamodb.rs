use crate::{at, call, seeded};

const ORDERS: &str = "tables: {orders: {key: orderId, items: [{orderId: A, total: 19.90, state: NEW}]}}";

#[tokio::test]
async fn conditional_writes_are_refused_with_the_old_item() {
    let stand_ins = seeded(ORDERS).await;
    let put = r#"{"TableName": "orders", "Item": {"orderId": {"S": "A"}},
        "ConditionExpression": "attribute_not_exists(orderId)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}"#;
    let refused = call(&stand_ins, "dynamodb:putItem", put).await;
    assert_eq!(
        refused.unwrap_err(),
        "DynamoDb.ConditionalCheckFailedException: The conditional request failed"
    );
    let update = r##"{"TableName": "orders", "Key": {"orderId": {"S": "A"}}, "UpdateExpression": "SET #s = :s",
        "ConditionExpression": "#s = :old", "ExpressionAttributeNames": {"#s": "state"},
        "ExpressionAttributeValues": {":s": {"S": "PAID"}, ":old": {"S": "NEW"}}, "ReturnValues": "ALL_NEW"}"##;
    let updated = call(&stand_ins, "dynamodb:updateItem", update).await.unwrap();
    assert_eq!(at(&updated, "Attributes/state/S"), "PAID");
    assert!(call(&stand_ins, "dynamodb:updateItem", update).await.is_err());
    let get = r#"{"TableName": "orders", "Key": {"orderId": {"S": "A"}}}"#;
    let item = call(&stand_ins, "dynamodb:getItem", get).await.unwrap();
    assert_eq!(
        (at(&item, "Item/total/N"), at(&item, "Item/state/S")),
        ("19.9".into(), "PAID".into())
    );
    let effects = stand_ins.effects();
    let shown: Vec<_> = effects
        .iter()
        .map(|effect| (effect.action, effect.detail.as_str()))
        .collect();
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!(shown.first().unwrap().0, "update");
    assert!(shown.first().unwrap().1.contains(r#""state":"PAID""#), "{shown:?}");
}

#[tokio::test]
async fn transactions_tell_why_they_were_cancelled() {
    let stand_ins = seeded(ORDERS).await;
    let transaction = r#"{"TransactItems": [
        {"Put": {"TableName": "orders", "Item": {"orderId": {"S": "B"}}}},
        {"Put": {"TableName": "orders", "Item": {"orderId": {"S": "A"}}, "ConditionExpression": "attribute_not_exists(orderId)"}}
    ]}"#;
    let error = call(&stand_ins, "dynamodb:transactWriteItems", transaction)
        .await
        .unwrap_err();
    assert!(error.starts_with("DynamoDb.TransactionCanceledException: "), "{error}");
    assert!(error.contains("[None, ConditionalCheckFailed]"), "{error}");
    let get = r#"{"TableName": "orders", "Key": {"orderId": {"S": "B"}}}"#;
    let item = call(&stand_ins, "dynamodb:getItem", get).await.unwrap();
    assert_eq!(at(&item, "Item"), "none");
    assert_eq!(stand_ins.effects(), []);
}

#[tokio::test]
async fn a_transaction_with_the_same_token_happens_once() {
    let stand_ins = seeded(ORDERS).await;
    let transaction = r#"{"ClientRequestToken": "t-1", "TransactItems": [{"Update": {"TableName": "orders",
        "Key": {"orderId": {"S": "A"}}, "UpdateExpression": "ADD visits :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}}]}"#;
    for _ in 0..3 {
        call(&stand_ins, "dynamodb:transactWriteItems", transaction)
            .await
            .unwrap();
    }
    let get = r#"{"TableName": "orders", "Key": {"orderId": {"S": "A"}}}"#;
    let item = call(&stand_ins, "dynamodb:getItem", get).await.unwrap();
    assert_eq!(at(&item, "Item/visits/N"), "1");
}

#[tokio::test]
async fn mistakes_have_the_names_of_dynamodb() {
    let stand_ins = seeded(ORDERS).await;
    for (action, parameters, expected) in [
        (
            "getItem",
            r#"{"TableName": "missing", "Key": {"orderId": {"S": "A"}}}"#,
            "DynamoDb.ResourceNotFoundException: Requested resource not found",
        ),
        (
            "putItem",
            r#"{"TableName": "orders", "Item": {"id": {"S": "A"}}}"#,
            "DynamoDb.DynamoDbException: One or more parameter values were invalid: Missing the key orderId in the item",
        ),
        (
            "updateItem",
            r#"{"TableName": "orders", "Key": {"orderId": {"S": "A"}}, "UpdateExpression": "SET state = :s"}"#,
            "DynamoDb.DynamoDbException: 1 validation error detected: Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: state",
        ),
    ] {
        let error = call(&stand_ins, &format!("dynamodb:{action}"), parameters)
            .await
            .unwrap_err();
        assert!(error.starts_with(expected), "{action}: {error}");
    }
}

#[tokio::test]
async fn seeds_make_indexes_and_sort_keys() {
    let seed = r#"
tables:
  visits:
    key: [customer, at]
    types: {at: N}
    indexes: {byPage: {key: [page, at]}}
    ttl: expires
    items:
      - {customer: C, at: 2, page: home}
      - {customer: C, at: 10, page: home}
      - {customer: D, at: 3, page: cart}
"#;
    let stand_ins = seeded(seed).await;
    let query = r#"{"TableName": "visits", "IndexName": "byPage", "KeyConditionExpression": "page = :p",
        "ExpressionAttributeValues": {":p": {"S": "home"}}, "ScanIndexForward": false}"#;
    let found = call(&stand_ins, "dynamodb:query", query).await.unwrap();
    assert_eq!(
        (at(&found, "Count"), at(&found, "Items/0/at/N")),
        ("2".into(), "10".into())
    );
    let ttl = call(&stand_ins, "dynamodb:describeTimeToLive", r#"{"TableName": "visits"}"#)
        .await
        .unwrap();
    assert_eq!(at(&ttl, "TimeToLiveDescription/AttributeName"), "expires");
}
