//! One entry of the journal, and its item in the table.

use crate::table::{Item, milliseconds, n, s, text, time};
use expressway_asl::Document;
use expressway_asl::document::{self, Text};
use expressway_asl::error_name::ErrorName;
use expressway_engine::StateError;
use std::time::{Duration, SystemTime};

/// The longest cause that is kept, in bytes: an item holds 400 KB.
const CAUSE_BYTES_MAX: usize = 262_144;

/// The start of a text that an item has room for.
pub(crate) fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(CAUSE_BYTES_MAX));
    text
}

/// The answer of an attempt of a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    state: Option<String>,
    ended: SystemTime,
    result: Result<Document, StateError>,
}

impl Entry {
    /// `state` is for whoever reads the table. A cause that is too long for an item is cut.
    pub(crate) fn new(state: Option<&str>, ended: SystemTime, mut result: Result<Document, StateError>) -> Entry {
        if let Err(StateError { cause: Some(cause), .. }) = &mut result
            && cause.len() > CAUSE_BYTES_MAX
        {
            *cause = cut(cause.to_string()).into();
        }
        Entry {
            state: state.map(str::to_owned),
            // As the table has it: runs that read the entry must see the same.
            ended: SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds(ended)),
            result,
        }
    }

    pub(crate) fn result(&self) -> &Result<Document, StateError> {
        &self.result
    }

    /// About how many bytes its answer has.
    pub(crate) fn bytes(&self) -> usize {
        match &self.result {
            Ok(result) => result.json_bytes(),
            Err(error) => error.cause.as_ref().map_or(0, |cause| cause.len()),
        }
    }

    pub(crate) fn ended(&self) -> SystemTime {
        self.ended
    }

    /// Its own attributes.
    pub(crate) fn item(&self) -> Item {
        let mut item = Item::from([("ended".to_owned(), n(milliseconds(self.ended)))]);
        let mut insert = |attribute: &str, value: Option<String>| {
            if let Some(value) = value {
                item.insert(attribute.to_owned(), s(value));
            }
        };
        insert("state", self.state.clone());
        match &self.result {
            Ok(result) => insert("result", Some(document::encode(result))),
            Err(error) => {
                insert(
                    "error",
                    Some(error.name.as_ref().map_or("", ErrorName::as_str).to_owned()),
                );
                insert("cause", error.cause.as_ref().map(|cause| cause.to_string()));
            }
        }
        item
    }

    /// Reads an item.
    pub(crate) fn read(item: &Item) -> Option<Entry> {
        let result = match (text(item, "result"), text(item, "error")) {
            (Some(result), _) => Ok(document::decode(result).ok()?),
            (None, Some(error)) => Err(StateError {
                name: Some(error).filter(|name| !name.is_empty()).map(ErrorName::from),
                cause: text(item, "cause").map(Text::from),
            }),
            (None, None) => return None,
        };
        Some(Entry {
            state: text(item, "state").map(str::to_owned),
            ended: time(item, "ended")?,
            result,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let ended = SystemTime::UNIX_EPOCH + Duration::from_millis(1_750_000_000_123);
        let error = |name: Option<&str>, cause: Option<&str>| {
            Err(StateError {
                name: name.map(ErrorName::from),
                cause: cause.map(Text::from),
            })
        };
        for result in [
            Ok(Document::parse(r#"{"b":[1.0,1e400,"é"],"a":null}"#).unwrap()),
            Ok(Document::Null),
            error(Some("States.Timeout"), None),
            error(Some("Own"), Some("{}")),
            error(None, None),
        ] {
            let entry = Entry::new(Some("S"), ended + Duration::from_nanos(17), result);
            assert_eq!(Entry::read(&entry.item()), Some(entry));
        }
    }
}
