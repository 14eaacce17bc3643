//! The Lambda function: events in, executions, responses out.
//!
//! [`startup::start`] turns the environment into a [`Handler`] once; [`Handler::handle`] is given one event
//! after the other. It tells the event's source apart by its shape, runs the executions that the event asks
//! for, and answers as the source expects. It knows nothing of the language; the engine does. It knows
//! nothing of Lambda's runtime either, so that a developer's machine can run the very same; `main.rs` does.

pub mod config;
mod definition_fingerprint;
mod delivery;
mod event_expression;
mod event_source;
mod guard;
mod handler;
mod identity;
mod notice;
mod payloads;
pub mod startup;
pub mod telemetry;
#[cfg(test)]
mod testing;

pub use config::Configuration;
pub use event_expression::EventExpression;
pub use event_source::{Backoff, Queues};
pub use guard::Guard;
pub use handler::{Handler, InvocationContext, InvocationError, Observer};
pub use notice::{Notice, RefusedDelivery, Severity};
