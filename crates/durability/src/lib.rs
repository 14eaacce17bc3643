//! What outlives one execution.
