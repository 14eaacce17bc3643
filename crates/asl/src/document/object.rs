//! Shared objects that keep the order of their keys.

use super::{Document, Text, write};
use hashbrown::HashTable;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, LazyLock};

/// A shared object that knows the length of its JSON text. Keys keep the order in which they came.
#[derive(Clone, Default)]
pub struct Object(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    members: Vec<(Text, Document)>,
    /// Places of the members by the hash of their keys; only kept when there are many.
    index: Option<HashTable<u32>>,
    json_bytes: usize,
    /// What references in it stand for.
    outside_bytes: usize,
    depth: u32,
}

/// Up to this many members, comparing keys one by one beats hashing.
const SCANNED_MEMBERS_MAX: usize = 16;

/// Seeded once per process, so that nobody outside can prepare keys that collide.
static HASHER: LazyLock<foldhash::fast::RandomState> = LazyLock::new(foldhash::fast::RandomState::default);

impl Default for Inner {
    fn default() -> Inner {
        Inner {
            members: Vec::new(),
            index: None,
            json_bytes: 2,
            outside_bytes: 0,
            depth: 1,
        }
    }
}

impl Object {
    /// An empty object.
    pub fn new() -> Object {
        Object::default()
    }

    /// An empty object with room for this many members.
    pub fn with_capacity(members: usize) -> Object {
        Object(Arc::new(Inner {
            members: Vec::with_capacity(members),
            ..Inner::default()
        }))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Document> {
        self.0
            .position(key)
            .and_then(|at| self.0.members.get(at))
            .map(|(_, value)| value)
    }

    /// Whether there is a member `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.position(key).is_some()
    }

    /// Sets `key` to `value`; a new key goes to the end, a known one keeps its place.
    ///
    /// Copies the list of members (not the values) when someone else holds this object.
    pub fn insert(&mut self, key: impl Into<Text>, value: Document) {
        Arc::make_mut(&mut self.0).insert(key.into(), value);
    }

    /// Takes out the value of `key` and leaves `null` there, so that it can be changed in place and set again
    /// without a copy.
    pub(crate) fn take(&mut self, key: &str) -> Option<Document> {
        let at = self.0.position(key)?;
        let inner = Arc::make_mut(&mut self.0);
        let (_, value) = inner.members.get_mut(at)?;
        let taken = std::mem::take(value);
        inner.json_bytes = inner.json_bytes - taken.json_bytes() + value.json_bytes();
        inner.outside_bytes -= taken.outside_bytes();
        Some(taken)
    }

    /// The members in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Text, &Document)> + Clone {
        self.0.members.iter().map(|(key, value)| (key, value))
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Document> + Clone {
        self.0.members.iter().map(|(_, value)| value)
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.members.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.members.is_empty()
    }

    /// The length of its JSON text, known without writing it.
    pub fn json_bytes(&self) -> usize {
        self.0.json_bytes
    }

    pub(super) fn outside_bytes(&self) -> usize {
        self.0.outside_bytes
    }

    pub(super) fn depth(&self) -> u32 {
        self.0.depth
    }
}

impl Inner {
    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            None => self.members.iter().position(|(known, _)| **known == *key),
            Some(index) => index
                .find(HASHER.hash_one(key), |at| self.is_at(*at, key))
                .map(|at| *at as usize),
        }
    }

    fn is_at(&self, at: u32, key: &str) -> bool {
        self.members.get(at as usize).is_some_and(|(known, _)| **known == *key)
    }

    fn insert(&mut self, key: Text, value: Document) {
        self.depth = self.depth.max(value.depth() + 1);
        if let Some((_, known)) = self.position(&key).and_then(|at| self.members.get_mut(at)) {
            self.json_bytes = self.json_bytes - known.json_bytes() + value.json_bytes();
            self.outside_bytes = self.outside_bytes - known.outside_bytes() + value.outside_bytes();
            *known = value;
            return;
        }
        // A comma before any member but the first, and a colon after the key.
        let comma = usize::from(!self.members.is_empty());
        self.json_bytes += comma + write::string_bytes(&key) + 1 + value.json_bytes();
        self.outside_bytes += value.outside_bytes();
        self.members.push((key, value));
        self.index_last();
    }

    fn index_last(&mut self) {
        let first_unindexed = match &self.index {
            Some(_) => self.members.len() - 1,
            None if self.members.len() > SCANNED_MEMBERS_MAX => 0,
            None => return,
        };
        let members = &self.members;
        let hash_at = |at: &u32| members.get(*at as usize).map_or(0, |(key, _)| HASHER.hash_one(&**key));
        let index = self
            .index
            .get_or_insert_with(|| HashTable::with_capacity(2 * SCANNED_MEMBERS_MAX));
        for at in first_unindexed..members.len() {
            // A document of 4 billion members would be larger than any limit on documents.
            let at = at as u32;
            index.insert_unique(hash_at(&at), at, hash_at);
        }
    }
}

impl<K: Into<Text>> FromIterator<(K, Document)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, Document)>>(members: I) -> Object {
        let members = members.into_iter();
        let mut inner = Inner {
            members: Vec::with_capacity(members.size_hint().0),
            ..Inner::default()
        };
        for (key, value) in members {
            inner.insert(key.into(), value);
        }
        Object(Arc::new(inner))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Document::Object(self.clone()), formatter)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}
