//! What tells executions apart, and what tells inputs and definitions apart.

mod canonical;

use expressway_asl::Document;
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};

/// The identity of an execution: the same for each delivery of an event.
///
/// A key is a digest over the state machine, the kind of source, the caller, and the key that the source or the
/// configuration gives. Two sources or two callers never share a key, whatever they send. What went into it cannot be
/// read back from the table or from an ARN: raw keys are often personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    digits: String,
    partition: String,
}

/// What a key is made of.
#[derive(Clone, Copy, Debug)]
pub struct KeyParts<'k> {
    /// The ARN of the state machine.
    pub state_machine_arn: &'k str,
    /// The kind of the source: `http`, `sqs`, ...
    pub source: &'k str,
    /// Who asks, where the source knows.
    pub caller: Option<&'k Document>,
    /// What the source or the configuration says.
    pub key: &'k str,
}

impl Key {
    /// Derives the key of an execution.
    pub fn new(parts: KeyParts<'_>) -> Key {
        let caller = parts.caller.map(|caller| Fingerprint::of(caller).0);
        let digits = digits(&digest(&[
            parts.state_machine_arn.as_bytes(),
            parts.source.as_bytes(),
            caller.unwrap_or_default().as_bytes(),
            parts.key.as_bytes(),
        ]));
        Key::from_digits(parts.state_machine_arn, &digits)
    }

    /// The key with these 64 hexadecimal digits, as [`as_str`](Key::as_str) returns them.
    pub fn from_digits(state_machine_arn: &str, digits: &str) -> Key {
        Key {
            partition: format!("{state_machine_arn}#{digits}"),
            digits: digits.to_owned(),
        }
    }

    /// Its 64 hexadecimal digits: the name of the execution.
    pub fn as_str(&self) -> &str {
        &self.digits
    }

    /// The partition key of all items of the execution.
    pub fn partition(&self) -> &str {
        &self.partition
    }
}

/// The SHA-256 of something that must not change between deliveries, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a value. The order of members, the spelling of numbers and white space do not count.
    pub fn of(value: &Document) -> Fingerprint {
        let mut digest = Sha256::new();
        canonical::write(value, &mut digest);
        Fingerprint(digits(&digest.finalize()))
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

/// The digest of parts, each with its length before it so that no two lists of parts look alike.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// Bytes as hexadecimal digits.
pub(crate) fn digits(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(source: &str, caller: Option<&str>, key: &str) -> Key {
        Key::new(KeyParts {
            state_machine_arn: "arn",
            source,
            caller: caller.map(Document::from).as_ref(),
            key,
        })
    }

    #[test]
    fn every_part_counts_and_parts_do_not_run_together() {
        let all = [
            key("http", None, "k"),
            key("sqs", None, "k"),
            key("http", Some("k"), ""),
            key("http", Some("k"), "k"),
            key("http", Some(""), "k"),
            key("httpk", None, ""),
            key("http", None, "kk"),
            key("http", None, &"k".repeat(5_000)),
            key("http", None, &format!("sha256:{}", key("http", None, "k").as_str())),
            key("http", None, key("http", None, "k").as_str()),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one.partition().len(), "arn#".len() + 64);
            for other in all.iter().skip(at + 1) {
                assert_ne!(one, other);
            }
        }
        assert_eq!(key("http", None, "k"), key("http", None, "k"));
    }

    #[test]
    fn a_key_can_be_found_by_its_digits() {
        let key = key("sqs", None, "m-1");
        assert_eq!(Key::from_digits("arn", key.as_str()), key);
    }
}
