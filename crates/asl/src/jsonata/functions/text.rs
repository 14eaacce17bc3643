//! Functions on texts.

use super::collections::{ITEMS_MAX, VALUE_BYTES_MAX, check_text};
use super::{Arguments, Outcome, Surroundings, argument, at_most, error, too_large, wrong_argument};
use crate::document::Document;
use jsonata_core::evaluator::EvaluatorError;
use jsonata_core::functions::string as builtin;
use jsonata_core::value::JValue;

/// `$hash(text, algorithm)`.
///
/// # Source
/// Observed: nothing without an algorithm, `D3137` for one that is not known.
pub(super) fn hash(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    at_most(arguments, 2, "hash")?;
    let Some(JValue::String(text)) = argument(arguments, 1) else {
        return wrong_argument("hash", 1);
    };
    let algorithm = match argument(arguments, 2) {
        None => return Ok(JValue::Undefined),
        Some(JValue::String(algorithm)) => algorithm,
        Some(_) => return wrong_argument("hash", 2),
    };
    match crate::intrinsic::digest(text, algorithm) {
        Some(digest) => Ok(JValue::string(digest)),
        None => error(
            "D3137",
            format_args!("Hash algorithm '{algorithm}' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"),
        ),
    }
}

/// `$parse(text)`.
///
/// DIFFERENCE: the service refuses objects that have a key twice; here the last one wins, as in any other
/// document.
pub(super) fn parse(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    at_most(arguments, 1, "parse")?;
    let text = match argument(arguments, 1) {
        None => return Ok(JValue::Undefined),
        Some(JValue::String(text)) => text,
        Some(_) => return wrong_argument("parse", 1),
    };
    match Document::parse(text) {
        Ok(document) => super::value(&document),
        Err(_) => error("D3137", "Invalid JSON"),
    }
}

/// `a & b & c` as one call.
pub(super) fn concatenate(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let mut text = String::new();
    for argument in arguments {
        match argument {
            JValue::Undefined => {}
            JValue::String(part) => text.push_str(part),
            other => {
                surroundings.meter.measure(other)?;
                if let JValue::String(part) = builtin::string(other, None)? {
                    text.push_str(&part);
                }
            }
        }
        check_text(text.len())?;
    }
    Ok(JValue::string(text))
}

/// The first argument of `$string`, unless it is so large that its text would fill the memory.
pub(super) fn string(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    pass(arguments, |value| surroundings.meter.measure(value))
}

/// The first argument of `$pad` with two arguments: if it is a number, it is the width, and the text is the
/// context value.
pub(super) fn pad_text(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let width = argument(arguments, 1).and_then(JValue::as_f64).unwrap_or_default();
    surroundings.noted.borrow_mut().push(width);
    pass(arguments, |_| Ok(()))
}

/// The second argument of `$pad`: a width that no text can have is too large.
pub(super) fn pad_width(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let noted = surroundings.noted.borrow_mut().pop().unwrap_or_default();
    pass(arguments, |width| {
        let width = match width {
            JValue::Number(width) => *width,
            JValue::String(_) => noted,
            _ => 0.0,
        };
        match width.abs() <= VALUE_BYTES_MAX as f64 {
            true => Ok(()),
            false => too_large(),
        }
    })
}

/// The argument of `$number`: blanks around a number are not part of it.
pub(super) fn number(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    pass(arguments, |number| match number {
        JValue::String(text) if text.trim() != &**text => {
            let text = Document::from(&**text);
            error("D3030", format_args!("Unable to cast value to a number: {text}"))
        }
        _ => Ok(()),
    })
}

/// The second argument of `$formatNumber`, `$formatInteger`, `$parseInteger`, `$fromMillis` or `$toMillis`,
/// whose evaluation takes time that grows with the square of its length.
pub(super) fn picture(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    const PICTURE_BYTES_MAX: usize = 4_096;
    pass(arguments, |picture| match picture {
        JValue::String(text) if text.len() > PICTURE_BYTES_MAX => too_large(),
        _ => Ok(()),
    })
}

/// The first argument of `$formatInteger`.
pub(super) fn formatted_integer(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    pass(arguments, |number| {
        let magnitude = number.as_f64().map_or(0.0, f64::abs);
        surroundings.noted.borrow_mut().push(magnitude);
        Ok(())
    })
}

/// The second argument of `$formatInteger`. As a Roman number, each thousand takes a letter and its own time.
pub(super) fn integer_picture(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    const INTEGER_MAX: f64 = 1e15;
    const ROMAN_MAX: f64 = 1e6;
    let magnitude = surroundings.noted.borrow_mut().pop().unwrap_or_default();
    pass(arguments, |picture| match picture {
        JValue::String(text) if magnitude > ROMAN_MAX && text.contains(['I', 'i']) => too_large(),
        _ if magnitude > INTEGER_MAX => too_large(),
        _ => Ok(()),
    })?;
    self::picture(arguments, surroundings)
}

/// The first argument of `$split`, which makes an item of each character at worst.
pub(super) fn split_text(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    pass(arguments, |text| match text {
        JValue::String(text) if text.len() > ITEMS_MAX => too_large(),
        _ => Ok(()),
    })
}

/// The first argument of `$match`, which makes an object of each character at worst.
pub(super) fn matched(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    const MATCHED_BYTES_MAX: usize = 262_144;
    pass(arguments, |text| match text {
        JValue::String(text) if text.len() > MATCHED_BYTES_MAX => too_large(),
        _ => Ok(()),
    })
}

/// The first argument of `$replace`.
pub(super) fn replaced(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let bytes = argument(arguments, 1).and_then(JValue::as_str).map_or(0, str::len);
    surroundings.noted.borrow_mut().push(bytes as f64);
    pass(arguments, |_| Ok(()))
}

/// The third argument of `$replace`, which takes the place of each character at worst.
pub(super) fn replacement(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    /// How much memory one replacement may take before its result is known to be small enough.
    const REPLACED_BYTES_MAX: f64 = 128.0 * 1024.0 * 1024.0;
    let replaced = surroundings.noted.borrow_mut().pop().unwrap_or_default();
    pass(arguments, |text| {
        let bytes = text.as_str().map_or(0, str::len);
        match replaced * bytes as f64 <= REPLACED_BYTES_MAX {
            true => Ok(()),
            false => too_large(),
        }
    })
}

/// The first argument of `$join`.
pub(super) fn joined(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let items = argument(arguments, 1).and_then(JValue::as_array).map_or(1, Vec::len);
    surroundings.noted.borrow_mut().push(items as f64);
    pass(arguments, |_| Ok(()))
}

/// The second argument of `$join`, which stands between all items.
pub(super) fn separator(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let items = surroundings.noted.borrow_mut().pop().unwrap_or_default();
    pass(arguments, |separator| {
        let bytes = separator.as_str().map_or(0, str::len);
        match items * bytes as f64 <= VALUE_BYTES_MAX as f64 {
            true => Ok(()),
            false => too_large(),
        }
    })
}

/// The milliseconds around 1970 that a date of JavaScript can stand for.
const MILLIS_MAX: f64 = 8.64e15;

/// The first argument of `$fromMillis`, which JavaScript rounds towards zero.
pub(super) fn whole_millis(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    match argument(arguments, 1) {
        Some(JValue::Number(millis)) if millis.abs() > MILLIS_MAX => {
            Err(EvaluatorError::EvaluationError("Invalid time value".to_owned()))
        }
        Some(JValue::Number(millis)) => Ok(JValue::Number(millis.trunc())),
        other => Ok(other.cloned().unwrap_or(JValue::Undefined)),
    }
}

/// Gives the first argument back, if `check` has nothing against it.
fn pass(arguments: Arguments<'_>, check: impl FnOnce(&JValue) -> Result<(), EvaluatorError>) -> Outcome {
    match argument(arguments, 1) {
        Some(value) => check(value).map(|()| value.clone()),
        None => Ok(JValue::Undefined),
    }
}
