#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (host_targets::result_files::TARGET.run)(data));
