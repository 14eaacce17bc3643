//! Fuzzes [`expressway_fuzz::jsonata`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| expressway_fuzz::jsonata(data));
