//! Compiles Amazon States Language (ASL) definitions into checked programs.

pub mod comparison;
mod compile;
mod definition;
pub mod diagnostic;
pub mod document;
pub mod error_name;
pub mod path;
pub mod program;
pub mod resource;
pub mod scope;
pub mod template;
pub mod timestamp;

pub use compile::{Compilation, DEFINITION_BYTES_MAX, compile};
pub use document::Document;
