//! The store as one execution sees it.

use super::cache::Slot;
use super::download::Version;
use super::{S3Payloads, lock};
use expressway_asl::Document;
use expressway_asl::document::{Reference, Stored, Text};
use expressway_engine::{PayloadFuture, PayloadStore};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Reads objects of others for one execution.
///
/// The first read of an object pins its version: within the execution the same pointer always gives the same value, or
/// an error that says that the object was overwritten. Own values are shared with other executions, since their
/// digests say what they are.
#[derive(Debug)]
pub(super) struct ExecutionPayloads {
    shared: Arc<S3Payloads>,
    /// Tells the execution apart from all others of the process.
    id: u64,
    /// The versions of the objects that were read, by bucket and key.
    versions: Mutex<HashMap<(Text, Text), Version>>,
}

impl ExecutionPayloads {
    pub(super) fn new(shared: Arc<S3Payloads>, id: u64) -> ExecutionPayloads {
        ExecutionPayloads {
            shared,
            id,
            versions: Mutex::default(),
        }
    }

    fn slot(&self, reference: &Reference) -> Slot {
        Slot {
            execution: (!reference.is_ours()).then_some(self.id),
            identity: reference.identity(),
        }
    }

    async fn load(&self, reference: &Reference) -> Result<Document, expressway_engine::Fault> {
        let place = (Text::clone(reference.bucket()), Text::clone(reference.key()));
        // One object may be read as text and as JSON at once; only one reader may choose the version.
        let turn = self.shared.turn(&Slot {
            execution: Some(self.id),
            identity: Reference::outside(Text::clone(&place.0), Text::clone(&place.1), None, false).identity(),
        });
        let _turn = turn.lock().await;
        let slot = self.slot(reference);
        if let Some(value) = lock(&self.shared.cache).get(&slot) {
            return Ok(value);
        }
        let pinned = lock(&self.versions).get(&place).cloned();
        let loaded = self.shared.download(reference, pinned.as_ref()).await?;
        lock(&self.versions).entry(place).or_insert(loaded.version);
        lock(&self.shared.cache).insert(slot, loaded.value.clone(), loaded.bytes, None);
        Ok(loaded.value)
    }
}

impl Drop for ExecutionPayloads {
    fn drop(&mut self) {
        if !lock(&self.versions).is_empty() {
            lock(&self.shared.cache).forget(self.id);
        }
    }
}

impl PayloadStore for ExecutionPayloads {
    fn for_execution(self: Arc<Self>) -> Arc<dyn PayloadStore> {
        Arc::clone(&self.shared).for_execution()
    }

    fn prepare(&self, document: &Document) -> Stored {
        self.shared.prepare(document)
    }

    fn put(&self, stored: Stored, value: Document) -> PayloadFuture<'_, ()> {
        self.shared.put(stored, value)
    }

    fn get<'a>(&'a self, reference: &'a Reference) -> PayloadFuture<'a, Document> {
        match reference.is_ours() {
            true => self.shared.get(reference),
            false => Box::pin(self.load(reference)),
        }
    }

    fn cached(&self, reference: &Reference) -> Option<Document> {
        lock(&self.shared.cache).get(&self.slot(reference))
    }
}
