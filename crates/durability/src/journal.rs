//! The task journal: what each task of an execution answered.

mod entry;
mod tasks;
mod transaction;
mod write;

use crate::table::{Item, StoreError, Table, n, number, s, text};
use entry::Entry;
pub(crate) use entry::cut;
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::resolve::map_references;
use expressway_engine::Clock;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
pub use tasks::JournaledTasks;
use write::Slot;

/// How often a transaction is tried that DynamoDB refuses for reasons that pass.
const TRANSACTION_ATTEMPTS_MAX: u32 = 5;

/// The first pause between such attempts; each next one is twice as long.
const TRANSACTION_PAUSE: Duration = Duration::from_millis(50);

/// How many entries are renewed at once.
const RENEWALS_MAX: usize = 16;

/// What the tasks of one execution answered, in this run and those before it.
///
/// An answer counts as soon as it is durable, not before. The task that waits for that writes what all others wait for
/// too, in one request: a task that is alone costs one conditional put, the iterations of a Map that end while
/// a write is on its way share the next one.
///
/// The first entry of a task stands: a run that finds one, because its own lease had ended meanwhile, takes that answer.
pub struct Journal {
    table: Table,
    scope: JournalScope,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<EntryKey, Known>>,
    lines: Mutex<Lines>,
    waiting: Mutex<Vec<Arc<Slot>>>,
    /// The large values in results of earlier runs.
    references: Mutex<Vec<Document>>,
    /// Held by the one that writes.
    writer: tokio::sync::Mutex<()>,
}

/// Which entries a journal holds, and for how long.
#[derive(Debug)]
pub(crate) struct JournalScope {
    pub(crate) partition: String,
    /// Start of the execution in milliseconds: keeps it apart from one under the same key that has expired.
    pub(crate) execution_started: u64,
    pub(crate) round: u64,
    /// When the record may go, as DynamoDB's TTL counts. No entry goes before it.
    pub(crate) record_expires_at: u64,
    /// How long outcomes are remembered, in seconds.
    pub(crate) retention: u64,
    /// How many bytes of results from earlier runs are held in memory at once.
    pub(crate) bytes_max: usize,
}

impl JournalScope {
    /// When entries that are written or renewed now may go. They outlast the record by a retention, so that most runs
    /// that take over, and extend the record, need not renew them.
    fn entries_expire_at(&self) -> u64 {
        self.record_expires_at.saturating_add(self.retention)
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Journal({:?})", self.scope)
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

/// An entry that is durable.
#[derive(Clone, Debug)]
enum Known {
    /// Its task has yet to take it.
    Held(Arc<Entry>),
    /// It is only in the table: its task has it already, or there was no room for it.
    InTable { ended: SystemTime },
}

/// When items of Map states began that had to wait for others. Their tokens may depend on it, so it goes with whatever entry
/// is written next.
#[derive(Debug, Default)]
struct Lines {
    /// Milliseconds since 1970, by the name of the line.
    begun: HashMap<String, u64>,
    /// Those that are not in the table yet.
    unwritten: BTreeMap<String, u64>,
}

/// No holder of these locks panics or leaves them half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal {
    pub(crate) fn new(table: Table, scope: JournalScope, clock: Arc<dyn Clock>) -> Journal {
        Journal {
            table,
            scope,
            clock,
            known: Mutex::default(),
            lines: Mutex::default(),
            waiting: Mutex::default(),
            references: Mutex::default(),
            writer: tokio::sync::Mutex::default(),
        }
    }

    /// Reads what earlier runs have written: one Query, by pages of 1 MB. Renews entries that might expire before the
    /// record does.
    pub(crate) async fn load(&self) -> Result<(), StoreError> {
        let query = self.table.client.query().table_name(&self.table.name);
        let mut pages = query
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", s(&self.scope.partition))
            .expression_attribute_values(":sk", s(self.prefix()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut room = self.scope.bytes_max;
        let mut expiring = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| self.table.error(error))?;
            let Some((key, entry)) = self.read(&item)? else {
                continue;
            };
            if number(&item, "expires_at").is_some_and(|time| time < self.scope.record_expires_at) {
                expiring.push(self.sort_key(&key));
            }
            if let Ok(result) = entry.result() {
                map_references(result, &mut |reference| {
                    lock(&self.references).push(Document::Reference(reference.clone()));
                    Document::Null
                });
            }
            let bytes = entry.bytes();
            let known = match room.checked_sub(bytes) {
                Some(rest) => {
                    room = rest;
                    Known::Held(Arc::new(entry))
                }
                None => Known::InTable { ended: entry.ended() },
            };
            lock(&self.known).insert(key, known);
        }
        let renewals = stream::iter(expiring).map(|sort_key| self.renew(sort_key));
        renewals.buffer_unordered(RENEWALS_MAX).try_collect().await
    }

    /// References to the large values in results of earlier runs, for them to be renewed: they must live as long as the
    /// entries do.
    pub fn references(&self) -> Document {
        std::mem::take(&mut *lock(&self.references)).into()
    }

    /// Lets an entry live longer. One request.
    async fn renew(&self, sort_key: String) -> Result<(), StoreError> {
        let update = self.table.client.update_item().table_name(&self.table.name);
        let result = update
            .key("pk", s(&self.scope.partition))
            .key("sk", s(sort_key))
            .update_expression("SET expires_at = :expires")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":expires", n(self.scope.entries_expire_at()))
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // It has just expired, after it was read.
                Some(refusal) if refusal.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(self.table.error(error)),
            },
        }
    }

    fn prefix(&self) -> String {
        format!("task#{}#", self.scope.execution_started)
    }

    fn sort_key(&self, key: &EntryKey) -> String {
        let prefix = self.prefix();
        match key {
            EntryKey::Succeeded { token } => format!("{prefix}ok#{token}"),
            EntryKey::Failed { token, attempt } => {
                format!("{prefix}failed#{}#{token}#{attempt}", self.scope.round)
            }
        }
    }

    /// An entry of the table; `None` if it is a failed attempt of another round.
    fn read(&self, item: &Item) -> Result<Option<(EntryKey, Entry)>, StoreError> {
        let broken = |attribute| self.table.broken(item, attribute);
        let sort_key = text(item, "sk").ok_or_else(|| broken("sk"))?;
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
                if round.parse() != Ok(self.scope.round) {
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

    /// What is on record of an attempt of a task.
    async fn recall(&self, token: &Text, attempt: u32) -> Result<Option<Arc<Entry>>, StoreError> {
        // An attempt that failed had failed, whatever the next one did.
        let keys = [
            EntryKey::Failed {
                token: Text::clone(token),
                attempt,
            },
            EntryKey::Succeeded {
                token: Text::clone(token),
            },
        ];
        for key in keys {
            let known = lock(&self.known).get(&key).cloned();
            match known {
                None => {}
                Some(Known::Held(entry)) => return Ok(Some(entry)),
                Some(Known::InTable { .. }) => return self.fetch(key).await.map(Some),
            }
        }
        Ok(None)
    }

    /// Reads an entry again that is only in the table. One request.
    async fn fetch(&self, key: EntryKey) -> Result<Arc<Entry>, StoreError> {
        let get = self.table.client.get_item().table_name(&self.table.name);
        let sort_key = self.sort_key(&key);
        let answer = get
            .key("pk", s(&self.scope.partition))
            .key("sk", s(&sort_key))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| self.table.error(error))?;
        let item = answer.item().ok_or_else(|| {
            let partition = &self.scope.partition;
            self.table.problem(format!(
                "the item with pk `{partition}` and sk `{sort_key}` was there when the run began and is gone"
            ))
        })?;
        let entry = Arc::new(Entry::read(item).ok_or_else(|| self.table.broken(item, "result"))?);
        lock(&self.known).insert(key, Known::Held(Arc::clone(&entry)));
        Ok(entry)
    }

    /// When an attempt ended that is on record. Its task has the answer by now, so only the table keeps it from here on.
    fn passed(&self, token: &Text, attempt: u32) -> Option<SystemTime> {
        let failed = EntryKey::Failed {
            token: Text::clone(token),
            attempt,
        };
        let succeeded = EntryKey::Succeeded {
            token: Text::clone(token),
        };
        let mut known = lock(&self.known);
        let key = [failed, succeeded].into_iter().find(|key| known.contains_key(key))?;
        let entry = known.get_mut(&key)?;
        let ended = match entry {
            Known::Held(entry) => entry.ended(),
            Known::InTable { ended } => *ended,
        };
        *entry = Known::InTable { ended };
        Some(ended)
    }
}
