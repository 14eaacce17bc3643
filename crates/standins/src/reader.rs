//! Reads files that people write, and notes all that is wrong with them.

use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_local::suggest::closest;

/// Parses JSON or YAML.
pub(crate) fn parse(text: &str) -> Result<Document, String> {
    expressway_asl::parse_data(text).map_err(|error| error.to_string())
}

/// Notes mistakes with their places, such as `queues/orders/visibilityTimeout`.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    mistakes: Vec<String>,
}

impl Reader {
    pub(crate) fn mistake(&mut self, place: &str, problem: impl AsRef<str>) {
        self.mistakes.push(format!("{place}: {}", problem.as_ref()));
    }

    pub(crate) fn object<'d>(&mut self, place: &str, value: &'d Document) -> Option<&'d Object> {
        let object = value.as_object();
        if object.is_none() {
            self.mistake(place, format!("must be an object, but is {}", describe(value)));
        }
        object
    }

    /// The object under this key, or an empty one: `null` stands for it too, as YAML writes `name:`.
    pub(crate) fn settings(&mut self, place: &str, value: &Document) -> Object {
        match value {
            Document::Null => Object::new(),
            value => self.object(place, value).cloned().unwrap_or_default(),
        }
    }

    pub(crate) fn text<'d>(&mut self, place: &str, value: &'d Document) -> Option<&'d str> {
        let text = value.as_str();
        if text.is_none() {
            self.mistake(place, format!("must be a string, but is {}", describe(value)));
        }
        text
    }

    pub(crate) fn check_keys(&mut self, place: &str, object: &Object, known: &[&str]) {
        for (key, _) in object.iter() {
            if known.contains(&&**key) {
                continue;
            }
            let problem = match closest(key, known.iter().copied()) {
                Some(meant) => format!("unknown key `{key}`, did you mean `{meant}`?"),
                None => {
                    let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                    format!("unknown key `{key}`, known are {}", known.join(", "))
                }
            };
            self.mistake(place, problem);
        }
    }

    pub(crate) fn finish<T>(self, value: T) -> Result<T, Vec<String>> {
        match self.mistakes.is_empty() {
            true => Ok(value),
            false => Err(self.mistakes),
        }
    }
}

/// The kind of a value with its article, for messages.
pub(crate) fn describe(value: &Document) -> String {
    match value.kind() {
        kind @ "null" => kind.to_owned(),
        kind @ ("array" | "object") => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}
