//! Retry and Catch: the one place that knows what happens after an error.

#![warn(clippy::arithmetic_side_effects)]

use super::context::Seen;
use super::machine::{StateEnd, Track, Variables, Visit};
use super::{Failure, Run, work};
use crate::history::EventDetails;
use crate::{Fault, StateError, later};
use expressway_asl::Document;
use expressway_asl::program::{Catcher, Retrier, StateKind, StateType, Transition};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What came of one try of a state, with the places of the entries of Retry and Catch that matched.
pub(super) enum Tried {
    Ended(StateEnd),
    Retriable {
        error: StateError,
        index: usize,
        delay: Duration,
    },
    Caught {
        end: StateEnd,
        error: StateError,
        index: usize,
        retry_index: Option<usize>,
    },
    Failed {
        error: StateError,
        retry_index: Option<usize>,
    },
}

/// The first retrier that matches decides, also when its attempts are used up.
fn retrier<'s>(retriers: &'s [Retrier], error: &StateError) -> Option<(usize, &'s Retrier)> {
    let mut retriers = retriers.iter().enumerate();
    retriers.find(|(_, retrier)| retrier.errors.matches(error.name.as_ref()))
}

/// The catcher of an error.
fn catcher<'s>(catchers: &'s [Catcher], error: &StateError) -> Option<(usize, &'s Catcher)> {
    let mut catchers = catchers.iter().enumerate();
    catchers.find(|(_, catcher)| catcher.errors.matches(error.name.as_ref()))
}

impl Run<'_> {
    /// Does the work of a Task, Parallel or Map state, again as `Retry` says, and goes where `Catch` says.
    pub(super) async fn work_with_handlers(
        &self,
        track: &Track<'_>,
        visit: &mut Visit<'_>,
        input: Document,
    ) -> Result<StateEnd, Failure> {
        let state = visit.state;
        // Retriers count per visit of the state, each for itself (ASL spec, "Errors": Retrying After Error).
        let mut retries: Vec<u64> = Vec::new();
        loop {
            self.give_way().await?;
            let error = match self.attempt(track, visit, &input).await {
                // Past the handlers: an OutputPath that finds nothing fails the execution (recorded:
                // `*test_catch_states_runtime*`).
                Ok((placed, assigned)) => return self.ended(track, visit, placed, assigned).await,
                Err(Failure::Error(error)) => self.unless_out_of_time(error)?,
                Err(fault) => return Err(fault),
            };
            // Causes may show the whole input.
            self.worked(
                error
                    .cause
                    .as_ref()
                    .map_or(0, |cause| cause.len())
                    .max(work::TRANSITION),
            );
            if let Some(delay) = self.retry_delay(track, &state.retry, &mut retries, &error) {
                let now = self.now(track);
                // A retry that would start after the deadline is not waited for.
                self.sleep_until(track, later(now, delay)).await?;
                visit.retry_count = visit.retry_count.saturating_add(1);
                continue;
            }
            self.exhausted(track, visit);
            let Some((_, catcher)) = catcher(&state.catch, &error) else {
                if track.is_branch && matches!(state.kind, StateKind::Task(_)) {
                    self.event(track.previous(), || EventDetails::StateAborted {
                        state_type: StateType::Task,
                    });
                }
                return Err(error.into());
            };
            return self.caught(track, visit, catcher, &error, input).await;
        }
    }

    /// The end of a state that did its work: stage 5.
    async fn ended(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        placed: Document,
        assigned: Variables,
    ) -> Result<StateEnd, Failure> {
        let output = self
            .evaluating(track, visit, |evaluation| evaluation.select_output(placed.clone()))
            .await?;
        Ok(StateEnd {
            output,
            transition: visit.state.transition,
            assigned,
        })
    }

    /// What a catcher makes of an error.
    async fn caught(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        catcher: &Catcher,
        error: &StateError,
        input: Document,
    ) -> Result<StateEnd, Failure> {
        // Neither ResultSelector nor OutputPath apply here (recorded: `*catch_output_path*`).
        let error = error.to_document();
        let seen = Seen {
            error_output: Some(&error),
            ..Seen::input(&input)
        };
        let (assigned, output) = self
            .evaluating(track, visit, |evaluation| {
                let assigned = evaluation.assign(catcher.assign.as_ref(), &error, seen)?;
                let output = match &catcher.output {
                    Some(output) => evaluation.query(output, seen)?,
                    None => evaluation.place(&catcher.result_path, &mut input.clone(), error.clone(), true)?,
                };
                Ok((assigned, output))
            })
            .await?;
        Ok(StateEnd {
            output,
            transition: Transition::Next(catcher.next),
            assigned,
        })
    }

    /// One try of a Task, Parallel or Map state that was retried `retry_count` times before, and what its handlers
    /// would do next.
    pub(super) async fn try_once(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: Document,
        retry_count: u64,
    ) -> Result<Tried, Failure> {
        let state = visit.state;
        let error = match self.attempt(track, visit, &input).await {
            Ok((placed, assigned)) => return self.ended(track, visit, placed, assigned).await.map(Tried::Ended),
            Err(Failure::Error(error)) => error,
            Err(fault) => return Err(fault),
        };
        let retrier = retrier(&state.retry, &error);
        let retry_index = retrier.map(|(index, _)| index);
        if let Some((index, retrier)) = retrier.filter(|(_, retrier)| retry_count < retrier.max_attempts) {
            let delay = retrier.delay(retry_count);
            return Ok(Tried::Retriable { error, index, delay });
        }
        let Some((index, catcher)) = catcher(&state.catch, &error) else {
            return Ok(Tried::Failed { error, retry_index });
        };
        Ok(Tried::Caught {
            end: self.caught(track, visit, catcher, &error, input).await?,
            error,
            index,
            retry_index,
        })
    }

    /// One try of a state: stages 1 to 4, and what it assigns.
    async fn attempt(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        input: &Document,
    ) -> Result<(Document, Variables), Failure> {
        let selected = self
            .evaluating(track, visit, |evaluation| evaluation.select_input(input.clone()))
            .await?;
        let result = match &visit.state.kind {
            StateKind::Task(task) => self.task(track, visit, task, selected).await?,
            StateKind::Parallel { branches } => self.parallel(track, visit, branches, selected).await?,
            StateKind::Map(map) => self.map(track, visit, map, selected).await?,
            _ => return Err(Fault::Bug("a state without work was given handlers".into()).into()),
        };
        let seen = Seen {
            result: Some(&result),
            ..Seen::input(input)
        };
        self.evaluating(track, visit, |evaluation| {
            let assigned = evaluation.assign(visit.state.assign.as_ref(), &result, seen)?;
            let placed = evaluation.place_result(&mut input.clone(), result.clone())?;
            Ok((placed, assigned))
        })
        .await
    }

    /// How long to wait before the next try; none if there is none.
    fn retry_delay(
        &self,
        track: &Track<'_>,
        retriers: &[Retrier],
        retries: &mut Vec<u64>,
        error: &StateError,
    ) -> Option<Duration> {
        let (at, retrier) = retrier(retriers, error)?;
        retries.resize(retriers.len(), 0);
        let count = retries.get_mut(at)?;
        if *count >= retrier.max_attempts {
            return None;
        }
        let delay = retrier.delay(*count);
        *count = count.saturating_add(1);
        if !retrier.full_jitter {
            return Some(delay);
        }
        let share = (self.random(track) >> 64) as f64 / u64::MAX as f64;
        Some(delay.mul_f64(share))
    }

    /// Records that a Parallel or Map state has failed for good, if it came so far as to start its children.
    fn exhausted(&self, track: &Track<'_>, visit: &Visit<'_>) {
        if !visit.has_children.swap(false, Ordering::Relaxed) {
            return;
        }
        let details = match &visit.state.kind {
            StateKind::Parallel { .. } => EventDetails::ParallelStateFailed,
            StateKind::Map(_) => EventDetails::MapStateFailed,
            _ => return,
        };
        track.follow(self.event(track.previous(), || details));
    }
}
