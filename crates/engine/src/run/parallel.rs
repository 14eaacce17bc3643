//! Parallel states: branches side by side, in the execution's own future.

use super::machine::{Progress, Track, Variables, Visit};
use super::stages::{check_depth, check_result_bytes};
use super::{Failure, Run, work};
use crate::Fault;
use crate::history::EventDetails;
use expressway_asl::Document;
use expressway_asl::program::Machine;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

/// A line of states inside another one. Boxed, because machines nest.
pub(super) type Line<'l> = Pin<Box<dyn Future<Output = LineEnd> + Send + 'l>>;

/// How a line ended.
pub(super) struct LineEnd {
    pub(super) index: usize,
    /// The last event on the line.
    pub(super) previous: u64,
    /// The time on the line, where it goes by a record.
    pub(super) now: Option<SystemTime>,
    pub(super) result: Result<Document, Failure>,
}

impl Run<'_> {
    pub(super) async fn parallel(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        branches: &[Machine],
        input: Document,
    ) -> Result<Document, Failure> {
        let input = self
            .evaluating(track, visit, |evaluation| evaluation.effective_input(input.clone()))
            .await?;
        if let Some(probe) = self.probe {
            return probe.children();
        }
        let started = self.event(track.previous(), || EventDetails::ParallelStateStarted);
        track.follow(started);
        visit.has_children.store(true, Ordering::Relaxed);
        let kept = AtomicUsize::new(0);
        let progress: Vec<_> = branches.iter().map(|_| Progress::after(started)).collect();
        let mut lines: FuturesUnordered<Line<'_>> = FuturesUnordered::new();
        for ((index, branch), progress) in branches.iter().enumerate().zip(&progress) {
            let branch_track = Track {
                map: track.map.clone(),
                is_branch: true,
                ..Track::new(progress, track.lineage_of(visit, index))
            };
            self.worked(work::TRANSITION);
            lines.push(self.line(
                branch,
                branch_track,
                visit.variables.clone(),
                input.clone(),
                index,
                &kept,
            ));
        }
        let mut results = Results::new(branches.len());
        let mut deadline = None;
        let mut ended = Vec::new();
        let mut latest = None;
        while let Some(end) = next_end(&mut lines, &mut ended).await {
            track.follow(end.previous);
            latest = latest.max(end.now);
            match end.result {
                Ok(output) => results.set(end.index, output),
                // The others may still do what they began: not starting to wait for what can not end in time
                // must not cut them short.
                Err(Failure::Fault(Fault::Deadline)) => deadline = Some(Fault::Deadline),
                Err(failure) => {
                    drop(lines);
                    track.reached_by(end.now);
                    for line in &progress {
                        if let Some(state_type) = line.state_type() {
                            self.event(line.previous(), || EventDetails::StateAborted { state_type });
                        }
                    }
                    return Err(failure);
                }
            }
        }
        if let Some(fault) = deadline {
            return Err(fault.into());
        }
        track.reached_by(latest);
        let result = self.fit(results.into_document()).await?;
        check_result_bytes(&visit.state.name, &result)?;
        check_depth(visit, &result)?;
        visit.has_children.store(false, Ordering::Relaxed);
        // A leaf: the state's exit follows the last event of the branch that ended last (recorded:
        // `*parallel*`, by the gap in the ids).
        self.event(track.previous(), || EventDetails::ParallelStateSucceeded);
        Ok(result)
    }

    /// A machine as a line of its own; `kept` counts the bytes of the results of all lines beside it.
    pub(super) fn line<'l>(
        &'l self,
        machine: &'l Machine,
        track: Track<'l>,
        variables: Variables,
        input: Document,
        index: usize,
        kept: &'l AtomicUsize,
    ) -> Line<'l> {
        Box::pin(async move {
            let result = match self.machine(machine, &track, variables, input).await {
                Ok(output) => self.keep(kept, output).await.map_err(Failure::from),
                failure => failure,
            };
            track.end();
            LineEnd {
                index,
                previous: track.previous(),
                now: track.recorded_now(),
                result,
            }
        })
    }
}

/// The line that ended next; `ended` keeps those that come after it.
///
/// Where time goes by a record, lines that an earlier run has ended are all at their ends at once: they come in the order of
/// the record, so that the same failure decides.
pub(super) async fn next_end(lines: &mut FuturesUnordered<Line<'_>>, ended: &mut Vec<LineEnd>) -> Option<LineEnd> {
    if ended.is_empty() {
        let end = lines.next().await?;
        if end.now.is_none() {
            return Some(end);
        }
        ended.push(end);
    }
    while let Some(Some(end)) = lines.next().now_or_never() {
        ended.push(end);
    }
    let ends = ended.iter().enumerate();
    let (earliest, _) = ends.min_by_key(|(_, end)| (end.now, end.index))?;
    Some(ended.swap_remove(earliest))
}

impl Track<'_> {
    /// Lines inside this one ended at `now`, where time goes by a record.
    pub(super) fn reached_by(&self, now: Option<SystemTime>) {
        if let Some(now) = now {
            self.reached(now);
        }
    }
}

/// Results by the place of their branch or item.
pub(super) struct Results {
    slots: Vec<Document>,
}

impl Results {
    pub(super) fn new(length: usize) -> Results {
        Results {
            slots: vec![Document::Null; length],
        }
    }

    pub(super) fn set(&mut self, index: usize, result: Document) {
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = result;
        }
    }

    pub(super) fn into_document(self) -> Document {
        Document::from(self.slots)
    }
}
