//! JSON text in which references stay references.
//!
//! A reference is an object with one member: `{"expressway:reference": {"bucket": ..., "key": ...}}`. Data that
//! looks like one comes out as it went in: the key gets a `%` before it when it is written and loses it when it is
//! read, and so do keys that begin with `%` already.

use super::{Array, Document, Object, Reference, Text};
use crate::resolve::with_stack;

const MARKER: &str = "expressway:reference";
const ESCAPE: char = '%';

/// The text of a document, references and all. Without references, and for nearly all data, its compact JSON.
pub fn encode(document: &Document) -> String {
    text(document, true)
}

/// The same without the times at which references were stored: equal for equal documents.
pub(super) fn encode_undated(document: &Document) -> String {
    text(document, false)
}

fn text(document: &Document, is_dated: bool) -> String {
    if !document.has_references() {
        let text = document.to_json();
        if !text.contains(MARKER) {
            return text;
        }
    }
    with_stack(document, || escaped(document, is_dated)).to_json()
}

/// The document that [`encode`] has written.
///
/// # Errors
/// The text is not JSON, or has a reference in it that is none.
pub fn decode(text: &str) -> Result<Document, String> {
    let document = Document::parse(text).map_err(|error| error.to_string())?;
    match text.contains(MARKER) {
        true => with_stack(&document, || unescaped(&document)),
        false => Ok(document),
    }
}

/// How long the text of a reference with these members is.
pub(super) fn reference_bytes(members: Object) -> usize {
    Document::object([(MARKER, members.into())]).json_bytes()
}

/// The only key of an object, if it is a marker, escaped or not.
fn marker(object: &Object) -> Option<(&Text, &Document)> {
    let mut members = object.iter();
    let (key, value) = members.next().filter(|_| members.len() == 0)?;
    (key.trim_start_matches(ESCAPE) == MARKER).then_some((key, value))
}

fn escaped(document: &Document, is_dated: bool) -> Document {
    let escaped = |document| escaped(document, is_dated);
    match document {
        Document::Reference(reference) => Document::object([(MARKER, reference.to_members(is_dated).into())]),
        Document::Array(items) => Document::Array(items.iter().map(escaped).collect()),
        Document::Object(object) => match marker(object) {
            Some((key, value)) => Document::object([(format!("{ESCAPE}{key}"), escaped(value))]),
            None => {
                let members = object.iter();
                Document::Object(members.map(|(key, value)| (Text::clone(key), escaped(value))).collect())
            }
        },
        scalar => scalar.clone(),
    }
}

fn unescaped(document: &Document) -> Result<Document, String> {
    match document {
        Document::Array(items) => Ok(Document::Array(
            items.iter().map(unescaped).collect::<Result<Array, _>>()?,
        )),
        Document::Object(object) => {
            if let Some((key, value)) = marker(object) {
                return match key.strip_prefix(ESCAPE) {
                    Some(key) => Ok(Document::object([(key, unescaped(value)?)])),
                    None => match Reference::from_members(value) {
                        Some(reference) => Ok(Document::Reference(reference)),
                        None => Err(format!("`{MARKER}` holds no reference: {value}")),
                    },
                };
            }
            let mut unescaped_object = Object::with_capacity(object.len());
            for (key, value) in object.iter() {
                unescaped_object.insert(Text::clone(key), unescaped(value)?);
            }
            Ok(unescaped_object.into())
        }
        scalar => Ok(scalar.clone()),
    }
}
