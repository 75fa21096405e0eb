//! The open loop: requests that are due whatever became of the others.

use super::*;

#[test]
fn an_open_loop_may_send_less_than_once_a_second() {
    let slow = |warmup_ns, measure_ns| Plan {
        warmup: Limit::lasting(warmup_ns),
        measure: Limit::lasting(measure_ns),
        ..plan(
            Mode::Open {
                rate: "0.2".parse().unwrap(),
                arrivals: Arrivals::Even,
            },
            0,
            0,
        )
    };
    let mut sent_ns = Vec::new();
    let (tally, log) = measure(&slow(500_000_000, 60_000_000_000), |header, request| {
        sent_ns.push(header.t1_ns);
        vec![(RTT_NS, reply(request))]
    });
    assert_eq!((tally.warmup_discarded, tally.sent, tally.lost), (1, 12, 0));
    expect_rate(&tally, 0.2);
    assert_eq!(tally.sending_ns, 60_000_000_000);
    assert!(log.lateness_ns.iter().all(|&ns| ns < 10_000));
    // One to warm up, the first that is measured when that is over, and then one every five seconds.
    let apart_s = |pair: &[u64]| (pair[1] - pair[0]) as f64 / 1e9;
    let apart: Vec<f64> = sent_ns.windows(2).map(apart_s).collect();
    assert!((apart[0] - 0.5).abs() < 1e-4, "{apart:?}");
    assert!(
        apart[1..].iter().all(|s| (s - 5.0).abs() < 1e-4),
        "{apart:?}"
    );
    // A measurement shorter than an interval is one request, at once.
    let (tally, log) = measure(&slow(0, 1_000_000_000), |_, request| {
        vec![(RTT_NS, reply(request))]
    });
    assert_eq!((tally.sent, tally.received), (1, 1));
    assert!(log.lateness_ns[0] < 10_000);
}

#[test]
fn random_arrivals_are_sent_at_their_times_and_limit_no_generator() {
    let rate = Rate::per_second(10_000);
    let arrivals = Arrivals::Poisson;
    let plan = plan(Mode::Open { rate, arrivals }, 0, 10_000);
    let mut sent_ns = Vec::new();
    let (tally, log) = measure(&plan, |header, request| {
        sent_ns.push(header.t1_ns);
        vec![(RTT_NS, reply(request))]
    });
    assert_eq!((tally.sent, tally.lost), (10_000, 0));
    let mut schedule = schedule::Schedule::new(tally.started_ns, rate, arrivals, plan.seed);
    for &at_ns in &sent_ns {
        // A handful of calls of 10 ns each, for each of those that are due at nearly the same time.
        let late_ns = at_ns - schedule.due_ns();
        assert!(late_ns < 500, "{late_ns}");
        schedule.advance();
    }
    assert!(log.lateness_ns.iter().all(|&ns| ns < 500));
    // By chance the rate is off by as much as one in a hundred, and that is no fault of the generator's.
    let off = tally.achieved_rate().unwrap() / 10_000.0 - 1.0;
    assert!(off.abs() < 0.04, "{off}");
    assert!(!tally.is_generator_limited(0), "{tally:?}");
}

#[test]
fn an_open_loop_counts_from_when_a_request_was_due() {
    // The link is dead for 2 ms after request 20, as if the whole host had stopped: the clock jumps.
    let clock = VirtualClock::default();
    let stall = clock.clone();
    let mut link = FakeLink::new(&clock, move |header: &Header, request: &[u8]| {
        if header.seq == 20 {
            stall.advance_to(header.t1_ns + 2_000_000);
        }
        vec![(RTT_NS, reply(request))]
    });
    let (tally, _, log) = run_over(
        &mut link,
        &clock,
        &plan(open(10_000), 0, 100),
        Some(BOOT_ID),
    );
    assert_eq!(tally.sent, 100);
    // Requests 21 to 39 were due while it stood still: 1.9 ms late, 1.8 ms, and so on.
    let late = log.lateness_ns.iter().filter(|&&ns| ns > 90_000).count();
    assert_eq!(late, 19);
    assert!(log.lateness_ns[21] >= 1_900_000);
    let waited = |sample: &&Sample| sample.latency_ns > RTT_NS + 90_000;
    assert!(log.samples.iter().filter(waited).count() >= 19);
    for sample in &log.samples {
        assert!(sample.latency_ns >= sample.round_trip_ns);
    }
}

#[test]
fn a_service_that_stands_still_costs_a_client_that_waits_one_sample() {
    // Replies to what is sent from 2 ms to 4 ms come together at 4 ms.
    let plan = Plan {
        timeout_ns: 10_000_000,
        ..plan(open(10_000), 0, 100)
    };
    let mut first_ns = None;
    let (tally, log) = measure(&plan, |header, request| {
        let since_ns = header.t1_ns - *first_ns.get_or_insert(header.t1_ns);
        let waits_ns = match since_ns {
            2_000_000..4_000_000 => 4_000_000 - since_ns,
            _ => 0,
        };
        vec![(waits_ns + RTT_NS, reply(request))]
    });
    assert_eq!((tally.sent, tally.lost), (100, 0));
    let delayed = |sample: &&Sample| sample.latency_ns > RTT_NS + 10_000;
    let delayed: Vec<&Sample> = log.samples.iter().filter(delayed).collect();
    // One every 0.1 ms, each by 0.1 ms less than the one before.
    assert!((19..=20).contains(&delayed.len()), "{}", delayed.len());
    let closed_loop: Vec<_> = delayed
        .iter()
        .filter(|sample| sample.is_closed_loop_sample)
        .collect();
    assert_eq!(closed_loop.len(), 1);
    assert!(
        closed_loop[0].round_trip_ns > 1_900_000,
        "{:?}",
        closed_loop[0]
    );
    // Before and after, each is.
    let closed_loop = log
        .samples
        .iter()
        .filter(|sample| sample.is_closed_loop_sample)
        .count();
    assert!(
        (100 - 21..=100 - 18).contains(&closed_loop),
        "{closed_loop}"
    );
}

#[test]
fn an_open_loop_that_fell_behind_floods_no_queue() {
    // The far end holds 16 datagrams, as a small ring would, and the host stands still for 900 us:
    // 90 requests are due at once when it goes on.
    let clock = VirtualClock::default();
    let stall = clock.clone();
    let mut link = FakeLink::new(&clock, move |header: &Header, request: &[u8]| {
        if header.seq == 50 {
            stall.advance_to(header.t1_ns + 900_000);
        }
        // There as soon as it is looked for.
        vec![(1, reply(request))]
    });
    link.room = 16;
    let (tally, _, log) = run_over(
        &mut link,
        &clock,
        &plan(open(100_000), 0, 2000),
        Some(BOOT_ID),
    );
    assert_eq!((tally.sent, tally.received, tally.lost), (2000, 2000, 0));
    // It caught up: the last ones are on time again.
    assert!(log.lateness_ns[51] > 880_000);
    assert!(log.lateness_ns[1000..].iter().all(|&ns| ns < 1000));
}

#[test]
fn an_open_loop_does_not_wait_for_replies() {
    let slow_ns = 900_000;
    let plan = plan(open(10_000), 0, 200);
    let (tally, log) = measure(&plan, |_, request| vec![(slow_ns, reply(request))]);
    assert_eq!((tally.sent, tally.received), (200, 200));
    assert!(log.lateness_ns.iter().all(|&ns| ns < 1000));
    assert!(tally.elapsed_ns < 200 * 100_000 + 2 * slow_ns);
}
