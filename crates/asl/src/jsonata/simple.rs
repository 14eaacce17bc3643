//! Expressions that need no evaluator: `$states.input.total > 100`.
//!
//! Conditions and sums of paths and literals are most of what definitions say. Setting up the evaluator for one takes ten
//! times as long as the calculation, so they are calculated here, as long as all that they meet are numbers, texts and
//! booleans with which the operators have nothing to decide. In every other case there is no value from here, and
//! the evaluator says what it is, or what is wrong.

use super::{Bindings, Walk, convert, follow, plain_path};
use crate::document::{Document, Text};
use jsonata_core::ast::{AstNode, BinaryOp, UnaryOp};

/// How deep such an expression may be.
const DEPTH_MAX: usize = 16;

/// The longest text that is put together here; the evaluator counts how much there is.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// An expression of paths, literals and operators.
pub(super) enum Simple {
    Literal(Value),
    Path {
        variable: Text,
        keys: Vec<Text>,
    },
    Negated(Box<Simple>),
    Operation(BinaryOp, Box<[Simple; 2]>),
    /// A condition and what is chosen by it.
    Choice(Box<[Simple; 3]>),
}

/// What the evaluator would calculate with.
#[derive(Clone)]
pub(super) enum Value {
    Boolean(bool),
    Number(f64),
    Text(Text),
}

impl Simple {
    /// The expression, if it is one with something to calculate.
    pub(super) fn new(node: &AstNode) -> Option<Simple> {
        match Simple::within(node, DEPTH_MAX)? {
            Simple::Literal(_) | Simple::Path { .. } => None,
            simple => Some(simple),
        }
    }

    fn within(node: &AstNode, depth: usize) -> Option<Simple> {
        let depth = depth.checked_sub(1)?;
        let part = |node: &AstNode| Simple::within(node, depth);
        Some(match node {
            AstNode::String(text) => Simple::Literal(Value::Text(text.as_str().into())),
            AstNode::Number(number) => Simple::Literal(Value::Number(*number)),
            AstNode::Boolean(value) => Simple::Literal(Value::Boolean(*value)),
            AstNode::Binary { op, lhs, rhs } if is_known(*op) => {
                Simple::Operation(*op, Box::new([part(lhs)?, part(rhs)?]))
            }
            AstNode::Unary {
                op: UnaryOp::Negate,
                operand,
            } => Simple::Negated(Box::new(part(operand)?)),
            AstNode::Conditional {
                condition,
                then_branch,
                else_branch: Some(otherwise),
            } => Simple::Choice(Box::new([part(condition)?, part(then_branch)?, part(otherwise)?])),
            AstNode::Block(nodes) => match nodes.as_slice() {
                [only] => part(only)?,
                _ => return None,
            },
            node => {
                let (variable, keys) = plain_path(node)?;
                Simple::Path { variable, keys }
            }
        })
    }

    /// The value; none if the evaluator has to say.
    pub(super) fn evaluate(&self, bindings: &dyn Bindings) -> Option<Document> {
        Some(match self.value(bindings)? {
            Value::Boolean(value) => Document::Bool(value),
            Value::Number(number) => convert::number(number),
            Value::Text(text) => Document::String(text),
        })
    }

    fn value(&self, bindings: &dyn Bindings) -> Option<Value> {
        match self {
            Simple::Literal(value) => Some(value.clone()),
            Simple::Path { variable, keys } => match follow(variable, keys, bindings) {
                Walk::End(Some(Document::Bool(value))) => Some(Value::Boolean(value)),
                Walk::End(Some(Document::Number(number))) => Some(Value::Number(number.as_f64())),
                Walk::End(Some(Document::String(text))) => Some(Value::Text(text)),
                _ => None,
            },
            Simple::Negated(operand) => match operand.value(bindings)? {
                Value::Number(number) => Some(Value::Number(-number)),
                _ => None,
            },
            Simple::Operation(operator, operands) => {
                let [left, right] = &**operands;
                let (left, right) = (left.value(bindings)?, right.value(bindings)?);
                if let (Value::Text(left), Value::Text(right)) = (&left, &right) {
                    bindings.work(left.len().saturating_add(right.len()));
                }
                operation(*operator, left, right)
            }
            Simple::Choice(parts) => {
                let [condition, yes, no] = &**parts;
                match condition.value(bindings)? {
                    Value::Boolean(true) => yes.value(bindings),
                    Value::Boolean(false) => no.value(bindings),
                    _ => None,
                }
            }
        }
    }
}

fn is_known(operator: BinaryOp) -> bool {
    use BinaryOp::*;
    matches!(
        operator,
        Add | Subtract
            | Multiply
            | Divide
            | Modulo
            | Equal
            | NotEqual
            | LessThan
            | LessThanOrEqual
            | GreaterThan
            | GreaterThanOrEqual
            | And
            | Or
            | Concatenate
    )
}

fn operation(operator: BinaryOp, left: Value, right: Value) -> Option<Value> {
    use BinaryOp::*;
    // What is no number any more is an error, or a word: not from here.
    let finite = |number: f64| number.is_finite().then_some(Value::Number(number));
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => match operator {
            Add => finite(left + right),
            Subtract => finite(left - right),
            Multiply => finite(left * right),
            Divide => finite(left / right),
            Modulo => finite(left % right),
            Equal => Some(Value::Boolean(left == right)),
            NotEqual => Some(Value::Boolean(left != right)),
            LessThan => Some(Value::Boolean(left < right)),
            LessThanOrEqual => Some(Value::Boolean(left <= right)),
            GreaterThan => Some(Value::Boolean(left > right)),
            GreaterThanOrEqual => Some(Value::Boolean(left >= right)),
            _ => None,
        },
        (Value::Text(left), Value::Text(right)) => match operator {
            Equal => Some(Value::Boolean(left == right)),
            NotEqual => Some(Value::Boolean(left != right)),
            Concatenate if left.len() + right.len() <= TEXT_BYTES_MAX => {
                Some(Value::Text([&*left, &*right].concat().into()))
            }
            _ => None,
        },
        (Value::Boolean(left), Value::Boolean(right)) => match operator {
            Equal => Some(Value::Boolean(left == right)),
            NotEqual => Some(Value::Boolean(left != right)),
            And => Some(Value::Boolean(left && right)),
            Or => Some(Value::Boolean(left || right)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Jsonata;
    use super::super::plan::Shortcut;
    use super::super::tests::TestBindings;

    /// Whatever is calculated here, the evaluator says the same.
    #[test]
    fn values_are_those_of_the_evaluator() {
        let operands = [
            "$states.input.a",
            "$states.input.b",
            "$states.input.float",
            "$states.input.whole",
            "$states.input.huge",
            "$states.input.text",
            "$states.input.digits",
            "$states.input.yes",
            "$states.input.`null`",
            "$states.input.list",
            "$states.input.object",
            "$states.input.nothing",
            "$n",
            "$text",
            "$unassigned",
            "'text'",
            "-0.5",
            "0",
            "true",
            "(1 = 2)",
        ];
        let operators = [
            "+", "-", "*", "/", "%", "=", "!=", "<", "<=", ">", ">=", "and", "or", "&",
        ];
        let bindings = TestBindings::of(
            r#"{"input": {"a": 7, "b": -2, "float": 2.5, "whole": 3.0, "huge": 9007199254740993, "text": "text",
                "digits": "7", "yes": true, "null": null, "list": [1], "object": {"k": 1.0}}}"#,
        );
        let mut calculated = 0;
        let mut check = |expression: &str| {
            let parsed = Jsonata::parse(expression).unwrap();
            let plan = parsed.0.plan.as_ref().unwrap();
            let Some(Shortcut::Simple(simple)) = &plan.shortcut else {
                panic!("`{expression}` is not simple");
            };
            if let Some(value) = simple.evaluate(&bindings) {
                let expected = plan.evaluation.run(&bindings);
                assert_eq!(Ok(Some(value)), expected, "{expression}");
                calculated += 1;
            }
        };
        for left in operands {
            for right in operands {
                for operator in operators {
                    check(&format!("{left} {operator} {right}"));
                    check(&format!("-({left}) {operator} {right} = {left}"));
                }
                check(&format!("{left} = 7 ? {left} : {right}"));
            }
        }
        assert!(calculated > 1_000, "{calculated}");
    }

    #[test]
    fn other_expressions_are_left_to_the_evaluator() {
        for expression in [
            "$states.input.a",
            "5",
            "$sum($states.input.list) > 1",
            "[1] = 1",
            "$states.input.list[0] = 1",
            "1 in [1]",
            "$a := 1",
            "$random() < 1",
            "1 = 2 ? 3",
        ] {
            let parsed = Jsonata::parse(expression).unwrap();
            let plan = parsed.0.plan.as_ref().unwrap();
            assert!(!matches!(plan.shortcut, Some(Shortcut::Simple(_))), "{expression}");
        }
    }
}
