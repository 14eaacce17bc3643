//! The configuration in environment variables: all there is in a Lambda function.

use super::endpoint::is_ignored;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::collections::HashMap;

/// The configuration in these variables, which for a whole process are `std::env::vars()`.
///
/// It reads what a Lambda function is given, and nothing else: no profiles, no metadata service. A program on
/// somebody's machine takes `aws-config`, which gives an [`SdkConfig`] too.
pub fn config_from_environment(variables: impl IntoIterator<Item = (String, String)>) -> SdkConfig {
    let variables: HashMap<String, String> = variables.into_iter().collect();
    let variable = |name: &str| {
        variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let is_true = |name: &str| variable(name).map(|value| value.eq_ignore_ascii_case("true"));
    let mut config = SdkConfig::builder();
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    config.set_region(region.map(|region| Region::new(region.to_owned())));
    if let (Some(id), Some(secret)) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        let token = variable("AWS_SESSION_TOKEN").map(str::to_owned);
        let credentials = Credentials::new(id, secret, token, None, "environment");
        config.set_credentials_provider(Some(SharedCredentialsProvider::new(credentials)));
    }
    let ignores_endpoints = variables.iter().any(|(name, value)| is_ignored(name, value));
    let endpoint = variable("AWS_ENDPOINT_URL").filter(|_| !ignores_endpoints);
    config.set_endpoint_url(endpoint.map(str::to_owned));
    config.set_use_fips(is_true("AWS_USE_FIPS_ENDPOINT"));
    config.set_use_dual_stack(is_true("AWS_USE_DUALSTACK_ENDPOINT"));
    let attempts = variable("AWS_MAX_ATTEMPTS").and_then(|attempts| attempts.parse().ok());
    config.set_retry_config(attempts.map(|attempts: u32| RetryConfig::standard().with_max_attempts(attempts.max(1))));
    config.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> SdkConfig {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        config_from_environment(variables.collect::<Vec<_>>())
    }

    #[test]
    fn variables_make_a_configuration() {
        let config = config(&[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL", "http://localhost:4566"),
            ("AWS_MAX_ATTEMPTS", "5"),
        ]);
        assert_eq!(config.region().unwrap().as_ref(), "eu-west-1");
        assert_eq!(config.endpoint_url(), Some("http://localhost:4566"));
        assert_eq!(config.retry_config().unwrap().max_attempts(), 5);
        assert!(config.credentials_provider().is_some());
    }

    #[test]
    fn what_is_missing_stays_missing() {
        let config = config(&[
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_ENDPOINT_URL", "http://localhost:4566"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE"),
        ]);
        assert!(config.region().is_none());
        assert!(config.endpoint_url().is_none());
        assert!(config.credentials_provider().is_none());
    }
}
