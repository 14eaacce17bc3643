//! Runs compiled Amazon States Language programs
