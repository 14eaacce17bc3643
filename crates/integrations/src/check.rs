//! What of a definition can not be called, and which parameters do not fit: found before anything runs.

use crate::optimized::Integration;
use crate::{api_gateway, aws_sdk, eks, http, lambda, parameters, web};
use expressway_asl::Document;
use expressway_asl::call::Call;
use expressway_asl::diagnostic::{Code, Diagnostic, Severity};
use expressway_asl::document::Text;
use expressway_asl::resource::Resource;
use expressway_aws::Service;
use expressway_aws::model::names::nearest;
use expressway_aws::model::{Limits, Operation, services};
use expressway_aws::request::{self, Fault, ParameterError};

/// Checks the calls of a definition against the models of the services that it names; only these are decoded.
///
/// Errors are what Step Functions refuses too when a state machine is created (a service or an action that does not
/// exist, a parameter that is unknown or missing), in its words, and what never can be called from here
/// ([`Code::NotSupported`]). Doubts about values, and about members that are missing further inside, are warnings: the
/// service has the last word.
pub fn check(calls: &[Call]) -> Vec<Diagnostic> {
    calls.iter().flat_map(|call| check_call(call, None)).collect()
}

/// As [`check`], with warnings ([`Code::UnexpectedValue`]) of values that are outside of the limits that the models
/// have. Apart from it, so that a program that only runs definitions is linked without the tables of limits.
pub fn check_with_values(calls: &[Call]) -> Vec<Diagnostic> {
    calls
        .iter()
        .flat_map(|call| check_call(call, Some(Limits::of)))
        .collect()
}

/// Finds the limits of a service.
type FindLimits = Option<fn(&Service) -> Option<&'static Limits>>;

fn check_call(call: &Call, limits: FindLimits) -> Vec<Diagnostic> {
    match &call.resource {
        Resource::Function { .. } => Vec::new(),
        Resource::AwsSdk { arn, service, action } => match aws_sdk::find(service, action) {
            Ok((model, operation)) => against_model(call, model, operation, limits),
            Err(problem) => vec![no_operation(call, arn, service, action, problem)],
        },
        Resource::Optimized { service, action, .. } => match (&**service, &**action) {
            ("lambda", "invoke") => against_names(call, lambda::PARAMETERS, lambda::REQUIRED, &[]),
            ("apigateway", "invoke") => {
                let forbidden = api_gateway::FORBIDDEN_HEADERS;
                against_names(call, api_gateway::PARAMETERS, api_gateway::REQUIRED, forbidden)
            }
            ("http", "invoke") => against_names(call, http::PARAMETERS, http::REQUIRED, http::FORBIDDEN_HEADERS),
            ("eks", "call") => against_names(call, eks::PARAMETERS, eks::REQUIRED, &[]),
            (service, action) => match Integration::find(service, action) {
                Err(problem) => vec![not_supported(call, problem)],
                Ok(integration) => match (integration.own_parameters(), integration.operation()) {
                    (Some((known, required)), _) => against_names(call, known, required, &[]),
                    (None, Some((model, operation))) => against_model(call, model, operation, limits),
                    (None, None) => Vec::new(),
                },
            },
        },
    }
}

/// A finding about an AWS SDK integration that does not exist, or that can not be called.
fn no_operation(call: &Call, arn: &Text, service: &str, action: &str, problem: String) -> Diagnostic {
    let suggestion = match Service::find(service) {
        None => nearest(service, services().map(|(name, _)| name)).map(str::to_owned),
        Some(model) if model.operation(action).is_none() => {
            let names: Vec<String> = model
                .operations
                .iter()
                .map(|operation| as_action(&operation.name))
                .collect();
            nearest(action, names.iter().map(String::as_str)).map(str::to_owned)
        }
        Some(_) => return not_supported(call, problem),
    };
    let message = format!(
        "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not \
         available in this region."
    );
    let spot = call.resource_spot.clone();
    let mut diagnostic = spot.diagnostic(Code::SchemaValidationFailed, Severity::Error, message);
    diagnostic.help = Some(match suggestion {
        Some(name) => format!("{problem}, did you mean `{name}`?"),
        None => problem,
    });
    diagnostic
}

/// The name of an operation as ARNs have it.
fn as_action(operation: &str) -> String {
    let mut letters = operation.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

fn not_supported(call: &Call, problem: String) -> Diagnostic {
    let message = format!("state `{}`: {problem}", call.state_name);
    let spot = call.resource_spot.clone();
    spot.diagnostic(Code::NotSupported, Severity::Error, message)
}

/// Checks the parameters of an operation, as far as the definition says them.
fn against_model(call: &Call, model: &Service, operation: &Operation, limits: FindLimits) -> Vec<Diagnostic> {
    let Some(parameters) = call.parameters() else {
        return Vec::new();
    };
    if call.computed("", &parameters).is_some() {
        return Vec::new();
    }
    let limits = limits.and_then(|find| find(model));
    let is_computed = |key: &str, value: &Document| call.computed(key, value);
    let errors = request::check(model, operation, limits, &parameters, &is_computed);
    errors.iter().map(|error| finding(call, error)).collect()
}

fn finding(call: &Call, error: &ParameterError) -> Diagnostic {
    let mut path = error.path.clone();
    let (severity, message) = match &error.fault {
        Fault::Unknown(key) => {
            path.push(key.clone());
            (Severity::Error, parameters::not_supported(key))
        }
        Fault::Missing(key) if path.is_empty() => (Severity::Error, parameters::missing(key)),
        Fault::Missing(key) => (Severity::Warning, parameters::missing(key)),
        Fault::Invalid | Fault::Outside => {
            let key = path.last().map_or("", String::as_str);
            (
                Severity::Warning,
                format!("The value of the field '{key}' does not fit: {}", error.problem),
            )
        }
    };
    let code = match error.fault {
        Fault::Outside => Code::UnexpectedValue,
        _ => Code::SchemaValidationFailed,
    };
    let mut diagnostic = call.spot(&path).diagnostic(code, severity, message);
    let suggestion = error.suggestion.as_ref();
    diagnostic.help = suggestion.map(|name| format!("did you mean '{name}'?"));
    diagnostic
}

/// Checks the names of parameters, and of the headers among them.
fn against_names(call: &Call, known: &[&str], required: &[&str], forbidden: &[&str]) -> Vec<Diagnostic> {
    let Some(parameters) = call.parameters() else {
        return Vec::new();
    };
    let Some(object) = parameters.as_object() else {
        return Vec::new();
    };
    let name = |key: &Text, value| call.computed(key, value).unwrap_or_else(|| key.to_string());
    let given: Vec<String> = object.iter().map(|(key, value)| name(key, value)).collect();
    let error = |path: &[String], message: String| {
        let spot = call.spot(path);
        spot.diagnostic(Code::SchemaValidationFailed, Severity::Error, message)
    };
    let unknown = given.iter().filter(|name| !known.contains(&&***name)).map(|name| {
        let mut diagnostic = error(std::slice::from_ref(name), parameters::not_supported(name));
        diagnostic.help = nearest(name, known.iter().copied()).map(|name| format!("did you mean '{name}'?"));
        diagnostic
    });
    let missing = required.iter().filter(|name| !given.iter().any(|given| given == *name));
    let missing = missing.map(|name| error(&[], parameters::missing(name)));
    let headers = object.get("Headers").and_then(|headers| headers.as_object());
    let headers = headers.into_iter().flat_map(|headers| headers.iter());
    let headers: Vec<String> = headers.map(|(key, value)| name(key, value)).collect();
    let headers = web::forbidden(headers.iter().map(String::as_str), forbidden);
    let headers = headers.map(|message| error(&["Headers".to_owned()], message));
    unknown.chain(missing).chain(headers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The findings about one Task state, as `severity message at location (help)`.
    fn findings(language: &str, resource: &str, parameters: &str) -> Vec<String> {
        let field = if language == "JSONata" {
            "Arguments"
        } else {
            "Parameters"
        };
        let definition = format!(
            r#"{{"QueryLanguage":"{language}","StartAt":"A","States":{{"A":{{"Type":"Task","End":true,
            "Resource":"arn:aws:states:::{resource}","{field}":{parameters}}}}}}}"#
        );
        let compilation = expressway_asl::compile(&definition, &BTreeMap::new()).unwrap();
        let line = |diagnostic: Diagnostic| {
            let location = diagnostic.location.unwrap();
            let text = &definition[diagnostic.span.start..diagnostic.span.end];
            assert!(!text.is_empty());
            let help = diagnostic.help.map(|help| format!(" ({help})")).unwrap_or_default();
            let severity = diagnostic.severity.as_str();
            format!(
                "{severity} {}: {} at {location}{help}",
                diagnostic.code.as_str(),
                diagnostic.message
            )
        };
        check_with_values(&compilation.calls).into_iter().map(line).collect()
    }

    #[test]
    fn what_fits_has_no_findings() {
        for (language, resource, parameters) in [
            (
                "JSONPath",
                "aws-sdk:dynamodb:getItem",
                r#"{"TableName.$":"$.t","key":{"id":{"S.$":"$.id"}}}"#,
            ),
            (
                "JSONata",
                "aws-sdk:dynamodb:getItem",
                r#"{"TableName":"{% $t %}","Key":"{% $k %}"}"#,
            ),
            ("JSONata", "aws-sdk:dynamodb:getItem", r#""{% $states.input %}""#),
            (
                "JSONPath",
                "sqs:sendMessage",
                r#"{"QueueUrl":"q","MessageBody":{"any":["thing"]}}"#,
            ),
            (
                "JSONPath",
                "events:putEvents",
                r#"{"Entries":[{"Detail":{"a":1},"Source":"s","DetailType":"d"}]}"#,
            ),
            (
                "JSONPath",
                "lambda:invoke",
                r#"{"FunctionName.$":"$.f","Payload.$":"$"}"#,
            ),
            (
                "JSONPath",
                "http:invoke",
                r#"{"ApiEndpoint":"https://a","Method":"GET","Headers":{"X":"1"}}"#,
            ),
            ("JSONPath", "elasticmapreduce:addStep", r#"{"ClusterId":"c","Step":{}}"#),
        ] {
            assert_eq!(
                findings(language, resource, parameters),
                [""; 0],
                "{resource} {parameters}"
            );
        }
    }

    #[test]
    fn findings_name_the_place_and_what_was_meant() {
        for (resource, parameters, expected) in [
            (
                "aws-sdk:dynamodb:getItem",
                r#"{"TablName.$":"$.t","Key":{"id":{"Sx":"1"}},"ConsistentRead":"maybe"}"#,
                &[
                    "ERROR SCHEMA_VALIDATION_FAILED: The field 'TablName' is not supported by Step Functions at /States/A/Parameters/TablName.$ (did you mean 'TableName'?)",
                    "ERROR SCHEMA_VALIDATION_FAILED: The field 'Sx' is not supported by Step Functions at /States/A/Parameters/Key/id/Sx (did you mean 'S'?)",
                    "WARNING SCHEMA_VALIDATION_FAILED: The value of the field 'ConsistentRead' does not fit: expected true or false, found string at /States/A/Parameters/ConsistentRead",
                    "ERROR SCHEMA_VALIDATION_FAILED: The field 'TableName' is required but was missing at /States/A/Parameters",
                ][..],
            ),
            (
                "aws-sdk:s3:putObject",
                r#"{"Bucket":"b","Key.$":"$.k","StorageClass":"STANDRD"}"#,
                &[
                    "WARNING UNEXPECTED_VALUE: The value of the field 'StorageClass' does not fit: \"STANDRD\" is none of the known values at /States/A/Parameters/StorageClass (did you mean 'STANDARD'?)",
                ],
            ),
            (
                "aws-sdk:s4:getObject",
                "{}",
                &[
                    "ERROR SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::aws-sdk:s4:getObject is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/A/Resource (there is no service `s4` in `aws-sdk:s4:getObject`, did you mean `s3`?)",
                ],
            ),
            (
                "aws-sdk:s3:getObjekt",
                "{}",
                &[
                    "ERROR SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::aws-sdk:s3:getObjekt is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/A/Resource (the service `s3` has no action `getObjekt`, did you mean `getObject`?)",
                ],
            ),
            (
                "aws-sdk:bedrockruntime:invokeModelWithResponseStream",
                "{}",
                &[
                    "ERROR NOT_SUPPORTED: state `A`: the action `invokeModelWithResponseStream` of `bedrockruntime` streams events, which is not supported at /States/A/Resource",
                ],
            ),
            (
                "eks:runJob",
                "{}",
                &[
                    "ERROR NOT_SUPPORTED: state `A`: `eks:runJob` is not supported; `eks:call` can create the Job at /States/A/Resource",
                ],
            ),
            (
                "eks:call",
                r#"{"ClusterName":"c","CertificateAuthority.$":"$.ca","Endpoint.$":"$.e","Method":"GET","Pth":"/api"}"#,
                &[
                    "ERROR SCHEMA_VALIDATION_FAILED: The field 'Pth' is not supported by Step Functions at /States/A/Parameters/Pth (did you mean 'Path'?)",
                    "ERROR SCHEMA_VALIDATION_FAILED: The field 'Path' is required but was missing at /States/A/Parameters",
                ],
            ),
            (
                "http:invoke",
                r#"{"ApiEndpoint":"https://a","Metod":"GET","Headers":{"Authorization.$":"$.a"}}"#,
                &[
                    "ERROR SCHEMA_VALIDATION_FAILED: The field 'Metod' is not supported by Step Functions at /States/A/Parameters/Metod (did you mean 'Method'?)",
                    "ERROR SCHEMA_VALIDATION_FAILED: The field 'Method' is required but was missing at /States/A/Parameters",
                    "ERROR SCHEMA_VALIDATION_FAILED: The 'Headers' field contains unsupported values: [authorization] at /States/A/Parameters/Headers",
                ],
            ),
        ] {
            assert_eq!(findings("JSONPath", resource, parameters), expected);
        }
    }
}
