//! The arguments of a call, as the functions want them.

use crate::document::{Array, Document, Number, Object};

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Text,
    Number,
    Array,
    Object,
    /// `true` or `false`, or a string that says so.
    Flag,
}

impl Kind {
    pub(super) fn includes(self, value: &Document) -> bool {
        match self {
            Kind::Any => true,
            Kind::Text => matches!(value, Document::String(_)),
            Kind::Number => matches!(value, Document::Number(_)),
            Kind::Array => matches!(value, Document::Array(_)),
            Kind::Object => matches!(value, Document::Object(_)),
            Kind::Flag => flag(value).is_some(),
        }
    }

    pub(super) fn description(self) -> &'static str {
        match self {
            Kind::Any => "any value",
            Kind::Text => "a string",
            Kind::Number => "a number",
            Kind::Array => "an array",
            Kind::Object => "an object",
            Kind::Flag => "a boolean",
        }
    }
}

fn flag(value: &Document) -> Option<bool> {
    match value {
        Document::Bool(value) => Some(*value),
        Document::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Why a function has no result.
#[derive(Debug, PartialEq)]
pub(super) enum Failure {
    /// The arguments are not what the function works with.
    Arguments(String),
    /// The template of `States.Format` is broken.
    Template(&'static str),
}

impl Failure {
    pub(super) fn because<T>(reason: impl Into<String>) -> Result<T, Failure> {
        Err(Failure::Arguments(reason.into()))
    }

    pub(super) fn too_large() -> Failure {
        let limit = super::RESULT_BYTES_MAX;
        Failure::Arguments(format!("the result is larger than {limit} bytes"))
    }

    /// The failure of the function `name`, in the words of the service as far as they are known.
    pub(super) fn describe(&self, name: &str) -> String {
        match self {
            Failure::Arguments(reason) => format!("Invalid arguments in {name}: {reason}"),
            Failure::Template(reason) => format!("Invalid template in {name}: {reason}"),
        }
    }
}

/// The evaluated arguments of a call. Their number has been checked when the call was parsed.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a>(pub(super) &'a [Document]);

impl<'a> Arguments<'a> {
    /// The argument at this place, counted from 0.
    pub(super) fn any(self, place: usize) -> Result<&'a Document, Failure> {
        match self.0.get(place) {
            Some(argument) => Ok(argument),
            None => Failure::because(format!("argument {} is missing", place + 1)),
        }
    }

    pub(super) fn text(self, place: usize) -> Result<&'a str, Failure> {
        self.kind(place, Kind::Text, Document::as_str)
    }

    pub(super) fn number(self, place: usize) -> Result<&'a Number, Failure> {
        self.kind(place, Kind::Number, Document::as_number)
    }

    pub(super) fn array(self, place: usize) -> Result<&'a Array, Failure> {
        self.kind(place, Kind::Array, Document::as_array)
    }

    pub(super) fn object(self, place: usize) -> Result<&'a Object, Failure> {
        self.kind(place, Kind::Object, Document::as_object)
    }

    pub(super) fn flag(self, place: usize) -> Result<bool, Failure> {
        self.kind(place, Kind::Flag, flag)
    }

    /// A number without its fraction.
    ///
    /// DIFFERENCE from the documentation, which has these functions round to the nearest integer: the
    /// service cuts off.
    pub(super) fn truncated(self, place: usize) -> Result<i64, Failure> {
        let number = self.number(place)?;
        let truncated = number.as_i64().or_else(|| match number.as_f64().trunc() {
            // Beyond this, i64 no longer holds every whole number that f64 does.
            whole if whole.abs() <= 9e18 => Some(whole as i64),
            _ => None,
        });
        match truncated {
            Some(truncated) => Ok(truncated),
            None => Failure::because(format!("argument {} is out of range", place + 1)),
        }
    }

    fn kind<T>(self, place: usize, kind: Kind, accept: impl Fn(&'a Document) -> Option<T>) -> Result<T, Failure> {
        let argument = self.any(place)?;
        match accept(argument) {
            Some(accepted) => Ok(accepted),
            None => Failure::because(format!(
                "argument {} must be {}, not {}",
                place + 1,
                kind.description(),
                argument.kind()
            )),
        }
    }
}

/// Limits a text argument as the service does, in characters.
pub(super) fn check_length(text: &str) -> Result<(), Failure> {
    const CHARACTERS_MAX: usize = 10_000;
    match text.len() <= CHARACTERS_MAX || text.encode_utf16().count() <= CHARACTERS_MAX {
        true => Ok(()),
        false => Failure::because(format!("the text is longer than {CHARACTERS_MAX} characters")),
    }
}
