//! Counters of replies, and of those that could not be sent.

use wire::{Counter, Counters};

use crate::frame_device::Action;

/// Counts a datagram as answered.
#[inline(always)]
pub const fn count_reply(counters: &mut Counters, counter: Counter, len: usize) -> Action {
    counters.add(counter);
    counters.datagrams_received += 1;
    Action::Tx(len)
}

/// Counts what [`count_reply`] has counted as a reply that could not be sent.
#[cold]
pub fn count_unsent(counters: &mut Counters, reply: Option<Counter>) {
    let Some(counter) = reply else {
        return;
    };
    counters.take_back(counter);
    counters.dropped_transmit += 1;
}
