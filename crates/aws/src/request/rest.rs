//! Parameters in path, query, headers and body.

use super::value::{array, base64, fill, object, scalar, text};
use super::{ParameterError, Request, json, members, xml};
use crate::encode::{percent, push_percent};
use crate::model::{Location, Member, Operation, Protocol, Service, Shape, ShapeId, Structure, TimestampFormat};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;
use expressway_asl::document::Object;

pub(super) fn request(
    service: &Service,
    operation: &Operation,
    parameters: &Document,
    request: &mut Request,
) -> Result<(), ParameterError> {
    let (path, query) = operation.uri.split_once('?').unwrap_or((&operation.uri, ""));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        request.query.push((name.to_owned(), value.to_owned()));
    }
    let mut parts = Parts {
        service,
        request,
        labels: Vec::new(),
        body: Object::new(),
        payload: None,
    };
    if let (Some(input), Some(structure)) = (operation.input, service.input(operation)) {
        parts.sort(structure, parameters)?;
        match structure.payload() {
            Some(payload) => parts.write_payload(payload)?,
            None => parts.write_body(operation, input, structure)?,
        }
    }
    let path = parts.path(path)?;
    request.path = path;
    Ok(())
}

/// Parameters on the way to their places.
struct Parts<'r, 's> {
    service: &'s Service,
    request: &'r mut Request,
    labels: Vec<(&'s str, String)>,
    body: Object,
    payload: Option<Document>,
}

impl<'s> Parts<'_, 's> {
    fn sort(&mut self, structure: &'s Structure, parameters: &Document) -> Result<(), ParameterError> {
        let members = members(structure, parameters)?;
        let in_query = |member: &&Member| member.location == Location::Query;
        let named: Vec<&Member> = members.iter().map(|(member, _)| *member).filter(in_query).collect();
        for (member, value) in members {
            let is_payload = structure.payload().is_some_and(|payload| std::ptr::eq(payload, member));
            let placed = self.place(member, value, is_payload, &named);
            placed.map_err(|error| error.within(&member.key))?;
        }
        Ok(())
    }

    fn place(
        &mut self,
        member: &'s Member,
        value: &Document,
        is_payload: bool,
        named: &[&Member],
    ) -> Result<(), ParameterError> {
        let shape = self.service.shape(member.shape);
        match member.location {
            Location::Path => {
                let text = scalar(shape, member.timestamp_format, TimestampFormat::Iso8601, value)?;
                self.labels.push((&member.wire_name, text));
            }
            Location::Query => self.place_in_query(member, shape, value, named)?,
            Location::Header => {
                let is_empty_list = matches!(value, Document::Array(items) if items.is_empty());
                if !is_empty_list {
                    let text = header(self.service, shape, Some(member), value)?;
                    self.request.set_header(&member.wire_name, text);
                }
            }
            Location::Headers => {
                for (key, value) in object(value)?.iter() {
                    self.request
                        .set_header(&format!("{}{key}", member.wire_name), text(value));
                }
            }
            Location::Body | Location::Status if is_payload => self.payload = Some(value.clone()),
            Location::Body | Location::Status => self.body.insert(member.name.clone(), value.clone()),
        }
        Ok(())
    }

    fn place_in_query(
        &mut self,
        member: &Member,
        shape: &Shape,
        value: &Document,
        named: &[&Member],
    ) -> Result<(), ParameterError> {
        let query = &mut self.request.query;
        let mut push = |name: &str, value: String| query.push((name.to_owned(), value));
        match shape {
            Shape::List(list) => {
                let item = self.service.shape(list.item);
                for value in array(value)?.iter() {
                    push(&member.wire_name, scalar(item, None, TimestampFormat::Iso8601, value)?);
                }
            }
            Shape::Map(_) => {
                // A member with a name of its own goes before an entry of that name.
                let is_free = |key: &str| !named.iter().any(|member| *member.wire_name == *key);
                for (key, value) in object(value)?.iter().filter(|(key, _)| is_free(key)) {
                    match value {
                        Document::Array(values) => values.iter().for_each(|value| push(key, text(value).into_owned())),
                        value => push(key, text(value).into_owned()),
                    }
                }
            }
            other => {
                let text = scalar(other, member.timestamp_format, TimestampFormat::Iso8601, value)?;
                push(&member.wire_name, text);
            }
        }
        Ok(())
    }

    fn is_xml(&self) -> bool {
        self.service.protocol == Protocol::RestXml
    }

    fn write_payload(&mut self, payload: &Member) -> Result<(), ParameterError> {
        let shape = self.service.shape(payload.shape);
        let value = self.payload.take();
        let content_type = match shape {
            Shape::Blob { .. } => "application/octet-stream",
            Shape::String => "text/plain",
            _ if self.is_xml() => "application/xml",
            _ => "application/json",
        };
        let within = |error: ParameterError| error.within(&payload.key);
        self.request.body = match (shape, value) {
            (Shape::Blob { .. } | Shape::String, Some(value)) => text(&value).into_owned().into_bytes(),
            (_, Some(value)) if self.is_xml() => {
                let name = &payload.wire_name;
                xml::element(self.service, shape, Some(payload), &value, name, None).map_err(within)?
            }
            (_, Some(value)) => {
                json::body(self.service, payload.shape, payload.timestamp_format, &value).map_err(within)?
            }
            (Shape::Structure(_), None) if !self.is_xml() => b"{}".to_vec(),
            (_, None) => Vec::new(),
        };
        if !self.request.body.is_empty() {
            self.set_content_type(content_type);
        }
        Ok(())
    }

    fn write_body(
        &mut self,
        operation: &Operation,
        input: ShapeId,
        structure: &Structure,
    ) -> Result<(), ParameterError> {
        let body = std::mem::take(&mut self.body);
        let has_body_members = structure.members.iter().any(|member| member.location == Location::Body);
        if self.is_xml() {
            if !body.is_empty() {
                let name = operation.input_element.as_deref().unwrap_or(&operation.name);
                let namespace = operation.input_namespace.as_deref();
                let shape = self.service.shape(input);
                self.request.body = xml::element(self.service, shape, None, &body.into(), name, namespace)?;
                self.set_content_type("application/xml");
            }
        } else if has_body_members {
            self.request.body = json::body(self.service, input, None, &body.into())?;
            self.set_content_type("application/json");
        }
        Ok(())
    }

    fn set_content_type(&mut self, content_type: &str) {
        if self.request.header("content-type").is_none() {
            self.request.set_header("Content-Type", content_type);
        }
    }

    fn path(&self, template: &str) -> Result<String, ParameterError> {
        let path = fill(template, |label| {
            let (name, is_greedy) = label.strip_suffix('+').map_or((label, false), |name| (name, true));
            let (_, value) = self.labels.iter().find(|(known, _)| *known == name)?;
            if !is_greedy {
                // An empty label would name the collection instead of one of its items.
                return (!value.is_empty()).then(|| percent(value));
            }
            let mut path = String::new();
            push_percent(&mut path, value, b"/");
            Some(path)
        })?;
        Ok(if path.is_empty() { "/".to_owned() } else { path })
    }
}

fn header(
    service: &Service,
    shape: &Shape,
    member: Option<&Member>,
    value: &Document,
) -> Result<String, ParameterError> {
    if member.is_some_and(|member| member.json_value) {
        return Ok(STANDARD.encode(value.to_json()));
    }
    match shape {
        Shape::List(list) => {
            let item = service.shape(list.item);
            let values = array(value)?.iter().filter(|value| !value.is_null());
            let values = values.map(|value| Ok(quoted(item, header(service, item, None, value)?)));
            Ok(values.collect::<Result<Vec<_>, _>>()?.join(","))
        }
        Shape::Blob { .. } => Ok(base64(value)),
        other => {
            let format = member.and_then(|member| member.timestamp_format);
            scalar(other, format, TimestampFormat::Rfc822, value)
        }
    }
}

/// Quotes an item of a list that would otherwise become two.
fn quoted(item: &Shape, text: String) -> String {
    if matches!(item, Shape::String) && text.contains([',', '"']) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text
    }
}
