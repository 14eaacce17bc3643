//! JSON bodies.

use super::value::{from_base64, moment};
use super::{DEPTH_MAX, MalformedAnswer};
use crate::model::{Service, Shape, ShapeId};
use expressway_asl::Document;
use expressway_asl::document::Object;

pub(super) fn body(service: &Service, output: ShapeId, body: &[u8]) -> Result<Document, MalformedAnswer> {
    Ok(match parse(body)? {
        Some(value) => from_wire(service, output, &value),
        None => Document::Null,
    })
}

/// The JSON of a body, if it has one.
pub(super) fn parse(body: &[u8]) -> Result<Option<Document>, MalformedAnswer> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let value = expressway_asl::document::parse(body).map_err(MalformedAnswer::new)?;
    if value.depth() > DEPTH_MAX {
        return Err(MalformedAnswer::too_deep());
    }
    Ok(Some(value))
}

/// Gives members their names, and scalars their forms. What the model does not know is left out.
pub(super) fn from_wire(service: &Service, shape: ShapeId, value: &Document) -> Document {
    match (service.shape(shape), value) {
        (Shape::Structure(structure), value) if structure.document => value.clone(),
        (Shape::Structure(structure), Document::Object(object)) => {
            let mut result = Object::with_capacity(object.len());
            for member in structure.members.iter().filter(|member| member.is_in_answer_body()) {
                let value = object.get(&member.wire_name).filter(|value| !value.is_null());
                if let Some(value) = value {
                    result.insert(member.key.clone(), from_wire(service, member.shape, value));
                }
            }
            result.into()
        }
        (Shape::List(list), Document::Array(items)) => {
            let items = items.iter().map(|item| from_wire(service, list.item, item));
            items.collect::<Vec<_>>().into()
        }
        (Shape::Map(map), Document::Object(entries)) => {
            let entries = entries.iter().filter(|(_, value)| !value.is_null());
            let entries = entries.map(|(key, value)| (key.clone(), from_wire(service, map.value, value)));
            entries.collect::<Object>().into()
        }
        (Shape::Blob { .. }, Document::String(text)) => from_base64(text),
        (Shape::Timestamp(_), value) => moment(value),
        (_, value) => value.clone(),
    }
}
