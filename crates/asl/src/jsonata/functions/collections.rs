//! Functions that make or take apart arrays.

use super::{Arguments, Outcome, Surroundings, argument, at_most, error, integer, too_large};
use jsonata_core::evaluator::live_lambda_count;
use jsonata_core::value::JValue;
use std::cell::Cell;
use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

/// How large a single value may get, in bytes: eight for a number, `true`, `false` or `null`, one for a
/// character.
///
/// # Source
/// Observed: the service takes `[1..873782]` and refuses one item more, and takes a string of 4,194,304
/// characters and refuses one twice as long.
pub(in crate::jsonata) const VALUE_BYTES_MAX: usize = ITEMS_MAX * 8;

/// How many items an array may have.
pub(in crate::jsonata) const ITEMS_MAX: usize = 873_782;

/// How many items `$range` may make. Observed, as above.
const RANGE_ITEMS_MAX: u64 = 360_145;

/// How many functions may be alive at the same time. Each may hold on to another one, and giving up such a
/// chain takes about 400 bytes of stack for each of them.
const FUNCTIONS_MAX: usize = 50_000;

/// `$partition(array, size)`.
///
/// # Source
/// Observed: `[[1, 2], [3]]` for three numbers by 2 or 2.9; nothing for an empty array or a size of 0; one part
/// without a size.
pub(super) fn partition(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    at_most(arguments, 2, "partition")?;
    let items = match argument(arguments, 1) {
        None => return Ok(JValue::Undefined),
        Some(JValue::Array(items)) => items,
        Some(_) => {
            return error(
                "T0412",
                "Argument 1 of function \"partition\" must be an array of undefined",
            );
        }
    };
    let size = match argument(arguments, 2) {
        None => i64::MAX,
        size => integer(size, "partition", 2)?,
    };
    if size < 0 {
        return error("D3137", "Second argument must be zero or greater");
    }
    if size == 0 || items.is_empty() {
        return Ok(JValue::Undefined);
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let parts = items.chunks(size).map(|part| JValue::array(part.to_vec()));
    Ok(JValue::array(parts.collect()))
}

/// `$range(first, last, step)`.
///
/// # Source
/// Recorded: `$range(1, 9, 9)` is 1, not `[1]`. Observed: nothing without a step, with a step of 0, or with one
/// that leads away from the last number.
pub(super) fn range(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    at_most(arguments, 3, "range")?;
    let first = integer(argument(arguments, 1), "range", 1)?;
    let last = integer(argument(arguments, 2), "range", 2)?;
    let step = match argument(arguments, 3) {
        None => return Ok(JValue::Undefined),
        step => integer(step, "range", 3)?,
    };
    if step == 0 || first != last && (step > 0) != (first < last) {
        return Ok(JValue::Undefined);
    }
    let steps = first.abs_diff(last) / step.unsigned_abs();
    if steps >= RANGE_ITEMS_MAX {
        return too_large();
    }
    let number = |at: u64| i128::from(first) + i128::from(at) * i128::from(step);
    let numbers = (0..=steps).map(|at| JValue::Number(number(at) as f64));
    Ok(JValue::sequence(numbers.collect()).unwrap_sequence())
}

/// `$distinct(value)`, which compares each item with those of the same hash only.
pub(super) fn distinct(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let items = match argument(arguments, 1) {
        None => return Ok(JValue::Undefined),
        Some(JValue::Array(items)) if items.len() > 1 => items,
        Some(other) => return Ok(other.clone()),
    };
    surroundings.meter.measure(&JValue::Array(items.clone()))?;
    let mut seen: HashMap<u64, Vec<&JValue>> = HashMap::with_capacity(items.len());
    let mut found = Vec::new();
    for item in items.iter() {
        let mut hasher = DefaultHasher::new();
        hash(item, &mut hasher);
        let alike = seen.entry(hasher.finish()).or_default();
        let equals = |known: &&JValue| jsonata_core::functions::array::values_equal(known, item);
        if !alike.iter().any(equals) {
            alike.push(item);
            found.push(item.clone());
        }
    }
    // As JSONata does, the result is a sequence exactly when the argument was one.
    let mut result = JValue::array(found);
    if items.sequence {
        result.mark_sequence();
    }
    Ok(result)
}

/// `$keys(value)`: the keys of an object, or those of all objects in an array, each once.
pub(super) fn keys(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    if let Some(value) = argument(arguments, 1) {
        collect_keys(value, &mut seen, &mut found);
    }
    Ok(JValue::sequence(found).unwrap_sequence())
}

fn collect_keys<'a>(value: &'a JValue, seen: &mut HashSet<&'a str>, found: &mut Vec<JValue>) {
    match value {
        JValue::Array(items) => items.iter().for_each(|item| collect_keys(item, seen, found)),
        JValue::Object(members) => {
            for key in members.keys() {
                if seen.insert(key) {
                    found.push(JValue::string(key.as_str()));
                }
            }
        }
        _ => {}
    }
}

/// Equal values have equal hashes, whatever the order of their keys.
fn hash(value: &JValue, hasher: &mut DefaultHasher) {
    match value {
        JValue::Bool(value) => value.hash(hasher),
        // 0 and -0 are equal.
        JValue::Number(number) => (number + 0.0).to_bits().hash(hasher),
        JValue::String(text) => text.hash(hasher),
        JValue::Array(items) => {
            items.len().hash(hasher);
            items.iter().for_each(|item| hash(item, hasher));
        }
        JValue::Object(members) => {
            let of_member = |(key, member): (&String, &JValue)| {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                hash(member, &mut hasher);
                hasher.finish()
            };
            members.iter().map(of_member).fold(0, u64::wrapping_add).hash(hasher);
        }
        _ => {}
    }
}

/// Its argument, unless it is too large.
pub(super) fn measured(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let Some(value) = argument(arguments, 1) else {
        return Ok(JValue::Undefined);
    };
    surroundings.meter.measure(value)?;
    Ok(value.clone())
}

/// The first argument of `$reduce` with two arguments: there is nothing to begin with in an empty array.
pub(super) fn reduced(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    match argument(arguments, 1) {
        Some(JValue::Array(items)) if items.is_empty() => Ok(JValue::Undefined),
        items => Ok(items.cloned().unwrap_or(JValue::Undefined)),
    }
}

/// Fails when there are too many functions. Part of functions that make functions.
pub(super) fn new_function(_arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    match live_lambda_count() <= FUNCTIONS_MAX {
        true => Ok(JValue::Undefined),
        false => too_large(),
    }
}

/// Keeps values from growing beyond all bounds.
///
/// Values share their parts, so `[$a, $a]`, done again and again, doubles in size each time at no cost: comparing
/// or writing the result would then take for ever. Sizes are therefore measured where expressions build values in
/// a loop. Measuring everything each time would make a loop that appends to an array quadratic, so after the
/// first million steps only one value in eight is measured: in between, a value can grow to at most 256 times
/// the limit.
#[derive(Default)]
pub(in crate::jsonata) struct Meter {
    steps: Cell<usize>,
    skipped: Cell<u8>,
}

const STEPS_BEFORE_SKIPPING: usize = 1_000_000;

impl Meter {
    /// Fails when `value` is larger than [`VALUE_BYTES_MAX`].
    pub(super) fn measure(&self, value: &JValue) -> Result<(), jsonata_core::evaluator::EvaluatorError> {
        if value.as_array().is_some_and(|items| items.len() > ITEMS_MAX) {
            return too_large();
        }
        if self.steps.get() > STEPS_BEFORE_SKIPPING && matches!(value, JValue::Array(_) | JValue::Object(_)) {
            let skipped = self.skipped.get();
            self.skipped.set((skipped + 1) % 8);
            if skipped > 0 {
                return Ok(());
            }
        }
        let mut steps = 0;
        let fits = spend(value, VALUE_BYTES_MAX, &mut steps, 0).is_some();
        self.steps.set(self.steps.get() + steps);
        match fits {
            true => Ok(()),
            false => too_large(),
        }
    }
}

/// What is left of `bytes` after `value`; none if it does not fit, or is too deep to be walked.
fn spend(value: &JValue, bytes: usize, steps: &mut usize, depth: u32) -> Option<usize> {
    /// Deeper values have no document, and no expression has use for them.
    const DEPTH_MAX: u32 = 5_000;
    *steps += 1;
    if depth > DEPTH_MAX {
        return None;
    }
    // Even an empty array takes place within another one.
    let bytes = match value {
        JValue::String(_) => bytes,
        JValue::Array(_) | JValue::Object(_) if depth == 0 => bytes,
        _ => bytes.checked_sub(8)?,
    };
    match value {
        JValue::String(text) => bytes.checked_sub(text.len()),
        JValue::Array(items) => items
            .iter()
            .try_fold(bytes, |bytes, item| spend(item, bytes, steps, depth + 1)),
        JValue::Object(members) => members.iter().try_fold(bytes, |bytes, (key, member)| {
            spend(member, bytes.checked_sub(key.len())?, steps, depth + 1)
        }),
        _ => Some(bytes),
    }
}

/// Fails when a text of this many bytes would be too long.
pub(super) fn check_text(bytes: usize) -> Result<(), jsonata_core::evaluator::EvaluatorError> {
    match bytes <= VALUE_BYTES_MAX {
        true => Ok(()),
        false => too_large(),
    }
}
