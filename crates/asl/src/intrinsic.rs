//! Intrinsic functions: `States.Format('Hello {}', $.name)`.
//!
//! A call is parsed once, when a definition is compiled: names become functions, the number and the kinds of
//! literal arguments are checked, and calls that depend on nothing are evaluated there and then. Each function
//! has a file of its own; `FUNCTIONS` is the list of them.

mod arguments;
mod array;
mod array_contains;
mod array_get_item;
mod array_length;
mod array_partition;
mod array_range;
mod array_unique;
mod base64_decode;
mod base64_encode;
mod format;
mod hash;
mod json_merge;
mod json_to_string;
mod math_add;
mod math_random;
mod parse;
mod string_split;
mod string_to_json;
mod uuid;

use crate::document::{Document, Text};
use crate::path::{NoMatch, Path, Root};
use crate::resolve;
use crate::scope::Scope;
use crate::work;
use arguments::{Arguments, Failure, Kind};
use std::fmt;

pub use crate::path::PathError as ParseError;
pub(crate) use hash::digest;
pub use uuid::version_4;

/// No function may give a result whose JSON text is longer than this. The limit on state data is far lower;
/// this one keeps a short expression from filling the memory before that limit is checked.
const RESULT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// All functions, by name.
static FUNCTIONS: [&Function; 18] = [
    &array::FUNCTION,
    &array_contains::FUNCTION,
    &array_get_item::FUNCTION,
    &array_length::FUNCTION,
    &array_partition::FUNCTION,
    &array_range::FUNCTION,
    &array_unique::FUNCTION,
    &base64_decode::FUNCTION,
    &base64_encode::FUNCTION,
    &format::FUNCTION,
    &hash::FUNCTION,
    &json_merge::FUNCTION,
    &json_to_string::FUNCTION,
    &math_add::FUNCTION,
    &math_random::FUNCTION,
    &string_split::FUNCTION,
    &string_to_json::FUNCTION,
    &uuid::FUNCTION,
];

/// One intrinsic function.
struct Function {
    /// With `States.`.
    name: &'static str,
    /// The kinds of its arguments.
    parameters: &'static [Kind],
    /// How many of the last parameters may be left out.
    optional: usize,
    /// Whether more arguments of any kind may follow.
    is_variadic: bool,
    /// Whether the result may differ from call to call, although the arguments are the same.
    is_random: fn(arguments: usize) -> bool,
    /// How far it looks into its arguments.
    reads: Reads,
    evaluate: fn(Arguments<'_>, &dyn Scope) -> Result<Document, Failure>,
}

/// How far a function looks into its arguments. What it does not look at may be kept elsewhere.
#[derive(Clone, Copy)]
enum Reads {
    /// It takes them as they are.
    Nothing,
    /// Their items or members, but not what is in those.
    Surface,
    /// Everything.
    All,
}

/// A parsed call of an intrinsic function.
#[derive(Clone)]
pub struct Intrinsic {
    text: Text,
    call: Argument,
}

#[derive(Clone)]
enum Argument {
    /// A literal, or the result of a call that depends on nothing.
    Constant(Document),
    Path(Path),
    Call(Box<Call>),
}

#[derive(Clone)]
struct Call {
    function: &'static Function,
    /// The first argument of `States.Format`, when it is a literal.
    template: Option<format::Template>,
    arguments: Vec<Argument>,
}

/// Why the call of an intrinsic function has no result.
///
/// It displays as the service words it. The whole expression is named, not the call inside that failed.
///
/// DIFFERENCE from the ASL spec, which names the error `States.IntrinsicFailure`: the service reports both
/// kinds as `States.Runtime`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntrinsicError {
    /// A path among the arguments leads nowhere.
    #[error("The function '{expression}' had the following error: {detail}")]
    NoMatch {
        /// The expression as written.
        expression: Text,
        /// Which path, and what it was applied to.
        detail: String,
    },
    /// A function cannot work with its arguments.
    #[error("The function '{expression}' had the following error: {detail}")]
    Failure {
        /// The expression as written.
        expression: Text,
        /// Which function, and why.
        detail: String,
    },
}

/// The two kinds of failure, before they are put into words.
enum Failed {
    Path(NoMatch, Root),
    Function(&'static str, Failure),
    /// The deadline has passed.
    OutOfTime,
}

impl Intrinsic {
    /// Parses the call of an intrinsic function.
    ///
    /// # Errors
    /// The text is not a call of a known function, or its arguments cannot be right.
    pub fn parse(text: &str) -> Result<Intrinsic, ParseError> {
        parse::intrinsic(text)
    }

    /// The expression as written.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The result, if it depends on nothing that is known only while a state runs.
    pub fn constant(&self) -> Option<&Document> {
        match &self.call {
            Argument::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Hands over every path among the arguments.
    pub fn visit_paths(&self, visit: &mut dyn FnMut(&Path)) {
        self.call.visit_paths(visit);
    }

    /// The result of the call.
    ///
    /// # Errors
    /// A path leads nowhere, or a function cannot work with its arguments.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Document, IntrinsicError> {
        self.call.evaluate(scope).map_err(|failed| self.error(failed, scope))
    }

    #[cold]
    fn error(&self, failed: Failed, scope: &dyn Scope) -> IntrinsicError {
        let expression = Text::clone(&self.text);
        match failed {
            Failed::Path(no_match, _) if no_match.is_wrong_kind() => IntrinsicError::NoMatch {
                expression,
                detail: no_match.detail().to_owned(),
            },
            Failed::Path(no_match, root) => {
                // The service names a path into the Context object as if that were the input, which it shows.
                let path: &str = no_match.path();
                let path = match root {
                    Root::Context => path.strip_prefix('$').unwrap_or(path),
                    _ => path,
                };
                let input = scope.input().to_json();
                IntrinsicError::NoMatch {
                    expression,
                    detail: format!(
                        "The JsonPath argument for the field '{path}' could not be found in the input '{input}'"
                    ),
                }
            }
            Failed::Function(name, failure) => IntrinsicError::Failure {
                expression,
                detail: failure.describe(name),
            },
            Failed::OutOfTime => IntrinsicError::Failure {
                expression,
                detail: "the execution reached its time limit".to_owned(),
            },
        }
    }
}

impl fmt::Debug for Intrinsic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Intrinsic({})", self.text)
    }
}

impl Argument {
    fn evaluate(&self, scope: &dyn Scope) -> Result<Document, Failed> {
        match self {
            // Shared with the definition, not copied.
            Argument::Constant(value) => Ok(value.clone()),
            Argument::Path(path) => path
                .find(scope)
                .map_err(|no_match| Failed::Path(no_match, path.root().clone())),
            Argument::Call(call) => call.evaluate(scope),
        }
    }

    fn visit_paths(&self, visit: &mut dyn FnMut(&Path)) {
        match self {
            Argument::Constant(_) => {}
            Argument::Path(path) => visit(path),
            Argument::Call(call) => call.arguments.iter().for_each(|argument| argument.visit_paths(visit)),
        }
    }
}

impl Call {
    fn evaluate(&self, scope: &dyn Scope) -> Result<Document, Failed> {
        let arguments: Vec<Document> = self
            .arguments
            .iter()
            .map(|argument| {
                let argument = argument.evaluate(scope)?;
                Ok(match self.function.reads {
                    Reads::Nothing => argument,
                    Reads::Surface => resolve::surface(argument, scope),
                    Reads::All => resolve::whole(&argument, scope),
                })
            })
            .collect::<Result<_, _>>()?;
        let result = match &self.template {
            Some(template) => template.fill(&arguments),
            None => (self.function.evaluate)(Arguments(&arguments), scope),
        };
        let read = arguments.iter().map(|argument| self.function.reads.cost(argument));
        let made = result
            .as_ref()
            .map_or(0, |result| self.function.reads.cost(result).max(work::surface(result)));
        if !scope.work(read.fold(made, usize::saturating_add)) {
            return Err(Failed::OutOfTime);
        }
        let result = result.and_then(|result| match result.json_bytes() <= RESULT_BYTES_MAX {
            true => Ok(result),
            false => Err(Failure::too_large()),
        });
        result.map_err(|failure| Failed::Function(self.function.name, failure))
    }
}

impl Reads {
    /// The cost of an argument that is read this way, or of a result that is made of such arguments.
    fn cost(self, value: &Document) -> usize {
        match self {
            Reads::Nothing => 0,
            Reads::Surface => work::surface(value),
            Reads::All => work::whole(value),
        }
    }
}

#[cfg(test)]
mod tests;
