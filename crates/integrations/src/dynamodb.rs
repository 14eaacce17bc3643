//! DynamoDB writes of tasks as parts of a transaction, so that a write and the record of it happen together or not
//! at all.

use crate::metadata;
use crate::optimized::Integration;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_asl::resource::Resource;
use expressway_aws::Service;
use expressway_aws::response::ErrorAnswer;
use expressway_engine::StateError;

/// What both an operation and a member of a transaction take.
const COMMON: &[&str] = &[
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
    "TableName",
];

/// What an operation may ask for that a transaction does not tell; it does not matter if the value is `NONE`.
const ANSWERS: &[&str] = &["ReturnConsumedCapacity", "ReturnItemCollectionMetrics", "ReturnValues"];

/// Why a transaction was cancelled, and the error of the operation alone.
///
/// # Source
/// "CancellationReasons" of `TransactWriteItems` in the DynamoDB API reference.
const REASONS: &[(&str, &str)] = &[
    ("ConditionalCheckFailed", "ConditionalCheckFailedException"),
    (
        "ItemCollectionSizeLimitExceeded",
        "ItemCollectionSizeLimitExceededException",
    ),
    (
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
    ),
    ("ThrottlingError", "ThrottlingException"),
    ("TransactionConflict", "TransactionConflictException"),
    ("ValidationError", "ValidationException"),
];

/// The kinds of writes, by their names in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Put,
    Update,
    Delete,
}

/// A put, update or delete that can be a part of a transaction.
#[derive(Clone, Debug)]
pub struct Write<'r> {
    kind: Kind,
    resource: &'r Resource,
    parameters: &'r Object,
}

impl<'r> Write<'r> {
    /// What a task writes, given its resource and its effective input.
    ///
    /// `None` if it calls something else, or asks for what a transaction can not do: to return attributes or
    /// capacity, or conditions and updates in the form that came before expressions. Such a write is made alone.
    pub fn of(resource: &'r Resource, input: &'r Document) -> Option<Write<'r>> {
        let action = match resource {
            Resource::Optimized { service, action, .. } | Resource::AwsSdk { service, action, .. }
                if **service == *"dynamodb" =>
            {
                action
            }
            _ => return None,
        };
        let (kind, own): (Kind, &[&str]) = match &**action {
            "putItem" => (Kind::Put, &["Item"]),
            "updateItem" => (Kind::Update, &["Key", "UpdateExpression"]),
            "deleteItem" => (Kind::Delete, &["Key"]),
            _ => return None,
        };
        let parameters = input.as_object()?;
        let given: Vec<(&Text, &Document)> = parameters.iter().filter(|(_, value)| !value.is_null()).collect();
        let fits = |(key, value): &(&Text, &Document)| {
            let is_silent = ANSWERS.contains(&&***key) && value.as_str() == Some("NONE");
            is_silent || COMMON.contains(&&***key) || own.contains(&&***key)
        };
        let has = |name: &&str| given.iter().any(|(key, _)| ***key == **name);
        (given.iter().all(fits) && own.iter().all(has) && has(&"TableName")).then_some(Write {
            kind,
            resource,
            parameters,
        })
    }

    /// The name of the table, or its ARN.
    pub fn table(&self) -> &str {
        let table = self.parameters.get("TableName").and_then(Document::as_str);
        table.unwrap_or_default()
    }

    /// The write as an item of `TransactWriteItems`: `{"Put": {"TableName": .., "Item": ..}}`.
    pub fn transact_item(&self) -> Document {
        let kind = match self.kind {
            Kind::Put => "Put",
            Kind::Update => "Update",
            Kind::Delete => "Delete",
        };
        let members = self.parameters.iter();
        let members = members.filter(|(key, value)| !value.is_null() && !ANSWERS.contains(&&***key));
        let members: Object = members.map(|(key, value)| (Text::clone(key), value.clone())).collect();
        Document::object([(kind, members.into())])
    }

    /// The task's result, if the transaction succeeded with these headers: nothing, and about the answer what the
    /// optimized integration tells.
    pub fn result<'h>(&self, headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Document {
        const OK: u16 = 200;
        let mut result = Object::new();
        if matches!(self.resource, Resource::Optimized { .. }) {
            metadata::insert(&mut result, "dynamodb", OK, headers);
        }
        result.into()
    }

    /// The task's error for an error of DynamoDB, or for the reason why the transaction was cancelled on account of
    /// this write (`ConditionalCheckFailed`): named and worded as if the write had been made alone.
    pub fn error(&self, code: &str, message: Option<&str>, status: u16, request_id: Option<&str>) -> StateError {
        let reason = REASONS.iter().find(|(reason, _)| *reason == code);
        let code = reason.map_or(code, |(_, code)| *code);
        let answer = ErrorAnswer {
            service: "DynamoDb".to_owned(),
            code: code.to_owned(),
            exception: is_modelled(self.resource.name(), code).then(|| code.into()),
            message: message.map(str::to_owned),
            status,
            request_id: request_id.map(str::to_owned),
            extended_request_id: None,
            body: Document::Null,
            attempts: 1,
        };
        match self.resource {
            Resource::Optimized { service, action, .. } => match Integration::find(service, action) {
                Ok(integration) => integration.answered(&answer),
                Err(problem) => crate::optimized::not_supported(problem),
            },
            _ => StateError::new(answer.name().as_str(), answer.cause()),
        }
    }
}

/// Whether the model of the action knows this error.
fn is_modelled(action: &str, code: &str) -> bool {
    let Some(dynamodb) = Service::find("dynamodb") else {
        return false;
    };
    let errors = dynamodb
        .operation(action)
        .into_iter()
        .flat_map(|operation| &operation.errors);
    let mut exceptions = errors.filter_map(|id| dynamodb.structure(*id)?.exception.as_ref());
    exceptions.any(|exception| *exception.name == *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(action: &str, is_sdk: bool) -> Resource {
        let (service, action) = ("dynamodb".into(), action.into());
        match is_sdk {
            true => Resource::AwsSdk {
                arn: "a".into(),
                service,
                action,
            },
            false => Resource::Optimized {
                arn: "a".into(),
                service,
                action,
            },
        }
    }

    #[test]
    fn writes_are_items_of_a_transaction() {
        for (action, parameters, expected) in [
            (
                "putItem",
                r#"{"TableName":"t","Item":{"id":{"S":"1"}},"ReturnValues":"NONE","ConditionExpression":null}"#,
                Some(r#"{"Put":{"TableName":"t","Item":{"id":{"S":"1"}}}}"#),
            ),
            (
                "updateItem",
                r#"{"TableName":"t","Key":{"id":{"S":"1"}},"UpdateExpression":"SET a=:a","ExpressionAttributeValues":{":a":{"N":"1"}}}"#,
                Some(
                    r#"{"Update":{"TableName":"t","Key":{"id":{"S":"1"}},"UpdateExpression":"SET a=:a","ExpressionAttributeValues":{":a":{"N":"1"}}}}"#,
                ),
            ),
            (
                "deleteItem",
                r#"{"TableName":"t","Key":{"id":{"S":"1"}},"ConditionExpression":"attribute_exists(id)"}"#,
                Some(
                    r#"{"Delete":{"TableName":"t","Key":{"id":{"S":"1"}},"ConditionExpression":"attribute_exists(id)"}}"#,
                ),
            ),
            ("updateItem", r#"{"TableName":"t","Key":{}}"#, None),
            (
                "updateItem",
                r#"{"TableName":"t","Key":{},"UpdateExpression":"u","ReturnValues":"ALL_NEW"}"#,
                None,
            ),
            ("putItem", r#"{"TableName":"t","Item":{},"Expected":{}}"#, None),
            ("putItem", r#"{"Item":{}}"#, None),
            ("getItem", r#"{"TableName":"t","Key":{}}"#, None),
        ] {
            let (resource, parameters) = (resource(action, false), Document::parse(parameters).unwrap());
            let item = Write::of(&resource, &parameters).map(|write| write.transact_item().to_json());
            assert_eq!(item.as_deref(), expected, "{action}");
        }
        let other = Resource::Function { arn: "f".into() };
        assert!(Write::of(&other, &Document::Null).is_none());
    }

    #[test]
    fn results_and_errors_are_those_of_the_write_alone() {
        let parameters = Document::parse(r#"{"TableName":"t","Item":{}}"#).unwrap();
        let (optimized, sdk) = (resource("putItem", false), resource("putItem", true));
        let optimized = Write::of(&optimized, &parameters).unwrap();
        let sdk = Write::of(&sdk, &parameters).unwrap();
        assert_eq!(sdk.table(), "t");
        assert_eq!(sdk.result([]).to_json(), "{}");
        let result = optimized.result([("x-amzn-requestid", "r-1")]);
        assert_eq!(
            result.get("SdkResponseMetadata").unwrap().to_json(),
            r#"{"RequestId":"r-1"}"#
        );
        for (write, code, name, cause) in [
            (
                &optimized,
                "ConditionalCheckFailed",
                "DynamoDB.ConditionalCheckFailedException",
                "no (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ConditionalCheckFailedException; Request ID: r-1; Proxy: null)",
            ),
            (
                &optimized,
                "ValidationError",
                "DynamoDB.AmazonDynamoDBException",
                "no (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: r-1; Proxy: null)",
            ),
            (
                &sdk,
                "ResourceNotFoundException",
                "DynamoDb.ResourceNotFoundException",
                "no (Service: DynamoDb, Status Code: 400, Request ID: r-1) (SDK Attempt Count: 1)",
            ),
        ] {
            assert_eq!(
                write.error(code, Some("no"), 400, Some("r-1")),
                StateError::new(name, cause)
            );
        }
    }
}
