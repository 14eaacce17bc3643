//! One attempt of a Task state.

#![warn(clippy::arithmetic_side_effects)]

use super::context::Seen;
use super::machine::{Track, Visit};
use super::stages::{check_depth, check_result_bytes};
use super::values::{Evaluation, Stop};
use super::{Failure, Probe, Run, Stage};
use crate::history::{EventDetails, TaskResource, TaskScheduled};
use crate::{StateError, TaskError, TaskRequest, later};
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::error_name::ErrorName;
use expressway_asl::program::{Construction, Count, Task};
use expressway_asl::resource::Resource;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

impl Run<'_> {
    pub(super) async fn task(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        task: &Task,
        input: Document,
    ) -> Result<Document, Failure> {
        let (timeout, heartbeat, role_arn, parameters) = self
            .evaluating(track, visit, |evaluation| {
                let timeout = evaluation.seconds(task.timeout.as_ref(), "TimeoutSecondsPath", &input)?;
                let heartbeat = evaluation.seconds(task.heartbeat.as_ref(), "HeartbeatSecondsPath", &input)?;
                let role_arn = match &task.credentials {
                    Some(credentials) => Some(evaluation.role_arn(credentials, &input)?),
                    None => None,
                };
                let parameters = evaluation.effective_input(input.clone())?;
                Ok((timeout, heartbeat, role_arn, parameters))
            })
            .await?;
        let schedule = || scheduled(self, task, &parameters, timeout, heartbeat, role_arn.clone());
        track.follow(self.event(track.previous(), schedule));
        // The runner writes it, and so do tokens.
        self.worked_through(&parameters);
        let permit = self.environment.budget.acquire().await?;
        track.follow(self.event(track.previous(), || started(task)));
        let token = track.lineage.as_ref().map(|lineage| {
            let input = parameters.to_json();
            lineage.token(visit, task.resource.arn(), role_arn.as_deref(), &input)
        });
        let attempt = u32::try_from(visit.retry_count).unwrap_or(u32::MAX);
        let request = TaskRequest {
            resource: &task.resource,
            input: parameters,
            state_name: &visit.state.name,
            attempt,
            role_arn: role_arn.clone(),
            execution_arn: &self.identity.execution_arn,
            token: token.clone(),
            payloads: self.environment.payloads.as_deref(),
        };
        let result = match self.call(request, timeout).await {
            Some(result) => result,
            None => {
                if let Some(token) = &token {
                    self.environment.tasks.timed_out(token, attempt).await?;
                }
                // No cause, as recorded.
                Err(StateError {
                    name: Some(ErrorName::Timeout),
                    cause: None,
                }
                .into())
            }
        };
        drop(permit);
        if let Some(token) = &token {
            let recorded = self.environment.tasks.ended(token, attempt);
            track.reached(recorded.unwrap_or_else(|| self.environment.clock.now()));
        }
        let result = match result {
            Ok(result) => {
                self.worked_through(&result);
                check_depth(visit, &result)?;
                let result = self.fit(result).await?;
                check_result_bytes(&task.resource.limit_name(), &result)
                    .map(|()| result)
                    .map_err(TaskError::from)
            }
            error => error,
        };
        match result {
            Ok(result) => {
                self.stage(Stage::Result, &result);
                track.follow(self.event(track.previous(), || succeeded(task, &result)));
                Ok(result)
            }
            // The task could not be started with these parameters. No event says so but the execution's end.
            Err(TaskError::State(error)) if error.name == Some(ErrorName::Runtime) && !self.is_mocked() => {
                Err(visit.runtime_error(&error.cause.unwrap_or_default()).into())
            }
            Err(TaskError::State(error)) => {
                track.follow(self.event(track.previous(), || failed(task, &error)));
                Err(error.into())
            }
            Err(TaskError::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Asks the runner, for at most `timeout` seconds; drops the request after that.
    async fn call(&self, request: TaskRequest<'_>, timeout: Option<u64>) -> Option<Result<Document, TaskError>> {
        if let Some(answer) = self.probe.and_then(Probe::answer) {
            return Some(answer.map_err(TaskError::from));
        }
        let clock = &self.environment.clock;
        let _in_flight = InFlight::start(&**clock);
        let mut answer = pin!(self.environment.tasks.run(request));
        let Some(seconds) = timeout else {
            return Some(answer.await);
        };
        let mut timeout = clock.sleep_until(later(clock.now(), Duration::from_secs(seconds)));
        std::future::poll_fn(|context| {
            if let Poll::Ready(result) = answer.as_mut().poll(context) {
                return Poll::Ready(Some(result));
            }
            timeout.as_mut().poll(context).map(|()| None)
        })
        .await
    }
}

impl Evaluation<'_> {
    fn seconds(&self, count: Option<&Count>, field: &str, input: &Document) -> Result<Option<u64>, Stop> {
        let seconds = |value: &Document| {
            value
                .as_i64()
                .and_then(|seconds| u64::try_from(seconds).ok())
                .filter(|seconds| *seconds > 0)
        };
        let path = match count {
            None => return Ok(None),
            Some(Count::Literal(seconds)) => return Ok(Some(*seconds)),
            Some(Count::Query(query)) => {
                let found = self.query_as(query, Seen::input(input), "positive integer", seconds)?;
                return Ok(Some(found));
            }
            Some(Count::Path(path)) => path,
        };
        let value = self.path(path, input)?;
        match seconds(&value) {
            Some(seconds) => Ok(Some(seconds)),
            None => {
                let detail = format!(
                    "The {field} parameter does not reference a positive integer: {} == {value}",
                    path.text()
                );
                Err(self.visit.runtime_error(&detail).into())
            }
        }
    }

    fn role_arn(&self, credentials: &Construction, input: &Document) -> Result<Text, Stop> {
        let credentials = self.construct(credentials, input, Seen::input(input))?;
        let credentials = self.loaded(credentials)?;
        match credentials.get("RoleArn") {
            Some(Document::String(role_arn)) => Ok(Text::clone(role_arn)),
            _ => Err(self
                .visit
                .runtime_error("The field 'RoleArn' of 'Credentials' must be a string.")
                .into()),
        }
    }
}

/// Tells the clock that a task attempt runs, for as long as it lives.
struct InFlight<'c>(&'c dyn crate::Clock);

impl<'c> InFlight<'c> {
    fn start(clock: &'c dyn crate::Clock) -> InFlight<'c> {
        clock.task_in_flight(true);
        InFlight(clock)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.task_in_flight(false);
    }
}

fn resource(task: &Task) -> TaskResource {
    TaskResource {
        resource_type: task.resource.resource_type(),
        resource: Text::clone(task.resource.name()),
    }
}

fn scheduled(
    run: &Run<'_>,
    task: &Task,
    parameters: &Document,
    timeout_seconds: Option<u64>,
    heartbeat_seconds: Option<u64>,
    role_arn: Option<Text>,
) -> EventDetails {
    match &task.resource {
        Resource::Function { arn } => EventDetails::LambdaFunctionScheduled {
            resource: Text::clone(arn),
            input: parameters.clone(),
            timeout_seconds,
            role_arn,
        },
        _ => EventDetails::TaskScheduled(Box::new(TaskScheduled {
            resource: resource(task),
            region: Text::clone(&run.identity.region),
            parameters: parameters.clone(),
            timeout_seconds,
            heartbeat_seconds,
            role_arn,
        })),
    }
}

fn started(task: &Task) -> EventDetails {
    match &task.resource {
        Resource::Function { .. } => EventDetails::LambdaFunctionStarted,
        _ => EventDetails::TaskStarted(resource(task)),
    }
}

fn succeeded(task: &Task, output: &Document) -> EventDetails {
    match &task.resource {
        Resource::Function { .. } => EventDetails::LambdaFunctionSucceeded { output: output.clone() },
        _ => EventDetails::TaskSucceeded(resource(task), output.clone()),
    }
}

fn failed(task: &Task, error: &StateError) -> EventDetails {
    let error = error.clone();
    let is_timeout = error.name == Some(ErrorName::Timeout);
    match &task.resource {
        Resource::Function { .. } if is_timeout => EventDetails::LambdaFunctionTimedOut(error),
        Resource::Function { .. } => EventDetails::LambdaFunctionFailed(error),
        _ if is_timeout => EventDetails::TaskTimedOut(resource(task), error),
        _ => EventDetails::TaskFailed(resource(task), error),
    }
}
