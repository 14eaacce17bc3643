//! What a definition is compiled into.

use crate::document::Text;
use crate::resource::Resource;
use std::fmt;

/// A checked definition, ready to run.
#[derive(Debug)]
pub struct Program {
    requirements: Requirements,
}

/// What a program calls, so that only that is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The distinct resources of Task states, in the order of the definition, each with the first state that
    /// names it.
    pub resources: Vec<(Resource, Text)>,
    /// Whether a Task state runs under a role of its own (`Credentials`), and the first that does.
    pub credentials: Option<Text>,
}

impl Program {
    /// What this program calls.
    pub fn requirements(&self) -> &Requirements {
        &self.requirements
    }
}

/// The types of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the specification")]
pub enum StateType {
    Task,
    Wait,
    Pass,
    Succeed,
    Fail,
    Choice,
    Parallel,
    Map,
}

impl fmt::Display for StateType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?}")
    }
}
