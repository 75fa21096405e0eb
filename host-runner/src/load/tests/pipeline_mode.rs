//! The pipeline on virtual time.

use std::num::NonZeroU16;

use super::*;

fn pipeline(depth: u16) -> Mode {
    Mode::Pipeline {
        depth: NonZeroU16::new(depth).unwrap(),
    }
}

/// Returns the times at which each measured request was sent, and was answered or lost.
fn spans(log: &Log) -> Vec<(u64, u64)> {
    let answered = log
        .samples
        .iter()
        .map(|sample| (sample.at_ns - sample.round_trip_ns, sample.at_ns));
    let lost = log
        .losses
        .iter()
        .map(|loss| (loss.at_ns - loss.round_trip_ns, loss.at_ns));
    let mut spans: Vec<(u64, u64)> = answered.chain(lost).collect();
    spans.sort_unstable();
    spans
}

/// The most requests that were in flight at once.
fn deepest(spans: &[(u64, u64)]) -> usize {
    let in_flight_at = |at_ns| {
        let is_in_flight =
            |&&(sent_ns, settled_ns): &&(u64, u64)| (sent_ns..settled_ns).contains(&at_ns);
        spans.iter().filter(is_in_flight).count()
    };
    spans
        .iter()
        .map(|&(sent_ns, _)| in_flight_at(sent_ns))
        .max()
        .unwrap_or(0)
}

#[test]
fn a_perfect_link_is_kept_busy() {
    for depth in [1, 2, 8, 256] {
        let plan = plan(pipeline(depth), 300, 3000);
        let (tally, log) = measure(&plan, |_, request| vec![(RTT_NS, reply(request))]);
        assert_eq!((tally.warmup_discarded, tally.sent), (300, 3000));
        assert_eq!((tally.received, tally.lost), (3000, 0));
        assert_eq!((tally.reordered, tally.duplicated, tally.late), (0, 0, 0));
        assert_eq!(deepest(&spans(&log)), usize::from(depth));
        assert!(log.lateness_ns.is_empty());
        assert!(log.samples.iter().all(|sample| sample.latency_ns >= RTT_NS));
        assert!(
            log.samples
                .iter()
                .all(|sample| sample.latency_ns == sample.round_trip_ns)
        );
        // What a round trip costs beyond its own time is the virtual clock's, 10 ns a call.
        let ideal_rate = f64::from(depth) * 1e9 / RTT_NS as f64;
        let rate = tally.answer_rate().unwrap();
        assert!(
            rate <= ideal_rate && rate > 0.8 * ideal_rate,
            "{depth}: {rate}"
        );
    }
}

#[test]
fn the_rate_is_of_what_came_while_requests_were_sent() {
    const WARMUP: u64 = 42;
    let plan = Plan {
        measure: Limit::lasting(100 * RTT_NS),
        ..plan(pipeline(4), WARMUP, 0)
    };
    let mut warmup_answered_ns = Vec::new();
    let (tally, log) = measure(&plan, |header, request| {
        let delay_ns = RTT_NS + header.seq % 4 * 1000;
        if header.seq < WARMUP {
            warmup_answered_ns.push(header.t1_ns + delay_ns);
        }
        vec![(delay_ns, reply(request))]
    });
    let began_ns = tally.started_ns;
    let ended_ns = began_ns + tally.sending_ns;
    let carried_in = warmup_answered_ns
        .iter()
        .filter(|&&ns| ns > began_ns)
        .count() as u64;
    let is_meanwhile = |sample: &&Sample| sample.at_ns <= ended_ns;
    let meanwhile = log.samples.iter().filter(is_meanwhile).count() as u64;
    assert!(
        carried_in > 0 && meanwhile < tally.received,
        "{carried_in} {tally:?}"
    );
    assert_eq!(tally.completed, carried_in + meanwhile);
    assert_eq!(
        tally.answer_rate(),
        Some(tally.completed as f64 * 1e9 / tally.sending_ns as f64)
    );
}

#[test]
fn a_lost_request_takes_its_place_until_the_timeout_and_no_longer() {
    let (tally, log) = measure(&plan(pipeline(2), 0, 100), |header, request| {
        match header.seq {
            3 => vec![],
            _ => vec![(RTT_NS, reply(request))],
        }
    });
    assert_eq!((tally.sent, tally.received, tally.lost), (100, 99, 1));
    let lost_ns = log.losses[0].at_ns;
    assert_eq!(log.losses[0].latency_ns, TIMEOUT_NS);
    let spans = spans(&log);
    // The other place went on: one after the other until the timeout, and two at once after it.
    let sent_until = |at_ns| {
        spans
            .iter()
            .filter(|&&(sent_ns, _)| sent_ns < at_ns)
            .count() as u64
    };
    let meanwhile = sent_until(lost_ns) - sent_until(lost_ns - TIMEOUT_NS + 1);
    assert!(
        (TIMEOUT_NS / RTT_NS - 1..=TIMEOUT_NS / RTT_NS).contains(&meanwhile),
        "{meanwhile}"
    );
    let next_ns = spans
        .iter()
        .map(|&(sent_ns, _)| sent_ns)
        .find(|&sent_ns| sent_ns >= lost_ns);
    assert!(next_ns.unwrap() < lost_ns + 100);
    assert_eq!(deepest(&spans), 2);
}

#[test]
fn a_dead_service_loses_every_request_and_the_measurement_ends() {
    let (tally, log) = measure(&plan(pipeline(8), 8, 50), |_, _| vec![]);
    assert_eq!((tally.sent, tally.received, tally.lost), (50, 0, 50));
    assert_eq!(tally.answer_rate(), None);
    assert_eq!(deepest(&spans(&log)), 8);
}

#[test]
fn one_request_at_a_time_is_a_closed_loop() {
    let script = |header: &Header, request: &[u8]| match header.seq % 7 {
        3 => vec![],
        _ => vec![(RTT_NS, reply(request))],
    };
    let (closed, closed_log) = measure(&plan(Mode::Closed, 5, 100), script);
    let (single, single_log) = measure(&plan(pipeline(1), 5, 100), script);
    assert_eq!(
        (closed.received, closed.lost),
        (single.received, single.lost)
    );
    let latencies = |log: &Log| {
        log.samples
            .iter()
            .map(|sample| sample.latency_ns)
            .collect::<Vec<_>>()
    };
    assert_eq!(latencies(&closed_log), latencies(&single_log));
}

proptest! {
    // Each case takes a window's 32 MiB.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// On any link: every request ends in one place, and there are never more than `depth`.
    #[test]
    fn the_books_balance_and_the_depth_holds(fates in fates(), depth in 1..40u16) {
        let count = fates.len() as u64;
        let (tally, log) = measure(&plan(pipeline(depth), 0, count), |header, request| {
            answers(&fates[header.seq as usize], request)
        });
        prop_assert_eq!(tally.sent, count);
        prop_assert_eq!(tally.received + tally.lost, count);
        prop_assert!(tally.completed <= tally.received);
        prop_assert!(tally.late <= tally.lost);
        prop_assert!(tally.reordered <= tally.received);
        let spans = spans(&log);
        prop_assert_eq!(spans.len() as u64, count);
        prop_assert!(deepest(&spans) <= usize::from(depth));
        // Never idle: whenever one goes out that is not in the first burst, it is because a place
        // was freed just before.
        for &(sent_ns, _) in spans.iter().skip(usize::from(depth)) {
            let freed = |&&(_, settled_ns): &&(u64, u64)| settled_ns <= sent_ns;
            let last_ns = spans.iter().filter(freed).map(|&(_, settled_ns)| settled_ns).max();
            prop_assert!(last_ns.is_some_and(|ns| sent_ns - ns < 20 * u64::from(depth) + 1000));
        }
        prop_assert!(log.losses.iter().all(|loss| loss.latency_ns == TIMEOUT_NS));
        prop_assert!(log.samples.iter().all(|sample| sample.latency_ns < TIMEOUT_NS));
    }
}
