//! The execution record: who may run an execution, and how it ended.

use crate::journal::{Journal, JournalScope, cut};
use crate::key::{Fingerprint, Key, digest};
use crate::table::{Item, StoreError, Table, milliseconds, n, number, s, seconds, text, time};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use expressway_asl::Document;
use expressway_asl::document::{self, Text};
use expressway_asl::error_name::ErrorName;
use expressway_engine::{Clock, Replay, ReplayTime, StateError};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The sort key of an execution record.
pub(crate) const SORT_KEY: &str = "execution";

/// The longest input that an item has room for beside the rest of the record. An input is longer in the table than state
/// data may be only if it is full of what looks like stored references; then each run uses its own delivery's.
const INPUT_BYTES_MAX: usize = 384 * 1024;

/// How often a claim looks again when others claim the same execution at the same time.
const CLAIM_ATTEMPTS_MAX: u32 = 5;

/// How much is kept of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// That it runs, and how it ended.
    Execution,
    /// What each of its tasks answered, too.
    Task,
}

/// What happens to an execution that was begun with another definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefinitionChange {
    /// It goes on under the new one. A recorded task counts where its place, resource and input are the same.
    Continue,
    /// It is refused.
    Refuse,
}

/// How executions are kept.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// How much is kept.
    pub level: Level,
    /// How long outcomes are remembered.
    pub retention: Duration,
    /// What happens to executions that were begun with another definition.
    pub definition_change: DefinitionChange,
    /// How many bytes of recorded results a run that takes over holds in memory at once; it reads the others when
    /// their tasks are due.
    pub journal_bytes_max: usize,
}

impl RecordOptions {
    /// This level, for a day, going on under changed definitions.
    pub fn new(level: Level) -> RecordOptions {
        RecordOptions {
            level,
            retention: Duration::from_secs(86_400),
            definition_change: DefinitionChange::Continue,
            journal_bytes_max: 16 << 20,
        }
    }
}

/// The records of all executions.
#[derive(Clone, Debug)]
pub struct Records {
    pub(crate) table: Table,
    options: RecordOptions,
}

/// What a run brings to claim an execution.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// Which execution.
    pub key: Key,
    /// The kind of its source, for readers of the table.
    pub source: &'static str,
    /// What AWS calls the event, for readers of the table: the id of a message or an event.
    pub source_id: Option<String>,
    /// What each delivery of the same event must have in common; not compared where it is `None`.
    pub fingerprint: Option<Fingerprint>,
    /// The definition that the claimant runs.
    pub definition: Fingerprint,
    /// The input that the delivery brings. At [`Level::Task`] the first one counts for all runs.
    pub input: Document,
    /// The ARN of the execution, should it be a new one.
    pub execution_arn: Text,
    /// What tokens and random bits derive from, should it be a new one: 128 random bits.
    pub seed: u128,
    /// Who claims: random, another in each run.
    pub owner: String,
    /// When the claim ends by itself: Lambda ends the run before.
    pub lease_until: SystemTime,
    /// The time.
    pub now: SystemTime,
}

/// The outcome of a claim.
#[derive(Debug)]
pub enum Claim {
    /// The execution is the claimant's to run.
    Granted(Box<Grant>),
    /// It has been run.
    Finished(Finished),
    /// The execution is not the claimant's.
    Refused {
        /// Its ARN.
        execution_arn: Text,
        /// Why.
        reason: Refusal,
    },
}

/// Why an execution is not the claimant's to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another run has it.
    Running {
        /// When that run claimed it.
        since: SystemTime,
        /// When that run's claim ends by itself.
        until: SystemTime,
    },
    /// The key was used before, with another input.
    DifferentInput,
    /// The execution was begun with another definition.
    DifferentDefinition,
}

/// How an execution ended that was run before.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Its ARN.
    pub execution_arn: Text,
    /// Its output, or the error that nothing caught.
    pub result: Result<Document, StateError>,
}

/// The right to run an execution, until its lease ends.
#[derive(Debug)]
pub struct Grant {
    records: Records,
    key: Key,
    owner: String,
    lease_until: SystemTime,
    run: RecordedRun,
    is_resumed: bool,
}

/// What all runs of an execution have in common.
#[derive(Clone, Debug)]
struct RecordedRun {
    execution_arn: Text,
    seed: String,
    started: SystemTime,
    round: Round,
    /// The input of the first delivery, at [`Level::Task`].
    input: Option<Document>,
}

/// A try at an execution: all runs up to a failure.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// 1 for the first.
    number: u64,
    started: SystemTime,
}

/// The outcome of recording an outcome.
#[derive(Debug, PartialEq)]
pub enum Completion {
    /// It is on record.
    Recorded,
    /// The lease had ended and another run took over; nothing was changed. How that run ended, if it has.
    Overtaken(Option<Finished>),
}

/// Why an execution is given back without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// It failed; the next delivery tries again.
    Failed,
    /// It did not end in time, or could not go on; the next delivery continues it.
    Unfinished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Released,
    Succeeded,
    Failed,
}

impl Status {
    const ALL: [Status; 4] = [Status::Running, Status::Released, Status::Succeeded, Status::Failed];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Released => "RELEASED",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
        }
    }

    fn of(item: &Item) -> Option<Status> {
        let status = text(item, "status")?;
        Status::ALL.into_iter().find(|known| known.as_str() == status)
    }
}

impl Records {
    /// Records in a table.
    pub fn new(table: Table, options: RecordOptions) -> Records {
        Records { table, options }
    }

    /// How much is kept.
    pub fn level(&self) -> Level {
        self.options.level
    }

    /// Asks for an execution. One request; two if it takes up where an earlier run left off.
    ///
    /// # Errors
    /// The table does not answer: nothing is known, nothing may run.
    pub async fn claim(&self, request: &ClaimRequest) -> Result<Claim, StoreError> {
        for _ in 0..CLAIM_ATTEMPTS_MAX {
            let Some(found) = self.create(request).await? else {
                return Ok(self.grant(request, RecordedRun::first(request), false));
            };
            if let Some(claim) = self.judge(request, &found)? {
                return Ok(claim);
            }
            if let Some(claim) = self.take_over(request, &found).await? {
                return Ok(claim);
            }
        }
        Err(self.table.problem(format!(
            "{CLAIM_ATTEMPTS_MAX} attempts to claim an execution met others that did the same"
        )))
    }

    /// Writes a new record, unless there is one that has not expired: then gives that.
    async fn create(&self, request: &ClaimRequest) -> Result<Option<Item>, StoreError> {
        let put = self.table.client.put_item().table_name(&self.table.name);
        let result = put
            .set_item(Some(self.new_item(request)))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":now", n(seconds(request.now)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match result {
            Ok(_) => return Ok(None),
            Err(error) => error,
        };
        match refused(&error, |error| match error {
            aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(refusal) => {
                Some(refusal.item())
            }
            _ => None,
        }) {
            // The answer to our own first attempt was lost on the way.
            Some(Some(item)) if text(item, "owner") == Some(&request.owner) => Ok(None),
            Some(Some(item)) => Ok(Some(item.clone())),
            Some(None) => Err(self.table.problem("a refused claim came back without the record")),
            None => Err(self.table.error(error)),
        }
    }

    fn new_item(&self, request: &ClaimRequest) -> Item {
        let now = n(milliseconds(request.now));
        let mut item = Item::from([
            ("pk".to_owned(), s(request.key.partition())),
            ("sk".to_owned(), s(SORT_KEY)),
            ("status".to_owned(), s(Status::Running.as_str())),
            ("owner".to_owned(), s(&request.owner)),
            ("claimed".to_owned(), now.clone()),
            ("lease_until".to_owned(), n(milliseconds(request.lease_until))),
            ("source".to_owned(), s(request.source)),
            ("definition_sha256".to_owned(), s(request.definition.as_str())),
            ("execution_arn".to_owned(), s(&*request.execution_arn)),
            ("seed".to_owned(), s(seed(request.seed))),
            ("started".to_owned(), now.clone()),
            ("round".to_owned(), n(1)),
            ("round_started".to_owned(), now),
            (
                "expires_at".to_owned(),
                self.expires_at(request.now, request.lease_until),
            ),
        ]);
        let mut insert = |attribute: &str, value: Option<String>| {
            if let Some(value) = value {
                item.insert(attribute.to_owned(), s(value));
            }
        };
        let fingerprint = request.fingerprint.as_ref();
        insert("fingerprint", fingerprint.map(Fingerprint::to_string));
        insert("source_id", request.source_id.clone());
        let input = (self.options.level == Level::Task).then(|| document::encode(&request.input));
        insert("input", input.filter(|input| input.len() <= INPUT_BYTES_MAX));
        item
    }

    /// What a record says about a claim; `None` if it is free to be taken over.
    fn judge(&self, request: &ClaimRequest, found: &Item) -> Result<Option<Claim>, StoreError> {
        let broken = |attribute| self.table.broken(found, attribute);
        let status = Status::of(found).ok_or_else(|| broken("status"))?;
        let refused = |reason| {
            let execution_arn = text(found, "execution_arn").unwrap_or_default().into();
            Ok(Some(Claim::Refused { execution_arn, reason }))
        };
        let is_other = |fingerprint: &Fingerprint| {
            text(found, "fingerprint").is_some_and(|recorded| recorded != fingerprint.as_str())
        };
        if request.fingerprint.as_ref().is_some_and(is_other) {
            return refused(Refusal::DifferentInput);
        }
        match status {
            Status::Succeeded | Status::Failed => return Ok(Some(Claim::Finished(self.finished(found)?))),
            Status::Running => {
                let until = time(found, "lease_until").ok_or_else(|| broken("lease_until"))?;
                if until > request.now {
                    let since = time(found, "claimed").ok_or_else(|| broken("claimed"))?;
                    return refused(Refusal::Running { since, until });
                }
            }
            Status::Released => {}
        }
        let is_changed = text(found, "definition_sha256") != Some(request.definition.as_str());
        match self.options.definition_change {
            DefinitionChange::Refuse if is_changed => refused(Refusal::DifferentDefinition),
            _ => Ok(None),
        }
    }

    /// Makes the record of an earlier run the claimant's, if it still is as it was found.
    async fn take_over(&self, request: &ClaimRequest, found: &Item) -> Result<Option<Claim>, StoreError> {
        let broken = |attribute| self.table.broken(found, attribute);
        let run = self.recorded_run(found, request.now)?;
        let owner = text(found, "owner").ok_or_else(|| broken("owner"))?;
        let status = text(found, "status").ok_or_else(|| broken("status"))?;
        let update = self.table.client.update_item().table_name(&self.table.name);
        let result = update
            .key("pk", s(request.key.partition()))
            .key("sk", s(SORT_KEY))
            .update_expression(
                "SET #status = :running, #owner = :me, claimed = :claimed, lease_until = :lease, \
                 expires_at = :expires, definition_sha256 = :definition, round_started = :round_started",
            )
            .condition_expression("#owner = :owner AND #status = :status")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":running", s(Status::Running.as_str()))
            .expression_attribute_values(":me", s(&request.owner))
            .expression_attribute_values(":lease", n(milliseconds(request.lease_until)))
            .expression_attribute_values(":expires", self.expires_at(request.now, request.lease_until))
            .expression_attribute_values(":definition", s(request.definition.as_str()))
            .expression_attribute_values(":claimed", n(milliseconds(request.now)))
            .expression_attribute_values(":round_started", n(milliseconds(run.round.started)))
            .expression_attribute_values(":owner", s(owner))
            .expression_attribute_values(":status", s(status))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let granted = || self.grant(request, run.clone(), true);
        let error = match result {
            Ok(_) => return Ok(Some(granted())),
            Err(error) => error,
        };
        match refused(&error, |error| match error {
            aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(refusal) => {
                Some(refusal.item())
            }
            _ => None,
        }) {
            Some(Some(item)) if text(item, "owner") == Some(&request.owner) => Ok(Some(granted())),
            Some(Some(item)) => self.judge(request, item),
            Some(None) => Ok(None),
            None => Err(self.table.error(error)),
        }
    }

    /// What an earlier run has recorded for all that come after it.
    fn recorded_run(&self, found: &Item, now: SystemTime) -> Result<RecordedRun, StoreError> {
        let broken = |attribute| self.table.broken(found, attribute);
        let input = match text(found, "input") {
            Some(input) if self.options.level == Level::Task => {
                Some(document::decode(input).map_err(|_| broken("input"))?)
            }
            _ => None,
        };
        Ok(RecordedRun {
            execution_arn: text(found, "execution_arn")
                .ok_or_else(|| broken("execution_arn"))?
                .into(),
            seed: text(found, "seed").ok_or_else(|| broken("seed"))?.to_owned(),
            started: time(found, "started").ok_or_else(|| broken("started"))?,
            round: Round {
                number: number(found, "round").ok_or_else(|| broken("round"))?,
                // A round that no run has begun yet begins now.
                started: time(found, "round_started").unwrap_or(now),
            },
            input,
        })
    }

    fn grant(&self, request: &ClaimRequest, run: RecordedRun, is_resumed: bool) -> Claim {
        Claim::Granted(Box::new(Grant {
            records: self.clone(),
            key: request.key.clone(),
            owner: request.owner.clone(),
            lease_until: request.lease_until,
            run,
            is_resumed,
        }))
    }

    fn finished(&self, item: &Item) -> Result<Finished, StoreError> {
        let result = match Status::of(item) {
            Some(Status::Succeeded) => {
                let output = text(item, "output").and_then(|output| document::decode(output).ok());
                Ok(output.ok_or_else(|| self.table.broken(item, "output"))?)
            }
            _ => Err(StateError {
                name: text(item, "error").map(ErrorName::from),
                cause: text(item, "cause").map(Text::from),
            }),
        };
        Ok(Finished {
            execution_arn: text(item, "execution_arn").unwrap_or_default().into(),
            result,
        })
    }

    fn expires_at(&self, now: SystemTime, lease_until: SystemTime) -> AttributeValue {
        // It must not vanish under the run that has it, nor before the event comes again if that one crashes.
        n(seconds(now.max(lease_until) + self.options.retention))
    }
}

impl RecordedRun {
    fn first(request: &ClaimRequest) -> RecordedRun {
        // As the table has it: runs that take over must see the same.
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds(request.now));
        RecordedRun {
            execution_arn: Text::clone(&request.execution_arn),
            seed: seed(request.seed),
            started: now,
            round: Round {
                number: 1,
                started: now,
            },
            input: None,
        }
    }
}

/// A seed as the table has it.
fn seed(bits: u128) -> String {
    format!("{bits:032x}")
}

impl Grant {
    /// What makes this run take the way of those before it.
    pub fn replay(&self) -> Replay {
        Replay {
            seed: digest(&[self.run.seed.as_bytes()]),
            started: self.run.started,
            timeout_from: self.run.round.started,
            time: match self.records.options.level {
                Level::Execution => ReplayTime::Actual,
                Level::Task => ReplayTime::Recorded,
            },
        }
    }

    /// Whether earlier runs had the execution.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// The journal of the execution, at [`Level::Task`]; reads what earlier runs have written.
    ///
    /// # Errors
    /// The table does not answer.
    pub async fn journal(&self, clock: Arc<dyn Clock>) -> Result<Option<Arc<Journal>>, StoreError> {
        let options = &self.records.options;
        if options.level < Level::Task {
            return Ok(None);
        }
        let journal = Journal::new(
            self.records.table.clone(),
            JournalScope {
                partition: self.key.partition().to_owned(),
                execution_started: milliseconds(self.run.started),
                round: self.run.round.number,
                record_expires_at: seconds(self.lease_until + options.retention),
                retention: options.retention.as_secs(),
                bytes_max: options.journal_bytes_max,
            },
            clock,
        );
        if self.is_resumed {
            journal.load().await?;
        }
        Ok(Some(Arc::new(journal)))
    }

    /// Records how the execution ended. One request.
    ///
    /// # Errors
    /// The table does not answer: the outcome may or may not be on record.
    pub async fn complete(
        &self,
        result: &Result<Document, StateError>,
        now: SystemTime,
    ) -> Result<Completion, StoreError> {
        let (status, values) = match result {
            Ok(output) => (Status::Succeeded, vec![("output", document::encode(output))]),
            Err(error) => {
                let name = error.name.as_ref().map(|name| ("error", name.as_str().to_owned()));
                let cause = error.cause.as_ref().map(|cause| ("cause", cause.to_string()));
                let values = name.into_iter().chain(cause);
                (Status::Failed, values.map(|(name, text)| (name, cut(text))).collect())
            }
        };
        let table = &self.records.table;
        let mut expression = "SET #status = :status, stopped = :now, expires_at = :expires".to_owned();
        let mut update = table.client.update_item().table_name(&table.name);
        for (attribute, value) in values {
            expression.push_str(&format!(", #{attribute} = :{attribute}"));
            update = update
                .expression_attribute_names(format!("#{attribute}"), attribute)
                .expression_attribute_values(format!(":{attribute}"), s(value));
        }
        let result = update
            .key("pk", s(self.key.partition()))
            .key("sk", s(SORT_KEY))
            .update_expression(expression + " REMOVE lease_until, #input")
            .expression_attribute_names("#input", "input")
            .condition_expression("#owner = :me AND #status = :running")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":me", s(&self.owner))
            .expression_attribute_values(":running", s(Status::Running.as_str()))
            .expression_attribute_values(":status", s(status.as_str()))
            .expression_attribute_values(":now", n(milliseconds(now)))
            .expression_attribute_values(":expires", self.records.expires_at(now, now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match result {
            Ok(_) => return Ok(Completion::Recorded),
            Err(error) => error,
        };
        match refused(&error, |error| match error {
            aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(refusal) => {
                Some(refusal.item())
            }
            _ => None,
        }) {
            Some(Some(item)) => match Status::of(item) {
                // The answer to our own first attempt was lost on the way.
                Some(found) if found == status && text(item, "owner") == Some(&self.owner) => Ok(Completion::Recorded),
                Some(Status::Succeeded | Status::Failed) => {
                    Ok(Completion::Overtaken(Some(self.records.finished(item)?)))
                }
                _ => Ok(Completion::Overtaken(None)),
            },
            Some(None) => Ok(Completion::Overtaken(None)),
            None => Err(table.error(error)),
        }
    }

    /// Gives the execution back for the next delivery. One request. Does nothing if another run has it by now.
    ///
    /// # Errors
    /// The table does not answer: the execution stays claimed until the lease ends.
    pub async fn release(&self, why: Release, now: SystemTime) -> Result<(), StoreError> {
        match self.records.options.level {
            // Nothing of the run is of use to the next one, which may even bring another input.
            Level::Execution => self.forget().await,
            Level::Task => self.hand_over(why, now).await,
        }
    }

    async fn forget(&self) -> Result<(), StoreError> {
        let table = &self.records.table;
        let result = table
            .client
            .delete_item()
            .table_name(&table.name)
            .key("pk", s(self.key.partition()))
            .key("sk", s(SORT_KEY))
            .condition_expression("#owner = :me AND #status = :running")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":me", s(&self.owner))
            .expression_attribute_values(":running", s(Status::Running.as_str()))
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
            Err(error) => Err(table.error(error)),
        }
    }

    async fn hand_over(&self, why: Release, now: SystemTime) -> Result<(), StoreError> {
        let (round, remove) = match why {
            Release::Failed => (self.run.round.number + 1, "lease_until, round_started"),
            Release::Unfinished => (self.run.round.number, "lease_until"),
        };
        let update = "SET #status = :released, round = :round, expires_at = :expires REMOVE ";
        let table = &self.records.table;
        let result = table
            .client
            .update_item()
            .table_name(&table.name)
            .key("pk", s(self.key.partition()))
            .key("sk", s(SORT_KEY))
            .update_expression(format!("{update}{remove}"))
            .condition_expression("#owner = :me AND #status = :running")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":me", s(&self.owner))
            .expression_attribute_values(":running", s(Status::Running.as_str()))
            .expression_attribute_values(":released", s(Status::Released.as_str()))
            .expression_attribute_values(":round", n(round))
            .expression_attribute_values(":expires", self.records.expires_at(now, now))
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
            Err(error) => Err(table.error(error)),
        }
    }

    /// When the lease ends.
    pub fn lease_until(&self) -> SystemTime {
        self.lease_until
    }

    /// The ARN of the execution: that of its first run.
    pub fn execution_arn(&self) -> &Text {
        &self.run.execution_arn
    }

    /// The input of the first delivery, where this run goes on with an execution that an earlier one began.
    pub fn input(&self) -> Option<&Document> {
        self.run.input.as_ref()
    }
}

/// The item that refused a conditional write, if that is what the error says: none if there is no item.
fn refused<'e, E, R>(
    error: &'e SdkError<E, R>,
    item: impl FnOnce(&'e E) -> Option<Option<&'e Item>>,
) -> Option<Option<&'e Item>> {
    match error {
        SdkError::ServiceError(error) => item(error.err()),
        _ => None,
    }
}
