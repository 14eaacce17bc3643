//! Compiles Amazon States Language (ASL) definitions into checked programs.

pub mod document;

pub use document::Document;
