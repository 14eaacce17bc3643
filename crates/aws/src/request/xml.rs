//! XML bodies.

use super::value::{array, object, scalar, text};
use super::{ParameterError, members};
use crate::model::{List, Map, Member, Service, Shape, Structure, TimestampFormat, XmlNamespace};
use expressway_asl::Document;

/// The element `name` that holds `value`, in this namespace unless the shape says another one.
pub(super) fn element(
    service: &Service,
    shape: &Shape,
    member: Option<&Member>,
    value: &Document,
    name: &str,
    namespace: Option<&str>,
) -> Result<Vec<u8>, ParameterError> {
    let mut writer = Writer {
        service,
        out: String::new(),
    };
    let namespace = namespace.map(|uri| XmlNamespace {
        uri: uri.into(),
        prefix: "".into(),
    });
    writer.write(shape, member, value, name, namespace.as_ref())?;
    Ok(writer.out.into_bytes())
}

struct Writer<'s> {
    service: &'s Service,
    out: String,
}

impl Writer<'_> {
    fn write(
        &mut self,
        shape: &Shape,
        member: Option<&Member>,
        value: &Document,
        name: &str,
        outer: Option<&XmlNamespace>,
    ) -> Result<(), ParameterError> {
        let of_shape = match shape {
            Shape::Structure(structure) => structure.xml_namespace.as_ref(),
            _ => None,
        };
        let namespace = member
            .and_then(|member| member.xml_namespace.as_ref())
            .or(of_shape)
            .or(outer);
        let flattened = member.is_some_and(|member| member.flattened);
        match shape {
            Shape::Structure(structure) => self.write_structure(structure, value, name, namespace),
            Shape::List(list) if flattened || list.flattened => self.write_items(list, value, name),
            Shape::Map(map) if flattened || map.flattened => self.write_entries(map, value, name),
            Shape::List(list) => {
                self.open(name, namespace);
                self.write_items(list, value, list.item_name.as_deref().unwrap_or("member"))?;
                self.close(name);
                Ok(())
            }
            Shape::Map(map) => {
                self.open(name, namespace);
                self.write_entries(map, value, "entry")?;
                self.close(name);
                Ok(())
            }
            other => {
                let format = member.and_then(|member| member.timestamp_format);
                let text = scalar(other, format, TimestampFormat::Iso8601, value)?;
                self.leaf(name, namespace, &text);
                Ok(())
            }
        }
    }

    fn write_structure(
        &mut self,
        structure: &Structure,
        value: &Document,
        name: &str,
        namespace: Option<&XmlNamespace>,
    ) -> Result<(), ParameterError> {
        let (attributes, elements): (Vec<_>, Vec<_>) = members(structure, value)?
            .into_iter()
            .partition(|(member, _)| member.xml_attribute);
        self.open(name, namespace);
        if !attributes.is_empty() {
            // Within the opening tag.
            self.out.pop();
            for (member, value) in attributes {
                self.attribute(&member.wire_name, &text(value));
            }
            self.out.push('>');
        }
        for (member, value) in elements {
            let shape = self.service.shape(member.shape);
            self.write(shape, Some(member), value, &member.wire_name, None)
                .map_err(|error| error.within(&member.key))?;
        }
        self.close(name);
        Ok(())
    }

    fn write_items(&mut self, list: &List, value: &Document, name: &str) -> Result<(), ParameterError> {
        let item = self.service.shape(list.item);
        for (index, value) in array(value)?.iter().enumerate() {
            self.write(item, None, value, name, None)
                .map_err(|error| error.within(index))?;
        }
        Ok(())
    }

    fn write_entries(&mut self, map: &Map, value: &Document, name: &str) -> Result<(), ParameterError> {
        let shape = self.service.shape(map.value);
        let key_name = map.key_name.as_deref().unwrap_or("key");
        let value_name = map.value_name.as_deref().unwrap_or("value");
        for (key, value) in object(value)?.iter() {
            self.open(name, None);
            self.leaf(key_name, None, key);
            self.write(shape, None, value, value_name, None)
                .map_err(|error| error.within(key))?;
            self.close(name);
        }
        Ok(())
    }

    fn open(&mut self, name: &str, namespace: Option<&XmlNamespace>) {
        self.out.push('<');
        self.out.push_str(name);
        if let Some(namespace) = namespace {
            let separator = if namespace.prefix.is_empty() { "" } else { ":" };
            self.attribute(&format!("xmlns{separator}{}", namespace.prefix), &namespace.uri);
        }
        self.out.push('>');
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn leaf(&mut self, name: &str, namespace: Option<&XmlNamespace>, text: &str) {
        self.open(name, namespace);
        self.escape(text);
        self.close(name);
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        self.escape(value);
        self.out.push('"');
    }

    fn escape(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                // Parsers would turn these into other white space.
                '\r' => self.out.push_str("&#xD;"),
                '\n' => self.out.push_str("&#xA;"),
                letter => self.out.push(letter),
            }
        }
    }
}
