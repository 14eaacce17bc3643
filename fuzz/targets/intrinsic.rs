//! Fuzzes [`expressway_fuzz::intrinsic`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| expressway_fuzz::intrinsic(data));
