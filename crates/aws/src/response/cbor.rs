//! CBOR bodies.

use super::value::{bytes, moment};
use super::{DEPTH_MAX, MalformedAnswer};
use crate::model::{Service, Shape, ShapeId};
use expressway_asl::Document;
use expressway_asl::document::{Number, Object};

pub(super) fn body(service: &Service, output: ShapeId, body: &[u8]) -> Result<Document, MalformedAnswer> {
    if body.is_empty() {
        return Ok(Document::Null);
    }
    let mut reader = Reader { rest: body };
    reader.value(Some((service, output)), 0)
}

/// A body of unknown shape, such as an error's.
pub(super) fn untyped(body: &[u8]) -> Option<Document> {
    Reader { rest: body }.value(None, 0).ok()
}

/// A break ends items of unknown length.
const BREAK: u8 = 0xff;
const UNKNOWN_LENGTH: u8 = 31;

struct Reader<'b> {
    rest: &'b [u8],
}

/// The shape of a value, if it is known.
type Typed<'s> = Option<(&'s Service, ShapeId)>;

impl<'b> Reader<'b> {
    fn byte(&mut self) -> Result<u8, MalformedAnswer> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], MalformedAnswer> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn take(&mut self, length: u64) -> Result<&'b [u8], MalformedAnswer> {
        let length = usize::try_from(length).map_err(|_| truncated())?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self, additional: u8) -> Result<u64, MalformedAnswer> {
        Ok(match additional {
            0..24 => additional.into(),
            24 => self.byte()?.into(),
            25 => u16::from_be_bytes(self.array()?).into(),
            26 => u32::from_be_bytes(self.array()?).into(),
            27 => u64::from_be_bytes(self.array()?),
            _ => return Err(MalformedAnswer::new("a CBOR item of unknown form")),
        })
    }

    /// Calls `read` for each item, however the end is marked.
    fn each(
        &mut self,
        additional: u8,
        mut read: impl FnMut(&mut Self) -> Result<(), MalformedAnswer>,
    ) -> Result<(), MalformedAnswer> {
        if additional != UNKNOWN_LENGTH {
            let count = self.number(additional)?;
            return (0..count).try_for_each(|_| read(self));
        }
        while self.rest.first() != Some(&BREAK) {
            read(self)?;
        }
        self.byte().map(drop)
    }

    fn chunks(&mut self, additional: u8) -> Result<Vec<u8>, MalformedAnswer> {
        if additional != UNKNOWN_LENGTH {
            let length = self.number(additional)?;
            return self.take(length).map(<[u8]>::to_vec);
        }
        let mut whole = Vec::new();
        self.each(additional, |reader| {
            let head = reader.byte()?;
            let length = reader.number(head & 31)?;
            whole.extend(reader.take(length)?);
            Ok(())
        })?;
        Ok(whole)
    }

    fn text(&mut self, additional: u8) -> Result<String, MalformedAnswer> {
        String::from_utf8(self.chunks(additional)?).map_err(MalformedAnswer::new)
    }

    fn key(&mut self) -> Result<String, MalformedAnswer> {
        let head = self.byte()?;
        if head >> 5 != 3 {
            return Err(MalformedAnswer::new("a CBOR key that is no text"));
        }
        self.text(head & 31)
    }

    fn value(&mut self, typed: Typed<'_>, depth: u32) -> Result<Document, MalformedAnswer> {
        if depth > DEPTH_MAX {
            return Err(MalformedAnswer::too_deep());
        }
        let head = self.byte()?;
        let (kind, additional) = (head >> 5, head & 31);
        let value = match kind {
            0 => integer(i128::from(self.number(additional)?)),
            1 => integer(-1 - i128::from(self.number(additional)?)),
            2 => bytes(self.chunks(additional)?),
            3 => self.text(additional)?.into(),
            4 => self.items(additional, typed, depth)?,
            5 => self.entries(additional, typed, depth)?,
            // A tag; the shape already says that a number is a moment.
            6 => {
                self.number(additional)?;
                return self.value(typed, depth + 1);
            }
            _ => self.simple(additional)?,
        };
        let is_moment = typed.is_some_and(|(service, id)| matches!(service.shape(id), Shape::Timestamp(_)));
        Ok(if is_moment { moment(&value) } else { value })
    }

    fn items(&mut self, additional: u8, typed: Typed<'_>, depth: u32) -> Result<Document, MalformedAnswer> {
        let item = typed.and_then(|(service, id)| match service.shape(id) {
            Shape::List(list) => Some((service, list.item)),
            _ => None,
        });
        let mut items = Vec::new();
        self.each(additional, |reader| {
            items.push(reader.value(item, depth + 1)?);
            Ok(())
        })?;
        Ok(items.into())
    }

    fn entries(&mut self, additional: u8, typed: Typed<'_>, depth: u32) -> Result<Document, MalformedAnswer> {
        let shape = typed.map(|(service, id)| (service, service.shape(id)));
        let mut result = Object::new();
        self.each(additional, |reader| {
            let key = reader.key()?;
            match shape {
                Some((service, Shape::Structure(structure))) if !structure.document => {
                    let member = structure.members.iter().find(|member| *member.wire_name == *key);
                    let typed = member.map(|member| (service, member.shape));
                    let value = reader.value(typed, depth + 1)?;
                    if let Some(member) = member.filter(|_| !value.is_null()) {
                        result.insert(member.key.clone(), value);
                    }
                }
                Some((service, Shape::Map(map))) => {
                    let value = reader.value(Some((service, map.value)), depth + 1)?;
                    if !value.is_null() {
                        result.insert(key, value);
                    }
                }
                _ => result.insert(key, reader.value(None, depth + 1)?),
            }
            Ok(())
        })?;
        Ok(result.into())
    }

    fn simple(&mut self, additional: u8) -> Result<Document, MalformedAnswer> {
        Ok(match additional {
            20 => Document::Bool(false),
            21 => Document::Bool(true),
            22 | 23 => Document::Null,
            25 => float(half(u16::from_be_bytes(self.array()?))),
            26 => float(f32::from_be_bytes(self.array()?).into()),
            27 => float(f64::from_be_bytes(self.array()?)),
            _ => return Err(MalformedAnswer::new("a CBOR value of unknown form")),
        })
    }
}

fn truncated() -> MalformedAnswer {
    MalformedAnswer::new("the CBOR ends too early")
}

fn integer(value: i128) -> Document {
    match i64::try_from(value) {
        Ok(value) => value.into(),
        // JSON text keeps every digit.
        Err(_) => Document::parse(&value.to_string()).unwrap_or_default(),
    }
}

/// Numbers that JSON does not have are text, as in AWS's JSON.
fn float(value: f64) -> Document {
    match Number::from_f64(value) {
        Some(number) => number.into(),
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

/// A floating-point number of 16 bits.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 1023) / 1024.0;
    sign * match (bits >> 10) & 31 {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(i32::from(exponent) - 15),
    }
}
