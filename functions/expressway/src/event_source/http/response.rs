//! A response, before a source gives it its form.

use crate::config::HttpResponse;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use http::HeaderName;

/// A response.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::event_source) struct Response {
    /// From 200 to 599.
    pub(in crate::event_source) status: u16,
    /// `200 OK`, if the output says so itself.
    pub(in crate::event_source) status_description: Option<Text>,
    /// Names and values; a name may come more than once.
    pub(in crate::event_source) headers: Vec<(Text, Text)>,
    /// Values of `set-cookie`.
    pub(in crate::event_source) cookies: Vec<Text>,
    /// The body, always text.
    pub(in crate::event_source) body: Text,
    /// Whether that text stands for other bytes.
    pub(in crate::event_source) is_base64: bool,
}

const CONTENT_TYPE: &str = "content-type";

const SET_COOKIE: &str = "set-cookie";

/// Headers that describe a body, besides `content-*`, and how long it is good for.
const OF_BODY: [&str; 10] = [
    "accept-ranges",
    "age",
    "cache-control",
    "digest",
    "etag",
    "expires",
    "last-modified",
    "repr-digest",
    "trailer",
    "transfer-encoding",
];

/// Headers that say how the response is sent, which is up to the source.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Statuses whose responses have no body.
const WITHOUT_BODY: [u16; 3] = [204, 205, 304];

/// Base64 with or without padding, as sources take it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The members of an output that is a response itself, besides `statusCode`.
const MEMBERS: [&str; 6] = [
    "statusDescription",
    "headers",
    "multiValueHeaders",
    "cookies",
    "body",
    "isBase64Encoded",
];

impl Response {
    /// A response with this JSON for a body.
    pub(super) fn json(status: u16, body: &Document) -> Response {
        Response {
            status,
            status_description: None,
            headers: vec![(CONTENT_TYPE.into(), "application/json".into())],
            cookies: Vec::new(),
            body: body.to_json().into(),
            is_base64: false,
        }
    }

    /// The response with one more header.
    pub(super) fn with_header(mut self, name: &str, value: &str) -> Response {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The response with this status and this JSON for a body. Headers that describe the body go, and those that let
    /// others keep it, and `location` with another status; all else stays, such as cookies and what CORS needs.
    pub(super) fn with_other_body(&self, status: u16, body: &Document) -> Response {
        let is_of_body = |name: &str| {
            let name = name.to_ascii_lowercase();
            let leads_elsewhere = name == "location" && status != self.status;
            leads_elsewhere
                || name.starts_with("content-") && name != "content-security-policy"
                || OF_BODY.contains(&&*name)
        };
        let mut headers = Response::json(status, body).headers;
        headers.extend(self.headers.iter().filter(|(name, _)| !is_of_body(name)).cloned());
        Response {
            headers,
            cookies: self.cookies.clone(),
            ..Response::json(status, body)
        }
    }

    /// The value of a header; of several the last.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().rfind(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &**value)
    }

    /// Whether the output of an execution that is a response has references elsewhere than in its body.
    pub(super) fn has_references(output: &Document) -> bool {
        let members = output.as_object().into_iter().flat_map(Object::iter);
        members
            .filter(|(key, _)| ***key != *"body")
            .any(|(_, value)| value.has_references())
    }

    /// A response without a body.
    pub(super) fn empty(status: u16) -> Response {
        Response {
            status,
            status_description: None,
            headers: Vec::new(),
            cookies: Vec::new(),
            body: "".into(),
            is_base64: false,
        }
    }

    /// Whether an output is a response itself: it has a status, and either nothing that a response does not have, or
    /// some of what it has. API Gateway takes no notice of the rest.
    pub(super) fn is_response(output: &Document, convention: HttpResponse) -> bool {
        let Some((object, code)) = output
            .as_object()
            .and_then(|object| Some((object, object.get("statusCode")?)))
        else {
            return false;
        };
        let known = object.iter().filter(|(key, _)| MEMBERS.contains(&&***key)).count();
        let is_whole = known + 1 == object.len();
        let has_more = known > 0 && status(code).is_some();
        convention == HttpResponse::Own && (is_whole || has_more)
    }

    /// The response that the output of an execution makes.
    ///
    /// # Errors
    /// What is wrong with an output that looks like a response.
    pub(super) fn from_output(output: &Document, convention: HttpResponse) -> Result<Response, String> {
        let is_response = Response::is_response(output, convention);
        let Some(object) = output.as_object().filter(|_| is_response) else {
            return Ok(Response::json(200, output));
        };
        let status = object.get("statusCode").and_then(status);
        let status = status.ok_or("`statusCode` must be a whole number from 200 to 599")?;
        let mut headers = Vec::new();
        single_value_headers(object, &mut headers)?;
        multi_value_headers(object, &mut headers)?;
        let mut cookies = cookies(object)?;
        // Sources that take cookies apart want them there; the others get them back as headers.
        headers.retain(|(name, value)| {
            let is_cookie = name.eq_ignore_ascii_case(SET_COOKIE);
            if is_cookie {
                cookies.push(Text::clone(value));
            }
            !is_cookie && !HOP_BY_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop))
        });
        let is_base64 = match present(object, "isBase64Encoded") {
            None => false,
            Some(value) => value.as_bool().ok_or("`isBase64Encoded` must be true or false")?,
        };
        let has_body = !WITHOUT_BODY.contains(&status);
        let body = match object.get("body").filter(|_| has_body) {
            None | Some(Document::Null) => Text::from(""),
            // What is only in the bucket is looked at when it is sent.
            Some(body) if is_base64 && !body.has_references() => {
                let text = body.as_str().filter(|text| BASE64.decode(text).is_ok());
                text.ok_or("`isBase64Encoded` is true, but `body` is not base64")?
                    .into()
            }
            Some(Document::String(text)) => Text::clone(text),
            Some(other) => {
                if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE)) {
                    headers.push((CONTENT_TYPE.into(), "application/json".into()));
                }
                other.to_json().into()
            }
        };
        let description = present(object, "statusDescription").map(text);
        Ok(Response {
            status,
            status_description: description.transpose()?,
            headers,
            cookies,
            body,
            is_base64: is_base64 && has_body,
        })
    }

    /// `headers` with one value for a name each: values of the same name are joined by commas.
    pub(in crate::event_source) fn joined_headers(&self) -> Object {
        let mut joined = Object::new();
        for (name, values) in self.by_name() {
            joined.insert(name, values.join(",").into());
        }
        joined
    }

    /// `multiValueHeaders`, cookies among them.
    pub(in crate::event_source) fn listed_headers(&self) -> Object {
        let mut listed = Object::new();
        let cookies = self.cookies.iter().map(|cookie| &**cookie).collect();
        for (name, values) in self.by_name().into_iter().chain([(SET_COOKIE.into(), cookies)]) {
            let values: Vec<Document> = values.into_iter().map(Document::from).collect();
            if !values.is_empty() {
                listed.insert(name, values.into());
            }
        }
        listed
    }

    /// The values of each name, names in the order in which they first came, whatever their case.
    fn by_name(&self) -> Vec<(Text, Vec<&str>)> {
        let mut by_name: Vec<(Text, Vec<&str>)> = Vec::new();
        for (name, value) in &self.headers {
            match by_name.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some((_, values)) => values.push(value),
                None => by_name.push((Text::clone(name), vec![value])),
            }
        }
        by_name
    }
}

/// A member that is there and not `null`.
fn present<'o>(object: &'o Object, key: &str) -> Option<&'o Document> {
    object.get(key).filter(|value| !value.is_null())
}

/// A status: a number, or digits, which API Gateway takes as well.
fn status(value: &Document) -> Option<u16> {
    let number = match value {
        Document::String(digits) => digits.parse().ok()?,
        other => other.as_i64()?,
    };
    let is_final = (200..600).contains(&number);
    u16::try_from(number).ok().filter(|_| is_final)
}

/// A header's value: a string, a number or a truth value.
fn text(value: &Document) -> Result<Text, String> {
    let text: Text = match value {
        Document::String(text) => Text::clone(text),
        Document::Number(_) | Document::Bool(_) => value.to_json().into(),
        other => {
            return Err(format!(
                "a header's value must be a string, but one is of type {}",
                other.kind()
            ));
        }
    };
    let is_control = |character: char| character.is_control() && character != '\t';
    match text.chars().any(is_control) {
        true => Err("a header's value must not have control characters".to_owned()),
        false => Ok(ascii(text)),
    }
}

/// A header's value with percent codes for what is not ASCII, as URLs have it. Sources refuse such values, some by a
/// 502 that says nothing.
fn ascii(text: Text) -> Text {
    if text.is_ascii() {
        return text;
    }
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte.is_ascii() {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded.into()
}

/// A header's name.
fn name(name: &Text) -> Result<Text, String> {
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(_) => Ok(Text::clone(name)),
        Err(_) => Err(format!("`{name}` can not be the name of a header")),
    }
}

fn object<'o>(object: &'o Object, key: &str) -> Result<Option<&'o Object>, String> {
    let value = present(object, key);
    let object = value.map(|value| value.as_object().ok_or(format!("`{key}` must be an object")));
    object.transpose()
}

fn single_value_headers(response: &Object, headers: &mut Vec<(Text, Text)>) -> Result<(), String> {
    let single = object(response, "headers")?;
    for (key, value) in single.into_iter().flat_map(Object::iter) {
        if !value.is_null() {
            headers.push((name(key)?, text(value)?));
        }
    }
    Ok(())
}

/// Adds `multiValueHeaders`; they replace single values of the same name, as in API Gateway.
fn multi_value_headers(response: &Object, headers: &mut Vec<(Text, Text)>) -> Result<(), String> {
    let multi = object(response, "multiValueHeaders")?;
    let multi = multi.into_iter().flat_map(Object::iter);
    for (key, values) in multi.filter(|(_, values)| !values.is_null()) {
        let values = values
            .as_array()
            .ok_or("the values in `multiValueHeaders` must be arrays")?;
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(key));
        for value in values.iter().filter(|value| !value.is_null()) {
            headers.push((name(key)?, text(value)?));
        }
    }
    Ok(())
}

fn cookies(response: &Object) -> Result<Vec<Text>, String> {
    let Some(cookies) = present(response, "cookies") else {
        return Ok(Vec::new());
    };
    let cookies = cookies.as_array().ok_or("`cookies` must be an array")?;
    cookies.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(output: &str) -> Result<Response, String> {
        Response::from_output(&Document::parse(output).unwrap(), HttpResponse::Own)
    }

    #[test]
    fn an_output_that_is_no_response_is_the_body() {
        for output in [
            "{}",
            "null",
            "\"text\"",
            "[1,2]",
            r#"{"status":404}"#,
            r#"{"statusCode":404,"orderId":1}"#,
            r#"{"statusCode":99,"body":"x","orderId":1}"#,
            r#"{"body":"x","headers":{}}"#,
            r#"{"StatusCode":200}"#,
        ] {
            let response = from(output).unwrap();
            assert_eq!((response.status, &*response.body), (200, output));
            assert_eq!(response.headers, [("content-type".into(), "application/json".into())]);
        }
    }

    #[test]
    fn an_output_can_be_a_response() {
        let response = from(
            r#"{"statusCode":"201","headers":{"Location":"/orders/7","X-Count":3,"Set-Cookie":"a=1"},
                "multiValueHeaders":{"x-count":["1","2"]},"cookies":["b=2"],"body":"created","isBase64Encoded":false}"#,
        );
        let expected = Response {
            status: 201,
            status_description: None,
            headers: [("Location", "/orders/7"), ("x-count", "1"), ("x-count", "2")]
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
            cookies: vec!["b=2".into(), "a=1".into()],
            body: "created".into(),
            is_base64: false,
        };
        assert_eq!(response, Ok(expected));
    }

    #[test]
    fn what_a_source_would_refuse_does_not_reach_it() {
        for (output, expected) in [
            (r#"{"statusCode":404,"body":"no","requestId":"r"}"#, "404 [] no"),
            (
                r#"{"statusCode":302,"headers":{"Location":"/x?y=\u00fc&z=%20"}}"#,
                "302 [Location: /x?y=%C3%BC&z=%20] ",
            ),
            (
                r#"{"statusCode":200,"body":"a","headers":{"Content-Length":4,"CONNECTION":"close","X-A":"b",
                    "transfer-encoding":"chunked"},"multiValueHeaders":{"Upgrade":["h2c"],"keep-alive":null}}"#,
                "200 [X-A: b] a",
            ),
            (
                r#"{"statusCode":200,"multiValueHeaders":{"a":null,"b":[null,"c"]},"headers":{"a":"1","d":null}}"#,
                "200 [a: 1, b: c] ",
            ),
            (r#"{"statusCode":204,"body":{"a":1}}"#, "204 [] "),
            (
                r#"{"statusCode":304,"body":"a","headers":{"ETag":"x"}}"#,
                "304 [ETag: x] ",
            ),
            (r#"{"statusCode":204,"body":"?","isBase64Encoded":true}"#, "204 [] "),
            (r#"{"statusCode":200,"body":"YQ","isBase64Encoded":true}"#, "200 [] YQ"),
            (r#"{"statusCode":200,"body":null,"isBase64Encoded":true}"#, "200 [] "),
        ] {
            let response = from(output).unwrap();
            let headers = response.headers.iter().map(|(name, value)| format!("{name}: {value}"));
            let headers: Vec<_> = headers.collect();
            let actual = format!("{} [{}] {}", response.status, headers.join(", "), response.body);
            assert_eq!(actual, expected, "{output}");
        }
    }

    #[test]
    fn an_output_is_the_body_where_that_is_configured() {
        let output = r#"{"statusCode":201,"headers":{"set-cookie":"a=1"},"body":"b"}"#;
        let document = Document::parse(output).unwrap();
        let response = Response::from_output(&document, HttpResponse::Output).unwrap();
        assert_eq!(response, Response::json(200, &document));
    }

    #[test]
    fn a_body_that_is_no_text_is_sent_as_json() {
        for (body, text, content_type) in [
            (r#""a""#, "a", None),
            ("null", "", None),
            (r#"{"a":1}"#, r#"{"a":1}"#, Some("application/json")),
            ("7", "7", Some("application/json")),
        ] {
            let response = from(&format!(r#"{{"statusCode":200,"body":{body}}}"#)).unwrap();
            assert_eq!(&*response.body, text);
            assert_eq!(response.headers.first().map(|(_, value)| &**value), content_type);
        }
    }

    #[test]
    fn what_looks_like_a_response_but_is_none_is_explained() {
        for (output, expected) in [
            (
                r#"{"statusCode":"OK"}"#,
                "`statusCode` must be a whole number from 200 to 599",
            ),
            (
                r#"{"statusCode":199}"#,
                "`statusCode` must be a whole number from 200 to 599",
            ),
            (
                r#"{"statusCode":200.5}"#,
                "`statusCode` must be a whole number from 200 to 599",
            ),
            (
                r#"{"statusCode":null}"#,
                "`statusCode` must be a whole number from 200 to 599",
            ),
            (r#"{"statusCode":200,"headers":[]}"#, "`headers` must be an object"),
            (
                r#"{"statusCode":200,"headers":{"a":{}}}"#,
                "a header's value must be a string, but one is of type object",
            ),
            (
                r#"{"statusCode":200,"headers":{"a":"b\r\nc: d"}}"#,
                "a header's value must not have control characters",
            ),
            (
                r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
                "`a b` can not be the name of a header",
            ),
            (
                r#"{"statusCode":200,"multiValueHeaders":{"a":"b"}}"#,
                "the values in `multiValueHeaders` must be arrays",
            ),
            (r#"{"statusCode":200,"cookies":"a=1"}"#, "`cookies` must be an array"),
            (
                r#"{"statusCode":200,"isBase64Encoded":"yes"}"#,
                "`isBase64Encoded` must be true or false",
            ),
            (
                r#"{"statusCode":200,"isBase64Encoded":true,"body":"not base64!"}"#,
                "`isBase64Encoded` is true, but `body` is not base64",
            ),
            (
                r#"{"statusCode":200,"isBase64Encoded":true,"body":{}}"#,
                "`isBase64Encoded` is true, but `body` is not base64",
            ),
        ] {
            assert_eq!(from(output), Err(expected.to_owned()), "{output}");
        }
    }
}
