//! The service on Linux: the same request handler as the unikernel's, behind ordinary sockets.
//!
//! One program, two lives. As a process on a host it is called with options and serves one
//! address. As process 1 of a guest whose initramfs holds nothing but it and the kernel's network
//! modules, it loads those, configures the one network device, and serves; there is no shell and
//! nothing else that runs.
//!
//! - [`args`]: the options of a process, the boot arguments of a guest;
//! - [`serve`]: the ways to serve: [`udp`] (blocking, or spinning), [`ring`] (io_uring) and [`af_xdp`]
//!   (frames, past the kernel's stack);
//! - [`service`]: one datagram, from where it came from to what is sent back;
//! - [`socket`]: the socket they share;
//! - [`stamp`]: STAMP's reflector, beside the service, with the date of [`utc`];
//! - [`tuning`]: what the scheduler and the memory manager are asked for;
//! - [`init`]: what process 1 does before it serves.
//!
//! Single-threaded and without allocation per packet. Unsafe code is in [`ring`] and
//! [`af_xdp`], which share memory with the kernel, and in the one socket option of [`socket`] that no safe
//! interface has.

pub mod af_xdp;
pub mod args;
pub mod init;
pub mod process;
pub mod ring;
pub mod serve;
pub mod service;
pub mod socket;
pub mod stamp;
pub mod tuning;
pub mod udp;
pub mod utc;

/// Nanoseconds of the monotonic clock.
#[must_use]
pub fn now_ns() -> u64 {
    nanoseconds(rustix::time::ClockId::Monotonic)
}

/// Nanoseconds since the kernel started to keep time, or close to it.
#[must_use]
pub fn since_boot_ns() -> u64 {
    nanoseconds(rustix::time::ClockId::Boottime)
}

fn nanoseconds(clock: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    // Neither clock is ever negative.
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// A number that another boot, or another process, is unlikely to have.
#[must_use]
pub fn boot_id() -> u32 {
    random_number() as u32
}

/// Returns a random number, or the time where there is no randomness to be had.
fn random_number() -> u64 {
    use rustix::rand::{GetRandomFlags, getrandom};
    let mut number = [0; 8];
    // It must differ from others: not worth waiting for entropy.
    match getrandom(&mut number, GetRandomFlags::INSECURE) {
        Ok(8) => u64::from_ne_bytes(number),
        _ => now_ns(),
    }
}
