//! Tests of the whole: conformance, end to end, faults.
//!
//! The tests themselves are in `tests/`; here is what they share.

pub mod function;
pub mod server;
