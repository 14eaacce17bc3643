//! Whether a mocked result is one that the API could have given.

use crate::aws_sdk;
use crate::optimized::Integration;
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::resource::Resource;
use expressway_aws::model::{Service, Shape, ShapeId, Structure};

/// How closely a mocked result is held against the API's model: `fieldValidationMode` of TestState.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// What is required must be there, and what is there must be of the right type.
    #[default]
    Strict,
    /// What is there must be of the right type.
    Present,
    /// Anything goes.
    None,
}

/// Holds a mocked result against what the API of this resource gives. Functions, HTTP endpoints and Kubernetes give
/// anything, and fields that the API does not know are nobody's concern, as in TestState.
///
/// DIFFERENCE: the least and greatest values, lengths and enumerations of the models are not checked; the tables
/// do not have them.
///
/// # Errors
/// The first field that is wrong, in the words of TestState.
///
/// # Source
/// Recorded: `test_state/*_mode_*`.
pub fn check_mocked_result(resource: &Resource, result: &Document, mode: FieldValidation) -> Result<(), String> {
    if mode == FieldValidation::None {
        return Ok(());
    }
    let (model, is_invocation) = match resource {
        Resource::Function { .. } => return Ok(()),
        Resource::AwsSdk { service, action, .. } => (aws_sdk::find(service, action).ok(), false),
        Resource::Optimized { service, action, .. } => match (&**service, &**action) {
            ("lambda", "invoke") => (aws_sdk::find(service, action).ok(), true),
            // Those with parameters of their own have answers of their own, too.
            (service, action) => {
                let integration = Integration::find(service, action).ok();
                (integration.and_then(|integration| integration.operation()), false)
            }
        },
    };
    let output = model.and_then(|(service, operation)| Some((service, service.output(operation)?)));
    let Some((service, output)) = output else {
        return Ok(());
    };
    let check = Check {
        service,
        mode,
        // The integration parses what a function answers.
        any: is_invocation.then_some("Payload"),
    };
    check
        .structure(output, "", result)
        .map_err(|problem| format!("Mock result schema validation error: {problem}"))
}

struct Check<'s> {
    service: &'s Service,
    mode: FieldValidation,
    any: Option<&'static str>,
}

impl Check<'_> {
    fn value(&self, id: ShapeId, field: &str, value: &Document) -> Result<(), String> {
        let must_be = |is_right: bool, what: &str| match is_right {
            true => Ok(()),
            false => Err(format!("Field '{field}' must be {what}")),
        };
        match self.service.shape(id) {
            Shape::Structure(structure) if structure.document => Ok(()),
            Shape::Structure(structure) => {
                must_be(value.as_object().is_some(), "an object")?;
                self.structure(structure, field, value)
            }
            Shape::List(list) => {
                let items = value.as_array();
                must_be(items.is_some(), "an array")?;
                let mut items = items.into_iter().flat_map(|items| items.iter());
                items.try_for_each(|item| self.value(list.item, field, item))
            }
            Shape::Map(map) => {
                let members = value.as_object();
                must_be(members.is_some(), "an object")?;
                let mut members = members.into_iter().flat_map(|members| members.iter());
                members.try_for_each(|(key, value)| self.value(map.value, key, value))
            }
            Shape::String | Shape::Blob { .. } => must_be(value.as_str().is_some(), "a string"),
            Shape::Boolean => must_be(value.as_bool().is_some(), "a boolean"),
            Shape::Integer | Shape::Float { .. } => must_be(value.as_number().is_some(), "a number"),
            Shape::Timestamp(_) => must_be(value.as_str().is_some() || value.as_number().is_some(), "a timestamp"),
        }
    }

    fn structure(&self, structure: &Structure, field: &str, value: &Document) -> Result<(), String> {
        let Some(object) = value.as_object() else {
            let name = if field.is_empty() {
                "The result".to_owned()
            } else {
                format!("Field '{field}'")
            };
            return Err(format!("{name} must be an object"));
        };
        for member in &structure.members {
            let key: &Text = &member.key;
            match object.get(key) {
                // A field that is null is as good as absent.
                None | Some(Document::Null) => {
                    if member.required && self.mode == FieldValidation::Strict {
                        return Err(format!("Required field '{key}' is missing"));
                    }
                }
                Some(_) if self.any == Some(&**key) => {}
                Some(value) => self.value(member.shape, key, value)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mocked_results_are_held_against_the_model() {
        use FieldValidation::{None, Present, Strict};
        const ENTRY: &str = "events:putEvents";
        for (resource, result, mode, expected) in [
            (ENTRY, r#"{"Entries":[{"EventId":"1"}]}"#, Strict, ""),
            (ENTRY, r#"{"Entries":"1"}"#, Strict, "Field 'Entries' must be an array"),
            (
                ENTRY,
                r#"{"Entries":[{},{"EventId":[]}]}"#,
                Present,
                "Field 'EventId' must be a string",
            ),
            (ENTRY, r#"{"Entries":"1"}"#, None, ""),
            (ENTRY, r#"{"unknown":1}"#, Strict, ""),
            (ENTRY, "[]", Strict, "The result must be an object"),
            (
                "states:startExecution",
                "{}",
                Strict,
                "Required field 'ExecutionArn' is missing",
            ),
            ("states:startExecution", "{}", Present, ""),
            (
                "lambda:invoke",
                r#"{"StatusCode":"200"}"#,
                Strict,
                "Field 'StatusCode' must be a number",
            ),
            ("lambda:invoke", r#"{"Payload":{"any":"thing"}}"#, Strict, ""),
            (
                "dynamodb:putItem",
                r#"{"ConsumedCapacity":{"CapacityUnits":"1"}}"#,
                Strict,
                "Field 'CapacityUnits' must be a number",
            ),
            (
                "bedrock:invokeModel",
                r#"{"Body":{"any":"thing"},"ContentType":"json"}"#,
                Strict,
                "",
            ),
            ("http:invoke", "[1]", Strict, ""),
        ] {
            let (service, action) = resource.split_once(':').unwrap();
            let resource = Resource::Optimized {
                arn: format!("arn:aws:states:::{resource}").into(),
                service: service.into(),
                action: action.into(),
            };
            let found = check_mocked_result(&resource, &Document::parse(result).unwrap(), mode);
            let found = found.err().unwrap_or_default();
            let found = found.trim_start_matches("Mock result schema validation error: ");
            assert_eq!(found, expected, "{result}");
        }
    }
}
