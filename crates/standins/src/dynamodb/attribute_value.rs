//! Items as people write them, and as DynamoDB does.

use expressway_asl::Document;
use expressway_asl::document::{Array, Object, Text};

/// The names of types of attribute values.
const TYPES: &[&str] = &["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"];

/// The item with types, `{"id": {"S": "1"}}`, of one with or without them.
///
/// It is taken to have types already when every attribute has one.
pub(crate) fn to_typed(item: &Object) -> Object {
    match item.values().all(is_typed) {
        true => item.clone(),
        false => typed_members(item),
    }
}

/// The item without types. Sets become arrays, numbers and binary values stay the text that they are written as.
pub(crate) fn to_plain(item: &Document) -> Document {
    let members = item.as_object().into_iter().flat_map(Object::iter);
    let plain: Object = members
        .map(|(name, value)| (Text::clone(name), plain_value(value)))
        .collect();
    plain.into()
}

fn is_typed(value: &Document) -> bool {
    let Some(object) = value.as_object() else {
        return false;
    };
    let mut members = object.iter();
    members.len() == 1 && members.all(|(name, _)| TYPES.contains(&&**name))
}

fn typed_members(object: &Object) -> Object {
    object
        .iter()
        .map(|(name, value)| (Text::clone(name), typed_value(value)))
        .collect()
}

fn typed_value(value: &Document) -> Document {
    match value {
        Document::Null => Document::object([("NULL", Document::Bool(true))]),
        Document::Bool(_) => Document::object([("BOOL", value.clone())]),
        Document::Number(_) => Document::object([("N", value.to_json().into())]),
        Document::String(_) => Document::object([("S", value.clone())]),
        Document::Array(items) => {
            let items: Array = items.iter().map(typed_value).collect();
            Document::object([("L", Document::Array(items))])
        }
        Document::Object(object) => Document::object([("M", typed_members(object).into())]),
        // What was parsed from text holds none; what it would be for others is its pointer.
        Document::Reference(reference) => typed_value(&reference.pointer().into()),
    }
}

fn plain_value(value: &Document) -> Document {
    let Some((name, content)) = value.as_object().and_then(|object| object.iter().next()) else {
        return value.clone();
    };
    match (&**name, content) {
        ("NULL", _) => Document::Null,
        ("N", Document::String(number)) => Document::parse(number).unwrap_or_else(|_| content.clone()),
        ("NS", Document::Array(numbers)) => {
            let parse = |number: &Document| Document::parse(number.as_str()?).ok();
            let numbers: Array = numbers.iter().map(|number| parse(number).unwrap_or_default()).collect();
            Document::Array(numbers)
        }
        ("L", Document::Array(items)) => Document::Array(items.iter().map(plain_value).collect::<Array>()),
        ("M", content) => to_plain(content),
        _ => content.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_get_types_unless_they_have_them() {
        for (plain, typed) in [
            (
                r#"{"id":"1","total":19.9,"paid":true,"note":null,"lines":[{"sku":"A"}]}"#,
                r#"{"id":{"S":"1"},"total":{"N":"19.9"},"paid":{"BOOL":true},"note":{"NULL":true},"lines":{"L":[{"M":{"sku":{"S":"A"}}}]}}"#,
            ),
            (r#"{"id":{"S":"1"}}"#, r#"{"id":{"S":"1"}}"#),
            (
                r#"{"id":{"S":"1"},"n":2}"#,
                r#"{"id":{"M":{"S":{"S":"1"}}},"n":{"N":"2"}}"#,
            ),
        ] {
            let item = Document::parse(plain).unwrap();
            assert_eq!(Document::from(to_typed(item.as_object().unwrap())).to_json(), typed);
        }
        let typed = Document::parse(r#"{"a":{"NS":["1","2.5"]},"b":{"M":{"c":{"N":"1"}}},"d":{"SS":["x"]}}"#).unwrap();
        assert_eq!(to_plain(&typed).to_json(), r#"{"a":[1,2.5],"b":{"c":1},"d":["x"]}"#);
    }
}
