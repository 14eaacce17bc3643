//! JSON bodies.

use super::value::{array, base64, boolean, integer, moment, number, object, text};
use super::{ParameterError, Request, members};
use crate::model::{Operation, Service, Shape, ShapeId, TimestampFormat};
use crate::timestamp;
use expressway_asl::Document;

pub(super) fn request(
    service: &Service,
    operation: &Operation,
    parameters: &Document,
    request: &mut Request,
) -> Result<(), ParameterError> {
    request.set_header(
        "Content-Type",
        format!("application/x-amz-json-{}", service.json_version),
    );
    request.set_header("X-Amz-Target", format!("{}.{}", service.target_prefix, operation.name));
    if service.query_compatible {
        request.set_header("x-amzn-query-mode", "true");
    }
    request.body = match operation.input {
        Some(input) => body(service, input, None, parameters)?,
        None => b"{}".to_vec(),
    };
    Ok(())
}

pub(super) fn body(
    service: &Service,
    shape: ShapeId,
    format: Option<TimestampFormat>,
    value: &Document,
) -> Result<Vec<u8>, ParameterError> {
    let mut out = String::with_capacity(value.json_bytes());
    write(&mut out, service, service.shape(shape), format, value)?;
    Ok(out.into_bytes())
}

fn write(
    out: &mut String,
    service: &Service,
    shape: &Shape,
    format: Option<TimestampFormat>,
    value: &Document,
) -> Result<(), ParameterError> {
    match shape {
        Shape::Structure(structure) if structure.document => value.write_json(out),
        Shape::Structure(structure) => {
            let mut separator = '{';
            for (member, value) in members(structure, value)? {
                out.push(std::mem::replace(&mut separator, ','));
                Document::String(member.wire_name.clone()).write_json(out);
                out.push(':');
                let shape = service.shape(member.shape);
                write(out, service, shape, member.timestamp_format, value)
                    .map_err(|error| error.within(&member.key))?;
            }
            out.push_str(if separator == '{' { "{}" } else { "}" });
        }
        Shape::List(list) => {
            let item = service.shape(list.item);
            let mut separator = '[';
            for (index, value) in array(value)?.iter().enumerate() {
                out.push(std::mem::replace(&mut separator, ','));
                write_or_null(out, service, item, value).map_err(|error| error.within(index))?;
            }
            out.push_str(if separator == '[' { "[]" } else { "]" });
        }
        Shape::Map(map) => {
            let entry = service.shape(map.value);
            let mut separator = '{';
            for (key, value) in object(value)?.iter() {
                out.push(std::mem::replace(&mut separator, ','));
                Document::String(key.clone()).write_json(out);
                out.push(':');
                write_or_null(out, service, entry, value).map_err(|error| error.within(key))?;
            }
            out.push_str(if separator == '{' { "{}" } else { "}" });
        }
        scalar => write_scalar(out, scalar, format, value)?,
    }
    Ok(())
}

/// Lists and maps keep their `null`s, unlike structures.
fn write_or_null(out: &mut String, service: &Service, shape: &Shape, value: &Document) -> Result<(), ParameterError> {
    if value.is_null() {
        out.push_str("null");
        return Ok(());
    }
    write(out, service, shape, None, value)
}

fn write_scalar(
    out: &mut String,
    shape: &Shape,
    format: Option<TimestampFormat>,
    value: &Document,
) -> Result<(), ParameterError> {
    let scalar = match shape {
        Shape::Timestamp(of_shape) => {
            let format = format.or(*of_shape).unwrap_or(TimestampFormat::Unix);
            let text = timestamp::format(moment(value)?, format);
            if format == TimestampFormat::Unix {
                out.push_str(&text);
                return Ok(());
            }
            text.into()
        }
        Shape::Blob { .. } => base64(value).into(),
        Shape::Boolean => Document::Bool(boolean(value)?),
        Shape::Integer => Document::Number(integer(value)?),
        // `NaN` and `Infinity` are text in JSON.
        Shape::Float { .. } => number(value).map_or_else(|_| text(value).into_owned().into(), Document::Number),
        _ => match value {
            Document::String(_) => value.clone(),
            other => other.to_json().into(),
        },
    };
    scalar.write_json(out);
    Ok(())
}
