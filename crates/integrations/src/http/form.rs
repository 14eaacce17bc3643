//! Bodies as forms: `Transform.RequestBodyEncoding` is `URL_ENCODED`.

use crate::web;
use expressway_asl::Document;
use expressway_aws::percent;

/// How an array is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArrayFormat {
    /// `a[0]=1&a[1]=2`, the default.
    Indices,
    /// `a=1&a=2`
    Repeat,
    /// `a=1,2`
    Commas,
    /// `a[]=1&a[]=2`
    Brackets,
}

impl ArrayFormat {
    /// The format that a definition calls so.
    pub(super) fn named(name: &str) -> Option<ArrayFormat> {
        Some(match name {
            "INDICES" => ArrayFormat::Indices,
            "REPEAT" => ArrayFormat::Repeat,
            "COMMAS" => ArrayFormat::Commas,
            "BRACKETS" => ArrayFormat::Brackets,
            _ => return None,
        })
    }
}

/// Writes an object as a form; members of objects within it have names like `a[b]`.
pub(super) fn encode(body: &Document, format: ArrayFormat) -> String {
    let mut pairs = Vec::new();
    push(&mut pairs, "", body, format);
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", percent(name), percent(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn push(pairs: &mut Vec<(String, String)>, name: &str, value: &Document, format: ArrayFormat) {
    match value {
        Document::Object(object) => {
            for (key, value) in object.iter() {
                let name = if name.is_empty() {
                    key.to_string()
                } else {
                    format!("{name}[{key}]")
                };
                push(pairs, &name, value, format);
            }
        }
        Document::Array(items) if format == ArrayFormat::Commas => {
            let items: Vec<String> = items.iter().map(web::text).collect();
            pairs.push((name.to_owned(), items.join(",")));
        }
        Document::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = match format {
                    ArrayFormat::Indices => format!("{name}[{index}]"),
                    ArrayFormat::Brackets => format!("{name}[]"),
                    ArrayFormat::Repeat | ArrayFormat::Commas => name.to_owned(),
                };
                push(pairs, &name, item, format);
            }
        }
        Document::Null => pairs.push((name.to_owned(), String::new())),
        scalar => pairs.push((name.to_owned(), web::text(scalar))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_written_as_asked_for() {
        let body = Document::parse(r#"{"a":["x y",2],"b":{"c":true},"d":null}"#).unwrap();
        for (format, expected) in [
            ("INDICES", "a%5B0%5D=x%20y&a%5B1%5D=2&b%5Bc%5D=true&d="),
            ("REPEAT", "a=x%20y&a=2&b%5Bc%5D=true&d="),
            ("COMMAS", "a=x%20y%2C2&b%5Bc%5D=true&d="),
            ("BRACKETS", "a%5B%5D=x%20y&a%5B%5D=2&b%5Bc%5D=true&d="),
        ] {
            assert_eq!(encode(&body, ArrayFormat::named(format).unwrap()), expected);
        }
        assert_eq!(ArrayFormat::named("TABS"), None);
    }
}
