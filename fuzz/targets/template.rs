//! Fuzzes [`expressway_fuzz::template`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| expressway_fuzz::template(data));
