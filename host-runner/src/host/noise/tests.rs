//! Counts of the kernel's, and gaps.

use super::*;

#[test]
fn gaps_are_found() {
    let mut times = [0, 50, 100, 1_100, 1_150, 7_000, 7_050, 10_000, 10_050].into_iter();
    let floor = spin(|| times.next().unwrap(), 10_000);
    let expected = Floor {
        observed_ns: 10_000,
        max_gap_ns: 5_850,
        total_gap_ns: 5_850 + 2_950,
    };
    assert_eq!(floor, expected);
}

#[test]
fn counts_are_differences_and_absent_ones_stay_absent() {
    let counts = |total, steal, switches| KernelCounters {
        cpu_ticks: Some(CpuTicks { total, steal }),
        measuring: Some(Counted {
            thread: ThreadCounts {
                ran_ns: 10 * total,
                waited_ns: 50 * switches,
                slices: 2 * switches,
                involuntary_switches: switches,
                migrations: None,
                cpu: Some(1),
            },
            cpu: Some(1),
            ticks: Some(CpuTicks {
                total: total / 2,
                steal,
            }),
        }),
        answering: None,
        carrying: None,
    };
    let (before, after) = (counts(1000, 10, 3), counts(1200, 13, 8));
    let noise = Noise::new(Floor::default(), &before, &after);
    assert_eq!(noise.steal_share, Some(0.015));
    assert_eq!(noise.involuntary_switches, Some(5));
    // 250 of 2250 ns.
    assert_eq!(
        (noise.waited_ns, noise.waited_share),
        (Some(250), Some(250.0 / 2250.0))
    );
    let measuring = noise.measuring.unwrap();
    assert_eq!((measuring.slices, measuring.migrations), (10, None));
    assert_eq!(
        (measuring.steal_ticks, measuring.steal_share),
        (Some(3), Some(0.03))
    );
    assert_eq!((noise.answering, noise.carrying), (None, None));
    let unknown = KernelCounters {
        cpu_ticks: None,
        measuring: None,
        ..before
    };
    let noise = Noise::new(Floor::default(), &unknown, &after);
    assert_eq!(
        (noise.steal_share, noise.involuntary_switches),
        (None, None)
    );
    assert_eq!((noise.waited_ns, noise.waited_share), (None, None));
}

#[test]
fn what_the_target_takes_itself_is_not_the_hosts_noise() {
    let noise = Noise {
        waited_ns: Some(3_000),
        beside: Some(Lost {
            observed_ns: 10_000,
            total_gap_ns: 4_000,
            ..Lost::default()
        }),
        ..Noise::default()
    };
    let own = |ran_ns| Some(CpuUse { ran_ns, slices: 3 });
    let some = noise.with_own(own(1_000));
    assert_eq!(
        (some.foreign_ns, some.own_beside_slices),
        (Some(2_000), Some(3))
    );
    // It ran elsewhere, too.
    assert_eq!(noise.with_own(own(9_000)).foreign_ns, Some(0));
    assert_eq!(noise.with_own(None).foreign_ns, Some(3_000));
}

#[test]
fn what_was_lost_is_a_share_of_what_was_looked_at() {
    let mut gaps = Gaps::default();
    for at_ns in [0, 1_000, 2_000, 3_000, 5_500, 7_000, 10_000] {
        gaps.read(at_ns);
    }
    let lost = Lost::from(&gaps);
    assert_eq!((lost.max_gap_ns, lost.share), (3_000, 0.7));
    assert_eq!(Lost::from(Floor::default()).share, 0.0);
}
