//! Tests of the whole: conformance, end to end, faults
