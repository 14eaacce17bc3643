//! Rewrites expressions so that no evaluation can run away.
//!
//! The evaluator stops at a time limit, but only between two functions: one that is asked for too much must
//! not be called. So the arguments that decide how much a function does pass through checks of ours, which
//! give them back or fail. What builds values in a loop is measured, see [`super::functions::Meter`].

use super::analysis::Analysis;
use super::functions::limited;
use super::tree::{call, change_children, visit_all};
use jsonata_core::ast::{AstNode, BinaryOp};

/// An expression that is safe to evaluate.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) node: AstNode,
    /// Whether functions can be chained so deeply that giving them up takes a large stack.
    pub(super) is_deep: bool,
    /// Whether evaluation may take more memory than a few times what it reads.
    pub(super) may_grow: bool,
}

/// Makes an expression safe to evaluate.
pub(super) fn guard(mut node: AstNode, analysis: &Analysis) -> Guarded {
    let shape = Shape::of(&node);
    super::cells::use_cells(&mut node);
    let mut guard = Guard {
        analysis,
        has_loops: shape.has_loops || shape.doublings > DOUBLINGS_MAX,
    };
    guard.rewrite(&mut node);
    Guarded {
        node,
        is_deep: guard.has_loops,
        may_grow: shape.may_grow || guard.has_loops,
    }
}

/// Up to so many steps, each of which may double the size of a value, no value gets out of hand.
const DOUBLINGS_MAX: usize = 4;

/// What decides how an expression must be guarded.
#[derive(Default)]
struct Shape {
    /// Whether a function may see its own results again: it is called by its name, or by `$reduce`.
    has_loops: bool,
    /// How many parts may each double the size of a value.
    doublings: usize,
    /// Whether it makes more than it reads.
    may_grow: bool,
}

impl Shape {
    fn of(node: &AstNode) -> Shape {
        let mut shape = Shape::default();
        visit_all(node, &mut |node| match node {
            AstNode::Function { name, args, .. } => {
                let callbacks = args.iter().filter(|arg| matches!(arg, AstNode::Lambda { .. })).count();
                let is_loop = name == "reduce" || callbacks > 0 && !applies_once(name);
                shape.has_loops |= is_loop;
                shape.doublings += callbacks;
                shape.may_grow |= callbacks > 0 || matches!(&**name, "range" | "pad" | "split" | "match");
            }
            AstNode::Call { .. } | AstNode::Transform { .. } | AstNode::Placeholder => shape.has_loops = true,
            AstNode::Variable(name) if name == "reduce" => shape.has_loops = true,
            AstNode::Binary { op, rhs, .. } => match op {
                BinaryOp::ColonEqual => {
                    shape.doublings += 1;
                    shape.has_loops |= !is_plain(rhs);
                }
                BinaryOp::ChainPipe => {
                    shape.doublings += 1;
                    shape.has_loops |= matches!(&**rhs, AstNode::Lambda { .. });
                }
                BinaryOp::Concatenate => shape.doublings += 1,
                BinaryOp::Range => shape.may_grow = true,
                _ => {}
            },
            AstNode::FunctionApplication(_) | AstNode::ObjectTransform { .. } | AstNode::Object(_) => {
                shape.doublings += 1;
                shape.may_grow = true;
            }
            _ => {}
        });
        shape
    }
}

/// Whether a value bound to a name cannot be a function, as far as a look tells.
fn is_plain(node: &AstNode) -> bool {
    let mut is_plain = true;
    visit_all(node, &mut |node| is_plain &= !matches!(node, AstNode::Lambda { .. }));
    is_plain
}

/// Functions that apply what they are given to each item and do not hand it their own results.
fn applies_once(name: &str) -> bool {
    matches!(
        name,
        "map" | "filter" | "single" | "sort" | "each" | "sift" | "replace" | "match" | "split" | "contains"
    )
}

struct Guard<'a> {
    analysis: &'a Analysis,
    has_loops: bool,
}

impl Guard<'_> {
    fn is_builtin(&self, name: &str) -> bool {
        self.analysis.functions.iter().any(|known| **known == *name)
    }

    fn rewrite(&mut self, node: &mut AstNode) {
        if let Some(operands) = self.concatenation(node) {
            *node = call(limited::CONCATENATE, operands);
        }
        change_children(node, &mut |child| self.rewrite(child));
        match node {
            AstNode::Function { name, args, .. } if self.is_builtin(name) => self.rewrite_call(name, args),
            AstNode::Variable(name) if self.is_builtin(name) => {
                if let Some(function) = self.as_function(name) {
                    *node = function;
                }
            }
            AstNode::Lambda { body, .. } if self.has_loops => {
                if makes_functions(body) {
                    let inner = std::mem::replace(&mut **body, AstNode::Null);
                    **body = AstNode::Block(vec![call(limited::NEW_FUNCTION, Vec::new()), inner]);
                }
                measure_result(body);
            }
            AstNode::Function { args, .. } | AstNode::Call { args, .. } if self.has_loops => {
                args.iter_mut().for_each(measure);
            }
            AstNode::Binary {
                op: BinaryOp::ColonEqual,
                rhs,
                ..
            } if self.has_loops => measure(rhs),
            _ => {}
        }
    }

    /// The operands of `a & b & c`, in loops only: elsewhere it cannot grow, and the evaluator is quicker.
    fn concatenation(&self, node: &mut AstNode) -> Option<Vec<AstNode>> {
        if !self.has_loops || !is_concatenation(node) {
            return None;
        }
        let mut operands = Vec::new();
        let mut rest = std::mem::replace(node, AstNode::Null);
        loop {
            match rest {
                AstNode::Binary {
                    op: BinaryOp::Concatenate,
                    lhs,
                    rhs,
                } => {
                    operands.push(*rhs);
                    rest = *lhs;
                }
                first => {
                    operands.push(first);
                    operands.reverse();
                    return Some(operands);
                }
            }
        }
    }

    fn rewrite_call(&self, name: &mut String, args: &mut Vec<AstNode>) {
        match name.as_str() {
            "now" => {
                "fromMillis".clone_into(name);
                args.insert(0, call("millis", Vec::new()));
                pass_all(args, limited::PICTURE);
            }
            "distinct" => limited::DISTINCT.clone_into(name),
            "keys" => {
                if args.is_empty() {
                    args.push(AstNode::Variable(String::new()));
                }
                if args.len() == 1 {
                    limited::KEYS.clone_into(name);
                }
            }
            "formatInteger" => {
                if args.len() == 1 {
                    // The context value is what is formatted.
                    args.insert(0, AstNode::Variable(String::new()));
                }
                pass(args.get_mut(0), limited::FORMATTED_INTEGER);
                pass(args.get_mut(1), limited::INTEGER_PICTURE);
            }
            "fromMillis" => {
                pass(args.get_mut(0), limited::MILLIS);
                pass_all(args.get_mut(1..).unwrap_or_default(), limited::PICTURE);
            }
            "formatNumber" | "toMillis" | "parseInteger" => pass_all(args, limited::PICTURE),
            "join" if args.len() == 2 && !is_short_text(args.get(1)) => {
                pass(args.get_mut(0), limited::JOINED);
                pass(args.get_mut(1), limited::SEPARATOR);
            }
            "match" => pass_all(args, limited::MATCHED),
            "pad" if args.len() == 1 => pass_all(args, limited::PAD_WIDTH),
            "pad" => {
                pass(args.get_mut(0), limited::PAD_TEXT);
                pass(args.get_mut(1), limited::PAD_WIDTH);
            }
            "number" => pass(args.get_mut(0), limited::NUMBER),
            "reduce" if args.len() == 2 => pass(args.get_mut(0), limited::REDUCED),
            "encodeUrl" | "encodeUrlComponent" | "decodeUrl" | "decodeUrlComponent" if args.is_empty() => {
                args.push(AstNode::Variable(String::new()));
            }
            "replace" => {
                if args.len() == 2 {
                    args.insert(0, AstNode::Variable(String::new()));
                }
                if args.len() > 2 && !is_short_text(args.get(2)) {
                    pass(args.get_mut(0), limited::REPLACED);
                    pass(args.get_mut(2), limited::REPLACEMENT);
                }
            }
            "substring" => {
                // The evaluator adds these up as integers of 64 bits.
                const PLACE_MAX: f64 = 1e9;
                for arg in args {
                    if let AstNode::Number(place) = arg {
                        *place = place.clamp(-PLACE_MAX, PLACE_MAX);
                    }
                }
            }
            "split" if self.has_loops => pass_all(args, limited::SPLIT),
            "string" if self.has_loops => pass(args.get_mut(0), limited::STRING),
            "zip" | "append" | "merge" | "spread" | "map" | "each" if self.has_loops => {
                args.iter_mut().for_each(measure);
            }
            _ => {}
        }
    }

    /// What a builtin that is guarded when it is called becomes where it is named as a value.
    fn as_function(&self, name: &str) -> Option<AstNode> {
        match name {
            "clone" | "distinct" | "keys" | "encodeUrl" | "encodeUrlComponent" | "decodeUrl" | "decodeUrlComponent"
            | "formatInteger" | "formatNumber" | "fromMillis" | "hash" | "join" | "match" | "number" | "pad"
            | "parse" | "parseInteger" | "partition" | "random" | "range" | "replace" | "shuffle" | "split"
            | "toMillis" | "uuid" => {}
            _ => return None,
        }
        Some(function_of(name, |name, args| {
            let mut name = name.to_owned();
            self.rewrite_call(&mut name, args);
            name
        }))
    }
}

/// A function that hands its arguments to a builtin; `prepare` may change both the arguments and the builtin.
pub(super) fn function_of(builtin: &str, prepare: impl FnOnce(&str, &mut Vec<AstNode>) -> String) -> AstNode {
    let count = super::builtins::parameters(builtin).unwrap_or_default();
    let params: Vec<_> = (0..count).map(|place| format!("argument {place}")).collect();
    let mut args: Vec<_> = params.iter().cloned().map(AstNode::Variable).collect();
    let name = prepare(builtin, &mut args);
    AstNode::Lambda {
        params,
        body: Box::new(call(&name, args)),
        signature: None,
        thunk: false,
    }
}

/// A separator or a replacement that cannot make a text much longer.
fn is_short_text(node: Option<&AstNode>) -> bool {
    matches!(node, Some(AstNode::String(text)) if text.len() <= 16)
}

fn is_concatenation(node: &AstNode) -> bool {
    matches!(
        node,
        AstNode::Binary {
            op: BinaryOp::Concatenate,
            ..
        }
    )
}

/// Whether evaluating `node` may make a function that holds on to others.
fn makes_functions(node: &AstNode) -> bool {
    let mut found = false;
    visit_all(node, &mut |node| {
        found |= matches!(
            node,
            AstNode::Lambda { .. }
                | AstNode::Transform { .. }
                | AstNode::Placeholder
                | AstNode::Binary {
                    op: BinaryOp::ChainPipe,
                    ..
                }
        );
    });
    found
}

fn pass_all(args: &mut [AstNode], check: &str) {
    for arg in args {
        pass(Some(arg), check);
    }
}

/// Puts a check around an argument, unless it is known to be harmless.
fn pass(arg: Option<&mut AstNode>, check: &str) {
    let notes_size = matches!(
        check,
        limited::MILLIS
            | limited::NUMBER
            | limited::PAD_TEXT
            | limited::PAD_WIDTH
            | limited::REPLACED
            | limited::REPLACEMENT
            | limited::JOINED
            | limited::SEPARATOR
            | limited::FORMATTED_INTEGER
            | limited::INTEGER_PICTURE
    );
    match arg {
        None | Some(AstNode::Placeholder | AstNode::Lambda { .. }) => {}
        Some(AstNode::String(text)) if !notes_size && text.len() <= 1_024 => {}
        Some(AstNode::Regex { .. }) => {}
        Some(AstNode::Number(number)) if !notes_size && number.abs() <= 65_536.0 => {}
        Some(arg) => {
            let inner = std::mem::replace(arg, AstNode::Null);
            *arg = call(check, vec![inner]);
        }
    }
}

/// Puts a measurement around what builds a value.
fn measure(node: &mut AstNode) {
    let is_harmless = matches!(
        node,
        AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Placeholder
            | AstNode::Lambda { .. }
            | AstNode::Transform { .. }
            | AstNode::Regex { .. }
            | AstNode::Variable(_)
            | AstNode::Name(_)
    );
    if !is_harmless {
        let inner = std::mem::replace(node, AstNode::Null);
        *node = call(limited::MEASURED, vec![inner]);
    }
}

/// Measures what a function gives, except where it calls another function in its place: that must remain the
/// last thing it does.
fn measure_result(node: &mut AstNode) {
    match node {
        AstNode::Block(items) => items.last_mut().into_iter().for_each(measure_result),
        AstNode::Conditional {
            then_branch,
            else_branch,
            ..
        } => {
            measure_result(then_branch);
            else_branch.iter_mut().for_each(|branch| measure_result(branch));
        }
        AstNode::Function { name, .. } if super::builtins::is_builtin(name) => measure(node),
        AstNode::Function { .. } | AstNode::Call { .. } => {}
        other => measure(other),
    }
}
