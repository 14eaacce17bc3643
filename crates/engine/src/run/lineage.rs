//! Where a line of states stands in a repeatable execution: what its tokens, random bits and times derive from.

#![warn(clippy::arithmetic_side_effects)]

use super::machine::Visit;
use crate::{Replay, ReplayTime, later};
use expressway_asl::document::Text;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The place of one line in its execution, and how far it has come.
///
/// The place is a digest over the way from the execution's seed: for each surrounding Map or Parallel state its name,
/// visit, retry and the index of the item or branch. Lines are told apart by it whatever the order they run in.
pub(super) struct Lineage {
    place: [u8; 32],
    /// How often each state of the line was entered.
    visits: Mutex<HashMap<Text, u64>>,
    /// How many random numbers were drawn on the line.
    draws: AtomicU64,
    /// The time of the last thing on record, in nanoseconds since 1970; 0 where the clock tells the time.
    now: AtomicU64,
}

impl Lineage {
    /// The line of the execution itself.
    pub(super) fn root(replay: &Replay) -> Lineage {
        let now = match replay.time {
            ReplayTime::Actual => 0,
            ReplayTime::Recorded => nanoseconds(replay.started),
        };
        Lineage::at(digest(&[b"execution", &replay.seed]), now)
    }

    /// The place in hexadecimal digits: enough of them to tell it apart from all others of the execution.
    pub(super) fn name(&self) -> String {
        let (start, _) = self.place.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        hexadecimal(start)
    }

    fn at(place: [u8; 32], now: u64) -> Lineage {
        Lineage {
            place,
            visits: Mutex::default(),
            draws: AtomicU64::new(0),
            now: AtomicU64::new(now),
        }
    }

    /// The line of a branch or an item of a state that is visited on this line.
    pub(super) fn child(&self, visit: &Visit<'_>, index: usize) -> Lineage {
        let place = digest(&[
            b"line",
            &self.place,
            visit.state.name.as_bytes(),
            &visit.number.to_be_bytes(),
            &visit.retry_count.to_be_bytes(),
            &(index as u64).to_be_bytes(),
        ]);
        Lineage::at(place, self.now.load(Ordering::Relaxed))
    }

    /// Counts a visit of a state.
    pub(super) fn visit(&self, state: &Text) -> u64 {
        // Nothing panics while it is locked, and a count is right at any time.
        let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        let count = visits.entry(Text::clone(state)).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// The token of a task: the same for all attempts of a visit that ask for the same.
    pub(super) fn token(&self, visit: &Visit<'_>, resource: &str, role_arn: Option<&str>, input: &str) -> Text {
        let digest = digest(&[
            b"task",
            &self.place,
            visit.state.name.as_bytes(),
            &visit.number.to_be_bytes(),
            resource.as_bytes(),
            role_arn.unwrap_or_default().as_bytes(),
            input.as_bytes(),
        ]);
        hexadecimal(&digest).into()
    }

    /// The next random bits of the line.
    pub(super) fn random(&self) -> u128 {
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        let digest = digest(&[b"random", &self.place, &draw.to_be_bytes()]);
        let (bits, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
        u128::from_be_bytes(*bits)
    }

    /// The time of the last thing on record, if time goes by that.
    pub(super) fn now(&self) -> Option<SystemTime> {
        match self.now.load(Ordering::Relaxed) {
            0 => None,
            nanoseconds => Some(later(SystemTime::UNIX_EPOCH, Duration::from_nanos(nanoseconds))),
        }
    }

    /// Something on this line ended at `time`; never goes back.
    pub(super) fn reached(&self, time: SystemTime) {
        if self.now.load(Ordering::Relaxed) > 0 {
            self.now.fetch_max(nanoseconds(time), Ordering::Relaxed);
        }
    }
}

/// Nanoseconds since 1970, at least one: enough until the year 2554.
fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).max(1)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// A digest of parts, each with its length before it so that no two lists of parts look alike.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
