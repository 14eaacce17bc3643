//! Evaluating expressions whose values may be kept elsewhere: load what was missing, and evaluate again.

use super::machine::Visit;
use super::{Failure, Run};
use crate::payload::{self, PayloadStore, Root};
use crate::{DATA_BYTES_MAX, Fault};
use expressway_asl::Document;
use expressway_asl::document::{Reference, Text};
use expressway_asl::error_name::ErrorName;
use expressway_asl::resolve::Resolver;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much one evaluation may load, in bytes of stored text. It is held until the evaluation ends, whatever the
/// store keeps at hand, so without a bound one expression could fill the memory.
const LOADED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What one evaluation has to do with values that are kept elsewhere.
///
/// What was found stays until the evaluation has come to its end, so that each repetition gets further than the one
/// before, however little the store keeps at hand. Random bits are drawn once and given again.
pub(super) struct Values<'v> {
    store: Option<&'v dyn PayloadStore>,
    found: RefCell<BTreeMap<(Text, Text), Document>>,
    missing: RefCell<Vec<Reference>>,
    draws: RefCell<Vec<u128>>,
    drawn: Cell<usize>,
}

impl<'v> Values<'v> {
    fn new(store: Option<&'v dyn PayloadStore>) -> Values<'v> {
        Values {
            store,
            found: RefCell::default(),
            missing: RefCell::default(),
            draws: RefCell::default(),
            drawn: Cell::new(0),
        }
    }

    /// The next random bits: in a repetition those of the first time.
    pub(super) fn random(&self, draw: impl FnOnce() -> u128) -> u128 {
        let place = self.drawn.replace(self.drawn.get() + 1);
        let mut draws = self.draws.borrow_mut();
        match draws.get(place) {
            Some(bits) => *bits,
            None => {
                let bits = draw();
                draws.push(bits);
                bits
            }
        }
    }
}

impl Resolver for Values<'_> {
    fn resolve(&self, reference: &Reference) -> Option<Document> {
        let place = payload::place(reference);
        if let Some(value) = self.found.borrow().get(&place) {
            return Some(value.clone());
        }
        match self.store.and_then(|store| store.cached(reference)) {
            Some(value) => {
                self.found.borrow_mut().insert(place, value.clone());
                Some(value)
            }
            None => {
                let mut missing = self.missing.borrow_mut();
                if !missing.contains(reference) {
                    missing.push(reference.clone());
                }
                None
            }
        }
    }
}

impl Run<'_> {
    /// Evaluates, and again whenever values were missing that have to be loaded first.
    ///
    /// `evaluate` must have no effects: an evaluation that missed something never happened.
    pub(super) async fn evaluating<T>(
        &self,
        visit: &Visit<'_>,
        evaluate: impl Fn(&Values<'_>) -> T,
    ) -> Result<T, Failure> {
        let mut values = Values::new(self.environment.payloads.as_deref());
        loop {
            let value = evaluate(&values);
            let missing = std::mem::take(values.missing.get_mut());
            if missing.is_empty() {
                return Ok(value);
            }
            drop(value);
            values.drawn.set(0);
            let loaded = self.load(visit, &missing).await?;
            let found = values.found.get_mut();
            found.extend(
                loaded
                    .into_iter()
                    .map(|(reference, value)| (payload::place(&reference), value)),
            );
            let bytes: usize = found.values().map(Document::json_bytes).sum();
            check_loaded(visit, bytes)?;
        }
    }

    async fn load(&self, visit: &Visit<'_>, missing: &[Reference]) -> Result<Vec<(Reference, Document)>, Failure> {
        check_loaded(visit, missing.iter().map(Reference::bytes).sum())?;
        match &self.environment.payloads {
            Some(store) => Ok(payload::load(&**store, missing).await?),
            None => Err(Fault::Bug("there is a reference to a value, but no store of values".into()).into()),
        }
    }

    /// The value itself, if this is a reference.
    pub(super) async fn loaded(&self, visit: &Visit<'_>, document: Document) -> Result<Document, Failure> {
        match &document {
            Document::Reference(reference) => {
                self.evaluating(visit, |values| values.resolve(reference).unwrap_or_default())
                    .await
            }
            _ => Ok(document),
        }
    }

    /// Whether nothing of the document has to be stored elsewhere.
    pub(super) fn fits(&self, document: &Document) -> bool {
        document.json_bytes() <= self.options.inline_bytes_max
    }

    /// The document, with its largest values stored elsewhere if it is too large and there is a place for them.
    pub(super) async fn fit(&self, document: Document) -> Result<Document, Fault> {
        payload::fit(self.environment, self.options, document).await
    }

    /// The same, but what is outermost stays.
    pub(super) async fn fit_members(&self, document: Document) -> Result<Document, Fault> {
        match &self.environment.payloads {
            Some(store) if !self.fits(&document) => {
                payload::shorten_to(&**store, document, self.options.inline_bytes_max, Root::Stays).await
            }
            _ => Ok(document),
        }
    }

    /// A result that is kept until others are there: `kept` counts the bytes of all of them, and once they are more
    /// than state data may have, results leave the memory.
    pub(super) async fn keep(&self, kept: &AtomicUsize, result: Document) -> Result<Document, Fault> {
        let result = match &self.environment.payloads {
            Some(store) if kept.load(Ordering::Relaxed) + result.json_bytes() > self.options.inline_bytes_max => {
                payload::shorten(&**store, result, KEPT_BYTES_MAX).await?
            }
            _ => result,
        };
        kept.fetch_add(result.json_bytes(), Ordering::Relaxed);
        Ok(result)
    }
}

/// What is left of a result that has to leave the memory, in bytes of JSON text.
const KEPT_BYTES_MAX: usize = DATA_BYTES_MAX / 16;

fn check_loaded(visit: &Visit<'_>, bytes: usize) -> Result<(), Failure> {
    if bytes <= LOADED_BYTES_MAX {
        return Ok(());
    }
    let detail = format!("It looks into stored values of {bytes} bytes at once, more than {LOADED_BYTES_MAX}.");
    Err(visit.error(ErrorName::DataLimitExceeded, &detail).into())
}
