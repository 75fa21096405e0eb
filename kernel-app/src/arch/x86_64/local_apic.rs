//! The local APIC's timer (Intel SDM volume 3, 10.5.4) under QEMU's own emulation, where it counts nanoseconds.
//!
//! It is what there is to measure the time stamp counter by on a machine without a PC's timer. How fast it
//! counts elsewhere nobody says.
//!
//! Unsafe here: the registers.

use x86_64::registers::model_specific::Msr;

use super::counter::CounterClock;
use super::identity::Identity;
use super::timer::{Reading, TIMER_HZ, Timer};
use crate::boot::memory::Memory;

/// `IA32_APIC_BASE`: the registers' address, and the bit that turns them on.
const BASE: u32 = 0x1b;
const BASE_ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const BASE_ENABLE: u64 = 1 << 11;

/// Registers, by offset in bytes.
const TIMER_VECTOR: usize = 0x320;
const INITIAL_COUNT: usize = 0x380;
const CURRENT_COUNT: usize = 0x390;
const DIVIDER: usize = 0x3e0;

/// No interrupt, and one run.
const MASKED: u32 = 1 << 16;
const BY_ONE: u32 = 0b1011;

const COUNT_HZ: u64 = 1_000_000_000;

/// The local APIC's timer.
#[derive(Debug)]
pub struct ApicTimer {
    registers: *mut u32,
}

impl ApicTimer {
    /// The timer; `None` if it is turned off, or out of reach.
    ///
    /// # Safety
    ///
    /// In ring 0, with the entry code's page tables, while nobody else uses it.
    #[must_use]
    pub unsafe fn new(memory: &Identity) -> Option<Self> {
        // SAFETY: every processor with a local APIC has the register.
        let base = unsafe { Msr::new(BASE).read() };
        let address = base & BASE_ADDRESS;
        let is_there = base & BASE_ENABLE != 0 && memory.bytes(address, 4096).is_some();
        is_there.then(|| Self {
            registers: core::ptr::with_exposed_provenance_mut(address as usize),
        })
    }

    fn write(&mut self, register: usize, value: u32) {
        // SAFETY: a register of the timer's, mapped as `new` has checked.
        unsafe { self.registers.byte_add(register).write_volatile(value) };
    }
}

impl Timer for ApicTimer {
    fn start(&mut self) {
        self.write(TIMER_VECTOR, MASKED);
        self.write(DIVIDER, BY_ONE);
        self.write(INITIAL_COUNT, u32::MAX);
    }

    fn read(&mut self) -> Reading {
        let before = CounterClock::ticks();
        // SAFETY: as above.
        let left = unsafe { self.registers.byte_add(CURRENT_COUNT).read_volatile() };
        let after = CounterClock::ticks();
        let elapsed = u64::from(u32::MAX - left);
        Reading {
            before,
            after,
            // One that has run out, 4 s later, is beyond what is counted as well.
            ticks: u16::try_from(elapsed * TIMER_HZ / COUNT_HZ).ok(),
        }
    }
}
