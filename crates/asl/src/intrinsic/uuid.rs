//! `States.UUID()`: a random UUID, version 4.

use super::{Arguments, Failure, Function, Reads};
use crate::document::Document;
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.UUID",
    parameters: &[],
    optional: 0,
    is_variadic: false,
    is_random: |_| true,
    reads: Reads::All,
    evaluate,
};

fn evaluate(_arguments: Arguments<'_>, scope: &dyn Scope) -> Result<Document, Failure> {
    Ok(version_4(scope.random()).into())
}

/// The UUID, version 4, of these random bits.
pub fn version_4(random: u128) -> String {
    // RFC 9562: four bits say version 4, two bits say which kind of UUID this is.
    let bits = random & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let part = |shift: u32, digits: u32| (bits >> shift) & ((1_u128 << (4 * digits)) - 1);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        part(96, 8),
        part(80, 4),
        part(64, 4),
        part(48, 4),
        part(0, 12)
    )
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::Intrinsic;
    use crate::scope::TestScope;

    #[test]
    fn is_made_of_random_bits() {
        for (random, expected) in [
            (0, "00000000-0000-4000-8000-000000000000"),
            (u128::MAX, "ffffffff-ffff-4fff-bfff-ffffffffffff"),
            (
                0x0123_4567_89ab_cdef_0123_4567_89ab_cdef,
                "01234567-89ab-4def-8123-456789abcdef",
            ),
        ] {
            let scope = TestScope {
                random,
                ..TestScope::of("{}")
            };
            let uuid = Intrinsic::parse("States.UUID()").unwrap().evaluate(&scope).unwrap();
            assert_eq!(uuid.as_str(), Some(expected));
        }
    }
}
