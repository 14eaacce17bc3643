//! The data tests of Choice rules in JSONPath.

use crate::document::{Document, Kind};
use crate::resolve::{Resolver, surface};
use crate::timestamp::Timestamp;
use crate::work;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// What a Choice rule asks about its variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `StringEquals`, `StringLessThan` ...
    String(Relation),
    /// `StringMatches`: `*` stands for any text, `\*` for an asterisk and `\\` for a backslash.
    StringMatches,
    /// `NumericEquals`, `NumericLessThan` ...
    Numeric(Relation),
    /// `BooleanEquals`
    BooleanEquals,
    /// `TimestampEquals`, `TimestampLessThan` ...
    Timestamp(Relation),
    /// `IsNull`
    IsNull,
    /// `IsPresent`. The only test of a variable that may be missing, so whoever finds the variable answers
    /// it when there is none.
    IsPresent,
    /// `IsNumeric`
    IsNumeric,
    /// `IsString`
    IsString,
    /// `IsBoolean`
    IsBoolean,
    /// `IsTimestamp`
    IsTimestamp,
}

/// How a variable must compare to the operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `...Equals`
    Equals,
    /// `...LessThan`
    LessThan,
    /// `...GreaterThan`
    GreaterThan,
    /// `...LessThanEquals`
    LessThanEquals,
    /// `...GreaterThanEquals`
    GreaterThanEquals,
}

const NAMES: [&str; 39] = [
    "StringEquals",
    "StringEqualsPath",
    "StringLessThan",
    "StringLessThanPath",
    "StringGreaterThan",
    "StringGreaterThanPath",
    "StringLessThanEquals",
    "StringLessThanEqualsPath",
    "StringGreaterThanEquals",
    "StringGreaterThanEqualsPath",
    "NumericEquals",
    "NumericEqualsPath",
    "NumericLessThan",
    "NumericLessThanPath",
    "NumericGreaterThan",
    "NumericGreaterThanPath",
    "NumericLessThanEquals",
    "NumericLessThanEqualsPath",
    "NumericGreaterThanEquals",
    "NumericGreaterThanEqualsPath",
    "TimestampEquals",
    "TimestampEqualsPath",
    "TimestampLessThan",
    "TimestampLessThanPath",
    "TimestampGreaterThan",
    "TimestampGreaterThanPath",
    "TimestampLessThanEquals",
    "TimestampLessThanEqualsPath",
    "TimestampGreaterThanEquals",
    "TimestampGreaterThanEqualsPath",
    "BooleanEquals",
    "BooleanEqualsPath",
    "StringMatches",
    "IsNull",
    "IsPresent",
    "IsNumeric",
    "IsString",
    "IsBoolean",
    "IsTimestamp",
];

impl Operator {
    /// The operator of a field of a Choice rule, and whether the field holds a path to the operand instead of
    /// the operand. None if there is no such operator.
    pub fn from_name(name: &str) -> Option<(Operator, bool)> {
        let (base, is_path) = match name.strip_suffix("Path") {
            Some(base) => (base, true),
            None => (name, false),
        };
        let operator = match base {
            "StringMatches" => Operator::StringMatches,
            "BooleanEquals" => Operator::BooleanEquals,
            "IsNull" => Operator::IsNull,
            "IsPresent" => Operator::IsPresent,
            "IsNumeric" => Operator::IsNumeric,
            "IsString" => Operator::IsString,
            "IsBoolean" => Operator::IsBoolean,
            "IsTimestamp" => Operator::IsTimestamp,
            _ => {
                let relation = |relation: &str| Relation::from_name(relation);
                if let Some(name) = base.strip_prefix("String") {
                    Operator::String(relation(name)?)
                } else if let Some(name) = base.strip_prefix("Numeric") {
                    Operator::Numeric(relation(name)?)
                } else {
                    Operator::Timestamp(relation(base.strip_prefix("Timestamp")?)?)
                }
            }
        };
        (operator.takes_path() || !is_path).then_some((operator, is_path))
    }

    /// The names of all fields that hold an operand or a path to it.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.into_iter()
    }

    /// Whether this test has an answer when there is no variable.
    pub fn is_presence(self) -> bool {
        self == Operator::IsPresent
    }

    /// Whether the operand may be given by a path, in a field whose name ends in `Path`.
    pub fn takes_path(self) -> bool {
        matches!(
            self,
            Operator::String(_) | Operator::Numeric(_) | Operator::BooleanEquals | Operator::Timestamp(_)
        )
    }

    /// Checks an operand that a definition gives as it is.
    ///
    /// # Errors
    /// Says what the operand must be instead, as in "must be a number".
    pub fn check_literal(self, literal: &Document) -> Result<(), String> {
        let (is_right, expected) = match self {
            Operator::String(_) | Operator::StringMatches => (literal.as_str().is_some(), "a string"),
            Operator::Numeric(_) => (literal.as_number().is_some(), "a number"),
            Operator::Timestamp(_) => (timestamp(literal).is_some(), "an RFC 3339 timestamp"),
            _ => (literal.as_bool().is_some(), "a boolean"),
        };
        match is_right {
            true => Ok(()),
            false => Err(format!("must be {expected}")),
        }
    }

    /// Whether `variable` passes this test with `operand`. A value of another kind than the operator is about
    /// does not pass.
    ///
    /// # Source
    /// ASL spec, "Data-test expression".
    pub fn test(self, variable: &Document, operand: &Document, resolver: &dyn Resolver) -> bool {
        if let Document::Reference(_) = operand {
            return self.test(variable, &surface(operand.clone(), resolver), resolver);
        }
        if let Document::Reference(reference) = variable {
            return self.test_kind(reference.kind(), operand).unwrap_or_else(|| {
                let value = resolver.resolve(reference);
                value.is_some_and(|value| self.test(&value, operand, resolver))
            });
        }
        let bytes = match variable {
            Document::String(text) => text.len().max(work::surface(operand)),
            _ => 0,
        };
        if bytes > 0 && !resolver.work(bytes) {
            return false;
        }
        let is = |is: bool| operand.as_bool() == Some(is);
        match self {
            Operator::String(relation) => both(variable.as_str(), operand.as_str())
                .is_some_and(|(variable, operand)| relation.holds(text_order(variable, operand))),
            Operator::StringMatches => {
                both(variable.as_str(), operand.as_str()).is_some_and(|(text, pattern)| matches(text, pattern))
            }
            Operator::Numeric(relation) => both(variable.as_number(), operand.as_number())
                .and_then(|(variable, operand)| variable.partial_cmp(operand))
                .is_some_and(|ordering| relation.holds(ordering)),
            Operator::BooleanEquals => {
                both(variable.as_bool(), operand.as_bool()).is_some_and(|(variable, operand)| variable == operand)
            }
            Operator::Timestamp(relation) => both(timestamp(variable), timestamp(operand))
                .is_some_and(|(variable, operand)| relation.holds(variable.cmp(&operand))),
            Operator::IsNull => is(variable.is_null()),
            Operator::IsPresent => is(true),
            Operator::IsNumeric => is(variable.as_number().is_some()),
            Operator::IsString => is(variable.as_str().is_some()),
            Operator::IsBoolean => is(variable.as_bool().is_some()),
            Operator::IsTimestamp => is(timestamp(variable).is_some()),
        }
    }
}

impl Operator {
    /// The answer for a variable of which no more than its kind is known, if that is enough.
    fn test_kind(self, kind: Option<Kind>, operand: &Document) -> Option<bool> {
        let is = |is: bool| Some(operand.as_bool() == Some(is));
        if self == Operator::IsPresent {
            return is(true);
        }
        let kind = kind?;
        let right = |right: Kind| (kind != right).then_some(false);
        match self {
            Operator::IsNull => is(kind == Kind::Null),
            Operator::IsPresent => is(true),
            Operator::IsNumeric => is(kind == Kind::Number),
            Operator::IsString => is(kind == Kind::String),
            Operator::IsBoolean => is(kind == Kind::Boolean),
            Operator::IsTimestamp if kind == Kind::String => None,
            Operator::IsTimestamp => is(false),
            Operator::String(_) | Operator::StringMatches | Operator::Timestamp(_) => right(Kind::String),
            Operator::Numeric(_) => right(Kind::Number),
            Operator::BooleanEquals => right(Kind::Boolean),
        }
    }
}

/// The name of the field, without `Path`.
impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operator::String(relation) => write!(formatter, "String{relation:?}"),
            Operator::Numeric(relation) => write!(formatter, "Numeric{relation:?}"),
            Operator::Timestamp(relation) => write!(formatter, "Timestamp{relation:?}"),
            other => write!(formatter, "{other:?}"),
        }
    }
}

impl Relation {
    fn from_name(name: &str) -> Option<Relation> {
        Some(match name {
            "Equals" => Relation::Equals,
            "LessThan" => Relation::LessThan,
            "GreaterThan" => Relation::GreaterThan,
            "LessThanEquals" => Relation::LessThanEquals,
            "GreaterThanEquals" => Relation::GreaterThanEquals,
            _ => return None,
        })
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Relation::Equals => ordering.is_eq(),
            Relation::LessThan => ordering.is_lt(),
            Relation::GreaterThan => ordering.is_gt(),
            Relation::LessThanEquals => ordering.is_le(),
            Relation::GreaterThanEquals => ordering.is_ge(),
        }
    }
}

fn both<T>(left: Option<T>, right: Option<T>) -> Option<(T, T)> {
    left.zip(right)
}

fn timestamp(value: &Document) -> Option<Timestamp> {
    value.as_str().and_then(Timestamp::parse)
}

/// The order of two texts as Java has it, which Step Functions is written in: by UTF-16 code units.
///
/// It differs from the order of the characters only where characters beyond U+FFFF meet others from U+E000 on.
pub(crate) fn text_order(left: &str, right: &str) -> Ordering {
    match left.is_ascii() || right.is_ascii() {
        true => left.cmp(right),
        false => left.encode_utf16().cmp(right.encode_utf16()),
    }
}

/// Whether `text` matches a pattern with asterisks, in time proportional to both.
///
/// The text between two asterisks is taken where it comes first: whatever a later place allows, the first allows too.
fn matches(text: &str, pattern: &str) -> bool {
    let mut parts = parts(pattern);
    let Some(last) = parts.pop() else {
        return text.is_empty();
    };
    let mut parts = parts.iter();
    let Some(first) = parts.next() else {
        return text == last;
    };
    let between = text.strip_prefix(&**first).and_then(|text| text.strip_suffix(&*last));
    let rest =
        between.and_then(|text| parts.try_fold(text, |text, part| text.split_once(&**part).map(|(_, rest)| rest)));
    rest.is_some()
}

/// What stands between the asterisks of a pattern, without the backslashes of escapes.
fn parts(pattern: &str) -> Vec<Cow<'_, str>> {
    if !pattern.contains('\\') {
        return pattern.split('*').map(Cow::Borrowed).collect();
    }
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => parts.push(Cow::Owned(std::mem::take(&mut part))),
            '\\' if characters.as_str().starts_with(['*', '\\']) => part.extend(characters.next()),
            character => part.push(character),
        }
    }
    parts.push(Cow::Owned(part));
    parts
}

#[cfg(test)]
mod tests;
