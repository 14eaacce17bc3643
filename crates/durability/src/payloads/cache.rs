//! What is at hand of what was stored and loaded.

use expressway_asl::Document;
use expressway_asl::document::{Identity, Reference};
use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

/// Which value an entry holds. An own value is whatever its digest says, for all executions. An outside value is what
/// one execution found at a place, and no other execution gets it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    /// The execution, of outside values.
    pub(super) execution: Option<u64>,
    pub(super) identity: Identity,
}

impl Slot {
    /// The slot of an own value.
    pub(super) fn own(reference: &Reference) -> Slot {
        Slot {
            execution: None,
            identity: reference.identity(),
        }
    }
}

/// Values up to a number of bytes; those that were not asked for the longest leave first.
#[derive(Debug)]
pub(super) struct Cache {
    bytes_max: usize,
    bytes: usize,
    entries: HashMap<Slot, Entry>,
    /// The entries in the order in which they were last asked for.
    order: BTreeMap<u64, Slot>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    value: Document,
    /// When the object in the bucket was last written, if that is known.
    modified: Option<SystemTime>,
    bytes: usize,
    asked: u64,
}

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Cache {
        Cache {
            bytes_max,
            bytes: 0,
            entries: HashMap::new(),
            order: BTreeMap::new(),
            clock: 0,
        }
    }

    pub(super) fn get(&mut self, slot: &Slot) -> Option<Document> {
        let entry = self.entries.get_mut(slot)?;
        self.clock += 1;
        self.order.remove(&entry.asked);
        entry.asked = self.clock;
        self.order.insert(self.clock, slot.clone());
        Some(entry.value.clone())
    }

    /// When the object of a value that is at hand was last written, if that is known.
    pub(super) fn modified(&self, slot: &Slot) -> Option<SystemTime> {
        self.entries.get(slot)?.modified
    }

    /// Notes that the object of a value was written.
    pub(super) fn renewed(&mut self, slot: &Slot, modified: SystemTime) {
        if let Some(entry) = self.entries.get_mut(slot) {
            entry.modified = Some(modified);
        }
    }

    /// Keeps a value that takes this many bytes, unless it alone is too large.
    pub(super) fn insert(&mut self, slot: Slot, value: Document, bytes: usize, modified: Option<SystemTime>) {
        self.remove(&slot);
        if bytes > self.bytes_max {
            return;
        }
        self.clock += 1;
        self.bytes += bytes;
        self.order.insert(self.clock, slot.clone());
        let entry = Entry {
            value,
            modified,
            bytes,
            asked: self.clock,
        };
        self.entries.insert(slot, entry);
        while self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.order.pop_first() else {
                return;
            };
            self.remove(&oldest);
        }
    }

    /// Drops all that one execution loaded of others.
    pub(super) fn forget(&mut self, execution: u64) {
        let slots = self.entries.keys().filter(|slot| slot.execution == Some(execution));
        for slot in slots.cloned().collect::<Vec<_>>() {
            self.remove(&slot);
        }
    }

    fn remove(&mut self, slot: &Slot) {
        if let Some(entry) = self.entries.remove(slot) {
            self.bytes -= entry.bytes;
            self.order.remove(&entry.asked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(execution: Option<u64>, key: &str) -> Slot {
        Slot {
            execution,
            identity: Identity::Outside {
                bucket: "bucket".into(),
                key: key.into(),
                kind: None,
            },
        }
    }

    #[test]
    fn keeps_what_was_asked_for_last() {
        let slot = |key| slot(None, key);
        let mut cache = Cache::new(100);
        for key in ["a", "b", "c"] {
            cache.insert(slot(key), key.into(), 30, None);
        }
        assert_eq!(cache.get(&slot("a")), Some("a".into()));
        cache.insert(slot("d"), "d".into(), 30, None);
        assert_eq!(cache.get(&slot("b")), None, "the oldest left");
        cache.insert(slot("a"), "a".into(), 30, None);
        assert_eq!(cache.bytes, 90, "the same again counts once");
        cache.insert(slot("e"), "e".into(), 101, None);
        assert_eq!(cache.get(&slot("e")), None, "larger than all there is room for");
        for key in ["a", "c", "d"] {
            assert_eq!(cache.get(&slot(key)), Some(key.into()));
        }
    }

    #[test]
    fn forgets_what_an_execution_loaded_and_nothing_else() {
        let mut cache = Cache::new(100);
        for execution in [None, Some(1), Some(2)] {
            cache.insert(slot(execution, "a"), "a".into(), 10, None);
        }
        cache.forget(1);
        assert_eq!((cache.bytes, cache.order.len()), (20, 2));
        assert_eq!(cache.get(&slot(Some(1), "a")), None);
        assert_eq!(cache.get(&slot(Some(2), "a")), Some("a".into()));
        assert_eq!(cache.get(&slot(None, "a")), Some("a".into()));
    }
}
