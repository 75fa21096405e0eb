//! The highest rate up to which an open loop's generator keeps its schedule.
//!
//! With random arrivals a generator has a queue of its own long before it is at the most that it can send: a request
//! that is due while it deals with the one before is sent late. So this is not derived from the throughput but tried,
//! with the arrivals of the loads to come: the generator keeps its schedule at a rate if lateness does not move p90 of
//! the latency by more than a clean percentile allows (see [`stats::state`](crate::stats::state)).
//!
//! The rate is raised until that fails, for a higher one may keep p90 again: late replies move p90 of the round trip, too.
//! Each rate has several trials: what else runs on the host can only make the generator late.

use super::reference;
use crate::link::Link;
use crate::load::{Arrivals, Limit, Mode, Plan, Protocol, Rate, Tally};
use crate::stats::RunRecorder;
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::state::is_wide;

/// The rates that are tried are such parts of the throughput.
const PARTS: u32 = 20;

/// Number of trials before a rate counts as too high.
const TRIALS: u32 = 4;

/// Number of requests of a trial, and its shortest and longest duration in nanoseconds: all parts take some 0.2 s where
/// no system call is on the way, and 0.6 s where there is. Warm-up is one in [`WARMUP`] of it.
const REQUESTS: u64 = 500;
const LEAST_NS: u64 = 10_000_000;
const MOST_NS: u64 = 100_000_000;
const WARMUP: u64 = 10;

/// Longest time that the thread in the service's place may be off its CPU, in nanoseconds.
const TIMEOUT_NS: u64 = 50_000_000;

/// Returns the highest rate, in requests per second, up to which the generator keeps its schedule on `link` when it
/// sends with `arrivals`. `throughput` is the most that it sends. `None` if the least that is tried is too much.
pub(super) fn limit(
    link: &mut dyn Link,
    plan: &Plan,
    arrivals: Arrivals,
    throughput: f64,
) -> Option<f64> {
    highest(throughput, |rate| {
        // One that has fallen behind shows nothing more.
        let most_ns = 2 * duration_ns(rate);
        let (tally, recorder) = reference::measure(link, &trial(plan, rate, arrivals), most_ns);
        is_kept(&tally, &recorder)
    })
}

/// Returns the duration of a trial.
fn duration_ns(rate: Rate) -> u64 {
    rate.time_of(REQUESTS).clamp(LEAST_NS, MOST_NS)
}

/// Returns the plan of a trial, which is otherwise as `plan`.
fn trial(plan: &Plan, rate: Rate, arrivals: Arrivals) -> Plan {
    Plan {
        mode: Mode::Open { rate, arrivals },
        timeout_ns: TIMEOUT_NS,
        warmup: Limit::lasting(duration_ns(rate) / WARMUP),
        measure: Limit::lasting(duration_ns(rate)),
        protocol: Protocol::Fathom,
        key: None,
        ..*plan
    }
}

/// Returns the highest of the rates up to `throughput` that `is_kept` in one trial at least, as is every lower one.
fn highest(throughput: f64, mut is_kept: impl FnMut(Rate) -> bool) -> Option<f64> {
    let rates = (1..=PARTS).map(|part| throughput * f64::from(part) / f64::from(PARTS));
    rates
        .take_while(|&rate| (0..TRIALS).any(|_| is_kept(Rate::nearest(rate))))
        .last()
}

/// Returns whether what was measured at a rate says that the generator kept its schedule.
fn is_kept(tally: &Tally, recorder: &RunRecorder) -> bool {
    let [_, p90, ..] = PERCENTILES;
    let since_send = (recorder.open.as_ref()).and_then(|open| p90.of(&open.round_trip));
    let since_due = p90.of(&recorder.latency);
    since_send.zip(since_due).is_some_and(|(low_ns, high_ns)| {
        !is_wide(low_ns, high_ns, tally.resolution_ns.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicBool;

    use wire::Header;

    use super::*;
    use crate::link::{LinkError, Received, Sent};
    use crate::load::fake::{Answer, BOOT_ID, FakeLink, VirtualClock, reply};
    use crate::load::{self, LoadContext, Progress};

    /// Time that the generator takes to send a request, and the service to answer it, in nanoseconds.
    const SEND_NS: u64 = 5_000;
    const RTT_NS: u64 = 20_000;

    /// A link that polls, on virtual time, and takes its time to send.
    struct Slow<S>(FakeLink<S>);

    impl<S: FnMut(&Header, &[u8]) -> Vec<Answer>> Link for Slow<S> {
        fn name(&self) -> &'static str {
            self.0.name()
        }

        fn is_polled(&self) -> bool {
            true
        }

        fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
            let sent = self.0.send(datagram);
            self.0.clock.advance_to(self.0.clock.now_ns() + SEND_NS);
            sent
        }

        fn receive(
            &mut self,
            buffer: &mut [u8],
            deadline_ns: u64,
        ) -> Result<Option<Received>, LinkError> {
            self.0.receive(buffer, deadline_ns)
        }
    }

    /// Measures by `plan` over a link on virtual time.
    fn measure(plan: &Plan) -> (Tally, RunRecorder) {
        let clock = VirtualClock::default();
        let answer = |_: &Header, request: &[u8]| vec![(RTT_NS, reply(request))];
        let mut recorder = RunRecorder::new(plan);
        let context = LoadContext {
            link: &mut Slow(FakeLink::new(&clock, answer)),
            observer: &mut recorder,
            now_ns: || clock.now_ns(),
            cancel: &AtomicBool::new(false),
            check: |_: &Progress| Ok::<(), Infallible>(()),
        };
        let (tally, _) = load::run(plan, Some(BOOT_ID), context);
        (tally, recorder)
    }

    fn is_kept_at(rate: f64, arrivals: Arrivals, seed: u64) -> bool {
        let plan = Plan {
            seed,
            measure: Limit::requests(3_000),
            ..trial(&Plan::FIXTURE, Rate::nearest(rate), arrivals)
        };
        let (tally, recorder) = measure(&plan);
        is_kept(&tally, &recorder)
    }

    fn throughput() -> f64 {
        let flood = trial(&Plan::FIXTURE, Rate::per_second(1_000_000), Arrivals::Even);
        let (tally, _) = measure(&flood);
        tally.unblocked_rate().expect("requests were sent")
    }

    #[test]
    fn a_generator_keeps_its_schedule_up_to_its_throughput_only_if_arrivals_are_even() {
        let most = throughput();
        let limit = |arrivals| highest(most, |rate| is_kept_at(rate.as_f64(), arrivals, 1));
        let even = limit(Arrivals::Even).expect("there is one");
        let poisson = limit(Arrivals::Poisson).expect("there is one");
        assert!(even > 0.9 * most, "{even} of {most}");
        assert!(poisson < 0.6 * most, "{poisson} of {most}");
        assert!(!is_kept_at(0.6 * most, Arrivals::Poisson, 1));
        for percent in [10, 30, 60, 90] {
            // Other arrivals than those that it was found with.
            let rate = poisson * f64::from(percent) / 100.0;
            assert!(is_kept_at(rate, Arrivals::Poisson, 7), "{percent} %");
        }
    }

    #[test]
    fn the_rate_is_raised_until_it_is_too_high() {
        for part in 0..=PARTS {
            let mut trials = 0;
            let least_missed = f64::from(part) * 50.0 + 1.0;
            let found = highest(1000.0, |rate| {
                trials += 1;
                rate.as_f64() < least_missed
            });
            let expected = (part > 0).then(|| f64::from(part) * 50.0);
            assert_eq!(found, expected);
            assert!(trials <= part + TRIALS, "{trials} trials");
        }
        // A higher rate that is kept says nothing about those below.
        let found = highest(1000.0, |rate| rate.as_f64() != 150.0);
        assert_eq!(found, Some(100.0));
    }

    #[test]
    fn a_stall_of_the_host_costs_a_trial_and_not_the_rate() {
        let mut trials = 0;
        let found = highest(1000.0, |_| {
            trials += 1;
            trials % TRIALS == 0
        });
        assert_eq!(found, Some(1000.0));
        assert_eq!(trials, PARTS * TRIALS);
    }

    #[test]
    fn a_run_too_short_for_a_p90_shows_nothing() {
        let short = |count| Plan {
            measure: Limit::requests(count),
            ..trial(&Plan::FIXTURE, Rate::per_second(10_000), Arrivals::Even)
        };
        for (count, shows) in [(99, false), (100, true)] {
            let (tally, recorder) = measure(&short(count));
            assert_eq!(is_kept(&tally, &recorder), shows, "{count}");
        }
    }
}
