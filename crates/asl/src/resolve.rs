//! Looking inside values that are kept elsewhere.
//!
//! Evaluation does not wait for anything. An expression that has to look inside a value which is not there asks
//! its [`Resolver`], which remembers the question; whatever the evaluation gives then is of no use, and it is to be
//! repeated once the value has been loaded.

use crate::document::{Array, Document, Object, Reference, Text};

/// Gives the values that references stand for.
pub trait Resolver {
    /// The value, if it is at hand. If not, the evaluation under way must be repeated when it is.
    fn resolve(&self, _reference: &Reference) -> Option<Document> {
        None
    }

    /// Counts work, as the number of bytes that were read or made; see [`crate::work`].
    ///
    /// `false` when no time is left. The evaluation then ends early, and its outcome does not count.
    fn work(&self, _bytes: usize) -> bool {
        true
    }
}

/// Nothing is at hand.
pub struct NoValues;

impl Resolver for NoValues {}

/// The document, or the value if it is a reference; what is inside may still be references.
///
/// `null` if the value is not at hand.
pub fn surface(document: Document, resolver: &dyn Resolver) -> Document {
    match document {
        Document::Reference(reference) => resolver.resolve(&reference).unwrap_or_default(),
        document => document,
    }
}

/// The document without any references.
///
/// Copies nothing if there are none, and only the containers around them otherwise. `null` stands where a value
/// is not at hand.
pub fn whole(document: &Document, resolver: &dyn Resolver) -> Document {
    if !document.has_references() {
        return document.clone();
    }
    map_references(document, &mut |reference| match resolver.resolve(reference) {
        Some(value) => whole(&value, resolver),
        None => Document::Null,
    })
}

/// Calls `walk`, which calls itself for each level of `document`, where the stack is large enough for that.
pub(crate) fn with_stack<T>(document: &Document, walk: impl FnOnce() -> T) -> T {
    /// What one call takes in a debug build, generously.
    const LEVEL_BYTES: usize = 4 * 1024;
    let levels = usize::try_from(document.depth()).unwrap_or(usize::MAX);
    let needed = levels.saturating_mul(LEVEL_BYTES);
    stacker::maybe_grow(needed, needed, walk)
}

/// The document with something else in the place of each reference, apart from those inside stored values.
pub fn map_references(document: &Document, replace: &mut dyn FnMut(&Reference) -> Document) -> Document {
    with_stack(document, || map_within(document, replace))
}

fn map_within(document: &Document, replace: &mut dyn FnMut(&Reference) -> Document) -> Document {
    match document {
        Document::Reference(reference) => replace(reference),
        Document::Array(items) if document.has_references() => {
            let items = items.iter().map(|item| map_within(item, replace));
            Document::Array(items.collect::<Array>())
        }
        Document::Object(members) if document.has_references() => {
            let mut object = Object::with_capacity(members.len());
            for (key, value) in members.iter() {
                object.insert(Text::clone(key), map_within(value, replace));
            }
            object.into()
        }
        other => other.clone(),
    }
}
