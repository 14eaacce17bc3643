//! The table, and items as their attributes.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use expressway_aws::EndpointOverrides;
use std::collections::HashMap;
use std::error::Error;
use std::time::{Duration, SystemTime};

/// How long DynamoDB may take to answer one attempt. It answers within milliseconds or something is wrong.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a request is made before the table counts as unavailable.
const ATTEMPTS_MAX: u32 = 4;

/// The attributes of an item.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A DynamoDB table with the keys `pk` and `sk`.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) client: Client,
    /// For what tasks write, whose parameters are documents.
    pub(crate) writes: expressway_aws::Client,
    pub(crate) name: String,
}

impl Table {
    /// The table of this name, or of this ARN.
    pub fn new(config: &SdkConfig, name: impl Into<String>) -> Table {
        let mut timeouts = TimeoutConfig::builder()
            .read_timeout(ATTEMPT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT);
        timeouts.set_connect_timeout(config.timeout_config().and_then(TimeoutConfig::connect_timeout));
        let timeouts = timeouts.build();
        let config = config.to_builder().timeout_config(timeouts).build();
        let typed = aws_sdk_dynamodb::config::Builder::from(&config)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
            .build();
        Table {
            client: Client::from_conf(typed),
            writes: expressway_aws::Client::new(config.clone(), EndpointOverrides::from_variables(std::env::vars())),
            name: name.into(),
        }
    }
}

/// The table could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to use the table `{table}`: {problem}")]
pub struct StoreError {
    /// The table.
    pub table: String,
    /// What happened.
    pub problem: String,
    /// Whether the same request would fail again: access denied, no such table, an item that is not valid.
    pub is_permanent: bool,
}

/// Errors of status 4xx that pass by themselves.
const PASSING: [&str; 7] = [
    "ExpiredTokenException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

impl Table {
    pub(crate) fn error<E: Error + ProvideErrorMetadata + 'static>(
        &self,
        error: SdkError<E, HttpResponse>,
    ) -> StoreError {
        let is_permanent = match &error {
            SdkError::ServiceError(answer) => {
                answer.raw().status().is_client_error()
                    && !answer.err().code().is_some_and(|code| PASSING.contains(&code))
            }
            _ => false,
        };
        StoreError {
            is_permanent,
            ..self.problem(DisplayErrorContext(error).to_string())
        }
    }

    pub(crate) fn problem(&self, problem: impl Into<String>) -> StoreError {
        StoreError {
            table: self.name.clone(),
            problem: problem.into(),
            is_permanent: false,
        }
    }

    pub(crate) fn broken(&self, item: &Item, attribute: &str) -> StoreError {
        let key = |key| text(item, key).unwrap_or("?");
        let (pk, sk) = (key("pk"), key("sk"));
        self.problem(format!(
            "the item with pk `{pk}` and sk `{sk}` lacks a valid attribute `{attribute}`"
        ))
    }
}

/// An attribute that is a string.
pub(crate) fn text<'i>(item: &'i Item, attribute: &str) -> Option<&'i str> {
    item.get(attribute)?.as_s().ok().map(String::as_str)
}

/// An attribute that is a whole number.
pub(crate) fn number(item: &Item, attribute: &str) -> Option<u64> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}

/// An attribute that is a time in milliseconds.
pub(crate) fn time(item: &Item, attribute: &str) -> Option<SystemTime> {
    number(item, attribute).map(|milliseconds| SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds))
}

/// A string as an attribute.
pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number as an attribute.
pub(crate) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Milliseconds since 1970.
pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds since 1970, as DynamoDB's TTL counts.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    milliseconds(time) / 1000
}
