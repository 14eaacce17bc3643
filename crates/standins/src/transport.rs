//! The HTTP client that sends nothing: requests are answered by the stand-ins.

use crate::protocol::{Answer, Request};
use crate::{StandIns, network, route};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;

impl StandIns {
    /// The client to set as `http_client` of an SDK's configuration.
    ///
    /// Requests that are not signed and go to a server on this machine are sent there; nothing else leaves the
    /// process.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(InProcess(self.clone()))
    }

    async fn transport(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
        let request = request.try_into_http1x().map_err(|error| failed(error.into()))?;
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(failed)?.to_bytes();
        let request = Request::from_parts(parts, body);
        let host = request.uri().host().unwrap_or_default();
        if route::service(&request).is_none() && network::is_this_machine(host) {
            let request = request.map(SdkBody::from);
            let request = HttpRequest::try_from(request).map_err(|error| failed(error.into()))?;
            return network::send(request).await;
        }
        let answer: Answer = self.answer(request).await;
        HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|error| failed(error.into()))
    }
}

#[derive(Clone, Debug)]
struct InProcess(StandIns);

impl HttpClient for InProcess {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let stand_ins = self.0.clone();
        HttpConnectorFuture::new(async move { stand_ins.transport(request).await })
    }
}
