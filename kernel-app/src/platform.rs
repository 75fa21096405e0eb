//! The little of Hermit that both images use: arguments, console, exit, sleep, clock.
//!
//! Unsafe here: the C interface of the kernel's entry and of its `sys_write`.

use core::ffi::{CStr, c_char};
use core::fmt::{self, Write as _};

use hermit::syscalls;
use kernel_app::arch::frequency::{Frequency, Source};
use kernel_app::arch::{entry_tsc, tsc_frequency};
use kernel_app::clock::{Scale, TscClock};
use wire::ready::FATAL_PREFIX;

/// Hermit's standard output, the serial port.
struct Console;

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
pub unsafe fn arguments(
    argc: i32,
    argv: *const *const u8,
) -> impl Iterator<Item = &'static str> + Clone {
    (1..usize::try_from(argc).unwrap_or(0)).map(move |i| {
        // SAFETY: the caller's contract.
        let argument = unsafe { CStr::from_ptr((*argv.add(i)).cast::<c_char>()) };
        // The command line was checked to be UTF-8 before the kernel split it into words.
        argument.to_str().unwrap_or("(not UTF-8)")
    })
}

/// The environment variables that Hermit passes on, as `NAME=VALUE`.
///
/// # Safety
///
/// `env` is null, or points to pointers to NUL-terminated strings that live for ever, the last of them
/// null.
#[cfg(feature = "sockets")]
pub unsafe fn environment(env: *const *const u8) -> impl Iterator<Item = &'static str> + Clone {
    let variable = move |i| {
        // SAFETY: the caller's contract; `i` goes no further than the null.
        let variable = unsafe { (!env.is_null()).then(|| *env.add(i)) };
        variable.filter(|variable| !variable.is_null())
    };
    (0..).map_while(variable).map(|variable| {
        // SAFETY: the caller's contract.
        let variable = unsafe { CStr::from_ptr(variable.cast::<c_char>()) };
        variable.to_str().unwrap_or_default()
    })
}

/// Tells boots apart: the boot's moment, its bits mixed (the finaliser of MurmurHash3).
pub fn boot_id() -> u32 {
    let mut bits = TscClock::ticks();
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (bits >> 32) as u32
}

/// Prints a line on the console.
pub fn say(line: impl fmt::Display) {
    // With a console that can't be written to there is nobody to tell.
    let _ = writeln!(Console, "{line}");
}

/// Says why there is no serving, and ends the machine as failed.
#[cold]
pub fn fail(reason: impl fmt::Display) -> ! {
    say(format_args!("{FATAL_PREFIX}{reason}"));
    syscalls::sys_exit(1)
}

/// Lets the processor sleep for about `duration_us` microseconds.
#[cfg(not(feature = "sockets"))]
pub fn sleep_us(duration_us: u64) {
    syscalls::sys_usleep(duration_us);
}

/// The time since the firmware jumped into the image, at the counter's rate as the boot arguments have
/// it, else as the boot code found it out, else as Hermit did.
pub fn clock(told_khz: Option<u32>) -> TscClock {
    let told = told_khz.map(|khz| Frequency {
        khz,
        source: Source::CommandLine,
    });
    let of_kernel = || Frequency {
        khz: u32::from(syscalls::sys_get_processor_frequency()) * 1000,
        source: Source::Kernel,
    };
    let Frequency { khz, source } = told.or_else(tsc_frequency).unwrap_or_else(of_kernel);
    log::info!("clock: the time stamp counter at {khz} kHz, by {source}");
    let scale = Scale::from_khz(khz)
        .unwrap_or_else(|| fail("the time stamp counter's frequency is unknown"));
    TscClock::new(entry_tsc(), scale)
}
