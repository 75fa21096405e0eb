#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (guest_targets::stamp::TARGET.run)(data));
