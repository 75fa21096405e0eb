//! The counters where the machine monitor can read them.
//!
//! The service counts in a plain [`Counters`] and copies it here after each poll that did
//! something. Each counter is read and written whole; the set may be seen half updated by a reader
//! that does not stop the machine.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use wire::Counters;

/// [`Counters`] in memory that something other than this program reads.
#[derive(Debug)]
#[repr(transparent)]
pub struct Published([AtomicU64; Counters::LEN]);

impl Published {
    /// All counters zero.
    #[must_use]
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; Counters::LEN])
    }

    /// Replaces what a reader sees.
    pub fn publish(&self, counters: &Counters) {
        for (slot, value) in self.0.iter().zip(counters.to_array()) {
            slot.store(value, Relaxed);
        }
    }

    /// What a reader sees.
    #[must_use]
    pub fn read(&self) -> Counters {
        Counters::from_array(core::array::from_fn(|i| self.0[i].load(Relaxed)))
    }

    /// Where they stand in memory: on an identity-mapped image, the physical address.
    #[must_use]
    pub fn address(&'static self) -> u64 {
        core::ptr::from_ref(self).addr() as u64
    }
}

impl Default for Published {
    fn default() -> Self {
        Self::new()
    }
}

// The layout that the ready line promises: the counters' own.
const _: () = assert!(size_of::<Published>() == size_of::<Counters>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_what_was_published() {
        static PUBLISHED: Published = Published::new();
        let counters = Counters {
            replied: 7,
            device_faults: 1,
            ..Counters::ZERO
        };
        PUBLISHED.publish(&counters);
        assert_eq!(PUBLISHED.read(), counters);
        assert_eq!(PUBLISHED.address() % 8, 0);
    }
}
