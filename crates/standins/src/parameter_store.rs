//! Systems Manager's parameters.

use crate::context::Context;
use crate::protocol::{AwsError, list, required, text};
use crate::secrets_manager::epoch_seconds;
use expressway_asl::Document;
use expressway_asl::document::{Array, Object};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All parameters, by name.
#[derive(Debug, Default)]
pub(crate) struct ParameterStore {
    state: Mutex<BTreeMap<String, Parameter>>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Parameter {
    value: String,
    kind: String,
    version: i64,
    /// Milliseconds since 1970.
    modified: i64,
}

impl ParameterStore {
    pub(crate) fn restore(saved: &str) -> Result<ParameterStore, serde_json::Error> {
        Ok(ParameterStore {
            state: Mutex::new(serde_json::from_str(saved)?),
        })
    }

    pub(crate) fn save(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&*self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Parameter>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    pub(crate) fn call(&self, context: &Context, action: &str, input: &Document) -> Result<Document, AwsError> {
        let mut parameters = self.lock();
        let array = |items: Vec<Document>| Document::Array(Array::from(items));
        match action {
            "PutParameter" => {
                let (name, value) = (required(input, "Name")?, required(input, "Value")?);
                let earlier = parameters.get(name);
                let overwrites = input.get("Overwrite").and_then(Document::as_bool) == Some(true);
                if earlier.is_some() && !overwrites {
                    return Err(AwsError::new(
                        "ParameterAlreadyExists",
                        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
                    ));
                }
                let kind = text(input, "Type").or(earlier.map(|earlier| earlier.kind.as_str()));
                let parameter = Parameter {
                    value: value.to_owned(),
                    kind: kind.unwrap_or("String").to_owned(),
                    version: earlier.map_or(1, |earlier| earlier.version + 1),
                    modified: context.now_millis(),
                };
                let version = parameter.version;
                parameters.insert(name.to_owned(), parameter);
                context.record("ssm", name, "put", value);
                Ok(Document::object([
                    ("Version", Document::from(version)),
                    ("Tier", "Standard".into()),
                ]))
            }
            "GetParameter" => {
                let name = required(input, "Name")?;
                let found = find(&parameters, name);
                let (name, parameter) = found.ok_or_else(|| AwsError::new("ParameterNotFound", ""))?;
                Ok(Document::object([(
                    "Parameter",
                    parameter.describe(context, name).into(),
                )]))
            }
            "GetParameters" => {
                let (mut found, mut missing) = (Vec::new(), Vec::new());
                for name in list(input, "Names").filter_map(Document::as_str) {
                    match find(&parameters, name) {
                        Some((name, parameter)) => found.push(parameter.describe(context, name).into()),
                        None => missing.push(name.into()),
                    }
                }
                Ok(Document::object([
                    ("Parameters", array(found)),
                    ("InvalidParameters", array(missing)),
                ]))
            }
            "GetParametersByPath" => {
                let path = required(input, "Path")?.trim_end_matches('/');
                let is_recursive = input.get("Recursive").and_then(Document::as_bool) == Some(true);
                let inside = parameters.iter().filter(|(name, _)| {
                    let rest = name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
                    rest.is_some_and(|rest| is_recursive || !rest.contains('/'))
                });
                let inside = inside.map(|(name, parameter)| parameter.describe(context, name).into());
                Ok(Document::object([("Parameters", array(inside.collect()))]))
            }
            "DeleteParameter" => {
                let name = required(input, "Name")?;
                match parameters.remove(name) {
                    Some(_) => {
                        context.record("ssm", name, "delete", "");
                        Ok(Object::new().into())
                    }
                    None => Err(AwsError::new("ParameterNotFound", "")),
                }
            }
            action => Err(AwsError::unknown_action("ssm", action)),
        }
    }
}

/// A parameter by name or ARN; a version or label behind a colon is not looked at.
fn find<'p>(parameters: &'p BTreeMap<String, Parameter>, name: &str) -> Option<(&'p str, &'p Parameter)> {
    let in_arn = name.split_once(":parameter").map_or(name, |(_, name)| name);
    let plain = in_arn.split(':').next().unwrap_or(in_arn);
    let names = [plain, plain.strip_prefix('/').unwrap_or(plain)];
    let found = names.into_iter().find_map(|name| parameters.get_key_value(name));
    found.map(|(name, parameter)| (name.as_str(), parameter))
}

impl Parameter {
    fn describe(&self, context: &Context, name: &str) -> Object {
        let resource = format!("parameter/{}", name.trim_start_matches('/'));
        [
            ("Name", Document::from(name)),
            ("Type", self.kind.as_str().into()),
            ("Value", self.value.as_str().into()),
            ("Version", Document::from(self.version)),
            ("LastModifiedDate", epoch_seconds(self.modified)),
            ("ARN", context.arn("ssm", &resource).into()),
            ("DataType", "text".into()),
        ]
        .into_iter()
        .collect()
    }
}
