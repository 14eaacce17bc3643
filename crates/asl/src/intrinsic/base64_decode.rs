//! `States.Base64Decode(text)`: the text whose UTF-8 is encoded.

use super::arguments::check_length;
use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::Document;
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.Base64Decode",
    parameters: &[Kind::Text],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::All,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let text = arguments.text(0)?;
    check_length(text)?;
    Ok(String::from_utf8_lossy(&decode(text)).into_owned().into())
}

/// Decodes as leniently as the service, which refuses nothing: what is not of the alphabet is passed over, and
/// padding ends the text, whether it is complete or not.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut bits = 0_u32;
    let mut count = 0;
    for sextet in text.bytes().take_while(|byte| *byte != b'=').filter_map(sextet) {
        bits = (bits << 6 | u32::from(sextet)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// The value of a character in the usual alphabet and the one for URLs.
fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intrinsic::tests::{check, check_failure};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    #[test]
    fn decodes_what_it_can() {
        for (text, expected) in [
            ("", ""),
            ("RGF0YSB0byBlbmNvZGU=", "Data to encode"),
            ("4pyT", "✓"),
            (" YWJj\\r\\nZA== ", "abcd"),
            ("YWJjZA", "abcd"),
            ("YWJj!ZA==", "abcd"),
            ("YWI=Y2Q=", "ab"),
            ("_-8=", "\u{fffd}\u{fffd}"),
        ] {
            check(
                &format!("\"{text}\""),
                "States.Base64Decode($)",
                &format!("\"{expected}\""),
            );
        }
    }

    #[test]
    fn limits_the_text() {
        check_failure(
            &format!("\"{}\"", "A".repeat(10_001)),
            "States.Base64Decode($)",
            "Invalid arguments in States.Base64Decode: the text is longer than 10000 characters",
        );
    }

    proptest! {
        #[test]
        fn reverses_encoding(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(decode(&STANDARD.encode(&bytes)), bytes);
        }
    }
}
