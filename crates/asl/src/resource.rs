//! What a Task state calls: the `Resource` field, parsed.

use crate::document::Text;

/// The optimized integrations and their actions.
///
/// # Source
/// "Integrating optimized services with Step Functions" in the AWS documentation.
pub(crate) const OPTIMIZED: &[(&str, &[&str])] = &[
    ("apigateway", &["invoke"]),
    (
        "athena",
        &[
            "getQueryExecution",
            "getQueryResults",
            "startQueryExecution",
            "stopQueryExecution",
        ],
    ),
    ("batch", &["submitJob"]),
    ("bedrock", &["createModelCustomizationJob", "invokeModel"]),
    ("bedrockagentcore", &["invokeHarness"]),
    (
        "codebuild",
        &[
            "batchDeleteBuilds",
            "batchGetReports",
            "deleteBuildBatch",
            "retryBuildBatch",
            "startBuild",
            "startBuildBatch",
            "stopBuild",
            "stopBuildBatch",
        ],
    ),
    ("databrew", &["startJobRun"]),
    ("dynamodb", &["deleteItem", "getItem", "putItem", "updateItem"]),
    ("ecs", &["runTask"]),
    (
        "eks",
        &[
            "call",
            "createCluster",
            "createFargateProfile",
            "createNodegroup",
            "deleteCluster",
            "deleteFargateProfile",
            "deleteNodegroup",
            "runJob",
        ],
    ),
    (
        "elasticmapreduce",
        &[
            "addStep",
            "cancelStep",
            "createCluster",
            "modifyInstanceFleetByName",
            "modifyInstanceGroupByName",
            "setClusterTerminationProtection",
            "terminateCluster",
        ],
    ),
    (
        "emr-containers",
        &["createVirtualCluster", "deleteVirtualCluster", "startJobRun"],
    ),
    (
        "emr-serverless",
        &[
            "cancelJobRun",
            "createApplication",
            "deleteApplication",
            "startApplication",
            "startJobRun",
            "stopApplication",
        ],
    ),
    ("events", &["putEvents"]),
    ("glue", &["startJobRun"]),
    ("http", &["invoke"]),
    ("lambda", &["invoke"]),
    ("mediaconvert", &["createJob"]),
    (
        "sagemaker",
        &[
            "createEndpoint",
            "createEndpointConfig",
            "createHyperParameterTuningJob",
            "createLabelingJob",
            "createModel",
            "createProcessingJob",
            "createTrainingJob",
            "createTransformJob",
            "updateEndpoint",
        ],
    ),
    ("sns", &["publish"]),
    ("sqs", &["sendMessage"]),
    ("states", &["startExecution"]),
];

/// The optimized integrations that definitions can name: service and action.
pub fn optimized() -> impl Iterator<Item = (&'static str, &'static str)> {
    let actions = |(service, actions): &(&'static str, &'static [&'static str])| {
        let service = *service;
        actions.iter().map(move |action| (service, *action))
    };
    OPTIMIZED.iter().flat_map(actions)
}

/// What a Task state calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A Lambda function by its own ARN, perhaps with a version or alias.
    Function {
        /// The ARN as written.
        arn: Text,
    },
    /// An optimized integration, such as `arn:aws:states:::lambda:invoke`.
    Optimized {
        /// The ARN as written.
        arn: Text,
        /// The service part, such as `lambda`.
        service: Text,
        /// The action part, such as `invoke`.
        action: Text,
    },
    /// An AWS SDK integration, such as `arn:aws:states:::aws-sdk:s3:getObject`.
    AwsSdk {
        /// The ARN as written.
        arn: Text,
        /// The service part, such as `s3`.
        service: Text,
        /// The action part, such as `getObject`.
        action: Text,
    },
}

impl Resource {
    /// The ARN as written.
    pub fn arn(&self) -> &Text {
        match self {
            Resource::Function { arn } | Resource::Optimized { arn, .. } | Resource::AwsSdk { arn, .. } => arn,
        }
    }

    /// `resourceType` of history events: `lambda`, `dynamodb`, `aws-sdk:s3`.
    pub fn resource_type(&self) -> Text {
        match self {
            Resource::Function { .. } => "lambda".into(),
            Resource::Optimized { service, .. } => Text::clone(service),
            Resource::AwsSdk { service, .. } => format!("aws-sdk:{service}").into(),
        }
    }

    /// `resource` of history events: the action, or the ARN of a function.
    pub fn name(&self) -> &Text {
        match self {
            Resource::Function { arn } => arn,
            Resource::Optimized { action, .. } | Resource::AwsSdk { action, .. } => action,
        }
    }

    /// How `States.DataLimitExceeded` names the resource.
    ///
    /// # Source
    /// Recorded: `error_handling/*data_limit_exceeded*` (`lambda`, or the ARN of the function).
    pub fn limit_name(&self) -> Text {
        match self {
            Resource::Function { arn } => Text::clone(arn),
            Resource::Optimized { .. } | Resource::AwsSdk { .. } => self.resource_type(),
        }
    }
}
