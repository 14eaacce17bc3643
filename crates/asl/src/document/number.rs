//! Numbers that keep every digit.

use super::Text;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// A JSON number.
///
/// Integers of up to 64 bits and floating-point numbers of up to 15 digits are held as such. Any other
/// number is held as its text, so that no digit is lost on the way through an execution.
#[derive(Clone, Debug)]
pub enum Number {
    /// An integer.
    Integer(i64),
    /// A finite floating-point number.
    Float(f64),
    /// A number that neither of the others holds exactly, as written.
    Exact(Text),
}

/// Every decimal number of up to this many digits survives the way into an `f64` and back.
const FLOAT_DIGITS_MAX: usize = 15;

impl Number {
    /// The number that a floating-point calculation gave; none if it is infinite or not a number.
    ///
    /// A whole number becomes an integer, as far as `f64` holds integers exactly.
    pub fn from_f64(value: f64) -> Option<Number> {
        const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
        match value {
            _ if !value.is_finite() => None,
            _ if value.fract() == 0.0 && value.abs() <= WHOLE_MAX => Some(Number::Integer(value as i64)),
            _ => Some(Number::Float(value)),
        }
    }

    /// The number that this JSON number token stands for; the token must be well formed.
    pub(super) fn from_token(token: &str, is_integer: bool) -> Number {
        if is_integer {
            return match token.parse() {
                // `-0` is 0, as recorded from `States.StringToJson('-0')`.
                Ok(value) => Number::Integer(value),
                Err(_) => Number::Exact(token.into()),
            };
        }
        let mantissa = token.split(['e', 'E']).next().unwrap_or(token);
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
        match token.parse::<f64>() {
            Ok(value) if digits <= FLOAT_DIGITS_MAX && (value.is_normal() || value == 0.0) => Number::Float(value),
            _ => Number::Exact(token.into()),
        }
    }

    /// The value as a floating-point number, rounded to the nearest.
    pub fn as_f64(&self) -> f64 {
        match self {
            Number::Integer(value) => *value as f64,
            Number::Float(value) => *value,
            Number::Exact(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// The value as an integer, if it is a whole number that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Number::Integer(value) => Some(*value),
            Number::Float(value) => match Number::from_f64(*value) {
                Some(Number::Integer(value)) => Some(value),
                _ => None,
            },
            Number::Exact(_) => None,
        }
    }

    pub(super) fn json_bytes(&self) -> usize {
        match self {
            Number::Integer(value) => {
                let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
                digits + usize::from(*value < 0)
            }
            Number::Float(value) => zmij::Buffer::new().format_finite(*value).len(),
            Number::Exact(text) => text.len(),
        }
    }

    pub(super) fn write(&self, out: &mut String) {
        match self {
            Number::Integer(value) => out.push_str(itoa::Buffer::new().format(*value)),
            Number::Float(value) => out.push_str(zmij::Buffer::new().format_finite(*value)),
            Number::Exact(text) => out.push_str(text),
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Number {
        Number::Integer(value)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

/// By value: `1` equals `1.0`. Integers compare exactly.
impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Integer(left), Number::Integer(right)) => Some(left.cmp(right)),
            (Number::Exact(left), Number::Exact(right)) if left == right => Some(Ordering::Equal),
            _ => match self.as_f64().partial_cmp(&other.as_f64()) {
                // Two numbers that round to the same f64 differ when one is an integer beyond 2^53.
                Some(Ordering::Equal) => Some(self.whole().cmp(&other.whole())),
                ordering => ordering,
            },
        }
    }
}

/// Equal numbers have equal hashes. Others share one only by chance, however many digits they have in common.
impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Adding 0 turns -0 into 0.
        (self.as_f64() + 0.0).to_bits().hash(state);
        self.whole().hash(state);
    }
}

impl Number {
    /// The integer that tells apart numbers which are equal as `f64`.
    fn whole(&self) -> i128 {
        match self {
            Number::Integer(value) => i128::from(*value),
            Number::Float(value) => *value as i128,
            Number::Exact(text) => text.parse().unwrap_or_else(|_| self.as_f64() as i128),
        }
    }
}
