//! The time stamp counter's readings at the steps of the boot, and its frequency as the boot code found it.
//!
//! Unsafe here: reading the static that assembly writes.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::counter::CounterClock;
use super::frequency::{Frequency, Source};

/// The counter at the first instructions, written by the entry code. Not in what is zeroed.
#[unsafe(link_section = ".bss.entry")]
pub static mut ENTRY_TICKS: u64 = 0;

/// The counter at the first line of Rust.
static START_TICKS: AtomicU64 = AtomicU64::new(0);

/// The counter at the jump into the kernel.
static KERNEL_TICKS: AtomicU64 = AtomicU64::new(0);

/// The counter's frequency in kHz; 0 while it is unknown.
static KHZ: AtomicU32 = AtomicU32::new(0);

/// Number of its [`Source`].
static SOURCE: AtomicU8 = AtomicU8::new(0);

/// Notes the counter at the first line of Rust.
pub fn note_start() {
    START_TICKS.store(CounterClock::ticks(), Ordering::Relaxed);
}

/// Notes the counter at the jump into the kernel.
pub fn note_kernel() {
    KERNEL_TICKS.store(CounterClock::ticks(), Ordering::Relaxed);
}

/// Keeps the counter's frequency for [`counter_frequency`].
pub fn keep_frequency(frequency: Frequency) {
    KHZ.store(frequency.khz, Ordering::Relaxed);
    SOURCE.store(frequency.source as u8, Ordering::Relaxed);
}

/// Returns the counter when the loader jumped into the image.
#[must_use]
pub fn entry_ticks() -> u64 {
    // SAFETY: written once by the entry code, before any Rust code ran.
    unsafe { ENTRY_TICKS }
}

/// Returns the counter at the first line of Rust, and at the jump into the kernel.
#[must_use]
pub fn boot_ticks() -> [u64; 2] {
    [&START_TICKS, &KERNEL_TICKS].map(|stamp| stamp.load(Ordering::Relaxed))
}

/// Returns the counter's frequency, as the boot code found it out; `None` if it could not.
#[must_use]
pub fn counter_frequency() -> Option<Frequency> {
    let khz = KHZ.load(Ordering::Relaxed);
    let source = Source::ALL.get(usize::from(SOURCE.load(Ordering::Relaxed)));
    source
        .filter(|_| khz != 0)
        .map(|&source| Frequency { khz, source })
}
