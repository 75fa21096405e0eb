//! The PC's timer (Intel 8254), read by the read-back command.
//!
//! Unsafe here: the port accesses.

use x86_64::instructions::port::Port;

use super::counter::CounterClock;
use super::timer::{Reading, Timer};

/// Counter 0, low and high byte, mode 0 (interrupt on terminal count), binary.
const CONTROL: u8 = 0b00_11_000_0;
/// Read-back command: count and status of counter 0, as they are now.
const LATCH: u8 = 0b1100_0010;
/// In the status: the output, which goes high when the count has run out.
const OUTPUT: u8 = 1 << 7;
/// In the status: the count that was written is not the one that is counted yet.
const NULL_COUNT: u8 = 1 << 6;

/// The timer of the PC, which the kernel has no use for once it knows the frequency. Its one
/// interrupt finds them turned off.
#[derive(Debug)]
pub struct Pit {
    counter: Port<u8>,
    control: Port<u8>,
}

impl Pit {
    /// The timer.
    ///
    /// # Safety
    ///
    /// Nobody else may use it.
    pub const unsafe fn new() -> Self {
        Self {
            counter: Port::new(0x40),
            control: Port::new(0x43),
        }
    }
}

impl Timer for Pit {
    fn start(&mut self) {
        // SAFETY: the timer is ours, and writes to it do nothing to memory.
        unsafe {
            self.control.write(CONTROL);
            self.counter.write(0xff);
            self.counter.write(0xff);
        }
    }

    fn read(&mut self) -> Reading {
        let before = CounterClock::ticks();
        // SAFETY: as above.
        unsafe { self.control.write(LATCH) };
        let after = CounterClock::ticks();
        // SAFETY: as above, and the three reads take what was latched.
        let [status, low, high] = [(); 3].map(|()| unsafe { self.counter.read() });
        let is_ours = status & !(OUTPUT | NULL_COUNT) == CONTROL & 0x3f;
        let is_counting = is_ours && status & OUTPUT == 0;
        let left = match status & NULL_COUNT {
            0 => u16::from_le_bytes([low, high]),
            _ => u16::MAX,
        };
        Reading {
            before,
            after,
            ticks: is_counting.then_some(u16::MAX - left),
        }
    }
}
