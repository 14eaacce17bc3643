//! The task journal: what each task of an execution answered.

mod entry;
mod transaction;

use crate::table::{Item, StoreError, Table, milliseconds, n, number, seconds};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use entry::Entry;
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::error_name::ErrorName;
use expressway_engine::{
    Clock, Fault, StateError, TaskError, TaskFuture, TaskRequest, TaskRunner, TimedOutFuture, check_result_bytes,
};
use expressway_integrations::dynamodb::Write;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use transaction::Written;

/// The most entries that one request writes; DynamoDB takes 100 in one transaction.
const BATCH_ENTRIES_MAX: usize = 50;

/// The most bytes of results that one request writes; DynamoDB takes 4 MB in one transaction.
const BATCH_BYTES_MAX: usize = 3 << 20;

/// How often a transaction is tried that DynamoDB refuses for reasons that pass.
const TRANSACTION_ATTEMPTS_MAX: u32 = 5;

/// The first pause between such attempts; each next one is twice as long.
const TRANSACTION_PAUSE: Duration = Duration::from_millis(50);

/// What the tasks of one execution answered, in this run and those before it.
///
/// An answer counts as soon as it is durable, not before. Whoever waits for that writes what all others wait for,
/// too, in one request: a task that is alone costs one conditional put, the iterations of a Map that end while
/// a write is on its way share the next one.
///
/// The first entry of a task stands: a run that finds one, because its own lease had ended meanwhile, takes that answer.
pub struct Journal {
    table: Table,
    partition: String,
    /// Start of the execution in milliseconds: keeps it apart from one under the same key that has expired.
    born: u64,
    round: u64,
    /// When entries may go, as DynamoDB's TTL counts.
    expires_at: u64,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<EntryKey, Arc<Entry>>>,
    lines: Mutex<Lines>,
    waiting: Mutex<Vec<Arc<Slot>>>,
    /// Held by the one that writes.
    writer: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Journal {
            partition, born, round, ..
        } = self;
        write!(formatter, "Journal({partition}, {born}, {round})")
    }
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum EntryKey {
    /// The result of a task.
    Succeeded { token: Text },
    /// A failed attempt of a task.
    Failed { token: Text, attempt: u32 },
}

/// The entry that stands.
type End = Result<Arc<Entry>, StoreError>;

/// When items of Map states began that had to wait for others. Their tokens may depend on it, so it goes with whatever entry
/// is written next.
#[derive(Debug, Default)]
struct Lines {
    /// Milliseconds since 1970, by the name of the line.
    begun: HashMap<String, u64>,
    /// Those that are not in the table yet.
    unwritten: BTreeMap<String, u64>,
}

/// An answer on its way into the table.
struct Slot {
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

/// No holder of these locks panics or leaves them half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal {
    pub(crate) fn new(
        table: Table,
        partition: &str,
        born: u64,
        round: u64,
        expires_at: SystemTime,
        clock: Arc<dyn Clock>,
    ) -> Journal {
        Journal {
            table,
            partition: partition.to_owned(),
            born,
            round,
            expires_at: seconds(expires_at),
            clock,
            known: Mutex::default(),
            lines: Mutex::default(),
            waiting: Mutex::default(),
            writer: tokio::sync::Mutex::default(),
        }
    }

    /// Reads what earlier runs have written: one Query, by pages of 1 MB.
    pub(crate) async fn load(&self) -> Result<(), StoreError> {
        let query = self.table.client.query().table_name(&self.table.name);
        let mut pages = query
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", crate::table::s(&self.partition))
            .expression_attribute_values(":sk", crate::table::s(self.prefix()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| self.table.error(error))?;
            if let Some((key, entry)) = self.read(&item)? {
                lock(&self.known).insert(key, Arc::new(entry));
            }
        }
        Ok(())
    }

    fn prefix(&self) -> String {
        format!("task#{}#", self.born)
    }

    fn sort_key(&self, key: &EntryKey) -> String {
        let prefix = self.prefix();
        match key {
            EntryKey::Succeeded { token } => format!("{prefix}ok#{token}"),
            EntryKey::Failed { token, attempt } => format!("{prefix}failed#{}#{token}#{attempt}", self.round),
        }
    }

    /// An entry of the table; none if it is a failed attempt of another round.
    fn read(&self, item: &Item) -> Result<Option<(EntryKey, Entry)>, StoreError> {
        let broken = |attribute| self.table.broken(item, attribute);
        let sort_key = crate::table::text(item, "sk").ok_or_else(|| broken("sk"))?;
        if let Some(lines) = item.get("lines") {
            let lines = lines.as_m().map_err(|_| broken("lines"))?;
            let mut known = lock(&self.lines);
            for name in lines.keys() {
                let time = number(lines, name).ok_or_else(|| broken("lines"))?;
                known.begun.insert(name.clone(), time);
            }
        }
        let rest = sort_key.strip_prefix(&self.prefix()).ok_or_else(|| broken("sk"))?;
        let key = match rest.split('#').collect::<Vec<_>>().as_slice() {
            ["ok", token] => EntryKey::Succeeded {
                token: Text::from(*token),
            },
            ["failed", round, token, attempt] => {
                if round.parse() != Ok(self.round) {
                    return Ok(None);
                }
                EntryKey::Failed {
                    token: Text::from(*token),
                    attempt: attempt.parse().map_err(|_| broken("sk"))?,
                }
            }
            _ => return Err(broken("sk")),
        };
        let entry = Entry::read(item).ok_or_else(|| broken("result"))?;
        Ok(Some((key, entry)))
    }

    /// What is known of an attempt of a task.
    fn recall(&self, token: &Text, attempt: u32) -> Option<Arc<Entry>> {
        let known = lock(&self.known);
        // An attempt that failed had failed, whatever became of the next one.
        let failed = EntryKey::Failed {
            token: Text::clone(token),
            attempt,
        };
        let succeeded = || EntryKey::Succeeded {
            token: Text::clone(token),
        };
        known.get(&failed).or_else(|| known.get(&succeeded())).cloned()
    }

    /// Makes an answer durable; gives the one that stands.
    async fn record(
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
                    lock(&self.known).insert(slot.key.clone(), Arc::clone(entry));
                }
                *lock(&slot.end) = Some(end);
                slot.has_end.notify_one();
            }
        }
        lock(&self.waiting).retain(|slot| lock(&slot.end).is_none());
    }

    fn unwritten_lines(&self) -> BTreeMap<String, u64> {
        lock(&self.lines).unwritten.clone()
    }

    fn wrote_lines(&self, lines: &BTreeMap<String, u64>) {
        lock(&self.lines).unwritten.retain(|name, _| !lines.contains_key(name));
    }

    fn item(&self, sort_key: String, entry: &Entry, lines: &BTreeMap<String, u64>) -> Item {
        let mut item = entry.item();
        item.insert("expires_at".to_owned(), n(self.expires_at));
        if !lines.is_empty() {
            let lines = lines.iter().map(|(name, time)| (name.clone(), n(time)));
            item.insert("lines".to_owned(), AttributeValue::M(lines.collect()));
        }
        item.insert("pk".to_owned(), crate::table::s(&self.partition));
        item.insert("sk".to_owned(), crate::table::s(sort_key));
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
    fn standing(&self, item: Option<&Item>) -> Result<Arc<Entry>, StoreError> {
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
            .map_err(|error| self.table.error(error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// Does the work of tasks once: what the journal knows is not done again.
pub struct JournaledTasks {
    tasks: Arc<dyn TaskRunner>,
    journal: Arc<Journal>,
}

impl JournaledTasks {
    /// A runner that asks `tasks` for what the journal does not know.
    pub fn new(tasks: Arc<dyn TaskRunner>, journal: Arc<Journal>) -> JournaledTasks {
        JournaledTasks { tasks, journal }
    }
}

impl JournaledTasks {
    /// Makes a DynamoDB write together with its entry; none if the task is something else, or must be made alone.
    async fn write(
        &self,
        token: &Text,
        request: &TaskRequest<'_>,
    ) -> Result<Option<Result<Arc<Entry>, StateError>>, Fault> {
        // Another role may reach the one table but not the other.
        // A value that lies elsewhere is put in by the runner, after us.
        let write = match &request.role_arn {
            None if !request.input.has_references() => Write::of(request.resource, &request.input),
            _ => None,
        };
        let Some(write) = write.filter(|write| self.journal.is_beside(write.table())) else {
            return Ok(None);
        };
        match self
            .journal
            .write(token, request.state_name, &write)
            .await
            .map_err(fault)?
        {
            Written::Done(entry) => Ok(Some(Ok(entry))),
            Written::Refused(error) => Ok(Some(Err(error))),
            Written::Unfit => Ok(None),
        }
    }
}

impl TaskRunner for JournaledTasks {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        Box::pin(async move {
            let Some(token) = request.token.clone() else {
                return self.tasks.run(request).await;
            };
            let attempt = request.attempt;
            if let Some(entry) = self.journal.recall(&token, attempt) {
                return answer(&entry);
            }
            let state = request.state_name;
            if let Some(written) = self.write(&token, &request).await? {
                return match written {
                    Ok(entry) => answer(&entry),
                    Err(error) => {
                        let entry = self.journal.record(&token, attempt, Some(state), Err(error)).await;
                        let entry = entry.map_err(fault)?;
                        answer(&entry)
                    }
                };
            }
            let resource = request.resource;
            let result = match self.tasks.run(request).await {
                // What the definition will see of it: the table could not hold it either.
                Ok(result) => check_result_bytes(&resource.limit_name(), &result).map(|()| result),
                // It never came to a call, and never will.
                Err(TaskError::State(error)) if error.name == Some(ErrorName::Runtime) => {
                    return Err(TaskError::State(error));
                }
                Err(TaskError::State(error)) => Err(error),
                Err(fault) => return Err(fault),
            };
            let entry = self.journal.record(&token, attempt, Some(state), result).await;
            let entry = entry.map_err(fault)?;
            answer(&entry)
        })
    }

    fn timed_out<'a>(&'a self, token: &'a str, attempt: u32) -> TimedOutFuture<'a> {
        Box::pin(async move {
            let token = Text::from(token);
            // As the engine raises it.
            let error = StateError {
                name: Some(ErrorName::Timeout),
                cause: None,
            };
            self.tasks.timed_out(&token, attempt).await?;
            let recorded = self.journal.record(&token, attempt, None, Err(error)).await;
            recorded.map(drop).map_err(fault)
        })
    }

    fn line_begins(&self, line: &str, now: SystemTime) -> SystemTime {
        let mut lines = lock(&self.journal.lines);
        let begun = match lines.begun.get(line) {
            Some(begun) => *begun,
            None => {
                // As the table will have it.
                let begun = milliseconds(now);
                lines.begun.insert(line.to_owned(), begun);
                lines.unwritten.insert(line.to_owned(), begun);
                begun
            }
        };
        SystemTime::UNIX_EPOCH + Duration::from_millis(begun)
    }

    fn ended(&self, token: &str, attempt: u32) -> Option<SystemTime> {
        Some(self.journal.recall(&Text::from(token), attempt)?.ended())
    }
}

fn answer(entry: &Entry) -> Result<Document, TaskError> {
    entry.result().clone().map_err(TaskError::State)
}

fn fault(error: StoreError) -> Fault {
    Fault::Store(error.to_string().into())
}
