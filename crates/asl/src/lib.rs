//! Compiles Amazon States Language (ASL) definitions into checked programs.
//!
//! [`compile`] takes the text of a definition and gives a [`program::Program`], in which states are
//! indices and every path, template and ARN is parsed, or [`diagnostic::Diagnostics`]: all that is wrong
//! with it, at once; [`check`] also warns about what runs, but not well. Data is a [`Document`], which costs next to nothing to share and to take apart.
//!
//! This crate is pure: no async, no clock, no AWS, no environment.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! let definition = r#"{"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "End": true}}}"#;
//! let compilation = expressway_asl::compile(definition, &BTreeMap::new())?;
//! assert_eq!(&*compilation.program.machine.states().next().unwrap().name, "Hello");
//! # Ok::<(), expressway_asl::diagnostic::Diagnostics>(())
//! ```

pub mod call;
pub mod comparison;
mod compile;
pub mod definition;
pub mod diagnostic;
pub mod document;
pub mod error_name;
pub mod intrinsic;
pub mod jsonata;
mod lint;
pub mod memory;
pub mod path;
pub mod program;
pub mod query;
pub mod resolve;
pub mod resource;
pub mod scope;
pub mod template;
pub mod timestamp;
pub mod work;

pub use compile::{Compilation, DEFINITION_BYTES_MAX, Inspected, Inspection, compile, inspect};
pub use definition::parse_data;
pub use document::Document;
pub use lint::check;
