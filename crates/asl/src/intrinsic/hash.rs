//! `States.Hash(data, algorithm)`: a digest in hexadecimal digits.

use super::arguments::check_length;
use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::Document;
use crate::scope::Scope;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt::Write;

pub(super) static FUNCTION: Function = Function {
    name: "States.Hash",
    parameters: &[Kind::Any, Kind::Text],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::All,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let json;
    let data = match arguments.any(0)? {
        Document::String(text) => text,
        other => {
            json = other.to_json();
            json.as_str()
        }
    };
    check_length(data)?;
    let algorithm = arguments.text(1)?;
    match digest(data, algorithm) {
        Some(digest) => Ok(digest.into()),
        None => Failure::because(format!(
            "the algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512, not {algorithm}"
        )),
    }
}

/// The digest of a text in hexadecimal digits; none if the algorithm is not known.
pub(crate) fn digest(data: &str, algorithm: &str) -> Option<String> {
    let digest = match algorithm {
        "MD5" => Md5::digest(data).to_vec(),
        "SHA-1" => Sha1::digest(data).to_vec(),
        "SHA-256" => Sha256::digest(data).to_vec(),
        "SHA-384" => Sha384::digest(data).to_vec(),
        "SHA-512" => Sha512::digest(data).to_vec(),
        _ => return None,
    };
    let mut text = String::with_capacity(digest.len() * 2);
    for byte in digest {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::{check, check_failure};

    #[test]
    fn digests() {
        for (data, algorithm, expected) in [
            (r#""abc""#, "MD5", "900150983cd24fb0d6963f7d28e17f72"),
            (r#""abc""#, "SHA-1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                r#""abc""#,
                "SHA-256",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                r#""abc""#,
                "SHA-384",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                r#""abc""#,
                "SHA-512",
                concat!(
                    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
                    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
                ),
            ),
            (r#""""#, "MD5", "d41d8cd98f00b204e9800998ecf8427e"),
            (r#""123""#, "MD5", "202cb962ac59075b964b07152d234b70"),
            ("123", "MD5", "202cb962ac59075b964b07152d234b70"),
        ] {
            check(
                data,
                &format!("States.Hash($, '{algorithm}')"),
                &format!("\"{expected}\""),
            );
        }
    }

    #[test]
    fn knows_five_algorithms() {
        for algorithm in ["", "sha-256", "SHA256", "MD-5", "CRC"] {
            check_failure(
                r#""abc""#,
                &format!("States.Hash($, '{algorithm}')"),
                &format!(
                    "Invalid arguments in States.Hash: the algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512, \
                     not {algorithm}"
                ),
            );
        }
    }

    #[test]
    fn limits_the_data() {
        check_failure(
            &format!("\"{}\"", "a".repeat(10_001)),
            "States.Hash($, 'MD5')",
            "Invalid arguments in States.Hash: the text is longer than 10000 characters",
        );
    }
}
