//! JSON definitions.

use super::{Member, Node, Substitutions, Value};
use crate::diagnostic::Span;
use crate::document::{DEPTH_MAX, Document, ParseError, Reader, Start};

pub(super) fn parse(text: &str, substitutions: &mut Substitutions<'_>) -> Result<Node, ParseError> {
    let mut reader = Reader::new(text);
    reader.skip_white_space();
    let node = node(&mut reader, substitutions, 0)?;
    reader.end()?;
    Ok(node)
}

fn node(reader: &mut Reader<'_>, substitutions: &mut Substitutions<'_>, depth: u32) -> Result<Node, ParseError> {
    let start = reader.offset();
    if let Some(name) = reader.placeholder() {
        let span = Span {
            start,
            end: reader.offset(),
        };
        return bare_placeholder(name, span, reader, substitutions, depth);
    }
    let value = match reader.start(depth)? {
        Start::Scalar(Document::String(text)) => Value::String(substitutions.apply(
            &text,
            Span {
                start,
                end: reader.offset(),
            },
        )),
        Start::Scalar(Document::Number(number)) => Value::Number(number),
        Start::Scalar(Document::Bool(value)) => Value::Bool(value),
        Start::Scalar(_) => Value::Null,
        Start::Array => {
            let mut items = Vec::new();
            while reader.more_items(b']', items.is_empty())? {
                items.push(node(reader, substitutions, depth + 1)?);
            }
            Value::Array(items)
        }
        Start::Object => {
            let mut members: Vec<Member> = Vec::new();
            while reader.more_items(b'}', members.is_empty())? {
                let start = reader.offset();
                let key = reader.key()?;
                let key_span = Span {
                    start,
                    end: start + key.len() + 2,
                };
                members.push(Member {
                    key: substitutions.apply(&key, key_span),
                    key_span,
                    value: node(reader, substitutions, depth + 1)?,
                });
            }
            Value::Object(members)
        }
    };
    Ok(Node {
        span: Span {
            start,
            end: reader.offset(),
        },
        value,
    })
}

/// A `${Name}` outside a string stands for JSON: `"MaxConcurrency": ${Limit}`.
fn bare_placeholder(
    name: &str,
    span: Span,
    reader: &Reader<'_>,
    substitutions: &mut Substitutions<'_>,
    depth: u32,
) -> Result<Node, ParseError> {
    let Some(text) = substitutions.values.get(name) else {
        return Err(reader.error(format!("The substitution '${{{name}}}' has no value")));
    };
    let document = Document::parse(text).map_err(|error| {
        reader.error(format!(
            "The value of the substitution '${{{name}}}' is not JSON: {error}"
        ))
    })?;
    if document.depth().saturating_add(depth) > DEPTH_MAX {
        return Err(reader.error(format!(
            "Document nesting depth exceeds the maximum allowed ({DEPTH_MAX}) with the value of '${{{name}}}'"
        )));
    }
    Ok(at(span, &document))
}

/// A tree whose parts all stand at the same place.
fn at(span: Span, document: &Document) -> Node {
    let value = match document {
        Document::Null => Value::Null,
        Document::Bool(value) => Value::Bool(*value),
        Document::Number(number) => Value::Number(number.clone()),
        Document::String(text) => Value::String(text.clone()),
        Document::Array(items) => Value::Array(items.iter().map(|item| at(span, item)).collect()),
        Document::Object(object) => Value::Object(
            object
                .iter()
                .map(|(key, value)| Member {
                    key: key.clone(),
                    key_span: span,
                    value: at(span, value),
                })
                .collect(),
        ),
        // What was parsed holds none; as in any text, the pointer would stand for it.
        Document::Reference(reference) => Value::String(reference.pointer().into()),
    };
    Node { span, value }
}
