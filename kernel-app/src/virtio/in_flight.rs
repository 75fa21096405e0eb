//! The buffers in flight on a queue: those that the device has, by descriptor.
//!
//! A completion names a descriptor (virtio 1.2 §2.7.8). It is not believed: this table is the driver's own record,
//! and a completion of a descriptor that is not in flight is refused before anything is done with it. One that is
//! stands for exactly one buffer. Pure bookkeeping, which knows nothing of the device. No unsafe code.
#![forbid(unsafe_code)]

use crate::virtio::pool::{RECEIVE_BUFFERS, ReceiveId, STACK_BUFFERS, StackId};

/// Descriptors of a queue: one for each buffer to receive into.
pub const DESCRIPTORS: usize = RECEIVE_BUFFERS;

/// A descriptor that is free.
const FREE: u8 = 0;
/// A descriptor in flight with its own buffer, the receive buffer of the same number.
const OWN: u8 = 1;
/// A descriptor in flight with the first of the stack's buffers; the others follow.
const STACK: u8 = 2;

/// The descriptor that the first of the stack's buffers takes if it can; those of the others follow.
const FIRST_OF_STACK: u8 = (DESCRIPTORS - STACK_BUFFERS) as u8;

const _: () = assert!(STACK_BUFFERS + STACK as usize <= u8::MAX as usize);

/// The buffers in flight on one queue.
///
/// A receive buffer has the descriptor of its own number and never another, so that marking it costs one byte's
/// change. A stack buffer takes any descriptor that is free.
#[derive(Debug)]
pub struct InFlight {
    /// [`FREE`], [`OWN`], or which of the stack's buffers each descriptor is in flight with.
    holders: [u8; DESCRIPTORS],
}

impl InFlight {
    /// Returns a table with no buffer in flight.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            holders: [FREE; DESCRIPTORS],
        }
    }

    /// Marks a receive buffer in flight, on a queue that has none of the stack's, and returns its descriptor.
    #[inline(always)]
    pub const fn mark_in_flight(&mut self, buffer: &ReceiveId) -> u8 {
        self.holders[buffer.number() as usize] = OWN;
        buffer.number()
    }

    /// Marks a receive buffer in flight and returns its descriptor; `None` if one of the stack's buffers has
    /// that.
    #[inline(always)]
    pub fn try_mark_in_flight(&mut self, buffer: &ReceiveId) -> Option<u8> {
        (self.holders[buffer.number() as usize] == FREE).then(|| self.mark_in_flight(buffer))
    }

    /// Marks a buffer of the stack's in flight and returns its descriptor; `None` if none is free.
    ///
    /// As a rule it is the same one each time, so that nothing of it has to be written anew and it takes as
    /// long as the last time.
    pub fn try_mark_stack_in_flight(&mut self, buffer: &StackId) -> Option<u8> {
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

    /// Completes descriptor `id` and returns its receive buffer; `None` if it is not in flight with one.
    #[inline(always)]
    #[must_use]
    pub fn complete(&mut self, id: u32) -> Option<ReceiveId> {
        let holder = self.holders.get_mut(id as usize)?;
        if *holder != OWN {
            return None;
        }
        *holder = FREE;
        // The id was marked in flight, so returning it once makes it unique again.
        Some(ReceiveId::from_index_unchecked(id as u8))
    }

    /// Completes descriptor `id` and returns its stack buffer; `None` if it is not in flight with one.
    #[must_use]
    pub fn complete_stack(&mut self, id: u32) -> Option<StackId> {
        let holder = self.holders.get_mut(id as usize)?;
        let number = holder.checked_sub(STACK)?;
        *holder = FREE;
        // As above.
        Some(StackId::from_index_unchecked(number))
    }
}

impl Default for InFlight {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that are no descriptor's.
    const OUTSIDE: [u32; 5] = [256, 256 + 3, 65535, 65536 + 3, u32::MAX];

    #[test]
    fn only_what_is_in_flight_completes_and_only_once() {
        let buffer = ReceiveId::all(1).nth(3).unwrap();
        let mut table = InFlight::new();
        assert_eq!(table.complete(3), None, "never in flight");
        for mark in [
            |table: &mut InFlight, buffer: &_| Some(table.mark_in_flight(buffer)),
            InFlight::try_mark_in_flight,
        ] {
            assert_eq!(mark(&mut table, &buffer), Some(3));
            for other in [0, 2, 4, 255].into_iter().chain(OUTSIDE) {
                assert_eq!(table.complete(other), None, "{other}");
            }
            assert_eq!(table.complete_stack(3), None, "not one of the stack's");
            assert_eq!(table.complete(3).as_ref(), Some(&buffer));
            assert_eq!(table.complete(3), None, "completed before");
        }
    }

    #[test]
    fn a_stack_buffer_completes_as_a_stack_buffer_and_only_once() {
        let mut table = InFlight::new();
        for buffer in StackId::all(1) {
            let id = u32::from(table.try_mark_stack_in_flight(&buffer).unwrap());
            for other in [id - 1, 0].into_iter().chain(OUTSIDE) {
                assert_eq!(table.complete_stack(other), None, "{other}");
            }
            assert_eq!(table.complete(id), None, "not one to receive into");
            assert_eq!(table.complete_stack(id).as_ref(), Some(&buffer));
            assert_eq!(table.complete_stack(id), None, "completed before");
        }
    }

    #[test]
    fn a_buffer_is_not_in_flight_while_the_stack_has_its_descriptor() {
        let mut table = InFlight::new();
        let [first, last] = [0, STACK_BUFFERS - 1].map(|at| StackId::all(1).nth(at).unwrap());
        assert_eq!(table.try_mark_stack_in_flight(&last), Some(255));
        let own = ReceiveId::all(1).nth(255).unwrap();
        assert_eq!(table.try_mark_in_flight(&own), None);
        assert_eq!(table.complete(255), None, "it is not in flight");
        assert_eq!(table.complete_stack(255).as_ref(), Some(&last));
        assert_eq!(table.try_mark_in_flight(&own), Some(255));
        assert_eq!(
            table.try_mark_stack_in_flight(&last),
            Some(254),
            "another is free"
        );
        // All but one, and then that.
        for buffer in ReceiveId::all(1).take(254) {
            assert!(table.try_mark_in_flight(&buffer).is_some());
        }
        assert_eq!(table.try_mark_stack_in_flight(&first), None);
        assert_eq!(table.complete(7).map(|buffer| buffer.number()), Some(7));
        assert_eq!(table.try_mark_stack_in_flight(&first), Some(7));
        assert_eq!(table.complete_stack(7).as_ref(), Some(&first));
    }
}
