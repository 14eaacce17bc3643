//! Expressions over an event: what its key is, who sent it, what deliveries of it have in common.

use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_asl::jsonata::{Bindings, Jsonata, expression_text};
use expressway_asl::path::Path;
use expressway_asl::resolve::Resolver;
use expressway_asl::scope::Scope;
use std::time::SystemTime;

/// Names a value of an event: a path, `$.detail.orderId`, or a JSONata expression,
/// `{% $states.input.detail.orderId %}`.
///
/// Names of HTTP headers may have any case.
#[derive(Clone, Debug)]
pub struct EventExpression {
    variable: &'static str,
    text: String,
    language: Language,
}

#[derive(Clone, Debug)]
enum Language {
    Path(Path),
    Jsonata(Jsonata),
}

impl EventExpression {
    /// Parses the expression in a variable of the environment.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(variable: &'static str, text: &str) -> Result<EventExpression, String> {
        let language = match expression_text(text) {
            Ok(Some(expression)) => {
                let expression = Jsonata::parse(expression).map_err(|error| error.to_string())?;
                let states = &expression.references().states;
                let is_other = |member: Option<&str>| member != Some("input");
                if states.iter().any(|states| is_other(states.member.as_deref())) {
                    return Err("it can only see `$states.input`".to_owned());
                }
                Language::Jsonata(expression)
            }
            Ok(None) => Language::Path(Path::parse(text).map_err(|error| error.to_string())?),
            Err(half_open) => return Err(half_open.to_string()),
        };
        Ok(EventExpression {
            variable,
            text: text.to_owned(),
            language,
        })
    }

    /// The value in an event.
    ///
    /// # Errors
    /// The event has no such value, or it is null.
    pub(crate) fn value(&self, event: &Document, now: SystemTime) -> Result<Document, String> {
        let event = self.with_spelled_headers(event);
        let scope = EventScope { event: &event, now };
        let value = match &self.language {
            Language::Path(path) => path.evaluate(&scope).ok(),
            Language::Jsonata(expression) => expression
                .evaluate(&scope)
                .map_err(|failure| self.problem(&failure.cause(&self.text, self.variable)))?,
        };
        let value = value.filter(|value| !value.is_null());
        value.ok_or_else(|| self.problem("finds nothing in the event"))
    }

    /// The value as a key: a string as it is, numbers and booleans as JSON.
    ///
    /// # Errors
    /// The event has no such value, or the value is blank or a container.
    pub(crate) fn key(&self, event: &Document, now: SystemTime) -> Result<String, String> {
        match self.value(event, now)? {
            Document::String(text) if text.trim().is_empty() => Err(self.problem("is blank in the event")),
            Document::String(text) => Ok(text.to_string()),
            value @ (Document::Number(_) | Document::Bool(_)) => Ok(value.to_json()),
            _ => Err(self.problem("is not a string, a number or a boolean in the event")),
        }
    }

    fn problem(&self, problem: &str) -> String {
        format!("`{}` {problem}", self.text)
    }

    /// The event, in which headers are also found under the spelling that the expression has for them: sources
    /// write names in whatever case the client, a proxy or HTTP/2 gave them.
    fn with_spelled_headers(&self, event: &Document) -> Document {
        let Document::Object(members) = event else {
            return event.clone();
        };
        let mut members = members.clone();
        for name in ["headers", "multiValueHeaders"] {
            let headers = members.get(name).and_then(Document::as_object);
            if let Some(spelled) = headers.and_then(|headers| self.spelled(headers)) {
                members.insert(name, spelled.into());
            }
        }
        members.into()
    }

    /// The headers with one more member for each name that the expression spells otherwise; `None` if there is none.
    fn spelled(&self, headers: &Object) -> Option<Object> {
        let lower = self.text.to_ascii_lowercase();
        let spelling = |name: &Text| {
            let at = lower.find(&name.to_ascii_lowercase()).filter(|_| !name.is_empty())?;
            let spelling = self.text.get(at..at + name.len())?;
            (!headers.contains_key(spelling)).then_some(spelling)
        };
        let mut spelled = headers.clone();
        for (name, value) in headers.iter() {
            if let Some(spelling) = spelling(name) {
                spelled.insert(spelling, value.clone());
            }
        }
        (spelled.len() > headers.len()).then_some(spelled)
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
        let event = Document::parse(
            r#"{"id":"e-1","detail":{"order":7,"lines":[{"sku":"a"}],"blank":" \t","none":null},
                "headers":{"idempotency-key":"k","X-Tenant":"t"}}"#,
        );
        let event = event.unwrap();
        for (expression, expected) in [
            ("$.id", Ok("e-1")),
            ("$.detail.order", Ok("7")),
            ("{% $states.input.id & '/' & $states.input.detail.order %}", Ok("e-1/7")),
            ("$.headers.idempotency-key", Ok("k")),
            ("$.headers['Idempotency-Key']", Ok("k")),
            ("{% $states.input.headers.`IDEMPOTENCY-KEY` %}", Ok("k")),
            (
                "{% $states.input.headers.`x-tenant` & $states.input.headers.`Idempotency-Key` %}",
                Ok("tk"),
            ),
            (
                "$.detail.lines",
                Err("`$.detail.lines` is not a string, a number or a boolean in the event"),
            ),
            ("$.detail.blank", Err("`$.detail.blank` is blank in the event")),
            ("$.detail.none", Err("`$.detail.none` finds nothing in the event")),
            ("$.nothing", Err("`$.nothing` finds nothing in the event")),
            (
                "{% $states.input.nothing %}",
                Err("`{% $states.input.nothing %}` finds nothing in the event"),
            ),
        ] {
            let key = EventExpression::parse("EXPRESSWAY_IDEMPOTENCY_KEY", expression).unwrap();
            let found = key.key(&event, SystemTime::UNIX_EPOCH);
            assert_eq!(
                found,
                expected.map(str::to_owned).map_err(str::to_owned),
                "{expression}"
            );
        }
        for wrong in ["id", "$.a[", "{% $states.context %}", "{% ( %}", "{% $a"] {
            assert!(EventExpression::parse("EXPRESSWAY_CALLER", wrong).is_err(), "{wrong}");
        }
    }
}
