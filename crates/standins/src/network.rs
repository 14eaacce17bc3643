//! Requests that really leave the process: to functions at an address, and to servers on this machine.

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;

pub(crate) async fn send(request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build();
    connector.call(request).await
}

/// Whether a host is this machine, where nothing can happen that a local run must not do.
pub(crate) fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "[::1]") || host.starts_with("127.") || host.ends_with(".localhost")
}
