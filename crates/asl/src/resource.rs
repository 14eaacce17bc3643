//! What a Task state calls: the `Resource` field, parsed.

use crate::document::Text;

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
