//! What differs between the value that a test expects and the one there is, place by place.

use expressway_asl::Document;
use expressway_asl::document::{Number, Object};

/// One place at which two values differ.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    /// What differs: `output`, `error`, `path`.
    pub(super) what: &'static str,
    /// The place in it, such as `$.items[0].sku`; empty for all of it.
    pub(super) place: String,
    /// What was expected; none where nothing was.
    pub(super) expected: Option<String>,
    /// What there is; none where nothing is.
    pub(super) actual: Option<String>,
}

/// Whether an object may have members that the expected one does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    Exact,
    Includes,
}

/// All places at which `actual` is not as expected.
pub(super) fn differences(
    what: &'static str,
    expected: &Document,
    actual: Option<&Document>,
    how: Match,
) -> Vec<Difference> {
    let mut finder = Finder {
        what,
        how,
        found: Vec::new(),
    };
    finder.compare("$", Some(expected), actual);
    finder.found
}

struct Finder {
    what: &'static str,
    how: Match,
    found: Vec<Difference>,
}

impl Finder {
    fn compare(&mut self, place: &str, expected: Option<&Document>, actual: Option<&Document>) {
        match (expected, actual) {
            (Some(Document::Object(expected)), Some(Document::Object(actual))) => {
                self.objects(place, expected, actual);
            }
            (Some(Document::Array(expected)), Some(Document::Array(actual))) => {
                for index in 0..expected.len().max(actual.len()) {
                    let place = format!("{place}[{index}]");
                    self.compare(&place, expected.get(index), actual.get(index));
                }
            }
            (Some(expected), Some(actual)) if same(expected, actual) => {}
            (None, None) => {}
            (expected, actual) => self.found.push(Difference {
                what: self.what,
                place: place.to_owned(),
                expected: expected.map(Document::to_json),
                actual: actual.map(Document::to_json),
            }),
        }
    }

    fn objects(&mut self, place: &str, expected: &Object, actual: &Object) {
        for (key, value) in expected.iter() {
            self.compare(&member(place, key), Some(value), actual.get(key));
        }
        if self.how == Match::Exact {
            for (key, value) in actual.iter().filter(|(key, _)| !expected.contains_key(key)) {
                self.compare(&member(place, key), None, Some(value));
            }
        }
    }
}

/// Numbers are the same by value: 1 and 1.0.
fn same(expected: &Document, actual: &Document) -> bool {
    let by_value = |left: &Number, right: &Number| left.as_f64() == right.as_f64();
    match (expected, actual) {
        (Document::Number(left), Document::Number(right)) if left.as_i64().is_none() || right.as_i64().is_none() => {
            left == right || by_value(left, right)
        }
        (expected, actual) => expected == actual,
    }
}

/// `$.name`, or `$['a name']`.
fn member(place: &str, key: &str) -> String {
    let is_plain = !key.is_empty()
        && key
            .chars()
            .all(|character| character.is_alphanumeric() || character == '_');
    match is_plain {
        true => format!("{place}.{key}"),
        false => format!("{place}['{key}']"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_by_their_place() {
        use Match::{Exact, Includes};
        for (expected, actual, how, places) in [
            ("1", "1.0", Exact, ""),
            ("1", "2", Exact, "$"),
            ("9007199254740993", "9007199254740992", Exact, "$"),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, Includes, ""),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, Exact, "$.b"),
            (r#"{"a":{"x y":1}}"#, r#"{"a":{"x y":2}}"#, Exact, "$.a['x y']"),
            (r#"{"a":null}"#, "{}", Includes, "$.a"),
            ("[1,2,3]", "[1,5]", Includes, "$[1] $[2]"),
            ("[{}]", r#"[{"a":1}]"#, Includes, ""),
            (r#""1""#, "1", Exact, "$"),
        ] {
            let (expected, actual) = (Document::parse(expected).unwrap(), Document::parse(actual).unwrap());
            let found = differences("output", &expected, Some(&actual), how);
            let found: Vec<_> = found.iter().map(|difference| difference.place.as_str()).collect();
            assert_eq!(found.join(" "), places, "{expected} {actual}");
        }
        assert_eq!(differences("output", &Document::Null, None, Exact).len(), 1);
    }
}
