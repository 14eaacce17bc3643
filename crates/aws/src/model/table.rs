//! Reads the compact tables; the generator's `write` module is the other half.
//!
//! A table is a list of strings, then numbers: variable-length integers of seven bits a byte, low bits first.
//! Strings are given by their place in the list. What may be absent has a bit in a word of flags before it, or
//! is given as its place plus one.

mod limits;
mod rules;
mod shapes;

use super::operation::{Authentication, ContextParameter, ContextValue, Operation};
use super::shape::ShapeId;
use super::{Limits, Protocol, Service, names};
use expressway_asl::Document;
use expressway_asl::document::Text;
use std::io::Read;

/// A table that does not have the form that this version reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// It ends within a value.
    #[error("the table ends too early")]
    Truncated,
    /// A number that stands for nothing, or text that is none.
    #[error("the table holds an unknown {0}")]
    Unknown(&'static str),
    /// The compressed form is broken.
    #[error("the table cannot be decompressed: {0}")]
    Compression(String),
}

/// The largest table, decompressed; EC2's has 0.4 MB.
const TABLE_BYTES_MAX: usize = 4 << 20;

/// Decompresses a table of this many bytes.
pub(super) fn decompress(compressed: &[u8], bytes: usize) -> Result<Vec<u8>, TableError> {
    let broken = |error: &dyn std::fmt::Display| TableError::Compression(error.to_string());
    let decoder = ruzstd::decoding::StreamingDecoder::new(compressed).map_err(|error| broken(&error))?;
    let mut table = Vec::with_capacity(bytes.min(TABLE_BYTES_MAX));
    let limit = TABLE_BYTES_MAX as u64;
    (decoder.take(limit).read_to_end(&mut table)).map_err(|error| broken(&error))?;
    if table.len() == bytes {
        Ok(table)
    } else {
        Err(TableError::Truncated)
    }
}

/// Reads the table of one service.
///
/// # Errors
/// The table was written in another form, or is damaged.
pub fn read_service(table: &[u8]) -> Result<Service, TableError> {
    let mut reader = Reader::new(table);
    reader.read_strings()?;
    let service = reader.service()?;
    reader.check_shape_ids(service.shapes.len())?;
    Ok(service)
}

/// Reads the limits of one service.
///
/// # Errors
/// The table was written in another form, or is damaged.
pub fn read_limits(table: &[u8]) -> Result<Limits, TableError> {
    let mut reader = Reader::new(table);
    reader.read_strings()?;
    reader.limits()
}

/// Reads the values of a table one after another.
pub(super) struct Reader<'t> {
    rest: &'t [u8],
    strings: Vec<Text>,
    /// The Step Functions form of each string, made when first asked for.
    keys: Vec<Option<Text>>,
    shape_id_max: u32,
}

impl<'t> Reader<'t> {
    pub(super) fn new(table: &'t [u8]) -> Reader<'t> {
        Reader {
            rest: table,
            strings: Vec::new(),
            keys: Vec::new(),
            shape_id_max: 0,
        }
    }

    pub(super) fn number(&mut self) -> Result<u32, TableError> {
        let mut number = 0u32;
        for shift in (0..32).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(TableError::Truncated)?;
            self.rest = rest;
            number |= u32::from(byte & 127) << shift;
            if *byte < 128 {
                return Ok(number);
            }
        }
        Err(TableError::Unknown("number"))
    }

    /// How many values follow; each takes a byte at least, so a damaged table cannot ask for much memory.
    pub(super) fn length(&mut self) -> Result<usize, TableError> {
        let length = self.number()? as usize;
        if length > self.rest.len() {
            return Err(TableError::Truncated);
        }
        Ok(length)
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<&'t [u8], TableError> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(TableError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A string that is written out, not given by its place.
    pub(super) fn str(&mut self) -> Result<&'t str, TableError> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| TableError::Unknown("text"))
    }

    fn read_strings(&mut self) -> Result<(), TableError> {
        let count = self.length()?;
        self.strings.reserve(count);
        for _ in 0..count {
            let text = self.str()?;
            self.strings.push(text.into());
        }
        self.keys = vec![None; count];
        Ok(())
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, TableError>) -> Result<Vec<T>, TableError> {
        let count = self.length()?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    fn text_at(&self, at: usize) -> Result<Text, TableError> {
        self.strings.get(at).cloned().ok_or(TableError::Unknown("string"))
    }

    fn text(&mut self) -> Result<Text, TableError> {
        let at = self.number()? as usize;
        self.text_at(at)
    }

    fn text_if(&mut self, present: bool) -> Result<Option<Text>, TableError> {
        present.then(|| self.text()).transpose()
    }

    /// A member's name and its key in Step Functions; the two share their text when they are equal.
    fn name_and_key(&mut self) -> Result<(Text, Text), TableError> {
        let at = self.number()? as usize;
        let name = self.text_at(at)?;
        let known = self.keys.get_mut(at).ok_or(TableError::Unknown("string"))?;
        let key = known.get_or_insert_with(|| {
            let key = names::key(&name);
            if *key == *name { name.clone() } else { key.into() }
        });
        let key = key.clone();
        Ok((name, key))
    }

    fn optional_number(&mut self) -> Result<Option<u32>, TableError> {
        Ok(self.number()?.checked_sub(1))
    }

    fn shape_id(&mut self) -> Result<ShapeId, TableError> {
        let index = self.number()?;
        self.shape_id_max = self.shape_id_max.max(index);
        Ok(ShapeId::new(index))
    }

    fn optional_shape_id(&mut self) -> Result<Option<ShapeId>, TableError> {
        let index = self.optional_number()?;
        self.shape_id_max = self.shape_id_max.max(index.unwrap_or(0));
        Ok(index.map(ShapeId::new))
    }

    fn check_shape_ids(&self, shapes: usize) -> Result<(), TableError> {
        // A service without shapes has no ids, and then the largest is 0.
        let known = self.shape_id_max == 0 || (self.shape_id_max as usize) < shapes;
        if known {
            Ok(())
        } else {
            Err(TableError::Unknown("shape"))
        }
    }

    fn service(&mut self) -> Result<Service, TableError> {
        Ok(Service {
            name: self.text()?,
            service_id: self.text()?,
            api_version: self.text()?,
            endpoint_prefix: self.text()?,
            signing_name: self.text()?,
            target_prefix: self.text()?,
            json_version: self.text()?,
            protocol: self.protocol()?,
            query_compatible: self.number()? != 0,
            unsigned: self.number()? != 0,
            operations: self.list(Self::operation)?,
            shapes: self.list(Self::shape)?,
            endpoint_rules: self.rule_set()?,
        })
    }

    fn protocol(&mut self) -> Result<Protocol, TableError> {
        Ok(match self.number()? {
            0 => Protocol::Json,
            1 => Protocol::RestJson,
            2 => Protocol::RestXml,
            3 => Protocol::Query,
            4 => Protocol::Ec2,
            5 => Protocol::Cbor,
            _ => return Err(TableError::Unknown("protocol")),
        })
    }

    fn operation(&mut self) -> Result<Operation, TableError> {
        let flags = self.number()?;
        Ok(Operation {
            name: self.text()?,
            method: self.text()?,
            uri: self.text()?,
            input: self.optional_shape_id()?,
            output: self.optional_shape_id()?,
            errors: self.list(Self::shape_id)?,
            authentication: match flags & 3 {
                0 => Authentication::Signed,
                1 => Authentication::SignedWithoutBody,
                2 => Authentication::Anonymous,
                _ => return Err(TableError::Unknown("authentication")),
            },
            checksum_required: flags & 4 != 0,
            checksum_algorithm_member: self.text_if(flags & 8 != 0)?,
            host_prefix: self.text_if(flags & 16 != 0)?,
            input_element: self.text_if(flags & 32 != 0)?,
            input_namespace: self.text_if(flags & 64 != 0)?,
            result_wrapper: self.text_if(flags & 128 != 0)?,
            context_parameters: self.list(Self::context_parameter)?,
        })
    }

    fn context_parameter(&mut self) -> Result<ContextParameter, TableError> {
        Ok(ContextParameter {
            name: self.text()?,
            value: match self.number()? {
                0 => ContextValue::Static(Document::Bool(false)),
                1 => ContextValue::Static(Document::Bool(true)),
                2 => ContextValue::Static(Document::String(self.text()?)),
                3 => ContextValue::Path(self.text()?),
                _ => return Err(TableError::Unknown("context parameter")),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_seven_bits_a_byte() {
        for (bytes, number) in [
            (&[5u8][..], Ok(5)),
            (&[0x80, 1], Ok(128)),
            (&[0xff, 0xff, 0xff, 0xff, 15], Ok(u32::MAX)),
            (&[0x80], Err(TableError::Truncated)),
            (&[0xff; 6], Err(TableError::Unknown("number"))),
        ] {
            assert_eq!(Reader::new(bytes).number(), number, "{bytes:?}");
        }
    }

    #[test]
    fn a_damaged_table_is_an_error() {
        assert_eq!(read_service(&[]), Err(TableError::Truncated));
        assert_eq!(read_service(&[200, 1]), Err(TableError::Truncated));
        assert!(matches!(decompress(b"nonsense", 8), Err(TableError::Compression(_))));
    }
}
