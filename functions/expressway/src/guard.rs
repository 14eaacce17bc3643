//! One delivery of an event, one execution: runs what has not been run, answers what has.
//!
//! Without a table every delivery is an execution of its own. With one, the execution's key decides: see
//! [`expressway_durability`].

use crate::config::MissingKey;
use crate::delivery::{Delivery, Failure, FailureKind, Success};
use crate::event_expression::EventExpression;
use crate::handler::Invocation;
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::error_name::{ErrorMatcher, ErrorName};
use expressway_durability::{
    Claim, ClaimRequest, Completion, Fingerprint, Finished, Grant, Journal, JournaledTasks, Key, KeyParts, Level,
    Records, Refusal, Release, StoreError,
};
use expressway_engine::{Fault, Identity, Outcome, StateError};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long a run has that no deadline ends, at most: as long as a function may run.
const LEASE_MAX: Duration = Duration::from_secs(900);

/// How many bytes of an input a record holds where there is a bucket for the rest. DynamoDB charges each write of a
/// record by its size, and two writes are made of each: beyond a few KB an object is cheaper, and costs a request.
const RECORDED_INPUT_BYTES_MAX: usize = 32 * 1024;

/// The pause before an outcome is recorded again that could not be recorded.
const RECORD_PAUSE: Duration = Duration::from_millis(200);

/// What makes deliveries safe.
#[derive(Debug)]
pub struct Guard {
    records: Records,
    definition: Fingerprint,
    final_errors: ErrorMatcher,
}

impl Guard {
    /// A guard that keeps its records there. `definition` is what is run; an execution that fails with one of
    /// `final_errors` is not tried again.
    pub fn new(records: Records, definition: Fingerprint, final_errors: ErrorMatcher) -> Guard {
        Guard {
            records,
            definition,
            final_errors,
        }
    }
}

impl Invocation<'_> {
    /// Runs the execution that an event asks for, unless it has been run before or is being run.
    ///
    /// # Errors
    /// The execution failed, now or when it was run; it did not end in time; it may not be run now.
    pub(crate) async fn guarded(&self, guard: &Guard, mut delivery: Delivery<'_>) -> Result<Success, Failure> {
        let Some(key) = self.key(&delivery)? else {
            return self.unguarded(delivery).await;
        };
        if let (Level::Task, Some(store)) = (guard.records.level(), self.payloads()) {
            let input = std::mem::replace(&mut delivery.input, Document::Null);
            let shortened = self.shortened(store, input, RECORDED_INPUT_BYTES_MAX, self.deadline);
            delivery.input = shortened.await?;
        }
        let entropy = &*self.environment.entropy;
        let identity = self
            .machine
            .new_execution(Some(key.as_str()), delivery.is_synchronous, entropy);
        let now = self.environment.clock.now();
        let request = ClaimRequest {
            source: delivery.source.as_str(),
            source_id: delivery.source_id.map(str::to_owned),
            fingerprint: self.fingerprint(&delivery)?,
            definition: guard.definition.clone(),
            input: delivery.input.clone(),
            execution_arn: Text::clone(&identity.execution_arn),
            seed: entropy.random(),
            owner: format!("{}/{:032x}", self.request_id(), entropy.random()),
            lease_until: self.lambda_deadline().unwrap_or(now + LEASE_MAX),
            now,
            key,
        };
        match self.by(self.deadline, guard.records.claim(&request)).await {
            Ok(Claim::Granted(grant)) => {
                let arn = Text::clone(grant.execution_arn());
                let identity = self
                    .machine
                    .execution(arn, identity.execution_name, delivery.is_synchronous);
                let result = self.granted(guard, &grant, identity, delivery).await;
                result.map_err(|failure| failure.of_execution(grant.execution_arn()))
            }
            Ok(Claim::Finished(finished)) => replayed(finished),
            Ok(Claim::Refused { execution_arn, reason }) => {
                Err(refused(reason, &execution_arn, now).of_execution(&execution_arn))
            }
            Err(error) => Err(self.unavailable(&error)),
        }
    }

    /// The table's answer, if it comes in time: a source that waits must get its own in time, too.
    async fn by<T>(
        &self,
        time: Option<SystemTime>,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Unavailable> {
        match self.until(time, answer).await {
            Some(answer) => answer.map_err(Unavailable::from),
            None => Err(Unavailable {
                problem: "the table did not answer in time".to_owned(),
                is_permanent: false,
            }),
        }
    }

    /// The key of an execution; `None` if it runs unprotected.
    fn key(&self, delivery: &Delivery<'_>) -> Result<Option<Key>, Failure> {
        let configuration = &self.handler.configuration;
        let now = self.environment.clock.now();
        let value = |expression: &EventExpression| expression.value(&(delivery.event)(), now);
        let caller = match &configuration.caller {
            Some(expression) => value(expression).map(Some),
            None => Ok(delivery.caller.clone()),
        };
        let key = match &configuration.idempotency_key {
            Some(expression) => expression.key(&(delivery.event)(), now),
            None => {
                let key = delivery.key.filter(|key| !key.trim().is_empty());
                key.map(str::to_owned).ok_or_else(|| "the event has none".to_owned())
            }
        };
        let found = caller.and_then(|caller| Ok((caller, key?)));
        match (found, configuration.missing_key) {
            (Ok((caller, key)), _) => Ok(Some(Key::new(KeyParts {
                state_machine_arn: self.machine.arn(),
                source: delivery.source.as_str(),
                caller: self.with_tenant(caller).as_ref(),
                key: &key,
            }))),
            (Err(problem), MissingKey::Unprotected) => {
                self.unprotected(delivery.source, &problem);
                Ok(None)
            }
            (Err(problem), MissingKey::Error) => Err(Failure::refused(
                "Expressway.IdempotencyKeyMissing",
                format!("there is no idempotency key: {problem}"),
            )),
        }
    }

    /// The caller, with the tenant that the sandbox belongs to.
    fn with_tenant(&self, caller: Option<Document>) -> Option<Document> {
        match self.tenant_id() {
            Some(tenant) => Some(Document::from(vec![tenant.into(), caller.unwrap_or(Document::Null)])),
            None => caller,
        }
    }

    /// What deliveries with the same key must have in common. With a key of the operator's choice they may differ, for a
    /// sender that tries again makes another event of it, unless the operator says what must not.
    fn fingerprint(&self, delivery: &Delivery<'_>) -> Result<Option<Fingerprint>, Failure> {
        let configuration = &self.handler.configuration;
        match &configuration.idempotency_payload {
            Some(expression) => {
                let value = expression.value(&(delivery.event)(), self.environment.clock.now());
                let value = value.map_err(|problem| {
                    let cause = format!("there is nothing to compare deliveries by: {problem}");
                    Failure::refused("Expressway.IdempotencyPayloadMissing", cause)
                })?;
                Ok(Some(Fingerprint::of(&value)))
            }
            None if configuration.idempotency_key.is_some() => Ok(None),
            None => Ok(Some(Fingerprint::of(&delivery.fingerprint))),
        }
    }

    async fn granted(
        &self,
        guard: &Guard,
        grant: &Grant,
        identity: Identity,
        delivery: Delivery<'_>,
    ) -> Result<Success, Failure> {
        let journal = grant.journal(Arc::clone(&self.environment.clock));
        let journal = match self.by(self.deadline, journal).await {
            Ok(journal) => journal,
            Err(error) => {
                self.release(grant, Release::Unfinished).await;
                return Err(self.unavailable(&error));
            }
        };
        if let Err(failure) = self.renew(grant, journal.as_deref()).await {
            self.release(grant, Release::Unfinished).await;
            return Err(failure);
        }
        let has_journal = journal.is_some();
        let mut environment = self.environment.clone();
        if let Some(journal) = journal {
            environment.tasks = Arc::new(JournaledTasks::new(environment.tasks, journal));
        }
        let arn = Text::clone(&identity.execution_arn);
        // The first delivery's input counts: what differs in a later one would ask for tasks again.
        let input = grant.input().cloned().unwrap_or(delivery.input);
        let ended = self.run(&environment, identity, Some(grant.replay()), input).await;
        let result = match &ended.outcome {
            Outcome::Succeeded(output) if (delivery.is_failure)(output) => {
                self.release(grant, Release::Failed).await;
                return ended.into_result();
            }
            Outcome::Succeeded(output) => Ok(output.clone()),
            Outcome::Failed(error) if guard.final_errors.matches(error.name.as_ref()) => Err(error.clone()),
            Outcome::TimedOut if guard.final_errors.matches(Some(&ErrorName::Timeout)) => Err(StateError {
                name: Some(ErrorName::Timeout),
                cause: None,
            }),
            Outcome::Failed(_) | Outcome::TimedOut | Outcome::Faulted(Fault::Bug(_) | Fault::Payload { .. }) => {
                self.release(grant, Release::Failed).await;
                return ended.into_result();
            }
            Outcome::Interrupted | Outcome::Faulted(Fault::Deadline) => {
                self.release(grant, Release::Unfinished).await;
                return ended.into_result().map_err(|failure| Failure {
                    // What is done is kept: the next run goes on from there.
                    retry_after: has_journal.then_some(Duration::ZERO),
                    ..failure
                });
            }
            Outcome::Faulted(Fault::Store(_)) => {
                self.release(grant, Release::Unfinished).await;
                return ended.into_result();
            }
        };
        match self.complete(grant, &result).await {
            Some(Completion::Overtaken(Some(finished))) => replayed(finished),
            Some(Completion::Overtaken(None)) => Err(Failure::postponed(
                "Expressway.LeaseLost",
                format!("another run has taken over the execution {arn}"),
            )),
            Some(Completion::Recorded) | None => ended.into_result().map_err(|failure| Failure {
                is_final: true,
                ..failure
            }),
        }
    }

    /// Lets large values that earlier runs have stored live on. One that is gone by now is only missed if this run looks
    /// at it.
    async fn renew(&self, grant: &Grant, journal: Option<&Journal>) -> Result<(), Failure> {
        let (Some(store), true) = (self.payloads(), grant.is_resumed()) else {
            return Ok(());
        };
        let input = grant.input().cloned().unwrap_or_default();
        let recorded = journal.map(Journal::references).unwrap_or_default();
        let stored = Document::from(vec![input, recorded]);
        match self.until(self.deadline, store.renew(&stored)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(fault @ Fault::Payload { .. })) => {
                self.warning(&fault.to_string());
                Ok(())
            }
            Some(Err(fault)) => Err(self.faulted(&fault)),
            None => Err(Failure::timed_out(FailureKind::Postponed)),
        }
    }

    /// Records an outcome, again and again until there is no time left: its tasks are done.
    async fn complete(&self, grant: &Grant, result: &Result<Document, StateError>) -> Option<Completion> {
        let clock = &self.environment.clock;
        loop {
            let end = self.record_by().unwrap_or(grant.lease_until());
            let error = match self.by(Some(end), grant.complete(result, clock.now())).await {
                Ok(completion) => return Some(completion),
                Err(error) => error,
            };
            let next = clock.now() + RECORD_PAUSE;
            if error.is_permanent || next >= end {
                let (arn, problem) = (grant.execution_arn(), error.problem);
                self.problem(&format!(
                    "execution {arn}: its outcome is not on record, a later delivery would run it again: {problem}"
                ));
                return None;
            }
            clock.sleep_until(next).await;
        }
    }

    async fn release(&self, grant: &Grant, why: Release) {
        let release = grant.release(why, self.environment.clock.now());
        if let Err(error) = self.by(self.record_by(), release).await {
            let (arn, problem) = (grant.execution_arn(), error.problem);
            self.warning(&format!(
                "execution {arn}: it will not run again before its lease ends: {problem}"
            ));
        }
    }

    /// The table gives no answer.
    fn unavailable(&self, error: &Unavailable) -> Failure {
        let failure = Failure {
            detail: Some(error.problem.clone()),
            ..Failure::postponed(
                "Expressway.StoreUnavailable",
                "the record of the execution is not available",
            )
        };
        match error.is_permanent {
            true => Failure {
                kind: FailureKind::Refused,
                ..failure
            },
            false => Failure {
                retry_after: Some(Duration::from_secs(1)),
                ..failure
            },
        }
    }
}

/// Why the table gives no answer.
struct Unavailable {
    problem: String,
    /// Whether it will not pass by itself.
    is_permanent: bool,
}

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Unavailable {
        Unavailable {
            is_permanent: error.is_permanent,
            problem: error.to_string(),
        }
    }
}

fn replayed(finished: Finished) -> Result<Success, Failure> {
    match finished.result {
        Ok(output) => Ok(Success {
            output,
            is_replayed: true,
        }),
        Err(error) => Err(Failure {
            is_replayed: true,
            is_final: true,
            ..Failure::from(error).of_execution(&finished.execution_arn)
        }),
    }
}

fn refused(refusal: Refusal, execution_arn: &str, now: SystemTime) -> Failure {
    match refusal {
        Refusal::Running { since, until } => Failure {
            retry_after: Some(retry_after(since, until, now)),
            free_after: Some(until.duration_since(now).unwrap_or_default()),
            ..Failure::postponed(
                "Expressway.ExecutionRunning",
                format!("the execution {execution_arn} is running"),
            )
        },
        Refusal::DifferentInput => Failure::refused(
            "Expressway.IdempotencyKeyReused",
            "the idempotency key was used before, with another input",
        ),
        Refusal::DifferentDefinition => Failure::refused(
            "Expressway.DefinitionChanged",
            "the execution was begun with another definition, and EXPRESSWAY_DEFINITION_CHANGE is `refuse`",
        ),
    }
}

/// When to ask again for an execution that runs: it may take as long again as it has taken so far. So waits grow with
/// it, and few of them are in vain; after its lease it does not run any more.
fn retry_after(since: SystemTime, until: SystemTime, now: SystemTime) -> Duration {
    let so_far = now.duration_since(since).unwrap_or_default();
    let left = until.duration_since(now).unwrap_or_default();
    so_far.min(left).max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_wait_as_long_as_a_run_has_taken_and_no_longer_than_its_lease() {
        let at = |seconds: f64| SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds);
        for (now, until, expected) in [
            (0.0, 900.0, 1.0),
            (0.5, 900.0, 1.0),
            (1.9, 900.0, 1.9),
            (30.0, 900.0, 30.0),
            (30.0, 35.0, 5.0),
            (30.0, 30.1, 1.0),
            // A clock that is behind that of the other run.
            (-1.0, 900.0, 1.0),
        ] {
            let wait = retry_after(at(100.0), at(100.0 + until), at(100.0 + now));
            assert_eq!(wait, Duration::from_secs_f64(expected), "{now} {until}");
        }
    }
}
