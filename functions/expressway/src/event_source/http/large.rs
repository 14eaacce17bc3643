//! Responses that are too large for their source: a redirect, pointers if they are configured, or an error that says so.
//!
//! Status, headers and cookies stay to the extent that they do not describe the body. What the caller downloads has
//! the content type and the bytes of the response: a base64 body is stored as the bytes that it stands for.

use super::response::Response;
use super::{Format, from_output, status};
use crate::config::{HttpResponse, LargeResponse};
use crate::delivery::Failure;
use crate::handler::Invocation;
use crate::payloads::RESPONSE_TOO_LARGE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;
use expressway_durability::payloads::{Presentation, S3Payloads};

/// A response that is too large.
pub(super) struct Large<'r> {
    /// The output, with references where values do not fit.
    pub(super) output: &'r Document,
    /// The response that it makes.
    pub(super) response: &'r Response,
    pub(super) format: Format,
    /// Whether outputs can be responses.
    pub(super) convention: HttpResponse,
    /// Whether the request must not be answered with a body.
    pub(super) is_head: bool,
}

impl Large<'_> {
    /// The response to give instead.
    pub(super) async fn respond(&self, invocation: &Invocation<'_>) -> Result<Response, Failure> {
        let setting = invocation.handler.configuration.large_response;
        let Some(store) = invocation.payloads() else {
            return Ok(self.refused(invocation, "there is no bucket (`EXPRESSWAY_BUCKET`) for it"));
        };
        match setting {
            LargeResponse::Reference => self.by_pointer(invocation, store).await,
            // What is partial, or no success, is another thing under another URL.
            LargeResponse::Redirect if !(200..300).contains(&self.response.status) || self.response.status == 206 => {
                let status = self.response.status;
                let reason = format!("a response with status {status} cannot be a redirect");
                Ok(self.refused(invocation, &reason))
            }
            LargeResponse::Redirect if self.is_head => {
                Ok(self.refused(invocation, "the answer to a HEAD request cannot be a redirect"))
            }
            LargeResponse::Redirect => self.redirect(invocation, store).await,
        }
    }

    /// The body: of a response its member, else the output itself.
    fn body(&self) -> &Document {
        match Response::is_response(self.output, self.convention) {
            true => self.output.get("body").unwrap_or(&Document::Null),
            false => self.output,
        }
    }

    /// Whether the text of the body is not the JSON text of the value.
    fn is_text(&self) -> bool {
        Response::is_response(self.output, self.convention) && self.body().kind() == "string"
    }

    async fn redirect(&self, invocation: &Invocation<'_>, store: &S3Payloads) -> Result<Response, Failure> {
        let header = |name| self.response.header(name).map(str::to_owned);
        let presentation = Presentation {
            content_type: header("content-type"),
            content_disposition: header("content-disposition"),
            content_encoding: header("content-encoding"),
            content_language: header("content-language"),
            cache_control: header("cache-control"),
        };
        let is_string = self.body().kind() == "string";
        let url = match (self.response.is_base64, self.is_text() || !is_string) {
            (false, true) => invocation.link(store, self.body(), &presentation).await?,
            // A string that is the output itself is answered as JSON.
            (false, false) | (true, _) => match self.bytes(invocation, store).await? {
                Some(Ok(bytes)) => Some(invocation.link_bytes(store, bytes, &presentation).await?),
                Some(Err(cause)) => return Ok(self.invalid(invocation, cause)),
                None => None,
            },
        };
        let Some(url) = url else {
            return Ok(self.refused(
                invocation,
                "it is larger than what can be put together in the function's memory",
            ));
        };
        let body = Document::object([("location", Document::from(url.as_str()))]);
        let response = self.response.with_other_body(303, &body);
        // The URL is soon good for nothing.
        let response = response.with_header("cache-control", "no-store");
        Ok(response.with_header("location", &url))
    }

    async fn by_pointer(&self, invocation: &Invocation<'_>, store: &S3Payloads) -> Result<Response, Failure> {
        let response = match self.is_text() {
            // A pointer is JSON, whatever it leads to.
            true => match self.bytes(invocation, store).await? {
                Some(Ok(bytes)) => {
                    let content_type = self.response.header("content-type").unwrap_or("text/plain");
                    let pointer = invocation.pointer(store, bytes, content_type).await?;
                    let pointer = Document::parse(&pointer).unwrap_or_default();
                    self.response.with_other_body(self.response.status, &pointer)
                }
                Some(Err(cause)) => return Ok(self.invalid(invocation, cause)),
                None => {
                    let reason = "it is larger than what can be put together in the function's memory";
                    return Ok(self.refused(invocation, reason));
                }
            },
            false => {
                let bytes_max = invocation.handler.configuration.payload_bytes;
                let shortened = invocation.shortened(store, self.output.clone(), bytes_max, invocation.answer_by());
                from_output(invocation, &shortened.await?)
            }
        };
        match self.format.write(&response).json_bytes() <= self.format.answer_bytes_max() {
            true => Ok(response),
            false => Ok(self.refused(invocation, "it is too large with pointers in it, too")),
        }
    }

    /// The body as the bytes that the caller would get; `None` if it is too large for memory, or what is wrong with it.
    async fn bytes(
        &self,
        invocation: &Invocation<'_>,
        store: &S3Payloads,
    ) -> Result<Option<Result<Vec<u8>, String>>, Failure> {
        let Some(body) = invocation.whole(store, self.body().clone()).await? else {
            return Ok(None);
        };
        Ok(Some(match (&body, self.response.is_base64) {
            (Document::String(text), true) => STANDARD
                .decode(&**text)
                .map_err(|error| format!("`isBase64Encoded` is true, but `body` is not base64: {error}")),
            (_, true) => Err("`isBase64Encoded` is true, but `body` is not a string".to_owned()),
            (Document::String(text), false) if self.is_text() => Ok(text.as_bytes().to_vec()),
            (other, false) => Ok(other.to_json().into_bytes()),
        }))
    }

    fn invalid(&self, invocation: &Invocation<'_>, cause: String) -> Response {
        invocation.problem(&format!("the output cannot be a response: {cause}"));
        let failure = Failure::refused("Expressway.InvalidResponse", cause);
        self.response.with_other_body(502, &failure.to_document())
    }

    fn refused(&self, invocation: &Invocation<'_>, reason: &str) -> Response {
        let bytes_max = self.format.answer_bytes_max();
        let bytes = self.output.total_bytes();
        let cause = format!(
            "the response has over {bytes_max} bytes ({bytes} of JSON), the most that its source takes, and {reason}"
        );
        invocation.problem(&format!("the execution succeeded, but {cause}"));
        let failure = Failure::refused(RESPONSE_TOO_LARGE, cause);
        let status = status(&invocation.handler.configuration, Some(RESPONSE_TOO_LARGE));
        self.response.with_other_body(status, &failure.to_document())
    }
}
