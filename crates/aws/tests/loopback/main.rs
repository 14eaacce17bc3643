//! The client against servers on this machine that behave well, badly, and not at all.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod connections;
mod failures;
mod faults;
mod requests;
mod retries;
mod server;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::sdk_config::Builder;
use expressway_asl::Document;
use expressway_aws::{CallError, CallOptions, Client, EndpointOverrides, Service};
use std::time::Duration;

/// A client whose requests all go to this address. It waits a moment only between attempts.
fn client(url: &str) -> Client {
    client_with(url, TimeoutConfig::builder().build())
}

fn client_with(url: &str, timeouts: TimeoutConfig) -> Client {
    Client::new(config(url).timeout_config(timeouts).build(), EndpointOverrides::none())
}

fn client_of(url: &str, retries: RetryConfig) -> Client {
    Client::new(config(url).retry_config(retries).build(), EndpointOverrides::none())
}

fn config(url: &str) -> Builder {
    let credentials = Credentials::new("AKID", "secret", None, None, "test");
    SdkConfig::builder()
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
}

async fn call(client: &Client, service: &str, action: &str, parameters: &str) -> Result<Document, CallError> {
    call_with(client, service, action, parameters, &CallOptions::default()).await
}

async fn call_with(
    client: &Client,
    service: &str,
    action: &str,
    parameters: &str,
    options: &CallOptions,
) -> Result<Document, CallError> {
    let service = Service::find(service).unwrap();
    let operation = service.operation(action).unwrap();
    let parameters = Document::parse(parameters).unwrap();
    client.call(service, operation, &parameters, options).await
}

const ITEM: &str = r#"{"TableName": "orders", "Key": {"id": {"S": "1"}}}"#;

async fn get_item(client: &Client) -> Result<Document, CallError> {
    call(client, "dynamodb", "getItem", ITEM).await
}
