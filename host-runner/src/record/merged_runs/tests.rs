//! Runs that belong together, and the ranges over them.

use std::time::Duration;

use super::super::fixtures;
use super::*;
use crate::histogram::DurationHistogram;
use crate::load::Mode;

#[test]
fn a_merged_target_is_of_one_mode() {
    let run = fixtures::closed_run();
    let mut merged = fixtures::merged(&run);
    assert!(merged.is_of(&run));
    let closed = merged.file_stem();
    merged.mode = Some("open".into());
    assert!(!merged.is_of(&run));
    assert_ne!(merged.file_stem(), closed);
    // No repetition is valid, so nobody knows.
    merged.mode = None;
    assert!(merged.is_of(&run));
}

#[test]
fn boots_have_their_range() {
    let part = |round, ns: u64, lost: u64| {
        let mut recorder = fixtures::recorder(Mode::Closed);
        recorder.latency = DurationHistogram::of_values([ns; 1000]);
        (0..lost).for_each(|_| recorder.latency.record(1_000_000_000));
        let run = Run {
            round: Some(round),
            lost,
            timeout_ns: 1_000_000_000,
            ..fixtures::closed_run()
        };
        RoundLatency::new(&run, &recorder, Duration::ZERO)
    };
    let ranges = BootRange::each(&[part(1, 1500, 0), part(2, 1200, 0), part(3, 1300, 100)]);
    assert_eq!(ranges["p50"].words(), "1.20–1.50 µs");
    assert_eq!(ranges["p50"].boots, 3);
    assert_eq!(
        (ranges["p99"].lowest_ns, ranges["p99"].highest_ns),
        (Some(1200), None)
    );
    assert_eq!(ranges["p99"].words(), "1.20 µs to lost");
    assert!(!ranges.contains_key("p99.9"));
}
