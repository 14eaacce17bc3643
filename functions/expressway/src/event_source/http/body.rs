//! The body of a request.

use super::header;
use crate::delivery::Failure;
use crate::handler::TOO_LARGE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;
use expressway_asl::document::{self, Lossy};
use std::borrow::Cow;

/// How much of a header's value a message shows.
const SHOWN_CHARACTERS_MAX: usize = 100;

/// The body of a request as JSON; `None` if there is none.
///
/// Events that are written by hand have the JSON itself for a body, which is used as it is.
///
/// # Errors
/// The body is not JSON, or its value might take more than `memory_max` bytes: the status and error to answer.
pub(super) fn parse(event: &Document, memory_max: usize) -> Result<Option<Lossy>, (u16, Failure)> {
    const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
    let body = match event.get("body") {
        None | Some(Document::Null) => return Ok(None),
        Some(Document::String(body)) => body,
        Some(value) => {
            return Ok(Some(Lossy {
                document: value.clone(),
                is_repaired: false,
            }));
        }
    };
    let is_base64 = event.get("isBase64Encoded").and_then(Document::as_bool);
    let bytes: Cow<'_, [u8]> = match is_base64 {
        Some(true) => STANDARD
            .decode(&**body)
            .map_err(|error| invalid(format!("the body of the request is not base64: {error}")))?
            .into(),
        _ => body.as_bytes().into(),
    };
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    if document::parsed_bytes(text) > memory_max {
        let bytes = text.len();
        let cause = format!("the body of the request has {bytes} bytes, more than the function has memory for");
        return Err((413, Failure::refused(TOO_LARGE, cause)));
    }
    let parsed = document::parse_lossy(text);
    parsed.map(Some).map_err(|error| {
        let problem = format!("the body of the request is not JSON: {error}");
        unsupported(event, &problem).unwrap_or_else(|| invalid(problem))
    })
}

fn invalid(cause: String) -> (u16, Failure) {
    (400, Failure::refused("Expressway.InvalidBody", cause))
}

/// What to answer where the headers say that the body was not meant to be JSON text.
fn unsupported(event: &Document, problem: &str) -> Option<(u16, Failure)> {
    let encoding = header(event, "content-encoding").filter(|encoding| {
        let encoding = encoding.trim();
        !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")
    });
    let media_type = header(event, "content-type").filter(|media_type| {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        !essence.is_empty() && !essence.to_ascii_lowercase().ends_with("json")
    });
    let shown = |text: &str| -> String { text.chars().take(SHOWN_CHARACTERS_MAX).collect() };
    let cause = match (encoding, media_type) {
        (Some(encoding), _) => {
            let encoding = shown(encoding);
            format!("the body of the request has the content encoding `{encoding}`, send it without one")
        }
        (None, Some(media_type)) => {
            let media_type = shown(media_type);
            format!("the body of the request has the content type `{media_type}`, send JSON: {problem}")
        }
        (None, None) => return None,
    };
    Some((415, Failure::refused("Expressway.UnsupportedMediaType", cause)))
}
