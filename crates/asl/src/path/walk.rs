//! Walks the steps of a path through a document.

use super::no_match::Failure;
use super::{NoMatch, Path, Step};
use crate::document::{Array, Document, Object, Text};
use crate::resolve::{Resolver, surface};
use crate::work;

/// How many values a path with wildcards may come by. Several `..` in one path come by the same values
/// again and again, so without a bound a short path could keep a small document busy for hours.
const VISITS_MAX: usize = 4_000_000;

/// Visits are counted as work in portions of so many.
const VISITS_COUNTED: usize = 1000;

/// What there is past the end of an array.
pub(super) static NULL: Document = Document::Null;

impl Path {
    /// The value at this path in `document`, whatever the path starts from. Like [`Path::evaluate`].
    ///
    /// # Errors
    /// The path leads to a single value, and it is not there.
    pub fn select(&self, document: &Document, resolver: &dyn Resolver) -> Result<Document, NoMatch> {
        let walk = Walk {
            root: document,
            resolver,
        };
        self.select_or(walk, 0, document, &|_| Ok(Document::Null))
    }

    /// Like [`Path::select`], but an index past the end of its array is a missing value.
    ///
    /// # Errors
    /// The path leads to a single value, and it is not there.
    pub fn select_present(&self, document: &Document, resolver: &dyn Resolver) -> Result<Document, NoMatch> {
        let walk = Walk {
            root: document,
            resolver,
        };
        self.select_or(walk, 0, document, &|failure| Err(failure.missing()))
    }

    /// Walks on from `start`, where step `first` is to be applied.
    fn select_or(
        &self,
        walk: Walk<'_>,
        first: usize,
        start: &Document,
        past_the_end: &dyn Fn(&Failure<'_>) -> Result<Document, NoMatch>,
    ) -> Result<Document, NoMatch> {
        let mut at = start;
        for (number, step) in self.steps.iter().enumerate().skip(first) {
            let next = match (step, at) {
                (Step::Key(key), Document::Object(object)) => object.get(key),
                (Step::Index(index), Document::Array(array)) => item(array, *index),
                (_, Document::Reference(reference)) => {
                    return match walk.resolver.resolve(reference) {
                        Some(value) => self.select_or(walk, number, &value, past_the_end),
                        None => Ok(Document::Null),
                    };
                }
                _ => return self.special(walk, number, at),
            };
            match next {
                Some(next) => at = next,
                None => match self.leave(number, step)? {
                    Left::ToNothing => return Ok(Document::from(Vec::new())),
                    Left::PastTheEnd => {
                        return past_the_end(&Failure {
                            path: self,
                            failed: number,
                        });
                    }
                    Left::ToNull => at = &NULL,
                },
            }
        }
        // Shared with the document, not copied.
        Ok(at.clone())
    }

    /// What happens when there is no such member or item.
    #[cold]
    fn leave(&self, number: usize, step: &Step) -> Result<Left, NoMatch> {
        let failure = Failure {
            path: self,
            failed: number,
        };
        match step {
            Step::Index(_) if number + 1 == self.steps.len() => Ok(Left::PastTheEnd),
            Step::Index(_) => Ok(Left::ToNull),
            // Recorded: `$.item.items[1:5]` of an input without `item` is `[]`.
            _ if !self.is_definite() => Ok(Left::ToNothing),
            _ => Err(failure.missing()),
        }
    }

    /// Applies step `number`, which is neither a name applied to an object nor an index to an array.
    fn special(&self, walk: Walk<'_>, number: usize, at: &Document) -> Result<Document, NoMatch> {
        let failure = Failure {
            path: self,
            failed: number,
        };
        let steps = self.steps.get(number..).unwrap_or_default();
        let applies = match (steps.first(), at) {
            (Some(Step::Keys(keys)), Document::Object(object)) => return Ok(pick(object, keys)),
            (Some(Step::Slice(..) | Step::Indexes(_)), at) => matches!(at, Document::Array(_)),
            (Some(Step::Filter(_)), at) => matches!(at, Document::Array(_) | Document::Object(_)),
            (Some(Step::Wildcard | Step::Deep), _) => true,
            _ => false,
        };
        if !applies {
            return Err(failure.wrong_kind(at));
        }
        let mut collector = Collector {
            walk,
            found: Vec::new(),
            visits_left: VISITS_MAX,
        };
        let collected = collector.collect(steps, at);
        walk.count(collector.visits_left.next_multiple_of(VISITS_COUNTED) - collector.visits_left);
        match collected {
            Ok(()) => Ok(collector.found.into()),
            Err(TooMany) => Err(failure.too_many(VISITS_MAX)),
        }
    }
}

/// What a path is applied to.
#[derive(Clone, Copy)]
pub(super) struct Walk<'d> {
    /// What `$` stands for in filters.
    pub(super) root: &'d Document,
    /// Gives the values that the path leads through and that are kept elsewhere.
    pub(super) resolver: &'d dyn Resolver,
}

impl Walk<'_> {
    /// Counts visits as work; whether there is time for more.
    fn count(self, visits: usize) -> bool {
        self.resolver.work(visits.saturating_mul(work::MEMBER))
    }
}

/// Where a path continues when a step found nothing.
enum Left {
    ToNothing,
    ToNull,
    PastTheEnd,
}

/// The item at `index`; a negative one counts from the end.
///
/// DIFFERENCE: the service's library takes any negative index for one past the end.
pub(super) fn item(array: &Array, index: i64) -> Option<&Document> {
    let index = match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => array.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    array.get(index)
}

/// An object of those members of `object` that `keys` names.
fn pick(object: &Object, keys: &[Text]) -> Document {
    let members = keys
        .iter()
        .filter_map(|key| Some((Text::clone(key), object.get(key)?.clone())));
    Document::Object(members.collect())
}

struct TooMany;

/// Gathers what a path with wildcards leads to. Branches that lead nowhere are left out.
struct Collector<'d> {
    walk: Walk<'d>,
    found: Vec<Document>,
    visits_left: usize,
}

impl Collector<'_> {
    /// Counts a value that the path comes by. One that comes by too many ends, and so does one without time left.
    fn visit(&mut self) -> Result<(), TooMany> {
        self.visits_left = self.visits_left.checked_sub(1).ok_or(TooMany)?;
        if self.visits_left.is_multiple_of(VISITS_COUNTED) {
            return self.walk.count(VISITS_COUNTED).then_some(()).ok_or(TooMany);
        }
        Ok(())
    }

    fn collect(&mut self, steps: &[Step], at: &Document) -> Result<(), TooMany> {
        self.visit()?;
        let Some((step, rest)) = steps.split_first() else {
            self.found.push(at.clone());
            return Ok(());
        };
        match (step, at) {
            (_, Document::Reference(_)) => self.collect(steps, &surface(at.clone(), self.walk.resolver)),
            (Step::Key(key), Document::Object(object)) => self.each(rest, object.get(key)),
            (Step::Index(index), Document::Array(array)) => self.item(rest, array, *index),
            (Step::Keys(keys), Document::Object(object)) => {
                self.found.push(pick(object, keys));
                Ok(())
            }
            (Step::Indexes(indexes), Document::Array(array)) => {
                indexes.iter().try_for_each(|index| self.item(rest, array, *index))
            }
            (Step::Slice(from, to), Document::Array(array)) => self.each(rest, slice(array, *from, *to)),
            (Step::Wildcard, at) => self.each(rest, children(at)),
            (Step::Deep, at) => self.deep(rest, at),
            (Step::Filter(filter), Document::Array(array)) => {
                for item in array.iter() {
                    self.visit()?;
                    if filter.accepts(item, self.walk) {
                        self.collect(rest, item)?;
                    }
                }
                Ok(())
            }
            // A filter of an object is a question about the object itself.
            (Step::Filter(filter), Document::Object(_)) if filter.accepts(at, self.walk) => self.collect(rest, at),
            _ => Ok(()),
        }
    }

    fn each<'d>(&mut self, rest: &[Step], items: impl IntoIterator<Item = &'d Document>) -> Result<(), TooMany> {
        items.into_iter().try_for_each(|item| self.collect(rest, item))
    }

    fn item(&mut self, rest: &[Step], array: &Array, index: i64) -> Result<(), TooMany> {
        match item(array, index) {
            Some(item) => self.collect(rest, item),
            None if rest.is_empty() => self.collect(rest, &NULL),
            None => Ok(()),
        }
    }

    /// `at` comes before what is below it.
    fn deep(&mut self, rest: &[Step], at: &Document) -> Result<(), TooMany> {
        self.visit()?;
        if let Document::Reference(_) = at {
            return self.deep(rest, &surface(at.clone(), self.walk.resolver));
        }
        match (rest.first(), at) {
            // Only objects that have all the names count.
            (Some(Step::Keys(keys)), Document::Object(object)) => {
                if keys.iter().all(|key| object.contains_key(key)) {
                    self.collect(rest, at)?;
                }
            }
            // Below `..`, an array without such an item is passed over.
            (Some(Step::Index(index)), Document::Array(array)) => {
                if item(array, *index).is_some() {
                    self.collect(rest, at)?;
                }
            }
            // Below `..` a filter asks every object about itself, so that items of arrays are asked once only.
            (Some(Step::Filter(_)), Document::Array(_)) => {}
            _ => self.collect(rest, at)?,
        }
        children(at).try_for_each(|child| self.deep(rest, child))
    }
}

/// The items of an array or the values of an object.
fn children(at: &Document) -> impl Iterator<Item = &Document> {
    let (array, object) = match at {
        Document::Array(array) => (Some(array), None),
        Document::Object(object) => (None, Some(object)),
        _ => (None, None),
    };
    array
        .into_iter()
        .flat_map(|array| array.iter())
        .chain(object.into_iter().flat_map(Object::values))
}

fn slice(array: &Array, from: Option<i64>, to: Option<i64>) -> &[Document] {
    let bound = |bound: i64| match usize::try_from(bound) {
        Ok(bound) => bound.min(array.len()),
        Err(_) => {
            let from_end = usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX);
            array.len().saturating_sub(from_end)
        }
    };
    let from = from.map_or(0, bound);
    let to = to.map_or(array.len(), bound);
    array.get(from..to).unwrap_or_default()
}
