#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (host_targets::vhost_user_messages::TARGET.run)(data));
