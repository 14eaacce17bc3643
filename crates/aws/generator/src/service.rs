//! Turns the JSON model of a service into [`Service`] and [`Limits`].

mod limits;
mod shapes;

use crate::rules;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_aws::Service;
use expressway_aws::model::{Authentication, ContextParameter, ContextValue, Limits, Operation, Protocol};
use shapes::Shapes;

/// Reads a model and its endpoint rules.
///
/// # Errors
/// Something in the model that this does not know: better no tables than wrong ones.
pub fn read(name: &str, model: &Document, endpoint_rules: &Document) -> Result<(Service, Limits), String> {
    let metadata = model.get("metadata").ok_or("no metadata")?;
    let text = |key: &str| -> Text { text(metadata, key).unwrap_or_default().into() };
    let mut shapes = Shapes::new(object(model, "shapes")?);
    let mut operations = Vec::new();
    for (name, json) in object(model, "operations")?.iter() {
        operations.push(operation(name, json, &mut shapes).map_err(|problem| format!("{name}: {problem}"))?);
    }
    operations.sort_by(|left, right| left.name.cmp(&right.name));
    if name == "s3" {
        leave_bucket_to_the_endpoint(&mut operations);
    }
    let endpoint_prefix = text("endpointPrefix");
    let signing_name = Some(text("signingName")).filter(|name| !name.is_empty());
    let (shapes, limits) = shapes.finish()?;
    let service = Service {
        name: name.into(),
        service_id: text("serviceId"),
        api_version: text("apiVersion"),
        signing_name: signing_name.unwrap_or_else(|| endpoint_prefix.clone()),
        endpoint_prefix,
        target_prefix: text("targetPrefix"),
        json_version: text("jsonVersion"),
        protocol: protocol(metadata)?,
        query_compatible: metadata.get("awsQueryCompatible").is_some(),
        unsigned: is_unsigned(metadata),
        operations,
        shapes,
        endpoint_rules: rules::read(endpoint_rules)?,
    };
    Ok((service, limits))
}

/// JSON is preferred where a service speaks several languages: it is the one best known to hold.
fn protocol(metadata: &Document) -> Result<Protocol, String> {
    let offered = metadata.get("protocols").and_then(Document::as_array);
    let offers = |name: &str| offered.is_some_and(|offered| offered.iter().any(|each| each.as_str() == Some(name)));
    let name = if offers("json") {
        "json"
    } else {
        text(metadata, "protocol").unwrap_or_default()
    };
    Ok(match name {
        "json" => Protocol::Json,
        "rest-json" => Protocol::RestJson,
        "rest-xml" => Protocol::RestXml,
        "query" => Protocol::Query,
        "ec2" => Protocol::Ec2,
        "smithy-rpc-v2-cbor" => Protocol::Cbor,
        other => return Err(format!("unknown protocol `{other}`")),
    })
}

fn is_unsigned(metadata: &Document) -> bool {
    let version = text(metadata, "signatureVersion").unwrap_or_default();
    matches!(version, "bearer" | "none") || only_auth(metadata) == Some("smithy.api#httpBearerAuth")
}

fn only_auth(json: &Document) -> Option<&str> {
    match &**json.get("auth")?.as_array()? {
        [only] => only.as_str(),
        _ => None,
    }
}

fn operation(name: &str, json: &Document, shapes: &mut Shapes) -> Result<Operation, String> {
    let http = json.get("http");
    let of_http =
        |key: &str, otherwise: &str| -> Text { http.and_then(|http| text(http, key)).unwrap_or(otherwise).into() };
    let (input, output) = (json.get("input"), json.get("output"));
    let checksum = json.get("httpChecksum");
    let of_checksum = |key: &str| checksum.and_then(|checksum| checksum.get(key));
    let errors = json.get("errors").and_then(Document::as_array);
    let errors = errors.map_or(&[][..], |errors| errors).iter();
    Ok(Operation {
        name: name.into(),
        method: of_http("method", "POST"),
        uri: of_http("requestUri", "/"),
        input: input.map(|input| shapes.id_of(input)).transpose()?,
        output: output.map(|output| shapes.id_of(output)).transpose()?,
        errors: errors.map(|error| shapes.id_of(error)).collect::<Result<_, _>>()?,
        host_prefix: json
            .get("endpoint")
            .and_then(|endpoint| owned_text(endpoint, "hostPrefix")),
        input_element: input.and_then(|input| owned_text(input, "locationName")),
        input_namespace: input.and_then(shapes::xml_namespace).map(|namespace| namespace.uri),
        result_wrapper: output.and_then(|output| owned_text(output, "resultWrapper")),
        checksum_required: is_true(json, "httpChecksumRequired")
            || of_checksum("requestChecksumRequired").and_then(Document::as_bool) == Some(true),
        checksum_algorithm_member: of_checksum("requestAlgorithmMember")
            .and_then(Document::as_str)
            .map(Text::from),
        authentication: authentication(json),
        context_parameters: context_parameters(json)?,
    })
}

fn authentication(json: &Document) -> Authentication {
    let kind = text(json, "authtype").unwrap_or_default();
    if kind == "none" || only_auth(json) == Some("smithy.api#noAuth") {
        Authentication::Anonymous
    } else if kind == "v4-unsigned-body" || is_true(json, "unsignedPayload") {
        Authentication::SignedWithoutBody
    } else {
        Authentication::Signed
    }
}

fn context_parameters(json: &Document) -> Result<Vec<ContextParameter>, String> {
    let mut parameters = Vec::new();
    for (name, value) in members(json, "staticContextParams") {
        let value = value.get("value").cloned().ok_or("a context parameter without value")?;
        let value = ContextValue::Static(value);
        parameters.push(ContextParameter { name, value });
    }
    for (name, value) in members(json, "operationContextParams") {
        let path = owned_text(value, "path").ok_or("a context parameter without path")?;
        let value = ContextValue::Path(path);
        parameters.push(ContextParameter { name, value });
    }
    Ok(parameters)
}

/// S3's endpoint rules place the bucket, in the host name or in the path, so the operations must not.
fn leave_bucket_to_the_endpoint(operations: &mut [Operation]) {
    for operation in operations {
        if let Some(rest) = operation.uri.strip_prefix("/{Bucket}") {
            operation.uri = rest.into();
        }
    }
}

pub(crate) fn object<'d>(json: &'d Document, key: &str) -> Result<&'d Object, String> {
    json.get(key)
        .and_then(Document::as_object)
        .ok_or_else(|| format!("no `{key}`"))
}

fn members<'d>(json: &'d Document, key: &str) -> impl Iterator<Item = (Text, &'d Document)> {
    let object = json.get(key).and_then(Document::as_object).into_iter();
    object.flat_map(|object| object.iter().map(|(key, value)| (key.clone(), value)))
}

pub(crate) fn text<'d>(json: &'d Document, key: &str) -> Option<&'d str> {
    json.get(key).and_then(Document::as_str)
}

fn owned_text(json: &Document, key: &str) -> Option<Text> {
    text(json, key).map(Text::from)
}

fn is_true(json: &Document, key: &str) -> bool {
    json.get(key).and_then(Document::as_bool) == Some(true)
}
