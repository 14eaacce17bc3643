//! Scalars of parameters.

use super::ParameterError;
use crate::model::{Shape, TimestampFormat};
use crate::timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;
use expressway_asl::document::{Array, Number, Object};
use std::borrow::Cow;

pub(super) fn invalid(expected: &str, value: &Document) -> ParameterError {
    ParameterError::new(format!("expected {expected}, found {}", value.kind()))
}

pub(super) fn array(value: &Document) -> Result<&Array, ParameterError> {
    value.as_array().ok_or_else(|| invalid("an array", value))
}

pub(super) fn object(value: &Document) -> Result<&Object, ParameterError> {
    value.as_object().ok_or_else(|| invalid("an object", value))
}

/// A string as it is, anything else as its JSON text.
pub(super) fn text(value: &Document) -> Cow<'_, str> {
    match value {
        Document::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_json()),
    }
}

/// A number as it is, text if it is one; `1.0` is the integer 1.
pub(super) fn integer(value: &Document) -> Result<Number, ParameterError> {
    let number = number(value)?;
    Ok(number.as_i64().map_or(number, Number::from))
}

pub(super) fn number(value: &Document) -> Result<Number, ParameterError> {
    let parsed = match value {
        Document::Number(number) => return Ok(number.clone()),
        Document::String(text) => Document::parse(text.trim()).ok(),
        _ => None,
    };
    match parsed {
        Some(Document::Number(number)) => Ok(number),
        _ => Err(invalid("a number", value)),
    }
}

pub(super) fn boolean(value: &Document) -> Result<bool, ParameterError> {
    match value {
        Document::Bool(value) => Ok(*value),
        Document::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Document::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        other => Err(invalid("true or false", other)),
    }
}

pub(super) fn moment(value: &Document) -> Result<aws_smithy_types::DateTime, ParameterError> {
    timestamp::parse(value).ok_or_else(|| invalid("a timestamp", value))
}

pub(super) fn base64(value: &Document) -> String {
    STANDARD.encode(text(value).as_bytes())
}

/// A scalar in a form, in XML, in a header, in a path or in a query.
///
/// `member` is the timestamp format of the member, `otherwise` that of its place.
pub(super) fn scalar(
    shape: &Shape,
    member: Option<TimestampFormat>,
    otherwise: TimestampFormat,
    value: &Document,
) -> Result<String, ParameterError> {
    Ok(match shape {
        Shape::Timestamp(format) => timestamp::format(moment(value)?, member.or(*format).unwrap_or(otherwise)),
        Shape::Blob { .. } => base64(value),
        Shape::Integer => Document::Number(integer(value)?).to_json(),
        // `NaN` and `Infinity` are text in JSON, and text here.
        Shape::Float { .. } => number(value).map_or_else(|_| text(value).into_owned(), |number| float(&number)),
        _ => text(value).into_owned(),
    })
}

/// Whole numbers get a `.0`, as Java and Python write them.
fn float(number: &Number) -> String {
    let value = number.as_f64();
    let whole = value.fract() == 0.0 && value.abs() < 1e16;
    if whole {
        format!("{value:.1}")
    } else {
        value.to_string()
    }
}

/// Fills the `{Label}`s of a template.
pub(super) fn fill(template: &str, label: impl Fn(&str) -> Option<String>) -> Result<String, ParameterError> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        let missing = || {
            ParameterError::new(format!(
                "missing or unusable parameter `{}`",
                name.trim_end_matches('+')
            ))
        };
        out.push_str(&label(name).ok_or_else(missing)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
