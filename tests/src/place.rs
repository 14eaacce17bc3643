//! A function with its surroundings: a table for its records, one for what its tasks write, and the functions that they call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests are tests")]

use crate::dynamodb::{DynamoDb, Table, text};
use crate::function::{Answer, Function, Setup};
use crate::proxy::{Call, Fate, Proxy};
use crate::server::{Reply, Request};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// What is run, and how.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// The function.
    pub setup: Setup,
    /// What the definition's substitutions stand for, if it has any; `OrdersTableName` is a table with the key `orderId`.
    pub substitutions: Option<Value>,
    /// Makes the event; is told the table for what tasks write.
    pub event: fn(&str) -> String,
}

/// A call of a function: its name and what it was given.
pub type Effect = (String, String);

/// The functions that the workflows call, and what they did.
#[derive(Clone, Debug, Default)]
pub struct Functions(Arc<Mutex<Vec<Effect>>>);

impl Functions {
    fn answer(&self, request: &Request) -> Reply {
        let target = request.header("x-amz-target").unwrap_or_default();
        let is_publish = request.text().contains("Action=Publish");
        let name = match request.path.split("function%3A").nth(1) {
            Some(name) => name,
            None if is_publish => "publish",
            None => target,
        };
        let name = name.split(['%', '/']).next().unwrap_or_default().to_owned();
        let answer = match &*name {
            "orders-validate" => json!({"valid": true, "problems": []}),
            "inventory-reserve" => json!({"available": true, "missing": []}),
            "fraud-check" => json!({"decision": "ACCEPT", "score": 4}),
            "catalogue-price" => json!({"amount": 19.9}),
            "payments-charge" => json!({"chargeId": "ch_77ab01", "amount": 59.7}),
            "orders-confirm" => json!({"number": "CNF-5520417"}),
            "AmazonSQS.SendMessage" => json!({"MessageId": "m-1", "MD5OfMessageBody": "0"}),
            "AWSEvents.PutEvents" => json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]}),
            name => json!({"did": name}),
        };
        let is_declined = name == "decline";
        self.0.lock().unwrap().push((name, request.text()));
        if is_publish {
            const RESULT: &str =
                "<PublishResponse><PublishResult><MessageId>m-2</MessageId></PublishResult></PublishResponse>";
            return Reply::ok(RESULT);
        }
        match is_declined {
            true => Reply::ok(r#"{"errorType":"Declined","errorMessage":"as always"}"#)
                .with_header("x-amz-function-error", "Unhandled"),
            false => Reply::ok(answer.to_string()),
        }
    }

    /// How often each was called with the same.
    pub fn effects(&self) -> BTreeMap<Effect, usize> {
        let mut effects = BTreeMap::new();
        for effect in self.0.lock().unwrap().iter() {
            *effects.entry(effect.clone()).or_default() += 1;
        }
        effects
    }

    /// How often any was called.
    pub fn calls(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// One function with its surroundings.
pub struct Place {
    setup: Setup,
    /// The event that the function is given.
    pub event: String,
    /// The records.
    pub executions: Table,
    /// What tasks write.
    pub orders: Table,
    /// What tasks call.
    pub functions: Functions,
    /// What stands before all of it.
    pub proxy: Proxy,
}

impl Place {
    /// A place for this workflow. All requests of AWS go as the plan says.
    pub async fn new(
        dynamodb: &DynamoDb,
        workflow: &Workflow,
        level: &str,
        plan: impl Fn(&Call) -> Fate + Send + Sync + 'static,
    ) -> Place {
        let executions = dynamodb.table().await.unwrap();
        let orders = match workflow.substitutions {
            Some(_) => dynamodb.table_of(&["orderId"]).await.unwrap(),
            None => dynamodb.table().await.unwrap(),
        };
        let functions = Functions::default();
        let answer = functions.clone();
        let proxy = Proxy::faulty(dynamodb, move |request| answer.answer(request), plan);
        let proxy = proxy.await.unwrap();
        let mut setup = workflow.setup.clone().behind(&proxy, &executions);
        if let Some(mut substitutions) = workflow.substitutions.clone() {
            substitutions["OrdersTableName"] = orders.name().into();
            setup = setup.with("EXPRESSWAY_SUBSTITUTIONS", &substitutions.to_string());
        }
        Place {
            setup: setup
                .with("EXPRESSWAY_IDEMPOTENCY", level)
                .with_default("EXPRESSWAY_DEADLINE_RESERVE_MILLIS", "200"),
            event: (workflow.event)(orders.name()),
            executions,
            orders,
            functions,
            proxy,
        }
    }

    /// Starts the function.
    pub async fn start(&self) -> Function {
        let function = self.setup.clone().start().await.unwrap();
        function.ready().await;
        function
    }

    /// How much the tasks did: calls of functions, and what they counted in the table.
    pub async fn work(&self) -> usize {
        let orders = self.orders.items().await.unwrap();
        let counted: usize = orders
            .iter()
            .map(|item| text(item, "orders").parse().unwrap_or(1))
            .sum();
        self.functions.calls() + counted
    }

    /// Status and output of the only record.
    pub async fn outcome(&self) -> (String, String) {
        let records = self.executions.records().await.unwrap();
        assert_eq!(records.len(), 1, "{records:?}");
        (text(&records[0], "status"), without_uuids(&text(&records[0], "output")))
    }

    /// Waits until no run has the execution any more.
    pub async fn lease_over(&self) {
        if let Some(until) = self.lease_until().await {
            let wait = until.duration_since(SystemTime::now()).unwrap_or_default();
            tokio::time::sleep(wait + Duration::from_millis(2)).await;
        }
    }

    /// Ends the lease of a run that is no more, as time would: sets its end to now.
    pub async fn end_lease(&self) {
        for mut record in self.executions.records().await.unwrap() {
            if record.contains_key("lease_until") {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
                let now = AttributeValue::N(now.as_millis().to_string());
                record.insert("lease_until".to_owned(), now);
                self.executions.put(record).await.unwrap();
            }
        }
    }

    /// When the claim of the run ends that has the execution.
    pub async fn lease_until(&self) -> Option<SystemTime> {
        let records = self.executions.records().await.unwrap();
        let millis = text(records.first()?, "lease_until").parse().ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
    }
}

/// What an answer says: whether the execution succeeded, and whether it did so earlier.
pub fn read(answer: &Answer) -> (bool, bool) {
    let Answer::Response(text) = answer else {
        return (false, false);
    };
    let answer: Value = serde_json::from_str(text).unwrap();
    match answer.get("batchItemFailures") {
        Some(failures) => (failures.as_array().unwrap().is_empty(), false),
        None => (
            answer["statusCode"] == 200,
            answer["headers"]["idempotency-replayed"] == "true",
        ),
    }
}

/// The text with one name for all UUIDs: each execution draws its own.
fn without_uuids(text: &str) -> String {
    let is_uuid = |part: &str| part.len() == 36 && part.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    let parts = text.split('"').map(|part| if is_uuid(part) { "uuid" } else { part });
    parts.collect::<Vec<_>>().join("\"")
}
