//! DynamoDB writes of tasks that happen together with their journal entry, or not at all.

use super::entry::Entry;
use super::{EntryKey, Journal, Known, TRANSACTION_ATTEMPTS_MAX, TRANSACTION_PAUSE};
use crate::key::{digest, digits};
use crate::table::{Item, StoreError, milliseconds, n, s};
use aws_sdk_dynamodb::types::AttributeValue;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_aws::{CallError, CallOptions, Service};
use expressway_engine::StateError;
use expressway_integrations::dynamodb::Write;
use std::sync::Arc;

/// What came of a write.
pub(super) enum Written {
    /// It is done, and its entry is durable; or it was done before.
    Done(Arc<Entry>),
    /// DynamoDB refused it. Nothing is on record.
    Refused(StateError),
    /// Its parameters are no request. Nothing was sent.
    Unfit,
}

/// Which part of a transaction was the reason that it was cancelled.
const WRITE: usize = 0;
const ENTRY: usize = 1;

const CANCELLED: &str = "TransactionCanceledException";
const CONDITION: &str = "ConditionalCheckFailed";

/// Reasons that pass.
const PASSING: [&str; 3] = [
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
];

impl Journal {
    /// Whether a write can share a transaction with the journal: both tables must be of one account and region. Names
    /// without an ARN are of the function's own.
    pub(super) fn is_beside(&self, table: &str) -> bool {
        let place = |table: &str| {
            let mut parts = table.splitn(6, ':');
            match parts.next() {
                Some("arn") => Some(parts.take(4).collect::<Vec<_>>().join(":")),
                _ => None,
            }
        };
        place(table) == place(&self.table.name)
    }

    /// Makes a write that has no entry yet, and its entry.
    ///
    /// However often this is tried, by whatever run, the write happens once: the entry can be written only once.
    pub(super) async fn write(&self, token: &Text, state: &str, write: &Write<'_>) -> Result<Written, StoreError> {
        let (Some(service), key) = (Service::find("dynamodb"), EntryKey::Succeeded { token: token.clone() }) else {
            return Err(self.table.problem("the model of DynamoDB is missing"));
        };
        let Some(operation) = service.operation("transactWriteItems") else {
            return Err(self.table.problem("the model of DynamoDB lacks TransactWriteItems"));
        };
        let mut pause = TRANSACTION_PAUSE;
        for attempt in 1_u32.. {
            let now = self.clock.now();
            // The answer belongs to the entry, so it is made up before: the request's id is the one that we give it.
            let id = digits(&digest(&[
                token.as_bytes(),
                &u64::from(attempt).to_be_bytes(),
                &milliseconds(now).to_be_bytes(),
            ]));
            let id = id.get(..36).unwrap_or_default();
            let result = write.result([("x-amzn-RequestId", id)]);
            let entry = Arc::new(Entry::new(Some(state), now, Ok(result)));
            let lines = self.unwritten_lines();
            let parameters = self.transaction(write, self.item(self.sort_key(&key), &entry, &lines), id);
            let client = &self.table.writes;
            let answer = client
                .call(service, operation, &parameters, &CallOptions::default())
                .await;
            let error = match answer {
                Ok(_) => {
                    self.wrote_lines(&lines);
                    return Ok(self.done(key, entry));
                }
                Err(error) => error,
            };
            let refusal = match &error {
                CallError::Parameters(_) => return Ok(Written::Unfit),
                CallError::Answered(answer) if answer.status < 500 => answer,
                // It may have been done, or the table of the journal is out of reach, too.
                _ if attempt >= TRANSACTION_ATTEMPTS_MAX => return Err(self.table.problem(error.to_string())),
                _ => {
                    self.clock.sleep_until(now + pause).await;
                    pause *= 2;
                    continue;
                }
            };
            let request_id = refusal.request_id.as_deref();
            let refused = |code: &str, message: Option<&str>| {
                Ok(Written::Refused(write.error(code, message, refusal.status, request_id)))
            };
            if refusal.code != CANCELLED {
                return refused(&refusal.code, refusal.message.as_deref());
            }
            let reason = |at: usize| {
                let reasons = refusal.body.get("CancellationReasons")?.as_array()?;
                let code = reasons.get(at)?.get("Code")?.as_str()?;
                (code != "None").then_some((code, reasons.get(at)?))
            };
            match (reason(WRITE), reason(ENTRY)) {
                (_, Some((CONDITION, reason))) => {
                    let item = reason.get("Item").and_then(item);
                    let entry = self.standing(item.as_ref())?;
                    return Ok(self.done(key, entry));
                }
                (Some((code, _)), _) | (None, Some((code, _)))
                    if PASSING.contains(&code) && attempt < TRANSACTION_ATTEMPTS_MAX =>
                {
                    self.clock.sleep_until(now + pause).await;
                    pause *= 2;
                }
                (Some((code, reason)), _) => {
                    return refused(code, reason.get("Message").and_then(Document::as_str));
                }
                (None, _) => return Err(self.table.problem(error.to_string())),
            }
        }
        Err(self.table.problem("a transaction was tried too often"))
    }

    fn done(&self, key: EntryKey, entry: Arc<Entry>) -> Written {
        super::lock(&self.known).insert(key, Known::Held(Arc::clone(&entry)));
        Written::Done(entry)
    }

    fn transaction(&self, write: &Write<'_>, entry: Item, id: &str) -> Document {
        let put = Document::object([
            ("TableName", self.table.name.as_str().into()),
            ("Item", document(&entry)),
            ("ConditionExpression", "attribute_not_exists(pk)".into()),
            ("ReturnValuesOnConditionCheckFailure", "ALL_OLD".into()),
        ]);
        let items = vec![write.transact_item(), Document::object([("Put", put)])];
        Document::object([("TransactItems", items.into()), ("ClientRequestToken", id.into())])
    }
}

/// An item of ours as the parameters of a call have it.
fn document(item: &Item) -> Document {
    let attributes = item.iter().filter_map(|(name, value)| {
        let (kind, value) = match value {
            AttributeValue::S(text) => ("S", text.as_str().into()),
            AttributeValue::N(number) => ("N", number.as_str().into()),
            AttributeValue::M(members) => ("M", document(members)),
            // Ours have no others.
            _ => return None,
        };
        Some((Text::from(name.as_str()), Document::object([(kind, value)])))
    });
    let attributes: Object = attributes.collect();
    attributes.into()
}

/// An item of ours as an answer has it.
fn item(document: &Document) -> Option<Item> {
    let attributes = document.as_object()?.iter().filter_map(|(name, value)| {
        let text = |kind| value.get(kind).and_then(Document::as_str);
        let members = || value.get("M").and_then(item).map(AttributeValue::M);
        let value = text("S").map(s).or_else(|| text("N").map(n)).or_else(members)?;
        Some((name.to_string(), value))
    });
    Some(attributes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn items_go_out_and_come_back() {
        let entry = Entry::new(Some("S"), SystemTime::UNIX_EPOCH, Ok(Document::from("é\"")));
        let mut out = entry.item();
        out.insert(
            "lines".to_owned(),
            AttributeValue::M(Item::from([("a".to_owned(), n(1))])),
        );
        assert_eq!(item(&document(&out)), Some(out));
    }
}
