//! Shapes.

use super::{Reader, TableError};
use crate::model::{Exception, List, Location, Map, Member, Shape, Structure, TimestampFormat, XmlNamespace};

impl Reader<'_> {
    pub(super) fn shape(&mut self) -> Result<Shape, TableError> {
        let word = self.number()?;
        let (kind, flags) = (word & 15, word >> 4);
        Ok(match kind {
            0 => Shape::Structure(self.structure(flags)?),
            1 => Shape::List(List {
                item: self.shape_id()?,
                item_name: self.text_if(flags & 1 != 0)?,
                flattened: flags & 2 != 0,
            }),
            2 => Shape::Map(Map {
                key: self.shape_id()?,
                value: self.shape_id()?,
                key_name: self.text_if(flags & 1 != 0)?,
                value_name: self.text_if(flags & 2 != 0)?,
                flattened: flags & 4 != 0,
            }),
            3 => Shape::String,
            4 => Shape::Blob { streaming: flags != 0 },
            5 => Shape::Boolean,
            6 => Shape::Integer,
            7 => Shape::Float { single: flags != 0 },
            8 => Shape::Timestamp(timestamp_format(flags)?),
            _ => return Err(TableError::Unknown("shape")),
        })
    }

    fn structure(&mut self, flags: u32) -> Result<Structure, TableError> {
        Ok(Structure {
            document: flags & 1 != 0,
            event_stream: flags & 2 != 0,
            union: flags & 4 != 0,
            payload: if flags & 8 != 0 {
                Some(self.number()? as usize)
            } else {
                None
            },
            exception: if flags & 16 != 0 {
                let name = self.text()?;
                let code = self.text_if(flags & 32 != 0)?;
                Some(Exception { name, code })
            } else {
                None
            },
            xml_namespace: self.xml_namespace_if(flags & 64 != 0)?,
            members: self.list(Self::member)?,
        })
    }

    fn xml_namespace_if(&mut self, present: bool) -> Result<Option<XmlNamespace>, TableError> {
        if !present {
            return Ok(None);
        }
        let uri = self.text()?;
        let prefix = self.text()?;
        Ok(Some(XmlNamespace { uri, prefix }))
    }

    fn member(&mut self) -> Result<Member, TableError> {
        let flags = self.number()?;
        let (name, key) = self.name_and_key()?;
        let shape = self.shape_id()?;
        Ok(Member {
            wire_name: self.text_if(flags & 16 != 0)?.unwrap_or_else(|| name.clone()),
            name,
            key,
            shape,
            location: match flags & 7 {
                0 => Location::Body,
                1 => Location::Header,
                2 => Location::Headers,
                3 => Location::Path,
                4 => Location::Query,
                5 => Location::Status,
                _ => return Err(TableError::Unknown("location")),
            },
            required: flags & 8 != 0,
            flattened: flags & 32 != 0,
            idempotency_token: flags & 64 != 0,
            timestamp_format: timestamp_format((flags >> 7) & 3)?,
            streaming: flags & 512 != 0,
            xml_attribute: flags & 1024 != 0,
            json_value: flags & 2048 != 0,
            query_name: self.text_if(flags & 4096 != 0)?,
            xml_namespace: self.xml_namespace_if(flags & 8192 != 0)?,
            context_parameter: self.text_if(flags & 16384 != 0)?,
        })
    }
}

fn timestamp_format(number: u32) -> Result<Option<TimestampFormat>, TableError> {
    Ok(match number {
        0 => None,
        1 => Some(TimestampFormat::Iso8601),
        2 => Some(TimestampFormat::Unix),
        3 => Some(TimestampFormat::Rfc822),
        _ => return Err(TableError::Unknown("timestamp format")),
    })
}
