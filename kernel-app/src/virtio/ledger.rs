//! Which buffers lie with the device, queue by queue.
//!
//! The device names a descriptor when it is done with its buffer. It is not believed: the ledger is our
//! own record, and a number that it does not hold is refused before anything is done with it. One that it
//! holds stands for exactly one buffer. Pure bookkeeping; nothing of the device is known here.

use crate::virtio::pool::{RECEIVE_BUFFERS, ReceiveId, STACK_BUFFERS, StackId};

/// Descriptors of a queue: one for each buffer to receive into.
pub const DESCRIPTORS: usize = RECEIVE_BUFFERS;

/// A descriptor that is free.
const FREE: u8 = 0;
/// A descriptor that lends its own buffer, the one to receive into of the same number.
const OWN: u8 = 1;
/// A descriptor that lends the first of the stack's buffers; the others follow.
const STACK: u8 = 2;

/// The descriptor that the first of the stack's buffers takes if it can; those of the others follow.
const FIRST_OF_STACK: u8 = (DESCRIPTORS - STACK_BUFFERS) as u8;

const _: () = assert!(STACK_BUFFERS + STACK as usize <= u8::MAX as usize);

/// Buffers lent to the device through one queue.
///
/// A buffer to receive into has the descriptor of its own number and never another, so that it costs but a
/// byte's change to lend it. One of the stack's takes any that is free.
#[derive(Debug)]
pub struct Ledger {
    /// [`FREE`], [`OWN`], or which of the stack's buffers each descriptor lends.
    holders: [u8; DESCRIPTORS],
}

impl Ledger {
    /// No buffer is lent.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            holders: [FREE; DESCRIPTORS],
        }
    }

    /// Notes that the buffer is lent by its own descriptor, in a queue that has none of the stack's.
    #[inline(always)]
    pub const fn lend(&mut self, buffer: &ReceiveId) -> u8 {
        self.holders[buffer.number() as usize] = OWN;
        buffer.number()
    }

    /// Notes that the buffer is lent by its own descriptor, and returns that; `None` if one of the stack's
    /// buffers has it.
    #[inline(always)]
    pub fn try_lend(&mut self, buffer: &ReceiveId) -> Option<u8> {
        (self.holders[buffer.number() as usize] == FREE).then(|| self.lend(buffer))
    }

    /// Notes that a buffer of the stack's is lent, and returns its descriptor; `None` if all are lent.
    ///
    /// As a rule it is the same one each time, so that nothing of it has to be written anew and it takes as
    /// long as the last time.
    pub fn try_lend_stack(&mut self, buffer: &StackId) -> Option<u8> {
        let usual = FIRST_OF_STACK + buffer.number();
        let id = if self.holders[usize::from(usual)] == FREE {
            usual
        } else {
            self.last_free()?
        };
        self.holders[usize::from(id)] = STACK + buffer.number();
        Some(id)
    }

    #[cold]
    fn last_free(&self) -> Option<u8> {
        let at = self.holders.iter().rposition(|&holder| holder == FREE)?;
        u8::try_from(at).ok()
    }

    /// Takes back the buffer to receive into that descriptor `id` lends; `None` if it lends none.
    #[inline(always)]
    #[must_use]
    pub fn settle(&mut self, id: u32) -> Option<ReceiveId> {
        let holder = self.holders.get_mut(id as usize)?;
        if *holder != OWN {
            return None;
        }
        *holder = FREE;
        // The ledger took the id in, so giving it out once makes it unique again.
        Some(ReceiveId::again(id as u8))
    }

    /// Takes back the buffer of the stack's that descriptor `id` lends; `None` if it lends none.
    #[must_use]
    pub fn settle_stack(&mut self, id: u32) -> Option<StackId> {
        let holder = self.holders.get_mut(id as usize)?;
        let number = holder.checked_sub(STACK)?;
        *holder = FREE;
        // As above.
        Some(StackId::again(number))
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

    /// Numbers that a ledger never lends a buffer by.
    const OUTSIDE: [u32; 5] = [256, 256 + 3, 65535, 65536 + 3, u32::MAX];

    #[test]
    fn only_what_was_lent_is_settled_and_only_once() {
        let buffer = ReceiveId::all().nth(3).unwrap();
        let mut ledger = Ledger::new();
        assert_eq!(ledger.settle(3), None, "never lent");
        for lend in [
            |ledger: &mut Ledger, buffer: &_| Some(ledger.lend(buffer)),
            Ledger::try_lend,
        ] {
            assert_eq!(lend(&mut ledger, &buffer), Some(3));
            for other in [0, 2, 4, 255].into_iter().chain(OUTSIDE) {
                assert_eq!(ledger.settle(other), None, "{other}");
            }
            assert_eq!(ledger.settle_stack(3), None, "not one of the stack's");
            assert_eq!(ledger.settle(3).as_ref(), Some(&buffer));
            assert_eq!(ledger.settle(3), None, "settled before");
        }
    }

    #[test]
    fn one_of_the_stacks_is_settled_as_one_of_the_stacks_and_only_once() {
        let mut ledger = Ledger::new();
        for buffer in StackId::all() {
            let id = u32::from(ledger.try_lend_stack(&buffer).unwrap());
            for other in [id - 1, 0].into_iter().chain(OUTSIDE) {
                assert_eq!(ledger.settle_stack(other), None, "{other}");
            }
            assert_eq!(ledger.settle(id), None, "not one to receive into");
            assert_eq!(ledger.settle_stack(id).as_ref(), Some(&buffer));
            assert_eq!(ledger.settle_stack(id), None, "settled before");
        }
    }

    #[test]
    fn a_buffer_whose_descriptor_the_stack_has_is_not_lent() {
        let mut ledger = Ledger::new();
        let [first, last] = [0, STACK_BUFFERS - 1].map(|at| StackId::all().nth(at).unwrap());
        assert_eq!(ledger.try_lend_stack(&last), Some(255));
        let own = ReceiveId::all().nth(255).unwrap();
        assert_eq!(ledger.try_lend(&own), None);
        assert_eq!(ledger.settle(255), None, "it was not lent");
        assert_eq!(ledger.settle_stack(255).as_ref(), Some(&last));
        assert_eq!(ledger.try_lend(&own), Some(255));
        assert_eq!(ledger.try_lend_stack(&last), Some(254), "another is free");
        // All but one, and then that.
        for buffer in ReceiveId::all().take(254) {
            assert!(ledger.try_lend(&buffer).is_some());
        }
        assert_eq!(ledger.try_lend_stack(&first), None);
        assert_eq!(ledger.settle(7).map(|buffer| buffer.number()), Some(7));
        assert_eq!(ledger.try_lend_stack(&first), Some(7));
        assert_eq!(ledger.settle_stack(7).as_ref(), Some(&first));
    }
}
