//! Event counters in memory that the machine monitor reads.
//!
//! The server counts in a plain [`Counters`] and copies it here after each poll that did something.
//! Each counter is read and written whole, but a reader that does not stop the machine may see a set
//! that is half updated.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use wire::Counters;

/// [`Counters`] in memory that something other than this program reads.
#[derive(Debug)]
#[repr(transparent)]
pub struct SharedCounters([AtomicU64; Counters::LEN]);

impl SharedCounters {
    /// Creates counters that are all zero.
    #[must_use]
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; Counters::LEN])
    }

    /// Replaces all counters.
    pub fn store(&self, counters: &Counters) {
        for (slot, value) in self.0.iter().zip(counters.to_array()) {
            slot.store(value, Relaxed);
        }
    }

    /// Returns the counters as last stored.
    #[must_use]
    pub fn read(&self) -> Counters {
        Counters::from_array(core::array::from_fn(|i| self.0[i].load(Relaxed)))
    }

    /// Returns the address of the first counter: physical, on an identity-mapped image.
    #[must_use]
    pub fn address(&'static self) -> u64 {
        core::ptr::from_ref(self).addr() as u64
    }
}

impl Default for SharedCounters {
    fn default() -> Self {
        Self::new()
    }
}

// The layout that the ready line promises: the counters' own.
const _: () = assert!(size_of::<SharedCounters>() == size_of::<Counters>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_what_was_stored() {
        static COUNTERS: SharedCounters = SharedCounters::new();
        let counters = Counters {
            replied: 7,
            device_faults: 1,
            ..Counters::ZERO
        };
        COUNTERS.store(&counters);
        assert_eq!(COUNTERS.read(), counters);
        assert_eq!(COUNTERS.address() % 8, 0);
    }
}
