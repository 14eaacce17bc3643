//! JSON values as executions pass them around.
//!
//! A [`Document`] is cheap to share and to take apart: strings, arrays and objects are reference counted at
//! every level, so taking `$.order.items` out of a document, or placing a whole document inside another one,
//! copies nothing. A container is copied one level deep, and only when it is written to while someone else
//! holds it.
//!
//! Arrays and objects know the length of their JSON text and their depth, so the limits on both are checked
//! without walking the document: a Pass state costs the same at 1 KB and at 250 KB.
//!
//! A value may be kept outside of its document: then a [`Reference`] stands for it, which counts for a few hundred
//! bytes, and shows as a pointer in JSON text. Whoever looks inside asks a [`Resolver`](crate::resolve::Resolver) for the
//! value.

mod array;
mod number;
mod object;
mod parse;
mod reference;
mod stored_text;
mod weight;
mod write;

use std::fmt;
use std::sync::Arc;

pub use array::Array;
pub use number::Number;
pub use object::Object;
pub use parse::{Lossy, ParseError, parse, parse_lossy};
pub(crate) use parse::{Reader, Start, line_and_column};
pub use reference::{Identity, Kind, ReadError, Reference, Stored};
pub use stored_text::{decode, encode};
pub use weight::parsed_bytes;

/// An immutable, shared piece of text.
pub type Text = Arc<str>;

/// The deepest nesting of arrays and objects that a document may have.
///
/// Recursion over documents (writing, comparing, dropping) is bounded by it. The number is the default of the
/// JSON parser that Step Functions' error messages come from.
pub const DEPTH_MAX: u32 = 1000;

/// A JSON value with shared ownership at every level.
#[derive(Clone, Default)]
pub enum Document {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number with all its digits.
    Number(Number),
    /// A string.
    String(Text),
    /// An array.
    Array(Array),
    /// An object; keys keep the order in which they came.
    Object(Object),
    /// Stands for a value that is kept elsewhere.
    Reference(Reference),
}

impl Document {
    /// Parses one JSON text.
    ///
    /// # Errors
    /// Says what is wrong and where, in the words that Step Functions uses for invalid input.
    pub fn parse(text: &str) -> Result<Document, ParseError> {
        parse(text.as_bytes())
    }

    /// Builds an object of these members, in this order.
    pub fn object<K: Into<Text>, const N: usize>(members: [(K, Document); N]) -> Document {
        Document::Object(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The length in bytes of the compact JSON text of this document; a reference counts for what [`encode`] writes.
    ///
    /// Constant time for arrays and objects.
    pub fn json_bytes(&self) -> usize {
        match self {
            Document::Null => 4,
            Document::Bool(value) => 5 - usize::from(*value),
            Document::Number(number) => number.json_bytes(),
            Document::String(text) => write::string_bytes(text),
            Document::Array(array) => array.json_bytes(),
            Document::Object(object) => object.json_bytes(),
            Document::Reference(reference) => reference.inline_bytes(),
        }
    }

    /// The length of the JSON text with the values in it that references stand for.
    ///
    /// Constant time for arrays and objects. What the references take is counted as well.
    pub fn total_bytes(&self) -> usize {
        self.json_bytes() + self.outside_bytes()
    }

    /// Whether a reference is anywhere in this document. Constant time.
    pub fn has_references(&self) -> bool {
        self.outside_bytes() > 0
    }

    /// How many bytes of JSON text references stand for, at least one each.
    fn outside_bytes(&self) -> usize {
        match self {
            Document::Array(array) => array.outside_bytes(),
            Document::Object(object) => object.outside_bytes(),
            Document::Reference(reference) => reference.total_bytes().max(1),
            _ => 0,
        }
    }

    /// How deeply arrays and objects nest: 0 for a scalar, 1 for `[]`. Never less than the true depth; it may
    /// stay higher after a deep member of an object was replaced by a flat one.
    pub fn depth(&self) -> u32 {
        match self {
            Document::Array(array) => array.depth(),
            Document::Object(object) => object.depth(),
            // Its own text has two levels, whatever it stands for.
            Document::Reference(reference) => reference.depth().max(2),
            _ => 0,
        }
    }

    /// The compact JSON text.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.json_bytes());
        write::compact(self, &mut out);
        out
    }

    /// The JSON text for people to read, indented by two spaces.
    pub fn to_json_pretty(&self) -> String {
        let mut out = String::new();
        write::pretty(self, 0, &mut out);
        out
    }

    /// Appends the compact JSON text.
    pub fn write_json(&self, out: &mut String) {
        write::compact(self, out);
    }

    /// The member `key`, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Document> {
        match self {
            Document::Object(object) => object.get(key),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Document::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Document::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The value of an integer that fits, if this is one. `1.0` is an integer too.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::as_i64)
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Document::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The array, if this is one.
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Document::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The object, if this is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Document::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Document::Null)
    }

    /// What kind of JSON value this is, for messages.
    pub fn kind(&self) -> &'static str {
        self.known_kind().map_or("stored value", Kind::as_str)
    }

    /// What kind of JSON value this is, or stands for; none for a reference to something unknown.
    pub fn known_kind(&self) -> Option<Kind> {
        Some(match self {
            Document::Null => Kind::Null,
            Document::Bool(_) => Kind::Boolean,
            Document::Number(_) => Kind::Number,
            Document::String(_) => Kind::String,
            Document::Array(_) => Kind::Array,
            Document::Object(_) => Kind::Object,
            Document::Reference(reference) => return reference.kind(),
        })
    }
}

/// Deep equality; numbers are equal when their values are, and the order of keys does not matter. References are
/// equal when they stand for the same stored text, and never equal a value.
impl PartialEq for Document {
    fn eq(&self, other: &Document) -> bool {
        match (self, other) {
            (Document::Null, Document::Null) => true,
            (Document::Bool(left), Document::Bool(right)) => left == right,
            (Document::Number(left), Document::Number(right)) => left == right,
            (Document::String(left), Document::String(right)) => left == right,
            (Document::Array(left), Document::Array(right)) => left == right,
            (Document::Object(left), Document::Object(right)) => left == right,
            (Document::Reference(left), Document::Reference(right)) => left == right,
            _ => false,
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_json())
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_json())
    }
}

impl From<&str> for Document {
    fn from(text: &str) -> Document {
        Document::String(text.into())
    }
}

impl From<String> for Document {
    fn from(text: String) -> Document {
        Document::String(text.into())
    }
}

impl From<Text> for Document {
    fn from(text: Text) -> Document {
        Document::String(text)
    }
}

impl From<bool> for Document {
    fn from(value: bool) -> Document {
        Document::Bool(value)
    }
}

impl From<i64> for Document {
    fn from(value: i64) -> Document {
        Document::Number(Number::from(value))
    }
}

impl From<Number> for Document {
    fn from(value: Number) -> Document {
        Document::Number(value)
    }
}

impl From<Array> for Document {
    fn from(array: Array) -> Document {
        Document::Array(array)
    }
}

impl From<Vec<Document>> for Document {
    fn from(items: Vec<Document>) -> Document {
        Document::Array(items.into())
    }
}

impl From<Object> for Document {
    fn from(object: Object) -> Document {
        Document::Object(object)
    }
}

impl From<Reference> for Document {
    fn from(reference: Reference) -> Document {
        Document::Reference(reference)
    }
}

#[cfg(test)]
mod tests;
