//! The little of Hermit that the service uses: arguments, console, exit, sleep, clock rate.
//!
//! Unsafe here: the C interface of the kernel's entry and of its `sys_write`.

use core::ffi::{CStr, c_char};
use core::fmt;

use hermit::syscalls;

/// Hermit's standard output, the serial port.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const STDOUT: i32 = 1;
        // SAFETY: pointer and length are of one valid string.
        let written = unsafe { syscalls::sys_write(STDOUT, text.as_ptr(), text.len()) };
        if written < 0 { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The boot arguments that Hermit passes on: all but the first, which is the program's name.
///
/// # Safety
///
/// `argv` holds `argc` pointers to NUL-terminated strings that live for ever.
pub unsafe fn arguments(argc: i32, argv: *const *const u8) -> impl Iterator<Item = &'static str> {
    (1..usize::try_from(argc).unwrap_or(0)).map(move |i| {
        // SAFETY: the caller's contract.
        let argument = unsafe { CStr::from_ptr((*argv.add(i)).cast::<c_char>()) };
        // The command line was checked to be UTF-8 before the kernel split it into words.
        argument.to_str().unwrap_or("(not UTF-8)")
    })
}

/// Ends the machine as failed.
pub fn exit_failed() -> ! {
    syscalls::sys_exit(1)
}

/// Lets the processor sleep for about `duration_us` microseconds.
pub fn sleep_us(duration_us: u64) {
    syscalls::sys_usleep(duration_us);
}

/// How fast the time stamp counter runs, in MHz: Hermit's measurement, or its argument `-freq`.
pub fn tsc_mhz() -> u16 {
    syscalls::sys_get_processor_frequency()
}
