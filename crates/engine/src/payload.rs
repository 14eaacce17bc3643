//! Values that are too large for state data: the door to where they are kept, and what goes there.

use crate::{Environment, Fault, Options};
use expressway_asl::Document;
use expressway_asl::document::{Array, Identity, Object, Reference, Stored, Text};
use expressway_asl::resolve::map_references;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// What comes of a [`PayloadStore`].
pub type PayloadFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// Keeps large values outside of state data.
///
/// Values are stored under the digest of their text, so storing one again changes nothing. A store that can not be
/// reached is a [`Fault::Store`]: no definition can handle it, and the event goes back to its source.
pub trait PayloadStore: fmt::Debug + Send + Sync {
    /// Returns the store as one execution sees it: what others can overwrite stays what the execution first saw there,
    /// and no other execution sees what it loaded.
    fn for_execution(self: Arc<Self>) -> Arc<dyn PayloadStore>;

    /// What would be stored of this value, and where.
    fn prepare(&self, document: &Document) -> Stored;

    /// Stores what [`prepare`](PayloadStore::prepare) gave for this value.
    fn put(&self, stored: Stored, value: Document) -> PayloadFuture<'_, ()>;

    /// Loads a value.
    fn get<'a>(&'a self, reference: &'a Reference) -> PayloadFuture<'a, Document>;

    /// The value, if it is at hand.
    fn cached(&self, reference: &Reference) -> Option<Document>;
}

/// Smaller values are not stored one by one: each costs a request.
const PART_BYTES_MIN: usize = 16 * 1024;

/// One array or object gives away at most so many of its values; beyond that it is stored whole.
const PARTS_MAX: usize = 64;

/// Roughly what a reference takes in state data.
const REFERENCE_BYTES: usize = 384;

/// How often the largest values of a document are stored before it is stored whole.
const ROUNDS_MAX: usize = 4;

/// How many values are loaded or stored at once for one document.
const TRANSFERS_MAX: usize = 8;

/// The document, shortened to at most [`Options::inline_bytes_max`] if there is a store for what is too much.
pub(crate) async fn fit(environment: &Environment, options: &Options, document: Document) -> Result<Document, Fault> {
    match &environment.payloads {
        Some(store) if document.json_bytes() > options.inline_bytes_max => {
            shorten(&**store, document, options.inline_bytes_max).await
        }
        _ => Ok(document),
    }
}

/// Whether the outermost value may be stored itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// It may, if nothing else helps.
    MayGo,
    /// It stays what it is: the document may stay too long.
    Stays,
}

/// Stores the largest values of a document until what is left has at most `bytes_max` bytes of JSON text; the whole
/// document if nothing else helps.
///
/// # Errors
/// [`Fault::Store`]: a value can not be stored.
pub async fn shorten(store: &dyn PayloadStore, document: Document, bytes_max: usize) -> Result<Document, Fault> {
    shorten_to(store, document, bytes_max, Root::MayGo).await
}

/// The same; `root` says what may become of the document itself.
pub(crate) async fn shorten_to(
    store: &dyn PayloadStore,
    document: Document,
    bytes_max: usize,
    root: Root,
) -> Result<Document, Fault> {
    if document.json_bytes() <= bytes_max {
        return Ok(document);
    }
    let mut shortening = Shortening {
        store,
        parts: Vec::new(),
    };
    let shortened = shortening.shorten(document, bytes_max, root);
    let mut waiting = shortening
        .parts
        .into_iter()
        .map(|(stored, value)| store.put(stored, value));
    let mut transfers: FuturesUnordered<_> = waiting.by_ref().take(TRANSFERS_MAX).collect();
    while let Some(put) = transfers.next().await {
        put?;
        transfers.extend(waiting.next());
    }
    Ok(shortened)
}

/// Loads several values.
pub(crate) async fn load(
    store: &dyn PayloadStore,
    references: &[Reference],
) -> Result<Vec<(Reference, Document)>, Fault> {
    let load = async |reference: &Reference| Ok::<_, Fault>((reference.clone(), store.get(reference).await?));
    let mut waiting = references.iter().map(load);
    let mut transfers: FuturesUnordered<_> = waiting.by_ref().take(TRANSFERS_MAX).collect();
    let mut loaded = Vec::with_capacity(references.len());
    while let Some(value) = transfers.try_next().await? {
        loaded.push(value);
        transfers.extend(waiting.next());
    }
    Ok(loaded)
}

/// The document with the values that its references stand for, the smallest first, as long as its JSON text has no
/// more than `bytes_max` bytes. References that are left show as pointers in JSON text.
///
/// # Errors
/// [`Fault::Store`]: a value can not be loaded.
pub async fn resolve(store: &dyn PayloadStore, document: Document, bytes_max: usize) -> Result<Document, Fault> {
    let mut document = document;
    let mut values: BTreeMap<Identity, Document> = BTreeMap::new();
    while document.has_references() {
        let mut found = Vec::new();
        map_references(&document, &mut |reference| {
            found.push(reference.clone());
            Document::Null
        });
        found.retain(|reference| !values.contains_key(&reference.identity()));
        found.sort_by_key(Reference::bytes);
        let mut bytes = document.json_bytes();
        found.retain(|reference| {
            bytes = bytes
                .saturating_add(reference.bytes())
                .saturating_sub(reference.inline_bytes());
            bytes <= bytes_max
        });
        found.dedup();
        if found.is_empty() {
            break;
        }
        for (reference, value) in load(store, &found).await? {
            values.insert(reference.identity(), value);
        }
        let mut bytes = document.json_bytes();
        // Escapes and what is not known of values from outside can make them longer than expected.
        document = map_references(&document, &mut |reference| match values.get(&reference.identity()) {
            Some(value) if bytes + value.json_bytes() <= bytes_max.saturating_add(reference.inline_bytes()) => {
                bytes = bytes + value.json_bytes() - reference.inline_bytes();
                value.clone()
            }
            _ => reference.clone().into(),
        });
    }
    Ok(document)
}

/// Takes values out of one document.
struct Shortening<'s> {
    store: &'s dyn PayloadStore,
    parts: Vec<(Stored, Document)>,
}

impl Shortening<'_> {
    fn shorten(&mut self, document: Document, bytes_max: usize, root: Root) -> Document {
        let mut document = document;
        for _ in 0..ROUNDS_MAX {
            let excess = document.json_bytes().saturating_sub(bytes_max);
            if excess == 0 {
                return document;
            }
            let inside = match root {
                Root::MayGo => self.inside(&document, excess, PART_BYTES_MIN, PARTS_MAX),
                Root::Stays => self.inside(&document, excess, 2 * REFERENCE_BYTES, usize::MAX),
            };
            document = match inside {
                Some(shorter) => shorter,
                None if root == Root::Stays => return document,
                None => self.store(&document),
            };
        }
        match root {
            Root::MayGo if document.json_bytes() > bytes_max => self.store(&document),
            _ => document,
        }
    }

    fn store(&mut self, document: &Document) -> Document {
        if let Document::Reference(_) = document {
            return document.clone();
        }
        let stored = self.store.prepare(document);
        let reference = stored.reference.clone();
        self.parts.push((stored, document.clone()));
        reference.into()
    }

    /// The document without some of the values in it, about `excess` bytes shorter: the largest go first, and of
    /// those only what is large in them, so that small values beside them can still be read without a request.
    ///
    /// None if its values are too small for that, or too many would go.
    fn inside(
        &mut self,
        document: &Document,
        excess: usize,
        part_bytes_min: usize,
        parts_max: usize,
    ) -> Option<Document> {
        let mut parts: Vec<(usize, &Document)> = children(document)
            .enumerate()
            .filter(|(_, child)| child.json_bytes() >= part_bytes_min && !matches!(child, Document::Reference(_)))
            .collect();
        parts.sort_by_key(|(_, child)| std::cmp::Reverse(child.json_bytes()));
        let mut left = excess;
        let mut wanted = BTreeMap::new();
        for (at, child) in parts {
            let saved = left.min(child.json_bytes().saturating_sub(REFERENCE_BYTES));
            wanted.insert(at, saved);
            left -= saved;
            if left == 0 {
                break;
            }
        }
        if left > 0 || wanted.len() > parts_max {
            return None;
        }
        let mut shorter = |at: usize, child: &Document| match wanted.get(&at) {
            None => child.clone(),
            Some(saved) => {
                // Leaves what is small in it, if it is not much.
                let saved = (*saved).min(child.json_bytes().saturating_sub(PART_BYTES_MIN)).max(1);
                match self.inside(child, saved, PART_BYTES_MIN, PARTS_MAX) {
                    Some(shorter) => shorter,
                    None => self.store(child),
                }
            }
        };
        Some(match document {
            Document::Array(items) => {
                let items = items.iter().enumerate().map(|(at, item)| shorter(at, item));
                Document::Array(items.collect::<Array>())
            }
            Document::Object(members) => {
                let mut object = Object::with_capacity(members.len());
                for (at, (key, value)) in members.iter().enumerate() {
                    object.insert(Text::clone(key), shorter(at, value));
                }
                object.into()
            }
            other => other.clone(),
        })
    }
}

fn children(document: &Document) -> Box<dyn Iterator<Item = &Document> + '_> {
    match document {
        Document::Array(items) => Box::new(items.iter()),
        Document::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}
