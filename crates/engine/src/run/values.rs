//! Evaluating expressions whose values may be kept elsewhere: load what was missing, and evaluate again.

use super::context::{QueryScope, Seen, StateScope};
use super::machine::{Track, Visit};
use super::{Failure, Run};
use crate::payload::{self, PayloadStore, Root};
use crate::{DATA_BYTES_MAX, Fault, StateError};
use expressway_asl::Document;
use expressway_asl::document::{Identity, Reference};
use expressway_asl::error_name::ErrorName;
use expressway_asl::query::QueryError;
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
/// before, however little the store keeps at hand. Random bits are drawn once and given again, and what was shortened
/// once is not shortened again.
pub(super) struct Values<'v> {
    store: Option<&'v dyn PayloadStore>,
    found: RefCell<BTreeMap<Identity, Document>>,
    missing: RefCell<Vec<Reference>>,
    draws: RefCell<Vec<u128>>,
    drawn: Cell<usize>,
    shortened: RefCell<Vec<Document>>,
    fitted: Cell<usize>,
    too_large: RefCell<Option<(Document, Root)>>,
}

impl<'v> Values<'v> {
    fn new(store: Option<&'v dyn PayloadStore>) -> Values<'v> {
        Values {
            store,
            found: RefCell::default(),
            missing: RefCell::default(),
            draws: RefCell::default(),
            drawn: Cell::new(0),
            shortened: RefCell::default(),
            fitted: Cell::new(0),
            too_large: RefCell::default(),
        }
    }

    /// Whether there is nothing to load or to store before the evaluation can come to its end.
    fn is_complete(&self) -> bool {
        self.missing.borrow().is_empty() && self.too_large.borrow().is_none()
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
        let identity = reference.identity();
        if let Some(value) = self.found.borrow().get(&identity) {
            return Some(value.clone());
        }
        match self.store.and_then(|store| store.cached(reference)) {
            Some(value) => {
                self.found.borrow_mut().insert(identity, value.clone());
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

/// Evaluates what expressions of a state say; whoever waits for values, events and stores is outside.
///
/// Everything here is a plain function without effects, because it may have to be done again.
#[derive(Clone, Copy)]
pub(super) struct Evaluation<'e> {
    pub(super) run: &'e Run<'e>,
    track: &'e Track<'e>,
    pub(super) visit: &'e Visit<'e>,
    values: &'e Values<'e>,
}

/// Why an evaluation came to no value.
pub(super) enum Stop {
    /// An error of the state.
    Error(StateError),
    /// A JSONata expression failed, which has an event of its own.
    Query(QueryError),
    /// A value has to be loaded first.
    Missing,
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Stop {
        Stop::Error(error)
    }
}

impl From<QueryError> for Stop {
    fn from(error: QueryError) -> Stop {
        Stop::Query(error)
    }
}

impl Evaluation<'_> {
    /// What expressions see; `input` is what `$` means.
    pub(super) fn scope<'s>(&'s self, input: &'s Document) -> StateScope<'s> {
        StateScope::new(self.run, self.track, self.visit, input, self.values)
    }

    pub(super) fn query_scope<'s>(&'s self, seen: Seen<'s>) -> QueryScope<'s> {
        QueryScope {
            scope: self.scope(seen.input),
            seen,
        }
    }

    /// What an expression gave, unless it missed a value: then it gave nothing.
    pub(super) fn complete<T>(&self, value: T) -> Result<T, Stop> {
        match self.values.is_complete() {
            true => Ok(value),
            false => Err(Stop::Missing),
        }
    }

    /// The document, with its largest values stored elsewhere if it is too large and there is a place for them.
    pub(super) fn fit(&self, document: Document, root: Root) -> Result<Document, Stop> {
        let values = self.values;
        if values.store.is_none() || self.run.fits(&document) {
            return Ok(document);
        }
        let place = values.fitted.replace(values.fitted.get() + 1);
        if let Some(shortened) = values.shortened.borrow().get(place) {
            return Ok(shortened.clone());
        }
        values.too_large.replace(Some((document, root)));
        Err(Stop::Missing)
    }

    /// The value itself, if this is a reference.
    pub(super) fn loaded(&self, document: Document) -> Result<Document, Stop> {
        match &document {
            Document::Reference(reference) => self.values.resolve(reference).ok_or(Stop::Missing),
            _ => Ok(document),
        }
    }
}

/// What came of the first try of an evaluation.
pub(super) enum Attempted<'v, T> {
    Complete(Result<T, Failure>),
    /// Something has to be loaded or stored first.
    Incomplete(Box<Values<'v>>),
}

impl Run<'_> {
    /// Evaluates, and again whenever values were missing that have to be loaded first, or too large and have to be
    /// stored.
    ///
    /// `evaluate` must have no effects but on what it returns: an evaluation that missed something never happened.
    pub(super) async fn evaluating<T>(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        mut evaluate: impl FnMut(Evaluation<'_>) -> Result<T, Stop>,
    ) -> Result<T, Failure> {
        match self.attempted(track, visit, &mut evaluate) {
            Attempted::Complete(result) => result,
            Attempted::Incomplete(values) => self.repeated(track, visit, *values, evaluate).await,
        }
    }

    /// Evaluates once. This is all there is to do, as long as values are small; so it is no future.
    #[inline]
    pub(super) fn attempted<'a, T>(
        &'a self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        evaluate: &mut impl FnMut(Evaluation<'_>) -> Result<T, Stop>,
    ) -> Attempted<'a, T> {
        let values = Values::new(self.environment.payloads.as_deref());
        let evaluated = evaluate(self.evaluation(track, visit, &values));
        match values.is_complete() {
            true => Attempted::Complete(evaluated.map_err(|stop| self.stopped(track, visit, stop))),
            false => Attempted::Incomplete(Box::new(values)),
        }
    }

    /// Goes on with an evaluation that was not complete.
    pub(super) async fn repeated<T>(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        mut values: Values<'_>,
        mut evaluate: impl FnMut(Evaluation<'_>) -> Result<T, Stop>,
    ) -> Result<T, Failure> {
        loop {
            self.supply(visit, &mut values).await?;
            let evaluated = evaluate(self.evaluation(track, visit, &values));
            if values.is_complete() {
                return evaluated.map_err(|stop| self.stopped(track, visit, stop));
            }
        }
    }

    fn evaluation<'e>(&'e self, track: &'e Track<'_>, visit: &'e Visit<'_>, values: &'e Values<'_>) -> Evaluation<'e> {
        Evaluation {
            run: self,
            track,
            visit,
            values,
        }
    }

    #[cold]
    fn stopped(&self, track: &Track<'_>, visit: &Visit<'_>, stop: Stop) -> Failure {
        if self.is_late() {
            return Fault::Deadline.into();
        }
        match stop {
            Stop::Error(error) => error.into(),
            Stop::Query(error) => self.query_error(track, visit, error).into(),
            Stop::Missing => Fault::Bug("an evaluation missed a value and does not know which".into()).into(),
        }
    }

    /// Loads what an evaluation missed, and stores what was too large for it.
    async fn supply(&self, visit: &Visit<'_>, values: &mut Values<'_>) -> Result<(), Failure> {
        values.drawn.set(0);
        values.fitted.set(0);
        if let (Some((document, root)), Some(store)) = (values.too_large.take(), values.store) {
            self.worked_through(&document);
            let shortened = payload::shorten_to(store, document, self.options.inline_bytes_max, root).await?;
            values.shortened.get_mut().push(shortened);
        }
        let missing = std::mem::take(values.missing.get_mut());
        if missing.is_empty() {
            return Ok(());
        }
        let loaded = self.load(visit, &missing).await?;
        let found = values.found.get_mut();
        found.extend(
            loaded
                .into_iter()
                .map(|(reference, value)| (reference.identity(), value)),
        );
        let bytes: usize = found.values().map(Document::json_bytes).sum();
        self.worked(bytes);
        check_loaded(visit, bytes)
    }

    async fn load(&self, visit: &Visit<'_>, missing: &[Reference]) -> Result<Vec<(Reference, Document)>, Failure> {
        check_loaded(visit, missing.iter().map(Reference::bytes).sum())?;
        match &self.environment.payloads {
            Some(store) => Ok(payload::load(&**store, missing).await?),
            None => Err(Fault::Bug("there is a reference to a value, but no store of values".into()).into()),
        }
    }

    /// Whether nothing of the document has to be stored elsewhere.
    pub(super) fn fits(&self, document: &Document) -> bool {
        document.json_bytes() <= self.options.inline_bytes_max
    }

    /// The document, with its largest values stored elsewhere if it is too large and there is a place for them.
    pub(super) async fn fit(&self, document: Document) -> Result<Document, Fault> {
        if !self.fits(&document) {
            self.worked_through(&document);
        }
        payload::fit(self.environment, self.options, document).await
    }

    /// A result that is kept until others are there: `kept` counts the bytes of all of them, and once they are more
    /// than state data may have, results leave the memory.
    pub(super) async fn keep(&self, kept: &AtomicUsize, result: Document) -> Result<Document, Fault> {
        self.worked(expressway_asl::work::surface(&result));
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
