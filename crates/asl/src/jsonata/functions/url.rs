//! `$encodeUrl`, `$decodeUrl` and their siblings, which are JavaScript's functions of nearly the same names.

use super::{Arguments, Outcome, Surroundings, argument, error, wrong_argument};
use crate::document::Document;
use jsonata_core::value::JValue;
use std::fmt::Write;

/// What stays as it is within a part of a URL, besides letters and digits.
const UNRESERVED: &str = "-_.!~*'()";

/// What has a meaning in a URL.
const RESERVED: &str = ";/?:@&=+$,#";

pub(super) fn encode_url(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    with_text(arguments, "encodeUrl", |text| {
        Some(encode(text, |character| {
            UNRESERVED.contains(character) || RESERVED.contains(character)
        }))
    })
}

pub(super) fn encode_url_component(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    with_text(arguments, "encodeUrlComponent", |text| {
        Some(encode(text, |character| UNRESERVED.contains(character)))
    })
}

pub(super) fn decode_url(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    with_text(arguments, "decodeUrl", |text| decode(text, RESERVED))
}

pub(super) fn decode_url_component(arguments: Arguments<'_>, _surroundings: &Surroundings) -> Outcome {
    with_text(arguments, "decodeUrlComponent", |text| decode(text, ""))
}

fn with_text(arguments: Arguments<'_>, name: &str, change: impl FnOnce(&str) -> Option<String>) -> Outcome {
    match argument(arguments, 1) {
        None => Ok(JValue::Undefined),
        Some(JValue::String(text)) => match change(text) {
            Some(changed) => Ok(JValue::string(changed)),
            None => {
                let text = Document::from(&**text);
                error("D3140", format_args!("Malformed URL passed to ${name}(): {text}"))
            }
        },
        Some(_) => wrong_argument(name, 1),
    }
}

fn encode(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || stays(character) {
            encoded.push(character);
            continue;
        }
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Decodes all but the characters in `kept`; none if an escape is not complete or not UTF-8.
fn decode(text: &str, kept: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        decoded.push_str(rest.get(..at)?);
        rest = rest.get(at..)?;
        let first = escaped_byte(rest)?;
        let length = match first {
            0x00..=0x7f => 1,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => return None,
        };
        let (escapes, after) = rest.split_at_checked(3 * length)?;
        let bytes: Vec<u8> = (0..length)
            .map(|place| escaped_byte(escapes.get(3 * place..)?))
            .collect::<Option<_>>()?;
        let character = std::str::from_utf8(&bytes).ok()?;
        match kept.contains(character) {
            true => decoded.push_str(escapes),
            false => decoded.push_str(character),
        }
        rest = after;
    }
    decoded.push_str(rest);
    Some(decoded)
}

/// The byte of an escape such as `%2F` at the start of a text.
fn escaped_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    are_digits.then(|| u8::from_str_radix(digits, 16).ok())?
}
