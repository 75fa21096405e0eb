//! The plots of made-up measurements.

use crate::record::BeforeAfter;
use crate::record::fixtures::source_fixtures;
use crate::report::chart::Claim;
use crate::report::page::entry::entries;
use crate::report::page::plots::by_percentile::by_percentile;
use crate::report::page::plots::offered_load::{plot as against_load, sweeps};
use crate::report::page::plots::over_time::by_second as over_time;

#[test]
fn a_percentile_curve_ends_at_the_maximum_and_is_faint_where_it_says_little() {
    let sources = [source_fixtures::closed()];
    let plot = by_percentile(&entries(&sources));
    let [curve] = plot.curves.as_slice() else {
        panic!("{plot:?}");
    };
    let [supported, rest] = curve.lines.as_slice() else {
        panic!("{curve:?}");
    };
    assert_eq!((supported.claim, rest.claim), (Claim::Full, Claim::None));
    // 1000 samples tell p99 and no more.
    assert!((supported.points.last().unwrap().0 - 100.0).abs() < 1e-6);
    assert_eq!(rest.points.last(), Some(&(1000.0, 1e9)));
    let says: Vec<&str> = curve.marks.iter().map(|mark| mark.says.as_str()).collect();
    let expected = [
        "hermit, unix: p50 is 25.0 µs",
        "hermit, unix: p90 is 29.0 µs",
        "hermit, unix: p99 is 29.9 µs",
        "hermit, unix: max at least 1.00 s",
    ];
    assert_eq!(says, expected);
    assert!(plot.y.scale.is_log());
}

#[test]
fn floors_are_ranges_over_all_measurements() {
    let mut other = source_fixtures::closed();
    other.record.runs[0].core_round_trip_ns = Some(BeforeAfter {
        before: None,
        after: Some(580.0),
    });
    other.record.runs[0].noise.floor_max_gap_ns = 0;
    let sources = [source_fixtures::closed(), other];
    let plot = by_percentile(&entries(&sources));
    let labels: Vec<&str> = plot.bands.iter().map(|band| band.label.as_str()).collect();
    let expected = ["core round trip: 120–580 ns", "longest spin gap: 34.2 µs"];
    assert_eq!(labels, expected);
}

#[test]
fn an_interval_without_the_percentile_is_a_gap_in_the_curve() {
    let mut source = source_fixtures::closed();
    source.distributions[0].intervals[1].percentiles_ns[0] = None;
    let sources = [source];
    let plots = over_time(&entries(&sources));
    let marks: Vec<usize> = plots[0]
        .curves
        .iter()
        .map(|curve| curve.marks.len())
        .collect();
    assert_eq!(marks, [4, 0, 5], "p50, p99, max");
    let lines: Vec<usize> = plots[0]
        .curves
        .iter()
        .map(|curve| curve.lines.len())
        .collect();
    assert_eq!(lines, [1, 0, 1], "the first stands alone");
}

#[test]
fn a_sweep_takes_two_rates_of_one_thing() {
    let mut other = source_fixtures::open(3000.0);
    other.record.runs[0].target = "linux".to_owned();
    let alone = [
        source_fixtures::open(1000.0),
        source_fixtures::open(1000.0),
        other,
        source_fixtures::closed(),
    ];
    assert!(sweeps(&entries(&alone)).is_empty());
    let sources = [
        source_fixtures::open(5000.0),
        source_fixtures::closed(),
        source_fixtures::open(1000.0),
    ];
    let entries = entries(&sources);
    let found = sweeps(&entries);
    let [sweep] = found.as_slice() else {
        panic!("{found:?}");
    };
    let plot = against_load(&found, &entries);
    let rates: Vec<f64> = plot.curves[0].marks.iter().map(|mark| mark.at.0).collect();
    assert_eq!(rates, [1000.0, 5000.0]);
    assert_eq!(sweep.subject, "hermit, unix");
    // p99.9 is not told of a thousand samples; the maximum always is.
    let marks: Vec<usize> = plot.curves.iter().map(|curve| curve.marks.len()).collect();
    assert_eq!(marks, [2, 2, 0, 2]);
}

#[test]
fn nothing_at_all_can_be_drawn() {
    let mut source = source_fixtures::closed();
    source.distributions[0].histogram.reset();
    source.distributions[0].intervals.clear();
    source.record.runs[0].latency_ns = Default::default();
    let sources = [source];
    let entries = entries(&sources);
    assert!(by_percentile(&entries).curves[0].lines.is_empty());
    assert_eq!(over_time(&entries).len(), 1);
}
