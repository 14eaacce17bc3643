//! How an expression is evaluated: by the evaluator, or on a shorter way.

use super::analysis::Analysis;
use super::failure::EvaluationFailure;
use super::made::Made;
use super::simple::Simple;
use super::{Bindings, Evaluation, Walk, follow, plain_path};
use crate::document::{Document, Text};
use jsonata_core::ast::AstNode;

/// An expression that is ready to be evaluated.
pub(super) struct Plan {
    /// The shorter way, as long as nothing on it is unclear.
    pub(super) shortcut: Option<Shortcut>,
    pub(super) evaluation: Evaluation,
}

/// A way around the evaluator.
pub(super) enum Shortcut {
    /// A plain path, as far as no array is on its way.
    Path { variable: Text, keys: Vec<Text> },
    /// Operators on paths and literals, as far as they meet values with which there is nothing to decide.
    Simple(Simple),
    /// An object that is put together of other values, as far as nothing is wrong with it.
    Made(Made),
}

/// Why a shortcut leads to no value.
pub(super) enum Other {
    /// The evaluator has to say what it is.
    Unclear,
    /// A part failed. The evaluator's words for it are about the whole expression.
    PartFailed,
    /// A part met a limit. It would take as long again to find that out twice.
    Limit(EvaluationFailure),
}

impl From<EvaluationFailure> for Other {
    fn from(failure: EvaluationFailure) -> Other {
        match failure {
            EvaluationFailure::Limit(_) => Other::Limit(failure),
            _ => Other::PartFailed,
        }
    }
}

impl Plan {
    /// `levels`: how many objects may be put together inside one another.
    pub(super) fn new(node: AstNode, analysis: Analysis, levels: usize) -> Plan {
        Plan {
            shortcut: Shortcut::new(&node, levels),
            evaluation: Evaluation::new(node, analysis),
        }
    }

    pub(super) fn evaluate(&self, bindings: &dyn Bindings) -> Result<Option<Document>, EvaluationFailure> {
        match self.shortcut.as_ref().map(|shortcut| shortcut.evaluate(bindings)) {
            Some(Ok(value)) => Ok(value),
            Some(Err(Other::Limit(failure))) => Err(failure),
            Some(Err(Other::Unclear | Other::PartFailed)) | None => self.evaluation.run(bindings),
        }
    }

    /// Evaluates a part of an expression.
    pub(super) fn evaluate_part(&self, bindings: &dyn Bindings) -> Result<Option<Document>, Other> {
        match self.shortcut.as_ref().map(|shortcut| shortcut.evaluate(bindings)) {
            Some(Err(Other::Unclear)) | None => Ok(self.evaluation.run(bindings)?),
            Some(result) => result,
        }
    }
}

impl Shortcut {
    fn new(node: &AstNode, levels: usize) -> Option<Shortcut> {
        let path = plain_path(node).map(|(variable, keys)| Shortcut::Path { variable, keys });
        path.or_else(|| Simple::new(node).map(Shortcut::Simple))
            .or_else(|| Made::new(node, levels).map(Shortcut::Made))
    }

    pub(super) fn evaluate(&self, bindings: &dyn Bindings) -> Result<Option<Document>, Other> {
        match self {
            Shortcut::Path { variable, keys } => match follow(variable, keys, bindings) {
                Walk::End(found) => Ok(found),
                Walk::Array => Err(Other::Unclear),
            },
            Shortcut::Simple(simple) => simple.evaluate(bindings).map(Some).ok_or(Other::Unclear),
            Shortcut::Made(made) => made.evaluate(bindings).map(Some),
        }
    }
}
