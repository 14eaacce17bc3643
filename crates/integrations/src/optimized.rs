//! Optimized integrations: `arn:aws:states:::<service>:<action>`.
//!
//! Most are an operation of the service with its own parameters and its own answer, to which status and headers of
//! the answer are added. What differs has a file: `emr` (other parameters), `events` (failed entries),
//! `bedrock` (bodies in S3).

mod bedrock;
mod emr;
mod events;

use crate::caller::Caller;
use crate::effect::{self, Token, model_name};
use crate::{metadata, parameters, started};
use aws_sdk_lambda::primitives::{DateTime, DateTimeFormat};
use expressway_asl::Document;
use expressway_asl::document::{Number, Object, Text};
use expressway_asl::error_name::ErrorName;
use expressway_aws::model::{Operation, Service, Shape, ShapeId};
use expressway_aws::request::{self, Fault};
use expressway_aws::response::ErrorAnswer;
use expressway_aws::{CallError, CallOutput};
use expressway_engine::{StateError, TaskRequest};

/// The services behind optimized integrations, and what AWS's SDK for Java 1, by which Step Functions calls them, has
/// for a name for each. Error names and causes are made of it.
///
/// # Source
/// Recorded for DynamoDB, SNS, SQS, Step Functions and EventBridge; the others follow the names of the SDK's
/// clients, as public reports show them for ECS, Batch, Glue, Athena and SageMaker.
const SERVICES: &[(&str, &str)] = &[
    ("athena", "AmazonAthena"),
    ("batch", "AWSBatch"),
    ("bedrock", "AmazonBedrock"),
    ("codebuild", "AWSCodeBuild"),
    ("databrew", "AWSGlueDataBrew"),
    ("dynamodb", "AmazonDynamoDBv2"),
    ("ecs", "AmazonECS"),
    ("eks", "AmazonEKS"),
    ("elasticmapreduce", "AmazonElasticMapReduce"),
    ("emr-containers", "AmazonEMRContainers"),
    ("emr-serverless", "AWSEMRServerless"),
    ("events", "AmazonEventBridge"),
    ("glue", "AWSGlue"),
    ("mediaconvert", "AWSMediaConvert"),
    ("sagemaker", "AmazonSageMaker"),
    ("sns", "AmazonSNS"),
    ("sqs", "AmazonSQS"),
    ("states", "AWSStepFunctions"),
];

/// One optimized integration.
#[derive(Clone, Copy)]
pub(crate) struct Integration<'r> {
    service: &'r str,
    action: &'r str,
    sdk_name: &'static str,
    model: &'static Service,
    operation: &'static Operation,
}

impl<'r> Integration<'r> {
    /// The integration behind the two parts of an ARN.
    ///
    /// # Errors
    /// Says why there is none.
    pub(crate) fn find(service: &'r str, action: &'r str) -> Result<Integration<'r>, String> {
        let not_supported = |why: &str| format!("`{service}:{action}` {why}");
        if (service, action) == ("eks", "runJob") {
            return Err(not_supported("is not supported; `eks:call` can create the Job"));
        }
        if service == "bedrockagentcore" {
            return Err(not_supported("streams events, which is not supported"));
        }
        let known = SERVICES.iter().find(|(known, _)| *known == service);
        let model = match action {
            "invokeModel" => Service::find("bedrockruntime"),
            _ => Service::find(model_name(service)),
        };
        let operation = match service {
            "elasticmapreduce" => emr::operation(action),
            _ => action,
        };
        let operation = model.and_then(|model| Some((model, model.operation(operation)?)));
        match (known, operation) {
            (Some((_, sdk_name)), Some((model, operation))) => Ok(Integration {
                service,
                action,
                sdk_name,
                model,
                operation,
            }),
            _ => Err(not_supported("is not an integration of Step Functions")),
        }
    }

    /// What the operation's own parameters are checked against, where they are the action's.
    pub(crate) fn operation(&self) -> Option<(&'static Service, &'static Operation)> {
        self.own_parameters().is_none().then_some((self.model, self.operation))
    }

    /// The parameters of an action that has others than its operation, and those that must be there.
    pub(crate) fn own_parameters(&self) -> Option<(&'static [&'static str], &'static [&'static str])> {
        match (self.service, self.action) {
            ("bedrock", "invokeModel") => Some((bedrock::PARAMETERS, bedrock::REQUIRED)),
            ("elasticmapreduce", action) => emr::parameters(action).map(|all| (all, all)),
            _ => None,
        }
    }

    /// Does the task's work.
    ///
    /// # Errors
    /// As the service answers, in Step Functions' names and words; `States.Runtime` for parameters that do not fit.
    pub(crate) async fn call(&self, caller: &Caller, request: &TaskRequest<'_>) -> Result<Document, StateError> {
        match (self.service, self.action) {
            ("events", "putEvents") => events::put(self, caller, request).await,
            ("bedrock", "invokeModel") => bedrock::invoke_model(self, caller, request).await,
            ("elasticmapreduce", action) => emr::call(self, action, caller, request).await,
            _ => {
                self.check_parameters(&request.input)?;
                let output = self.send(caller, request, &request.input).await?;
                Ok(self.with_metadata(output))
            }
        }
    }

    /// Refuses parameters that the operation does not know, and tells of those that are missing, all at once.
    fn check_parameters(&self, input: &Document) -> Result<(), StateError> {
        let errors = request::check(self.model, self.operation, None, input, &|_, _| None);
        let faults = errors.iter().filter_map(|error| match &error.fault {
            Fault::Unknown(key) => Some(parameters::not_supported(key)),
            Fault::Missing(key) if error.path.is_empty() => Some(parameters::missing(key)),
            // The service may know better.
            Fault::Missing(_) => None,
            Fault::Invalid | Fault::Outside => Some(error.to_string()),
        });
        match faults.collect::<Vec<_>>().as_slice() {
            [] => Ok(()),
            faults => Err(parameters::unusable(input, &faults.join(", "))),
        }
    }

    /// Sends one request, with the token of the attempt where it belongs.
    async fn send(
        &self,
        caller: &Caller,
        request: &TaskRequest<'_>,
        input: &Document,
    ) -> Result<CallOutput, StateError> {
        let service = model_name(self.service);
        let parameters = effect::with_token(service, self.action, input, Token::of(request));
        let options = caller.options(self.model, self.operation, request).await?;
        let output = caller
            .client
            .call_with_metadata(self.model, self.operation, &parameters, &options);
        let error = match output.await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        match started::before(caller, self.action, request, &error, &options).await {
            Some(output) => Ok(output),
            None => Err(self.error(error, request)),
        }
    }

    /// The answer as Step Functions hands it on: with status and headers, its members sorted by name.
    fn with_metadata(&self, output: CallOutput) -> Document {
        let result = match self.operation.output {
            Some(shape) => in_millis(self.model, shape, &output.result),
            None => output.result,
        };
        let mut object = match result {
            Document::Object(object) => object,
            _ => Object::new(),
        };
        let headers = output.headers.iter().map(|(name, value)| (&**name, &**value));
        metadata::insert(&mut object, self.service, output.status, headers);
        let mut members: Vec<(Text, Document)> = object
            .iter()
            .map(|(key, value)| (Text::clone(key), value.clone()))
            .collect();
        members.sort_by(|(left, _), (right, _)| left.cmp(right));
        members.into_iter().collect::<Object>().into()
    }

    /// The error of a call.
    fn error(&self, error: CallError, request: &TaskRequest<'_>) -> StateError {
        match error {
            CallError::Parameters(error) => parameters::unusable(&request.input, &error.to_string()),
            CallError::AnswerTooLarge => parameters::too_large(request.resource),
            CallError::Answered(answer) => self.answered(&answer),
            error => StateError::new(format!("{}.SdkClientException", self.prefix()).as_str(), error.cause()),
        }
    }

    /// What error names begin with.
    fn prefix(&self) -> &'static str {
        let name = self.sdk_name.strip_prefix("Amazon").unwrap_or(self.sdk_name);
        let name = name.strip_prefix("AWS").unwrap_or(name);
        name.strip_suffix("v2").unwrap_or(name)
    }

    /// An error that the service answered with. Those of its model keep their name, all others get the service's.
    ///
    /// # Source
    /// Recorded: `error_handling/task_service_*`, `services/sns_task_service*`. The form is that of the SDK for
    /// Java 1, which writes `null` for what the answer lacks.
    pub(crate) fn answered(&self, answer: &ErrorAnswer) -> StateError {
        let exception = match &answer.exception {
            Some(shape) => exception(shape),
            None => exception(self.sdk_name.strip_suffix("v2").unwrap_or(self.sdk_name)),
        };
        let cause = format!(
            "{} (Service: {}; Status Code: {}; Error Code: {}; Request ID: {}; Proxy: null)",
            answer.message.as_deref().unwrap_or("null"),
            self.sdk_name,
            answer.status,
            answer.code,
            answer.request_id.as_deref().unwrap_or("null"),
        );
        StateError::new(format!("{}.{exception}", self.prefix()).as_str(), cause)
    }
}

/// The name of an exception in the SDK for Java 1, from that of its shape.
fn exception(shape: &str) -> String {
    let stem = shape.strip_suffix("Exception").or_else(|| shape.strip_suffix("Fault"));
    format!("{}Exception", stem.unwrap_or(shape))
}

/// A result with its moments as numbers, milliseconds since 1970: so the SDK for Java 1 writes them into JSON.
///
/// # Source
/// Not recorded; public examples of nested executions and ECS tasks (`"StartDate": 1591802403401`).
fn in_millis(service: &Service, shape: ShapeId, value: &Document) -> Document {
    match (service.shape(shape), value) {
        (Shape::Timestamp(_), Document::String(text)) => {
            let moment = DateTime::from_str(text, DateTimeFormat::DateTime).ok();
            let millis = moment.and_then(|moment| moment.to_millis().ok());
            millis.map_or_else(|| value.clone(), |millis| Document::Number(Number::from(millis)))
        }
        (Shape::Structure(structure), Document::Object(object)) => {
            let member = |(key, value): (&Text, &Document)| {
                let value = match structure.member(key) {
                    Some(member) => in_millis(service, member.shape, value),
                    None => value.clone(),
                };
                (Text::clone(key), value)
            };
            object.iter().map(member).collect::<Object>().into()
        }
        (Shape::List(list), Document::Array(items)) => {
            let items = items.iter().map(|item| in_millis(service, list.item, item));
            items.collect::<Vec<_>>().into()
        }
        (Shape::Map(map), Document::Object(object)) => {
            let entry = |(key, value): (&Text, &Document)| (Text::clone(key), in_millis(service, map.value, value));
            object.iter().map(entry).collect::<Object>().into()
        }
        _ => value.clone(),
    }
}

/// The error for a call of what there is not.
pub(crate) fn not_supported(problem: String) -> StateError {
    StateError::new(ErrorName::Runtime, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: &str, exception: Option<&str>) -> ErrorAnswer {
        ErrorAnswer {
            code: code.to_owned(),
            exception: exception.map(Text::from),
            message: Some("Requested resource not found".to_owned()),
            status: 400,
            request_id: Some("r-1".to_owned()),
            ..ErrorAnswer::default()
        }
    }

    #[test]
    fn errors_have_the_names_of_the_first_sdk() {
        for (service, action, code, shape, name, sdk) in [
            (
                "dynamodb",
                "putItem",
                "ResourceNotFoundException",
                Some("ResourceNotFoundException"),
                "DynamoDB.ResourceNotFoundException",
                "AmazonDynamoDBv2",
            ),
            (
                "dynamodb",
                "putItem",
                "ValidationException",
                None,
                "DynamoDB.AmazonDynamoDBException",
                "AmazonDynamoDBv2",
            ),
            (
                "sns",
                "publish",
                "NotFound",
                Some("NotFoundException"),
                "SNS.NotFoundException",
                "AmazonSNS",
            ),
            (
                "states",
                "startExecution",
                "StateMachineDoesNotExist",
                Some("StateMachineDoesNotExist"),
                "StepFunctions.StateMachineDoesNotExistException",
                "AWSStepFunctions",
            ),
            (
                "sqs",
                "sendMessage",
                "AccessDenied",
                None,
                "SQS.AmazonSQSException",
                "AmazonSQS",
            ),
            ("glue", "startJobRun", "X", None, "Glue.AWSGlueException", "AWSGlue"),
            (
                "ecs",
                "runTask",
                "ClusterNotFoundException",
                Some("ClusterNotFoundException"),
                "ECS.ClusterNotFoundException",
                "AmazonECS",
            ),
        ] {
            let integration = Integration::find(service, action).unwrap();
            let cause = format!(
                "Requested resource not found (Service: {sdk}; Status Code: 400; Error Code: {code}; Request ID: r-1; Proxy: null)"
            );
            assert_eq!(integration.answered(&answer(code, shape)), StateError::new(name, cause));
        }
    }

    #[test]
    fn every_action_that_definitions_can_name_is_there_or_says_why_not() {
        let own = [
            ("lambda", "invoke"),
            ("apigateway", "invoke"),
            ("http", "invoke"),
            ("eks", "call"),
        ];
        let missing = expressway_asl::resource::optimized()
            .filter(|named| !own.contains(named))
            .filter(|(service, action)| Integration::find(service, action).is_err());
        assert_eq!(
            missing.collect::<Vec<_>>(),
            [("bedrockagentcore", "invokeHarness"), ("eks", "runJob")]
        );
    }
}
