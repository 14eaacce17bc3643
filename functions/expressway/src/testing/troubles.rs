//! AWS in the process, with one dependency in trouble.

use aws_config::{Region, SdkConfig};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use expressway_standins::StandIns;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How a dependency fails, for as long as it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It answers correctly, after ten minutes.
    Slow,
    /// It begins its answer at once, and then sends a byte every five seconds.
    Trickling,
    /// It takes the request and never answers.
    Silent,
    /// It never answers its first request, and then all is well.
    Lost,
    /// It does what is asked, and the connection ends before the answer.
    Cut,
    /// It answers with status 500.
    ServerError,
    /// It asks for less.
    Throttling,
}

impl Trouble {
    /// Those that do not end.
    pub(crate) const LASTING: [Trouble; 6] = [
        Trouble::Slow,
        Trouble::Trickling,
        Trouble::Silent,
        Trouble::Cut,
        Trouble::ServerError,
        Trouble::Throttling,
    ];
}

/// What tests tell requests by.
pub(crate) struct Sent<'r> {
    /// The service of the signature, else the host.
    pub(crate) service: &'r str,
    /// The action, or the HTTP method where the service has no names for actions.
    pub(crate) action: &'r str,
    pub(crate) body: &'r str,
}

type Matcher = fn(&Sent<'_>) -> bool;

/// Stand-ins, one of which is in trouble.
#[derive(Clone, Debug)]
pub(crate) struct TroubledAws {
    stand_ins: StandIns,
    is_dependency: Matcher,
    trouble: Option<Trouble>,
    is_on: Arc<AtomicBool>,
    met: Arc<AtomicUsize>,
}

impl TroubledAws {
    /// Requests that match have this trouble, if there is one.
    pub(crate) fn new(stand_ins: &StandIns, is_dependency: Matcher, trouble: Option<Trouble>) -> TroubledAws {
        TroubledAws {
            stand_ins: stand_ins.clone(),
            is_dependency,
            trouble,
            is_on: Arc::new(AtomicBool::new(true)),
            met: Arc::default(),
        }
    }

    /// The configuration of clients. The SDK keeps how many retries are left by service and region, so that no two tests
    /// should have the same region.
    pub(crate) fn config(&self, region: String) -> SdkConfig {
        let config = self.stand_ins.config().to_builder();
        let config = config.http_client(SharedHttpClient::new(self.clone()));
        config.region(Region::new(region)).build()
    }

    /// Begins or ends the trouble.
    pub(crate) fn set_on(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::Relaxed);
    }

    /// How many requests the dependency got while it was in trouble, or would have been.
    pub(crate) fn met(&self) -> usize {
        self.met.load(Ordering::Relaxed)
    }

    fn trouble(&self, sent: &Sent<'_>) -> Option<Trouble> {
        if !self.is_on.load(Ordering::Relaxed) || !(self.is_dependency)(sent) {
            return None;
        }
        let is_first = self.met.fetch_add(1, Ordering::Relaxed) == 0;
        self.trouble.filter(|trouble| *trouble != Trouble::Lost || is_first)
    }
}

impl HttpClient for TroubledAws {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            aws: self.clone(),
            healthy: self.stand_ins.http_client().http_connector(settings, components),
            read_timeout: settings.read_timeout(),
        })
    }
}

#[derive(Clone, Debug)]
struct Connector {
    aws: TroubledAws,
    healthy: SharedHttpConnector,
    read_timeout: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.clone();
        HttpConnectorFuture::new(async move {
            let answer = connector.answer(request);
            match connector.read_timeout {
                None => answer.await,
                Some(limit) => match tokio::time::timeout(limit, answer).await {
                    Ok(answer) => answer,
                    Err(error) => Err(ConnectorError::timeout(error.into())),
                },
            }
        })
    }
}

impl Connector {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let service = service(&request);
        let trouble = {
            let body = request.body().bytes().unwrap_or_default();
            let body = String::from_utf8_lossy(body);
            let sent = Sent {
                service: &service,
                action: action(&request, &body),
                body: &body,
            };
            self.aws.trouble(&sent)
        };
        match trouble {
            None => self.healthy(&service, request).await,
            Some(Trouble::Slow) => {
                tokio::time::sleep(Duration::from_secs(600)).await;
                self.healthy(&service, request).await
            }
            Some(Trouble::Trickling) => Ok(trickling(self.healthy(&service, request).await?).await),
            Some(Trouble::Silent | Trouble::Lost) => std::future::pending().await,
            Some(Trouble::Cut) => {
                self.healthy(&service, request).await?;
                let error = io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer");
                Err(ConnectorError::io(error.into()))
            }
            Some(Trouble::ServerError) => Ok(failure(&service, 500, "InternalServerError")),
            Some(Trouble::Throttling) => {
                let (status, code) = throttling(&service);
                Ok(failure(&service, status, code))
            }
        }
    }

    /// What the stand-ins say, or servers that there are none of.
    async fn healthy(&self, service: &str, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        // Time in which others get their turn.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let answer = match service {
            "events" => concat!(
                r#"{"ConnectionState":"AUTHORIZED","AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","#,
                r#""SecretArn":"connection"}"#
            ),
            "auth.example.com" => r#"{"access_token":"token","token_type":"Bearer","expires_in":3600}"#,
            "sqs" if action(&request, "") == "ChangeMessageVisibilityBatch" => r#"{"Successful":[],"Failed":[]}"#,
            "api.example.com" | "execute-api" => r#"{"ok":true}"#,
            _ => return self.healthy.call(request).await,
        };
        Ok(response(200, "application/json", answer.to_owned()))
    }
}

/// The service of the signature's scope, else the host.
fn service(request: &HttpRequest) -> String {
    let scope = request.headers().get("authorization").and_then(|authorization| {
        let (_, scope) = authorization.split_once("Credential=")?;
        scope.split('/').nth(3)
    });
    let host = || request.uri().split('/').nth(2).unwrap_or_default();
    scope.unwrap_or_else(host).to_owned()
}

fn action<'r>(request: &'r HttpRequest, body: &'r str) -> &'r str {
    let target = request.headers().get("x-amz-target");
    let target = target.and_then(|target| target.rsplit('.').next());
    let of_form = || Some(body.strip_prefix("Action=")?.split('&').next().unwrap_or_default());
    target.or_else(of_form).unwrap_or_else(|| request.method())
}

/// Status and code with which a service throttles.
fn throttling(service: &str) -> (u16, &'static str) {
    match service {
        "dynamodb" => (400, "ProvisionedThroughputExceededException"),
        "s3" => (503, "SlowDown"),
        "sts" => (400, "Throttling"),
        "sqs" => (400, "RequestThrottled"),
        "lambda" => (429, "TooManyRequestsException"),
        "ssm" | "events" | "secretsmanager" => (400, "ThrottlingException"),
        _ => (429, "Too Many Requests"),
    }
}

/// An error as the service writes it.
fn failure(service: &str, status: u16, code: &str) -> HttpResponse {
    match service {
        "s3" => {
            let text = format!("<Error><Code>{code}</Code><Message>as asked</Message></Error>");
            response(status, "application/xml", text)
        }
        "sts" => {
            let text = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>as asked</Message></Error>\
                 <RequestId>1</RequestId></ErrorResponse>"
            );
            response(status, "text/xml", text)
        }
        _ => {
            let text = format!(r#"{{"__type":"{code}","message":"as asked"}}"#);
            let mut response = response(status, "application/json", text);
            response.headers_mut().insert("x-amzn-errortype", code.to_owned());
            response
        }
    }
}

fn response(status: u16, content_type: &'static str, text: String) -> HttpResponse {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(text));
    response.headers_mut().insert("content-type", content_type);
    response
}

async fn trickling(mut response: HttpResponse) -> HttpResponse {
    let body = std::mem::replace(response.body_mut(), SdkBody::empty());
    let bytes = body.collect().await.unwrap().to_bytes();
    if bytes.is_empty() {
        // Its headers take as long.
        return std::future::pending().await;
    }
    let drops = stream::unfold(bytes, |mut bytes: Bytes| async move {
        if bytes.is_empty() {
            return None;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let drop = bytes.split_to(1);
        Some((Ok::<_, io::Error>(Frame::data(drop)), bytes))
    });
    *response.body_mut() = SdkBody::from_body_1_x(StreamBody::new(drops.fuse()));
    response
}
