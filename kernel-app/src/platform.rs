//! The little of Hermit that images use: arguments, console, exit, sleep, clock.
//!
//! Unsafe here: the C interface of the kernel's entry.

use core::ffi::{CStr, c_char};
use core::fmt::{self, Write as _};

#[cfg(not(feature = "sockets"))]
use crate::arch::boot_ticks;
use crate::arch::frequency::{Frequency, Source};
use crate::arch::{Console, CounterClock, counter_frequency, entry_ticks, random_bits};
#[cfg(not(feature = "sockets"))]
use crate::clock::Clock;
use crate::clock::Scale;
use hermit::syscalls;
use wire::ready::FATAL_PREFIX;

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

/// Logs where the time since the firmware's jump went, in nanoseconds, as `log=info` has it: the entry code, the rest of
/// the boot code, the kernel up to `main_ns`, the search for a network device up to `device_ns`, the service.
#[cfg(not(feature = "sockets"))]
pub fn log_boot(clock: CounterClock, main_ns: u64, device_ns: u64) {
    let [start, kernel] = boot_ticks().map(|ticks| clock.at_ns(ticks));
    let ready_ns = clock.now_ns();
    log::info!(
        "boot_ns entry={start} firmware={} kernel={} device={} service={}",
        kernel - start,
        main_ns - kernel,
        device_ns - main_ns,
        ready_ns - device_ns
    );
}

/// Tells boots apart, and who has seen a reply of this one from who has not.
pub fn boot_id() -> u32 {
    (random_bits() >> 32) as u32
}

/// Prints a line on the console.
pub fn say(line: impl fmt::Display) {
    // The console takes whatever it can.
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
/// it, else as the boot code found it out.
pub fn clock(given_khz: Option<u32>) -> CounterClock {
    let given = given_khz.map(|khz| Frequency {
        khz,
        source: Source::CommandLine,
    });
    let found = given.or_else(counter_frequency).and_then(|frequency| {
        let Frequency { khz, source } = frequency;
        log::info!("clock: the time stamp counter at {khz} kHz, by {source}");
        Scale::from_khz(khz)
    });
    // The boot code refuses a machine on which nobody knows it.
    let scale = found.unwrap_or_else(|| fail("the time stamp counter's frequency is unknown"));
    CounterClock::new(entry_ticks(), scale)
}
