//! One delivery of an event, one execution: runs what has not been run, answers what has.
//!
//! Without a table every delivery is an execution of its own. With one, the execution's key decides: see
//! [`expressway_durability`].

mod key;

pub use key::KeyExpression;

use crate::config::MissingKey;
use crate::handler::{Delivery, Failure, Invocation, Success};
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::error_name::{ErrorMatcher, ErrorName};
use expressway_durability::{
    Claim, ClaimRequest, Completion, Fingerprint, Finished, Grant, JournaledTasks, Key, Records, Release, StoreError,
};
use expressway_engine::{Fault, Identity, Outcome, StateError};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long a run has that no deadline ends, at most: as long as a function may run.
const LEASE_MAX: Duration = Duration::from_secs(900);

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
    /// A guard that keeps its records there. `definition` is the text of what is run; an execution that fails with
    /// one of `final_errors` is not tried again.
    pub fn new(records: Records, definition: &str, final_errors: ErrorMatcher) -> Guard {
        Guard {
            records,
            definition: Fingerprint::of(definition.as_bytes()),
            final_errors,
        }
    }
}

impl Invocation<'_> {
    /// Runs the execution that an event asks for, unless it has been run before or is being run.
    ///
    /// # Errors
    /// The execution failed, now or when it was run; it did not end in time; it may not be run now.
    pub(crate) async fn guarded(&self, guard: &Guard, delivery: Delivery<'_>) -> Result<Success, Failure> {
        let Some(key) = self.key(&delivery)? else {
            let identity = self
                .machine
                .execution(delivery.name, delivery.caller, &*self.environment.entropy);
            return self
                .run(&self.environment, identity, None, delivery.input)
                .await
                .into_result();
        };
        let key = Key::new(self.machine.arn(), &key);
        let identity = self.machine.execution_of(&key, delivery.name, delivery.caller);
        let now = self.environment.clock.now();
        let request = ClaimRequest {
            key,
            input: Fingerprint::of(delivery.fingerprint.to_json().as_bytes()),
            definition: guard.definition.clone(),
            execution_arn: Text::clone(&identity.execution_arn),
            owner: format!("{}/{:032x}", self.request_id(), self.environment.entropy.random()),
            lease_until: self.lambda_deadline().unwrap_or(now + LEASE_MAX),
            now,
        };
        match self.by(self.deadline, guard.records.claim(&request)).await {
            Ok(Claim::Granted(grant)) => self.granted(guard, &grant, identity, delivery.input).await,
            Ok(Claim::Finished(finished)) => replayed(finished),
            Ok(Claim::Running { until }) => Err(running(&identity, until, now)),
            Ok(Claim::DifferentInput) => Err(Failure::new(
                "Expressway.IdempotencyKeyReused",
                "the idempotency key was used before, with another input",
            )),
            Ok(Claim::DifferentDefinition) => Err(Failure::new(
                "Expressway.DefinitionChanged",
                "the execution was begun with another definition, its journal can not be continued with this one",
            )),
            Err(problem) => Err(self.unavailable(&problem)),
        }
    }

    /// What the table answers, if it does so by then: a source that waits is to be told in time.
    async fn by<T>(
        &self,
        time: Option<SystemTime>,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, String> {
        let Some(time) = time else {
            return answer.await.map_err(|error| error.to_string());
        };
        tokio::select! {
            biased;
            answer = answer => answer.map_err(|error| error.to_string()),
            () = self.environment.clock.sleep_until(time) => Err("the table did not answer in the time there was".to_owned()),
        }
    }

    /// The key of an execution; none if it runs unprotected.
    fn key(&self, delivery: &Delivery<'_>) -> Result<Option<String>, Failure> {
        let configuration = &self.handler.configuration;
        let found = match &configuration.idempotency_key {
            None => delivery
                .key
                .map(str::to_owned)
                .ok_or_else(|| "its source gives none".to_owned()),
            Some(expression) => expression
                .evaluate(&(delivery.event)(), self.environment.clock.now())
                .map_err(|error| error.to_string()),
        };
        match (found, configuration.missing_key) {
            (Ok(key), _) => Ok(Some(key)),
            (Err(problem), MissingKey::Unprotected) => {
                self.problem(&format!("an execution runs without an idempotency key: {problem}"));
                Ok(None)
            }
            (Err(problem), MissingKey::Error) => Err(Failure::new(
                "Expressway.IdempotencyKeyMissing",
                format!("there is no idempotency key: {problem}"),
            )),
        }
    }

    async fn granted(
        &self,
        guard: &Guard,
        grant: &Grant,
        identity: Identity,
        input: Document,
    ) -> Result<Success, Failure> {
        let journal = grant.journal(Arc::clone(&self.environment.clock));
        let journal = match self.by(self.deadline, journal).await {
            Ok(journal) => journal,
            Err(problem) => {
                self.release(grant, Release::Unfinished).await;
                return Err(self.unavailable(&problem));
            }
        };
        let has_journal = journal.is_some();
        let mut environment = self.environment.clone();
        if let Some(journal) = journal {
            environment.tasks = Arc::new(JournaledTasks::new(environment.tasks, journal));
        }
        let arn = Text::clone(&identity.execution_arn);
        let ended = self.run(&environment, identity, Some(grant.replay()), input).await;
        let result = match &ended.outcome {
            Outcome::Succeeded(output) => Ok(output.clone()),
            Outcome::Failed(error) if guard.final_errors.matches(error.name.as_ref()) => Err(error.clone()),
            Outcome::TimedOut if guard.final_errors.matches(Some(&ErrorName::Timeout)) => Err(StateError {
                name: Some(ErrorName::Timeout),
                cause: None,
            }),
            Outcome::Failed(_) | Outcome::TimedOut | Outcome::Faulted(Fault::Bug(_)) => {
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
            Some(Completion::Overtaken(None)) => Err(Failure::new(
                "Expressway.LeaseLost",
                format!("another run has taken over the execution {arn}"),
            )),
            Some(Completion::Recorded) | None => ended.into_result(),
        }
    }

    /// Records an outcome, again and again until there is no time left: what it took is done.
    async fn complete(&self, grant: &Grant, result: &Result<Document, StateError>) -> Option<Completion> {
        let clock = &self.environment.clock;
        loop {
            let end = self.answer_by().unwrap_or(grant.lease_until());
            let problem = match self.by(Some(end), grant.complete(result, clock.now())).await {
                Ok(completion) => return Some(completion),
                Err(problem) => problem,
            };
            let next = clock.now() + RECORD_PAUSE;
            if next >= end {
                let arn = grant.execution_arn();
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
        if let Err(problem) = self.by(self.answer_by(), release).await {
            let arn = grant.execution_arn();
            self.problem(&format!(
                "execution {arn}: it can not run again before its lease ends: {problem}"
            ));
        }
    }

    fn unavailable(&self, problem: &str) -> Failure {
        self.problem(problem);
        Failure {
            retry_after: Some(Duration::from_secs(1)),
            ..Failure::new(
                "Expressway.StoreUnavailable",
                "the record of executions can not be reached",
            )
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
            ..Failure::from(error)
        }),
    }
}

fn running(identity: &Identity, until: SystemTime, now: SystemTime) -> Failure {
    let wait = until.duration_since(now).unwrap_or_default();
    Failure {
        retry_after: Some(wait.max(Duration::from_secs(1))),
        ..Failure::new(
            "Expressway.ExecutionRunning",
            format!("the execution {} is running", identity.execution_arn),
        )
    }
}
