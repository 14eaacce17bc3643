//! Keys of executions that are made of their events.

use expressway_asl::Document;
use expressway_asl::jsonata::{Bindings, Jsonata, expression_text};
use expressway_asl::path::Path;
use expressway_asl::resolve::Resolver;
use expressway_asl::scope::Scope;
use std::fmt;
use std::time::SystemTime;

/// Says where in an event its key is: a path, `$.detail.orderId`, or a JSONata expression,
/// `{% $states.input.detail.orderId %}`.
#[derive(Clone, Debug)]
pub struct KeyExpression {
    text: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Path(Path),
    Jsonata(Jsonata),
}

/// An event has no key where it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyError(String);

impl fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl KeyExpression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<KeyExpression, String> {
        let source = match expression_text(text) {
            Ok(Some(expression)) => {
                let expression = Jsonata::parse(expression).map_err(|error| error.to_string())?;
                let states = &expression.references().states;
                let other = states.iter().find_map(|states| {
                    let member = states.member.as_deref();
                    (member != Some("input")).then(|| member.unwrap_or_default().to_owned())
                });
                if other.is_some() {
                    return Err("it can only see `$states.input`".to_owned());
                }
                Source::Jsonata(expression)
            }
            Ok(None) => Source::Path(Path::parse(text).map_err(|error| error.to_string())?),
            Err(half_open) => return Err(half_open.to_string()),
        };
        Ok(KeyExpression {
            text: text.to_owned(),
            source,
        })
    }

    /// The key of an event: text as it is, numbers and booleans as JSON.
    ///
    /// # Errors
    /// There is nothing, or nothing that is a key.
    pub(crate) fn evaluate(&self, event: &Document, now: SystemTime) -> Result<String, KeyError> {
        let error = |problem: &str| KeyError(format!("`{}` {problem}", self.text));
        let scope = EventScope { event, now };
        let value = match &self.source {
            Source::Path(path) => path.evaluate(&scope).ok(),
            Source::Jsonata(expression) => expression
                .evaluate(&scope)
                .map_err(|failure| error(&failure.cause(&self.text, "EXPRESSWAY_IDEMPOTENCY_KEY")))?,
        };
        match value {
            Some(Document::String(text)) if !text.is_empty() => Ok(text.to_string()),
            Some(value @ (Document::Number(_) | Document::Bool(_))) => Ok(value.to_json()),
            None => Err(error("finds nothing in the event")),
            Some(_) => Err(error("is not a text, a number or a boolean in the event")),
        }
    }
}

/// An event and nothing else.
struct EventScope<'e> {
    event: &'e Document,
    now: SystemTime,
}

// An event is whole when its key is looked for.
impl Resolver for EventScope<'_> {}

impl Scope for EventScope<'_> {
    fn input(&self) -> &Document {
        self.event
    }

    fn context(&self) -> Document {
        Document::Null
    }

    fn variable(&self, _name: &str) -> Option<Document> {
        None
    }

    fn random(&self) -> u128 {
        0
    }
}

impl Bindings for EventScope<'_> {
    fn states(&self, member: &str) -> Option<Document> {
        (member == "input").then(|| self.event.clone())
    }

    fn variable(&self, _name: &str) -> Option<Document> {
        None
    }

    fn random(&self) -> u128 {
        0
    }

    fn now(&self) -> SystemTime {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_where_the_expression_says() {
        let event = Document::parse(r#"{"id":"e-1","detail":{"order":7,"lines":[{"sku":"a"}],"empty":""}}"#).unwrap();
        for (expression, expected) in [
            ("$.id", Ok("e-1")),
            ("$.detail.order", Ok("7")),
            ("{% $states.input.id & '/' & $states.input.detail.order %}", Ok("e-1/7")),
            (
                "$.detail.lines",
                Err("`$.detail.lines` is not a text, a number or a boolean in the event"),
            ),
            (
                "$.detail.empty",
                Err("`$.detail.empty` is not a text, a number or a boolean in the event"),
            ),
            ("$.nothing", Err("`$.nothing` finds nothing in the event")),
            (
                "{% $states.input.nothing %}",
                Err("`{% $states.input.nothing %}` finds nothing in the event"),
            ),
        ] {
            let key = KeyExpression::parse(expression).unwrap();
            let found = key
                .evaluate(&event, SystemTime::UNIX_EPOCH)
                .map_err(|error| error.to_string());
            assert_eq!(
                found,
                expected.map(str::to_owned).map_err(str::to_owned),
                "{expression}"
            );
        }
        for wrong in ["id", "$.a[", "{% $states.context %}", "{% ( %}", "{% $a"] {
            assert!(KeyExpression::parse(wrong).is_err(), "{wrong}");
        }
    }
}
