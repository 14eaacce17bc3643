//! Scalars of answers.

use crate::model::Shape;
use crate::timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;

/// Bytes as text if they are, else as base64.
pub(super) fn bytes(bytes: Vec<u8>) -> Document {
    match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => STANDARD.encode(error.as_bytes()).into(),
    }
}

pub(super) fn from_base64(text: &str) -> Document {
    STANDARD.decode(text.trim()).map_or_else(|_| text.into(), bytes)
}

/// A moment; what is none stays as it is.
pub(super) fn moment(value: &Document) -> Document {
    timestamp::parse(value).map_or_else(|| value.clone(), |moment| timestamp::for_result(moment).into())
}

/// A scalar that came as text; text that the shape does not allow stays text.
pub(super) fn from_text(shape: &Shape, text: &str) -> Document {
    match shape {
        Shape::Boolean => Document::Bool(text.trim().eq_ignore_ascii_case("true")),
        Shape::Integer | Shape::Float { .. } => match Document::parse(text.trim()) {
            Ok(number @ Document::Number(_)) => number,
            _ => text.into(),
        },
        Shape::Timestamp(_) => moment(&text.trim().into()),
        Shape::Blob { .. } => from_base64(text),
        _ => text.into(),
    }
}
