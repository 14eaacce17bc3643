//! The stand-ins as an HTTP server, for other processes.

use crate::StandIns;
use crate::protocol::answer;
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

impl StandIns {
    /// Answers requests on this listener until the future is dropped, and connections with it. Clients find it by
    /// `AWS_ENDPOINT_URL=http://<address>`; credentials may be any.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await?;
            connections.spawn(self.clone().serve_connection(stream));
            while connections.try_join_next().is_some() {}
        }
    }

    async fn serve_connection(self, stream: TcpStream) {
        let service = service_fn(|request: http::Request<hyper::body::Incoming>| async {
            let (parts, body) = request.into_parts();
            let answer = match body.collect().await {
                Ok(body) => self.answer(http::Request::from_parts(parts, body.to_bytes())).await,
                Err(error) => answer(400, "text/plain", error.to_string()),
            };
            Ok::<_, Infallible>(answer.map(Full::new))
        });
        // A connection that breaks off is the client's business.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }
}
