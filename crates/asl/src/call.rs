//! Task states as written: what they call and with which parameters, for checks beyond the language.

use crate::definition::{Member, Node, Value};
use crate::diagnostic::{Code, Diagnostic, Severity, Span};
use crate::document::{Document, Text};
use crate::resource::Resource;

/// What one Task state calls, as its definition says.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name of the Task state.
    pub state_name: Text,
    /// What it calls.
    pub resource: Resource,
    /// Where its `Resource` stands.
    pub resource_spot: Spot,
    pub(crate) parameters: Option<(Node, Spot)>,
    pub(crate) is_jsonata: bool,
}

/// A place in a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// JSON Pointer to it.
    pub pointer: String,
    /// The same as Step Functions writes it.
    pub location: String,
    /// Where it is in the text.
    pub span: Span,
}

impl Call {
    /// `Parameters` or `Arguments` as written, expressions and all; none where the state input is what is sent.
    pub fn parameters(&self) -> Option<Document> {
        self.parameters.as_ref().map(|(node, _)| node.to_document())
    }

    /// Whether an entry of the parameters gets its value only when an execution runs, and which name it then has:
    /// `Key.$` sets `Key` in JSONPath, `{% ... %}` is an expression in JSONata. Items of arrays have the key `""`.
    pub fn computed(&self, key: &str, value: &Document) -> Option<String> {
        if self.is_jsonata {
            let is_expression = |text: &str| text.starts_with("{%") && text.ends_with("%}");
            return value.as_str().is_some_and(is_expression).then(|| key.to_owned());
        }
        key.strip_suffix(".$").map(str::to_owned)
    }

    /// The place of what these keys and indices of arrays lead to inside the parameters, or of the last of them that
    /// is there. Keys need not have their first letter in the same case, nor the `.$` of JSONPath.
    pub fn spot(&self, path: &[String]) -> Spot {
        let Some((node, spot)) = &self.parameters else {
            return self.resource_spot.clone();
        };
        let (mut node, mut spot) = (node, spot.clone());
        for step in path {
            let next = match &node.value {
                Value::Object(members) => members
                    .iter()
                    .rfind(|member| is_called(member, step))
                    .map(|member| (&member.value, spot.member(member))),
                Value::Array(items) => step
                    .parse()
                    .ok()
                    .and_then(|index: usize| items.get(index).map(|item| (item, spot.item(index, item)))),
                _ => None,
            };
            let Some(next) = next else { break };
            (node, spot) = next;
        }
        spot
    }
}

/// Whether a member of parameters, computed or not, sets what `name` stands for.
fn is_called(member: &Member, name: &str) -> bool {
    let key = member.key.strip_suffix(".$").unwrap_or(&member.key);
    match (key.as_bytes(), name.as_bytes()) {
        ([first, rest @ ..], [other, others @ ..]) => first.eq_ignore_ascii_case(other) && rest == others,
        (key, name) => key == name,
    }
}

impl Spot {
    fn member(&self, member: &Member) -> Spot {
        let key = &member.key;
        Spot {
            pointer: format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1")),
            location: format!("{}/{key}", self.location),
            span: Span {
                start: member.key_span.start,
                end: member.value.span.end,
            },
        }
    }

    fn item(&self, index: usize, item: &Node) -> Spot {
        Spot {
            pointer: format!("{}/{index}", self.pointer),
            location: format!("{}[{index}]", self.location),
            span: item.span,
        }
    }

    /// A finding about this place.
    pub fn diagnostic(self, code: Code, severity: Severity, message: String) -> Diagnostic {
        Diagnostic {
            code,
            severity,
            message,
            pointer: Some(self.pointer),
            location: Some(self.location),
            span: self.span,
            help: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Document;
    use std::collections::BTreeMap;

    const DEFINITION: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Task","End":true,
        "Resource":"arn:aws:states:::aws-sdk:dynamodb:putItem",
        "Parameters":{"tableName.$":"$.t","Item":{"a/b":{"L":[{"S":1}]}}}}}}"#;

    #[test]
    fn parameters_know_where_they_stand() {
        let call = crate::compile(DEFINITION, &BTreeMap::new()).unwrap().calls.remove(0);
        for (path, location, text) in [
            (
                &["TableName"][..],
                "/States/A/Parameters/tableName.$",
                r#""tableName.$":"$.t""#,
            ),
            (
                &["Item", "a/b", "L", "0", "S"],
                "/States/A/Parameters/Item/a/b/L[0]/S",
                r#""S":1"#,
            ),
            (
                &["Item", "x"],
                "/States/A/Parameters/Item",
                r#""Item":{"a/b":{"L":[{"S":1}]}}"#,
            ),
        ] {
            let path: Vec<String> = path.iter().map(|step| step.to_string()).collect();
            let spot = call.spot(&path);
            assert_eq!(spot.location, location);
            assert_eq!(&DEFINITION[spot.span.start..spot.span.end], text);
        }
        let spot = call.spot(&["Item".to_owned(), "a/b".to_owned()]);
        assert_eq!(spot.pointer, "/States/A/Parameters/Item/a~1b");
    }

    #[test]
    fn values_that_are_computed_have_names() {
        let call = |language: &str| {
            let text = DEFINITION.replacen('{', &format!(r#"{{"QueryLanguage":"{language}","#), 1);
            let text = match language {
                "JSONata" => text.replace("Parameters", "Arguments").replace(".$", ""),
                _ => text,
            };
            crate::compile(&text, &BTreeMap::new()).unwrap().calls.remove(0)
        };
        let value: Document = "{% $x %}".into();
        assert_eq!(call("JSONPath").computed("a.$", &value).as_deref(), Some("a"));
        assert_eq!(call("JSONPath").computed("a", &value), None);
        assert_eq!(call("JSONata").computed("a", &value).as_deref(), Some("a"));
        assert_eq!(call("JSONata").computed("a", &"x".into()), None);
    }
}
