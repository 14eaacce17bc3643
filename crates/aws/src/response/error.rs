//! Errors that services answer with.

use super::{Response, cbor, json, xml};
use crate::model::{Operation, Protocol, Service, names};
use expressway_asl::Document;
use expressway_asl::document::Text;

/// An error that a service answered with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorAnswer {
    /// What error names of the service begin with, `DynamoDb`.
    pub service: String,
    /// The code as the service gave it, `ValidationException`; the status if it gave none.
    pub code: String,
    /// The shape of the error, if the model of the operation has it.
    pub exception: Option<Text>,
    /// The message.
    pub message: Option<String>,
    /// The status code.
    pub status: u16,
    /// The id of the request.
    pub request_id: Option<String>,
    /// S3's second id of the request.
    pub extended_request_id: Option<String>,
    /// All that the service said, where it speaks JSON or CBOR: errors have members of their own.
    pub body: Document,
    /// How many times the request was sent, this answer's time included.
    pub attempts: u32,
}

impl ErrorAnswer {
    /// The error name in Step Functions, `DynamoDb.ConditionalCheckFailedException`.
    ///
    /// An error that the model does not have is named after the service: `DynamoDb.DynamoDbException`.
    ///
    /// # Source
    /// Recorded from the service for DynamoDB, S3, Secrets Manager, Step Functions and KMS.
    pub fn name(&self) -> String {
        let exception = match &self.exception {
            Some(shape) => names::exception(shape),
            None => format!("{}Exception", self.service),
        };
        format!("{}.{exception}", self.service)
    }

    /// The cause in Step Functions: the message and where it came from.
    ///
    /// A missing part is `null`, as Java writes it.
    ///
    /// # Source
    /// Recorded in November 2025; recordings of 2023 end before the attempt count.
    pub fn cause(&self) -> String {
        let or_null = |part: &Option<String>| part.clone().unwrap_or_else(|| "null".to_owned());
        let extended = self.extended_request_id.as_ref();
        let extended = extended.map_or(String::new(), |id| format!(", Extended Request ID: {id}"));
        format!(
            "{} (Service: {}, Status Code: {}, Request ID: {}{extended}) (SDK Attempt Count: {})",
            or_null(&self.message),
            self.service,
            self.status,
            or_null(&self.request_id),
            self.attempts,
        )
    }
}

pub(super) fn read(service: &Service, operation: &Operation, response: &Response<'_>) -> ErrorAnswer {
    let id = |names: &[&str]| names.iter().find_map(|name| response.header(name)).map(str::to_owned);
    let mut error = ErrorAnswer {
        service: service.exception_prefix(),
        status: response.status,
        request_id: id(&["x-amzn-requestid", "x-amz-request-id", "x-amz-id-1"]),
        extended_request_id: id(&["x-amz-id-2"]),
        attempts: 1,
        ..ErrorAnswer::default()
    };
    match service.protocol {
        Protocol::Json | Protocol::RestJson => {
            let body = json::parse(response.body).ok().flatten().unwrap_or_default();
            read_body(&mut error, response, body);
        }
        Protocol::Cbor => read_body(&mut error, response, cbor::untyped(response.body).unwrap_or_default()),
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => read_xml(&mut error, response),
    }
    if error.code.is_empty() && &*service.name == "s3" {
        error.code = code_without_body(operation, response.status).to_owned();
    }
    error.exception = exception(service, operation, &error.code);
    // Services that spoke the query protocol before still give its codes; retries go by them.
    let query_error = response
        .header("x-amzn-query-error")
        .filter(|_| service.query_compatible);
    if let Some((code, _)) = query_error.and_then(|error| error.split_once(';')) {
        error.code = code.to_owned();
    }
    if error.code.is_empty() {
        error.code = response.status.to_string();
    }
    error
}

fn read_body(error: &mut ErrorAnswer, response: &Response<'_>, body: Document) {
    let first = |keys: &[&str]| keys.iter().find_map(|key| body.get(key).and_then(Document::as_str));
    let code = response
        .header("x-amzn-errortype")
        .or_else(|| first(&["__type", "code", "Code"]));
    // `aws.protocoltests#FooError:http://internal.amazon.com/`
    let code = code.unwrap_or_default().split(':').next().unwrap_or_default();
    error.code = code.rsplit('#').next().unwrap_or_default().to_owned();
    error.message = first(&["message", "Message", "errorMessage"]).map(str::to_owned);
    error.body = body;
}

fn read_xml(error: &mut ErrorAnswer, response: &Response<'_>) {
    let parts = xml::with_root(response.body, |root| {
        let find = |name: &str| {
            root.descendants()
                .find(|node| xml::is_named(*node, name))
                .map(xml::text)
        };
        Ok((
            find("Code"),
            find("Message").or_else(|| find("message")),
            find("RequestId").or_else(|| find("RequestID")),
            find("HostId"),
        ))
    });
    // A body that is not XML leaves the status alone to tell.
    let Ok(Some((code, message, request_id, host_id))) = parts else {
        return;
    };
    error.code = code.unwrap_or_default();
    error.message = message;
    error.request_id = request_id.or(error.request_id.take());
    error.extended_request_id = host_id.or(error.extended_request_id.take());
}

/// An answer to HEAD has no body; AWS's Java SDK names these two all the same.
fn code_without_body(operation: &Operation, status: u16) -> &'static str {
    match (&*operation.name, status) {
        ("HeadObject", 404) => "NoSuchKey",
        ("HeadBucket", 404) => "NoSuchBucket",
        _ => "",
    }
}

fn exception(service: &Service, operation: &Operation, code: &str) -> Option<Text> {
    let structures = operation.errors.iter().filter_map(|id| service.structure(*id));
    let mut exceptions = structures.filter_map(|structure| structure.exception.as_ref());
    let exception = exceptions.find(|known| *known.name == *code || known.code.as_deref() == Some(code));
    exception.map(|exception| exception.name.clone())
}
