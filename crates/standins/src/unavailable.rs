//! What is answered for a service without a stand-in: an error that every client understands.

use crate::protocol::query::escape;
use crate::protocol::{Answer, Request, answer, header, set_header};
use expressway_asl::Document;

/// The name of the error, to which Step Functions adds the service.
const CODE: &str = "NotAvailableLocally";

/// The services that speak REST in XML, by their names in signatures; the others speak it in JSON.
const REST_XML: &[&str] = &["cloudfront", "route53", "s3-outposts", "s3express"];

/// An error in the protocol of the request.
pub(crate) fn answer_to(request: &Request, service: Option<&str>, message: &str) -> Answer {
    let content_type = header(request, "content-type").unwrap_or_default();
    let json = || Document::object([("__type", CODE.into()), ("message", message.into())]).to_json();
    if header(request, "smithy-protocol") == Some("rpc-v2-cbor") {
        let mut answer = answer(400, "application/cbor", cbor(message));
        set_header(&mut answer, "smithy-protocol", "rpc-v2-cbor");
        return answer;
    }
    if request.headers().contains_key("x-amz-target") {
        return answer(400, "application/x-amz-json-1.0", json());
    }
    if content_type.starts_with("application/x-www-form-urlencoded") {
        return answer(400, "text/xml", xml(message));
    }
    if service.is_some_and(|service| REST_XML.contains(&service)) {
        return answer(400, "application/xml", xml(message));
    }
    let mut answer = answer(400, "application/json", json());
    set_header(&mut answer, "x-amzn-errortype", CODE);
    answer
}

fn xml(message: &str) -> String {
    let message = escape(message);
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{CODE}</Code><Message>{message}</Message></Error></ErrorResponse>"
    )
}

/// The map `{"__type", "message"}`.
fn cbor(message: &str) -> Vec<u8> {
    const MAP_OF_TWO: u8 = 0xa2;
    let mut out = vec![MAP_OF_TWO];
    for text in ["__type", CODE, "message", message] {
        // Text with a length of two bytes.
        const TEXT: u8 = 0x79;
        let cut = text.floor_char_boundary(usize::from(u16::MAX));
        let text = text.get(..cut).unwrap_or_default();
        out.push(TEXT);
        out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend(text.as_bytes());
    }
    out
}
