//! What evaluations cost, in bytes.
//!
//! Expressions report their work to [`Resolver::work`](crate::resolve::Resolver::work), so that an execution can share
//! its thread fairly and keep its deadline whatever its states do. One byte stands for a byte that was read or made:
//! about a nanosecond when JSON is parsed or text is hashed.

use crate::document::{Document, Number};

/// The cost of one member of an object, or one item of an array, that is shared with another container or visited.
pub const MEMBER: usize = 32;

/// The cost of an evaluation whose duration does not follow from the size of its values. It is large enough that
/// other executions get their turn after each of them.
pub const UNBOUNDED: usize = 1 << 20;

/// The cost of sharing the parts of a value with a new container, or of looking at each of them.
pub fn surface(document: &Document) -> usize {
    match document {
        Document::String(text) => text.len(),
        Document::Array(items) => items.len().saturating_mul(MEMBER),
        Document::Object(members) => members.len().saturating_mul(MEMBER),
        _ => 0,
    }
}

/// The cost of reading or writing all of a value, including the values that its references stand for.
pub fn whole(document: &Document) -> usize {
    match document {
        Document::String(text) | Document::Number(Number::Exact(text)) => text.len(),
        // Short items such as numbers take more time than their text says.
        Document::Array(items) => document.total_bytes().max(items.len().saturating_mul(MEMBER)),
        Document::Object(_) | Document::Reference(_) => document.total_bytes(),
        Document::Null | Document::Bool(_) | Document::Number(_) => 0,
    }
}
