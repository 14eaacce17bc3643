//! What can go wrong while an execution runs: errors of the language, and faults that it can not see.

use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_asl::error_name::ErrorName;

/// An error of the language: all that Retry and Catch see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError {
    /// The error's name; a Fail state may give none.
    pub name: Option<ErrorName>,
    /// What happened, as text, even when it holds JSON.
    pub cause: Option<Text>,
}

impl StateError {
    /// An error with a name and a cause.
    pub fn new(name: impl Into<ErrorName>, cause: impl Into<Text>) -> StateError {
        StateError {
            name: Some(name.into()),
            cause: Some(cause.into()),
        }
    }

    /// The error output that a catcher hands on: `{"Error": ..., "Cause": ...}`, without what is not known.
    pub fn to_document(&self) -> Document {
        let mut output = Object::new();
        if let Some(name) = &self.name {
            output.insert("Error", name.as_str().into());
        }
        if let Some(cause) = &self.cause {
            output.insert("Cause", Document::String(Text::clone(cause)));
        }
        output.into()
    }
}

/// What no definition can catch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The execution can not end in the time it has.
    #[error("the execution reached its time limit")]
    Deadline,
    /// A store that the execution is kept in does not answer as it should: the execution can not go on safely.
    #[error("{0}")]
    Store(Text),
    /// A stored value is gone, or is not what was stored, and no later attempt will find it.
    #[error("{error}: {cause}")]
    Payload {
        /// The name of the error for the source of the delivery.
        error: &'static str,
        /// Which value, what is wrong with it, and what to check.
        cause: Text,
    },
    /// Our own mistake, never the definition's.
    #[error("internal error: {0}")]
    Bug(Text),
}
