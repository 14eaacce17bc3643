//! Compiles Amazon States Language (ASL) definitions into checked programs.

mod compile;
pub mod diagnostic;
pub mod document;
pub mod error_name;
pub mod program;
pub mod resource;

pub use compile::{Compilation, compile};
pub use document::Document;
