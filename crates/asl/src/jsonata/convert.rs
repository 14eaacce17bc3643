//! Documents into values of the evaluator and back.
//!
//! Values are not shared with documents, so each conversion costs what is converted: only what an expression
//! can reach goes in, and what comes out is limited in size and depth.

use super::analysis::Reach;
use super::failure::{EvaluationFailure, Limit};
use crate::document::{Array, DEPTH_MAX, Document, Number, Object, Reference, Text};
use crate::memory;
use crate::resolve::Resolver;
use jsonata_core::value::{JMap, JValue};
use std::cell::Cell;

/// The JSON text of a result may not be longer than this. The limit on state data is far lower; this one
/// keeps a short expression from filling the memory before that limit is checked: `[$a, $a]` shares `$a`,
/// documents written as JSON do not.
pub(super) const RESULT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Where converted values come from that are kept elsewhere.
pub(super) struct Values<'b> {
    resolver: &'b dyn Resolver,
    is_missing: Cell<bool>,
    /// How many bytes of JSON text may still be converted.
    bytes_left: Cell<usize>,
    is_too_large: Cell<bool>,
}

impl<'b> Values<'b> {
    pub(super) fn new(resolver: &'b dyn Resolver) -> Values<'b> {
        Values {
            resolver,
            is_missing: Cell::new(false),
            bytes_left: Cell::new(memory::json_bytes_max(usize::MAX)),
            is_too_large: Cell::new(false),
        }
    }

    /// Whether a value was not at hand, so that what was converted is of no use.
    pub(super) fn is_missing(&self) -> bool {
        self.is_missing.get()
    }

    /// Whether there was more to convert than memory allows, so that what was converted is of no use.
    pub(super) fn is_too_large(&self) -> bool {
        self.is_too_large.get()
    }

    /// Counts a value that is to be converted whole. The values that its references stand for count when they are loaded.
    fn admit(&self, document: &Document) -> bool {
        match self.bytes_left.get().checked_sub(document.json_bytes()) {
            Some(left) => {
                self.bytes_left.set(left);
                true
            }
            None => {
                self.is_too_large.set(true);
                false
            }
        }
    }

    fn load(&self, reference: &Reference, convert: impl FnOnce(&Document) -> JValue) -> JValue {
        match self.resolver.resolve(reference) {
            Some(value) => convert(&value),
            None => {
                self.is_missing.set(true);
                JValue::Null
            }
        }
    }
}

/// The value of what an expression can reach of `document`.
pub(super) fn reached(document: &Document, reach: &Reach, values: &Values<'_>) -> JValue {
    if reach.is_whole {
        return value(document, values);
    }
    match document {
        Document::Object(object) => {
            let members = reach.members.iter();
            members
                .filter_map(|(name, reach)| Some((name.to_string(), reached(object.get(name)?, reach, values))))
                .collect::<JMap>()
                .into_value()
        }
        Document::Array(items) => JValue::array(items.iter().map(|item| reached(item, reach, values)).collect()),
        Document::Reference(reference) => values.load(reference, |loaded| reached(loaded, reach, values)),
        scalar => value(scalar, values),
    }
}

/// The value of a whole document.
pub(super) fn value(document: &Document, values: &Values<'_>) -> JValue {
    match values.admit(document) {
        true => admitted(document, values),
        false => JValue::Null,
    }
}

fn admitted(document: &Document, values: &Values<'_>) -> JValue {
    #[cfg(test)]
    conversions::count();
    match document {
        Document::Null => JValue::Null,
        Document::Bool(value) => JValue::Bool(*value),
        Document::Number(number) => JValue::Number(number.as_f64()),
        Document::String(text) => JValue::string(&**text),
        Document::Array(items) => JValue::array(items.iter().map(|item| admitted(item, values)).collect()),
        Document::Object(members) => members
            .iter()
            .map(|(key, member)| (key.to_string(), admitted(member, values)))
            .collect::<JMap>()
            .into_value(),
        Document::Reference(reference) => values.load(reference, |loaded| value(loaded, values)),
    }
}

trait IntoValue {
    fn into_value(self) -> JValue;
}

impl IntoValue for JMap {
    fn into_value(self) -> JValue {
        JValue::Object(std::rc::Rc::new(self))
    }
}

/// The document of a result; none if the expression gives nothing.
pub(super) fn document(value: &JValue) -> Result<Option<Document>, EvaluationFailure> {
    match value {
        JValue::Undefined => Ok(None),
        _ => {
            let bytes_max = memory::json_bytes_max(RESULT_BYTES_MAX);
            Writer { bytes: 0, bytes_max }.document(value, DEPTH_MAX).map(Some)
        }
    }
}

struct Writer {
    /// At least so many bytes of JSON text were written.
    bytes: usize,
    bytes_max: usize,
}

impl Writer {
    fn document(&mut self, value: &JValue, depth_left: u32) -> Result<Document, EvaluationFailure> {
        match value {
            JValue::Null => Ok(self.sized(Document::Null, 4)?),
            JValue::Bool(value) => self.sized(Document::Bool(*value), 4),
            JValue::Number(number) => self.sized(self::number(*number), 1),
            JValue::String(text) => {
                let bytes = text.len() + 2;
                self.add(bytes)?;
                Ok(Document::String(Text::from(&**text)))
            }
            JValue::Array(items) => {
                let depth_left = below(depth_left)?;
                self.add(2)?;
                // What is undefined within an array has no place in JSON and is left out; only host
                // functions could build such an array.
                let items = items.iter().filter(|item| !item.is_undefined());
                let items = items.map(|item| self.document(item, depth_left));
                Ok(Document::Array(items.collect::<Result<Array, _>>()?))
            }
            JValue::Object(members) => {
                let depth_left = below(depth_left)?;
                self.add(2)?;
                let mut object = Object::with_capacity(members.len());
                for (key, member) in members.iter().filter(|(_, member)| !member.is_undefined()) {
                    self.add(key.len() + 4)?;
                    object.insert(key.as_str(), self.document(member, depth_left)?);
                }
                Ok(Document::Object(object))
            }
            JValue::Undefined => Ok(Document::Null),
            JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => {
                Err(EvaluationFailure::UnsupportedResult)
            }
        }
    }

    fn sized(&mut self, document: Document, bytes: usize) -> Result<Document, EvaluationFailure> {
        self.add(bytes)?;
        Ok(document)
    }

    fn add(&mut self, bytes: usize) -> Result<(), EvaluationFailure> {
        self.bytes += bytes;
        match self.bytes <= self.bytes_max {
            true => Ok(()),
            false => Err(Limit::Memory.into()),
        }
    }
}

fn below(depth_left: u32) -> Result<u32, EvaluationFailure> {
    depth_left.checked_sub(1).ok_or_else(|| Limit::Depth.into())
}

/// The number of a result: whole numbers are integers as far as 64 bits reach, as in the service.
///
/// What JSON has no number for becomes the text that JavaScript has for it, as in the service: `1/0` is
/// `"Infinity"`.
pub(super) fn number(number: f64) -> Document {
    // 2^63 is the first number that does not fit.
    const INTEGER_END: f64 = 9_223_372_036_854_775_808.0;
    if number.is_nan() {
        Document::from("NaN")
    } else if number.is_infinite() {
        Document::from(if number > 0.0 { "Infinity" } else { "-Infinity" })
    } else if number.fract() == 0.0 && number.abs() < INTEGER_END {
        Document::Number(Number::Integer(number as i64))
    } else {
        Document::Number(Number::Float(number))
    }
}

/// A number that an expression passes on without computing with it: written as the service writes it, `1.0`
/// as `1`, but with all the digits it has.
pub(super) fn passed_on(document: &Document) -> Document {
    match document {
        Document::Number(Number::Float(float)) => number(*float),
        other => other.clone(),
    }
}

#[cfg(test)]
pub(super) mod conversions {
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        COUNT.set(COUNT.get() + 1);
    }

    /// How many values were converted since the last time this was asked, on this thread.
    pub(in crate::jsonata) fn take() -> usize {
        COUNT.take()
    }
}
