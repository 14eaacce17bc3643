//! Results in status, headers and body.

use super::value::{bytes, from_text};
use super::{MalformedAnswer, Response, json, xml};
use crate::model::{Location, Member, Protocol, Service, Shape, ShapeId, Structure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;
use expressway_asl::document::Object;

pub(super) fn result(service: &Service, output: ShapeId, response: &Response<'_>) -> Result<Document, MalformedAnswer> {
    let Some(structure) = service.structure(output) else {
        return Ok(Document::Null);
    };
    let mut result = Object::new();
    let body = match structure.payload() {
        Some(payload) => payload_of(service, payload, response)?,
        None if structure.members.iter().any(Member::is_in_answer_body) => body(service, output, structure, response)?,
        None => Document::Null,
    };
    for member in &structure.members {
        let value = match member.location {
            Location::Header => response
                .header(&member.wire_name)
                .map(|text| from_header(service, member, text)),
            Location::Headers => Some(with_prefix(response, &member.wire_name)),
            Location::Status => Some(i64::from(response.status).into()),
            _ => body.get(&member.key).cloned(),
        };
        if let Some(value) = value {
            result.insert(member.key.clone(), value);
        }
    }
    Ok(result.into())
}

/// The members in the body, as an object.
fn body(
    service: &Service,
    output: ShapeId,
    structure: &Structure,
    response: &Response<'_>,
) -> Result<Document, MalformedAnswer> {
    if service.protocol == Protocol::RestJson {
        return json::body(service, output, response.body);
    }
    let read = xml::with_root(response.body, |root| match structure.members.as_slice() {
        // The root element of S3's GetBucketLocation is the only member itself.
        [only] if &*service.name == "s3" && xml::is_named(root, &only.wire_name) => {
            let value = xml::from_element(service, only.shape, root, 0)?;
            Ok(Document::object([(only.key.clone(), value)]))
        }
        _ => xml::from_element(service, output, root, 0),
    });
    read.map(Option::unwrap_or_default)
}

/// The member that is the whole body, in an object.
fn payload_of(service: &Service, payload: &Member, response: &Response<'_>) -> Result<Document, MalformedAnswer> {
    let is_empty = response.body.is_empty();
    let value = match service.shape(payload.shape) {
        // A stream is there even if nothing flows.
        Shape::Blob { streaming } if is_empty && !streaming && !payload.streaming => None,
        Shape::Blob { .. } => Some(bytes(response.body.to_vec())),
        Shape::Structure(structure) if structure.event_stream => {
            return Err(MalformedAnswer::new("it is a stream of events"));
        }
        _ if is_empty => None,
        Shape::String => Some(bytes(response.body.to_vec())),
        _ if service.protocol == Protocol::RestJson => {
            json::parse(response.body)?.map(|value| json::from_wire(service, payload.shape, &value))
        }
        _ => xml::with_root(response.body, |root| xml::from_element(service, payload.shape, root, 0))?,
    };
    Ok(value.map_or(Document::Null, |value| Document::object([(payload.key.clone(), value)])))
}

/// All headers with this prefix; Step Functions shows them even if there are none.
fn with_prefix(response: &Response<'_>, prefix: &str) -> Document {
    let rest = |name: &str| {
        let (start, rest) = name.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then(|| rest.to_owned())
    };
    let headers = response.headers.iter();
    let headers = headers.filter_map(|(name, value)| Some((rest(name)?, Document::from(*value))));
    headers.collect::<Object>().into()
}

fn from_header(service: &Service, member: &Member, text: &str) -> Document {
    if member.json_value {
        let json = STANDARD.decode(text).ok();
        let json = json.and_then(|json| json::parse(&json).ok().flatten());
        return json.unwrap_or_else(|| text.into());
    }
    match service.shape(member.shape) {
        Shape::List(list) => {
            let item = service.shape(list.item);
            let items = split_list(text, matches!(item, Shape::Timestamp(_)));
            items
                .iter()
                .map(|text| from_text(item, text))
                .collect::<Vec<_>>()
                .into()
        }
        shape => from_text(shape, text),
    }
}

/// Splits a list at commas outside quotes; dates have a comma of their own.
fn split_list(text: &str, of_dates: bool) -> Vec<String> {
    let mut items = vec![String::new()];
    let (mut is_quoted, mut is_escaped, mut is_in_date) = (false, false, false);
    for letter in text.chars() {
        let separates = letter == ',' && !is_quoted && !is_escaped;
        if separates && of_dates {
            is_in_date = !is_in_date;
        }
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => {
                is_escaped = true;
                continue;
            }
            '"' => {
                is_quoted = !is_quoted;
                continue;
            }
            ',' if separates && !is_in_date => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(item) = items.last_mut() {
            item.push(letter);
        }
    }
    items.into_iter().map(|item| item.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::split_list;

    #[test]
    fn lists_in_headers_split_at_commas() {
        for (text, of_dates, expected) in [
            ("a, b,c", false, &["a", "b", "c"][..]),
            (r#""a,b", "say \"hi\"", c"#, false, &["a,b", r#"say "hi""#, "c"]),
            (
                "Mon, 16 Dec 2019, Tue, 17 Dec 2019",
                true,
                &["Mon, 16 Dec 2019", "Tue, 17 Dec 2019"],
            ),
        ] {
            assert_eq!(split_list(text, of_dates), expected, "{text}");
        }
    }
}
