//! Tests of the whole: conformance, end to end, crashes, races, faults, costs.
//!
//! The tests themselves are in `tests/`; here is what they share.

pub mod authority;
pub mod dynamodb;
pub mod execution;
pub mod function;
pub mod place;
pub mod proxy;
pub mod server;
