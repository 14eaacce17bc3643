//! Fuzzes [`expressway_fuzz::path`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| expressway_fuzz::path(data));
