//! Shared arrays.

use super::Document;
use std::ops::Deref;
use std::sync::Arc;

/// A shared array that knows the length of its JSON text.
#[derive(Clone)]
pub struct Array(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    items: Vec<Document>,
    json_bytes: usize,
    /// What references in it stand for.
    outside_bytes: usize,
    depth: u32,
}

impl Array {
    pub(super) fn json_bytes(&self) -> usize {
        self.0.json_bytes
    }

    pub(super) fn outside_bytes(&self) -> usize {
        self.0.outside_bytes
    }

    pub(super) fn depth(&self) -> u32 {
        self.0.depth
    }

    /// Takes out the item at `index` and leaves `null` there, so that it can be changed in place and set again
    /// without a copy.
    pub(crate) fn take(&mut self, index: usize) -> Option<Document> {
        if index >= self.len() {
            return None;
        }
        self.replace(index, Document::Null)
    }

    /// Sets the item at `index`. An `index` outside the array leaves it as it is.
    ///
    /// Copies the list of items (not the items) when someone else holds this array.
    pub(crate) fn set(&mut self, index: usize, item: Document) {
        if index < self.len() {
            self.replace(index, item);
        }
    }

    fn replace(&mut self, index: usize, item: Document) -> Option<Document> {
        let inner = Arc::make_mut(&mut self.0);
        let place = inner.items.get_mut(index)?;
        inner.json_bytes = inner.json_bytes - place.json_bytes() + item.json_bytes();
        inner.outside_bytes = inner.outside_bytes - place.outside_bytes() + item.outside_bytes();
        inner.depth = inner.depth.max(item.depth() + 1);
        Some(std::mem::replace(place, item))
    }
}

impl From<Vec<Document>> for Array {
    fn from(items: Vec<Document>) -> Array {
        // Brackets, and a comma between any two items.
        let mut json_bytes = 2 + items.len().saturating_sub(1);
        let mut outside_bytes = 0;
        let mut depth = 0;
        for item in &items {
            json_bytes += item.json_bytes();
            outside_bytes += item.outside_bytes();
            depth = depth.max(item.depth());
        }
        Array(Arc::new(Inner {
            items,
            json_bytes,
            outside_bytes,
            depth: depth + 1,
        }))
    }
}

impl FromIterator<Document> for Array {
    fn from_iter<I: IntoIterator<Item = Document>>(items: I) -> Array {
        items.into_iter().collect::<Vec<_>>().into()
    }
}

impl Deref for Array {
    type Target = [Document];

    fn deref(&self) -> &[Document] {
        &self.0.items
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Array) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.items == other.0.items
    }
}
