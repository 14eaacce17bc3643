//! What is at hand of what was stored and loaded.

use super::Place;
use expressway_asl::Document;
use std::collections::{BTreeMap, HashMap};

/// Values up to a number of bytes; those that were not asked for the longest leave first.
#[derive(Debug)]
pub(super) struct Cache {
    bytes_max: usize,
    bytes: usize,
    entries: HashMap<Place, Entry>,
    /// The entries in the order in which they were last asked for.
    order: BTreeMap<u64, Place>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    value: Document,
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

    pub(super) fn get(&mut self, place: &Place) -> Option<Document> {
        let entry = self.entries.get_mut(place)?;
        self.clock += 1;
        self.order.remove(&entry.asked);
        entry.asked = self.clock;
        self.order.insert(self.clock, place.clone());
        Some(entry.value.clone())
    }

    /// Keeps a value of this many bytes, unless it alone is too large.
    pub(super) fn insert(&mut self, place: Place, value: Document, bytes: usize) {
        self.remove(&place);
        if bytes > self.bytes_max {
            return;
        }
        self.clock += 1;
        self.bytes += bytes;
        self.order.insert(self.clock, place.clone());
        let entry = Entry {
            value,
            bytes,
            asked: self.clock,
        };
        self.entries.insert(place, entry);
        while self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.order.pop_first() else {
                return;
            };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, place: &Place) {
        if let Some(entry) = self.entries.remove(place) {
            self.bytes -= entry.bytes;
            self.order.remove(&entry.asked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(key: &str) -> Place {
        ("bucket".into(), key.into())
    }

    #[test]
    fn keeps_what_was_asked_for_last() {
        let mut cache = Cache::new(100);
        for key in ["a", "b", "c"] {
            cache.insert(place(key), key.into(), 30);
        }
        assert_eq!(cache.get(&place("a")), Some("a".into()));
        cache.insert(place("d"), "d".into(), 30);
        assert_eq!(cache.get(&place("b")), None, "the oldest left");
        cache.insert(place("a"), "a".into(), 30);
        assert_eq!(cache.bytes, 90, "the same again counts once");
        cache.insert(place("e"), "e".into(), 101);
        assert_eq!(cache.get(&place("e")), None, "larger than all there is room for");
        for key in ["a", "c", "d"] {
            assert_eq!(cache.get(&place(key)), Some(key.into()));
        }
    }
}
