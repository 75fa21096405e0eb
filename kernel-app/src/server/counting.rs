//! Turns what came of a frame into counts, and into what the device does with it.
#![forbid(unsafe_code)]

use wire::{Counter, Counters};

use crate::frame_device::{Action, DeviceCounts};
use crate::net::stack::Intercepted;

/// Returns whether [`SharedCounters::store_frequent`](crate::shared_counters::SharedCounters::store_frequent) leaves
/// out the counter of a reply.
#[inline(always)]
pub const fn is_rare(counter: Counter) -> bool {
    !matches!(counter, Counter::Replied | Counter::Echoed)
}

/// Returns the service's counters with the device's.
#[inline(always)]
pub const fn total(service: &Counters, device: &DeviceCounts) -> Counters {
    let mut total = *service;
    total.frames_received = device.frames_received;
    total.frames_sent = device.frames_sent;
    total.dropped_transmit += device.dropped_transmit;
    total.device_faults = device.faults;
    total.doorbells = device.doorbells;
    total
}

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

/// Returns what the device does with a frame that the stack has looked at.
pub const fn action(intercepted: Intercepted) -> Action {
    match intercepted {
        Intercepted::Reply(len) => Action::Tx(len),
        Intercepted::Consumed | Intercepted::Ignored | Intercepted::Refused(_) => Action::Drop,
        Intercepted::Passed => Action::Pass,
    }
}
