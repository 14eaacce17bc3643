//! Lets functions see what happens to a variable after they were made.
//!
//! In JSONata a function refers to the variables around it; the evaluator copies their values into the function
//! when it makes it. That shows only where a variable is set more than once: `($x := 1; $f := function() { $x };
//! $x := 2; $f())` is 2. Such a variable is moved into a cell outside the evaluator, and what is copied is the
//! number of the cell.

use super::analysis::declarations;
use super::functions::limited;
use super::tree::{call, change_children, visit_all};
use jsonata_core::ast::{AstNode, BinaryOp};

/// Moves variables into cells where it matters.
pub(super) fn use_cells(node: &mut AstNode) {
    change_children(node, &mut use_cells);
    let AstNode::Block(items) = node else {
        return;
    };
    let mut declared = Vec::new();
    items.iter().for_each(|item| declarations(item, &mut declared));
    for (name, count) in declared {
        if count < 2 || !items.iter().any(|item| functions_name(item, &name)) {
            continue;
        }
        // No expression can name it.
        let cell = format!("cell of {name}");
        items.iter_mut().for_each(|item| redirect(item, &name, &cell));
        let outer_value = AstNode::Variable(name);
        let new_cell = AstNode::Binary {
            op: BinaryOp::ColonEqual,
            lhs: Box::new(AstNode::Variable(cell)),
            rhs: Box::new(call(limited::NEW_CELL, vec![outer_value])),
        };
        items.insert(0, new_cell);
    }
}

/// Whether a function within `node` names a variable.
fn functions_name(node: &AstNode, name: &str) -> bool {
    let mut found = false;
    visit_all(node, &mut |node| {
        if let AstNode::Lambda { body, .. } = node {
            visit_all(body, &mut |node| {
                found |= matches!(
                    node,
                    AstNode::Variable(named) | AstNode::Function { name: named, .. } if named == name
                );
            });
        }
    });
    found
}

/// Reads and writes the cell instead of the variable, as far as the variable is the same.
fn redirect(node: &mut AstNode, name: &str, cell: &str) {
    if is_another(node, name) {
        return;
    }
    let read = || call(limited::READ_CELL, vec![AstNode::Variable(cell.to_owned())]);
    match node {
        AstNode::Variable(named) if named == name => *node = read(),
        AstNode::Binary {
            op: BinaryOp::ColonEqual,
            lhs,
            rhs,
        } if matches!(&**lhs, AstNode::Variable(named) if named == name) => {
            redirect(rhs, name, cell);
            let value = std::mem::replace(&mut **rhs, AstNode::Null);
            *node = call(limited::WRITE_CELL, vec![AstNode::Variable(cell.to_owned()), value]);
        }
        AstNode::Function { name: named, args, .. } if named == name => {
            args.iter_mut().for_each(|arg| redirect(arg, name, cell));
            *node = AstNode::Call {
                procedure: Box::new(read()),
                args: std::mem::take(args),
            };
        }
        _ => change_children(node, &mut |child| redirect(child, name, cell)),
    }
}

/// Whether the name means another variable within `node`.
fn is_another(node: &AstNode, name: &str) -> bool {
    let mut declared = Vec::new();
    match node {
        AstNode::Block(items) => items.iter().for_each(|item| declarations(item, &mut declared)),
        AstNode::Lambda { params, body, .. } => {
            if params.iter().any(|parameter| parameter == name) {
                return true;
            }
            declarations(body, &mut declared);
        }
        _ => {}
    }
    declared.iter().any(|(declared, _)| declared == name)
}
