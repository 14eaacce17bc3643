//! What waits for its next use: no more than a limit over all pools and origins.

use super::connections::Origin;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many connections may be idle where the system does not limit descriptors, or allows very many.
const LIMIT_MAX: usize = 512;

/// How many may be idle however few descriptors there are.
const LIMIT_MIN: usize = 4;

/// How many connections of the process may be idle: half as many as it may have descriptors. The other half is for
/// connections in use.
pub(super) fn limit() -> usize {
    limit_of(descriptors())
}

fn limit_of(descriptors: Option<u64>) -> usize {
    let descriptors = descriptors.and_then(|descriptors| usize::try_from(descriptors).ok());
    descriptors.map_or(LIMIT_MAX, |descriptors| (descriptors / 2).clamp(LIMIT_MIN, LIMIT_MAX))
}

#[cfg(unix)]
fn descriptors() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn descriptors() -> Option<u64> {
    None
}

/// Tells the connections of one client from those of another, which may trust other authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PoolId(u64);

impl PoolId {
    pub(super) fn new() -> PoolId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        PoolId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Connections in the order of their last use, the one that was used last at the end.
#[derive(Debug)]
pub(super) struct Idle<C> {
    entries: VecDeque<(PoolId, Origin, C)>,
    limit: usize,
}

impl<C> Idle<C> {
    pub(super) fn new(limit: usize) -> Idle<C> {
        Idle {
            entries: VecDeque::new(),
            limit,
        }
    }

    /// Adds a connection. Returns the one that was unused for longest, if there are too many now.
    #[must_use]
    pub(super) fn put(&mut self, pool: PoolId, origin: Origin, connection: C) -> Option<C> {
        self.entries.push_back((pool, origin, connection));
        match self.entries.len() > self.limit {
            true => self.entries.pop_front().map(|(_, _, connection)| connection),
            false => None,
        }
    }

    /// Takes the connection to an origin that was used last.
    pub(super) fn take(&mut self, pool: PoolId, origin: &Origin) -> Option<C> {
        let is_it = |(of, to, _): &(PoolId, Origin, C)| *of == pool && to == origin;
        let at = self.entries.iter().rposition(is_it)?;
        self.entries.remove(at).map(|(_, _, connection)| connection)
    }

    /// Takes the connections of a pool, beginning with the one that was unused for longest, up to the first that is to stay.
    #[must_use]
    pub(super) fn take_while(&mut self, pool: PoolId, is_taken: impl Fn(&C) -> bool) -> Vec<C> {
        let mut taken = Vec::new();
        while let Some(at) = self.entries.iter().position(|(of, _, _)| *of == pool)
            && self
                .entries
                .get(at)
                .is_some_and(|(_, _, connection)| is_taken(connection))
        {
            taken.extend(self.entries.remove(at).map(|(_, _, connection)| connection));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::uri::{Authority, Scheme};

    fn origin(host: &'static str) -> Origin {
        (Scheme::HTTP, Authority::from_static(host))
    }

    #[test]
    fn the_one_that_was_unused_for_longest_goes_first() {
        let (one, other) = (PoolId::new(), PoolId::new());
        let mut idle = Idle::new(3);
        assert_eq!(idle.put(one, origin("a"), 1), None);
        assert_eq!(idle.put(other, origin("a"), 2), None);
        assert_eq!(idle.put(one, origin("b"), 3), None);
        assert_eq!(idle.put(one, origin("a"), 4), Some(1), "whatever its pool and origin");
        assert_eq!(idle.put(one, origin("a"), 5), Some(2));
        assert_eq!(idle.take(one, &origin("a")), Some(5), "used last, used first");
        assert_eq!(idle.take(other, &origin("a")), None, "those of another pool stay");
        assert_eq!(idle.take(one, &origin("c")), None);
        assert_eq!(idle.put(other, origin("a"), 6), None);
        assert_eq!(idle.take_while(one, |connection| *connection < 4), [3]);
        assert_eq!(idle.take_while(one, |_| true), [4]);
        assert_eq!(idle.take(other, &origin("a")), Some(6));
    }

    #[test]
    fn the_limit_follows_the_descriptors() {
        for (descriptors, expected) in [
            (None, 512),
            (Some(u64::MAX), 512),
            (Some(1024), 512),
            (Some(128), 64),
            (Some(20), 10),
            (Some(0), 4),
        ] {
            assert_eq!(limit_of(descriptors), expected, "{descriptors:?}");
        }
        assert!(limit() >= 4);
    }
}
