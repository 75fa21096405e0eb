//! A measurement second by second, in which something happens to the measuring thread, or to the service.

use super::*;

const SECOND_NS: u64 = 1_000_000_000;

/// Requests in a second.
const RATE: u64 = 97;

/// Round trips of an ordinary second, of which the slowest takes twice as long as the fastest.
const ROUND_TRIP_NS: u64 = 200_000;

/// A measurement of `rate` requests a second.
struct Measurement {
    validity: RecentValidity,
    second: u64,
    rate: u64,
}

/// Event in a second.
#[derive(Clone, Copy, Default)]
struct Event {
    /// Requests at the start of the second that are sent this late, one after the other less.
    late_ns: u64,
    lost: u64,
    not_sent: u64,
    /// Requests that take this long since their send, the last ones of the second.
    slow: (u64, u64),
    waits: CpuWaits,
}

impl Measurement {
    fn new(rate: u64) -> Self {
        Self {
            validity: RecentValidity::default(),
            second: 0,
            rate,
        }
    }

    fn second(&mut self, event: Event) -> bool {
        let mut block = Block {
            from_ns: self.second * SECOND_NS,
            to_ns: (self.second + 1) * SECOND_NS,
            ..Block::default()
        };
        for index in 0..self.rate {
            let round_trip_ns = match index {
                index if index < event.lost => SECOND_NS,
                index if index >= self.rate - event.slow.0 => event.slow.1,
                index => ROUND_TRIP_NS / 2 + ROUND_TRIP_NS / 2 * index / self.rate,
            };
            let behind_ns = index * SECOND_NS / self.rate;
            let late_ns = event.late_ns.saturating_sub(behind_ns);
            block.series.latency.record(late_ns + round_trip_ns);
            block.series.lateness.record(late_ns);
            block.round_trip.record(round_trip_ns);
        }
        (0..event.not_sent).for_each(|_| block.series.latency.record(SECOND_NS));
        block.outcomes.requests = self.rate;
        block.outcomes.lost = event.lost;
        block.outcomes.replies = self.rate - event.lost;
        block.outcomes.not_sent = event.not_sent;
        self.second += 1;
        self.validity.add(&block, &event.waits);
        self.validity.is_valid()
    }

    fn quiet(&mut self, seconds: u64) -> bool {
        let wake_ups = CpuWaits {
            scheduled: Waits {
                count: 2 * self.rate,
                after_sleep: 2 * self.rate,
                total_ns: 2 * self.rate * 8_000,
            },
            ..CpuWaits::default()
        };
        let quiet = Event {
            waits: wake_ups,
            ..Event::default()
        };
        (0..seconds).fold(false, |_, _| self.second(quiet))
    }
}

/// Asserts that `event` makes a measurement of `rate` invalid at once, and that it is valid again a minute later and not
/// before half of one.
fn spoils(rate: u64, event: Event) {
    for after in [1, 45, 100] {
        let mut measurement = Measurement::new(rate);
        assert!(measurement.quiet(after));
        assert!(!measurement.second(event), "after {after} s");
        assert!(!measurement.quiet(28), "after {after} s");
        let is_valid_after = (30..=61).find(|_| measurement.quiet(1));
        assert!(is_valid_after.is_some(), "after {after} s");
        assert!(measurement.quiet(70));
    }
}

#[test]
fn a_stopped_measuring_thread_spoils_what_fell_due_meanwhile() {
    // A process that is stopped for a second waits for no CPU: nothing tells of it but the lateness afterwards.
    let stopped = Event {
        late_ns: SECOND_NS,
        ..Event::default()
    };
    spoils(RATE, stopped);
    spoils(1, stopped);
    spoils(1000, stopped);
}

#[test]
fn replies_that_a_stopped_thread_took_in_late_are_not_the_services() {
    // Twenty requests a second that take two each: of those in flight as many come in late as are sent late, and both
    // distributions have the same tail.
    let mut validity = RecentValidity::default();
    let mut second = |late_ns: &[u64], slow_ns: &[u64]| {
        let mut block = Block {
            from_ns: validity.older.to_ns,
            to_ns: validity.older.to_ns + SECOND_NS,
            ..Block::default()
        };
        let requests = late_ns.iter().map(|&ns| (ns, 0));
        let requests = requests.chain(slow_ns.iter().map(|&ns| (0, ns)));
        for (late_ns, slow_ns) in requests {
            let round_trip_ns = 2 * SECOND_NS + slow_ns;
            block.series.latency.record(round_trip_ns + late_ns);
            block.series.lateness.record(late_ns);
            block.round_trip.record(round_trip_ns);
            block.outcomes.requests += 1;
        }
        validity.add(&block, &CpuWaits::default());
        validity.is_valid()
    };
    let stopped: Vec<u64> = (1..=20).map(|index| index * SECOND_NS / 20).collect();
    assert!((0..10).all(|_| second(&[0; 20], &[])));
    assert!(second(&[0; 20], &stopped), "the service is slow");
    assert!(!second(&stopped, &stopped), "the thread was stopped");
}

#[test]
fn lateness_counts_from_a_tenth_of_the_latency_on() {
    let mut measurement = Measurement::new(RATE);
    assert!(measurement.quiet(60));
    // 19 us on a request a second: what is later than that is no tenth of the 99th percentile's 199 us.
    let late = |late_ns| Event {
        late_ns,
        ..Event::default()
    };
    assert!((0..60).all(|_| measurement.second(late(19_000))));
    // Two requests a second are over one in a hundred, once they were so for half of the time.
    let valid = (0..70).map(|_| measurement.second(late(15_000_000)));
    let valid: Vec<_> = valid.collect();
    assert!(valid[0] && !valid[40..].contains(&true), "{valid:?}");
}

/// Asserts that slow requests spoil a measurement if `waits` explain them, and are the service's if nothing does.
fn explained(of: impl Fn(Waits) -> CpuWaits) {
    for (rate, count) in [(RATE, 60), (1, 1)] {
        let length_ns = 10_000_000;
        let event = |waits| Event {
            slow: (count, length_ns),
            waits,
            ..Event::default()
        };
        let waits = Waits {
            count,
            after_sleep: 0,
            total_ns: count * length_ns,
        };
        spoils(rate, event(of(waits)));
        let mut measurement = Measurement::new(rate);
        assert!(measurement.quiet(60));
        let unexplained = event(CpuWaits::default());
        assert!(measurement.second(unexplained) && measurement.quiet(70));
    }
}

#[test]
fn a_cpu_that_others_have_spoils_the_requests_that_it_explains() {
    explained(|scheduled| CpuWaits {
        scheduled,
        ..CpuWaits::default()
    });
}

#[test]
fn a_cpu_limit_spoils_like_any_other_wait() {
    explained(|throttled| CpuWaits {
        throttled,
        ..CpuWaits::default()
    });
}

#[test]
fn waits_that_can_have_moved_no_percentile_by_a_tenth_spoil_nothing() {
    // Fifty of a millisecond, while the 99th percentile is close to the others beside it.
    let mut measurement = Measurement::new(RATE);
    assert!(measurement.quiet(60));
    let scheduled = Waits {
        count: 50,
        after_sleep: 0,
        total_ns: 50_000_000,
    };
    assert!(measurement.second(Event {
        waits: CpuWaits {
            scheduled,
            ..CpuWaits::default()
        },
        ..Event::default()
    }));
    assert!(measurement.quiet(70));
}

#[test]
fn requests_that_were_not_sent_spoil_and_lost_ones_do_not() {
    spoils(
        RATE,
        Event {
            not_sent: 10,
            ..Event::default()
        },
    );
    spoils(
        1,
        Event {
            not_sent: 1,
            ..Event::default()
        },
    );
    let mut measurement = Measurement::new(RATE);
    assert!(measurement.quiet(60));
    let lost = |lost| Event {
        lost,
        ..Event::default()
    };
    assert!((0..70).all(|_| measurement.second(lost(5))), "some");
    assert!((0..70).all(|_| measurement.second(lost(RATE))), "all");
}

#[test]
fn nothing_sent_is_not_valid_and_a_pause_forgets_what_was_before() {
    let mut idle = Measurement::new(0);
    assert!(!RecentValidity::default().is_valid() && !idle.quiet(1));
    let mut measurement = Measurement::new(RATE);
    assert!(measurement.quiet(10));
    assert!(!measurement.second(Event {
        late_ns: SECOND_NS,
        ..Event::default()
    }));
    measurement.second += 600;
    assert!(measurement.quiet(1));
}
