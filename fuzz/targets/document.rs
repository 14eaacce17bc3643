//! Fuzzes [`expressway_fuzz::document`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| expressway_fuzz::document(data));
