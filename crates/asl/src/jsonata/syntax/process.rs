//! Errors that JSONata finds only after it has read all of an expression.

use super::token::{Token, TokenKind};
use super::{Kind, Node, Outcome, SyntaxError};

/// What a part of an expression has become, as far as errors depend on it.
struct Part {
    token: Token,
    kind: PartKind,
    /// The steps, if this is a path.
    steps: Vec<Part>,
    has_filter: bool,
    has_group: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PartKind {
    Path,
    /// A number, or one of `true`, `false` and `null`, which cannot be steps of a path.
    Literal,
    Sort,
    Other,
}

impl Part {
    fn new(kind: PartKind, token: Token) -> Part {
        Part {
            token,
            kind,
            steps: Vec::new(),
            has_filter: false,
            has_group: false,
        }
    }

    fn into_path(self) -> Part {
        if self.kind == PartKind::Path {
            return self;
        }
        Part {
            steps: vec![self],
            ..Part::new(PartKind::Path, Token::end(0))
        }
    }

    /// What a filter applies to.
    fn last_step(&mut self) -> &mut Part {
        match self.steps.is_empty() {
            true => self,
            false => {
                let last = self.steps.len() - 1;
                // The first branch has no steps, so there is a last one.
                #[expect(clippy::indexing_slicing, reason = "the list is not empty")]
                &mut self.steps[last]
            }
        }
    }
}

fn error<T>(code: &'static str, message: impl Into<String>, offset: usize) -> Outcome<T> {
    Err(SyntaxError {
        code,
        message: message.into(),
        offset,
    })
}

pub(super) fn process(node: Node) -> Outcome<()> {
    part(node).map(drop)
}

fn part(node: Node) -> Outcome<Part> {
    let Node { kind, token, parts, .. } = node;
    match kind {
        Kind::Token => leaf(token),
        Kind::Binary => binary(token, parts),
        Kind::Unary => {
            let mut kind = PartKind::Other;
            let mut literal = token;
            for operand in parts {
                let operand = part(operand)?;
                if operand.token.kind == TokenKind::Number && operand.kind == PartKind::Literal {
                    // A minus belongs to the number after it.
                    kind = PartKind::Literal;
                    literal = operand.token;
                    literal.text.insert(0, '-');
                }
            }
            Ok(Part::new(kind, literal))
        }
        Kind::Function | Kind::Other => {
            for child in parts {
                part(child)?;
            }
            Ok(Part::new(PartKind::Other, token))
        }
    }
}

fn leaf(token: Token) -> Outcome<Part> {
    match token.kind {
        TokenKind::End => error("S0207", "Unexpected end of expression", token.offset),
        TokenKind::Number | TokenKind::Value => Ok(Part::new(PartKind::Literal, token)),
        TokenKind::Name => Ok(Part::new(PartKind::Other, token).into_path()),
        TokenKind::Operator if matches!(token.text.as_str(), "and" | "or" | "in") => {
            Ok(Part::new(PartKind::Other, token).into_path())
        }
        _ => Ok(Part::new(PartKind::Other, token)),
    }
}

fn binary(operator: Token, parts: Vec<Node>) -> Outcome<Part> {
    let mut parts = parts.into_iter();
    let left = match parts.next() {
        Some(left) => part(left)?,
        None => return Ok(Part::new(PartKind::Other, operator)),
    };
    match operator.text.as_str() {
        "." => {
            let mut path = left.into_path();
            for right in parts {
                let right = part(right)?;
                match right.kind {
                    PartKind::Path => path.steps.extend(right.steps),
                    _ => path.steps.push(right),
                }
            }
            match path.steps.iter().find(|step| step.kind == PartKind::Literal) {
                Some(literal) => error(
                    "S0213",
                    format!(
                        "The literal value {} cannot be used as a step within a path expression",
                        literal.token.json()
                    ),
                    literal.token.offset,
                ),
                None => Ok(path),
            }
        }
        "[" => {
            let mut result = left;
            let step = result.last_step();
            if step.has_group {
                return error(
                    "S0209",
                    "A predicate cannot follow a grouping expression in a step",
                    operator.offset,
                );
            }
            step.has_filter = true;
            parts.try_for_each(super::process::process)?;
            Ok(result)
        }
        "{" => {
            let mut result = left;
            if result.has_group {
                return error(
                    "S0210",
                    "Each step can only have one grouping expression",
                    operator.offset,
                );
            }
            parts.try_for_each(super::process::process)?;
            result.has_group = true;
            Ok(result)
        }
        "^" => {
            let mut result = left.into_path();
            parts.try_for_each(super::process::process)?;
            result.steps.push(Part::new(PartKind::Sort, operator));
            Ok(result)
        }
        "@" => {
            let mut result = left;
            let step = result.last_step();
            if step.has_filter {
                return error(
                    "S0215",
                    "A context variable binding must precede any predicates on a step",
                    operator.offset,
                );
            }
            if step.kind == PartKind::Sort {
                return error(
                    "S0216",
                    "A context variable binding must precede the 'order-by' clause on a step",
                    operator.offset,
                );
            }
            Ok(result)
        }
        "#" => Ok(left.into_path()),
        _ => {
            parts.try_for_each(super::process::process)?;
            Ok(Part::new(PartKind::Other, operator))
        }
    }
}
