//! Bursts of a request, an address resolution and a ping, one after the other: each answer is sent while
//! QEMU may just be going to sleep, and must not wait for the next frame.
//!
//! A notification lost between driver and device (see `kernel-app/src/virtio/ring.rs`) shows in one of
//! some hundred thousand bursts, so the suite has but a sample of them: `make soak` sends as many as a
//! verdict takes. A host that stands still is no failure, as long as it goes on within
//! [`timeouts::ANSWER`](tests::timeouts::ANSWER): a lost answer never comes.
#![forbid(unsafe_code)]

use tests::guest::{Guest, Machine};
use tests::qemu_lock::lock_qemu;
use tests::soak;
use tests::timeouts;

const STATIC: &str = "ip=10.0.2.15/24 gw=10.0.2.2";

/// Bursts in the suite.
const BURSTS: u64 = 20_000;

/// The same for a guest whose instructions are counted, which takes longer.
const COUNTED: u64 = 2_000;

/// QEMU translates no memory barrier at all then, nor runs the guest beside its own main loop.
const COUNTING: [&str; 2] = ["-icount", "shift=1,sleep=off"];

/// Sends `count` bursts.
fn send(guest: &mut Guest<'_>, count: u64) {
    let answered_before = guest.counters().frames_sent;
    for burst in 0..count {
        let outcome = guest.station.try_settle();
        let answers = outcome.unwrap_or_else(|stalled| {
            let (receive, transmit) = (guest.queue(0), guest.queue(1));
            let counters = guest.counters();
            panic!(
                "burst {burst}: {stalled}; {counters:?}\nreceive: {receive}\ntransmit: {transmit}"
            )
        });
        assert_eq!(answers.len(), 0, "burst {burst}: nobody asked for more");
    }
    // It publishes its counters when it has nothing else to do.
    timeouts::until(timeouts::ANSWER, "the count of all answers", || {
        let answered = guest.counters().frames_sent - answered_before;
        (answered >= 3 * count).then_some(())
    });
}

#[test]
fn no_answer_waits_for_the_next_frame() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC).start(&lock);
    guest.ready();
    // Both queues can be told about before one has to be.
    for queue in [guest.queue(0), guest.queue(1)] {
        assert!(queue.contains("used.index"), "{queue}");
    }
    send(&mut guest, soak::count("FATHOM_BURSTS", BURSTS));
}

#[test]
fn no_answer_waits_for_the_next_frame_with_instructions_counted() {
    let lock = lock_qemu();
    let machine = Machine {
        more: &COUNTING,
        ..Machine::new(STATIC)
    };
    let mut guest = machine.start(&lock);
    guest.ready();
    send(&mut guest, soak::count("FATHOM_COUNTED_BURSTS", COUNTED));
}
