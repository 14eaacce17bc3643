//! HTTP answers into results and errors.
//!
//! Results have the names of Step Functions: the first letter of every key is a capital. Moments are ISO 8601
//! text. Bytes are text if they are UTF-8, else base64 (DIFFERENCE: what Step Functions does with other bytes
//! is recorded nowhere). An answer without content is `{}`.

mod cbor;
mod error;
mod json;
mod rest;
mod value;
mod xml;

pub use error::ErrorAnswer;

use crate::model::{Operation, Protocol, Service};
use expressway_asl::Document;
use expressway_asl::document::Object;

/// The deepest nesting of an answer; DynamoDB's items, the deepest known, nest 32 levels of two objects each.
pub const DEPTH_MAX: u32 = 256;

/// An answer that is not in the service's language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer cannot be read: {0}")]
pub struct MalformedAnswer(pub String);

impl MalformedAnswer {
    fn new(problem: impl ToString) -> MalformedAnswer {
        MalformedAnswer(problem.to_string())
    }

    fn too_deep() -> MalformedAnswer {
        MalformedAnswer(format!("it nests more than {DEPTH_MAX} levels deep"))
    }
}

/// An HTTP answer, whole.
#[derive(Clone, Copy, Debug)]
pub struct Response<'r> {
    /// The status code.
    pub status: u16,
    /// Names and values of headers.
    pub headers: &'r [(&'r str, &'r str)],
    /// The body.
    pub body: &'r [u8],
}

impl<'r> Response<'r> {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&'r str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// Whether this is an error: by its status, or because S3 found out after it had sent the status.
    pub fn is_error(&self, service: &Service, operation: &Operation) -> bool {
        let late = || &*service.name == "s3" && &*operation.name != "GetObject" && xml::is_error(self.body);
        self.status >= 300 || late()
    }

    /// The result of an operation that went well.
    ///
    /// # Errors
    /// The body is not in the service's language, or nests too deeply.
    pub fn result(&self, service: &Service, operation: &Operation) -> Result<Document, MalformedAnswer> {
        let Some(output) = operation.output else {
            return Ok(Object::new().into());
        };
        let result = match service.protocol {
            Protocol::Json => json::body(service, output, self.body)?,
            Protocol::Cbor => cbor::body(service, output, self.body)?,
            Protocol::Query | Protocol::Ec2 => xml::body(service, operation, output, self.body)?,
            Protocol::RestJson | Protocol::RestXml => rest::result(service, output, self)?,
        };
        Ok(if result.is_null() { Object::new().into() } else { result })
    }

    /// The error that a service answered with.
    ///
    /// A body that cannot be read leaves its parts empty: there still is an error.
    pub fn error(&self, service: &Service, operation: &Operation) -> ErrorAnswer {
        error::read(service, operation, self)
    }
}

#[cfg(test)]
mod tests;
