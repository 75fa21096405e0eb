//! The floors of a measurement on shared memory, measured before it and after it.

use super::reference;
use crate::clock;
use crate::host::core_round_trip;
use crate::host::placement;
use crate::load::{Limit, Mode, Plan, Protocol, Tally, WaitRule};
use crate::record::BeforeAfter;
use crate::record::run::FloorReadings;
use crate::stats::RunRecorder;
use crate::sut::null::{Offer, shared_memory};

/// Round trips to the thread in the guest's place, and those before that are not counted.
const REQUESTS: u64 = 20_000;
const WARMUP: u64 = 2_000;

/// Time that such a round trip may take: the thread may have to wait for the CPU.
const TIMEOUT_NS: u64 = 1_000_000_000;

/// Duration of all of them at most, in nanoseconds: some twenty times what they take where each of the two threads
/// has a CPU. Where others want those CPUs, what was measured by then is enough, unless it is less than the least.
const LONGEST_NS: u64 = 1_000_000_000;
const LEAST_REQUESTS: u64 = 1_000;

/// The floors at one moment: round trips in nanoseconds, of a cache line between two cores, and of a request to
/// a thread in the service's place.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    core_round_trip_ns: Option<f64>,
    reflector_ns: Option<f64>,
}

impl Floor {
    /// Measures the floors between the calling thread and the CPU `cpu`, for requests of
    /// `payload_len` bytes. Takes some 50 ms, in which that CPU's thread waits now and then.
    #[must_use]
    pub fn measure(cpu: usize, payload_len: usize) -> Self {
        let core_round_trip_ns =
            core_round_trip::core_round_trip_ns(clock::now_ns, move || placement::bind_to(cpu));
        Self {
            core_round_trip_ns,
            reflector_ns: reflector_ns(cpu, payload_len),
        }
    }

    /// Returns both measurements, floor by floor.
    #[must_use]
    pub const fn pair(before: Self, after: Self) -> FloorReadings {
        FloorReadings {
            core_round_trip_ns: BeforeAfter {
                before: before.core_round_trip_ns,
                after: after.core_round_trip_ns,
            },
            reflector_round_trip_ns: BeforeAfter {
                before: before.reflector_ns,
                after: after.reflector_ns,
            },
        }
    }
}

/// The median round trip to a thread on the CPU `cpu` that answers through the same rings.
fn reflector_ns(cpu: usize, payload_len: usize) -> Option<f64> {
    let (_reflector, mut link) =
        shared_memory::start(Offer::default(), move || placement::bind_to(cpu)).ok()?;
    let plan = plan(payload_len);
    let (tally, recorder) = reference::measure(&mut link, &plan, LONGEST_NS);
    median_ns(&tally, &recorder)
}

const fn plan(payload_len: usize) -> Plan {
    Plan {
        mode: Mode::Closed,
        payload_len,
        timeout_ns: TIMEOUT_NS,
        warmup: Limit::requests(WARMUP),
        measure: Limit::requests(REQUESTS),
        seed: 0,
        content: None,
        protocol: Protocol::Fathom,
        key: None,
        wait_rule: WaitRule::Sleep,
    }
}

/// The median of enough round trips of which none was lost.
fn median_ns(tally: &Tally, recorder: &RunRecorder) -> Option<f64> {
    let is_enough = tally.lost == 0 && tally.received >= LEAST_REQUESTS;
    is_enough.then(|| recorder.latency.quantile_ns(0.5) as f64)
}

#[cfg(test)]
mod tests {
    use suite::Capability;

    use super::*;
    use crate::host::topology;
    use crate::load::{Observer as _, Sample};

    #[test]
    fn there_is_a_floor_where_there_are_two_cpus() {
        let cpus: Vec<usize> = topology::allowed().into_iter().collect();
        let [cpu, own, ..] = cpus[..] else {
            return suite::skip(Capability::TwoCpus, "there is no core beside the first");
        };
        // On one CPU the two threads would wait for each other's time slices.
        let floor = || {
            std::thread::scope(|scope| {
                let floor = scope.spawn(|| {
                    placement::bind_to(own);
                    Floor::measure(cpu, 64)
                });
                floor.join().unwrap()
            })
        };
        // A host that is busy otherwise may keep a floor from being seen.
        let (mut line_is_seen, mut reflector_is_seen) = (false, false);
        let is_seen = (0..10).any(|_| {
            let floor = floor();
            let floors = Floor::pair(floor, floor);
            line_is_seen |= floors.core_round_trip_ns.mean() > Some(0.0);
            reflector_is_seen |= floors.reflector_round_trip_ns.mean() > Some(0.0);
            line_is_seen && reflector_is_seen
        });
        if !is_seen {
            let reason = "two threads on two CPUs do not meet: the host is busy";
            suite::skip(Capability::SteadyCpu, reason);
        }
    }

    #[test]
    fn round_trips_that_were_broken_off_have_a_median_if_they_are_enough() {
        let median_ns = |lost, received| {
            let tally = Tally {
                sent: REQUESTS,
                lost,
                received,
                ..Tally::default()
            };
            let plan = plan(64);
            let mut recorder = RunRecorder::new(&plan);
            for at_ns in 1..=received {
                recorder.replied(Sample {
                    at_ns,
                    latency_ns: 700,
                    round_trip_ns: 700,
                    is_closed_loop_sample: true,
                    guest_times: None,
                });
            }
            super::median_ns(&tally, &recorder)
        };
        for enough in [LEAST_REQUESTS, REQUESTS - 1, REQUESTS] {
            assert_eq!(median_ns(0, enough), Some(700.0));
        }
        assert_eq!(median_ns(0, LEAST_REQUESTS - 1), None);
        assert_eq!(median_ns(1, REQUESTS - 1), None);
    }
}
