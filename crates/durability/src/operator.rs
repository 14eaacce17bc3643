//! What an operator does with executions: looks at them, lets them be forgotten, ends their leases.

use crate::key::Key;
use crate::record::Status;
use crate::table::{Item, StoreError, Table, number, s, text, time};
use aws_sdk_dynamodb::error::SdkError;
use expressway_asl::Document;
use expressway_asl::document::{self, Text};
use std::time::SystemTime;

/// The record of an execution, as an operator sees it.
#[derive(Clone, Debug)]
pub struct ExecutionRecord {
    /// Its key.
    pub key: Key,
    /// The ARN of the execution, as the log has it.
    pub execution_arn: Text,
    /// `RUNNING`, `RELEASED`, `SUCCEEDED` or `FAILED`.
    pub status: Text,
    /// The kind of its source.
    pub source: Option<Text>,
    /// What AWS calls the event.
    pub source_id: Option<Text>,
    /// The run that has it, or had it last.
    pub owner: Text,
    /// The number of failures so far, plus one.
    pub round: u64,
    /// When its first run began.
    pub started: Option<SystemTime>,
    /// When its last run began.
    pub claimed: Option<SystemTime>,
    /// When the claim of the run that has it ends.
    pub lease_until: Option<SystemTime>,
    /// When it ended.
    pub stopped: Option<SystemTime>,
    /// When it will be forgotten.
    pub expires_at: Option<SystemTime>,
    /// Its output.
    pub output: Option<Document>,
    /// The name of the error that it failed with.
    pub error: Option<Text>,
    /// The cause of that.
    pub cause: Option<Text>,
}

/// A task attempt on record.
#[derive(Clone, Debug)]
pub struct TaskRecord {
    /// The state, if it is known.
    pub state: Option<Text>,
    /// The token that the service was given.
    pub token: Text,
    /// Round and number of an attempt that failed.
    pub failed: Option<(u64, u32)>,
    /// When it ended.
    pub ended: Option<SystemTime>,
    /// What it returned.
    pub result: Option<Document>,
    /// The name of the error that it failed with.
    pub error: Option<Text>,
    /// The cause of that.
    pub cause: Option<Text>,
}

/// Which records to list.
#[derive(Clone, Debug, Default)]
pub struct RecordFilter {
    /// Only those of this state machine.
    pub state_machine_arn: Option<String>,
    /// Only those in this status.
    pub status: Option<String>,
    /// Only the one with this execution ARN, source id or name.
    pub name: Option<String>,
}

impl ExecutionRecord {
    fn read(item: &Item) -> Option<ExecutionRecord> {
        let (state_machine_arn, digits) = text(item, "pk")?.rsplit_once('#')?;
        let value = |attribute| text(item, attribute).map(Text::from);
        Some(ExecutionRecord {
            key: Key::from_digits(state_machine_arn, digits),
            execution_arn: value("execution_arn")?,
            status: value("status")?,
            source: value("source"),
            source_id: value("source_id"),
            owner: value("owner")?,
            round: number(item, "round").unwrap_or(1),
            started: time(item, "started"),
            claimed: time(item, "claimed"),
            lease_until: time(item, "lease_until"),
            stopped: time(item, "stopped"),
            expires_at: number(item, "expires_at")
                .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds))),
            output: text(item, "output").and_then(|output| document::decode(output).ok()),
            error: value("error"),
            cause: value("cause"),
        })
    }

    /// Whether a run may be at work on it.
    pub fn is_leased(&self, now: SystemTime) -> bool {
        *self.status == *Status::Running.as_str() && self.lease_until.is_some_and(|until| until > now)
    }
}

impl TaskRecord {
    fn read(item: &Item) -> Option<TaskRecord> {
        let value = |attribute| text(item, attribute).map(Text::from);
        // task#1750000000000#ok#TOKEN, or task#1750000000000#failed#ROUND#TOKEN#ATTEMPT
        let parts: Vec<_> = text(item, "sk")?.split('#').collect();
        let (token, failed) = match parts.as_slice() {
            ["task", _, "ok", token] => (*token, None),
            ["task", _, "failed", round, token, attempt] => {
                (*token, Some((round.parse().ok()?, attempt.parse().ok()?)))
            }
            _ => return None,
        };
        Some(TaskRecord {
            state: value("state"),
            token: token.into(),
            failed,
            ended: time(item, "ended"),
            result: text(item, "result").and_then(|result| document::decode(result).ok()),
            error: value("error"),
            cause: value("cause"),
        })
    }
}

impl Table {
    /// The record of an execution. One request.
    ///
    /// # Errors
    /// The table does not answer.
    pub async fn record(&self, key: &Key) -> Result<Option<ExecutionRecord>, StoreError> {
        let get = self.client.get_item().table_name(&self.name);
        let answer = get
            .key("pk", s(key.partition()))
            .key("sk", s(crate::record::SORT_KEY))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| self.error(error))?;
        Ok(answer.item().and_then(ExecutionRecord::read))
    }

    /// Up to `count_max` records. Reads the whole table, by pages of 1 MB, until there are so many; `progress` is told how many items
    /// have been looked at.
    ///
    /// # Errors
    /// The table does not answer.
    pub async fn list(
        &self,
        filter: &RecordFilter,
        count_max: usize,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<ExecutionRecord>, StoreError> {
        let scan = self.client.scan().table_name(&self.name);
        let mut conditions = vec!["sk = :sk"];
        let mut scan = scan.expression_attribute_values(":sk", s(crate::record::SORT_KEY));
        if let Some(arn) = &filter.state_machine_arn {
            conditions.push("begins_with(pk, :machine)");
            scan = scan.expression_attribute_values(":machine", s(format!("{arn}#")));
        }
        if let Some(status) = &filter.status {
            conditions.push("#status = :status");
            scan = scan
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":status", s(status));
        }
        if let Some(name) = &filter.name {
            conditions.push("(execution_arn = :name OR source_id = :name OR contains(pk, :digits))");
            scan = scan
                .expression_attribute_values(":name", s(name))
                .expression_attribute_values(":digits", s(format!("#{name}")));
        }
        let mut pages = scan.filter_expression(conditions.join(" AND ")).into_paginator().send();
        let mut records = Vec::new();
        let mut seen = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.error(error))?;
            seen += usize::try_from(page.scanned_count()).unwrap_or_default();
            progress(seen);
            records.extend(page.items().iter().filter_map(ExecutionRecord::read));
            if records.len() >= count_max {
                records.truncate(count_max);
                break;
            }
        }
        Ok(records)
    }

    /// The task attempts on record of an execution, in the order in which they ended.
    ///
    /// # Errors
    /// The table does not answer.
    pub async fn tasks(&self, key: &Key) -> Result<Vec<TaskRecord>, StoreError> {
        let items = self.items_of(key).await?;
        let mut tasks: Vec<_> = items.iter().filter_map(TaskRecord::read).collect();
        tasks.sort_by_key(|task| task.ended);
        Ok(tasks)
    }

    /// Deletes all items of an execution, its record first; returns how many there were. The next delivery of its event is
    /// a new execution.
    ///
    /// # Errors
    /// The table does not answer; what has been deleted stays so.
    pub async fn forget(&self, key: &Key) -> Result<usize, StoreError> {
        let mut items = self.items_of(key).await?;
        items.sort_by_key(|item| text(item, "sk") != Some(crate::record::SORT_KEY));
        for item in &items {
            let delete = self.client.delete_item().table_name(&self.name);
            let sort_key = text(item, "sk").unwrap_or_default();
            let deleted = delete.key("pk", s(key.partition())).key("sk", s(sort_key)).send().await;
            deleted.map_err(|error| self.error(error))?;
        }
        Ok(items.len())
    }

    /// Ends the lease of the run that has an execution, so that the next delivery goes on with it; returns whether that run still had it.
    /// A run that is at work after all will find that it lost the execution.
    ///
    /// # Errors
    /// The table does not answer.
    pub async fn end_lease(&self, record: &ExecutionRecord) -> Result<bool, StoreError> {
        let update = self.client.update_item().table_name(&self.name);
        let result = update
            .key("pk", s(record.key.partition()))
            .key("sk", s(crate::record::SORT_KEY))
            .update_expression("SET #status = :released REMOVE lease_until")
            .condition_expression("#owner = :owner AND #status = :running")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":owner", s(&*record.owner))
            .expression_attribute_values(":running", s(Status::Running.as_str()))
            .expression_attribute_values(":released", s(Status::Released.as_str()))
            .send()
            .await;
        match result {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(false),
            Err(error) => Err(self.error(error)),
        }
    }

    async fn items_of(&self, key: &Key) -> Result<Vec<Item>, StoreError> {
        let query = self.client.query().table_name(&self.name);
        let mut pages = query
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(key.partition()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| self.error(error))?);
        }
        Ok(items)
    }
}
