//! Ticks, labels and positions of axes.

use proptest::prelude::*;

use super::*;

fn labels(axis: &Axis) -> Vec<&str> {
    let mut ticks: Vec<&Tick> = axis.ticks.iter().collect();
    ticks.sort_by(|a, b| a.at.total_cmp(&b.at));
    let labels = ticks.iter().filter_map(|tick| tick.label.as_deref());
    labels.collect()
}

#[test]
fn a_narrow_spread_is_linear_from_zero() {
    let axis = Axis::latency(20_000.0, 93_000.0);
    let expected = Scale::Linear {
        low: 0.0,
        high: 100_000.0,
    };
    assert_eq!(axis.scale, expected);
    assert_eq!(
        labels(&axis),
        ["0", "20 µs", "40 µs", "60 µs", "80 µs", "100 µs"]
    );
}

#[test]
fn a_wide_spread_is_logarithmic() {
    let axis = Axis::latency(640.0, 85_000.0);
    let expected = Scale::Log {
        low: 500.0,
        high: 100_000.0,
    };
    assert_eq!(axis.scale, expected);
    let expected = [
        "500 ns", "1 µs", "2 µs", "5 µs", "10 µs", "20 µs", "50 µs", "100 µs",
    ];
    assert_eq!(labels(&axis), expected);
    let wider = Axis::latency(640.0, 85_000_000.0);
    assert_eq!(
        labels(&wider),
        ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms"]
    );
}

#[test]
fn percentiles_are_as_far_apart_as_they_are_rare() {
    let axis = Axis::percentile(100_000.0);
    assert_eq!(
        labels(&axis),
        ["0", "50", "90", "99", "99.9", "99.99", "99.999"]
    );
    assert!((axis.scale.place(100.0) - 0.4).abs() < 1e-9);
    assert_eq!(axis.ticks[0].label.as_deref(), Some("90"));
}

#[test]
fn time_begins_at_zero() {
    assert_eq!(labels(&Axis::seconds(5.0)), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(labels(&Axis::seconds(0.3)).last(), Some(&"1"));
}

#[test]
fn rounds_stand_between_their_borders() {
    let axis = Axis::rounds("round".to_owned(), 3);
    assert_eq!(labels(&axis), ["1", "2", "3"]);
    let lines = axis.ticks.iter().filter(|tick| tick.has_line);
    assert_eq!(
        lines.map(|tick| tick.at).collect::<Vec<_>>(),
        [0.0, 1.0, 2.0, 3.0]
    );
    assert_eq!(axis.scale.place(1.5), 0.5);
}

proptest! {
    #[test]
    fn every_value_has_a_place(low: f64, high: f64, value: f64) {
        for axis in [
            Axis::latency(low, high),
            Axis::rate(low, high),
            Axis::seconds(high),
            Axis::percentile(high),
        ] {
            prop_assert!(axis.ticks.len() < 2000, "{:?}", axis.scale);
            prop_assert!((0.0..=1.0).contains(&axis.scale.place(value)));
        }
    }
}
