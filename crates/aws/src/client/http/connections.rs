//! Connections that wait for the next call.

#![warn(clippy::arithmetic_side_effects)]

use super::Limit;
use super::body::Body;
use super::idle::{Idle, PoolId};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::body::SdkBody;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tower_service::Service;

/// How long an unused connection is kept. A sandbox that was frozen for longer starts with new ones instead of
/// such as the service has given up.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

/// The connections of all pools that are not in use.
static IDLE: LazyLock<Mutex<Idle<Connection>>> = LazyLock::new(|| Mutex::new(Idle::new(super::idle::limit())));

/// Where connections lead.
pub(super) type Origin = (Scheme, Authority);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    BadRequest(BoxError),
    CouldNotConnect(BoxError),
    TookTooLong(BoxError),
    Broke(hyper::Error),
}

/// A pool of connections. How many may be idle is a matter of the process, so all pools share that limit.
pub(super) struct Connections {
    id: PoolId,
    connector: OnceLock<Result<HttpsConnector<HttpConnector>, io::Error>>,
}

/// One connection. A task of its own reads and writes it; that task ends with this value and the body it reads.
pub(super) struct Connection {
    sender: SendRequest<SdkBody>,
    /// Set by the SDK when the service behind it should not be asked again.
    is_poisoned: Arc<AtomicBool>,
    idle_since: Instant,
}

impl Connections {
    pub(super) fn new() -> Connections {
        Connections {
            id: PoolId::new(),
            connector: OnceLock::new(),
        }
    }

    /// Connections to servers whose certificates these authorities have signed, and to no others.
    pub(super) fn trusting(authorities: RootCertStore) -> Result<Connections, rustls::Error> {
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = builder.https_only().enable_http1().wrap_connector(tcp());
        Ok(Connections {
            id: PoolId::new(),
            connector: OnceLock::from(Ok(connector)),
        })
    }

    /// Reads the certificates of the authorities that are trusted.
    pub(super) fn prepare(&self) {
        self.connector();
    }

    fn connector(&self) -> &Result<HttpsConnector<HttpConnector>, io::Error> {
        self.connector.get_or_init(system_connector)
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// The connection is free again when the body has been read to its end.
    pub(super) async fn exchange(
        self: Arc<Connections>,
        mut request: Request<SdkBody>,
        connect_limit: Option<Limit>,
        is_poisoned: Arc<AtomicBool>,
    ) -> Result<Response<SdkBody>, Failure> {
        let uri = request.uri().clone();
        let origin = origin(&uri)?;
        make_relative(&mut request, &origin)?;
        loop {
            let idle = self.next_idle(&origin).await;
            let is_new = idle.is_none();
            let mut connection = match idle {
                Some(connection) => connection,
                None => self.connect(&uri, connect_limit.as_ref()).await?,
            };
            connection.is_poisoned = Arc::clone(&is_poisoned);
            match connection.sender.try_send_request(request).await {
                Ok(response) => {
                    let body = |incoming| Body::new(incoming, connection, origin, self);
                    return Ok(response.map(|incoming| SdkBody::from_body_1_x(body(incoming))));
                }
                // The peer had given the connection up, and nothing was written.
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !is_new => request = unsent,
                    _ => return Err(Failure::Broke(error.into_error())),
                },
            }
        }
    }

    /// A connection that is ready; `None` when there is none, or none that still works.
    async fn next_idle(&self, origin: &Origin) -> Option<Connection> {
        loop {
            // Closed after the lock has been given back.
            let old = idle().take_while(self.id, Connection::is_too_old);
            drop(old);
            let mut connection = idle().take(self.id, origin)?;
            // Its task may still have to see the end of the answer before.
            if !connection.is_too_old() && connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    /// Takes a connection back.
    pub(super) fn release(&self, origin: Origin, mut connection: Connection) {
        if connection.is_poisoned.load(Ordering::Relaxed) {
            return;
        }
        connection.idle_since = Instant::now();
        let replaced = idle().put(self.id, origin, connection);
        drop(replaced);
    }

    async fn connect(&self, uri: &Uri, limit: Option<&Limit>) -> Result<Connection, Failure> {
        let connecting = async {
            let mut connector = match self.connector() {
                Ok(connector) => connector.clone(),
                Err(error) => return Err(error.to_string().into()),
            };
            std::future::poll_fn(|context| connector.poll_ready(context)).await?;
            let stream = connector.call(uri.clone()).await?;
            http1::handshake(stream).await.map_err(BoxError::from)
        };
        let connected = match limit {
            None => connecting.await,
            Some(limit) => limit.apply(connecting).await.unwrap_or_else(|error| Err(error.into())),
        };
        let (sender, connection) = connected.map_err(Failure::CouldNotConnect)?;
        // Whoever waits for an answer hears of errors by the sender.
        tokio::spawn(async { drop(connection.await) });
        Ok(Connection {
            sender,
            is_poisoned: Arc::default(),
            idle_since: Instant::now(),
        })
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        let own = idle().take_while(self.id, |_| true);
        drop(own);
    }
}

fn idle() -> MutexGuard<'static, Idle<Connection>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    fn is_too_old(&self) -> bool {
        self.idle_since.elapsed() >= IDLE_TIME_MAX || self.is_poisoned.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connections").finish_non_exhaustive()
    }
}

/// # Errors
/// When this system has no certificates to trust.
fn system_connector() -> Result<HttpsConnector<HttpConnector>, io::Error> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp()))
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp
}

fn origin(uri: &Uri) -> Result<Origin, Failure> {
    let parts = uri.scheme().zip(uri.authority());
    let (scheme, authority) = parts.ok_or_else(|| Failure::BadRequest(format!("no address: `{uri}`").into()))?;
    Ok((scheme.clone(), authority.clone()))
}

/// Puts the host into its header and leaves path and query, as a request on a connection has them.
fn make_relative(request: &mut Request<SdkBody>, (scheme, authority): &Origin) -> Result<(), Failure> {
    if !request.headers().contains_key(header::HOST) {
        let default_port = if *scheme == Scheme::HTTPS { 443 } else { 80 };
        let host = match authority.port_u16() {
            Some(port) if port != default_port => HeaderValue::from_str(&format!("{}:{port}", authority.host())),
            _ => HeaderValue::from_str(authority.host()),
        };
        let host = host.map_err(|error| Failure::BadRequest(error.into()))?;
        request.headers_mut().insert(header::HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    Ok(())
}
