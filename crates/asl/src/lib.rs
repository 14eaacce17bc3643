//! Compiles Amazon States Language (ASL) definitions into checked programs.

pub mod comparison;
mod compile;
pub mod diagnostic;
pub mod document;
pub mod error_name;
pub mod intrinsic;
pub mod path;
pub mod program;
pub mod resource;
pub mod scope;
pub mod template;
pub mod timestamp;

pub use compile::{Compilation, compile};
pub use document::Document;
