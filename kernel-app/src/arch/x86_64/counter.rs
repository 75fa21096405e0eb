//! The service's clock on the time stamp counter.
//!
//! Unsafe here: the instructions that read the counter and keep the reading in order.

use crate::clock::{Clock, Scale};

/// [`Clock`] on the time stamp counter.
#[derive(Clone, Copy, Debug)]
pub struct CounterClock {
    origin_ticks: u64,
    scale: Scale,
}

impl CounterClock {
    /// A clock that read 0 when the counter read `origin_ticks`.
    #[must_use]
    pub const fn new(origin_ticks: u64, scale: Scale) -> Self {
        Self {
            origin_ticks,
            scale,
        }
    }

    /// Returns what the clock read when the counter read `ticks`.
    #[inline(always)]
    #[must_use]
    pub const fn at_ns(&self, ticks: u64) -> u64 {
        self.scale.to_ns(ticks.wrapping_sub(self.origin_ticks))
    }

    /// The time stamp counter, which the processor may read before earlier instructions are done.
    #[inline(always)]
    #[must_use]
    pub fn ticks() -> u64 {
        // SAFETY: the instruction reads a counter and touches no memory; user mode or not, every
        // x86-64 processor has it, and nothing here sets CR4.TSD.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
}

impl Clock for CounterClock {
    fn now_ns(&self) -> u64 {
        self.at_ns(Self::ticks())
    }

    /// LFENCE; RDTSC (Intel SDM volume 2, RDTSC): the order that RDTSCP keeps, on every x86-64 processor,
    /// where RDTSCP is a feature that qemu64 lacks, and no dearer (`make bench`, "read the counter").
    #[inline(always)]
    fn stamp_ns(&self) -> u64 {
        // Not the intrinsic: that asks for SSE2, which the image is built without, so that it would be a
        // call. Without `nomem` the compiler keeps the order too.
        // SAFETY: the instruction has no effect but order, and every x86-64 processor has it.
        unsafe { core::arch::asm!("lfence", options(nostack, preserves_flags)) };
        self.now_ns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_does_not_run_backwards() {
        let clock = CounterClock::new(CounterClock::ticks(), Scale::from_khz(1_000_000).unwrap());
        let first = clock.now_ns();
        let stamp = clock.stamp_ns();
        assert!(stamp >= first);
        assert!(clock.now_ns() >= stamp);
    }
}
