//! A generator on virtual time that takes its time for each request and each reply, on a host that has stalls.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use wire::Header;

use super::*;
use crate::link::{LinkError, Received, Sent};
use crate::load::fake::{Answer, BOOT_ID, FakeLink, VirtualClock, reply};
use crate::load::{self, LoadContext, Progress};

/// Time that the generator takes to send a request and to take in its reply, and the service to answer it, in
/// nanoseconds.
const SEND_NS: u64 = 1_000;
const RECEIVE_NS: u64 = 4_000;
const RTT_NS: u64 = 20_000;

const SECOND_NS: u64 = 1_000_000_000;

/// A host on virtual time: its clock, and the times at which it next takes the generator's CPU away.
#[derive(Clone, Default)]
struct Host {
    clock: VirtualClock,
    /// Time of the next stall, its length, and the time from one to the next, all in nanoseconds.
    stall_at_ns: Rc<Cell<u64>>,
    stall_ns: u64,
    stalls_every_ns: u64,
}

impl Host {
    /// Returns a host without stalls.
    fn quiet() -> Self {
        Self::with_stalls(u64::MAX, 0, 0)
    }

    /// Returns a host with stalls of `stall_ns`, the first of them at `at_ns` and another each `every_ns`.
    fn with_stalls(at_ns: u64, stall_ns: u64, every_ns: u64) -> Self {
        Self {
            clock: VirtualClock::default(),
            stall_at_ns: Rc::new(Cell::new(at_ns)),
            stall_ns,
            stalls_every_ns: every_ns,
        }
    }

    /// Lets the generator work for `ns`, and for as long as a stall takes that begins by then.
    fn work(&self, ns: u64) {
        let mut now_ns = self.clock.now_ns() + ns;
        let at_ns = self.stall_at_ns.get();
        if now_ns >= at_ns {
            now_ns = now_ns.max(at_ns + self.stall_ns);
            let next_ns = at_ns.saturating_add(self.stalls_every_ns).max(now_ns);
            self.stall_at_ns.set(match self.stalls_every_ns {
                0 => u64::MAX,
                _ => next_ns,
            });
        }
        self.clock.advance_to(now_ns);
    }
}

/// A link that polls, on a host's virtual time.
struct Slow<S> {
    link: FakeLink<S>,
    host: Host,
}

impl<S: FnMut(&Header, &[u8]) -> Vec<Answer>> Link for Slow<S> {
    fn name(&self) -> &'static str {
        self.link.name()
    }

    fn is_polled(&self) -> bool {
        true
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        let sent = self.link.send(datagram);
        self.host.work(SEND_NS);
        sent
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        let received = self.link.receive(buffer, deadline_ns);
        if matches!(received, Ok(Some(_))) {
            self.host.work(RECEIVE_NS);
        }
        received
    }
}

/// Measures by `plan` on `host`, for `most_ns` at most.
fn measure(host: &Host, plan: &Plan, most_ns: u64) -> (Tally, RunRecorder) {
    let answer = |_: &Header, request: &[u8]| vec![(RTT_NS, reply(request))];
    let mut recorder = RunRecorder::new(plan);
    let clock = &host.clock;
    let ends_ns = clock.now_ns().saturating_add(most_ns);
    let context = LoadContext {
        link: &mut Slow {
            link: FakeLink::new(clock, answer),
            host: host.clone(),
        },
        observer: &mut recorder,
        now_ns: || clock.now_ns(),
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| match clock.now_ns() < ends_ns {
            true => Ok(()),
            false => Err(()),
        },
    };
    let (tally, _) = load::run(plan, Some(BOOT_ID), context);
    (tally, recorder)
}

/// Makes one trial, of `requests` requests.
fn trial_on(
    host: &Host,
    rate: Rate,
    arrivals: Arrivals,
    seed: u64,
    requests: u64,
) -> Option<Trial> {
    let plan = Plan {
        seed,
        measure: Limit::requests(requests),
        ..trial(&Plan::FIXTURE, rate, arrivals, 0)
    };
    let (tally, recorder) = measure(host, &plan, 2 * rate.time_of(requests));
    Trial::of(&tally, &recorder)
}

fn throughput() -> f64 {
    let rate = Rate::per_second(1_000_000);
    let flood = Plan {
        measure: Limit::requests(3_000),
        ..trial(&Plan::FIXTURE, rate, Arrivals::Even, 0)
    };
    let (tally, _) = measure(&Host::quiet(), &flood, SECOND_NS);
    tally.unblocked_rate().expect("requests were sent")
}

/// Returns the limit as it is found on `host`, with trials of the usual size.
fn limit_on(host: &Host, arrivals: Arrivals, seed: u64) -> Option<f64> {
    let mut number = 0;
    let measure = |rate| {
        number += 1;
        trial_on(host, rate, arrivals, seed + number, REQUESTS)
    };
    let pause = || host.clock.advance_to(host.clock.now_ns() + 50_000_000);
    highest(throughput(), SEARCHES, measure, pause)
}

/// Returns whether the generator keeps its schedule, by one trial that is long enough to be sure.
fn is_kept_for_long(rate: f64, arrivals: Arrivals) -> bool {
    let host = Host::quiet();
    let trial = trial_on(&host, Rate::nearest(rate), arrivals, 99, 4_000);
    trial.is_some_and(|trial| trial.is_kept(RTT_NS))
}

#[test]
fn the_limit_is_found_to_within_a_factor_and_no_higher_rate_is_kept() {
    let limit = limit_on(&Host::quiet(), Arrivals::Poisson, 1).expect("there is one");
    for number in 0..=HIGHEST {
        let rate = rate(throughput(), number);
        let is_kept = is_kept_for_long(rate, Arrivals::Poisson);
        if rate * FACTOR < limit * 1.01 {
            assert!(is_kept, "{rate} of {limit}");
        }
        // Up to the throughput, where replies are late as well.
        if rate > limit * FACTOR * 1.01 {
            assert!(!is_kept, "{rate} of {limit}");
        }
    }
}

#[test]
fn random_arrivals_are_late_long_before_even_ones() {
    let limit = |arrivals| limit_on(&Host::quiet(), arrivals, 1).expect("there is one");
    let (even, poisson) = (limit(Arrivals::Even), limit(Arrivals::Poisson));
    assert!(even > 0.4 * throughput(), "{even}");
    assert!(poisson < 0.2 * throughput(), "{poisson}");
}

#[test]
fn six_tenths_of_the_limit_are_kept_with_room() {
    let limit = limit_on(&Host::quiet(), Arrivals::Poisson, 1).expect("there is one");
    for (percent, seed) in [(10, 3), (30, 4), (60, 5)] {
        let rate = Rate::nearest(limit * f64::from(percent) / 100.0);
        let host = Host::quiet();
        let trial = trial_on(&host, rate, Arrivals::Poisson, seed, 4_000).expect("enough");
        let moved_ns = trial.since_due_ns - trial.since_send_ns;
        let least_wide_ns = trial.since_due_ns / 10;
        assert!(2 * moved_ns < least_wide_ns, "{percent} %: {trial:?}");
    }
}

#[test]
fn one_stall_does_not_decide_whenever_it_comes() {
    let quiet = limit_on(&Host::quiet(), Arrivals::Poisson, 1);
    // From the first trial to the last, each search takes some seconds of virtual time.
    for at_ns in [1, 50, 1_000, 4_000].map(|at_ms| at_ms * 1_000_000) {
        let host = Host::with_stalls(at_ns, 200_000_000, 0);
        assert_eq!(limit_on(&host, Arrivals::Poisson, 1), quiet, "{at_ns}");
        assert_eq!(host.stall_at_ns.get(), u64::MAX, "it came");
    }
}

#[test]
fn a_generator_that_is_never_on_time_has_no_limit() {
    // A fifth of all time is another's.
    let host = Host::with_stalls(0, 1_000_000, 5_000_000);
    assert_eq!(limit_on(&host, Arrivals::Poisson, 1), None);
    assert_eq!(
        highest(1e6, SEARCHES, |_| None, || ()),
        None,
        "nothing comes back"
    );
}

/// A trial whose lateness is `late_ns`, of a round trip of a microsecond.
fn late_by(late_ns: u64) -> Trial {
    Trial {
        since_due_ns: 1_000 + late_ns,
        since_send_ns: 1_000,
        lateness_ns: late_ns,
        clock_read_ns: 0,
        resolution_ns: 1,
    }
}

#[test]
fn every_limit_is_found_by_searches_with_pauses_in_between() {
    for number in 0..=HIGHEST {
        let limit = rate(1e6, number);
        let (mut trials, mut pauses) = (0, 0);
        let measure = |rate: Rate| {
            trials += 1;
            let is_over = rate.as_f64() > limit * 1.001;
            Some(late_by(if is_over { 500 } else { 0 }))
        };
        let found = highest(1e6, SEARCHES, measure, || pauses += 1).expect("there is one");
        assert!((found / limit - 1.0).abs() < 1e-9, "{found} for {limit}");
        assert_eq!(pauses, SEARCHES - 1);
        assert!(trials <= SEARCHES * 13, "{trials} trials");
    }
    assert!((rate(64e6, 0) / 1e6 - 1.0).abs() < 1e-9);
}

#[test]
fn rates_that_take_too_long_to_try_are_not_tried() {
    for throughput in [0.5, 1_000.0, 6_000.0, 1e5, 1e9] {
        let lowest = Cell::new(f64::MAX);
        let measure = |rate: Rate| {
            lowest.set(rate.as_f64().min(lowest.get()));
            Some(late_by(0))
        };
        let found = highest(throughput, 1, measure, || ());
        assert_eq!(found, Some(throughput));
        assert!(
            lowest.get() >= LOWEST.min(throughput * 0.999),
            "{throughput}"
        );
    }
}

#[test]
fn a_minority_of_disturbed_searches_changes_nothing() {
    let limit = rate(1e6, 10) * 1.001;
    let (quiet, disturbed) = (SEARCHES / 2 + 1, SEARCHES / 2);
    for is_disturbed in [
        |search: usize| search < SEARCHES / 2,
        |search: usize| search > SEARCHES / 2,
    ] {
        let searches = Cell::new(0);
        let counts = Cell::new([0; 2]);
        let measure = |rate: Rate| {
            let is_disturbed = is_disturbed(searches.get());
            let mut count = counts.get();
            count[usize::from(is_disturbed)] += 1;
            counts.set(count);
            let is_late = is_disturbed || rate.as_f64() > limit;
            Some(late_by(if is_late { 5_000 } else { 0 }))
        };
        let found = highest(1e6, SEARCHES, measure, || searches.set(searches.get() + 1));
        // Two ways of computing a power differ in the last bits.
        let ratio = found.expect("there is one") / rate(1e6, 10);
        assert!((ratio - 1.0).abs() < 1e-9, "{ratio}");
        let [of_quiet, of_disturbed] = counts.get();
        assert!(of_quiet >= quiet && of_disturbed >= disturbed);
    }
}

#[test]
fn half_of_what_a_clean_percentile_allows_is_kept() {
    assert!(late_by(55).is_kept(1_000));
    assert!(!late_by(56).is_kept(1_000));
    // A round trip at rest that is longer, or shorter, than the trial's own.
    assert!(!late_by(56).is_kept(9_000));
    assert!(!late_by(55).is_kept(900));
    let coarse = Trial {
        resolution_ns: 300,
        ..late_by(150)
    };
    assert!(coarse.is_kept(1_000), "the clock does not tell");
    let of_a_reading = |late_ns| Trial {
        clock_read_ns: 25,
        ..late_by(late_ns)
    };
    assert!(of_a_reading(80).is_kept(1_000));
    assert!(!of_a_reading(81).is_kept(1_000));
    let moves_little = Trial {
        since_due_ns: 1_000,
        ..late_by(56)
    };
    assert!(!moves_little.is_kept(1_000));
}

#[test]
fn a_run_too_short_for_a_p90_shows_nothing() {
    for (requests, shows) in [(99, false), (100, true)] {
        let rate = Rate::per_second(10_000);
        let trial = trial_on(&Host::quiet(), rate, Arrivals::Even, 1, requests);
        assert_eq!(trial.is_some(), shows, "{requests}");
    }
}

#[test]
fn a_trial_of_any_rate_is_long_enough_for_a_p90() {
    for per_second in [1, 1_500, 10_000, 100_000, 1_000_000] {
        let rate = Rate::per_second(per_second);
        let requests = rate.requests_in(duration_ns(rate));
        assert!(requests >= ENOUGH, "{requests} at {per_second}/s");
    }
    assert!(duration_ns(Rate::nearest(LOWEST)) <= 2 * MOST_NS);
}
