//! provisional
#![no_std]
#![no_main]
use kernel_app::boot::entry_tsc;

#[unsafe(no_mangle)]
extern "C" fn main(_argc: i32, _argv: *const *const u8, _env: *const *const u8) {
    log::set_max_level(log::LevelFilter::Info);
    log::info!(
        "hello {} {} MHz",
        entry_tsc(),
        hermit::syscalls::sys_get_processor_frequency()
    );
}
