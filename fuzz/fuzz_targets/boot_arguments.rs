#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (guest_targets::boot_arguments::TARGET.run)(data));
