//! DynamoDB, by `dynoxide`: an emulator on SQLite that is tested against the real service.
//!
//! It is called directly: its own server checks more of what a request that no SDK would send looks like, and answers
//! those in other words.
//!
//! DIFFERENCE: items whose time to live is over stay. `TransactionConflict` is never raised: transactions wait for
//! each other.

mod attribute_value;

pub(crate) use attribute_value::{to_plain, to_typed};

use crate::context::Context;
use crate::protocol::{AwsError, list, text};
use dynoxide::{Database, DynoxideError};
use expressway_asl::Document;
use expressway_asl::document::Object;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::path::Path;

/// All tables.
pub(crate) struct DynamoDb {
    database: Database,
}

impl fmt::Debug for DynamoDb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DynamoDb")
    }
}

/// Actions that change items, for the record of effects.
const WRITES: &[&str] = &[
    "BatchExecuteStatement",
    "BatchWriteItem",
    "DeleteItem",
    "ExecuteStatement",
    "ExecuteTransaction",
    "PutItem",
    "TransactWriteItems",
    "UpdateItem",
];

impl DynamoDb {
    /// Tables in this file, or in memory.
    pub(crate) fn open(file: Option<&Path>) -> Result<DynamoDb, String> {
        let database = match file {
            Some(file) => Database::new(&file.to_string_lossy()),
            None => Database::memory(),
        };
        match database {
            Ok(database) => Ok(DynamoDb { database }),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(crate) fn call(&self, context: &Context, action: &str, input: &str) -> Result<Document, AwsError> {
        let output = self.dispatch(action, input).map_err(|error| to_aws(action, &error))?;
        if WRITES.contains(&action)
            && let Ok(input) = Document::parse(input)
        {
            self.record(context, action, &input);
        }
        Document::parse(&output).map_err(|error| AwsError::new("InternalServerError", error.to_string()))
    }

    fn dispatch(&self, action: &str, input: &str) -> Result<String, DynoxideError> {
        let database = &self.database;
        match action {
            "BatchExecuteStatement" => typed(input, |request| database.batch_execute_statement(request)),
            "BatchGetItem" => typed(input, |request| database.batch_get_item(request)),
            "BatchWriteItem" => typed(input, |request| database.batch_write_item(request)),
            "CreateTable" => typed(input, |request| database.create_table(request)),
            "DeleteItem" => typed(input, |request| database.delete_item(request)),
            "DeleteTable" => typed(input, |request| database.delete_table(request)),
            "DescribeStream" => typed(input, |request| database.describe_stream(request)),
            "DescribeTable" => typed(input, |request| database.describe_table(request)),
            "DescribeTimeToLive" => typed(input, |request| database.describe_time_to_live(request)),
            "ExecuteStatement" => typed(input, |request| database.execute_statement(request)),
            "ExecuteTransaction" => typed(input, |request| database.execute_transaction(request)),
            "GetItem" => typed(input, |request| database.get_item(request)),
            "GetRecords" => typed(input, |request| database.get_records(request)),
            "GetShardIterator" => typed(input, |request| database.get_shard_iterator(request)),
            "ListStreams" => typed(input, |request| database.list_streams(request)),
            "ListTables" => typed(input, |request| database.list_tables(request)),
            "ListTagsOfResource" => typed(input, |request| database.list_tags_of_resource(request)),
            "PutItem" => typed(input, |request| database.put_item(request)),
            "Query" => typed(input, |request| database.query(request)),
            "Scan" => typed(input, |request| database.scan(request)),
            "TagResource" => typed(input, |request| database.tag_resource(request)),
            "TransactGetItems" => typed(input, |request| database.transact_get_items(request)),
            "TransactWriteItems" => typed(input, |request| database.transact_write_items(request)),
            "UntagResource" => typed(input, |request| database.untag_resource(request)),
            "UpdateItem" => typed(input, |request| database.update_item(request)),
            "UpdateTable" => typed(input, |request| database.update_table(request)),
            "UpdateTimeToLive" => typed(input, |request| database.update_time_to_live(request)),
            action => Err(DynoxideError::UnsupportedCapability(action.to_owned())),
        }
    }

    fn record(&self, context: &Context, action: &str, input: &Document) {
        match action {
            "BatchWriteItem" => {
                let tables = input.get("RequestItems").and_then(Document::as_object);
                for (table, _) in tables.into_iter().flat_map(Object::iter) {
                    let requests = input
                        .get("RequestItems")
                        .into_iter()
                        .flat_map(|tables| list(tables, table));
                    for request in requests {
                        for (member, action) in [("PutRequest", "PutItem"), ("DeleteRequest", "DeleteItem")] {
                            request
                                .get(member)
                                .inspect(|write| self.record_write(context, action, table, write));
                        }
                    }
                }
            }
            "TransactWriteItems" => {
                for item in list(input, "TransactItems") {
                    for (member, action) in [("Put", "PutItem"), ("Update", "UpdateItem"), ("Delete", "DeleteItem")] {
                        if let Some(write) = item.get(member) {
                            self.record_write(context, action, text(write, "TableName").unwrap_or_default(), write);
                        }
                    }
                }
            }
            "PutItem" | "UpdateItem" | "DeleteItem" => {
                self.record_write(context, action, text(input, "TableName").unwrap_or_default(), input);
            }
            // PartiQL: statements that only read are in there too, and are no effects.
            _ => {
                let statements = list(input, "TransactStatements").chain(list(input, "Statements"));
                for statement in statements.chain([input]).filter_map(|one| text(one, "Statement")) {
                    let verb = statement.trim_start().get(..6).unwrap_or_default();
                    if !verb.eq_ignore_ascii_case("select") {
                        context.record("dynamodb", "PartiQL", "statement", statement);
                    }
                }
            }
        }
    }

    /// What is there after a write: the item, or the key of what was deleted.
    fn record_write(&self, context: &Context, action: &str, table: &str, write: &Document) {
        let (verb, detail) = match action {
            "PutItem" => ("put", write.get("Item").map(to_plain)),
            "UpdateItem" => {
                let key = write.get("Key").cloned().unwrap_or_default();
                let read = Document::object([("TableName", table.into()), ("Key", key.clone())]).to_json();
                let answer = self
                    .dispatch("GetItem", &read)
                    .ok()
                    .and_then(|json| Document::parse(&json).ok());
                let item = answer.as_ref().and_then(|answer| answer.get("Item"));
                ("update", Some(to_plain(item.unwrap_or(&key))))
            }
            _ => ("delete", write.get("Key").map(to_plain)),
        };
        context.record("dynamodb", table, verb, detail.unwrap_or_default().to_json());
    }
}

fn typed<Request: DeserializeOwned, Output: Serialize>(
    input: &str,
    call: impl FnOnce(Request) -> Result<Output, DynoxideError>,
) -> Result<String, DynoxideError> {
    let request = serde_json::from_str(input).map_err(|error| refused(&error.to_string()))?;
    let output = call(request)?;
    serde_json::to_string(&output).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// What is wrong with a request that can not be read. The crate marks in the text which exception it is.
fn refused(problem: &str) -> DynoxideError {
    let problem = problem.rsplit_once(" at line ").map_or(problem, |(before, _)| before);
    for marker in ["SERIALIZATION:", "SERIALIZATION_AS_READ:"] {
        if let Some(message) = problem.strip_prefix(marker) {
            return DynoxideError::SerializationException(message.to_owned());
        }
    }
    if let Some(message) = problem.strip_prefix("VALIDATION_REQUEST:") {
        return DynoxideError::EnvelopedValidation(message.to_owned());
    }
    let unmarked = ["VALIDATION:", "VALIDATION_AS_READ:"]
        .iter()
        .find_map(|marker| problem.strip_prefix(marker));
    let is_validation = [
        "missing field",
        "unknown variant",
        "invalid type: null",
        "AttributeValue",
    ]
    .iter()
    .any(|known| problem.contains(known));
    match (unmarked, is_validation) {
        (Some(message), _) => DynoxideError::ValidationException(message.to_owned()),
        (None, true) => DynoxideError::ValidationException(problem.to_owned()),
        (None, false) => DynoxideError::SerializationException(problem.to_owned()),
    }
}

/// DynamoDB wraps some messages for the writes of one item.
fn envelope(action: &str, error: &DynoxideError) -> String {
    let wraps = matches!(action, "PutItem" | "UpdateItem" | "DeleteItem");
    match error {
        DynoxideError::EnvelopedValidation(message) if wraps => format!("1 validation error detected: {message}"),
        error => error.to_string(),
    }
}

fn to_aws(action: &str, error: &DynoxideError) -> AwsError {
    if let DynoxideError::UnsupportedCapability(action) = error {
        return AwsError::unknown_action("dynamodb", action);
    }
    let body = Document::parse(&error.to_json()).unwrap_or_default();
    let members = body.as_object().into_iter().flat_map(Object::iter);
    let more = members.filter(|(name, _)| !matches!(&***name, "__type" | "message" | "Message"));
    AwsError {
        status: error.status_code(),
        more: more.map(|(name, value)| (name.clone(), value.clone())).collect(),
        ..AwsError::new(error.error_type(), envelope(action, error))
    }
}
