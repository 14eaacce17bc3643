//! What the values of a service may be: ranges of numbers, lengths, enumerations.
//!
//! They are apart from the tables of services: a call needs none of them, for the service itself refuses what it
//! does not take. A program that never calls [`Limits::of`] is linked without them.

use super::shape::{Shape, ShapeId};
use super::{Service, names};
use expressway_asl::Document;
use expressway_asl::document::Text;
use std::collections::BTreeMap;

/// What the values of one service may be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// The limits that there are, each once.
    pub kinds: Vec<Limit>,
    /// Which one holds where: by the structure, list or map, and the place of the member in the structure (0 for
    /// the items of a list and the values of a map).
    pub places: BTreeMap<(ShapeId, usize), usize>,
}

/// What a value may be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limit {
    /// The least number, or the least length of anything else.
    pub min: Option<f64>,
    /// The greatest number, or the greatest length of anything else.
    pub max: Option<f64>,
    /// The known texts; empty where any text is good.
    pub values: Vec<Text>,
}

impl Limits {
    /// The limits of a service's values; decodes their table on the first call.
    pub fn of(service: &Service) -> Option<&'static Limits> {
        super::catalog::limits(&names::arn_name(&service.service_id))
    }

    /// What a value at this place of a structure, list or map may be.
    pub fn at(&self, container: ShapeId, place: usize) -> Option<&Limit> {
        let kind = *self.places.get(&(container, place))?;
        self.kinds.get(kind)
    }
}

/// How a value is outside of its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// A text that is none of the known ones.
    Unknown,
    /// A number that is too small.
    TooSmall,
    /// A number that is too large.
    TooLarge,
    /// A text, a blob, a list or a map that is too short.
    TooShort,
    /// A text, a blob, a list or a map that is too long.
    TooLong,
}

impl Limit {
    /// How this value of this shape is outside of the limit. One of another type than the shape's is not judged.
    pub fn outside(&self, shape: &Shape, value: &Document) -> Option<Outside> {
        let length = match (shape, value) {
            (Shape::Integer | Shape::Float { .. }, Document::Number(number)) => {
                return self.beyond(number.as_f64(), Outside::TooSmall, Outside::TooLarge);
            }
            (Shape::String, Document::String(text)) => {
                if !self.values.is_empty() && !self.values.contains(text) {
                    return Some(Outside::Unknown);
                }
                text.chars().count()
            }
            (Shape::Blob { .. }, Document::String(text)) => text.len(),
            (Shape::List(_), Document::Array(items)) => items.len(),
            (Shape::Map(_), Document::Object(entries)) => entries.len(),
            _ => return None,
        };
        self.beyond(length as f64, Outside::TooShort, Outside::TooLong)
    }

    fn beyond(&self, size: f64, below: Outside, above: Outside) -> Option<Outside> {
        if self.min.is_some_and(|min| size < min) {
            Some(below)
        } else if self.max.is_some_and(|max| size > max) {
            Some(above)
        } else {
            None
        }
    }
}
