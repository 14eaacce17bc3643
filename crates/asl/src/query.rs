//! Values of JSONata states: JSON in which any string may be an expression.
//!
//! `Arguments`, `Output`, `Assign`, `ItemSelector` and single fields such as `Seconds` all are queries. What
//! holds no expression is kept as one document and shared with every result.

use crate::document::{Document, Object, Text};
use crate::jsonata::{Bindings, Jsonata};
use crate::resolve::surface;
use crate::work;

/// A compiled value with expressions in it.
#[derive(Clone, Debug)]
pub struct Query {
    pub(crate) node: Node,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A part without any expression.
    Constant(Document),
    Array(Vec<Node>),
    Object(Vec<(Text, Node)>),
    Expression {
        expression: Jsonata,
        /// Where it stands, as the service writes it: `Output/items[0]/name`.
        location: Text,
    },
}

/// Why a query has no value; always `States.QueryEvaluationError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// What happened, in the words of the service, without the state.
    pub detail: String,
    /// The field, as `EvaluationFailed` events show it; none if no field is at fault.
    pub location: Option<Text>,
}

impl Query {
    /// The value of the query.
    ///
    /// # Errors
    /// The first expression that fails or gives nothing.
    pub fn evaluate(&self, bindings: &dyn Bindings) -> Result<Document, QueryError> {
        self.node.evaluate(bindings)
    }

    /// The value, which must be of some kind.
    ///
    /// # Errors
    /// As [`Query::evaluate`], and when `accept` refuses the value: then `expected` is named.
    ///
    /// # Source
    /// Recorded: `*map_state_items_eval_jsonata_fail*`.
    pub fn evaluate_as<T>(
        &self,
        bindings: &dyn Bindings,
        expected: &str,
        accept: impl FnOnce(&Document) -> Option<T>,
    ) -> Result<T, QueryError> {
        let value = surface(self.evaluate(bindings)?, bindings);
        accept(&value).ok_or_else(|| {
            let (text, location) = self.node.first_expression();
            let detail = format!(
                "The JSONata expression '{text}' specified for the field '{location}' returned an unexpected result \
                 type. Expected '{expected}', but was '{}' for value: {value}",
                value.kind()
            );
            QueryError {
                detail,
                location: Some(location),
            }
        })
    }

    /// The value, if there is no expression in it.
    pub fn constant(&self) -> Option<&Document> {
        match &self.node {
            Node::Constant(document) => Some(document),
            _ => None,
        }
    }

    /// Whether any expression looks at the context object.
    pub fn uses_context(&self) -> bool {
        let mut found = false;
        self.visit(&mut |expression| {
            let states = &expression.references().states;
            found |= states
                .iter()
                .any(|states| states.member.as_deref().is_none_or(|member| member == "context"));
        });
        found
    }

    /// Shows every expression.
    pub fn visit(&self, visit: &mut dyn FnMut(&Jsonata)) {
        self.node.visit(visit);
    }
}

impl Node {
    fn evaluate(&self, bindings: &dyn Bindings) -> Result<Document, QueryError> {
        match self {
            Node::Constant(document) => Ok(document.clone()),
            Node::Array(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| item.evaluate(bindings)).collect();
                Ok(items?.into())
            }
            Node::Object(members) => {
                let mut object = Object::with_capacity(members.len());
                for (key, value) in members {
                    object.insert(Text::clone(key), value.evaluate(bindings)?);
                }
                Ok(object.into())
            }
            Node::Expression { expression, location } => match expression.evaluate(bindings) {
                Ok(Some(value)) if bindings.work(work::surface(&value)) => Ok(value),
                Ok(Some(_)) => Err(QueryError {
                    detail: "the execution reached its time limit".to_owned(),
                    location: None,
                }),
                Ok(None) => Err(QueryError {
                    detail: format!(
                        "The JSONata expression '{expression}' specified for the field '{location}' returned nothing \
                         (undefined)."
                    ),
                    location: Some(Text::clone(location)),
                }),
                Err(failure) => Err(QueryError {
                    detail: failure.cause(expression.text(), location),
                    location: Some(Text::clone(location)),
                }),
            },
        }
    }

    fn first_expression(&self) -> (Text, Text) {
        match self {
            Node::Expression { expression, location } => (Text::clone(expression.text()), Text::clone(location)),
            _ => ("".into(), "".into()),
        }
    }

    fn visit(&self, visit: &mut dyn FnMut(&Jsonata)) {
        match self {
            Node::Constant(_) => {}
            Node::Array(items) => items.iter().for_each(|item| item.visit(visit)),
            Node::Object(members) => members.iter().for_each(|(_, value)| value.visit(visit)),
            Node::Expression { expression, .. } => visit(expression),
        }
    }
}
