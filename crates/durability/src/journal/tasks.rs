//! Tasks whose answers are on record.

use super::entry::Entry;
use super::transaction::Written;
use super::{Journal, lock};
use crate::table::{StoreError, milliseconds};
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::error_name::ErrorName;
use expressway_engine::{
    Fault, StateError, TaskError, TaskFuture, TaskRequest, TaskRunner, TimedOutFuture, check_result_bytes,
};
use expressway_integrations::dynamodb::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

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
    /// Makes a DynamoDB write together with its entry; `None` if the task is something else, or must be made alone.
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
            if let Some(entry) = self.journal.recall(&token, attempt).await.map_err(fault)? {
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
        self.journal.passed(&Text::from(token), attempt)
    }
}

fn answer(entry: &Entry) -> Result<Document, TaskError> {
    entry.result().clone().map_err(TaskError::State)
}

fn fault(error: StoreError) -> Fault {
    Fault::Store(error.to_string().into())
}
