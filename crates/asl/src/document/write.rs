//! JSON text out of documents.

use super::Document;

/// Whether a byte of a string must be escaped in JSON text.
#[inline(always)]
const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// How many bytes the JSON text of this string has, quotes included.
pub(super) fn string_bytes(text: &str) -> usize {
    if is_plain(text) {
        return text.len() + 2;
    }
    let escapes = text.bytes().filter(|byte| needs_escape(*byte));
    let extra: usize = escapes
        .map(|byte| if short_escape(byte).is_some() { 1 } else { 5 })
        .sum();
    text.len() + 2 + extra
}

/// Whether nothing in the text must be escaped. Looks at all of it without a branch, which compilers turn
/// into vector instructions: most strings are plain. A loop, for iterators take three times as long where nothing is
/// optimized, and tests look at gigabytes.
fn is_plain(text: &str) -> bool {
    let mut found = false;
    for &byte in text.as_bytes() {
        found |= needs_escape(byte);
    }
    !found
}

const fn short_escape(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b'"' => "\\\"",
        b'\\' => "\\\\",
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\t' => "\\t",
        0x08 => "\\b",
        0x0c => "\\f",
        _ => return None,
    })
}

/// Appends `text` as a JSON string.
pub(crate) fn string(text: &str, out: &mut String) {
    out.push('"');
    if is_plain(text) {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if !needs_escape(byte) {
            continue;
        }
        // Escaped bytes are ASCII, so these are boundaries of characters.
        out.push_str(text.get(written..at).unwrap_or_default());
        written = at + 1;
        match short_escape(byte) {
            Some(escape) => out.push_str(escape),
            None => {
                out.push_str("\\u00");
                out.push(if byte < 0x10 { '0' } else { '1' });
                out.push(char::from_digit(u32::from(byte & 0xf), 16).unwrap_or('0'));
            }
        }
    }
    out.push_str(text.get(written..).unwrap_or_default());
    out.push('"');
}

pub(super) fn compact(document: &Document, out: &mut String) {
    match document {
        Document::Array(array) => {
            out.push('[');
            for (at, item) in array.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                compact(item, out);
            }
            out.push(']');
        }
        Document::Object(object) => {
            out.push('{');
            for (at, (key, value)) in object.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                string(key, out);
                out.push(':');
                compact(value, out);
            }
            out.push('}');
        }
        scalar => self::scalar(scalar, out),
    }
}

pub(super) fn pretty(document: &Document, indent: usize, out: &mut String) {
    let line = |out: &mut String, indent: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", indent));
    };
    match document {
        Document::Array(array) if !array.is_empty() => {
            out.push('[');
            for (at, item) in array.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                line(out, indent + 1);
                pretty(item, indent + 1, out);
            }
            line(out, indent);
            out.push(']');
        }
        Document::Object(object) if !object.is_empty() => {
            out.push('{');
            for (at, (key, value)) in object.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                line(out, indent + 1);
                string(key, out);
                out.push_str(": ");
                pretty(value, indent + 1, out);
            }
            line(out, indent);
            out.push('}');
        }
        other => compact(other, out),
    }
}

fn scalar(document: &Document, out: &mut String) {
    match document {
        Document::Bool(true) => out.push_str("true"),
        Document::Bool(false) => out.push_str("false"),
        Document::Number(number) => number.write(out),
        Document::String(text) => string(text, out),
        Document::Reference(reference) => reference.write_pointer(out),
        _ => out.push_str("null"),
    }
}
