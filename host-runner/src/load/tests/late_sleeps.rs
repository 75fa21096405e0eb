//! The waits of an open loop on a link that sleeps, with sleeps that end late.

use super::*;

/// Time that waking up takes, in nanoseconds.
const WAKE_UP_NS: u64 = 15_000;

/// Sends as planned to a service that answers after `rtt_ns`. Returns the counts, the events, the share of the
/// time that the thread slept, and the time that all took.
fn sleeping(plan: &Plan, rtt_ns: u64) -> (Tally, Log, f64) {
    let clock = VirtualClock::default();
    let start_ns = clock.now_ns();
    let mut link = FakeLink::new(&clock, move |_: &Header, request: &[u8]| {
        vec![(rtt_ns, reply(request))]
    });
    link.wake_up_ns = WAKE_UP_NS;
    let (tally, ending, log) = run_over(&mut link, &clock, plan, Some(BOOT_ID));
    assert!(matches!(ending, Ending::Completed), "{ending:?}");
    let slept_ns = link.slept_ns as f64;
    let share = slept_ns / (clock.now_ns() - start_ns) as f64;
    (tally, log, share)
}

fn at_20_000(arrivals: Arrivals, wait_rule: WaitRule) -> Plan {
    let rate = Rate::per_second(20_000);
    Plan {
        wait_rule,
        ..plan(Mode::Open { rate, arrivals }, 0, 20_000)
    }
}

/// Lateness that `part` of the requests did not exceed.
fn lateness_ns(log: &Log, part: f64) -> u64 {
    let mut lateness_ns = log.lateness_ns.clone();
    lateness_ns.sort_unstable();
    lateness_ns[(lateness_ns.len() as f64 * part) as usize]
}

#[test]
fn a_loop_that_may_yield_is_on_time_though_sleeps_end_late() {
    for arrivals in [Arrivals::Poisson, Arrivals::Even] {
        let plan = at_20_000(arrivals, WaitRule::Yield);
        let (tally, log, slept) = sleeping(&plan, 20_000);
        assert_eq!(
            (tally.sent, tally.received, tally.lost),
            (20_000, 20_000, 0)
        );
        assert!(lateness_ns(&log, 0.9) < 500, "{arrivals:?}");
        assert!(slept > 0.05, "{arrivals:?}: {slept}");
        // Who sleeps until right before a request is due by the mean interval is late now and then.
        let plan = at_20_000(arrivals, WaitRule::Sleep);
        let (_, log, _) = sleeping(&plan, 20_000);
        assert!(lateness_ns(&log, 0.9) > 1_000, "{arrivals:?}");
    }
}

#[test]
fn a_thread_that_could_stay_awake_for_ever_rests() {
    // A reply is always to come within the time for which one is awaited awake.
    let plan = at_20_000(Arrivals::Even, WaitRule::Yield);
    let (tally, log, slept) = sleeping(&plan, 45_000);
    assert_eq!((tally.received, tally.lost), (20_000, 0));
    // The kernel wants 5 % of every second.
    assert!((0.05..0.5).contains(&slept), "{slept}");
    assert!(log.lateness_ns.iter().all(|&ns| ns < 2 * WAKE_UP_NS));
}

#[test]
fn a_service_that_is_silent_is_not_awaited_awake() {
    let rate = Rate::per_second(1_000);
    let arrivals = Arrivals::Even;
    let plan = Plan {
        wait_rule: WaitRule::Yield,
        ..plan(Mode::Open { rate, arrivals }, 0, 100)
    };
    let (tally, _, slept) = sleeping(&plan, 10 * TIMEOUT_NS);
    assert_eq!((tally.sent, tally.lost), (100, 100));
    assert!(slept > 0.85, "{slept}");
}
