//! Number of times that the guest and its network device wake each other: doorbells, each of which leaves the
//! virtual machine, and interrupts.
//!
//! Doorbells are the guest's own count. What QEMU's trace points see is held against it
//! ([`fathom::experiment::cost::trace`]). The guest would not do for interrupts: it counts none because it takes
//! none. The vhost-user device is not QEMU's but the instrument's, and counts both itself.
#![forbid(unsafe_code)]

use fathom::clock;
use fathom::experiment::cost::trace::{self, Trace};
use fathom::link::{Link, LinkKind, Signals};
use fathom::machine::{AccelChoice, Machine};
use fathom::sut::guest::Guest;

use crate::boot::boot;
use crate::qemu_lock::QemuLock;
use crate::station::request;
use crate::timeouts;

/// Has a fresh guest answer `echoes` requests on a link, each when it has nothing else to do;
/// returns how often either side was woken for that.
///
/// # Panics
///
/// If a request stays unanswered, or the two sides do not count the same.
#[must_use]
pub fn by_lone_echoes(link: LinkKind, echoes: u64, _lock: &QemuLock) -> Signals {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("trace");
    let Guest {
        mut machine,
        mut link,
        ..
    } = boot(link, AccelChoice::Tcg, dir.path(), trace::arguments(&path));
    // Until the first one is answered, addresses are resolved and buffers are lent.
    ask(link.as_mut(), 0);
    let doorbells_before = doorbells(&mut machine, 1);
    let signals_before = link.signals();
    let mut trace = Trace::at(path);
    let seen_before = traced(&mut trace);
    for seq in 1..=echoes {
        ask(link.as_mut(), seq);
        // All is quiet before the next: what QEMU does after it has passed on a frame is done.
        doorbells(&mut machine, seq + 1);
    }
    let doorbells = doorbells(&mut machine, echoes + 1) - doorbells_before;
    let signals = link.signals().zip(signals_before);
    drop(link);
    machine.shutdown();
    let seen = traced(&mut trace).since(&seen_before);
    let signals = signals.map_or(seen, |(after, before)| after.since(&before));
    assert_eq!(doorbells, signals.doorbells, "the guest's and the device's");
    signals
}

/// Asks for one answer and waits for it.
fn ask(link: &mut dyn Link, seq: u64) {
    link.send(&request(seq, 64)).expect("the link is there");
    let deadline_ns = clock::now_ns() + timeouts::ANSWER.as_nanos() as u64;
    let received = link.receive(&mut [0; 2048], deadline_ns);
    let received = received.unwrap_or_else(|error| panic!("{error}"));
    assert!(received.is_some(), "request {seq} is not answered");
}

/// Number of doorbells that the guest has rung, once it has counted `replied` answers: it counts them, and
/// its doorbells, a little after the answer is out.
fn doorbells(machine: &mut Machine, replied: u64) -> u64 {
    timeouts::until(timeouts::ANSWER, "the guest's count", || {
        let counters = machine.counters();
        let counters = counters.unwrap_or_else(|error| panic!("{error}"));
        (counters.replied == replied).then_some(counters.doorbells)
    })
}

/// Returns the counts of QEMU's trace so far.
fn traced(trace: &mut Trace) -> Signals {
    trace.read().expect("QEMU writes its trace")
}
