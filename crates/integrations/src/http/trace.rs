//! What the TestState API shows of HTTP tasks at its level `TRACE`.

use crate::web;
use expressway_asl::Document;
use expressway_aws::PlainRequest;
use expressway_aws::client::PlainAnswer;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps the last request that an HTTP task has sent, and its answer, as the TestState API shows them.
#[derive(Clone, Debug)]
pub struct HttpTrace {
    reveals_secrets: bool,
    last: Arc<Mutex<Option<HttpExchange>>>,
}

/// A request and its answer, as `request` and `response` of the API's `inspectionData`.
///
/// # Source
/// "Using TestState API to test a state" in the AWS documentation, its example of `TRACE`.
#[derive(Clone, Debug)]
pub struct HttpExchange {
    /// `{"protocol", "method", "url", "headers": "[name: value, ...]", "body"}`
    pub request: Document,
    /// `{"protocol", "statusCode", "statusMessage", "headers", "body"}`; none if there was no answer.
    pub response: Option<Document>,
}

impl HttpTrace {
    /// Without `reveals_secrets`, what the connection adds to headers, query and body is not shown.
    pub fn new(reveals_secrets: bool) -> HttpTrace {
        HttpTrace {
            reveals_secrets,
            last: Arc::default(),
        }
    }

    /// The last request and its answer, if one was sent.
    pub fn last(&self) -> Option<HttpExchange> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn reveals_secrets(&self) -> bool {
        self.reveals_secrets
    }

    pub(super) fn sent(&self, request: &PlainRequest) {
        let exchange = HttpExchange {
            request: Document::object([
                ("protocol", Document::from(protocol(&request.origin))),
                ("method", Document::from(&*request.method)),
                ("url", format!("{}{}", request.origin, request.path).into()),
                ("headers", headers(&request.headers)),
                ("body", String::from_utf8_lossy(&request.body).as_ref().into()),
            ]),
            response: None,
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(exchange);
    }

    pub(super) fn answered(&self, origin: &str, answer: &PlainAnswer) {
        let response = Document::object([
            ("protocol", Document::from(protocol(origin))),
            ("statusCode", answer.status.to_string().into()),
            ("statusMessage", web::status_text(answer.status).into()),
            ("headers", headers(&answer.headers)),
            ("body", String::from_utf8_lossy(&answer.body).as_ref().into()),
        ]);
        if let Some(exchange) = &mut *self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            exchange.response = Some(response);
        }
    }
}

fn protocol(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(protocol, _)| protocol)
}

fn headers(headers: &[(String, String)]) -> Document {
    let list: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("[{}]", list.join(", ")).into()
}
