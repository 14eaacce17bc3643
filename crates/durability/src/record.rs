//! The execution record: who may run an execution, and how it ended.

use crate::journal::Journal;
use crate::key::{Fingerprint, Key};
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
const SORT_KEY: &str = "execution";

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

/// The records of all executions.
#[derive(Clone, Debug)]
pub struct Records {
    table: Table,
    level: Level,
    retention: Duration,
}

/// What a run brings to claim an execution.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// Which execution.
    pub key: Key,
    /// What each delivery of the same event must have in common.
    pub input: Fingerprint,
    /// What each run of the execution must have in common.
    pub definition: Fingerprint,
    /// The ARN of the execution, for whoever reads the table.
    pub execution_arn: Text,
    /// Who claims: random, another in each run.
    pub owner: String,
    /// When the claim ends by itself: Lambda ends the run before.
    pub lease_until: SystemTime,
    /// The time.
    pub now: SystemTime,
}

/// What comes of a claim.
#[derive(Debug)]
pub enum Claim {
    /// The execution is the claimant's to run.
    Granted(Grant),
    /// It has been run.
    Finished(Finished),
    /// Another run has it.
    Running {
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
    started: SystemTime,
    round: Round,
    is_resumed: bool,
    execution_arn: Text,
}

/// A try at an execution: all runs up to a failure.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// 1 for the first.
    number: u64,
    started: SystemTime,
}

/// What comes of recording an outcome.
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
enum Status {
    Running,
    Released,
    Succeeded,
    Failed,
}

impl Status {
    const ALL: [Status; 4] = [Status::Running, Status::Released, Status::Succeeded, Status::Failed];

    fn as_str(self) -> &'static str {
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
    /// Records in a table. What is finished is remembered for `retention`.
    pub fn new(table: Table, level: Level, retention: Duration) -> Records {
        Records {
            table,
            level,
            retention,
        }
    }

    /// How much is kept.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Asks for an execution. One request; two if it takes up where an earlier run left off.
    ///
    /// # Errors
    /// The table does not answer: nothing is known, nothing may run.
    pub async fn claim(&self, request: &ClaimRequest) -> Result<Claim, StoreError> {
        for _ in 0..CLAIM_ATTEMPTS_MAX {
            let Some(found) = self.create(request).await? else {
                let first = Round {
                    number: 1,
                    started: request.now,
                };
                return Ok(Claim::Granted(self.grant(request, request.now, first, false)));
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
        Item::from([
            ("pk".to_owned(), s(request.key.partition())),
            ("sk".to_owned(), s(SORT_KEY)),
            ("status".to_owned(), s(Status::Running.as_str())),
            ("owner".to_owned(), s(&request.owner)),
            ("lease_until".to_owned(), n(milliseconds(request.lease_until))),
            ("input_sha256".to_owned(), s(request.input.as_str())),
            ("definition_sha256".to_owned(), s(request.definition.as_str())),
            ("execution_arn".to_owned(), s(&*request.execution_arn)),
            ("started".to_owned(), n(milliseconds(request.now))),
            ("round".to_owned(), n(1)),
            ("round_started".to_owned(), n(milliseconds(request.now))),
            (
                "expires_at".to_owned(),
                self.expires_at(request.now, request.lease_until),
            ),
        ])
    }

    /// What a record says about a claim; nothing if it is free to be taken over.
    fn judge(&self, request: &ClaimRequest, found: &Item) -> Result<Option<Claim>, StoreError> {
        let broken = |attribute| self.table.broken(found, attribute);
        let status = Status::of(found).ok_or_else(|| broken("status"))?;
        if text(found, "input_sha256") != Some(request.input.as_str()) {
            return Ok(Some(Claim::DifferentInput));
        }
        match status {
            Status::Succeeded | Status::Failed => Ok(Some(Claim::Finished(self.finished(found)?))),
            Status::Running => {
                let until = time(found, "lease_until").ok_or_else(|| broken("lease_until"))?;
                let is_leased = until > request.now;
                Ok(is_leased.then_some(Claim::Running { until }))
            }
            Status::Released => Ok(None),
        }
        .map(|claim| claim.or_else(|| self.judge_definition(request, found)))
    }

    /// A journal is only good for the definition that it was written with.
    fn judge_definition(&self, request: &ClaimRequest, found: &Item) -> Option<Claim> {
        let is_same = text(found, "definition_sha256") == Some(request.definition.as_str());
        (self.level == Level::Task && !is_same).then_some(Claim::DifferentDefinition)
    }

    /// Makes the record of an earlier run the claimant's, if it still is as it was found.
    async fn take_over(&self, request: &ClaimRequest, found: &Item) -> Result<Option<Claim>, StoreError> {
        let broken = |attribute| self.table.broken(found, attribute);
        let started = time(found, "started").ok_or_else(|| broken("started"))?;
        let round = Round {
            number: number(found, "round").ok_or_else(|| broken("round"))?,
            // A round that no run has begun yet begins now.
            started: time(found, "round_started").unwrap_or(request.now),
        };
        let owner = text(found, "owner").ok_or_else(|| broken("owner"))?;
        let status = text(found, "status").ok_or_else(|| broken("status"))?;
        let update = self.table.client.update_item().table_name(&self.table.name);
        let result = update
            .key("pk", s(request.key.partition()))
            .key("sk", s(SORT_KEY))
            .update_expression(
                "SET #status = :running, #owner = :me, lease_until = :lease, expires_at = :expires, \
                 definition_sha256 = :definition, round_started = :round_started",
            )
            .condition_expression("#owner = :owner AND #status = :status")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":running", s(Status::Running.as_str()))
            .expression_attribute_values(":me", s(&request.owner))
            .expression_attribute_values(":lease", n(milliseconds(request.lease_until)))
            .expression_attribute_values(":expires", self.expires_at(request.now, request.lease_until))
            .expression_attribute_values(":definition", s(request.definition.as_str()))
            .expression_attribute_values(":round_started", n(milliseconds(round.started)))
            .expression_attribute_values(":owner", s(owner))
            .expression_attribute_values(":status", s(status))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let granted = || Claim::Granted(self.grant(request, started, round, true));
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

    fn grant(&self, request: &ClaimRequest, started: SystemTime, round: Round, is_resumed: bool) -> Grant {
        let started = Duration::from_millis(milliseconds(started));
        Grant {
            records: self.clone(),
            key: request.key.clone(),
            owner: request.owner.clone(),
            lease_until: request.lease_until,
            // As the table has it: runs that take over must see the same.
            started: SystemTime::UNIX_EPOCH + started,
            round,
            is_resumed,
            execution_arn: Text::clone(&request.execution_arn),
        }
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
        n(seconds(now.max(lease_until) + self.retention))
    }
}

impl Grant {
    /// What makes this run take the way of those before it.
    pub fn replay(&self) -> Replay {
        Replay {
            seed: self.key.seed(),
            started: self.started,
            timeout_from: self.round.started,
            time: match self.records.level {
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
        if self.records.level < Level::Task {
            return Ok(None);
        }
        let journal = Journal::new(
            self.records.table.clone(),
            self.key.partition(),
            milliseconds(self.started),
            self.round.number,
            self.lease_until + self.records.retention,
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
                (Status::Failed, name.into_iter().chain(cause).collect())
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
            .update_expression(expression + " REMOVE lease_until")
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
        match self.records.level {
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
            Release::Failed => (self.round.number + 1, "lease_until, round_started"),
            Release::Unfinished => (self.round.number, "lease_until"),
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

    /// The ARN of the execution.
    pub fn execution_arn(&self) -> &Text {
        &self.execution_arn
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
