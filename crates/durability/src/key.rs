//! What tells executions apart, and what tells inputs and definitions apart.

use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};

/// The longest key that goes into the table as it is, in bytes; of a longer one its digest does. DynamoDB takes
/// partition keys of 2,048 bytes, and an ARN goes before it.
const KEY_BYTES_MAX: usize = 1_024;

/// The identity of an execution: the same for each delivery of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    partition: String,
}

impl Key {
    /// The key of an execution of a state machine.
    pub fn new(state_machine_arn: &str, key: &str) -> Key {
        let partition = match key.len() {
            0..=KEY_BYTES_MAX => format!("{state_machine_arn}#{key}"),
            _ => format!("{state_machine_arn}#sha256:{}", Fingerprint::of(key.as_bytes())),
        };
        Key { partition }
    }

    /// Bits that are the same for each delivery and no other execution.
    pub fn id(&self) -> u128 {
        let digest = self.seed();
        let (bits, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
        u128::from_be_bytes(*bits)
    }

    /// The partition key of all items of the execution.
    pub(crate) fn partition(&self) -> &str {
        &self.partition
    }

    /// What tokens and random bits of the execution derive from.
    pub(crate) fn seed(&self) -> [u8; 32] {
        Sha256::digest(self.partition.as_bytes()).into()
    }
}

/// The SHA-256 of something that must not change between deliveries, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of these bytes.
    pub fn of(bytes: &[u8]) -> Fingerprint {
        let mut digits = String::with_capacity(64);
        for byte in Sha256::digest(bytes) {
            // Writing to a string can not fail.
            let _ = write!(digits, "{byte:02x}");
        }
        Fingerprint(digits)
    }

    /// Its 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_key_fits_into_the_table() {
        let key = Key::new("arn", &"k".repeat(5000));
        assert_eq!(key.partition().len(), "arn#sha256:".len() + 64);
        assert_ne!(key, Key::new("arn", &"k".repeat(5001)));
        assert_eq!(Key::new("arn", "order-1").partition(), "arn#order-1");
    }
}
