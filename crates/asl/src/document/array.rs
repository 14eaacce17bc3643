//! Shared arrays.

use super::Document;
use std::ops::Deref;
use std::sync::Arc;

/// A shared array that knows the length of its JSON text.
#[derive(Clone)]
pub struct Array(Arc<Inner>);

struct Inner {
    items: Vec<Document>,
    json_bytes: usize,
    depth: u32,
}

impl Array {
    pub(super) fn json_bytes(&self) -> usize {
        self.0.json_bytes
    }

    pub(super) fn depth(&self) -> u32 {
        self.0.depth
    }

    /// A copy of this array in which `item` stands at `index`.
    ///
    /// Copies nothing of the items themselves. An `index` outside the array leaves it as it is.
    pub(crate) fn with_item(&self, index: usize, item: Document) -> Array {
        let mut items = self.0.items.clone();
        if let Some(place) = items.get_mut(index) {
            *place = item;
        }
        items.into()
    }
}

impl From<Vec<Document>> for Array {
    fn from(items: Vec<Document>) -> Array {
        // Brackets, and a comma between any two items.
        let mut json_bytes = 2 + items.len().saturating_sub(1);
        let mut depth = 0;
        for item in &items {
            json_bytes += item.json_bytes();
            depth = depth.max(item.depth());
        }
        Array(Arc::new(Inner {
            items,
            json_bytes,
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
