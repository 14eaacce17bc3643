//! Requests and answers as HTTP carries them, and what the protocols of AWS have in common.

pub(crate) mod json;
pub(crate) mod query;

use crate::context::uuid;
use expressway_asl::Document;
use expressway_asl::document::Object;
use http::{HeaderValue, StatusCode};
use hyper::body::Bytes;

/// A request with all of its body.
pub(crate) type Request = http::Request<Bytes>;

/// An answer with all of its body.
pub(crate) type Answer = http::Response<Bytes>;

/// An error as a service answers it.
#[derive(Clone, Debug)]
pub(crate) struct AwsError {
    pub(crate) status: u16,
    /// The error's name without the suffix `Exception` where the service's has none.
    pub(crate) code: String,
    /// The name in the query protocol that the service spoke before, if it has another there.
    pub(crate) query_code: Option<&'static str>,
    pub(crate) message: String,
    /// More members of the answer, such as the reasons of a cancelled transaction.
    pub(crate) more: Object,
}

impl AwsError {
    /// The caller's mistake, status 400.
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> AwsError {
        AwsError {
            status: 400,
            code: code.into(),
            query_code: None,
            message: message.into(),
            more: Object::new(),
        }
    }

    /// An action that the stand-in of this service does not have.
    pub(crate) fn unknown_action(service: &str, action: &str) -> AwsError {
        AwsError::new(
            "NotAvailableLocally",
            format!("`{service}:{action}` is not available in a local run; mock the states that call it"),
        )
    }

    /// A request without something that it needs.
    pub(crate) fn missing(parameter: &str) -> AwsError {
        AwsError::new(
            "MissingParameter",
            format!("The request must contain the parameter {parameter}."),
        )
    }
}

/// An answer with these headers; every one has a request id.
pub(crate) fn answer(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Answer::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    if !content_type.is_empty() {
        headers.insert("content-type", HeaderValue::from_static(content_type));
    }
    set_header(&mut answer, "x-amzn-requestid", &uuid());
    answer
}

/// Sets a header; a value that HTTP can not carry is left out.
pub(crate) fn set_header(answer: &mut Answer, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

pub(crate) fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}

/// The text of a member of a request.
pub(crate) fn text<'d>(input: &'d Document, member: &str) -> Option<&'d str> {
    input.get(member).and_then(Document::as_str)
}

pub(crate) fn required<'d>(input: &'d Document, member: &str) -> Result<&'d str, AwsError> {
    text(input, member)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| AwsError::missing(member))
}

/// The items of a list member; none if it is absent.
pub(crate) fn list<'d>(input: &'d Document, member: &str) -> impl Iterator<Item = &'d Document> {
    input
        .get(member)
        .and_then(Document::as_array)
        .into_iter()
        .flat_map(|items| items.iter())
}

pub(crate) fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            _ => out.push(*first),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.to_ascii_uppercase().wrapping_sub(b'A') + 10,
    }
}
