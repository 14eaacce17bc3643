//! Payload templates: `Parameters`, `ItemSelector`, `ResultSelector`, `Credentials` and `Assign`.
//!
//! A template is the JSON of the definition, in which the value of each key that ends in `.$` is a path or
//! the call of an intrinsic function. What holds no such key is kept as one document and shared with every
//! result; only the containers around the expressions are built anew.

mod expression;

use crate::document::{Document, Object, Text};
use crate::path::Path;
use crate::scope::Scope;
use crate::work;
use std::fmt::Write;

pub use expression::{EvaluationError, Expression};

/// A compiled payload template.
#[derive(Clone, Debug)]
pub struct Template {
    root: Node,
}

#[derive(Clone, Debug)]
enum Node {
    /// A part without any expression.
    Constant(Document),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Clone, Debug)]
struct Member {
    /// The key in the result.
    key: Text,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Node(Node),
    /// The key as written, with `.$`, and the expression.
    Expression(Text, Expression),
}

/// One thing that is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// JSON Pointer to the place within the template.
    pub pointer: String,
    /// What is wrong, in the words of the service as far as they are known.
    pub message: String,
    /// What exactly is wrong with an expression.
    pub help: Option<String>,
}

const SUFFIX: &str = ".$";

impl Template {
    /// Compiles a template from the JSON of a definition.
    ///
    /// # Errors
    /// All expressions that cannot be parsed and all keys that are given twice, with and without `.$`.
    pub fn compile(definition: &Document) -> Result<Template, Vec<TemplateError>> {
        let mut compiler = Compiler::default();
        let root = compiler.node(definition);
        match compiler.errors.is_empty() {
            true => Ok(Template { root }),
            false => Err(compiler.errors),
        }
    }

    /// Hands over every path in the template.
    pub fn visit_paths(&self, visit: &mut dyn FnMut(&Path)) {
        self.root.visit_paths(visit);
    }

    /// The template with the values of its expressions.
    ///
    /// # Errors
    /// The first expression that has no value.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Document, EvaluationError> {
        self.root.evaluate(scope)
    }
}

impl Node {
    fn evaluate(&self, scope: &dyn Scope) -> Result<Document, EvaluationError> {
        match self {
            // Shared with the definition, not copied.
            Node::Constant(document) => Ok(document.clone()),
            Node::Array(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| item.evaluate(scope))
                    .collect::<Result<_, _>>()?;
                Ok(items.into())
            }
            Node::Object(members) => {
                let mut object = Object::with_capacity(members.len());
                let mut texts = 0;
                for member in members {
                    let value = match &member.value {
                        Value::Node(node) => node.evaluate(scope)?,
                        Value::Expression(field, expression) => expression.evaluate(scope, field)?,
                    };
                    if let Document::String(text) = &value {
                        texts += text.len();
                    }
                    object.insert(Text::clone(&member.key), value);
                }
                match scope.work(texts + members.len() * work::MEMBER) {
                    true => Ok(object.into()),
                    false => Err(EvaluationError::out_of_time()),
                }
            }
        }
    }

    fn visit_paths(&self, visit: &mut dyn FnMut(&Path)) {
        match self {
            Node::Constant(_) => {}
            Node::Array(items) => items.iter().for_each(|item| item.visit_paths(visit)),
            Node::Object(members) => {
                for member in members {
                    match &member.value {
                        Value::Node(node) => node.visit_paths(visit),
                        Value::Expression(_, expression) => expression.visit_paths(visit),
                    }
                }
            }
        }
    }

    fn is_constant(&self) -> bool {
        matches!(self, Node::Constant(_))
    }
}

#[derive(Default)]
struct Compiler {
    /// JSON Pointer to where the compiler is.
    pointer: String,
    errors: Vec<TemplateError>,
}

impl Compiler {
    fn node(&mut self, definition: &Document) -> Node {
        match definition {
            Document::Array(array) => {
                let items: Vec<_> = array
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.within(&index.to_string(), |compiler| compiler.node(item)))
                    .collect();
                match items.iter().all(Node::is_constant) {
                    true => Node::Constant(definition.clone()),
                    false => Node::Array(items),
                }
            }
            Document::Object(object) => {
                let members: Vec<_> = object
                    .iter()
                    .filter_map(|(key, value)| self.within(key, |compiler| compiler.member(object, key, value)))
                    .collect();
                let is_constant = |member: &Member| matches!(&member.value, Value::Node(node) if node.is_constant());
                match members.iter().all(is_constant) {
                    true => Node::Constant(definition.clone()),
                    false => Node::Object(members),
                }
            }
            scalar => Node::Constant(scalar.clone()),
        }
    }

    fn member(&mut self, object: &Object, key: &Text, value: &Document) -> Option<Member> {
        let Some(name) = key.strip_suffix(SUFFIX) else {
            return Some(Member {
                key: Text::clone(key),
                value: Value::Node(self.node(value)),
            });
        };
        if object.contains_key(name) {
            self.error(
                format!("The field '{name}' is given twice, as '{name}' and as '{key}'"),
                None,
            );
            return None;
        }
        match expression(value) {
            Ok(expression) => Some(Member {
                key: name.into(),
                value: Value::Expression(Text::clone(key), expression),
            }),
            Err(help) => {
                let message = format!(
                    "The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
                );
                self.error(message, Some(help));
                None
            }
        }
    }

    /// Compiles what `step` leads to.
    fn within<T>(&mut self, step: &str, compile: impl FnOnce(&mut Compiler) -> T) -> T {
        let length = self.pointer.len();
        // Writing to a string cannot fail.
        let _ = write!(self.pointer, "/{}", step.replace('~', "~0").replace('/', "~1"));
        let compiled = compile(self);
        self.pointer.truncate(length);
        compiled
    }

    fn error(&mut self, message: String, help: Option<String>) {
        self.errors.push(TemplateError {
            pointer: self.pointer.clone(),
            message,
            help,
        });
    }
}

fn expression(value: &Document) -> Result<Expression, String> {
    match value.as_str() {
        Some(text) => Expression::parse(text).map_err(|error| error.to_string()),
        None => Err(format!("expected a string, not {}", value.kind())),
    }
}

#[cfg(test)]
mod tests;
