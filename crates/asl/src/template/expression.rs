//! What stands for a value that is known only while a state runs.

use crate::document::{Document, Text};
use crate::error_name::ErrorName;
use crate::intrinsic::Intrinsic;
use crate::path::{NoMatch, Path, PathError, Root};
use crate::scope::Scope;

/// A path or the call of an intrinsic function.
#[derive(Clone, Debug)]
pub enum Expression {
    /// `$.a`, `$$.a` or `$variable.a`
    Path(Path),
    /// `States.Format(...)`
    Intrinsic(Intrinsic),
}

/// An expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct EvaluationError {
    /// The name under which the service reports it.
    pub name: ErrorName,
    /// What has no value, and why, in the words of the service. Causes have the state before it.
    pub detail: String,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// The text is neither a path nor the call of an intrinsic function.
    pub fn parse(text: &str) -> Result<Expression, PathError> {
        match text.starts_with('$') {
            true => Path::parse(text).map(Expression::Path),
            false => Intrinsic::parse(text).map(Expression::Intrinsic),
        }
    }

    /// The expression as written.
    pub fn text(&self) -> &Text {
        match self {
            Expression::Path(path) => path.text(),
            Expression::Intrinsic(intrinsic) => intrinsic.text(),
        }
    }

    /// Hands over every path in the expression.
    pub fn visit_paths(&self, visit: &mut dyn FnMut(&Path)) {
        match self {
            Expression::Path(path) => visit(path),
            Expression::Intrinsic(intrinsic) => intrinsic.visit_paths(visit),
        }
    }

    /// The value of the expression, which is that of `field` (with `.$` in a payload template).
    ///
    /// # Errors
    /// `States.Runtime`: a path leads nowhere, or a function cannot work with its arguments.
    ///
    /// # Source
    /// Recorded: `The JSONPath '$.a' specified for the field 'value.$' could not be found in the input '{}'`.
    /// DIFFERENCE from the ASL spec, which names a function's failure `States.IntrinsicFailure`: executions
    /// of the service that people have shown report `States.Runtime` for it, too.
    pub fn evaluate(&self, scope: &dyn Scope, field: &str) -> Result<Document, EvaluationError> {
        match self {
            Expression::Path(path) => path
                .evaluate(scope)
                .map_err(|no_match| EvaluationError::runtime(not_found(&no_match, path.root(), scope, field))),
            Expression::Intrinsic(intrinsic) => intrinsic
                .evaluate(scope)
                .map_err(|error| EvaluationError::runtime(error.to_string())),
        }
    }
}

impl EvaluationError {
    /// What stands for an outcome that does not count, because the execution has reached its deadline.
    #[cold]
    pub(super) fn out_of_time() -> EvaluationError {
        EvaluationError::runtime("the execution reached its time limit".to_owned())
    }

    fn runtime(detail: String) -> EvaluationError {
        EvaluationError {
            name: ErrorName::Runtime,
            detail,
        }
    }
}

#[cold]
fn not_found(no_match: &NoMatch, root: &Root, scope: &dyn Scope, field: &str) -> String {
    if no_match.is_wrong_kind() {
        return no_match.detail().to_owned();
    }
    let input = match root {
        Root::Context => scope.context().to_json(),
        Root::Input | Root::Variable(_) => scope.input().to_json(),
    };
    format!(
        "The JSONPath '{}' specified for the field '{field}' could not be found in the input '{input}'",
        no_match.path()
    )
}
