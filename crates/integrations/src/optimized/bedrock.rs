//! `bedrock:invokeModel`: bodies as JSON, and in S3.
//!
//! # Source
//! "Invoke and customize Amazon Bedrock models with Step Functions" in the AWS documentation.

use super::Integration;
use crate::aws_sdk;
use crate::caller::Caller;
use crate::parameters::Parameters;
use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_asl::resource::Resource;
use expressway_engine::{StateError, TaskRequest};

pub(super) const PARAMETERS: &[&str] = &[
    "Accept",
    "Body",
    "ContentType",
    "GuardrailIdentifier",
    "GuardrailVersion",
    "Input",
    "ModelId",
    "Output",
    "PerformanceConfigLatency",
    "ServiceTier",
    "Trace",
];

pub(super) const REQUIRED: &[&str] = &["ModelId"];

/// Has a model answer `Body`, or the object at `Input.S3Uri`.
///
/// The result is the answer's body, parsed if it is JSON, and its content type. With `Output.S3Uri` the body goes to S3
/// and the result holds its address instead.
///
/// # Errors
/// As Bedrock or S3 answers; `States.Runtime` for parameters that do not fit.
pub(super) async fn invoke_model(
    integration: &Integration<'_>,
    caller: &Caller,
    request: &TaskRequest<'_>,
) -> Result<Document, StateError> {
    let mut parameters = Parameters::new(&request.input, PARAMETERS);
    parameters.required_text("ModelId");
    let body = parameters.get("Body");
    let input = s3_object(&mut parameters, "Input");
    let output = s3_object(&mut parameters, "Output");
    if body.is_some() == input.is_some() {
        parameters.fault("One of the fields 'Body' and 'Input' is required".to_owned());
    }
    parameters.check()?;

    let body = match &input {
        Some(object) => call_s3(caller, request, "getObject", object.clone())
            .await?
            .get("Body")
            .cloned(),
        None => body.cloned(),
    };
    let own = request.input.as_object().into_iter().flat_map(|object| object.iter());
    let mut sent: Object = own
        .filter(|(key, _)| !matches!(&***key, "Input" | "Output"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    sent.insert("Body", body.unwrap_or_default());
    for key in ["ContentType", "Accept"] {
        if sent.get(key).is_none_or(Document::is_null) {
            sent.insert(key, "application/json".into());
        }
    }
    let answer = integration.send(caller, request, &sent.into()).await?.result;
    let body = answer.get("Body").cloned().unwrap_or_default();
    let body = body
        .as_str()
        .and_then(|text| Document::parse(text).ok())
        .unwrap_or(body);
    let body = match output {
        None => body,
        Some(mut object) => {
            object.insert("Body", body);
            call_s3(caller, request, "putObject", object).await?;
            let address = request.input.get("Output").and_then(|output| output.get("S3Uri"));
            address.cloned().unwrap_or_default()
        }
    };
    let content_type = answer.get("ContentType").cloned().unwrap_or_default();
    Ok(Document::object([("Body", body), ("ContentType", content_type)]))
}

/// The bucket and key of `{"S3Uri": "s3://bucket/key"}`.
fn s3_object(parameters: &mut Parameters<'_>, name: &str) -> Option<Object> {
    let uri = parameters.object(name)?.get("S3Uri").and_then(Document::as_str);
    let parts = uri.and_then(|uri| uri.strip_prefix("s3://")?.split_once('/'));
    match parts {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
            Some([("Bucket", bucket.into()), ("Key", key.into())].into_iter().collect())
        }
        _ => {
            parameters.invalid(name);
            None
        }
    }
}

async fn call_s3(
    caller: &Caller,
    request: &TaskRequest<'_>,
    action: &str,
    parameters: Object,
) -> Result<Document, StateError> {
    let resource = Resource::AwsSdk {
        arn: format!("arn:aws:states:::aws-sdk:s3:{action}").into(),
        service: "s3".into(),
        action: action.into(),
    };
    let request = TaskRequest {
        resource: &resource,
        input: parameters.into(),
        ..request.clone()
    };
    aws_sdk::call(caller, "s3", action, &request).await
}
