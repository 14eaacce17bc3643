//! Walking over parsed expressions.

use super::builtins::is_builtin;
use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

/// Calls `visit` with each direct child of `node`, in the order in which they are evaluated.
pub(super) fn visit_children<'t>(node: &'t AstNode, visit: &mut dyn FnMut(&'t AstNode)) {
    match node {
        AstNode::Path { steps } => {
            for step in steps {
                visit(&step.node);
                step.stages.iter().filter_map(stage_filter).for_each(&mut *visit);
            }
        }
        AstNode::Binary { lhs, rhs, .. } => {
            visit(lhs);
            visit(rhs);
        }
        AstNode::Unary { operand, .. } => visit(operand),
        AstNode::Function { args, .. } => args.iter().for_each(visit),
        AstNode::Call { procedure, args } => {
            visit(procedure);
            args.iter().for_each(visit);
        }
        AstNode::Lambda { body, .. } => visit(body),
        AstNode::Array(items) | AstNode::ArrayGroup(items) | AstNode::Block(items) => items.iter().for_each(visit),
        AstNode::Object(members) => visit_members(members, visit),
        AstNode::ObjectTransform { input, pattern } => {
            visit(input);
            visit_members(pattern, visit);
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => {
            visit(condition);
            visit(then_branch);
            else_branch.iter().for_each(|node| visit(node));
        }
        AstNode::FunctionApplication(inner) => visit(inner),
        AstNode::Sort { input, terms } => {
            visit(input);
            terms.iter().for_each(|(term, _)| visit(term));
        }
        AstNode::Transform {
            location,
            update,
            delete,
        } => {
            visit(location);
            visit(update);
            delete.iter().for_each(|node| visit(node));
        }
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_) => {}
    }
}

fn visit_members<'t>(members: &'t [(AstNode, AstNode)], visit: &mut dyn FnMut(&'t AstNode)) {
    for (key, value) in members {
        visit(key);
        visit(value);
    }
}

fn stage_filter(stage: &Stage) -> Option<&AstNode> {
    match stage {
        Stage::Filter(filter) => Some(filter),
        Stage::KeepArray | Stage::Index(_) => None,
    }
}

/// Calls `visit` with `node` and everything in it.
pub(super) fn visit_all<'t>(node: &'t AstNode, visit: &mut dyn FnMut(&'t AstNode)) {
    visit(node);
    visit_children(node, &mut |child| visit_all(child, visit));
}

/// Calls `change` with each direct child of `node`.
pub(super) fn change_children(node: &mut AstNode, change: &mut dyn FnMut(&mut AstNode)) {
    match node {
        AstNode::Path { steps } => steps.iter_mut().for_each(|step| change_step(step, change)),
        AstNode::Binary { lhs, rhs, .. } => {
            change(lhs);
            change(rhs);
        }
        AstNode::Unary { operand, .. } => change(operand),
        AstNode::Function { args, .. } => args.iter_mut().for_each(change),
        AstNode::Call { procedure, args } => {
            change(procedure);
            args.iter_mut().for_each(change);
        }
        AstNode::Lambda { body, .. } => change(body),
        AstNode::Array(items) | AstNode::ArrayGroup(items) | AstNode::Block(items) => {
            items.iter_mut().for_each(change);
        }
        AstNode::Object(members) => change_members(members, change),
        AstNode::ObjectTransform { input, pattern } => {
            change(input);
            change_members(pattern, change);
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => {
            change(condition);
            change(then_branch);
            else_branch.iter_mut().for_each(|node| change(node));
        }
        AstNode::FunctionApplication(inner) => change(inner),
        AstNode::Sort { input, terms } => {
            change(input);
            terms.iter_mut().for_each(|(term, _)| change(term));
        }
        AstNode::Transform {
            location,
            update,
            delete,
        } => {
            change(location);
            change(update);
            delete.iter_mut().for_each(|node| change(node));
        }
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_) => {}
    }
}

fn change_step(step: &mut PathStep, change: &mut dyn FnMut(&mut AstNode)) {
    change(&mut step.node);
    for stage in &mut step.stages {
        if let Stage::Filter(filter) = stage {
            change(filter);
        }
    }
}

fn change_members(members: &mut [(AstNode, AstNode)], change: &mut dyn FnMut(&mut AstNode)) {
    for (key, value) in members {
        change(key);
        change(value);
    }
}

/// The call of a function that an expression could name.
pub(super) fn call(name: &str, args: Vec<AstNode>) -> AstNode {
    AstNode::Function {
        name: name.to_owned(),
        args,
        is_builtin: true,
    }
}

/// Writes `a ~> $f(b)` as `$f(a, b)`, which it stands for, so that nobody else needs to know of it.
pub(super) fn unchain(node: &mut AstNode) {
    change_children(node, &mut unchain);
    let AstNode::Binary {
        op: BinaryOp::ChainPipe,
        lhs,
        rhs,
    } = node
    else {
        return;
    };
    match &mut **rhs {
        AstNode::Function {
            name,
            args,
            is_builtin: true,
        } if !args.iter().any(|arg| matches!(arg, AstNode::Placeholder)) => {
            args.insert(0, std::mem::replace(&mut **lhs, AstNode::Null));
            *node = call(&std::mem::take(name), std::mem::take(args));
        }
        AstNode::Variable(name) if is_builtin(name) && is_data(lhs) => {
            let argument = std::mem::replace(&mut **lhs, AstNode::Null);
            *node = call(&std::mem::take(name), vec![argument]);
        }
        _ => {}
    }
}

/// Whether the value cannot be a function: `$f ~> $g` is a new function.
fn is_data(node: &AstNode) -> bool {
    match node {
        AstNode::Path { steps } => steps.len() > 1,
        AstNode::String(_)
        | AstNode::Number(_)
        | AstNode::Array(_)
        | AstNode::Object(_)
        | AstNode::ObjectTransform { .. }
        | AstNode::Sort { .. } => true,
        AstNode::Function { name, .. } => {
            is_builtin(name) && !matches!(&**name, "append" | "clone" | "lookup" | "reduce" | "single")
        }
        _ => false,
    }
}
