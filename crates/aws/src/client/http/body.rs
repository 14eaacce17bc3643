//! The body of an answer, which holds its connection until it has been read.

use super::connections::{Connection, Connections};
use http::uri::{Authority, Scheme};
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

pub(super) struct Body {
    incoming: Incoming,
    /// Taken when the end has been read. Dropped before that, it closes the connection.
    held: Option<Held>,
}

struct Held {
    connection: Connection,
    origin: (Scheme, Authority),
    connections: Arc<Connections>,
}

impl Body {
    pub(super) fn new(
        incoming: Incoming,
        connection: Connection,
        origin: (Scheme, Authority),
        connections: Arc<Connections>,
    ) -> Body {
        let held = Held {
            connection,
            origin,
            connections,
        };
        let mut body = Body {
            incoming,
            held: Some(held),
        };
        if body.incoming.is_end_stream() {
            body.release();
        }
        body
    }

    fn release(&mut self) {
        if let Some(held) = self.held.take() {
            held.connections.release(held.origin, held.connection);
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(context));
        match &frame {
            Some(Err(_)) => self.held = None,
            Some(Ok(_)) if !self.incoming.is_end_stream() => {}
            Some(Ok(_)) | None => self.release(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
