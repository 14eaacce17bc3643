//! Checks parameters before there is a request.

use super::value::{boolean, invalid, moment, number};
use super::{Fault, ParameterError, check_depth, unknown};
use crate::model::{Limit, Limits, Operation, Outside, Service, Shape, ShapeId, names};
use expressway_asl::Document;

/// Tells whether an entry of parameters has a value only when an execution runs, and the name that it then sets.
///
/// Items of arrays have the key `""`.
pub type IsComputed<'c> = &'c dyn Fn(&str, &Document) -> Option<String>;

/// All that is wrong with the parameters of an operation, as far as they are known: parameters that the model does
/// not have, values of another type, and required parameters that are missing.
///
/// With `limits`, also values that the service does not know, or that are too small, too large, too short or too long.
///
/// `is_computed` knows the query language: in JSONPath `"Key.$"` sets `Key`, in JSONata the value is `{% ... %}`.
pub fn check(
    service: &Service,
    operation: &Operation,
    limits: Option<&Limits>,
    parameters: &Document,
    is_computed: IsComputed<'_>,
) -> Vec<ParameterError> {
    if let Err(error) = check_depth(parameters) {
        return vec![error];
    }
    let mut check = Check {
        service,
        limits,
        is_computed,
        path: Vec::new(),
        errors: Vec::new(),
    };
    match (operation.input, parameters) {
        (Some(input), Document::Object(_)) => check.structure(input, parameters),
        (None, Document::Object(object)) => {
            let names = object
                .iter()
                .map(|(key, value)| is_computed(key, value).unwrap_or_else(|| key.to_string()));
            let unknown = names.map(|name| ParameterError::unknown(&name));
            check.errors.extend(unknown);
        }
        (_, Document::Null) => {}
        (_, other) => check.errors.push(invalid("an object", other)),
    }
    check.errors
}

struct Check<'c> {
    service: &'c Service,
    limits: Option<&'c Limits>,
    is_computed: IsComputed<'c>,
    path: Vec<String>,
    errors: Vec<ParameterError>,
}

impl<'c> Check<'c> {
    fn push(&mut self, mut error: ParameterError) {
        error.path.splice(0..0, self.path.iter().cloned());
        self.errors.push(error);
    }

    fn within(&mut self, step: String, check: impl FnOnce(&mut Self)) {
        self.path.push(step);
        check(self);
        self.path.pop();
    }

    /// What a value at this place of a structure, list or map may be.
    fn limit(&self, container: ShapeId, place: usize) -> Option<&'c Limit> {
        self.limits?.at(container, place)
    }

    fn value(&mut self, id: ShapeId, limit: Option<&Limit>, value: &Document) {
        let shape = self.service.shape(id);
        if let Some(error) = limit.and_then(|limit| outside(limit, shape, value)) {
            self.push(error);
        }
        let result = match (shape, value) {
            (Shape::Structure(structure), _) if structure.document => return,
            (Shape::Structure(_), value) => return self.structure(id, value),
            (Shape::List(list), Document::Array(items)) => {
                let limit = self.limit(id, 0);
                for (index, item) in items.iter().enumerate() {
                    if !item.is_null() && (self.is_computed)("", item).is_none() {
                        self.within(index.to_string(), |check| check.value(list.item, limit, item));
                    }
                }
                return;
            }
            (Shape::Map(map), Document::Object(entries)) => {
                let limit = self.limit(id, 0);
                for (key, entry) in entries.iter() {
                    if !entry.is_null() && (self.is_computed)(key, entry).is_none() {
                        self.within(key.to_string(), |check| check.value(map.value, limit, entry));
                    }
                }
                return;
            }
            (Shape::List(_), other) => Err(invalid("an array", other)),
            (Shape::Map(_), other) => Err(invalid("an object", other)),
            (Shape::Boolean, value) => boolean(value).map(drop),
            (Shape::Integer, value) => number(value).map(drop),
            (Shape::Float { .. }, value) if value.as_str().is_none() => number(value).map(drop),
            (Shape::Timestamp(_), value) => moment(value).map(drop),
            // Any value can be text.
            (Shape::String | Shape::Blob { .. } | Shape::Float { .. }, _) => Ok(()),
        };
        if let Err(error) = result {
            self.push(error);
        }
    }

    fn structure(&mut self, id: ShapeId, value: &Document) {
        let Some(structure) = self.service.structure(id) else {
            return;
        };
        let Document::Object(object) = value else {
            return self.push(invalid("an object", value));
        };
        let mut given = Vec::new();
        for (key, value) in object.iter() {
            let computed = (self.is_computed)(key, value);
            let name = computed.as_deref().unwrap_or(key);
            let Some((place, member)) = structure.place(name) else {
                self.push(unknown(structure, name));
                continue;
            };
            if computed.is_none() && value.is_null() {
                continue;
            }
            given.push(&member.name);
            if computed.is_none() {
                let limit = self.limit(id, place);
                self.within(member.key.to_string(), |check| check.value(member.shape, limit, value));
            }
        }
        let required = structure
            .members
            .iter()
            .filter(|member| member.required && !member.idempotency_token);
        let missing: Vec<&str> = required
            .filter(|member| !given.contains(&&member.name))
            .map(|member| &*member.key)
            .collect();
        for key in missing {
            self.push(ParameterError::missing(key));
        }
    }
}

/// What is wrong with a value that is not within its limit.
fn outside(limit: &Limit, shape: &Shape, value: &Document) -> Option<ParameterError> {
    let bound = |bound: Option<f64>| bound.unwrap_or_default();
    let problem = match limit.outside(shape, value)? {
        Outside::Unknown => format!("{value} is none of the known values"),
        Outside::TooSmall => format!("{value} is less than {}", bound(limit.min)),
        Outside::TooLarge => format!("{value} is more than {}", bound(limit.max)),
        Outside::TooShort => format!("its length is less than {}", bound(limit.min)),
        Outside::TooLong => format!("its length is more than {}", bound(limit.max)),
    };
    let known = limit.values.iter().map(|known| &**known);
    let nearest = value.as_str().and_then(|text| names::nearest(text, known));
    Some(ParameterError {
        fault: Fault::Outside,
        suggestion: nearest.map(str::to_owned),
        ..ParameterError::new(problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JSONPath: a key that ends in `.$` is computed.
    fn by_path(key: &str, _: &Document) -> Option<String> {
        key.strip_suffix(".$").map(str::to_owned)
    }

    #[track_caller]
    fn findings(service: &str, action: &str, parameters: &str, expected: &[&str]) {
        let service = Service::find(service).unwrap();
        let operation = service.operation(action).unwrap();
        let parameters = Document::parse(parameters).unwrap();
        let found = check(service, operation, Limits::of(service), &parameters, &by_path);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn parameters_that_fit_have_no_findings() {
        findings(
            "dynamodb",
            "getItem",
            r#"{"TableName": "t", "Key": {"id": {"S.$": "$.id"}}}"#,
            &[],
        );
        findings(
            "dynamodb",
            "getItem",
            r#"{"TableName.$": "$.t", "Key.$": "$.k", "ConsistentRead": null}"#,
            &[],
        );
        findings("sts", "getCallerIdentity", "{}", &[]);
        findings(
            "sfn",
            "startExecution",
            r#"{"StateMachineArn": "a", "Input": {"any": ["thing"]}}"#,
            &[],
        );
        findings("secretsmanager", "createSecret", r#"{"Name": "s"}"#, &[]);
    }

    #[test]
    fn values_are_held_against_the_limits_of_the_model() {
        findings(
            "s3",
            "putObject",
            r#"{"Bucket": "b", "Key": "", "StorageClass": "STANDRD", "ACL.$": "$.acl"}"#,
            &[
                "its length is less than 1 at `Key`",
                "\"STANDRD\" is none of the known values at `StorageClass`, did you mean `STANDARD`?",
            ],
        );
        findings(
            "lambda",
            "createEventSourceMapping",
            r#"{"FunctionName": "f", "BatchSize": 10001, "MaximumRecordAgeInSeconds": -2, "MaximumRetryAttempts": 0}"#,
            &[
                "10001 is more than 10000 at `BatchSize`",
                "-2 is less than -1 at `MaximumRecordAgeInSeconds`",
            ],
        );
        findings(
            "sns",
            "publishBatch",
            r#"{"TopicArn": "t", "PublishBatchRequestEntries": []}"#,
            &[],
        );
        findings(
            "dynamodb",
            "batchGetItem",
            r#"{"RequestItems": {}}"#,
            &["its length is less than 1 at `RequestItems`"],
        );
    }

    #[test]
    fn all_findings_are_told() {
        findings(
            "dynamodb",
            "getItem",
            r#"{"TablName": "t", "Key": {"id": {"S": "1", "Sx.$": "$.x"}}, "ConsistentRead": "maybe"}"#,
            &[
                "unknown parameter `TablName`, did you mean `TableName`?",
                "unknown parameter `Sx` at `Key.id`, did you mean `S`?",
                "expected true or false, found string at `ConsistentRead`",
                "missing parameter `TableName`",
            ],
        );
        findings(
            "eventbridge",
            "putEvents",
            r#"{"Entries": [{"Time": "soon"}, 1]}"#,
            &[
                "expected a timestamp, found string at `Entries.0.Time`",
                "expected an object, found number at `Entries.1`",
            ],
        );
        findings(
            "sqs",
            "listQueues",
            r#"{"Nonsense": 1}"#,
            &["unknown parameter `Nonsense`"],
        );
    }
}
