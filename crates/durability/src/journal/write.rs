//! Writing entries: those that wait for a write share the next request.

use super::entry::Entry;
use super::{EntryKey, Journal, Known, TRANSACTION_ATTEMPTS_MAX, TRANSACTION_PAUSE, lock};
use crate::table::{Item, StoreError, n, s};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_engine::StateError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// The most entries that one request writes; DynamoDB takes 100 in one transaction.
const BATCH_ENTRIES_MAX: usize = 50;

/// The most bytes of results that one request writes; DynamoDB takes 4 MB in one transaction.
const BATCH_BYTES_MAX: usize = 3 << 20;

/// The entry that stands.
type End = Result<Arc<Entry>, StoreError>;

/// An answer on its way into the table.
pub(super) struct Slot {
    key: EntryKey,
    state: Option<String>,
    result: Result<Document, StateError>,
    /// The entry that stands, once that is known.
    end: Mutex<Option<End>>,
    has_end: Notify,
}

impl Slot {
    fn end(&self) -> Option<End> {
        lock(&self.end).clone()
    }

    /// About how many bytes its item has.
    fn bytes(&self) -> usize {
        const KEYS: usize = 400;
        KEYS + match &self.result {
            Ok(result) => result.json_bytes(),
            Err(error) => error.cause.as_ref().map_or(0, |cause| cause.len()),
        }
    }
}

/// A slot and the entry that is to fill it.
type Filling = (Arc<Slot>, Arc<Entry>);

impl Journal {
    /// Makes an answer durable; gives the one that stands.
    pub(super) async fn record(
        &self,
        token: &Text,
        attempt: u32,
        state: Option<&str>,
        result: Result<Document, StateError>,
    ) -> Result<Arc<Entry>, StoreError> {
        let token = Text::clone(token);
        let key = match &result {
            Ok(_) => EntryKey::Succeeded { token },
            Err(_) => EntryKey::Failed { token, attempt },
        };
        let slot = Arc::new(Slot {
            key,
            state: state.map(str::to_owned),
            result,
            end: Mutex::default(),
            has_end: Notify::new(),
        });
        lock(&self.waiting).push(Arc::clone(&slot));
        loop {
            let writes = async {
                let _writer = self.writer.lock().await;
                // The one before may have written ours.
                if slot.end().is_none() {
                    self.write_waiting().await;
                }
            };
            // All that one request wrote go on at once, in their order.
            tokio::select! {
                biased;
                () = slot.has_end.notified() => {}
                () = writes => {}
            }
            if let Some(end) = slot.end() {
                return end;
            }
        }
    }

    /// Writes entries that wait, the oldest first, as many as one request takes. Should this future be dropped half-way, they
    /// still wait, and the next writer repeats it.
    async fn write_waiting(&self) {
        let now = self.clock.now();
        let mut bytes = 0;
        let batch: Vec<Filling> = {
            let waiting = lock(&self.waiting);
            let fits = |slot: &&Arc<Slot>| {
                bytes += slot.bytes();
                bytes <= BATCH_BYTES_MAX
            };
            let mut batch: Vec<_> = waiting
                .iter()
                .take(BATCH_ENTRIES_MAX)
                .take_while(fits)
                .cloned()
                .collect();
            // One alone is written however large it is.
            if batch.is_empty() {
                batch.extend(waiting.first().cloned());
            }
            // What becomes durable at once ended at once.
            let entry = |slot: &Slot| Entry::new(slot.state.as_deref(), now, slot.result.clone());
            let entries = batch.into_iter().map(|slot| {
                let entry = Arc::new(entry(&slot));
                (slot, entry)
            });
            entries.collect()
        };
        let lines = self.unwritten_lines();
        let ends = match batch.as_slice() {
            [filling] => vec![Some(self.put(filling, &lines).await)],
            batch => self.transact(batch, &lines).await,
        };
        let is_ours = |end: &Option<End>, entry| matches!(end, Some(Ok(stands)) if Arc::ptr_eq(stands, entry));
        if ends.iter().zip(&batch).all(|(end, (_, entry))| is_ours(end, entry)) {
            self.wrote_lines(&lines);
        }
        for ((slot, _), end) in batch.iter().zip(ends) {
            if let Some(end) = end {
                if let Ok(entry) = &end {
                    lock(&self.known).insert(slot.key.clone(), Known::Held(Arc::clone(entry)));
                }
                *lock(&slot.end) = Some(end);
                slot.has_end.notify_one();
            }
        }
        lock(&self.waiting).retain(|slot| lock(&slot.end).is_none());
    }

    pub(super) fn unwritten_lines(&self) -> BTreeMap<String, u64> {
        lock(&self.lines).unwritten.clone()
    }

    pub(super) fn wrote_lines(&self, lines: &BTreeMap<String, u64>) {
        lock(&self.lines).unwritten.retain(|name, _| !lines.contains_key(name));
    }

    pub(super) fn item(&self, sort_key: String, entry: &Entry, lines: &BTreeMap<String, u64>) -> Item {
        let mut item = entry.item();
        item.insert("expires_at".to_owned(), n(self.scope.entries_expire_at()));
        if !lines.is_empty() {
            let lines = lines.iter().map(|(name, time)| (name.clone(), n(time)));
            item.insert("lines".to_owned(), AttributeValue::M(lines.collect()));
        }
        item.insert("pk".to_owned(), s(&self.scope.partition));
        item.insert("sk".to_owned(), s(sort_key));
        item
    }

    async fn put(&self, (slot, entry): &Filling, lines: &BTreeMap<String, u64>) -> Result<Arc<Entry>, StoreError> {
        let put = self.table.client.put_item().table_name(&self.table.name);
        let result = put
            .set_item(Some(self.item(self.sort_key(&slot.key), entry, lines)))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match result {
            Ok(_) => Ok(Arc::clone(entry)),
            Err(SdkError::ServiceError(error)) => match error.err() {
                PutItemError::ConditionalCheckFailedException(refusal) => self.standing(refusal.item()),
                _ => Err(self.table.error(SdkError::ServiceError(error))),
            },
            Err(error) => Err(self.table.error(error)),
        }
    }

    /// The entry that was there before ours.
    pub(super) fn standing(&self, item: Option<&Item>) -> Result<Arc<Entry>, StoreError> {
        let item = item.ok_or_else(|| {
            self.table
                .problem("a refused entry came back without the one that stands")
        })?;
        match self.read(item)? {
            Some((_, entry)) => Ok(Arc::new(entry)),
            None => Err(self.table.broken(item, "sk")),
        }
    }

    /// Writes entries in one transaction. Where some are there already, the others are for the next write: nothing is said
    /// about them.
    async fn transact(&self, batch: &[Filling], lines: &BTreeMap<String, u64>) -> Vec<Option<End>> {
        let all = |end: &dyn Fn(&Arc<Entry>) -> Option<End>| batch.iter().map(|(_, entry)| end(entry)).collect();
        let none = BTreeMap::new();
        let puts = batch.iter().enumerate().map(|(at, filling)| {
            let lines = if at == 0 { lines } else { &none };
            self.conditional_put(filling, lines)
        });
        let puts: Result<Vec<_>, _> = puts.collect();
        let puts = match puts {
            Ok(puts) => puts,
            Err(error) => return all(&|_| Some(Err(error.clone()))),
        };
        let mut pause = TRANSACTION_PAUSE;
        for attempt in 1.. {
            let write = self.table.client.transact_write_items();
            let error = match write.set_transact_items(Some(puts.clone())).send().await {
                Ok(_) => return all(&|entry| Some(Ok(Arc::clone(entry)))),
                Err(error) => error,
            };
            let reasons = match &error {
                SdkError::ServiceError(error) => match error.err() {
                    TransactWriteItemsError::TransactionCanceledException(error) => error.cancellation_reasons(),
                    _ => &[],
                },
                _ => &[],
            };
            let refused = "ConditionalCheckFailed";
            if reasons.iter().any(|reason| reason.code() == Some(refused)) {
                let ends = reasons.iter().map(|reason| {
                    let is_refused = reason.code() == Some(refused);
                    is_refused.then(|| self.standing(reason.item()))
                });
                return ends.collect();
            }
            // Nothing but conflicts and throttling is left, if there are reasons at all.
            if reasons.is_empty() || attempt >= TRANSACTION_ATTEMPTS_MAX {
                let error = self.table.error(error);
                return all(&|_| Some(Err(error.clone())));
            }
            self.clock.sleep_until(self.clock.now() + pause).await;
            pause *= 2;
        }
        Vec::new()
    }

    fn conditional_put(
        &self,
        (slot, entry): &Filling,
        lines: &BTreeMap<String, u64>,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table.name)
            .set_item(Some(self.item(self.sort_key(&slot.key), entry, lines)))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| self.table.problem(error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}
