//! Credentials, region, endpoints, timeouts and connections: what the clients of all services share.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use expressway_aws::client::http_client;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a service may take to begin its answer. A function may run for 15 minutes and says nothing until
/// it ends; what bounds a task in practice is its own timeout and the deadline of the execution.
const READ_TIMEOUT: Duration = Duration::from_secs(15 * 60 + 30);

/// Reads the AWS configuration from the process's environment, as every SDK does: region, credentials,
/// `AWS_ENDPOINT_URL` and its forms for single services, profiles, `AWS_MAX_ATTEMPTS`.
///
/// Where credentials stand in the environment, as in Lambda, nothing else is asked for them. Elsewhere the
/// default chain is: profiles, web identity, containers, instances.
pub async fn configuration() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .timeout_config(timeouts);
    if std::env::var_os("AWS_ACCESS_KEY_ID").is_some() {
        loader = loader.credentials_provider(EnvironmentVariableCredentialsProvider::new());
    }
    loader.load().await
}
