//! `$random`, `$uuid` and `$shuffle`.

use super::{Arguments, Outcome, Surroundings, argument, at_most, integer};
use jsonata_core::value::JValue;
use sha2::{Digest, Sha256};
use std::cell::Cell;

/// As many random bits as an evaluation asks for, made of the 128 that it was given.
pub(in crate::jsonata) struct Random {
    seed: u128,
    drawn: Cell<u64>,
}

impl Random {
    pub(in crate::jsonata) fn new(seed: u128) -> Random {
        Random {
            seed,
            drawn: Cell::new(0),
        }
    }

    fn next(&self) -> u128 {
        let drawn = self.drawn.get();
        self.drawn.set(drawn + 1);
        let digest = Sha256::new()
            .chain_update(self.seed.to_le_bytes())
            .chain_update(drawn.to_le_bytes())
            .finalize();
        digest
            .iter()
            .take(16)
            .fold(0, |bits, byte| bits << 8 | u128::from(*byte))
    }

    /// At least 0, less than 1.
    fn next_double(&self) -> f64 {
        double((self.next() >> (128 - 53)) as u64)
    }
}

/// A number of 53 bits as one between 0 and 1.
fn double(bits: u64) -> f64 {
    bits as f64 / (1_u64 << 53) as f64
}

/// `$random()`, `$random(seed)`.
pub(super) fn random(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    at_most(arguments, 1, "random")?;
    let number = match argument(arguments, 1) {
        None => surroundings.random.next_double(),
        seed => java_next_double(integer(seed, "random", 1)?),
    };
    Ok(JValue::Number(number))
}

/// What `new java.util.Random(seed).nextDouble()` gives, as its documentation specifies it.
fn java_next_double(seed: i64) -> f64 {
    const MULTIPLIER: i64 = 0x5_DEEC_E66D;
    const MASK: i64 = (1 << 48) - 1;
    let step = |state: i64| state.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
    let first = step((seed ^ MULTIPLIER) & MASK);
    let second = step(first);
    // 26 bits of the first number and 27 of the second one.
    double(((first >> 22) << 27) as u64 + (second >> 21) as u64)
}

/// `$uuid()`, version 4.
pub(super) fn uuid(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    at_most(arguments, 0, "uuid")?;
    Ok(JValue::string(crate::intrinsic::version_4(surroundings.random.next())))
}

/// `$shuffle(array)`.
pub(super) fn shuffle(arguments: Arguments<'_>, surroundings: &Surroundings) -> Outcome {
    let mut items = match argument(arguments, 1) {
        None => return Ok(JValue::Undefined),
        Some(JValue::Array(items)) => items.to_vec(),
        Some(other) => vec![other.clone()],
    };
    for at in (1..items.len()).rev() {
        let other = (surroundings.random.next_double() * (at + 1) as f64) as usize;
        items.swap(at, other.min(at));
    }
    Ok(JValue::array(items))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_what_java_gives() {
        for (seed, expected) in [
            (42, 0.727_563_680_032_868_1),
            (0, 0.730_967_787_376_657),
            (-1, 0.268_942_630_880_504_96),
        ] {
            assert_eq!(java_next_double(seed), expected, "seed {seed}");
        }
    }
}
