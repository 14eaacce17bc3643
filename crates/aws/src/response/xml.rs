//! XML bodies.

use super::value::from_text;
use super::{DEPTH_MAX, MalformedAnswer};
use crate::model::{Map, Member, Operation, Service, Shape, ShapeId};
use expressway_asl::Document;
use expressway_asl::document::Object;
use roxmltree::{Node, ParsingOptions};

/// The most elements and texts of an answer.
const NODES_MAX: u32 = 1_000_000;

pub(super) fn body(
    service: &Service,
    operation: &Operation,
    output: ShapeId,
    body: &[u8],
) -> Result<Document, MalformedAnswer> {
    with_root(body, |root| match &operation.result_wrapper {
        None => from_element(service, output, root, 0),
        Some(wrapper) => match child(root, wrapper) {
            Some(wrapper) => from_element(service, output, wrapper, 0),
            None => Ok(Document::Null),
        },
    })
    .map(Option::unwrap_or_default)
}

/// What `read` makes of the root element; nothing if there is no text.
pub(super) fn with_root<T>(
    body: &[u8],
    read: impl FnOnce(Node<'_, '_>) -> Result<T, MalformedAnswer>,
) -> Result<Option<T>, MalformedAnswer> {
    let text = std::str::from_utf8(body).map_err(MalformedAnswer::new)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    // Document types, and with them entities that grow, are not allowed.
    let options = ParsingOptions {
        nodes_limit: NODES_MAX,
        ..ParsingOptions::default()
    };
    let document = roxmltree::Document::parse_with_options(text, options).map_err(MalformedAnswer::new)?;
    read(document.root_element()).map(Some)
}

/// Whether a body is the one of S3's errors.
pub(super) fn is_error(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let start = match start.strip_prefix(b"<?xml") {
        Some(declaration) => {
            let end = declaration.windows(2).position(|window| window == b"?>");
            end.and_then(|end| declaration.get(end + 2..)).unwrap_or_default()
        }
        None => start,
    };
    start.trim_ascii_start().starts_with(b"<Error>")
}

pub(super) fn is_named(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

pub(super) fn child<'n, 'i>(node: Node<'n, 'i>, name: &str) -> Option<Node<'n, 'i>> {
    node.children().find(|child| is_named(*child, name))
}

pub(super) fn text(node: Node<'_, '_>) -> String {
    node.children().filter_map(|child| child.text()).collect()
}

/// The value in an element.
pub(super) fn from_element(
    service: &Service,
    shape: ShapeId,
    node: Node<'_, '_>,
    depth: u32,
) -> Result<Document, MalformedAnswer> {
    if depth > DEPTH_MAX {
        return Err(MalformedAnswer::too_deep());
    }
    match service.shape(shape) {
        Shape::Structure(structure) => {
            let mut result = Object::new();
            for member in structure.members.iter().filter(|member| member.is_in_answer_body()) {
                if let Some(value) = member_of(service, member, node, depth)? {
                    result.insert(member.key.clone(), value);
                }
            }
            Ok(result.into())
        }
        Shape::List(list) => {
            let is_item = |node: &Node<'_, '_>| match &list.item_name {
                Some(name) => is_named(*node, name),
                None => is_named(*node, "member") || is_named(*node, "item"),
            };
            let items = node.children().filter(is_item);
            let items = items.map(|item| from_element(service, list.item, item, depth + 1));
            Ok(items.collect::<Result<Vec<_>, _>>()?.into())
        }
        Shape::Map(map) => {
            let entries = node.children().filter(|child| is_named(*child, "entry"));
            from_entries(service, map, entries, depth)
        }
        scalar => Ok(from_text(scalar, &text(node))),
    }
}

fn member_of(
    service: &Service,
    member: &Member,
    node: Node<'_, '_>,
    depth: u32,
) -> Result<Option<Document>, MalformedAnswer> {
    let name = &*member.wire_name;
    if member.xml_attribute {
        let local = name.rsplit(':').next().unwrap_or(name);
        let attribute = node.attributes().find(|attribute| attribute.name() == local);
        return Ok(attribute.map(|attribute| attribute.value().into()));
    }
    let named = |name: &str| -> Vec<Node<'_, '_>> { node.children().filter(|child| is_named(*child, name)).collect() };
    match service.shape(member.shape) {
        Shape::List(list) if list.flattened || member.flattened => {
            let mut items = list.item_name.as_deref().map(named).unwrap_or_default();
            if items.is_empty() {
                items = named(name);
            }
            let items = items
                .into_iter()
                .map(|item| from_element(service, list.item, item, depth + 1));
            let items = items.collect::<Result<Vec<_>, _>>()?;
            Ok(Some(items).filter(|items| !items.is_empty()).map(Document::from))
        }
        Shape::Map(map) if map.flattened || member.flattened => {
            let entries = named(name);
            if entries.is_empty() {
                return Ok(None);
            }
            from_entries(service, map, entries.into_iter(), depth).map(Some)
        }
        _ => {
            let element = child(node, name);
            element
                .map(|element| from_element(service, member.shape, element, depth + 1))
                .transpose()
        }
    }
}

fn from_entries<'n, 'i: 'n>(
    service: &Service,
    map: &Map,
    entries: impl Iterator<Item = Node<'n, 'i>>,
    depth: u32,
) -> Result<Document, MalformedAnswer> {
    let mut result = Object::new();
    for entry in entries {
        let key = child(entry, map.key_name.as_deref().unwrap_or("key")).map(text);
        if let Some(value) = child(entry, map.value_name.as_deref().unwrap_or("value")) {
            let value = from_element(service, map.value, value, depth + 1)?;
            result.insert(key.unwrap_or_default(), value);
        }
    }
    Ok(result.into())
}
