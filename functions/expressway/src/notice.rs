//! What the operator of the function should know and no answer tells.

use expressway_asl::Document;
use expressway_asl::document::Object;
use std::fmt;

/// How urgent a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It passes by itself.
    Warning,
    /// An operator has to act, or something is lost.
    Error,
}

impl Severity {
    /// The level in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "WARN",
            Severity::Error => "ERROR",
        }
    }
}

/// Something that the operator of the function should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How urgent it is.
    pub severity: Severity,
    /// What happened.
    pub message: String,
    /// The delivery that it is about, which was refused or goes back to its source.
    pub delivery: Option<RefusedDelivery>,
}

/// A delivery that was refused or goes back to its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedDelivery {
    /// The name of the error.
    pub reason: String,
    /// The kind of the source.
    pub source: &'static str,
    /// What AWS calls the event: the id of a message, an event or a record.
    pub source_id: Option<String>,
    /// The execution, if there is one.
    pub execution_arn: Option<String>,
    /// Lambda's id of the invocation.
    pub request_id: String,
}

impl Notice {
    /// The line of the log.
    pub fn to_document(&self) -> Document {
        let mut line = Object::new();
        line.insert("level", self.severity.as_str().into());
        line.insert("message", self.message.as_str().into());
        if let Some(delivery) = &self.delivery {
            let members = [
                ("reason", Some(delivery.reason.as_str())),
                ("source", Some(delivery.source)),
                ("sourceId", delivery.source_id.as_deref()),
                ("executionArn", delivery.execution_arn.as_deref()),
                ("requestId", Some(delivery.request_id.as_str())),
            ];
            for (key, value) in members {
                if let Some(value) = value {
                    line.insert(key, value.into());
                }
            }
        }
        line.into()
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        let Some(delivery) = &self.delivery else {
            return Ok(());
        };
        write!(formatter, " ({}, {}", delivery.reason, delivery.source)?;
        if let Some(id) = &delivery.source_id {
            write!(formatter, " {id}")?;
        }
        if let Some(arn) = &delivery.execution_arn {
            write!(formatter, ", {arn}")?;
        }
        formatter.write_str(")")
    }
}
