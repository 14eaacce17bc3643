//! `States.ArrayRange(first, last, step)`: numbers from the first to the last, which is included when hit.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::{Array, Document};
use crate::scope::Scope;

/// Service limit.
const ITEMS_MAX: i128 = 1000;

pub(super) static FUNCTION: Function = Function {
    name: "States.ArrayRange",
    parameters: &[Kind::Number, Kind::Number, Kind::Number],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::All,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let first = arguments.truncated(0)?;
    let last = arguments.truncated(1)?;
    let step = arguments.truncated(2)?;
    if step == 0 {
        return Failure::because("the step must not be 0");
    }
    let distance = i128::from(last) - i128::from(first);
    let count = match distance == 0 || (distance > 0) == (step > 0) {
        true => distance / i128::from(step) + 1,
        false => 0,
    };
    if count > ITEMS_MAX {
        return Failure::because(format!("the range has more than {ITEMS_MAX} items"));
    }
    // Every number lies between `first` and `last`.
    let numbers: Array = (0..count as i64).map(|at| Document::from(first + at * step)).collect();
    Ok(numbers.into())
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::{check, check_failure};

    #[test]
    fn counts_by_steps() {
        for (arguments, expected) in [
            ("0, 9, 3", "[0,3,6,9]"),
            ("0, 10, 3", "[0,3,6,9]"),
            ("1, 9, 9", "[1]"),
            ("-2, 2, 2", "[-2,0,2]"),
            ("5, 1, -2", "[5,3,1]"),
            ("3, 3, -1", "[3]"),
            ("5, 1, 1", "[]"),
            ("1, 5, -1", "[]"),
            ("1.4, 5.6, 2.2", "[1,3,5]"),
            ("1.6, 1.4, 1", "[1]"),
            ("9e18, 8.9e18, 1e18", "[]"),
        ] {
            check("{}", &format!("States.ArrayRange({arguments})"), expected);
        }
    }

    #[test]
    fn is_bounded() {
        check("{}", "States.ArrayLength(States.ArrayRange(1, 1000, 1))", "1000");
        for (arguments, reason) in [
            ("1, 1001, 1", "the range has more than 1000 items"),
            ("-9e18, 9e18, 1", "the range has more than 1000 items"),
            ("1, 10, 0", "the step must not be 0"),
            ("1, 10, 0.49", "the step must not be 0"),
            ("1e300, 2, 1", "argument 1 is out of range"),
        ] {
            check_failure(
                "{}",
                &format!("States.ArrayRange({arguments})"),
                &format!("Invalid arguments in States.ArrayRange: {reason}"),
            );
        }
    }
}
