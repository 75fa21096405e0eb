//! Noise of a run.

use super::*;

#[test]
fn the_targets_own_cpu_time_is_not_the_hosts_noise() {
    let noise = Noise {
        waited_ns: Some(3_000),
        beside: Some(GapSummary {
            observed_ns: 10_000,
            total_gap_ns: 4_000,
            ..GapSummary::default()
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
