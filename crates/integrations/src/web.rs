//! What `http:invoke`, `apigateway:invoke` and `eks:call` share: addresses, headers, bodies, answers.

use crate::metadata;
use crate::parameters::Parameters;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_aws::client::PlainAnswer;
use expressway_aws::percent;
use http::{StatusCode, Uri};

/// The methods that they take; Kubernetes knows no `OPTIONS`.
const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];

/// The header by which a server can tell that it has done the work already.
pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The most bytes of an answer that are read: twice what a state may have as its result, since JSON text may be
/// longer on the wire.
pub(crate) const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Scheme and host of an address, and path and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Scheme, host and, unless it is the scheme's own, port.
    pub(crate) origin: String,
    /// In lower case.
    pub(crate) host: String,
    /// `None` for the scheme's own.
    pub(crate) port: Option<u16>,
    pub(crate) path: String,
}

impl Address {
    /// Takes an address apart; `None` if it is none, or not one that may be called: without TLS only this machine may
    /// be, and only if `allows_loopback`.
    pub(crate) fn parse(text: &str, allows_loopback: bool) -> Option<Address> {
        // Browsers take a backslash for a slash, which makes another host of what is before it.
        if text.contains('\\') {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        // A user's name in an address is an old way to make it look like another one.
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host().to_ascii_lowercase();
        let scheme = uri.scheme_str()?;
        let default_port = match scheme {
            "https" => 443,
            "http" if is_loopback(&host) && allows_loopback => 80,
            _ => return None,
        };
        // The port is read from the text: `Uri` makes nothing of one that is empty or too large.
        let rest = authority.as_str().get(host.len()..)?;
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            None => return None,
            Some(port) => Some(port.parse::<u16>().ok()?).filter(|port| *port != default_port),
        };
        if !is_host_name(&host) && !is_loopback(&host) {
            return None;
        }
        let shown_port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Some(Address {
            origin: format!("{scheme}://{host}{shown_port}"),
            host,
            port,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    /// `https`, or `http` on this machine.
    pub(crate) fn scheme(&self) -> &str {
        self.origin.split_once("://").map_or("https", |(scheme, _)| scheme)
    }

    /// The port of the scheme.
    pub(crate) fn default_port(&self) -> u16 {
        if self.scheme() == "http" { 80 } else { 443 }
    }

    /// Whether it is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Adds a query.
    pub(crate) fn push_query(&mut self, query: &[(String, String)]) {
        for (name, value) in query {
            self.path.push(if self.path.contains('?') { '&' } else { '?' });
            self.path.push_str(&percent(name));
            self.path.push('=');
            self.path.push_str(&percent(value));
        }
    }
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// Whether a text is the name of a host, or an IPv4 address. The dot at the end that the DNS allows is not: it would be
/// another spelling of the same host, which no certificate has.
fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.split('.').all(is_label)
}

/// A path with all encoded that no path may have; what is encoded already stays.
pub(crate) fn encoded_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for character in path.chars() {
        if character.is_ascii_alphanumeric() || "/%-_.~!$&'()*+,;=:@".contains(character) {
            out.push(character);
        } else {
            out.push_str(&percent(character.encode_utf8(&mut [0; 4])));
        }
    }
    out
}

/// The method, if it is one.
pub(crate) fn method(parameters: &mut Parameters<'_>) -> Option<String> {
    let method = parameters.required_text("Method")?;
    if !METHODS.contains(&&*method) {
        parameters.invalid("Method");
    }
    Some(method)
}

/// Whether requests of this method do something, so that doing it once matters.
pub(crate) fn has_effect(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// Names and values of an object whose members are texts or, if `single` is not allowed, arrays of texts.
pub(crate) fn pairs(parameters: &mut Parameters<'_>, key: &str, allows_single: bool) -> Vec<(String, String)> {
    let Some(object) = parameters.object(key) else {
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        match value {
            Document::Array(values) => {
                pairs.extend(values.iter().map(|value| (name.to_string(), text(value))));
            }
            Document::Object(_) => parameters.invalid(key),
            single if allows_single => pairs.push((name.to_string(), text(single))),
            _ => parameters.invalid(key),
        }
    }
    pairs
}

/// A string as it is, anything else as its JSON text.
pub(crate) fn text(value: &Document) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}

pub(crate) fn has_header(headers: &[(String, String)], name: &str) -> bool {
    headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// What Step Functions says of headers that a definition must not set; nothing if there is none.
///
/// A `*` at the end of a forbidden name stands for anything.
///
/// # Source
/// The words are quoted in public reports of `CreateStateMachine` refusing a definition.
pub(crate) fn forbidden<'h>(headers: impl IntoIterator<Item = &'h str>, forbidden: &[&str]) -> Option<String> {
    let is_forbidden = |name: &String| {
        forbidden.iter().any(|known| match known.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == known,
        })
    };
    let names = headers.into_iter().map(str::to_ascii_lowercase).filter(is_forbidden);
    let names: Vec<String> = names.collect();
    let names = Some(names).filter(|names| !names.is_empty())?;
    Some(format!(
        "The 'Headers' field contains unsupported values: [{}]",
        names.join(", ")
    ))
}

/// The body of an answer, whose text this is: a value if it is JSON and nothing says otherwise, else the text.
pub(crate) fn body(answer: &PlainAnswer, text: &str) -> Document {
    let content_type = answer.headers.iter().find(|(name, _)| name == "content-type");
    let may_be_json = content_type.is_none_or(|(_, value)| value.contains("json"));
    let json = may_be_json.then(|| Document::parse(text).ok()).flatten();
    json.unwrap_or_else(|| text.into())
}

/// The result of a task: headers, body and status of an answer.
pub(crate) fn envelope(answer: &PlainAnswer, body: Document) -> Document {
    let headers = answer.headers.iter().map(|(name, value)| (&**name, &**value));
    let headers = metadata::headers(headers).into_iter();
    let headers: Object = headers.map(|(name, values)| (name, Document::from(values))).collect();
    Document::object([
        ("Headers", headers.into()),
        ("ResponseBody", body),
        ("StatusCode", Document::from(i64::from(answer.status))),
        ("StatusText", status_text(answer.status).into()),
    ])
}

/// What HTTP calls a status. What the server itself wrote behind the number is not kept by our HTTP client.
pub(crate) fn status_text(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or_default()
}

/// The value without members that are `null`, however deep.
pub(crate) fn without_nulls(value: &Document) -> Document {
    match value {
        Document::Object(object) => {
            let members = object.iter().filter(|(_, value)| !value.is_null());
            let members = members.map(|(key, value)| (Text::clone(key), without_nulls(value)));
            members.collect::<Object>().into()
        }
        Document::Array(items) => items.iter().map(without_nulls).collect::<Vec<_>>().into(),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_where_they_must_be() {
        assert_eq!(encoded_path("a b/ü%20?x"), "a%20b/%C3%BC%20%3Fx");
    }

    #[test]
    fn forbidden_headers_are_named() {
        let list = &["host", "x-amz*"];
        assert_eq!(forbidden(["X-Mine", "Accept"], list), None);
        assert_eq!(
            forbidden(["Host", "X-Amz-Date", "a"], list).as_deref(),
            Some("The 'Headers' field contains unsupported values: [host, x-amz-date]")
        );
    }

    #[test]
    fn members_without_a_value_are_left_out() {
        let value = Document::parse(r#"{"a":null,"b":[null,{"c":null,"d":1}]}"#).unwrap();
        assert_eq!(without_nulls(&value).to_json(), r#"{"b":[null,{"d":1}]}"#);
    }
}
