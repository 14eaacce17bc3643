//! Turns the shapes of a model into a list.

use super::limits::Collector;
use super::{is_true, object, owned_text, text};
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_aws::model::{
    Exception, Limits, List, Location, Map, Member, Shape, ShapeId, Structure, TimestampFormat, XmlNamespace, names,
};
use std::collections::HashMap;

/// The shapes that operations lead to. Simple shapes that are alike become one.
pub(super) struct Shapes<'m> {
    model: &'m Object,
    /// Names in the order of their ids; the list grows while it is read.
    names: Vec<&'m str>,
    ids: HashMap<Key<'m>, ShapeId>,
}

/// What makes two shapes one.
#[derive(PartialEq, Eq, Hash)]
enum Key<'m> {
    Name(&'m str),
    Simple(&'m str, Option<&'m str>, bool),
}

impl<'m> Shapes<'m> {
    pub(super) fn new(model: &'m Object) -> Shapes<'m> {
        Shapes {
            model,
            names: Vec::new(),
            ids: HashMap::new(),
        }
    }

    /// The id of the shape that a reference, `{"shape": "TableName"}`, names.
    pub(super) fn id_of(&mut self, reference: &Document) -> Result<ShapeId, String> {
        let name = text(reference, "shape").ok_or("a reference without shape")?;
        let (name, json) = self.named(name)?;
        let kind = text(json, "type").unwrap_or_default();
        let key = match kind {
            "structure" | "list" | "map" => Key::Name(name),
            _ => Key::Simple(kind, text(json, "timestampFormat"), is_true(json, "streaming")),
        };
        let next = ShapeId::new(self.names.len() as u32);
        let id = *self.ids.entry(key).or_insert(next);
        if id == next {
            self.names.push(name);
        }
        Ok(id)
    }

    fn named(&self, name: &str) -> Result<(&'m str, &'m Document), String> {
        let found = self.model.iter().find(|(key, _)| ***key == *name);
        let (name, json) = found.ok_or_else(|| format!("unknown shape `{name}`"))?;
        Ok((name, json))
    }

    /// All shapes in the order of their ids, and what their values may be.
    pub(super) fn finish(mut self) -> Result<(Vec<Shape>, Limits), String> {
        let mut shapes = Vec::new();
        let mut limits = Collector::new(self.model);
        while let Some(name) = self.names.get(shapes.len()).copied() {
            let (_, json) = self.named(name)?;
            let shape = self.shape(name, json).map_err(|problem| format!("{name}: {problem}"))?;
            limits.add(ShapeId::new(shapes.len() as u32), &shape, json);
            shapes.push(shape);
        }
        Ok((shapes, limits.limits))
    }

    fn shape(&mut self, name: &str, json: &'m Document) -> Result<Shape, String> {
        let child = |key: &str| json.get(key).ok_or_else(|| format!("no `{key}`"));
        let element = |key: &str| json.get(key).and_then(|child| owned_text(child, "locationName"));
        Ok(match text(json, "type").unwrap_or_default() {
            "structure" => Shape::Structure(self.structure(name, json)?),
            "list" => Shape::List(List {
                item: self.id_of(child("member")?)?,
                item_name: element("member"),
                flattened: is_true(json, "flattened"),
            }),
            "map" => Shape::Map(Map {
                key: self.id_of(child("key")?)?,
                value: self.id_of(child("value")?)?,
                key_name: element("key"),
                value_name: element("value"),
                flattened: is_true(json, "flattened"),
            }),
            "string" | "character" => Shape::String,
            "blob" => Shape::Blob {
                streaming: is_true(json, "streaming"),
            },
            "boolean" => Shape::Boolean,
            "integer" | "long" | "short" | "byte" | "biginteger" => Shape::Integer,
            "float" => Shape::Float { single: true },
            "double" | "bigdecimal" => Shape::Float { single: false },
            "timestamp" => Shape::Timestamp(timestamp_format(json)?),
            other => return Err(format!("unknown type `{other}`")),
        })
    }

    fn structure(&mut self, name: &str, json: &'m Document) -> Result<Structure, String> {
        let required = json.get("required").and_then(Document::as_array);
        let required = required.map_or(&[][..], |required| required);
        let mut structure = Structure {
            document: is_true(json, "document"),
            event_stream: is_true(json, "eventstream"),
            union: is_true(json, "union"),
            exception: exception(name, json),
            xml_namespace: xml_namespace(json),
            ..Structure::default()
        };
        for (name, reference) in object(json, "members")?.iter() {
            let is_required = required.iter().any(|required| required.as_str() == Some(name));
            let member = self.member(name, reference, is_required);
            structure
                .members
                .push(member.map_err(|problem| format!("{name}: {problem}"))?);
        }
        structure.members.sort_by(|left, right| left.key.cmp(&right.key));
        if let Some(payload) = text(json, "payload") {
            let place = structure.members.iter().position(|member| *member.name == *payload);
            structure.payload = Some(place.ok_or("the payload is no member")?);
        }
        Ok(structure)
    }

    fn member(&mut self, name: &Text, json: &'m Document, required: bool) -> Result<Member, String> {
        let (_, target) = self.named(text(json, "shape").unwrap_or_default())?;
        let either = |key: &str| is_true(json, key) || is_true(target, key);
        let context = json.get("contextParam");
        Ok(Member {
            name: name.clone(),
            key: names::key(name).into(),
            wire_name: owned_text(json, "locationName")
                .or_else(|| owned_text(target, "locationName"))
                .unwrap_or_else(|| name.clone()),
            shape: self.id_of(json)?,
            location: location(text(json, "location"))?,
            timestamp_format: timestamp_format(json)?,
            flattened: either("flattened"),
            streaming: either("streaming"),
            idempotency_token: is_true(json, "idempotencyToken"),
            xml_attribute: is_true(json, "xmlAttribute"),
            json_value: is_true(json, "jsonvalue"),
            required,
            query_name: owned_text(json, "queryName"),
            xml_namespace: xml_namespace(json),
            context_parameter: context.and_then(|context| owned_text(context, "name")),
        })
    }
}

fn exception(name: &str, json: &Document) -> Option<Exception> {
    let error = json.get("error");
    if error.is_none() && !is_true(json, "exception") {
        return None;
    }
    let code = error.and_then(|error| owned_text(error, "code"));
    Some(Exception {
        name: name.into(),
        code: code.filter(|code| **code != *name),
    })
}

fn location(name: Option<&str>) -> Result<Location, String> {
    Ok(match name {
        None => Location::Body,
        Some("header") => Location::Header,
        Some("headers") => Location::Headers,
        Some("uri") => Location::Path,
        Some("querystring") => Location::Query,
        Some("statusCode") => Location::Status,
        Some(other) => return Err(format!("unknown location `{other}`")),
    })
}

fn timestamp_format(json: &Document) -> Result<Option<TimestampFormat>, String> {
    Ok(match text(json, "timestampFormat") {
        None => None,
        Some("iso8601") => Some(TimestampFormat::Iso8601),
        Some("unixTimestamp") => Some(TimestampFormat::Unix),
        Some("rfc822") => Some(TimestampFormat::Rfc822),
        Some(other) => return Err(format!("unknown timestamp format `{other}`")),
    })
}

pub(super) fn xml_namespace(json: &Document) -> Option<XmlNamespace> {
    let namespace = json.get("xmlNamespace")?;
    let member = |key: &str| namespace.get(key).and_then(Document::as_str).unwrap_or_default();
    Some(XmlNamespace {
        uri: namespace.as_str().unwrap_or_else(|| member("uri")).into(),
        prefix: member("prefix").into(),
    })
}
