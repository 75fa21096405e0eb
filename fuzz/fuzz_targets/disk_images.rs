#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (host_targets::disk_images::TARGET.run)(data));
