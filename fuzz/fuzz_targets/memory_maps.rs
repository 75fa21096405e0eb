#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (guest_targets::memory_maps::TARGET.run)(data));
