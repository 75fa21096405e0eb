//! Requests that this host refuses to send.

use super::*;
use crate::link::{Received, Refusal, Sent};

/// A link that this host refuses to send on for a while, by the clock.
struct Refusing<L> {
    inner: L,
    clock: VirtualClock,
    during_ns: std::ops::Range<u64>,
    refusal: Refusal,
    refused: u64,
}

impl<L: Link> Link for Refusing<L> {
    fn name(&self) -> &'static str {
        "refusing"
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        if self.during_ns.contains(&self.clock.now_ns()) {
            self.refused += 1;
            return Ok(Sent::Refused(self.refusal));
        }
        self.inner.send(datagram)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        self.inner.receive(buffer, deadline_ns)
    }
}

/// Measures by `plan` on a link that refuses `during_ns`: what came of it, and how often it refused.
fn measure_refused(
    plan: &Plan,
    during_ns: std::ops::Range<u64>,
    refusal: Refusal,
) -> (Tally, Ending<Failure<Infallible>>, u64) {
    let clock = VirtualClock::default();
    let mut link = Refusing {
        inner: FakeLink::new(&clock, |_: &Header, request: &[u8]| {
            vec![(RTT_NS, reply(request))]
        }),
        clock: clock.clone(),
        during_ns,
        refusal,
        refused: 0,
    };
    let (tally, ending, log) = run_over(&mut link, &clock, plan, Some(BOOT_ID));
    assert_eq!(tally.dropped_locally, log.dropped.len() as u64);
    let is_censored = |dropped: &Dropped| dropped.latency_ns >= plan.timeout_ns;
    assert!(log.dropped.iter().all(is_censored));
    (tally, ending, link.refused)
}

const MS: u64 = 1_000_000;

fn refusal(error: rustix::io::Errno) -> Refusal {
    Refusal::of(error).unwrap()
}

#[test]
fn requests_that_this_host_does_not_send_are_counted_and_the_run_goes_on() {
    let depth = NonZeroU16::new(8).unwrap();
    for mode in [Mode::Closed, open(10_000), Mode::Pipeline { depth }] {
        let plan = Plan {
            measure: Limit::lasting(400 * MS),
            ..plan(mode, 0, 0)
        };
        let down = refusal(rustix::io::Errno::NETUNREACH);
        let (tally, ending, refused) = measure_refused(&plan, 100 * MS..200 * MS, down);
        assert!(matches!(ending, Ending::Completed), "{ending:?}");
        assert_eq!(tally.send_errors.total(), refused);
        let by_reason: Vec<_> = tally.send_errors.by_reason().collect();
        assert_eq!(by_reason, [(down, refused)]);
        // Never sent, so it can't be lost; and a request is not made again and again meanwhile.
        assert_eq!((tally.received, tally.lost), (tally.sent, 0));
        let expected = match mode {
            // One a millisecond.
            Mode::Closed | Mode::Pipeline { .. } => 90..=110,
            // What was due.
            Mode::Open { .. } => 990..=1010,
        };
        assert!(expected.contains(&refused), "{mode:?}: {refused}");
        if let Mode::Open { .. } = mode {
            assert_eq!(tally.sent + refused, 4000);
            assert_eq!(tally.dropped_locally, refused);
            assert!(tally.is_generator_limited(0));
        } else {
            assert_eq!(tally.dropped_locally, 0, "nothing was due");
        }
        assert!(tally.elapsed_ns >= 399 * MS, "{tally:?}");
    }
}

#[test]
fn a_network_that_never_comes_back_has_an_end() {
    for mode in [Mode::Closed, open(10_000)] {
        let refused = refusal(rustix::io::Errno::PERM);
        let (tally, ending, _) = measure_refused(&plan(mode, 0, 100), MS..u64::MAX, refused);
        assert!(matches!(ending, Ending::Completed), "{ending:?}");
        assert!(tally.sent > 0 && tally.sent < 100);
        assert_eq!(tally.sent + tally.send_errors.total(), 100);
    }
}

#[test]
fn a_host_that_sends_nothing_from_the_start_is_said() {
    for mode in [
        Mode::Closed,
        open(10_000),
        Mode::Open {
            rate: "0.2".parse().unwrap(),
            arrivals: Arrivals::Even,
        },
    ] {
        let refused = refusal(rustix::io::Errno::PERM);
        let (tally, ending, _) = measure_refused(&plan(mode, 10, 100), 0..u64::MAX, refused);
        let Ending::Failed(Failure::Link(error)) = ending else {
            panic!("{ending:?}");
        };
        assert!(error.to_string().contains("EPERM"), "{error}");
        assert_eq!((tally.sent, tally.warmup_discarded), (0, 0));
    }
    // But not if it is only a matter of moments.
    let refused = refusal(rustix::io::Errno::NOBUFS);
    let (tally, ending, _) = measure_refused(&plan(Mode::Closed, 10, 100), 0..20 * MS, refused);
    assert!(matches!(ending, Ending::Completed), "{ending:?}");
    assert_eq!((tally.received, tally.send_errors.total()), (100, 0));
}

#[test]
fn a_full_queue_makes_requests_of_an_open_loop_late_and_drops_none() {
    for full in [rustix::io::Errno::NOBUFS, rustix::io::Errno::AGAIN] {
        let plan = Plan {
            timeout_ns: 200 * MS,
            measure: Limit::lasting(400 * MS),
            ..plan(open(10_000), 0, 0)
        };
        let (tally, ending, refused) = measure_refused(&plan, 100 * MS..200 * MS, refusal(full));
        assert!(matches!(ending, Ending::Completed), "{ending:?}");
        assert_eq!((tally.sent, tally.received), (4000, 4000), "{tally:?}");
        assert_eq!((tally.dropped_locally, tally.send_errors.total()), (0, 0));
        // It is tried again and again, at no great cost.
        assert!((1000..4000).contains(&refused), "{refused}");
        assert!((90 * MS..110 * MS).contains(&tally.blocked_ns), "{tally:?}");
    }
}

#[test]
fn a_queue_that_is_full_for_longer_than_the_timeout_drops_what_was_due_meanwhile() {
    // Full for 100 ms: what is due in the first 90 of them waits for 10 ms, and is given up.
    let plan = Plan {
        timeout_ns: 10 * MS,
        measure: Limit::lasting(400 * MS),
        ..plan(open(10_000), 0, 0)
    };
    let full = refusal(rustix::io::Errno::NOBUFS);
    let (tally, ending, _) = measure_refused(&plan, 100 * MS..200 * MS, full);
    assert!(matches!(ending, Ending::Completed), "{ending:?}");
    assert!((890..=910).contains(&tally.dropped_locally), "{tally:?}");
    assert_eq!(tally.sent + tally.dropped_locally, 4000);
    assert_eq!((tally.received, tally.lost), (tally.sent, 0));
    let by_reason: Vec<_> = tally.send_errors.by_reason().collect();
    assert_eq!(by_reason, [(full, tally.dropped_locally)]);
}
