//! JSONata in fields: which strings are expressions, and what they may refer to.

use super::Compiler;
use super::place::Place;
use crate::definition::Value;
use crate::diagnostic::Code;
use crate::document::{Document, Text};
use crate::jsonata::{Jsonata, expression_text};
use crate::query::{Node, Query};

/// What `$states` holds where a field is evaluated, besides `input` and `context`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserved {
    /// Nothing more.
    Input,
    /// `$states.result`.
    Result,
    /// `$states.errorOutput`.
    ErrorOutput,
}

impl Compiler {
    /// A field whose strings, at any depth, may be expressions. `within` is the way to the field's object inside
    /// the state, such as `Choices[0]/`.
    pub(super) fn query(&mut self, place: &Place<'_>, within: &str, reserved: Reserved) -> Option<Query> {
        let location = format!("{within}{}", place.name());
        self.node(place, &location, reserved).map(|node| Query { node })
    }

    fn node(&mut self, place: &Place<'_>, location: &str, reserved: Reserved) -> Option<Node> {
        match &place.node.value {
            Value::String(text) => self.string(place, text, location, reserved),
            Value::Array(_) => {
                let items: Vec<_> = place
                    .items()?
                    .enumerate()
                    .map(|(index, item)| self.node(&item, &format!("{location}[{index}]"), reserved))
                    .collect();
                let items = items.into_iter().collect::<Option<Vec<_>>>()?;
                Some(match items.iter().all(is_constant) {
                    true => Node::Constant(place.node.to_document()),
                    false => Node::Array(items),
                })
            }
            Value::Object(members) => {
                let nodes: Vec<_> = members
                    .iter()
                    .map(|member| {
                        let value = self.node(&place.at(member), &format!("{location}/{}", member.key), reserved)?;
                        Some((Text::clone(&member.key), value))
                    })
                    .collect();
                let nodes = nodes.into_iter().collect::<Option<Vec<_>>>()?;
                Some(match nodes.iter().all(|(_, node)| is_constant(node)) {
                    true => Node::Constant(place.node.to_document()),
                    false => Node::Object(nodes),
                })
            }
            _ => Some(Node::Constant(place.node.to_document())),
        }
    }

    fn string(&mut self, place: &Place<'_>, text: &Text, location: &str, reserved: Reserved) -> Option<Node> {
        let expression = match expression_text(text) {
            Ok(None) => return Some(Node::Constant(Document::String(Text::clone(text)))),
            Ok(Some(expression)) => expression,
            Err(half_open) => {
                self.error(place, Code::InvalidJsonataExpression, half_open.to_string());
                return None;
            }
        };
        let expression = match Jsonata::parse(expression) {
            Ok(expression) => expression,
            Err(error) => {
                self.error(place, Code::InvalidJsonataExpression, error.message);
                return None;
            }
        };
        self.check_references(place, &expression, reserved)
            .then(|| Node::Expression {
                expression,
                location: location.into(),
            })
    }

    fn check_references(&mut self, place: &Place<'_>, expression: &Jsonata, reserved: Reserved) -> bool {
        let references = expression.references();
        let mut problems: Vec<(Code, String)> = Vec::new();
        let unsupported = Code::UnsupportedJsonataExpression;
        for name in &references.top_level {
            problems.push((
                unsupported,
                format!("Reference to '{name}' at the top level is not supported."),
            ));
        }
        if references.names_root {
            problems.push((unsupported, "Reference to '$$' is not supported.".to_owned()));
        }
        for pattern in &references.unsupported_patterns {
            problems.push((
                Code::NotSupported,
                format!("The regular expression {pattern} looks around or refers back, which is not supported"),
            ));
        }
        for states in &references.states {
            match states.member.as_deref() {
                None | Some("input" | "context") => {}
                Some("result") if reserved == Reserved::Result => {}
                Some("errorOutput") if reserved == Reserved::ErrorOutput => {}
                Some(member) => {
                    problems.push((
                        unsupported,
                        format!("Reference to '$states.{member}' is not supported here."),
                    ));
                }
            }
        }
        for name in &references.variables {
            self.check_variable(place, name);
        }
        for name in &references.functions {
            self.function_or_variable(name);
        }
        let is_fine = problems.is_empty();
        for (code, message) in problems {
            self.error(place, code, message);
        }
        is_fine
    }
}

fn is_constant(node: &Node) -> bool {
    matches!(node, Node::Constant(_))
}
