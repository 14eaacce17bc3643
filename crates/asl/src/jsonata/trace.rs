//! Finds out what failed, for messages that name it.
//!
//! The evaluator's messages often leave out which function or operator failed, and with which values. So an
//! evaluation that failed is repeated with an expression that records each operation before it is done; what
//! was recorded last is what failed. Nobody pays for this but expressions that fail.

use super::functions::Surroundings;
use super::guard::function_of;
use super::tree::{call, change_children};
use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::EvaluatorError;
use jsonata_core::value::JValue;
use std::cell::RefCell;

/// The operations that have begun and not ended.
#[derive(Default)]
pub(super) struct Recorder(RefCell<Vec<Operation>>);

struct Operation {
    site: f64,
    name: String,
    operands: Vec<(usize, JValue)>,
}

/// The operation that an evaluation failed in; empty if it is not known.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// The name of a function, or an operator.
    name: Option<String>,
    /// The operator that errors are said to be of, when it is not the one that failed: `and` and `or` put
    /// their own name on what fails to their right.
    said_to_be: Option<String>,
    /// JSON texts of its operands.
    operands: Vec<Option<String>>,
}

/// The operand of `and` and `or` that says that the right side is being evaluated.
const RIGHT_SIDE: usize = 1;

/// How many operands are kept: enough for every function, and for the values of a sort.
const OPERANDS_MAX: usize = 1_000;

impl Recorder {
    pub(super) fn trace(&self) -> Trace {
        let operations = self.0.borrow();
        let is_open = |operation: &&Operation| {
            matches!(operation.name.as_str(), "and" | "or")
                && operation.operands.last().is_some_and(|(place, _)| *place == RIGHT_SIDE)
        };
        let said_to_be = operations.iter().find(is_open).map(|operation| operation.name.clone());
        let Some(last) = operations.iter().rev().find(|operation| !is_open(operation)) else {
            return Trace {
                said_to_be,
                ..Trace::default()
            };
        };
        let operands = match last.name.as_str() {
            "^" => first_unlike(&last.operands),
            _ => (0..4).map(|place| operand(last, place).map(json)).collect(),
        };
        Trace {
            name: Some(last.name.clone()),
            said_to_be,
            operands,
        }
    }
}

fn operand(operation: &Operation, place: usize) -> Option<&JValue> {
    let mut operands = operation.operands.iter();
    operands.find(|(at, _)| *at == place).map(|(_, value)| value)
}

/// The first two values in a sort that cannot be compared.
fn first_unlike(operands: &[(usize, JValue)]) -> Vec<Option<String>> {
    let kind = |value: &JValue| std::mem::discriminant(value);
    let mut pairs = operands.iter().zip(operands.iter().skip(1));
    match pairs.find(|((_, left), (_, right))| kind(left) != kind(right)) {
        Some(((_, left), (_, right))) => vec![Some(json(left)), Some(json(right))],
        None => Vec::new(),
    }
}

/// The value as JavaScript writes it into messages.
fn json(value: &JValue) -> String {
    match value {
        JValue::Undefined => "undefined".to_owned(),
        JValue::Number(number) if !number.is_finite() => "null".to_owned(),
        value => value.to_json_string().unwrap_or_default(),
    }
}

/// `trace(site, name, place, operand)` gives the operand back.
pub(super) fn record(arguments: &[JValue], surroundings: &Surroundings) -> Result<JValue, EvaluatorError> {
    let [
        ..,
        JValue::Number(site),
        JValue::String(name),
        JValue::Number(place),
        operand,
    ] = arguments
    else {
        return Ok(JValue::Undefined);
    };
    let mut operations = surroundings.trace.0.borrow_mut();
    let is_first = *place == 0.0;
    let has_begun = !is_first || &**name == "^" && operations.iter().any(|operation| operation.site == *site);
    if has_begun {
        // What was recorded since the first operand has ended.
        while operations.last().is_some_and(|last| last.site != *site) {
            operations.pop();
        }
    }
    let operand = operand.clone();
    let recorded = (*place as usize, operand.clone());
    match operations.last_mut() {
        Some(last) if has_begun => {
            if last.operands.len() < OPERANDS_MAX {
                last.operands.push(recorded);
            }
        }
        _ => operations.push(Operation {
            site: *site,
            name: name.to_string(),
            operands: vec![recorded],
        }),
    }
    Ok(operand)
}

/// The expression with a record of each operation.
pub(super) fn traced(mut node: AstNode) -> AstNode {
    let mut sites = 0.0;
    rewrite(&mut node, &mut sites);
    node
}

fn rewrite(node: &mut AstNode, sites: &mut f64) {
    if let AstNode::Variable(name) = node
        && matches!(super::builtins::parameters(name), Some(1..=3))
    {
        // Called by another function, it records its arguments as well.
        *node = function_of(name, |name, _| name.to_owned());
    }
    change_children(node, &mut |child| rewrite(child, sites));
    *sites += 1.0;
    let site = *sites;
    match node {
        AstNode::Binary { op, lhs, rhs } => match op {
            BinaryOp::And | BinaryOp::Or => {
                let name = if *op == BinaryOp::And { "and" } else { "or" };
                wrap(lhs, site, name, 0);
                // The arguments of a call are evaluated in order: first the mark, then what is to the right.
                let mut mark = AstNode::Null;
                wrap(&mut mark, site, name, RIGHT_SIDE);
                wrap(rhs, site, name, RIGHT_SIDE + 1);
                if let AstNode::Function { args, .. } = &mut **rhs {
                    args.insert(0, mark);
                }
            }
            op => {
                if let Some(name) = operator(*op) {
                    wrap(lhs, site, name, 0);
                    wrap(rhs, site, name, 1);
                }
            }
        },
        AstNode::Unary { operand, .. } => wrap(operand, site, "-", 0),
        AstNode::Function { name, args, .. } if !name.contains(' ') => {
            let places = (0..).zip(args);
            places.for_each(|(place, arg)| wrap(arg, site, name, place));
        }
        AstNode::Object(members) => {
            for (key, _) in members {
                wrap(key, site, "{", 0);
            }
        }
        AstNode::Transform { update, delete, .. } => {
            wrap(update, site, "|", 0);
            if let Some(delete) = delete {
                *sites += 1.0;
                wrap(delete, *sites, "|", 0);
            }
        }
        AstNode::Sort { terms, .. } => {
            for (term, _) in terms {
                *sites += 1.0;
                wrap(term, *sites, "^", 0);
            }
        }
        _ => {}
    }
}

fn wrap(node: &mut AstNode, site: f64, name: &str, place: usize) {
    if matches!(
        node,
        AstNode::Placeholder | AstNode::Lambda { .. } | AstNode::Transform { .. }
    ) || name == "exists"
    {
        return;
    }
    let operand = std::mem::replace(node, AstNode::Null);
    *node = call(
        super::functions::limited::TRACE,
        vec![
            AstNode::Number(site),
            AstNode::String(super::shadow::as_written(name).to_owned()),
            AstNode::Number(place as f64),
            operand,
        ],
    );
}

fn operator(op: BinaryOp) -> Option<&'static str> {
    Some(match op {
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Modulo => "%",
        BinaryOp::LessThan => "<",
        BinaryOp::LessThanOrEqual => "<=",
        BinaryOp::GreaterThan => ">",
        BinaryOp::GreaterThanOrEqual => ">=",
        _ => return None,
    })
}

impl Trace {
    fn operand(&self, place: usize) -> Option<&str> {
        self.operands.get(place)?.as_deref()
    }

    /// JSONata's words for an error whose words depend on what failed.
    pub(super) fn words(&self, code: &str, detail: &str) -> Option<String> {
        let function = self.name.as_deref();
        let name = self.said_to_be.as_deref().or(function).or_else(|| operator_in(detail));
        let quoted = |text: &str| json(&JValue::string(text));
        Some(match code {
            "T0410" if detail.contains('"') => detail.to_owned(),
            "T0410" => format!(
                "Argument {} of function {} does not match function signature",
                number_in(detail)?,
                quoted(name?)
            ),
            "T0411" => format!(
                "Context value is not a compatible type with argument {} of function {}",
                number_in(detail)?,
                quoted(name?)
            ),
            "T0412" if detail.contains('"') => detail.to_owned(),
            "T0412" => format!(
                "Argument {} of function {} must be an array of {}",
                number_in(detail)?,
                quoted(name?),
                quoted(items_of(function?)?)
            ),
            "T2001" => format!(
                "The left side of the {} operator must evaluate to a number",
                quoted(name?)
            ),
            "T2002" => format!(
                "The right side of the {} operator must evaluate to a number",
                quoted(name?)
            ),
            "T2009" => format!(
                "The values {} and {} either side of operator {} must be of the same data type",
                self.operand(0)?,
                self.operand(1)?,
                quoted(name?)
            ),
            "T2010" => format!(
                "The expressions either side of operator {} must evaluate to numeric or string values",
                quoted(name?)
            ),
            "T2007" => format!(
                "Type mismatch when comparing values {} and {} in order-by clause",
                self.operand(0)?,
                self.operand(1)?
            ),
            "T2011" => format!(
                "The insert/update clause of the transform expression must evaluate to an object: {}",
                self.operand(0)?
            ),
            "T2012" => format!(
                "The delete clause of the transform expression must evaluate to a string or array of strings: {}",
                self.operand(0)?
            ),
            "D1002" => format!("Cannot negate a non-numeric value: {}", self.operand(0)?),
            "T1003" => format!(
                "Key in object structure must evaluate to a string; got: {}",
                self.operand(0)?
            ),
            "D3030" if detail.contains('"') => detail.to_owned(),
            "D3030" => format!("Unable to cast value to a number: {}", self.operand(0)?),
            "D3060" => format!(
                "The sqrt function cannot be applied to a negative number: {}",
                self.operand(0)?
            ),
            "D3061" => format!(
                "The power function has resulted in a value that cannot be represented as a JSON number: base={}, \
                 exponent={}",
                self.operand(0)?,
                self.operand(1)?
            ),
            "D3100" => format!(
                "The radix of the formatBase function must be between 2 and 36.  It was given {}",
                self.operand(1)?
            ),
            "D3110" => format!(
                "The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given {}",
                self.operand(0)?
            ),
            "D3130" => format!(
                "Formatting or parsing an integer as a sequence starting with {} is not supported by this \
                 implementation",
                quoted(detail)
            ),
            "D3132" => format!(
                "Unknown component specifier {} in date/time picture string",
                quoted(detail)
            ),
            "D3133" => format!(
                "The 'name' modifier can only be applied to months and days in the date/time picture string, not {}",
                quoted(detail)
            ),
            _ => return None,
        })
    }
}

/// The operator in the evaluator's own words: `The left side of the + operator must ...`
fn operator_in(detail: &str) -> Option<&str> {
    let (before, _) = detail.split_once(" operator")?;
    before.rsplit(' ').next()
}

/// The first number in a message: the place of an argument.
fn number_in(detail: &str) -> Option<&str> {
    let start = detail.find(|character: char| character.is_ascii_digit())?;
    let digits = detail.get(start..)?;
    let end = digits
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(digits.len());
    digits.get(..end)
}

/// What the function wants an array of.
fn items_of(function: &str) -> Option<&'static str> {
    Some(match function {
        "sum" | "max" | "min" | "average" => "numbers",
        "join" => "strings",
        "merge" => "objects",
        _ => return None,
    })
}
