//! Runs Task states against AWS
