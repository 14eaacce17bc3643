//! `States.MathAdd(a, b)`: the sum of two integers of 32 bits.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::Document;
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.MathAdd",
    parameters: &[Kind::Number, Kind::Number],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::All,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let sum = operand(arguments, 0)?.checked_add(operand(arguments, 1)?);
    match sum {
        Some(sum) => Ok(Document::from(i64::from(sum))),
        None => Failure::because("the sum is not an integer of 32 bits"),
    }
}

/// An argument rounded to the nearest integer, a half upwards as Java's `Math.round` has it.
///
/// Recorded: `States.MathAdd(-1.5, 0)` is -1.
fn operand(arguments: Arguments<'_>, place: usize) -> Result<i32, Failure> {
    let value = arguments.number(place)?.as_f64();
    let floor = value.floor();
    // Adding 0.5 to the value would round 0.49999999999999994 up.
    let rounded = if value - floor >= 0.5 { floor + 1.0 } else { floor };
    match rounded >= f64::from(i32::MIN) && rounded <= f64::from(i32::MAX) {
        true => Ok(rounded as i32),
        false => Failure::because(format!("argument {} is not an integer of 32 bits", place + 1)),
    }
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::{check, check_failure};

    #[test]
    fn rounds_each_argument_first() {
        for (arguments, expected) in [
            ("5, 3", "8"),
            ("111, -1", "110"),
            ("1.49, 1.5", "3"),
            ("1.5, 1.51", "4"),
            ("1.49, -1.49", "0"),
            ("3.5, 0", "4"),
            ("-1.49, 0", "-1"),
            ("-1.5, 0", "-1"),
            ("-1.51, 0", "-2"),
            ("-0.5, 0.5", "1"),
            ("-2.5, 0", "-2"),
            ("0.49999999999999994, 0", "0"),
            ("2147483646, 1", "2147483647"),
            ("-2147483647, -1", "-2147483648"),
        ] {
            check("{}", &format!("States.MathAdd({arguments})"), expected);
        }
    }

    #[test]
    fn stays_within_32_bits() {
        for (arguments, reason) in [
            ("2147483647, 1", "the sum is not an integer of 32 bits"),
            ("-2147483648, -1", "the sum is not an integer of 32 bits"),
            ("3000000000, 1", "argument 1 is not an integer of 32 bits"),
            ("1, -1e309", "argument 2 is not an integer of 32 bits"),
        ] {
            check_failure(
                "{}",
                &format!("States.MathAdd({arguments})"),
                &format!("Invalid arguments in States.MathAdd: {reason}"),
            );
        }
    }
}
