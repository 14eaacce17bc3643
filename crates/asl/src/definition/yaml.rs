//! YAML definitions, by the core schema of YAML 1.2: `yes` and `on` are text.

use super::{Member, Node, Substitutions, Value};
use crate::diagnostic::Span;
use crate::document::{DEPTH_MAX, Document, ParseError};
use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks};
use std::collections::HashMap;

/// How many values a definition may have once its aliases are expanded. The largest definition that Step
/// Functions takes is 1 MB, which holds fewer.
const NODES_MAX: usize = 1_000_000;

pub(super) fn parse(text: &str, substitutions: &mut Substitutions<'_>) -> Result<Node, ParseError> {
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        text,
        offsets: Offsets::of(text),
        substitutions,
        anchors: HashMap::new(),
        nodes: 0,
        deepest: 0,
    };
    loop {
        match builder.next()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (event, marks) => return builder.node(event, marks, 0),
        }
    }
}

struct Builder<'t, 's, 'v> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    text: &'t str,
    offsets: Offsets,
    substitutions: &'s mut Substitutions<'v>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    /// How deep the value that was read last reaches.
    deepest: u32,
}

/// A value that aliases stand for.
#[derive(Clone)]
struct Anchored {
    node: Node,
    nodes: usize,
    levels: u32,
}

impl<'t> Builder<'t, '_, '_> {
    fn next(&mut self) -> Result<(Event<'t>, Marks), ParseError> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.error(error.marker().index(), error.info())),
            None => Err(self.error(usize::MAX, "unexpected end of the YAML text")),
        }
    }

    fn error(&self, character: usize, message: &str) -> ParseError {
        let offset = self.offsets.byte(character);
        let (line, column) = crate::document::line_and_column(self.text, offset);
        ParseError {
            message: format!("Invalid YAML: {message}"),
            offset,
            line,
            column,
        }
    }

    fn span(&self, marks: Marks) -> Span {
        Span {
            start: self.offsets.byte(marks.start.index()),
            end: self.offsets.byte(marks.end.index()),
        }
    }

    fn count(&mut self, nodes: usize, marks: Marks) -> Result<(), ParseError> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            return Err(self.error(
                marks.start.index(),
                "the definition is too large once its aliases are expanded",
            ));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'t>, marks: Marks, depth: u32) -> Result<Node, ParseError> {
        let deepest_before = std::mem::replace(&mut self.deepest, 0);
        self.reach(depth, marks)?;
        let nodes_before = self.nodes;
        self.count(1, marks)?;
        let mut span = self.span(marks);
        let (anchor, value) = match event {
            Event::Alias(anchor) => {
                let Some(anchored) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.error(marks.start.index(), "an alias stands inside its own anchor"));
                };
                self.count(anchored.nodes, marks)?;
                self.reach(depth.saturating_add(anchored.levels), marks)?;
                self.deepest = self.deepest.max(deepest_before);
                return Ok(anchored.node);
            }
            Event::Scalar(text, style, anchor, _) => (anchor, self.scalar(&text, style, span)),
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, end) => {
                            span.end = self.span(end).end;
                            break (anchor, Value::Array(items));
                        }
                        (event, marks) => items.push(self.node(event, marks, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(anchor, _) => {
                let mut members = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, end) => {
                            span.end = self.span(end).end;
                            break (anchor, Value::Object(members));
                        }
                        (Event::Scalar(key, ..), marks) => {
                            let key_span = self.span(marks);
                            let key = self.substitutions.apply(&key, key_span);
                            let (event, marks) = self.next()?;
                            members.push(Member {
                                key,
                                key_span,
                                value: self.node(event, marks, depth + 1)?,
                            });
                        }
                        (_, marks) => return Err(self.error(marks.start.index(), "a key must be text")),
                    }
                }
            }
            _ => return Err(self.error(marks.start.index(), "expected one YAML document")),
        };
        let node = Node { span, value };
        if anchor != 0 {
            let anchored = Anchored {
                node: node.clone(),
                nodes: self.nodes - nodes_before,
                levels: self.deepest.saturating_sub(depth),
            };
            self.anchors.insert(anchor, anchored);
        }
        self.deepest = self.deepest.max(deepest_before);
        Ok(node)
    }

    /// Notes that a value is this deep in the definition.
    fn reach(&mut self, depth: u32, marks: Marks) -> Result<(), ParseError> {
        if depth > DEPTH_MAX {
            return Err(self.error(marks.start.index(), "too deeply nested"));
        }
        self.deepest = self.deepest.max(depth);
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Value {
        if style != ScalarStyle::Plain {
            return Value::String(self.substitutions.apply(text, span));
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Value::Null,
            "true" | "True" | "TRUE" => Value::Bool(true),
            "false" | "False" | "FALSE" => Value::Bool(false),
            _ => match Document::parse(text) {
                Ok(Document::Number(number)) => Value::Number(number),
                _ => Value::String(self.substitutions.apply(text, span)),
            },
        }
    }
}

/// Byte offsets of the characters that the YAML parser counts.
struct Offsets(Option<Vec<usize>>);

impl Offsets {
    fn of(text: &str) -> Offsets {
        Offsets((!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()))
    }

    fn byte(&self, character: usize) -> usize {
        match &self.0 {
            None => character,
            Some(offsets) => offsets.get(character).or(offsets.last()).copied().unwrap_or(character),
        }
    }
}
