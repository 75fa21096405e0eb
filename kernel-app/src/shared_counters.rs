//! Event counters in memory that the machine monitor reads.
//!
//! The server counts in a plain [`Counters`] and copies it here after each poll that did something.
//! Each counter is read and written whole, but a reader that does not stop the machine may see a set
//! that is half updated.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use wire::Counters;

/// Indices of the counters that a frame with a request or an echo adds to, and of those that the device keeps.
const FREQUENT: [usize; 8] = [
    index("frames_received"),
    index("frames_sent"),
    index("datagrams_received"),
    index("replied"),
    index("dropped_transmit"),
    index("device_faults"),
    index("doorbells"),
    index("echoed"),
];

/// Returns the index of the counter called `name`.
const fn index(name: &str) -> usize {
    let mut index = 0;
    while !is_equal(Counters::NAMES[index].as_bytes(), name.as_bytes()) {
        index += 1;
    }
    index
}

const fn is_equal(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

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

    /// Replaces [the counters](FREQUENT) that nearly every frame adds to.
    #[inline(always)]
    pub fn store_frequent(&self, counters: &Counters) {
        let counts = counters.to_array();
        for index in FREQUENT {
            self.0[index].store(counts[index], Relaxed);
        }
    }

    /// Replaces all counters.
    #[inline(never)]
    pub fn store(&self, counters: &Counters) {
        for (slot, value) in self.0.iter().zip(counters.to_array()) {
            slot.store(value, Relaxed);
        }
    }

    /// Returns the counters as last stored.
    #[inline(never)]
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

    #[test]
    fn frequent_counters_are_stored_by_themselves() {
        static COUNTERS: SharedCounters = SharedCounters::new();
        let counters = Counters::from_array(core::array::from_fn(|i| i as u64 + 1));
        COUNTERS.store_frequent(&counters);
        let expected = Counters {
            frames_received: counters.frames_received,
            frames_sent: counters.frames_sent,
            datagrams_received: counters.datagrams_received,
            replied: counters.replied,
            dropped_transmit: counters.dropped_transmit,
            device_faults: counters.device_faults,
            doorbells: counters.doorbells,
            echoed: counters.echoed,
            ..Counters::ZERO
        };
        assert_eq!(COUNTERS.read(), expected);
    }
}
