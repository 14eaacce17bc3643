//! Percent encoding.

/// Percent-encodes everything but letters, digits and `-_.~`, as AWS's signatures do.
pub fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_percent(&mut out, text, b"");
    out
}

/// Appends the percent-encoded text; bytes of `kept` stay as they are.
pub(crate) fn push_percent(out: &mut String, text: &str, kept: &[u8]) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or('0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_bytes_stay() {
        assert_eq!(percent("a-_.~Z9"), "a-_.~Z9");
        assert_eq!(percent("a b/c+é"), "a%20b%2Fc%2B%C3%A9");
        let mut out = String::new();
        push_percent(&mut out, "a/b c", b"/");
        assert_eq!(out, "a/b%20c");
    }
}
