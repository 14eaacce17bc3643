//! Parameters into HTTP requests.
//!
//! Parameters have the names of Step Functions (`StateMachineArn`); the names of the API (`stateMachineArn`) are
//! understood too. What the JSON of a definition cannot say is read as Step Functions reads it: `null` is left
//! out, another value than text where text belongs is its JSON text, and bytes are text.

mod cbor;
mod check;
mod json;
mod query;
mod rest;
mod value;
mod xml;

pub use check::{IsComputed, check};

use crate::encode::percent;
use crate::model::{Member, Operation, Protocol, Service, Structure, names};
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use std::borrow::Cow;
use value::invalid;

/// The deepest nesting of parameters; what writes them is recursive. No service takes half as much.
pub const DEPTH_MAX: u32 = 512;

/// Parameters that do not fit the operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}{}{}", at(.path), hint(.suggestion))]
pub struct ParameterError {
    /// Where, from the outside in: keys and places in lists.
    pub path: Vec<String>,
    /// What kind of fault it is.
    pub fault: Fault,
    /// What is wrong.
    pub problem: String,
    /// The name that was meant, perhaps.
    pub suggestion: Option<String>,
}

/// The kinds of faults that parameters have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The model has no parameter of this name.
    Unknown(String),
    /// The parameter of this name must be there.
    Missing(String),
    /// A value can not be what it must be.
    Invalid,
    /// The model has limits for a value, and it is not within them.
    Outside,
}

fn at(path: &[String]) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!(" at `{}`", path.join("."))
    }
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map_or(String::new(), |name| format!(", did you mean `{name}`?"))
}

impl ParameterError {
    pub(crate) fn new(problem: impl Into<String>) -> ParameterError {
        ParameterError {
            path: Vec::new(),
            fault: Fault::Invalid,
            problem: problem.into(),
            suggestion: None,
        }
    }

    fn unknown(key: &str) -> ParameterError {
        ParameterError {
            fault: Fault::Unknown(key.to_owned()),
            ..ParameterError::new(format!("unknown parameter `{key}`"))
        }
    }

    fn missing(key: &str) -> ParameterError {
        ParameterError {
            fault: Fault::Missing(key.to_owned()),
            ..ParameterError::new(format!("missing parameter `{key}`"))
        }
    }

    fn within(mut self, step: impl ToString) -> ParameterError {
        self.path.insert(0, step.to_string());
        self
    }
}

/// An HTTP request that wants an endpoint and a signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: Text,
    /// The path after the endpoint's, percent-encoded.
    pub path: String,
    /// Names and values of the query, not encoded.
    pub query: Vec<(String, String)>,
    /// Names and values of headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What goes before the endpoint's host.
    pub host_prefix: Option<String>,
}

impl Request {
    /// Writes the request for these parameters; `idempotency_token` is for operations that take one and whose
    /// parameters have none.
    ///
    /// # Errors
    /// The parameters do not fit the operation.
    pub fn new(
        service: &Service,
        operation: &Operation,
        parameters: &Document,
        idempotency_token: Option<&str>,
    ) -> Result<Request, ParameterError> {
        check_depth(parameters)?;
        let parameters = with_token(service, operation, parameters, idempotency_token)?;
        let host_prefix = operation.host_prefix.as_deref();
        let host_prefix = host_prefix.map(|template| host(template, service, operation, &parameters));
        let mut request = Request {
            method: operation.method.clone(),
            path: "/".to_owned(),
            host_prefix: host_prefix.transpose()?,
            ..Request::default()
        };
        match service.protocol {
            Protocol::Json => json::request(service, operation, &parameters, &mut request)?,
            Protocol::Query | Protocol::Ec2 => query::request(service, operation, &parameters, &mut request)?,
            Protocol::Cbor => cbor::request(service, operation, &parameters, &mut request)?,
            Protocol::RestJson | Protocol::RestXml => rest::request(service, operation, &parameters, &mut request)?,
        }
        Ok(request)
    }

    /// Path and query, encoded.
    pub fn uri(&self) -> String {
        let mut uri = self.path.clone();
        for (index, (name, value)) in self.query.iter().enumerate() {
            uri.push(if index == 0 && !uri.contains('?') { '?' } else { '&' });
            uri.push_str(&percent(name));
            // `?versioning` and `?versioning=` are one to signatures, but not to every server.
            if !value.is_empty() {
                uri.push('=');
                uri.push_str(&percent(value));
            }
        }
        uri
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn set_header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }
}

fn check_depth(parameters: &Document) -> Result<(), ParameterError> {
    if parameters.depth() > DEPTH_MAX {
        let problem = format!("the parameters nest more than {DEPTH_MAX} levels deep");
        return Err(ParameterError::new(problem));
    }
    Ok(())
}

/// The parameters as an object, with the token where one belongs.
fn with_token<'p>(
    service: &Service,
    operation: &Operation,
    parameters: &'p Document,
    token: Option<&str>,
) -> Result<Cow<'p, Document>, ParameterError> {
    let object = match parameters {
        Document::Object(object) => object.clone(),
        Document::Null => Object::new(),
        other => return Err(invalid("an object", other)),
    };
    let given = |member: &&Member| {
        let mut present = object.iter().filter(|(_, value)| !value.is_null());
        present.any(|(key, _)| *member.key == **key || *member.name == **key)
    };
    let member = operation.idempotency_token_member(service);
    let (Some(token), Some(member)) = (token, member.filter(|member| !given(member))) else {
        return Ok(if parameters.is_null() {
            Cow::Owned(object.into())
        } else {
            Cow::Borrowed(parameters)
        });
    };
    // Copies the list of parameters, not the parameters.
    let mut object = object.clone();
    object.insert(member.key.clone(), token.into());
    Ok(Cow::Owned(object.into()))
}

/// The members that are present, in the order of the parameters.
pub(crate) fn members<'s, 'v>(
    structure: &'s Structure,
    value: &'v Document,
) -> Result<Vec<(&'s Member, &'v Document)>, ParameterError> {
    let Document::Object(object) = value else {
        return Err(invalid("an object", value));
    };
    let mut members = Vec::with_capacity(object.len());
    for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        let member = structure.member(key).ok_or_else(|| unknown(structure, key))?;
        members.push((member, value));
    }
    Ok(members)
}

/// A key that no member has, with the most similar one that a member has.
fn unknown(structure: &Structure, key: &str) -> ParameterError {
    let nearest = names::nearest(key, structure.members.iter().map(|member| &*member.key));
    ParameterError {
        suggestion: nearest.map(str::to_owned),
        ..ParameterError::unknown(key)
    }
}

/// Fills the `{Label}`s of a host name.
fn host(
    template: &str,
    service: &Service,
    operation: &Operation,
    parameters: &Document,
) -> Result<String, ParameterError> {
    value::fill(template, |label| {
        let structure = service.input(operation)?;
        let mut present = members(structure, parameters).ok()?.into_iter();
        let (_, value) = present.find(|(member, _)| *member.name == *label)?;
        let text = value::text(value).into_owned();
        // Anything else in a host name could send the request, signed, to somebody else.
        let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        text.bytes().all(is_label).then_some(text)
    })
}

#[cfg(test)]
mod tests;
