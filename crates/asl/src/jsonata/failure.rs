//! Why an evaluation has no result, in the words of the service.

use super::trace::Trace;
use crate::document::Text;
use std::fmt;

/// Why an evaluation has no result.
///
/// It displays as the end of the sentence that the service writes; [`EvaluationFailure::cause`] gives all of
/// it. Whatever the reason, the service's error name is `States.QueryEvaluationError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvaluationFailure {
    /// The expression cannot work with its values: `T1006: Attempted to invoke a non-function`.
    Thrown {
        /// JSONata's code for the error, such as `T1006`; none for what JSONata has no code for.
        code: Option<Text>,
        /// The message without the code.
        message: String,
    },
    /// A limit on evaluations was met.
    Limit(Limit),
    /// The result is, or holds, a function.
    UnsupportedResult,
}

/// A limit on evaluations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// One second of evaluation.
    Time,
    /// Calls within calls, or arrays within arrays.
    Depth,
    /// The size of a value.
    Memory,
}

impl Limit {
    fn message(self) -> &'static str {
        match self {
            Limit::Time => "Expression evaluation timeout: Check for infinite loop",
            Limit::Depth => {
                "Stack overflow error: Check for non-terminating recursive function. \
                 Consider rewriting as tail-recursive."
            }
            Limit::Memory => "Expression evaluation memory limit exceeded: Check for excessive memory usage",
        }
    }
}

impl From<Limit> for EvaluationFailure {
    fn from(limit: Limit) -> EvaluationFailure {
        EvaluationFailure::Limit(limit)
    }
}

impl EvaluationFailure {
    /// The sentence with which the service reports that `expression`, the value of `field`, failed. The
    /// service puts the name of the state before it.
    pub fn cause(&self, expression: &str, field: &str) -> String {
        let what_failed = format!("The JSONata expression '{expression}' specified for the field '{field}'");
        match self {
            EvaluationFailure::Thrown { code: Some(_), .. } => {
                format!("{what_failed} threw an error during evaluation. {self}")
            }
            EvaluationFailure::Thrown { code: None, .. } | EvaluationFailure::Limit(_) => {
                format!("{what_failed} threw an error during evaluation: {self}")
            }
            EvaluationFailure::UnsupportedResult => format!("{what_failed} {self}"),
        }
    }

    fn thrown(code: &str, message: String) -> EvaluationFailure {
        EvaluationFailure::Thrown {
            code: Some(code.into()),
            message,
        }
    }
}

impl fmt::Display for EvaluationFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvaluationFailure::Thrown {
                code: Some(code),
                message,
            } => write!(formatter, "{code}: {message}"),
            EvaluationFailure::Thrown { code: None, message } => formatter.write_str(message),
            EvaluationFailure::Limit(limit) => formatter.write_str(limit.message()),
            EvaluationFailure::UnsupportedResult => formatter.write_str("returned an unsupported result type."),
        }
    }
}

impl std::error::Error for EvaluationFailure {}

/// What functions of ours report when a value would get too large.
pub(super) const TOO_LARGE: &str = "U9001: too large";

/// The failure that the evaluator reports as `message`.
///
/// Its messages have JSONata's codes, but words of their own; those of JSONata are made from the code, the
/// values in the message, and what `trace` saw last.
pub(super) fn failure(message: &str, trace: &Trace) -> EvaluationFailure {
    let message = message.strip_prefix("Signature validation failed: ").unwrap_or(message);
    let (code, detail) = match code(message) {
        Some((code, detail)) => (code, detail),
        // Its words for a number that JSON does not have, and for functions.
        None if message == "Cannot concatenate complex types" => ("D3001", message),
        None => ("", message),
    };
    let text = match code {
        "D1012" | "U1003" => return Limit::Time.into(),
        "D1011" | "U1001" | "U1002" => return Limit::Depth.into(),
        "D2014" | "D2015" | "U9001" => return Limit::Memory.into(),
        "" if detail.contains("exceeds size limit") => return Limit::Memory.into(),
        "" => {
            return EvaluationFailure::Thrown {
                code: None,
                message: detail.to_owned(),
            };
        }
        _ => words(code, detail, trace),
    };
    EvaluationFailure::thrown(code, text.unwrap_or_else(|| detail.to_owned()))
}

/// Splits `T1006: Attempted ...`.
pub(super) fn code(message: &str) -> Option<(&str, &str)> {
    let (code, detail) = message
        .split_once(": ")
        .or_else(|| Some((message.strip_suffix(':')?, "")))?;
    let (kind, digits) = code.split_at_checked(1)?;
    let is_code = kind.bytes().all(|byte| byte.is_ascii_uppercase())
        && digits.len() == 4
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then_some((code, detail))
}

/// The words for an error that only the parser of the evaluator finds.
pub(super) fn syntax_words(code: &str, message: &str) -> String {
    let words = match code {
        "S0217" => "The object representing the 'parent' cannot be derived from this expression",
        "S0401" => "Type parameters can only be applied to functions and arrays",
        "S0402" => "Choice groups containing parameterized types are not supported",
        // JSONata takes quotes within names, `$it's`; nobody means that.
        _ => return format!("the expression is not supported: {message}"),
    };
    words.to_owned()
}

/// JSONata's words for an error.
fn words(code: &str, detail: &str, trace: &Trace) -> Option<String> {
    let fixed = match code {
        "D1004" => "Regular expression matches zero length string",
        "T1006" => "Attempted to invoke a non-function",
        "T1008" => "Attempted to partially apply a non-function",
        "T2003" => "The left side of the range operator (..) must evaluate to an integer",
        "T2004" => "The right side of the range operator (..) must evaluate to an integer",
        "T2006" => "The right side of the function application operator ~> must be a function",
        "T2008" => "The expressions within an order-by clause must evaluate to numeric or string values",
        "D3001" => "Attempting to invoke string function on Infinity or NaN",
        "D3010" => "Second argument of replace function cannot be an empty string",
        "D3011" => "Fourth argument of replace function must evaluate to a positive number",
        "D3012" => "Attempted to replace a matched string with a non-string value",
        "D3020" => "Third argument of split function must evaluate to a positive number",
        "D3040" => "Third argument of match function must evaluate to a positive number",
        "D3050" => "The second argument of reduce function must be a function with at least two arguments",
        "D3070" => {
            "The single argument form of the sort function can only be applied to an array of strings or an array \
             of numbers.  Use the second argument to specify a comparison function"
        }
        "D3080" => "The picture string must only contain a maximum of two sub-pictures",
        "D3081" => "The sub-picture must not contain more than one instance of the 'decimal-separator' character",
        "D3082" => "The sub-picture must not contain more than one instance of the 'percent' character",
        "D3083" => "The sub-picture must not contain more than one instance of the 'per-mille' character",
        "D3084" => "The sub-picture must not contain both a 'percent' and a 'per-mille' character",
        "D3085" => {
            "The mantissa part of a sub-picture must contain at least one character that is either an 'optional \
             digit character' or a member of the 'decimal digit family'"
        }
        "D3086" => {
            "The sub-picture must not contain a passive character that is preceded by an active character and that \
             is followed by another active character"
        }
        "D3087" => {
            "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a \
             'decimal-separator' character"
        }
        "D3088" => "The sub-picture must not contain a 'grouping-separator' at the end of the integer part",
        "D3089" => "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character",
        "D3090" => {
            "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is \
             followed by an instance of the 'optional digit character'"
        }
        "D3091" => {
            "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' \
             that is followed by a member of the 'decimal digit family'"
        }
        "D3092" => {
            "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated \
             as an 'exponent-separator'"
        }
        "D3093" => {
            "The exponent part of the sub-picture must comprise only of one or more characters that are members of \
             the 'decimal digit family'"
        }
        "D3131" => "In a decimal digit pattern, all digits must be from the same decimal group",
        "D3134" => "The timezone integer format specifier cannot have more than four digits",
        "D3135" => "No matching closing bracket ']' in date/time picture string",
        "D3136" => "The date/time picture string is missing specifiers required to parse the timestamp",
        "D3138" => "The $single() function expected exactly 1 matching result.  Instead it matched more.",
        "D3139" => "The $single() function expected exactly 1 matching result.  Instead it matched 0.",
        _ => return trace.words(code, detail),
    };
    Some(fixed.to_owned())
}
