//! Fuzzes [`expressway_fuzz::definition`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| expressway_fuzz::definition(data));
