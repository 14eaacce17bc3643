//! A form in the body, XML back: how SNS and STS speak.

use super::{Answer, AwsError, Request, answer, percent_decode};
use crate::context::uuid;
use std::collections::BTreeMap;

/// The fields of a form.
#[derive(Debug, Default)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    pub(crate) fn of(request: &Request) -> Form {
        let body = str::from_utf8(request.body()).unwrap_or_default();
        let decode = |text: &str| percent_decode(&text.replace('+', " "));
        let fields = body.split('&').filter(|field| !field.is_empty()).map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            (decode(name), decode(value))
        });
        Form(fields.collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, AwsError> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| AwsError::new("InvalidParameter", format!("Invalid parameter: {name}")))
    }

    /// The parts of the form whose names begin with `<prefix>1.`, `<prefix>2.` and so on, without that.
    pub(crate) fn members(&self, prefix: &str) -> Vec<Form> {
        let numbered = (1..).map(|number| self.part(&format!("{prefix}{number}.")));
        numbered.take_while(|form| !form.0.is_empty()).collect()
    }

    /// The fields whose names begin like this, without that.
    pub(crate) fn part(&self, prefix: &str) -> Form {
        let fields = self
            .0
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())));
        Form(fields.collect())
    }

    /// Entries `entry.1.key`, `entry.1.value` of a map.
    pub(crate) fn map(&self, prefix: &str) -> BTreeMap<String, String> {
        let entries = self.members(prefix);
        let entry = |form: &Form| Some((form.get("key")?.to_owned(), form.get("value")?.to_owned()));
        entries.iter().filter_map(entry).collect()
    }
}

/// One XML element with text or elements in it.
pub(crate) enum Xml {
    Text(&'static str, String),
    Element(&'static str, Vec<Xml>),
}

impl Xml {
    fn write(&self, out: &mut String) {
        let (name, content) = match self {
            Xml::Text(name, text) => (name, escape(text)),
            Xml::Element(name, elements) => (name, write_all(elements)),
        };
        out.push_str(&format!("<{name}>{content}</{name}>"));
    }
}

fn write_all(elements: &[Xml]) -> String {
    let mut out = String::new();
    elements.iter().for_each(|element| element.write(&mut out));
    out
}

/// Everything outside ASCII and all that means something in XML becomes a character reference.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' | '\r' | '\n' => out.push_str(&format!("&#{};", u32::from(character))),
            character => out.push(character),
        }
    }
    out
}

const CONTENT_TYPE: &str = "text/xml";

pub(crate) fn respond(action: &str, namespace: &str, result: Result<Vec<Xml>, AwsError>) -> Answer {
    match result {
        Ok(elements) => {
            let (content, id) = (write_all(&elements), uuid());
            let body = format!(
                "<{action}Response xmlns=\"{namespace}\"><{action}Result>{content}</{action}Result>\
                 <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{action}Response>"
            );
            answer(200, CONTENT_TYPE, body)
        }
        Err(error) => {
            let (code, message, id) = (escape(&error.code), escape(&error.message), uuid());
            let body = format!(
                "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>Sender</Type><Code>{code}</Code>\
                 <Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
            );
            answer(error.status, CONTENT_TYPE, body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::Bytes;

    #[test]
    fn forms_hold_maps_and_lists() {
        let body = "Action=Publish&Message=a+b%26%C3%A9&E.entry.1.Name=x&E.entry.2.Name=y&M.1.key=k&M.1.value=v";
        let form = Form::of(&Request::new(Bytes::from_static(body.as_bytes())));
        assert_eq!(form.get("Message"), Some("a b&é"));
        let names: Vec<_> = form
            .members("E.entry.")
            .iter()
            .map(|entry| entry.get("Name").unwrap().to_owned())
            .collect();
        assert_eq!(names, ["x", "y"]);
        assert_eq!(form.map("M."), BTreeMap::from([("k".to_owned(), "v".to_owned())]));
        assert!(form.required("Subject").is_err());
    }

    #[test]
    fn text_is_escaped() {
        let mut out = String::new();
        Xml::Element("A", vec![Xml::Text("B", "<&>é".to_owned())]).write(&mut out);
        assert_eq!(out, "<A><B>&#60;&#38;&#62;é</B></A>");
    }
}
