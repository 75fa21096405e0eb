//! Gaps and waits with numbers, and the requests that they hit.

use super::*;

/// Waits of the thread `thread` while other programs ran.
fn waits_of(thread: Thread, waits: Waits) -> Vec<ThreadWaits> {
    let taken_by = TakenBy::Programs;
    vec![ThreadWaits {
        thread,
        taken_by,
        waits,
    }]
}

fn lengths(values_ns: &[u64]) -> DurationHistogram {
    DurationHistogram::of_values(values_ns.iter().copied())
}

#[test]
fn unobserved_interference_is_unknown() {
    assert_eq!(Interference::default().hits(1), None);
    assert_eq!(Interference::default().losses(), None);
}

#[test]
fn gaps_hit_what_is_in_flight() {
    let lengths = lengths(&[2_000, 2_000, 5_000, 40_000]);
    let mut host = Interference {
        gaps: Some(MeasuringGaps {
            lengths: &lengths,
            account: None,
        }),
        in_flight: 1.0,
        ..Interference::default()
    };
    assert_eq!(host.hits(1_000), Some(4.0));
    assert_eq!(host.hits(4_000), Some(2.0));
    assert_eq!(host.hits(50_000), Some(0.0));
    host.in_flight = 32.0;
    assert_eq!(host.hits(4_000), Some(64.0));
}

#[test]
fn waits_are_bounded_by_their_number_and_by_their_time() {
    let waits = Waits {
        count: 40,
        after_sleep: 0,
        total_ns: 100_000_000,
    };
    let host = Interference {
        waits: waits_of(Thread::Answering, waits),
        in_flight: 1.0,
        ..Interference::default()
    };
    assert_eq!(host.hits(1_000), Some(40.0));
    assert_eq!(host.hits(10_000_000), Some(10.0));
    assert_eq!(host.hits(200_000_000), Some(0.0));
}

#[test]
fn a_wake_up_is_no_gap() {
    let wake_ups = 60_000;
    let waits = Waits {
        count: wake_ups,
        after_sleep: wake_ups,
        total_ns: wake_ups * WAKE_UP_NS + 40 * WAKE_UP_NS,
    };
    let host = Interference {
        waits: waits_of(Thread::Measuring, waits),
        in_flight: 1.0,
        ..Interference::default()
    };
    // However near to the median a percentile is.
    assert_eq!(host.hits(0), Some(40.0));
    assert_eq!(host.hits(2 * WAKE_UP_NS), Some(20.0));
}

#[test]
fn requests_due_while_the_service_waits_are_hit() {
    let waits = Waits {
        count: 40,
        after_sleep: 0,
        total_ns: 100_000_000,
    };
    // 100,000 requests a second.
    let open = Interference {
        waits: waits_of(Thread::Answering, waits),
        in_flight: 0.5,
        due_per_ns: 1e-4,
        ..Interference::default()
    };
    assert_eq!(open.hits(10_000_000), Some(10.0 * 0.5 + 9_000.0));
    // The same wait of the measuring thread delays the send, which is told as that.
    let on_the_way = Interference {
        waits: waits_of(Thread::Measuring, waits),
        ..open
    };
    assert_eq!(on_the_way.hits(10_000_000), Some(10.0 * 0.5));
}

#[test]
fn a_wake_up_is_not_somebody_elses() {
    let waits = |total_ns| Interference {
        waits: waits_of(
            Thread::Measuring,
            Waits {
                count: 75_000,
                after_sleep: 75_000,
                total_ns,
            },
        ),
        in_flight: 1.0,
        ..Interference::default()
    };
    // 2 us for each.
    assert_eq!(waits(150_000_000).hits(20_000), Some(0.0));
    assert_eq!(
        waits(3_750_000_000 + 10_000_000).hits(1_000_000),
        Some(10.0)
    );
}

#[test]
fn a_gap_loses_the_request_that_meets_it() {
    let lengths = lengths(&[900_000, 4_000_000, 8_000_000]);
    let host = Interference {
        gaps: Some(MeasuringGaps {
            lengths: &lengths,
            account: None,
        }),
        in_flight: 0.01,
        ..Interference::default()
    };
    assert_eq!(host.losses(), Some(2.0));
}

#[test]
fn the_thread_that_most_requests_were_hit_by_is_named_with_who_had_its_cpu() {
    let lengths = lengths(&[5_000; 30]);
    let waits = |total_ns| Waits {
        count: 10,
        after_sleep: 0,
        total_ns,
    };
    let account = |other_threads| GapAccount {
        other_threads,
        unscheduled: Waits {
            count: 28,
            ..waits(140_000)
        },
        is_shared: false,
    };
    let mut host = Interference {
        gaps: Some(MeasuringGaps {
            lengths: &lengths,
            account: Some(account(waits(10_000))),
        }),
        waits: waits_of(Thread::Answering, waits(6_000_000)),
        in_flight: 1.0,
        ..Interference::default()
    };
    let most_hit = |host: &Interference<'_>, ns| host.most_hit(ns).unwrap();
    let found = most_hit(&host, 5_000);
    assert_eq!(
        (found.thread, found.taken_by, found.total_ns),
        (Thread::Measuring, Some(TakenBy::Interrupts), 140_000)
    );
    // Of long gaps only the other thread had some.
    let found = most_hit(&host, 100_000);
    assert_eq!(
        (found.thread, found.taken_by, found.total_ns),
        (Thread::Answering, Some(TakenBy::Programs), 6_000_000)
    );
    assert_eq!(host.most_hit(60_000_000), None);
    host.gaps = Some(MeasuringGaps {
        lengths: &lengths,
        account: None,
    });
    assert_eq!(most_hit(&host, 5_000).taken_by, None);
}

/// Returns who is named for gaps of at least `ns` among those of `lengths`, which the kernel accounts for by threads,
/// and by nothing that it schedules, with a count and a total time in nanoseconds each.
fn named(
    lengths: &DurationHistogram,
    ns: u64,
    threads: (u64, u64),
    unscheduled: (u64, u64),
) -> Option<TakenBy> {
    let waits = |(count, total_ns)| Waits {
        count,
        after_sleep: 0,
        total_ns,
    };
    let host = Interference {
        gaps: Some(MeasuringGaps {
            lengths,
            account: Some(GapAccount {
                other_threads: waits(threads),
                unscheduled: waits(unscheduled),
                is_shared: false,
            }),
        }),
        in_flight: 1.0,
        ..Interference::default()
    };
    host.most_hit(ns)?.taken_by
}

#[test]
fn who_took_the_most_time_is_named_and_not_who_came_most_often() {
    // A program for four milliseconds twice, and a thousand interrupts of two microseconds.
    let mut all = vec![2_000; 1_000];
    all.extend([4_000_000; 2]);
    let lengths = lengths(&all);
    let by = |ns| named(&lengths, ns, (2, 8_000_000), (1_000, 2_000_000));
    for ns in [1_500, 3_000, 1_000_000] {
        assert_eq!(by(ns), Some(TakenBy::Programs), "{ns}");
    }
}

#[test]
fn many_short_interrupts_are_not_taken_for_a_few_long_ones() {
    let mut all = vec![1_200; 10_000];
    all.extend([4_000_000; 2]);
    let lengths = lengths(&all);
    let by = |ns| named(&lengths, ns, (2, 8_000_000), (10_000, 12_000_000));
    assert_eq!(by(1_000), Some(TakenBy::Interrupts));
    assert_eq!(by(1_000_000), Some(TakenBy::Programs));
    // Nobody scheduled had the CPU for that long.
    let by = |ns| named(&lengths, ns, (2_000, 900_000), (8_002, 20_000_000));
    assert_eq!(by(1_000_000), Some(TakenBy::Interrupts));
}
