//! Forms: the query protocol, and EC2's dialect of it.

use super::value::{array, object, scalar};
use super::{ParameterError, Request, members};
use crate::encode::push_percent;
use crate::model::{List, Map, Member, Operation, Protocol, Service, Shape, TimestampFormat, names};
use expressway_asl::Document;

pub(super) fn request(
    service: &Service,
    operation: &Operation,
    parameters: &Document,
    request: &mut Request,
) -> Result<(), ParameterError> {
    request.set_header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    let mut form = Form {
        service,
        body: String::new(),
    };
    form.push("Action", &operation.name);
    form.push("Version", &service.api_version);
    if let Some(input) = operation.input {
        form.write(service.shape(input), None, parameters, "")?;
    }
    request.body = form.body.into_bytes();
    Ok(())
}

struct Form<'s> {
    service: &'s Service,
    body: String,
}

impl Form<'_> {
    fn push(&mut self, name: &str, value: &str) {
        if !self.body.is_empty() {
            self.body.push('&');
        }
        push_percent(&mut self.body, name, b"");
        self.body.push('=');
        push_percent(&mut self.body, value, b"");
    }

    fn write(
        &mut self,
        shape: &Shape,
        member: Option<&Member>,
        value: &Document,
        name: &str,
    ) -> Result<(), ParameterError> {
        match shape {
            Shape::Structure(structure) => {
                for (member, value) in members(structure, value)? {
                    let inner = self.member_name(member);
                    let name = if name.is_empty() {
                        inner
                    } else {
                        format!("{name}.{inner}")
                    };
                    let shape = self.service.shape(member.shape);
                    self.write(shape, Some(member), value, &name)
                        .map_err(|error| error.within(&member.key))?;
                }
                Ok(())
            }
            Shape::List(list) => self.write_list(list, member, value, name),
            Shape::Map(map) => self.write_map(map, member, value, name),
            other => {
                let format = member.and_then(|member| member.timestamp_format);
                let text = scalar(other, format, TimestampFormat::Iso8601, value)?;
                self.push(name, &text);
                Ok(())
            }
        }
    }

    fn is_ec2(&self) -> bool {
        self.service.protocol == Protocol::Ec2
    }

    fn member_name(&self, member: &Member) -> String {
        match &member.query_name {
            Some(name) if self.is_ec2() => name.to_string(),
            // EC2's wire names begin with a small letter in answers only.
            _ if self.is_ec2() && member.wire_name != member.name => names::key(&member.wire_name),
            _ if self.is_ec2() => member.name.to_string(),
            _ => member.wire_name.to_string(),
        }
    }

    fn write_list(
        &mut self,
        list: &List,
        member: Option<&Member>,
        value: &Document,
        name: &str,
    ) -> Result<(), ParameterError> {
        let items = array(value)?;
        if items.is_empty() && !self.is_ec2() {
            self.push(name, "");
            return Ok(());
        }
        let flattened = list.flattened || member.is_some_and(|member| member.flattened);
        let name = match &list.item_name {
            _ if self.is_ec2() => name.to_owned(),
            // The name of the items takes the place of the list's own.
            Some(item) if flattened => match name.rsplit_once('.') {
                Some((outer, _)) => format!("{outer}.{item}"),
                None => item.to_string(),
            },
            None if flattened => name.to_owned(),
            Some(item) => format!("{name}.{item}"),
            None => format!("{name}.member"),
        };
        let item = self.service.shape(list.item);
        for (index, value) in items.iter().enumerate() {
            let name = format!("{name}.{}", index + 1);
            self.write(item, None, value, &name)
                .map_err(|error| error.within(index))?;
        }
        Ok(())
    }

    fn write_map(
        &mut self,
        map: &Map,
        member: Option<&Member>,
        value: &Document,
        name: &str,
    ) -> Result<(), ParameterError> {
        let flattened = map.flattened || member.is_some_and(|member| member.flattened);
        let entry = if flattened { "" } else { ".entry" };
        let key_name = map.key_name.as_deref().unwrap_or("key");
        let value_name = map.value_name.as_deref().unwrap_or("value");
        let shape = self.service.shape(map.value);
        for (index, (key, value)) in object(value)?.iter().enumerate() {
            let name = format!("{name}{entry}.{}", index + 1);
            self.push(&format!("{name}.{key_name}"), key);
            let name = format!("{name}.{value_name}");
            self.write(shape, None, value, &name)
                .map_err(|error| error.within(key))?;
        }
        Ok(())
    }
}
