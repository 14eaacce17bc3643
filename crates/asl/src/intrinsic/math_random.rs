//! `States.MathRandom(first, end, seed)`: a random integer from the first up to, but without, the end.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::Document;
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.MathRandom",
    parameters: &[Kind::Number, Kind::Number, Kind::Number],
    optional: 1,
    is_variadic: false,
    // With a seed the result is always the same.
    is_random: |arguments| arguments < 3,
    reads: Reads::All,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, scope: &dyn Scope) -> Result<Document, Failure> {
    let first = bound(arguments, 0)?;
    let end = bound(arguments, 1)?;
    if first >= end {
        return Failure::because("the first number must be less than the end");
    }
    let number = match arguments.0.len() {
        3 => JavaRandom::new(arguments.truncated(2)?).next_between(first, end),
        _ => {
            // The high part of a product is as evenly spread as the random bits are.
            let range = u128::from(end.abs_diff(first));
            let above_first = (range * (scope.random() >> 64)) >> 64;
            first.wrapping_add(above_first as i32)
        }
    };
    Ok(Document::from(i64::from(number)))
}

fn bound(arguments: Arguments<'_>, place: usize) -> Result<i32, Failure> {
    match i32::try_from(arguments.truncated(place)?) {
        Ok(bound) => Ok(bound),
        Err(_) => Failure::because(format!("argument {} is not an integer of 32 bits", place + 1)),
    }
}

/// The generator of `java.util.Random`, as its documentation specifies it.
struct JavaRandom(i64);

impl JavaRandom {
    const MULTIPLIER: i64 = 0x5_DEEC_E66D;
    const MASK: i64 = (1 << 48) - 1;

    fn new(seed: i64) -> JavaRandom {
        JavaRandom((seed ^ JavaRandom::MULTIPLIER) & JavaRandom::MASK)
    }

    fn next(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(JavaRandom::MULTIPLIER).wrapping_add(0xB) & JavaRandom::MASK;
        (self.0 >> (48 - bits)) as i32
    }

    fn next_between(&mut self, first: i32, end: i32) -> i32 {
        match end.checked_sub(first) {
            Some(range) => first + self.next_below(range),
            None => loop {
                let number = self.next(32);
                if (first..end).contains(&number) {
                    return number;
                }
            },
        }
    }

    fn next_below(&mut self, bound: i32) -> i32 {
        let bits = self.next(31);
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(bits)) >> 31) as i32;
        }
        let mut bits = bits;
        loop {
            let number = bits % bound;
            // The last, incomplete block of numbers would favour the smaller ones.
            if bits.wrapping_sub(number).wrapping_add(bound - 1) >= 0 {
                return number;
            }
            bits = self.next(31);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::Intrinsic;
    use crate::intrinsic::tests::{check, check_failure};
    use crate::scope::TestScope;
    use proptest::prelude::*;

    #[test]
    fn a_seed_gives_what_java_gives() {
        // new Random(seed).nextInt(end - first) + first
        for (arguments, expected) in [
            ("0, 10, 42", "0"),
            ("-5, 5, 42", "-5"),
            ("0, 100, 42", "30"),
            ("0, 1000, 1", "985"),
            ("0, 1024, 1", "748"),
            ("1, 999, -10", "168"),
            ("-2147483648, 2147483647, 7", "-1156638823"),
        ] {
            check("{}", &format!("States.MathRandom({arguments})"), expected);
        }
    }

    #[test]
    fn needs_a_range() {
        for arguments in ["1, 1", "10, 5", "1.4, 1.6"] {
            check_failure(
                "{}",
                &format!("States.MathRandom({arguments})"),
                "Invalid arguments in States.MathRandom: the first number must be less than the end",
            );
        }
    }

    proptest! {
        #[test]
        fn stays_within_its_bounds(random: u128, first: i32, end: i32) {
            prop_assume!(first < end);
            let scope = TestScope { random, ..TestScope::of("{}") };
            let expression = format!("States.MathRandom({first}, {end})");
            let number = Intrinsic::parse(&expression).unwrap().evaluate(&scope).unwrap();
            let number = number.as_i64().unwrap();
            prop_assert!((i64::from(first)..i64::from(end)).contains(&number));
        }
    }
}
