//! Writes tables; `expressway_aws::model::table` is the other half and tells the form.

use expressway_asl::Document;
use expressway_aws::Service;
use expressway_aws::endpoint::{Condition, Expression, Function, Outcome, PathStep, Rule, RuleSet};
use expressway_aws::model::{
    Authentication, ContextParameter, ContextValue, Limit, Limits, Location, Member, Operation, Protocol, Shape,
    ShapeId, Structure, TimestampFormat, XmlNamespace,
};
use std::collections::HashMap;

/// The table of a service.
///
/// # Errors
/// The service holds something for which tables have no form.
pub fn service(service: &Service) -> Result<Vec<u8>, String> {
    let mut body = Writer::default();
    body.service(service)?;
    Ok(body.finish())
}

/// The table of a service's limits.
pub fn limits(limits: &Limits) -> Vec<u8> {
    let numbers = limits.kinds.iter().flat_map(|limit| [limit.min, limit.max]);
    let numbers: Vec<String> = numbers.map(|number| number.unwrap_or_default().to_string()).collect();
    let mut body = Writer::default();
    body.number(limits.kinds.len() as u32);
    for (limit, numbers) in limits.kinds.iter().zip(numbers.chunks(2)) {
        body.limit(limit, numbers);
    }
    body.number(limits.places.len() as u32);
    for ((container, place), kind) in &limits.places {
        body.shape_id(*container);
        body.number(*place as u32);
        body.number(*kind as u32);
    }
    body.finish()
}

/// Appends a number: seven bits a byte, low bits first.
pub(crate) fn number(out: &mut Vec<u8>, mut number: u32) {
    while number >= 128 {
        out.push((number & 127) as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a string, written out.
pub(crate) fn str(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u32);
    out.extend(text.as_bytes());
}

#[derive(Default)]
struct Writer<'s> {
    bytes: Vec<u8>,
    strings: Vec<&'s str>,
    places: HashMap<&'s str, u32>,
}

impl<'s> Writer<'s> {
    /// The strings, then what refers to them.
    fn finish(self) -> Vec<u8> {
        let mut table = Vec::new();
        number(&mut table, self.strings.len() as u32);
        for string in &self.strings {
            str(&mut table, string);
        }
        table.extend(self.bytes);
        table
    }

    /// A limit, whose least and greatest number are also given as texts.
    fn limit(&mut self, limit: &'s Limit, texts: &'s [String]) {
        self.number(flag(1, limit.min.is_some()) | flag(2, limit.max.is_some()));
        let present = [limit.min, limit.max].into_iter().zip(texts);
        self.texts(present.filter(|(number, _)| number.is_some()).map(|(_, text)| &**text));
        self.number(limit.values.len() as u32);
        self.texts(limit.values.iter().map(|text| &**text));
    }

    fn number(&mut self, value: u32) {
        number(&mut self.bytes, value);
    }

    fn text(&mut self, text: &'s str) {
        let next = self.strings.len() as u32;
        let place = *self.places.entry(text).or_insert(next);
        if place == next {
            self.strings.push(text);
        }
        self.number(place);
    }

    fn texts(&mut self, texts: impl IntoIterator<Item = &'s str>) {
        for text in texts {
            self.text(text);
        }
    }

    fn optional_number(&mut self, value: Option<u32>) {
        self.number(value.map_or(0, |value| value + 1));
    }

    fn shape_id(&mut self, id: ShapeId) {
        self.number(id.index() as u32);
    }

    fn list<T>(
        &mut self,
        items: &'s [T],
        mut write: impl FnMut(&mut Self, &'s T) -> Result<(), String>,
    ) -> Result<(), String> {
        self.number(items.len() as u32);
        items.iter().try_for_each(|item| write(self, item))
    }

    fn service(&mut self, service: &'s Service) -> Result<(), String> {
        self.texts([&*service.name, &service.service_id, &service.api_version]);
        self.texts([&*service.endpoint_prefix, &service.signing_name]);
        self.texts([&*service.target_prefix, &service.json_version]);
        self.number(match service.protocol {
            Protocol::Json => 0,
            Protocol::RestJson => 1,
            Protocol::RestXml => 2,
            Protocol::Query => 3,
            Protocol::Ec2 => 4,
            Protocol::Cbor => 5,
        });
        self.number(service.query_compatible.into());
        self.number(service.unsigned.into());
        self.list(&service.operations, Self::operation)?;
        self.list(&service.shapes, |writer, shape| {
            writer.shape(shape);
            Ok(())
        })?;
        self.rule_set(&service.endpoint_rules)
    }

    fn operation(&mut self, operation: &'s Operation) -> Result<(), String> {
        let optional = [
            (8, &operation.checksum_algorithm_member),
            (16, &operation.host_prefix),
            (32, &operation.input_element),
            (64, &operation.input_namespace),
            (128, &operation.result_wrapper),
        ];
        let authentication = match operation.authentication {
            Authentication::Signed => 0,
            Authentication::SignedWithoutBody => 1,
            Authentication::Anonymous => 2,
        };
        let present: u32 = optional
            .iter()
            .filter(|(_, text)| text.is_some())
            .map(|(flag, _)| flag)
            .sum();
        self.number(authentication | flag(4, operation.checksum_required) | present);
        self.texts([&*operation.name, &operation.method, &operation.uri]);
        self.optional_number(operation.input.map(|id| id.index() as u32));
        self.optional_number(operation.output.map(|id| id.index() as u32));
        self.list(&operation.errors, |writer, id| {
            writer.shape_id(*id);
            Ok(())
        })?;
        self.texts(optional.into_iter().filter_map(|(_, text)| text.as_deref()));
        self.list(&operation.context_parameters, Self::context_parameter)
    }

    fn context_parameter(&mut self, parameter: &'s ContextParameter) -> Result<(), String> {
        self.text(&parameter.name);
        match &parameter.value {
            ContextValue::Static(value) => self.scalar(value),
            ContextValue::Path(path) => {
                self.number(3);
                self.text(path);
                Ok(())
            }
        }
    }

    fn scalar(&mut self, value: &'s Document) -> Result<(), String> {
        match value {
            Document::Bool(value) => self.number((*value).into()),
            Document::String(text) => {
                self.number(2);
                self.text(text);
            }
            other => return Err(format!("no form for `{other}`")),
        }
        Ok(())
    }

    fn shape(&mut self, shape: &'s Shape) {
        match shape {
            Shape::Structure(structure) => self.structure(structure),
            Shape::List(list) => {
                self.kind(1, flag(1, list.item_name.is_some()) | flag(2, list.flattened));
                self.shape_id(list.item);
                self.texts(list.item_name.as_deref());
            }
            Shape::Map(map) => {
                let names = flag(1, map.key_name.is_some()) | flag(2, map.value_name.is_some());
                self.kind(2, names | flag(4, map.flattened));
                self.shape_id(map.key);
                self.shape_id(map.value);
                self.texts(map.key_name.as_deref());
                self.texts(map.value_name.as_deref());
            }
            Shape::String => self.kind(3, 0),
            Shape::Blob { streaming } => self.kind(4, (*streaming).into()),
            Shape::Boolean => self.kind(5, 0),
            Shape::Integer => self.kind(6, 0),
            Shape::Float { single } => self.kind(7, (*single).into()),
            Shape::Timestamp(format) => self.kind(8, timestamp_format(*format)),
        }
    }

    fn kind(&mut self, kind: u32, flags: u32) {
        self.number(kind | flags << 4);
    }

    fn structure(&mut self, structure: &'s Structure) {
        let exception = structure.exception.as_ref();
        let code = exception.and_then(|exception| exception.code.as_deref());
        let flags = flag(1, structure.document)
            | flag(2, structure.event_stream)
            | flag(4, structure.union)
            | flag(8, structure.payload.is_some())
            | flag(16, exception.is_some())
            | flag(32, code.is_some())
            | flag(64, structure.xml_namespace.is_some());
        self.kind(0, flags);
        if let Some(payload) = structure.payload {
            self.number(payload as u32);
        }
        self.texts(exception.map(|exception| &*exception.name));
        self.texts(code);
        self.xml_namespace(structure.xml_namespace.as_ref());
        self.number(structure.members.len() as u32);
        for member in &structure.members {
            self.member(member);
        }
    }

    fn xml_namespace(&mut self, namespace: Option<&'s XmlNamespace>) {
        self.texts(
            namespace
                .into_iter()
                .flat_map(|namespace| [&*namespace.uri, &*namespace.prefix]),
        );
    }

    fn member(&mut self, member: &'s Member) {
        let location = match member.location {
            Location::Body => 0,
            Location::Header => 1,
            Location::Headers => 2,
            Location::Path => 3,
            Location::Query => 4,
            Location::Status => 5,
        };
        let wire_name = Some(&*member.wire_name).filter(|name| **name != *member.name);
        let flags = location
            | flag(8, member.required)
            | flag(16, wire_name.is_some())
            | flag(32, member.flattened)
            | flag(64, member.idempotency_token)
            | timestamp_format(member.timestamp_format) << 7
            | flag(512, member.streaming)
            | flag(1024, member.xml_attribute)
            | flag(2048, member.json_value)
            | flag(4096, member.query_name.is_some())
            | flag(8192, member.xml_namespace.is_some())
            | flag(16384, member.context_parameter.is_some());
        self.number(flags);
        self.text(&member.name);
        self.shape_id(member.shape);
        self.texts(wire_name);
        self.texts(member.query_name.as_deref());
        self.xml_namespace(member.xml_namespace.as_ref());
        self.texts(member.context_parameter.as_deref());
    }

    fn rule_set(&mut self, rules: &'s RuleSet) -> Result<(), String> {
        self.number(rules.variables);
        self.list(&rules.parameters, |writer, parameter| {
            writer.text(&parameter.name);
            match &parameter.default {
                None => writer.number(0),
                Some(Document::Bool(value)) => writer.number(1 + u32::from(*value)),
                Some(Document::String(text)) => {
                    writer.number(3);
                    writer.text(text);
                }
                Some(other) => return Err(format!("no form for the default `{other}`")),
            }
            Ok(())
        })?;
        self.list(&rules.rules, Self::rule)
    }

    fn rule(&mut self, rule: &'s Rule) -> Result<(), String> {
        self.list(&rule.conditions, |writer, condition: &Condition| {
            writer.optional_number(condition.variable.map(|variable| variable.index() as u32));
            writer.expression(&condition.test)
        })?;
        match &rule.outcome {
            Outcome::Rules(rules) => {
                self.number(0);
                self.list(rules, Self::rule)
            }
            Outcome::Error(message) => {
                self.number(1);
                self.expression(message)
            }
            Outcome::Endpoint { url, properties } => {
                self.number(2);
                self.expression(url)?;
                self.expression(properties)
            }
        }
    }

    fn expression(&mut self, expression: &'s Expression) -> Result<(), String> {
        match expression {
            Expression::Literal(Document::Bool(value)) => self.number((*value).into()),
            Expression::Literal(Document::String(text)) => {
                self.number(3);
                self.text(text);
            }
            Expression::Literal(value) => {
                let whole = value.as_i64().and_then(|value| u32::try_from(value).ok());
                self.number(2);
                self.number(whole.ok_or_else(|| format!("no form for `{value}`"))?);
            }
            Expression::Variable(variable) => {
                self.number(4);
                self.number(variable.index() as u32);
            }
            Expression::Attribute { value, path } => {
                self.number(5);
                self.expression(value)?;
                self.list(path, |writer, step| {
                    match step {
                        PathStep::Key(key) => {
                            writer.optional_number(None);
                            writer.text(key);
                        }
                        PathStep::Index(index) => writer.optional_number(Some(*index as u32)),
                    }
                    Ok(())
                })?;
            }
            Expression::Call(function, arguments) => {
                let place = Function::ALL.iter().position(|known| known == function);
                self.number(6);
                self.number(place.ok_or("a function without place")? as u32);
                self.list(arguments, Self::expression)?;
            }
            Expression::Concatenation(parts) => {
                self.number(7);
                self.list(parts, Self::expression)?;
            }
            Expression::Array(items) => {
                self.number(8);
                self.list(items, Self::expression)?;
            }
            Expression::Object(members) => {
                self.number(9);
                self.list(members, |writer, (key, value)| {
                    writer.text(key);
                    writer.expression(value)
                })?;
            }
        }
        Ok(())
    }
}

fn flag(bit: u32, set: bool) -> u32 {
    if set { bit } else { 0 }
}

fn timestamp_format(format: Option<TimestampFormat>) -> u32 {
    match format {
        None => 0,
        Some(TimestampFormat::Iso8601) => 1,
        Some(TimestampFormat::Unix) => 2,
        Some(TimestampFormat::Rfc822) => 3,
    }
}
