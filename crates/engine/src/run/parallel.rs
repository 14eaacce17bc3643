//! Parallel states: branches side by side, in the execution's own future.

use super::lineage::Lineage;
use super::machine::{Progress, Track, Variables, Visit};
use super::stages::check_result_bytes;
use super::{Failure, Run};
use crate::Fault;
use crate::history::EventDetails;
use expressway_asl::Document;
use expressway_asl::program::Machine;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
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
        let input = self.effective_input(track, visit, input).await?;
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
        while let Some(end) = lines.next().await {
            track.join(&end);
            match end.result {
                Ok(output) => results.set(end.index, output),
                // The others may still do what they began: not starting to wait for what can not end in time
                // must not cut them short.
                Err(Failure::Fault(Fault::Deadline)) => deadline = Some(Fault::Deadline),
                Err(failure) => {
                    drop(lines);
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
        let result = self.fit(results.into_document()).await?;
        check_result_bytes(&visit.state.name, &result)?;
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
                now: track.lineage.as_ref().and_then(Lineage::now),
                result,
            }
        })
    }
}

impl Track<'_> {
    /// Goes on after a line inside this one that has ended.
    pub(super) fn join(&self, end: &LineEnd) {
        self.follow(end.previous);
        if let Some(now) = end.now {
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
