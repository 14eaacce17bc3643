//! How much an execution has worked since it last gave way to others.

use super::Run;
use crate::Fault;
use expressway_asl::Document;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How much an execution works before it looks at the clock and lets others run, in bytes: about a millisecond of
/// parsing or hashing.
const TURN: usize = 256 * 1024;

/// What entering a state, or a line of states, counts for. Copying no data, 256 of them are one turn.
pub(super) const TRANSITION: usize = TURN / 256;

/// Work in bytes, see [`expressway_asl::work`]. All parts of an execution share it.
#[derive(Default)]
pub(super) struct Work {
    /// Since the last turn ended.
    done: AtomicUsize,
    /// Of that, what was done when an evaluation last looked at the clock.
    seen: AtomicUsize,
    /// Whether an evaluation found that the deadline has passed.
    is_late: AtomicBool,
}

impl Run<'_> {
    /// Counts work. Whether it is time to [end the turn](Run::end_turn).
    #[inline]
    pub(super) fn worked(&self, bytes: usize) -> bool {
        // Never close to overflow: any work beyond a turn counts as a turn.
        let done = self.work.done.load(Ordering::Relaxed) + bytes.min(TURN);
        self.work.done.store(done, Ordering::Relaxed);
        done >= TURN
    }

    /// Counts the reading or writing of a whole document, outside of evaluations.
    pub(super) fn worked_through(&self, document: &Document) {
        self.worked(expressway_asl::work::whole(document));
    }

    /// Counts work of an evaluation, which cannot wait for others meanwhile. Whether there is time for more.
    #[inline]
    pub(super) fn may_work(&self, bytes: usize) -> bool {
        !self.worked(bytes) || self.has_time()
    }

    /// Looks at the clock once a turn, during an evaluation that is longer than one.
    #[cold]
    fn has_time(&self) -> bool {
        let done = self.work.done.load(Ordering::Relaxed);
        if done.saturating_sub(self.work.seen.load(Ordering::Relaxed)) >= TURN {
            self.work.seen.store(done, Ordering::Relaxed);
            if self.environment.clock.now() >= self.deadline {
                self.work.is_late.store(true, Ordering::Relaxed);
            }
        }
        !self.is_late()
    }

    /// Whether an evaluation ended early because the deadline has passed. Its outcome does not count then.
    pub(super) fn is_late(&self) -> bool {
        self.work.is_late.load(Ordering::Relaxed)
    }

    /// Lets others run, if the turn is over.
    pub(super) async fn give_way(&self) -> Result<(), Fault> {
        match self.worked(0) {
            true => self.end_turn().await,
            false => Ok(()),
        }
    }

    /// Looks at the clock, and lets others run.
    #[cold]
    pub(super) async fn end_turn(&self) -> Result<(), Fault> {
        self.work.done.store(0, Ordering::Relaxed);
        self.work.seen.store(0, Ordering::Relaxed);
        if self.environment.clock.now() >= self.deadline {
            return Err(Fault::Deadline);
        }
        tokio::task::yield_now().await;
        Ok(())
    }
}
