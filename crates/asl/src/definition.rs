//! A definition as written: a tree of values that remember where they stand in the text.
//!
//! Definitions are read so, and so can be other files that people write: [`read`] takes JSON and YAML.

mod json;
mod yaml;

use crate::diagnostic::Span;
use crate::document::{Array, Document, Number, ParseError, Text};
use std::collections::BTreeMap;

/// One value of a definition.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a [`Node`] is.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are those of JSON")]
pub enum Value {
    Null,
    Bool(bool),
    Number(Number),
    String(Text),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// A member of an object. Keys may repeat, which the compiler reports.
#[derive(Clone, Debug)]
pub struct Member {
    /// The key.
    pub key: Text,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value without positions.
    pub fn to_document(&self) -> Document {
        match &self.value {
            Value::Null => Document::Null,
            Value::Bool(value) => Document::Bool(*value),
            Value::Number(number) => Document::Number(number.clone()),
            Value::String(text) => Document::String(Text::clone(text)),
            Value::Array(items) => Document::Array(items.iter().map(Node::to_document).collect::<Array>()),
            Value::Object(members) => Document::Object(
                members
                    .iter()
                    .map(|member| (Text::clone(&member.key), member.value.to_document()))
                    .collect(),
            ),
        }
    }

    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&Text> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Object(members) => members
                .iter()
                .find(|member| *member.key == *key)
                .map(|member| &member.value),
            _ => None,
        }
    }
}

/// Values for `${Name}` in a definition.
#[derive(Debug)]
pub(crate) struct Substitutions<'s> {
    values: &'s BTreeMap<String, String>,
    /// Names that have no value, and where they stand.
    pub(crate) unknown: Vec<(String, Span)>,
}

impl<'s> Substitutions<'s> {
    pub(crate) fn new(values: &'s BTreeMap<String, String>) -> Substitutions<'s> {
        Substitutions {
            values,
            unknown: Vec::new(),
        }
    }

    /// Replaces `${Name}` by its value. What has no value stays, as in CloudFormation.
    fn apply(&mut self, text: &str, span: Span) -> Text {
        if !text.contains("${") {
            return text.into();
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            match after.split_once('}') {
                Some((name, after)) if is_name(name) => {
                    out.push_str(&self.value(name, span));
                    rest = after;
                }
                _ => {
                    out.push_str("${");
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out.into()
    }

    fn value(&mut self, name: &str, span: Span) -> String {
        match self.values.get(name) {
            Some(value) => value.clone(),
            None => {
                self.unknown.push((name.to_owned(), span));
                format!("${{{name}}}")
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Reads any JSON or YAML.
///
/// # Errors
/// Where the text is neither.
pub fn read(text: &str) -> Result<Node, ParseError> {
    parse(text, &mut Substitutions::new(&BTreeMap::new()))
}

/// Reads a definition: JSON if it begins like JSON, else YAML.
///
/// # Errors
/// Where the text is neither.
pub(crate) fn parse(text: &str, substitutions: &mut Substitutions<'_>) -> Result<Node, ParseError> {
    let is_json = matches!(text.trim_start().chars().next(), Some('{' | '[' | '"'));
    // A YAML definition is a mapping, so that its first line that says anything has a colon.
    let first_line = text
        .lines()
        .find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let is_yaml = first_line.is_some_and(|line| line.contains(':') || line.trim() == "---");
    if is_yaml && !is_json {
        yaml::parse(text, substitutions)
    } else {
        json::parse(text, substitutions)
    }
}

/// Reads a file of data as definitions are read: JSON if it begins like JSON, else YAML. A `${Name}` stays as it is.
///
/// # Errors
/// Where the text is neither.
pub fn parse_data(text: &str) -> Result<Document, ParseError> {
    let no_values = BTreeMap::new();
    Ok(parse(text, &mut Substitutions::new(&no_values))?.to_document())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Vec<String>) {
        let values = BTreeMap::from([("Fn".to_owned(), "a\"b".to_owned()), ("N".to_owned(), "5".to_owned())]);
        let mut substitutions = Substitutions::new(&values);
        let node = parse(text, &mut substitutions).unwrap_or_else(|error| panic!("{text}: {error}"));
        (
            node.to_document().to_json(),
            substitutions.unknown.into_iter().map(|(name, _)| name).collect(),
        )
    }

    #[test]
    fn substitutions_are_text_within_strings_and_json_outside() {
        for (text, json, unknown) in [
            (r#"{"a":"x-${Fn}-y"}"#, r#"{"a":"x-a\"b-y"}"#, ""),
            (r#"{"a":${N}}"#, r#"{"a":5}"#, ""),
            (r#"{"a":"${No}${N}"}"#, r#"{"a":"${No}5"}"#, "No"),
            (r#"{"a":"${ {"}"#, r#"{"a":"${ {"}"#, ""),
            (
                "a: x-${Fn}\nb: 1.50\nc: [yes, true, ~, '5']",
                r#"{"a":"x-a\"b","b":1.5,"c":["yes",true,null,"5"]}"#,
                "",
            ),
            (
                "# comment\n---\na: &x {b: 1}\nc: *x\n",
                r#"{"a":{"b":1},"c":{"b":1}}"#,
                "",
            ),
        ] {
            assert_eq!(
                parsed(text),
                (json.to_owned(), unknown.split_terminator(',').map(Into::into).collect()),
                "{text}"
            );
        }
    }

    #[test]
    fn values_know_where_they_stand() {
        for text in [
            "{\"a\": {\"b\": \"value\"}}",
            "a:\n  b: value\n",
            "a:\n  é: 1\n  b: 'value'\n",
        ] {
            let node = parse(text, &mut Substitutions::new(&BTreeMap::new())).unwrap();
            let span = node.get("a").and_then(|a| a.get("b")).unwrap().span;
            assert_eq!(text[span.start..span.end].trim_matches(['"', '\'']), "value", "{text}");
        }
    }

    #[test]
    fn yaml_aliases_can_not_explode() {
        let mut text = "a0: &a0 [x, x]\n".to_owned();
        for level in 1..40 {
            text.push_str(&format!("a{level}: &a{level} [*a{}, *a{}]\n", level - 1, level - 1));
        }
        assert!(parse(&text, &mut Substitutions::new(&BTreeMap::new())).is_err());
    }

    #[test]
    fn what_stands_for_values_does_not_nest_too_deeply() {
        let nested = |levels: usize, inner: &str| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
        let none = BTreeMap::new();
        let yaml = |anchors: usize| {
            let mut text = format!("k0: &k0 {}\n", nested(100, "1"));
            for at in 1..anchors {
                let inner = nested(100, &format!("*k{}", at - 1));
                text.push_str(&format!("k{at}: &k{at} {inner}\n"));
            }
            parse(&text, &mut Substitutions::new(&none))
        };
        assert_eq!(yaml(9).expect("900 levels").to_document().depth(), 901);
        let error = yaml(11).expect_err("1,100 levels");
        assert!(error.message.contains("too deeply nested"), "{}", error.message);

        let values = BTreeMap::from([("Deep".to_owned(), nested(500, "1"))]);
        let json = |levels: usize| {
            let text = format!("{{\"a\": {}}}", nested(levels, "${Deep}"));
            parse(&text, &mut Substitutions::new(&values))
        };
        assert_eq!(json(499).expect("1,000 levels").to_document().depth(), 1000);
        let error = json(500).expect_err("1,001 levels");
        assert!(error.message.contains("nesting depth"), "{}", error.message);
    }
}
