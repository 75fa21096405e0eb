//! Which buffers lie with the device, queue by queue.
//!
//! The device names a descriptor when it is done with its buffer. It is not believed: the ledger is our
//! own record, and a number that it does not hold is refused before anything is done with it. One that it
//! holds stands for exactly one buffer. Pure bookkeeping; nothing of the device is known here.

use crate::nic::pool::BufferId;

/// A descriptor that is free.
const FREE: u16 = u16::MAX;

/// Buffers lent to the device through one queue of `SIZE` descriptors.
///
/// A buffer's descriptor is the one of its own number, if there is one and it is free: then nothing of it
/// has to be written anew.
#[derive(Debug)]
pub struct Ledger<const SIZE: usize> {
    /// Number of the buffer that each descriptor lends, or [`FREE`].
    holders: [u16; SIZE],
}

impl<const SIZE: usize> Ledger<SIZE> {
    /// No buffer is lent.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            holders: [FREE; SIZE],
        }
    }

    /// Notes that the buffer is lent, and returns its descriptor.
    ///
    /// # Errors
    ///
    /// All descriptors are lent: the buffer, back.
    #[inline(always)]
    pub fn lend(&mut self, buffer: BufferId) -> Result<u16, BufferId> {
        let own = buffer.index();
        match self.holders.get_mut(own) {
            Some(holder) if *holder == FREE => {
                *holder = own as u16;
                Ok(own as u16)
            }
            _ => self.lend_other(buffer),
        }
    }

    /// Notes that a buffer is lent that has a descriptor of its own which no other buffer ever takes, and
    /// returns that.
    #[inline(always)]
    pub const fn lend_own(&mut self, buffer: BufferId) -> u16 {
        let own = buffer.index() % SIZE;
        self.holders[own] = own as u16;
        own as u16
    }

    /// Lends by another descriptor than the buffer's own: by a certain one if that is free, counted from the
    /// end, so that nothing of it has to be written anew either and it takes as long each time; else by any.
    #[cold]
    fn lend_other(&mut self, buffer: BufferId) -> Result<u16, BufferId> {
        let certain = SIZE - 1 - buffer.index() % SIZE;
        let is_free = |at: &usize| self.holders[*at] == FREE;
        match Some(certain)
            .filter(is_free)
            .or_else(|| (0..SIZE).rev().find(is_free))
        {
            Some(at) => {
                self.holders[at] = buffer.index() as u16;
                Ok(at as u16)
            }
            None => Err(buffer),
        }
    }

    /// Takes back the buffer of descriptor `id`; `None` if it was not lent.
    #[inline(always)]
    #[must_use]
    pub fn settle(&mut self, id: u32) -> Option<BufferId> {
        let holder = self.holders.get_mut(id as usize)?;
        let buffer = core::mem::replace(holder, FREE);
        // The ledger took the id in, so giving it out once makes it unique again.
        (buffer != FREE).then(|| BufferId::again(buffer))
    }
}

impl<const SIZE: usize> Default for Ledger<SIZE> {
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
        let mut ledger = Ledger::<256>::new();
        assert_eq!(ledger.settle(3), None, "never lent");
        let id = ledger.lend(buffers.nth(3).unwrap());
        assert_eq!(id, Ok(3));
        for other in [0, 2, 4, 255, 256, 256 + 3, 65535, 65536 + 3, u32::MAX] {
            assert_eq!(ledger.settle(other), None, "{other}");
        }
        assert_eq!(ledger.settle(3).map(|buffer| buffer.index()), Some(3));
        assert_eq!(ledger.settle(3), None, "settled before");
    }

    #[test]
    fn a_buffer_whose_descriptor_is_lent_gets_another_until_there_is_none() {
        let mut buffers = BufferId::all();
        let mut ledger = Ledger::<4>::new();
        let [first, second, third] = [(); 3].map(|()| buffers.next().unwrap());
        let [far, farther, farthest] = [10, 0, 0].map(|skip| buffers.nth(skip).unwrap());
        assert_eq!(ledger.lend(far), Ok(2), "13 has none of its own");
        assert_eq!(ledger.lend(farther), Ok(1));
        assert_eq!(
            ledger.lend(third),
            Ok(3),
            "its own, 2, is lent, and so is 1"
        );
        assert_eq!(ledger.lend(first), Ok(0));
        let refused = ledger.lend(second);
        assert_eq!(refused.map_err(|buffer| buffer.index()), Err(1));
        let indices = [0, 1, 2, 3].map(|id| ledger.settle(id).map(|buffer| buffer.index()));
        assert_eq!(indices, [Some(0), Some(14), Some(13), Some(2)]);
        assert_eq!(ledger.lend(farthest), Ok(0));
    }
}
