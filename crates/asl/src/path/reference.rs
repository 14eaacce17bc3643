//! Reference paths: paths to exactly one place.

use super::{Path, PathError, Root, Step};
use crate::document::{Document, Object, Reference, Text};

/// A path that names one place in a document, so that a value can be read from it or put there.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferencePath(Path);

/// A result cannot be placed into an input, because a step of the path meets something that has no place
/// for it.
///
/// DIFFERENCE from the ASL spec, which names the error `States.ResultPathMatchFailure`: the service reports
/// [`PlaceError::ERROR_NAME`] with this text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unable to apply ReferencePath {path} to input {input}")]
pub struct PlaceError {
    path: Text,
    input: String,
}

impl PlaceError {
    /// The name under which the service reports this error.
    pub const ERROR_NAME: &str = "States.ReferencePathConflict";
}

impl ReferencePath {
    /// Parses a reference path: names and indexes only.
    ///
    /// # Errors
    /// The text is not a path, or could lead to more than one place.
    pub fn parse(text: &str) -> Result<ReferencePath, PathError> {
        let path = Path::parse(text)?;
        match path.steps.iter().find_map(refusal) {
            Some(refused) => Err(PathError {
                message: format!("a reference path leads to a single place, so {refused} cannot be part of it"),
                offset: 0,
            }),
            None => Ok(ReferencePath(path)),
        }
    }

    /// Parses the reference path of a `ResultPath`, which can only lead into the input.
    ///
    /// # Errors
    /// As [`ReferencePath::parse`], and the path does not begin with a single `$`.
    pub fn parse_for_result(text: &str) -> Result<ReferencePath, PathError> {
        let parsed = ReferencePath::parse(text)?;
        let message = match parsed.root() {
            Root::Input => return Ok(parsed),
            Root::Context => "a result cannot be placed into the Context object".to_owned(),
            Root::Variable(name) => format!("a result cannot be placed into the variable `${name}`, use `Assign`"),
        };
        Err(PathError { message, offset: 0 })
    }

    /// This reference path as a path to read from.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// What the path starts from.
    pub fn root(&self) -> &Root {
        self.0.root()
    }

    /// Places `result` at this path inside `input` and returns the combined document.
    ///
    /// `$` replaces the whole document. Missing members on the way are created as objects; an index must
    /// be that of an item which is there. Copies nothing when `input` is the only holder of its document,
    /// and only the containers that the path leads through otherwise.
    ///
    /// # Errors
    /// A step of the path meets something that is not a container, or an array without such an item.
    ///
    /// # Source
    /// ASL spec, "ResultPath".
    pub fn place(&self, input: Document, result: Document) -> Result<Document, PlaceError> {
        match is_open(&self.0.steps, &input) {
            true => Ok(put(&self.0.steps, input, result)),
            false => Err(PlaceError {
                path: Text::clone(&self.0.text),
                input: input.to_json(),
            }),
        }
    }

    /// How many members and items [`ReferencePath::place`] may have to copy: those of the containers on the way.
    pub fn copies(&self, input: &Document) -> usize {
        copies(&self.0.steps, input)
    }

    /// The first value on the way of this path through `input` that is kept elsewhere, and so must be there before
    /// something can be placed inside of it. One that the path leads to, but not into, does not count.
    pub fn through<'d>(&self, input: &'d Document) -> Option<&'d Reference> {
        let (_, reference) = first_reference(&self.0.steps, input)?;
        Some(reference)
    }

    /// `input` with this value in the place of the reference that [`ReferencePath::through`] gives.
    pub fn open(&self, input: Document, value: Document) -> Document {
        let way = first_reference(&self.0.steps, &input).map(|(length, _)| length);
        match way.and_then(|length| self.0.steps.get(..length)) {
            Some(way) => put(way, input, value),
            None => input,
        }
    }
}

fn copies(steps: &[Step], document: &Document) -> usize {
    let Some((step, rest)) = steps.split_first() else {
        return 0;
    };
    let (here, child) = match (step, document) {
        (Step::Key(_), Document::Object(object)) if rest.is_empty() => return object.len(),
        (Step::Key(key), Document::Object(object)) => (object.len(), object.get(key)),
        (Step::Index(index), Document::Array(array)) => {
            let child = usize::try_from(*index).ok().and_then(|index| array.get(index));
            (array.len(), child)
        }
        _ => return 0,
    };
    here.saturating_add(child.map_or(0, |child| copies(rest, child)))
}

/// The first reference that `steps` lead into, and the number of steps to it.
fn first_reference<'d>(steps: &[Step], document: &'d Document) -> Option<(usize, &'d Reference)> {
    let mut at = document;
    for (number, step) in steps.iter().enumerate() {
        at = match (step, at) {
            (_, Document::Reference(reference)) => return Some((number, reference)),
            (Step::Key(key), Document::Object(object)) => object.get(key)?,
            (Step::Index(index), Document::Array(array)) => array.get(usize::try_from(*index).ok()?)?,
            _ => return None,
        };
    }
    None
}

fn refusal(step: &Step) -> Option<String> {
    match step {
        Step::Key(_) | Step::Index(0..) => None,
        Step::Index(_) => Some("an index that counts from the end".to_owned()),
        Step::Keys(_) => Some("a list of names".to_owned()),
        Step::Indexes(_) => Some("a list of indexes".to_owned()),
        Step::Slice(..) => Some("a slice".to_owned()),
        Step::Wildcard => Some("`*`".to_owned()),
        Step::Deep => Some("`..`".to_owned()),
        Step::Filter(_) => Some("a filter".to_owned()),
    }
}

/// Whether `put` finds or can make every container on its way.
fn is_open(steps: &[Step], document: &Document) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return true;
    };
    match (step, document) {
        (Step::Key(key), Document::Object(object)) => match object.get(key) {
            Some(child) => is_open(rest, child),
            // Everything from here on is made anew, and only objects can be made.
            None => rest.iter().all(|step| matches!(step, Step::Key(_))),
        },
        (Step::Index(index), Document::Array(array)) => usize::try_from(*index)
            .ok()
            .and_then(|index| array.get(index))
            .is_some_and(|child| is_open(rest, child)),
        _ => false,
    }
}

/// Puts `result` where `steps` lead to.
///
/// A child is taken out, changed and put back, so that it stays unshared while it is changed, unless someone
/// else holds its container.
fn put(steps: &[Step], document: Document, result: Document) -> Document {
    let Some((step, rest)) = steps.split_first() else {
        return result;
    };
    match (step, document) {
        (Step::Key(key), Document::Object(mut object)) => {
            let value = match rest.is_empty() {
                true => result,
                false => {
                    let child = object.take(key).unwrap_or_else(|| Object::new().into());
                    put(rest, child, result)
                }
            };
            object.insert(Text::clone(key), value);
            object.into()
        }
        (Step::Index(index), Document::Array(mut array)) => {
            let index = usize::try_from(*index).unwrap_or(usize::MAX);
            let child = array.take(index).unwrap_or_default();
            array.set(index, put(rest, child, result));
            array.into()
        }
        // `is_open` has refused everything else.
        (_, document) => document,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::NoValues;
    use proptest::prelude::*;

    fn check(input: &str, path: &str, result: &str, expected: &str) {
        let document = |text: &str| Document::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let parsed = ReferencePath::parse_for_result(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let placed = parsed.place(document(input), document(result));
        assert_eq!(placed.map(|placed| placed.to_json()), Ok(expected.to_owned()), "{path}");
    }

    #[test]
    fn places_results() {
        for (input, path, expected) in [
            ("1", "$", "0"),
            ("{}", "$.a", r#"{"a":0}"#),
            (r#"{"a":1,"b":2}"#, "$.a", r#"{"a":0,"b":2}"#),
            (r#"{"a":1}"#, "$.b.c.d", r#"{"a":1,"b":{"c":{"d":0}}}"#),
            (r#"{"a":{"b":1}}"#, "$.a['c d']", r#"{"a":{"b":1,"c d":0}}"#),
            ("[1,2]", "$[1]", "[1,0]"),
            (r#"{"a":[{"b":1}]}"#, "$.a[0].c", r#"{"a":[{"b":1,"c":0}]}"#),
        ] {
            check(input, path, "0", expected);
        }
    }

    #[test]
    fn says_where_a_result_has_no_place() {
        for (input, path) in [
            (r#""text""#, "$.a"),
            ("null", "$.a"),
            ("[1]", "$.a"),
            ("[1]", "$[1]"),
            ("{}", "$[0]"),
            ("{}", "$.a[0]"),
            (r#"{"a":1}"#, "$.a.b"),
            (r#"{"a":null}"#, "$.a.b"),
            (r#"{"a":[]}"#, "$.a.b"),
        ] {
            let parsed = ReferencePath::parse(path).expect(path);
            let error = parsed
                .place(Document::parse(input).expect(input), Document::Null)
                .expect_err(input);
            assert_eq!(
                error.to_string(),
                format!("Unable to apply ReferencePath {path} to input {input}")
            );
        }
    }

    #[test]
    fn leads_to_a_single_place() {
        for (path, refused) in [
            ("$.a[*]", "`*`"),
            ("$.a.*", "`*`"),
            ("$..a", "`..`"),
            ("$.a[0:1]", "a slice"),
            ("$.a[0,1]", "a list of indexes"),
            ("$['a','b']", "a list of names"),
            ("$.a[?(@.x)]", "a filter"),
            ("$.a[-1]", "an index that counts from the end"),
            ("$.a[(@.length-1)]", "an index that counts from the end"),
        ] {
            let error = ReferencePath::parse(path).expect_err(path);
            assert_eq!(
                error.message,
                format!("a reference path leads to a single place, so {refused} cannot be part of it")
            );
        }
        for path in ["$", "$.delivery-partner", "$['a b'][0]", "$$.Execution.Name", "$name.a"] {
            assert!(ReferencePath::parse(path).is_ok(), "{path}");
        }
        for (path, message) in [
            ("$$.a", "a result cannot be placed into the Context object"),
            ("$x.a", "a result cannot be placed into the variable `$x`, use `Assign`"),
        ] {
            assert_eq!(ReferencePath::parse_for_result(path).expect_err(path).message, message);
        }
    }

    /// Where the members of an object lie in memory.
    fn address(document: &Document) -> *const Document {
        document
            .as_object()
            .and_then(|object| object.values().next())
            .expect("members")
    }

    #[test]
    fn copies_nothing_that_nobody_else_holds() {
        let input = Document::parse(r#"{"first":1,"a":{"first":1,"b":{"first":1}},"big":{"first":1}}"#).expect("JSON");
        let path = ReferencePath::parse("$.a.b.first").expect("a path");
        let at = |document: &Document, keys: &[&str]| {
            address(keys.iter().fold(document, |at, key| at.get(key).expect("a member")))
        };
        let places: [&[&str]; 4] = [&[], &["a"], &["a", "b"], &["big"]];
        let before = places.map(|keys| at(&input, keys));
        let placed = path.place(input, "new".into()).expect("a place");
        assert_eq!(places.map(|keys| at(&placed, keys)), before);

        let held = placed.clone();
        let placed = path.place(placed, "newer".into()).expect("a place");
        let is_same = places.map(|keys| at(&placed, keys) == at(&held, keys));
        assert_eq!(
            is_same,
            [false, false, false, true],
            "the way to the place is copied, the rest is shared"
        );
        assert_eq!(
            held.get("a").and_then(|a| a.get("b")).map(Document::to_json).as_deref(),
            Some(r#"{"first":"new"}"#)
        );
    }

    fn any_document() -> impl Strategy<Value = Document> {
        let leaf = prop_oneof![
            Just(Document::Null),
            (-9_i64..9).prop_map(Document::from),
            ".?".prop_map(Document::from)
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Document::from),
                prop::collection::vec(("[abc]", inner), 0..3)
                    .prop_map(|members| Document::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_placed_is_found_again(
            input in any_document(),
            result in any_document(),
            steps in prop::collection::vec("\\.[abc]|\\[[01]\\]", 0..4),
            is_held: bool,
        ) {
            let path = ReferencePath::parse(&format!("${}", steps.concat())).unwrap();
            let held = is_held.then(|| input.clone());
            let before = input.to_json();
            if let Ok(placed) = path.place(input, result.clone()) {
                prop_assert_eq!(path.as_path().select_present(&placed, &NoValues), Ok(result));
                prop_assert_eq!(placed.json_bytes(), placed.to_json().len());
                let again = Document::parse(&placed.to_json()).unwrap();
                prop_assert!(placed.depth() >= again.depth());
                prop_assert_eq!(again, placed);
            }
            if let Some(held) = held {
                prop_assert_eq!(held.to_json(), before);
            }
        }
    }
}
