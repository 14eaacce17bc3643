//! CBOR bodies.

use super::value::{array, boolean, integer, invalid, moment, number, object, text};
use super::{ParameterError, Request, members};
use crate::model::{Operation, Service, Shape};
use expressway_asl::Document;

const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const NULL: u8 = 0xf6;
const EPOCH_SECONDS: u8 = 0xc1;

pub(super) fn request(
    service: &Service,
    operation: &Operation,
    parameters: &Document,
    request: &mut Request,
) -> Result<(), ParameterError> {
    request.path = format!("/service/{}/operation/{}", service.target_prefix, operation.name);
    request.set_header("smithy-protocol", "rpc-v2-cbor");
    request.set_header("Accept", "application/cbor");
    if service.query_compatible {
        request.set_header("x-amzn-query-mode", "true");
    }
    if let Some(input) = operation.input {
        request.set_header("Content-Type", "application/cbor");
        write(&mut request.body, service, service.shape(input), parameters)?;
    }
    Ok(())
}

fn write(out: &mut Vec<u8>, service: &Service, shape: &Shape, value: &Document) -> Result<(), ParameterError> {
    if value.is_null() {
        out.push(NULL);
        return Ok(());
    }
    match shape {
        Shape::Structure(structure) => {
            let members = members(structure, value)?;
            head(out, MAP, members.len() as u64);
            for (member, value) in members {
                write_text(out, &member.wire_name);
                write(out, service, service.shape(member.shape), value).map_err(|error| error.within(&member.key))?;
            }
        }
        Shape::List(list) => {
            let items = array(value)?;
            head(out, ARRAY, items.len() as u64);
            for (index, item) in items.iter().enumerate() {
                write(out, service, service.shape(list.item), item).map_err(|error| error.within(index))?;
            }
        }
        Shape::Map(map) => {
            let entries = object(value)?;
            head(out, MAP, entries.len() as u64);
            for (key, value) in entries.iter() {
                write_text(out, key);
                write(out, service, service.shape(map.value), value).map_err(|error| error.within(key))?;
            }
        }
        Shape::String => write_text(out, &text(value)),
        Shape::Blob { .. } => {
            let text = text(value);
            head(out, BYTES, text.len() as u64);
            out.extend(text.as_bytes());
        }
        Shape::Boolean => out.push(if boolean(value)? { 0xf5 } else { 0xf4 }),
        Shape::Integer => {
            let whole = integer(value)?.as_i64().ok_or_else(|| invalid("an integer", value))?;
            match u64::try_from(whole) {
                Ok(whole) => head(out, 0, whole),
                Err(_) => head(out, 1, (-1 - whole) as u64),
            }
        }
        Shape::Float { single } => write_float(out, *single, float(value)?),
        Shape::Timestamp(_) => {
            out.push(EPOCH_SECONDS);
            write_float(out, false, moment(value)?.as_secs_f64());
        }
    }
    Ok(())
}

/// The head of an item: its kind, and a number in as few bytes as it takes.
fn head(out: &mut Vec<u8>, kind: u8, number: u64) {
    let kind = kind << 5;
    match number {
        0..24 => out.push(kind | number as u8),
        24..0x100 => out.extend([kind | 24, number as u8]),
        0x100..0x1_0000 => {
            out.push(kind | 25);
            out.extend((number as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(kind | 26);
            out.extend((number as u32).to_be_bytes());
        }
        _ => {
            out.push(kind | 27);
            out.extend(number.to_be_bytes());
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    head(out, TEXT, text.len() as u64);
    out.extend(text.as_bytes());
}

fn write_float(out: &mut Vec<u8>, single: bool, value: f64) {
    if single {
        out.push(0xfa);
        out.extend((value as f32).to_be_bytes());
    } else {
        out.push(0xfb);
        out.extend(value.to_be_bytes());
    }
}

fn float(value: &Document) -> Result<f64, ParameterError> {
    match value.as_str() {
        Some("NaN") => Ok(f64::NAN),
        Some("Infinity") => Ok(f64::INFINITY),
        Some("-Infinity") => Ok(f64::NEG_INFINITY),
        _ => Ok(number(value)?.as_f64()),
    }
}
