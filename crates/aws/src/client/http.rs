//! The HTTP client: as many connections as calls at once, and no more.
//!
//! The SDK's own client opens a connection whenever none is idle at that very moment, also while one is on its way
//! back from the call before; 40 calls at once make 45 to 60 connections. Here a call takes a connection
//! before it opens one, and waits for it to be ready. HTTP/1.1 only: nothing that is called wants
//! more, and a call that is dropped closes its connection.

#![warn(clippy::arithmetic_side_effects)]

mod body;
mod connections;
mod idle;

use aws_smithy_async::future::timeout::{TimedOutError, Timeout};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::ErrorKind;
use connections::{Connections, Failure};
use rustls::RootCertStore;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Makes an HTTP client for the clients of all services: theirs are the connections then.
pub fn http_client() -> SharedHttpClient {
    SharedHttpClient::new(PooledClient {
        connections: Arc::new(Connections::new()),
    })
}

/// The same for servers whose certificates these authorities have signed, and for no others; only with TLS.
///
/// # Errors
/// TLS can not be set up.
pub(super) fn http_client_trusting(authorities: RootCertStore) -> Result<SharedHttpClient, rustls::Error> {
    let connections = Connections::trusting(authorities)?;
    Ok(SharedHttpClient::new(PooledClient {
        connections: Arc::new(connections),
    }))
}

/// Whether this error, or one that caused it, says that no connection could be made: nothing was sent.
pub fn could_not_connect(error: &(dyn Error + 'static)) -> bool {
    let legacy = find::<hyper_util::client::legacy::Error>(error);
    find::<CouldNotConnect>(error).is_some() || legacy.is_some_and(hyper_util::client::legacy::Error::is_connect)
}

/// The error of this type among an error and its causes.
pub(super) fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut errors = std::iter::successors(Some(error), |&error| error.source());
    errors.find_map(|error| error.downcast_ref())
}

#[derive(Debug, thiserror::Error)]
#[error("could not connect")]
struct CouldNotConnect(#[source] BoxError);

#[derive(Debug, thiserror::Error)]
#[error("HTTP {what} timeout occurred after {after:?}")]
struct TookTooLong {
    what: &'static str,
    after: Duration,
    #[source]
    source: TimedOutError,
}

#[derive(Debug)]
struct PooledClient {
    connections: Arc<Connections>,
}

impl HttpClient for PooledClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            connections: Arc::clone(&self.connections),
            connect_timeout: settings.connect_timeout(),
            read_timeout: settings.read_timeout(),
            sleep: components.sleep_impl(),
        })
    }

    fn validate_base_client_config(&self, _: &RuntimeComponentsBuilder, _: &ConfigBag) -> Result<(), BoxError> {
        // While the function starts, rather than in the first call.
        self.connections.prepare();
        Ok(())
    }
}

/// The client with the timeouts of one call.
#[derive(Debug)]
struct Connector {
    connections: Arc<Connections>,
    connect_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
    sleep: Option<SharedAsyncSleep>,
}

impl Connector {
    fn limit(&self, what: &'static str, after: Option<Duration>) -> Option<Limit> {
        let (sleep, after) = self.sleep.clone().zip(after)?;
        Some(Limit { sleep, what, after })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let is_poisoned = Arc::new(AtomicBool::new(false));
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            let is_poisoned = Arc::clone(&is_poisoned);
            capture.set_connection_retriever(move || {
                let is_poisoned = Arc::clone(&is_poisoned);
                let poison = move || is_poisoned.store(true, Ordering::Relaxed);
                Some(ConnectionMetadata::builder().proxied(false).poison_fn(poison).build())
            });
        }
        let connections = Arc::clone(&self.connections);
        let connect = self.limit("connect", self.connect_timeout);
        let read = self.limit("read", self.read_timeout);
        HttpConnectorFuture::new(async move {
            let exchange = connections.exchange(request, connect, is_poisoned);
            let response = match read {
                None => exchange.await,
                Some(limit) => limit.apply(exchange).await.unwrap_or_else(|error| Err(error.into())),
            };
            HttpResponse::try_from(response?).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// A time limit on a part of a call.
struct Limit {
    sleep: SharedAsyncSleep,
    what: &'static str,
    after: Duration,
}

impl Limit {
    async fn apply<F: Future>(&self, future: F) -> Result<F::Output, TookTooLong> {
        let timeout = Timeout::new(future, self.sleep.sleep(self.after));
        timeout.await.map_err(|source| TookTooLong {
            what: self.what,
            after: self.after,
            source,
        })
    }
}

impl From<TookTooLong> for Failure {
    fn from(error: TookTooLong) -> Failure {
        Failure::TookTooLong(error.into())
    }
}

/// In the words of the SDK, whose retries go by them.
impl From<Failure> for ConnectorError {
    fn from(failure: Failure) -> ConnectorError {
        match failure {
            Failure::BadRequest(error) => ConnectorError::user(error),
            Failure::TookTooLong(error) => ConnectorError::timeout(error),
            Failure::CouldNotConnect(error) if find::<TimedOutError>(&*error).is_some() => {
                ConnectorError::timeout(CouldNotConnect(error).into()).never_connected()
            }
            Failure::CouldNotConnect(error) => ConnectorError::io(CouldNotConnect(error).into()).never_connected(),
            Failure::Broke(error) if error.is_timeout() => ConnectorError::timeout(error.into()),
            Failure::Broke(error) if error.is_user() => ConnectorError::user(error.into()),
            Failure::Broke(error) => {
                let is_io = error.is_closed() || error.is_canceled() || find::<std::io::Error>(&error).is_some();
                let is_incomplete = error.is_incomplete_message();
                match (is_io, is_incomplete) {
                    (true, _) => ConnectorError::io(error.into()),
                    (false, true) => ConnectorError::other(error.into(), Some(ErrorKind::TransientError)),
                    (false, false) => ConnectorError::other(error.into(), None),
                }
            }
        }
    }
}
