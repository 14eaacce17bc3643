//! What tells definitions apart: all that has a meaning.

use expressway_asl::document::{Object, Text};
use expressway_asl::{Document, parse_data};
use expressway_durability::Fingerprint;
use std::collections::BTreeMap;

/// The fingerprint of a definition. Layout, the order of members and comments do not count, the values of
/// substitutions do.
pub(crate) fn definition_fingerprint(text: &str, substitutions: &BTreeMap<String, String>) -> Fingerprint {
    let definition = match parse_data(text) {
        Ok(definition) => machine(&definition),
        // A text that only becomes a definition by its substitutions.
        Err(_) => text.into(),
    };
    let substitutions = substitutions
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().into()));
    let substitutions = Object::from_iter(substitutions.map(|(name, value)| (Text::from(name), value)));
    Fingerprint::of(&Document::from(vec![definition, substitutions.into()]))
}

/// The object without its comment, and with other values for some members.
fn members(value: &Document, change: impl Fn(&str, &Document) -> Option<Document>) -> Document {
    let Document::Object(object) = value else {
        return value.clone();
    };
    let members = object.iter().filter(|(name, _)| &***name != "Comment");
    let members = members.map(|(name, value)| {
        let value = change(name, value).unwrap_or_else(|| value.clone());
        (Text::clone(name), value)
    });
    Document::Object(members.collect())
}

/// An array with each of its items changed.
fn each(value: &Document, change: impl Fn(&Document) -> Document) -> Document {
    match value.as_array() {
        Some(items) => items.iter().map(change).collect::<Vec<_>>().into(),
        None => value.clone(),
    }
}

fn machine(value: &Document) -> Document {
    members(value, |name, value| {
        let states = value.as_object().filter(|_| name == "States")?;
        let states = states.iter().map(|(name, value)| (Text::clone(name), state(value)));
        Some(Document::Object(states.collect()))
    })
}

fn state(value: &Document) -> Document {
    members(value, |name, value| match name {
        "Branches" => Some(each(value, machine)),
        "Iterator" | "ItemProcessor" => Some(machine(value)),
        "Retry" | "Catch" => Some(each(value, |handler| members(handler, |_, _| None))),
        "Choices" => Some(each(value, rule)),
        _ => None,
    })
}

fn rule(value: &Document) -> Document {
    members(value, |name, value| match name {
        "And" | "Or" => Some(each(value, rule)),
        "Not" => Some(rule(value)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINITION: &str = r#"{"StartAt":"A","States":{
        "A":{"Type":"Choice","Choices":[{"And":[{"Variable":"$.a","IsPresent":true},{"Not":{"Variable":"$.b","IsNull":true}}],"Next":"B"}],"Default":"B"},
        "B":{"Type":"Map","ItemProcessor":{"StartAt":"C","States":{"C":{"Type":"Pass","Result":{"Comment":"data"},"End":true}}},"Next":"D"},
        "D":{"Type":"Parallel","Branches":[{"StartAt":"E","States":{"E":{"Type":"Task","Resource":"r",
            "Retry":[{"ErrorEquals":["X"]}],"Catch":[{"ErrorEquals":["Y"],"Next":"F"}],"End":true},"F":{"Type":"Succeed"}}}],"End":true}}}"#;

    fn fingerprint(text: &str) -> Fingerprint {
        definition_fingerprint(text, &BTreeMap::new())
    }

    #[test]
    fn comments_and_layout_are_no_change() {
        let comment = r#""Comment":"why","#;
        let places = [
            r#""StartAt":"A""#,
            r#""Type":"Choice""#,
            r#""And":"#,
            r#""Variable":"$.a""#,
            r#""Variable":"$.b""#,
            r#""Type":"Map""#,
            r#""StartAt":"C""#,
            r#""Type":"Pass""#,
            r#""StartAt":"E""#,
            r#""ErrorEquals":["X"]"#,
            r#""ErrorEquals":["Y"]"#,
        ];
        for place in places {
            let commented = DEFINITION.replace(place, &format!("{comment}{place}"));
            assert_ne!(commented, DEFINITION);
            assert_eq!(fingerprint(&commented), fingerprint(DEFINITION), "{place}");
        }
        let pretty = Document::parse(DEFINITION).unwrap().to_json_pretty();
        assert_eq!(fingerprint(&pretty), fingerprint(DEFINITION));
    }

    #[test]
    fn everything_else_is_a_change() {
        for (from, to) in [
            (r#""Comment":"data""#, r#""Comment":"other data""#),
            (r#""Default":"B""#, r#""Default":"D""#),
            ("$.b", "$.c"),
            (r#"["X"]"#, r#"["Z"]"#),
            (r#""Resource":"r""#, r#""Resource":"s""#),
        ] {
            let changed = DEFINITION.replace(from, to);
            assert_ne!(fingerprint(&changed), fingerprint(DEFINITION), "{to}");
        }
        let substituted = |value: &str| {
            let substitutions = BTreeMap::from([("Name".to_owned(), value.to_owned())]);
            definition_fingerprint(DEFINITION, &substitutions)
        };
        assert_ne!(substituted("a"), substituted("b"));
    }
}
