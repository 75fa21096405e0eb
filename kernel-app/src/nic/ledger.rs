//! Which buffers lie with the device, queue by queue.
//!
//! The device names a buffer when it is done with it. It is not believed: the ledger is our own
//! record, and an id that it does not hold is refused before anything is done with it. One that it
//! holds stands for exactly one buffer. Pure bookkeeping; nothing of the device is known here.

use crate::nic::pool::{BUFFERS, BufferId};

/// Buffers lent to the device through one queue.
#[derive(Debug)]
pub struct Ledger {
    is_lent: [bool; BUFFERS],
}

impl Ledger {
    /// No buffer is lent.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            is_lent: [false; BUFFERS],
        }
    }

    /// Notes that the buffer is lent, and tells its number.
    #[inline(always)]
    pub const fn lend(&mut self, buffer: BufferId) -> u16 {
        self.is_lent[buffer.index()] = true;
        buffer.index() as u16
    }

    /// Takes back buffer `id`; `None` if it was not lent.
    #[inline(always)]
    #[must_use]
    pub fn settle(&mut self, id: u32) -> Option<BufferId> {
        let is_lent = self.is_lent.get_mut(id as usize)?;
        // The ledger took the id in, so giving it out once makes it unique again.
        core::mem::take(is_lent).then(|| BufferId::again(id as u8))
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_lent_is_settled_and_only_once() {
        let mut buffers = BufferId::all();
        let mut ledger = Ledger::new();
        assert_eq!(ledger.settle(3), None, "never lent");
        let id = ledger.lend(buffers.nth(3).unwrap());
        assert_eq!(id, 3);
        for other in [0, 2, 4, BUFFERS as u32, 256 + 3, 65536 + 3, u32::MAX] {
            assert_eq!(ledger.settle(other), None, "{other}");
        }
        assert_eq!(ledger.settle(3).map(|buffer| buffer.index()), Some(3));
        assert_eq!(ledger.settle(3), None, "settled before");
    }
}
