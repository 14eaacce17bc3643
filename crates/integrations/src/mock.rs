//! Whether a mocked result is one that the API could have given.

use crate::aws_sdk;
use crate::optimized::Integration;
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::resource::Resource;
use expressway_aws::model::{Limit, Limits, Outside, Service, Shape, ShapeId};

/// How closely a mocked result is held against the API's model: `fieldValidationMode` of TestState.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// What is required must be there, and what is there must be of the right type and within its limits.
    #[default]
    Strict,
    /// What is there must be of the right type and within its limits.
    Present,
    /// Anything goes.
    None,
}

/// Holds a mocked result against what the API of this resource gives. Functions, HTTP endpoints and Kubernetes give
/// anything, and fields that the API does not know are nobody's concern, as in TestState.
///
/// DIFFERENCE: patterns of texts are not checked. The words for what is too long are ours, after those recorded for
/// what is too short.
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
    let output = model.and_then(|(service, operation)| Some((service, operation.output?)));
    let Some((service, output)) = output else {
        return Ok(());
    };
    let check = Check {
        service,
        limits: Limits::of(service),
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
    limits: Option<&'static Limits>,
    mode: FieldValidation,
    any: Option<&'static str>,
}

impl Check<'_> {
    fn limit(&self, container: ShapeId, place: usize) -> Option<&'static Limit> {
        self.limits?.at(container, place)
    }

    fn value(&self, id: ShapeId, limit: Option<&Limit>, field: &str, value: &Document) -> Result<(), String> {
        let must_be = |is_right: bool, what: &str| match is_right {
            true => Ok(()),
            false => Err(format!("Field '{field}' must be {what}")),
        };
        let shape = self.service.shape(id);
        match shape {
            Shape::Structure(structure) if structure.document => return Ok(()),
            Shape::Structure(_) | Shape::Map(_) => must_be(value.as_object().is_some(), "an object"),
            Shape::List(_) => must_be(value.as_array().is_some(), "an array"),
            Shape::String | Shape::Blob { .. } => must_be(value.as_str().is_some(), "a string"),
            Shape::Boolean => must_be(value.as_bool().is_some(), "a boolean"),
            Shape::Integer | Shape::Float { .. } => must_be(value.as_number().is_some(), "a number"),
            Shape::Timestamp(_) => must_be(value.as_str().is_some() || value.as_number().is_some(), "a timestamp"),
        }?;
        if let Some(outside) = limit.and_then(|limit| limit.outside(shape, value)) {
            let problem = match outside {
                Outside::Unknown => "is not an expected value",
                Outside::TooSmall => "is less than the minimum value",
                Outside::TooLarge => "exceeds the maximum value",
                Outside::TooShort => "is smaller than the minimum length",
                Outside::TooLong => "exceeds the maximum length",
            };
            return Err(format!("Field '{field}' {problem}"));
        }
        match (shape, value) {
            (Shape::Structure(_), _) => self.structure(id, field, value),
            (Shape::List(list), Document::Array(items)) => {
                let limit = self.limit(id, 0);
                (items.iter()).try_for_each(|item| self.value(list.item, limit, field, item))
            }
            (Shape::Map(map), Document::Object(members)) => {
                let limit = self.limit(id, 0);
                (members.iter()).try_for_each(|(key, value)| self.value(map.value, limit, key, value))
            }
            _ => Ok(()),
        }
    }

    fn structure(&self, id: ShapeId, field: &str, value: &Document) -> Result<(), String> {
        let Some(structure) = self.service.structure(id) else {
            return Ok(());
        };
        let Some(object) = value.as_object() else {
            let name = if field.is_empty() {
                "The result".to_owned()
            } else {
                format!("Field '{field}'")
            };
            return Err(format!("{name} must be an object"));
        };
        for (place, member) in structure.members.iter().enumerate() {
            let key: &Text = &member.key;
            match object.get(key) {
                // A field that is null is as good as absent.
                None | Some(Document::Null) => {
                    if member.required && self.mode == FieldValidation::Strict {
                        return Err(format!("Required field '{key}' is missing"));
                    }
                }
                Some(_) if self.any == Some(&**key) => {}
                Some(value) => self.value(member.shape, self.limit(id, place), key, value)?,
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
            (
                "aws-sdk:lambda:getFunction",
                r#"{"Configuration":{"MemorySize":127}}"#,
                Present,
                "Field 'MemorySize' is less than the minimum value",
            ),
            (
                "aws-sdk:lambda:getFunction",
                r#"{"Configuration":{"Timeout":0.5}}"#,
                Strict,
                "Field 'Timeout' is less than the minimum value",
            ),
            (
                "aws-sdk:lambda:getFunction",
                r#"{"Configuration":{"Architectures":["z80"]}}"#,
                Strict,
                "Field 'Architectures' is not an expected value",
            ),
            (
                "aws-sdk:lambda:getFunction",
                r#"{"Configuration":{"Architectures":["arm64","arm64"]}}"#,
                Strict,
                "Field 'Architectures' exceeds the maximum length",
            ),
            (
                "aws-sdk:lambda:getFunction",
                r#"{"Configuration":{"MemorySize":127}}"#,
                None,
                "",
            ),
            (
                "aws-sdk:kms:encrypt",
                r#"{"CiphertextBlob":""}"#,
                Strict,
                "Field 'CiphertextBlob' is smaller than the minimum length",
            ),
            (
                "aws-sdk:s3:getObjectTagging",
                r#"{"TagSet":[{"Key":"","Value":""}]}"#,
                Strict,
                "Field 'Key' is smaller than the minimum length",
            ),
            (
                "aws-sdk:s3:getObject",
                r#"{"StorageClass":"Papyrus"}"#,
                Strict,
                "Field 'StorageClass' is not an expected value",
            ),
        ] {
            let arn: Text = format!("arn:aws:states:::{resource}").into();
            let (service, action) = resource.rsplit_once(':').unwrap();
            let action = action.into();
            let resource = match service.strip_prefix("aws-sdk:") {
                Some(service) => Resource::AwsSdk {
                    arn,
                    service: service.into(),
                    action,
                },
                _ => Resource::Optimized {
                    arn,
                    service: service.into(),
                    action,
                },
            };
            let found = check_mocked_result(&resource, &Document::parse(result).unwrap(), mode);
            let found = found.err().unwrap_or_default();
            let found = found.trim_start_matches("Mock result schema validation error: ");
            assert_eq!(found, expected, "{result}");
        }
    }
}
