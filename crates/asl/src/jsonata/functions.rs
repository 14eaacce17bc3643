//! The functions that Step Functions adds to JSONata, and those whose time or space we limit.

mod collections;
mod random;
mod text;
mod url;

use crate::document::Document;
use crate::timestamp::Timestamp;
use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use random::Random;
use std::cell::RefCell;
use std::rc::Rc;

pub(super) use collections::{ITEMS_MAX, Meter};

/// What functions see besides their arguments.
pub(super) struct Surroundings {
    pub(super) random: Random,
    pub(super) now: Timestamp,
    pub(super) meter: Meter,
    /// Sizes of arguments that wait for the size of a later argument of the same call.
    pub(super) noted: RefCell<Vec<f64>>,
    /// Values of variables that change, see [`super::cells`].
    cells: RefCell<Vec<JValue>>,
    pub(super) trace: super::trace::Recorder,
}

impl Surroundings {
    pub(super) fn new(random: u128, now: Timestamp) -> Surroundings {
        Surroundings {
            random: Random::new(random),
            now,
            meter: Meter::default(),
            noted: RefCell::default(),
            cells: RefCell::default(),
            trace: super::trace::Recorder::default(),
        }
    }
}

type Arguments<'a> = &'a [JValue];
type Outcome = Result<JValue, EvaluatorError>;
type Function = fn(Arguments<'_>, &Surroundings) -> Outcome;

/// Functions by the name under which an expression calls them. Names with a blank cannot be written in an
/// expression: calls of them are put there when it is compiled.
const FUNCTIONS: [(&str, Function); 39] = [
    ("clone", clone),
    ("decodeUrl", url::decode_url),
    ("decodeUrlComponent", url::decode_url_component),
    ("encodeUrl", url::encode_url),
    ("encodeUrlComponent", url::encode_url_component),
    ("eval", eval),
    ("hash", text::hash),
    ("millis", millis),
    ("now", now),
    ("parse", text::parse),
    ("partition", collections::partition),
    ("random", random::random),
    ("range", collections::range),
    ("shuffle", random::shuffle),
    ("uuid", random::uuid),
    (limited::CONCATENATE, text::concatenate),
    (limited::DISTINCT, collections::distinct),
    (limited::FORMATTED_INTEGER, text::formatted_integer),
    (limited::INTEGER_PICTURE, text::integer_picture),
    (limited::JOINED, text::joined),
    (limited::KEYS, collections::keys),
    (limited::MATCHED, text::matched),
    (limited::MEASURED, collections::measured),
    (limited::MILLIS, text::whole_millis),
    (limited::NEW_CELL, new_cell),
    (limited::NEW_FUNCTION, collections::new_function),
    (limited::NUMBER, text::number),
    (limited::PAD_TEXT, text::pad_text),
    (limited::PAD_WIDTH, text::pad_width),
    (limited::PICTURE, text::picture),
    (limited::READ_CELL, read_cell),
    (limited::REDUCED, collections::reduced),
    (limited::REPLACED, text::replaced),
    (limited::REPLACEMENT, text::replacement),
    (limited::SEPARATOR, text::separator),
    (limited::SPLIT, text::split_text),
    (limited::STRING, text::string),
    (limited::TRACE, super::trace::record),
    (limited::WRITE_CELL, write_cell),
];

/// The names of functions that only compiled expressions call.
pub(super) mod limited {
    pub(in crate::jsonata) const CONCATENATE: &str = "limited concatenate";
    pub(in crate::jsonata) const DISTINCT: &str = "limited distinct";
    pub(in crate::jsonata) const FORMATTED_INTEGER: &str = "limited formatted integer";
    pub(in crate::jsonata) const INTEGER_PICTURE: &str = "limited integer picture";
    pub(in crate::jsonata) const JOINED: &str = "limited joined";
    pub(in crate::jsonata) const KEYS: &str = "limited keys";
    pub(in crate::jsonata) const MATCHED: &str = "limited matched";
    pub(in crate::jsonata) const MEASURED: &str = "limited measured";
    pub(in crate::jsonata) const MILLIS: &str = "limited millis";
    pub(in crate::jsonata) const NEW_CELL: &str = "new cell";
    pub(in crate::jsonata) const NEW_FUNCTION: &str = "limited new function";
    pub(in crate::jsonata) const NUMBER: &str = "limited number";
    pub(in crate::jsonata) const PAD_TEXT: &str = "limited pad text";
    pub(in crate::jsonata) const PAD_WIDTH: &str = "limited pad width";
    pub(in crate::jsonata) const PICTURE: &str = "limited picture";
    pub(in crate::jsonata) const READ_CELL: &str = "read cell";
    pub(in crate::jsonata) const REDUCED: &str = "limited reduced";
    pub(in crate::jsonata) const REPLACED: &str = "limited replaced";
    pub(in crate::jsonata) const REPLACEMENT: &str = "limited replacement";
    pub(in crate::jsonata) const SEPARATOR: &str = "limited separator";
    pub(in crate::jsonata) const SPLIT: &str = "limited split";
    pub(in crate::jsonata) const STRING: &str = "limited string";
    pub(in crate::jsonata) const WRITE_CELL: &str = "write cell";
    pub(in crate::jsonata) const TRACE: &str = "trace operand";
}

/// Whether one of our functions has this name.
pub(super) fn find(name: &str) -> Option<usize> {
    FUNCTIONS.iter().position(|(known, _)| *known == name)
}

/// Whether the function at this place of the list asks for random bits or for the time.
pub(super) fn asks(place: usize) -> bool {
    let name = FUNCTIONS.get(place).map(|(name, _)| *name);
    matches!(name, Some("millis" | "now" | "random" | "shuffle" | "uuid"))
}

/// Makes those of our functions that are at these places of the list callable.
pub(super) fn register(evaluator: &mut Evaluator, places: &[usize], surroundings: &Rc<Surroundings>) {
    for (name, function) in places.iter().filter_map(|place| FUNCTIONS.get(*place)) {
        let surroundings = Rc::clone(surroundings);
        let callable = move |arguments: &[JValue]| function(arguments, &surroundings);
        // It refuses only names of functions that it compiles; none of ours is one.
        let _ = evaluator.register_fn_override(*name, callable);
    }
}

/// An error with one of JSONata's codes.
fn error<T>(code: &str, message: impl std::fmt::Display) -> Result<T, EvaluatorError> {
    Err(EvaluatorError::EvaluationError(format!("{code}: {message}")))
}

fn too_large<T>() -> Result<T, EvaluatorError> {
    Err(EvaluatorError::EvaluationError(super::failure::TOO_LARGE.to_owned()))
}

fn wrong_argument<T>(function: &str, place: usize) -> Result<T, EvaluatorError> {
    error(
        "T0410",
        format_args!("Argument {place} of function \"{function}\" does not match function signature"),
    )
}

/// The argument at a place counted from 1, if it is there.
fn argument<'a>(arguments: Arguments<'a>, place: usize) -> Option<&'a JValue> {
    arguments.get(place - 1).filter(|argument| !argument.is_undefined())
}

/// Refuses more arguments than a function takes, as the service does: by naming the first one too many.
fn at_most(arguments: Arguments<'_>, count: usize, function: &str) -> Result<(), EvaluatorError> {
    match argument(arguments, count + 1) {
        Some(_) => wrong_argument(function, count + 1),
        None => Ok(()),
    }
}

/// An argument that must be a number, rounded towards zero.
///
/// # Source
/// Observed: `$range(-1.7, 2, 1)` begins with -1. The developer guide says that the service rounds down.
fn integer(argument: Option<&JValue>, function: &str, place: usize) -> Result<i64, EvaluatorError> {
    match argument {
        // Numbers out of bounds become the nearest one within.
        Some(JValue::Number(number)) => Ok(*number as i64),
        _ => wrong_argument(function, place),
    }
}

/// Values are never changed in place, so a copy is as good as the original.
fn clone(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    Ok(argument(arguments, 1).cloned().unwrap_or(JValue::Undefined))
}

/// The service has no `$eval`.
fn eval(_arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    error("T1006", "Attempted to invoke a non-function")
}

fn millis(_arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    Ok(JValue::Number(surroundings.now.epoch_millis() as f64))
}

/// `$now` where it is not called by its name; a call of it becomes one of `$fromMillis`.
fn now(_arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    Ok(JValue::string(surroundings.now.to_string()))
}

/// The number of a new cell that holds the argument.
fn new_cell(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let mut cells = surroundings.cells.borrow_mut();
    cells.push(arguments.first().cloned().unwrap_or(JValue::Undefined));
    Ok(JValue::Number((cells.len() - 1) as f64))
}

fn read_cell(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let cells = surroundings.cells.borrow();
    Ok(cell_number(arguments)
        .and_then(|number| cells.get(number))
        .cloned()
        .unwrap_or(JValue::Undefined))
}

fn write_cell(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let value = arguments.get(1).cloned().unwrap_or(JValue::Undefined);
    let mut cells = surroundings.cells.borrow_mut();
    if let Some(cell) = cell_number(arguments).and_then(|number| cells.get_mut(number)) {
        *cell = value.clone();
    }
    Ok(value)
}

fn cell_number(arguments: Arguments<'_>) -> Option<usize> {
    arguments.first()?.as_f64().map(|number| number as usize)
}

/// The value of a document for functions that parse JSON.
fn value(document: &Document) -> Outcome {
    let values = super::convert::Values::new(&crate::resolve::NoValues);
    let value = super::convert::value(document, &values);
    match values.is_too_large() {
        true => too_large(),
        false => Ok(value),
    }
}
