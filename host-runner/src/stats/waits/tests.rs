//! Real runs' counts, and whose the waits in them are.

use super::*;
use crate::histogram::DurationHistogram;
use crate::host::gaps::GapSummary;
use crate::host::thread::CpuUse;
use crate::stats::interference::{Interference, MeasuringGaps};

fn thread(ran_ns: u64, waited_ns: u64, slices: u64, involuntary_switches: u64) -> ThreadNoise {
    ThreadNoise {
        ran_ns,
        waited_ns,
        slices,
        involuntary_switches,
        migrations: Some(0),
        cpu: Some(1),
        ..ThreadNoise::default()
    }
}

/// A Linux guest that sleeps, on shared memory: QEMU's main loop had the measuring thread's CPU 5076 times,
/// which that thread saw as 5376 gaps of some 20 us, and the timer some times more.
fn beside_qemu(foreign_ns: u64) -> (Noise, DurationHistogram) {
    let (slices, own_ns, ticks) = (5376, 106_528_231, 131);
    let slices_ns = (0..slices).map(|_| 22_600);
    let ticks_ns = (0..ticks).map(|_| 2_000);
    let lengths = DurationHistogram::of_values(slices_ns.chain(ticks_ns));
    let waited_ns = own_ns + foreign_ns;
    let noise = Noise {
        measuring: Some(thread(243_796_446, waited_ns, slices, slices)),
        waited_ns: Some(waited_ns),
        beside: Some(GapSummary {
            observed_ns: 350_060_391,
            max_gap_ns: 65_158,
            total_gap_ns: slices * 22_600 + ticks * 2_000,
            share: 0.348,
        }),
        ..Noise::default()
    };
    let own = CpuUse {
        ran_ns: own_ns,
        slices: 5076,
    };
    (noise.with_own(Some(own)), lengths)
}

fn hits(noise: &Noise, lengths: &DurationHistogram, ns: u64) -> f64 {
    let gaps = MeasuringGaps {
        lengths,
        account: noise.gap_account(lengths.count()),
    };
    let host = Interference {
        gaps: Some(gaps),
        in_flight: 1.0,
        ..Interference::default()
    };
    host.hits(ns).unwrap()
}

#[test]
fn gaps_of_the_targets_own_threads_are_not_the_hosts() {
    let (noise, lengths) = beside_qemu(251_074);
    // 251 us of others make 41 gaps of 6 us; the timer's gaps count, whatever switching took of the others.
    assert_eq!(hits(&noise, &lengths, 6_000), 41.0 + 131.0);
    // All others together had 251 us, and no gap was longer than 23 us.
    assert_eq!(hits(&noise, &lengths, 23_000), 0.0);
    // Others had the CPU for long: as many as there are gaps, and no more.
    let (noise, lengths) = beside_qemu(100_000_000);
    assert_eq!(hits(&noise, &lengths, 6_000), 5376.0);
}

#[test]
fn gaps_beside_no_thread_of_the_target_are_all_the_hosts() {
    let (noise, lengths) = beside_qemu(0);
    for noise in [
        noise.with_own(None),
        Noise {
            measuring: None,
            ..noise
        },
    ] {
        assert_eq!(hits(&noise, &lengths, 6_000), 5376.0);
    }
}

#[test]
fn the_measuring_threads_own_run_time_is_no_wait_for_others() {
    // A closed loop on link tap with two CPUs: the main loop waits while the client that it woke runs.
    let noise = Noise {
        measuring: Some(thread(98_344_292, 31_146, 15_441, 0)),
        carrying: Some(thread(223_054_019, 97_907_461, 17_232, 15_443)),
        ..Noise::default()
    };
    let carrying = |noise: &Noise| {
        let all = noise.foreign_waits(false);
        let found = all.iter().find(|waits| waits.thread == Thread::Carrying);
        found.unwrap().waits
    };
    assert_eq!(carrying(&noise).total_ns, 0);
    assert_eq!(carrying(&noise).count, 17_232 - 15_441);
    let own = noise.waits_for_measuring().unwrap();
    assert_eq!((own.count, own.total_ns), (15_441, 97_907_461));
    // 50 ms more are others'.
    let mut busy = noise;
    busy.carrying = Some(thread(223_054_019, 148_344_292, 17_300, 15_500));
    assert_eq!(carrying(&busy).total_ns, 50_000_000);
    // Elsewhere the measuring thread takes nothing.
    let mut apart = noise;
    apart.carrying.as_mut().unwrap().cpu = Some(0);
    assert_eq!(carrying(&apart).total_ns, 97_907_461);
    assert_eq!(apart.waits_for_measuring(), None);
    // Nor can it be told of threads that moved.
    let mut moved = noise;
    moved.carrying.as_mut().unwrap().migrations = Some(2);
    assert_eq!(moved.waits_for_measuring(), None);
}

#[test]
fn the_targets_run_time_on_the_measuring_cpu_is_no_wait_for_others() {
    let noise = Noise {
        measuring: Some(thread(98_000_000, 3_000_000, 100, 90)),
        waited_ns: Some(3_000_000),
        ..Noise::default()
    };
    let own = CpuUse {
        ran_ns: 2_000_000,
        slices: 80,
    };
    let waits = |noise: &Noise| noise.foreign_waits(false)[0].waits.total_ns;
    assert_eq!(waits(&noise), 3_000_000);
    assert_eq!(waits(&noise.with_own(Some(own))), 1_000_000);
    // A thread that polls knows its own gaps.
    assert_eq!(noise.foreign_waits(true), []);
}
