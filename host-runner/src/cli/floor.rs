//! The floors that a measurement on shared memory stands on, looked at before it and after it.

use super::reference;
use crate::clock;
use crate::link::vhost_user::reflector;
use crate::load::{Limit, Mode, Plan, Protocol, WaitRule};
use crate::machine;
use crate::report::BeforeAfter;
use crate::stats::round_trip;

/// Round trips to the thread in the guest's place, and those before that are not counted.
const REQUESTS: u64 = 20_000;
const WARMUP: u64 = 2_000;

/// How long such a round trip may take: the thread may have to wait for the CPU.
const TIMEOUT_NS: u64 = 1_000_000_000;

/// Duration of all of them at most, in nanoseconds: with less of a CPU than that there is no floor to tell.
const LONGEST_NS: u64 = 2_000_000_000;

/// The floors at one moment, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    core_round_trip_ns: Option<f64>,
    reflector_ns: Option<f64>,
}

impl Floor {
    /// Looks at the floors between the calling thread and the CPU `cpu`, for requests of
    /// `payload_len` bytes. Takes some 50 ms, in which that CPU's thread waits now and then.
    #[must_use]
    pub fn look(cpu: usize, payload_len: usize) -> Self {
        let core_round_trip_ns =
            round_trip::core_round_trip_ns(clock::now_ns, move || machine::bind_to(cpu));
        Self {
            core_round_trip_ns,
            reflector_ns: reflector_ns(cpu, payload_len),
        }
    }

    /// Both looks, floor by floor: cache line, reflector.
    #[must_use]
    pub const fn around(before: Self, after: Self) -> (BeforeAfter, BeforeAfter) {
        let line = BeforeAfter {
            before: before.core_round_trip_ns,
            after: after.core_round_trip_ns,
        };
        let reflector = BeforeAfter {
            before: before.reflector_ns,
            after: after.reflector_ns,
        };
        (line, reflector)
    }
}

/// The median round trip to a thread on the CPU `cpu` that answers through the same rings.
fn reflector_ns(cpu: usize, payload_len: usize) -> Option<f64> {
    let (_reflector, mut link) = reflector::start(move || machine::bind_to(cpu)).ok()?;
    let plan = Plan {
        mode: Mode::Closed,
        payload_len,
        timeout_ns: TIMEOUT_NS,
        warmup: Limit::requests(WARMUP),
        measure: Limit::requests(REQUESTS),
        seed: 0,
        protocol: Protocol::Fathom,
        wait_rule: WaitRule::Sleep,
    };
    let (tally, recorder) = reference::measure(&mut link, &plan, LONGEST_NS);
    (tally.lost == 0 && tally.received == REQUESTS)
        .then(|| recorder.latency.quantile_ns(0.5) as f64)
}

#[cfg(test)]
mod tests {
    use suite::Capability;

    use super::*;

    #[test]
    fn there_is_a_floor_where_there_are_two_cpus() {
        if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
            return suite::skip(Capability::TwoCpus, "there is no core beside the first");
        }
        // A host that is busy otherwise may keep a floor from being seen, but not every time.
        let is_seen = (0..10).any(|_| {
            let floor = Floor::look(0, 64);
            let (line, reflector) = Floor::around(floor, floor);
            line.mean() > Some(0.0) && reflector.mean() > Some(0.0)
        });
        assert!(is_seen);
    }
}
