//! The canonical form of a JSON value, for digests.

use expressway_asl::Document;
use sha2::{Digest, Sha256};

/// Feeds a value to a digest. Equal values give equal bytes, different values different ones: each value has a tag
/// for its kind and, where it has no fixed length, its length.
pub(super) fn write(value: &Document, digest: &mut Sha256) {
    match value {
        Document::Null => digest.update(b"z"),
        Document::Bool(true) => digest.update(b"t"),
        Document::Bool(false) => digest.update(b"f"),
        Document::Number(_) => text(b'n', &number(&value.to_json()), digest),
        Document::String(string) => text(b's', string, digest),
        Document::Array(items) => {
            length(b'a', items.len(), digest);
            for item in items.iter() {
                write(item, digest);
            }
        }
        Document::Object(object) => {
            length(b'o', object.len(), digest);
            let mut members: Vec<_> = object.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            for (key, value) in members {
                text(b'k', key, digest);
                write(value, digest);
            }
        }
        // Its pointer: what it points to has not been loaded.
        Document::Reference(_) => text(b'r', &value.to_json(), digest),
    }
}

fn text(tag: u8, text: &str, digest: &mut Sha256) {
    length(tag, text.len(), digest);
    digest.update(text.as_bytes());
}

fn length(tag: u8, length: usize, digest: &mut Sha256) {
    digest.update([tag]);
    digest.update((length as u64).to_be_bytes());
}

/// A number of JSON as its significant digits and a power of ten: `5`, `5.0` and `50e-1` are all `5e0`.
fn number(spelling: &str) -> String {
    let (sign, rest) = match spelling.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", spelling),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    // An exponent that does not fit is its own spelling: no two programs agree on such a number anyway.
    let Ok(exponent) = exponent.trim_start_matches('+').parse::<i64>() else {
        return spelling.to_owned();
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    let trailing = all.len() - all.trim_end_matches('0').len();
    let shift = i128::from(exponent) + trailing as i128 - fraction.len() as i128;
    format!("{sign}{significant}e{shift}")
}

#[cfg(test)]
mod tests {
    use super::super::Fingerprint;
    use expressway_asl::Document;

    fn fingerprint(json: &str) -> Fingerprint {
        Fingerprint::of(&Document::parse(json).unwrap())
    }

    #[test]
    fn spellings_of_the_same_value_have_the_same_fingerprint() {
        for (one, other) in [
            ("5", "5.0"),
            ("5", "50e-1"),
            ("5", "0.5E+1"),
            ("500", "5e2"),
            ("0", "-0.0"),
            ("0", "0e7"),
            ("1e400", "10E399"),
            ("-1.50", "-15e-1"),
            ("12345678901234567890.10", "12345678901234567890.1"),
            (
                r#"{"a":1,"b":[2,{"c":3,"d":4}]}"#,
                r#"{ "b": [2, {"d":4, "c":3.0}], "a": 1 }"#,
            ),
            (r#""\u00e9\/""#, r#""é/""#),
        ] {
            assert_eq!(fingerprint(one), fingerprint(other), "{one} {other}");
        }
    }

    #[test]
    fn different_values_have_different_fingerprints() {
        let all = [
            "null",
            "true",
            "false",
            "0",
            "1",
            "-1",
            "10",
            "0.1",
            "1e99999999999999999999",
            r#""""#,
            r#""1""#,
            r#""null""#,
            "[]",
            "[[]]",
            "[1,2]",
            "[2,1]",
            "[12]",
            "{}",
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":{},"b":1}"#,
            r#"["a",1]"#,
        ];
        for (at, one) in all.iter().enumerate() {
            for other in all.iter().skip(at + 1) {
                assert_ne!(fingerprint(one), fingerprint(other), "{one} {other}");
            }
        }
    }
}
