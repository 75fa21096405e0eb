//! Tests of the search on series that were made up.

use super::*;
use crate::random::SplitMix64;

/// A series of two coordinates with triangular noise of about `sigma`.
fn series(count: usize, sigma: f64, level: impl Fn(usize) -> f64) -> Vec<Vec<f64>> {
    let mut random = SplitMix64(9);
    let point = |index| {
        let mut value = || {
            let noise = random.fraction() + random.fraction() - 1.0;
            level(index) + noise * sigma * 6_f64.sqrt()
        };
        vec![value(), value()]
    };
    (0..count).map(point).collect()
}

/// Settings with fewer random orders than usual.
fn quick() -> Settings {
    Settings {
        permutations: 399,
        ..Settings::default()
    }
}

fn indices(points: &[ChangePoint]) -> Vec<usize> {
    points.iter().map(|point| point.index).collect()
}

#[test]
fn a_step_is_found_placed_and_measured() {
    let step = |index| if index < 22 { 0.0 } else { 0.1 };
    let series = series(40, 0.02, step);
    let found = find(&series, &quick());
    assert_eq!(indices(&found), [22]);
    assert!(found[0].places.contains(&22) && found[0].places.len() <= 3);
    assert!(found[0].p_value < 0.003);
    for shift in &found[0].shifts {
        assert!((shift.by - 0.1).abs() < 0.03, "{shift:?}");
        assert!(shift.low < 0.1 && 0.1 < shift.high, "{shift:?}");
    }
    assert_eq!(find(&series, &quick()), found);
}

#[test]
fn a_step_that_ends_again_is_two() {
    let pulse = |index| if (15..21).contains(&index) { 0.15 } else { 0.0 };
    let found = find(&series(40, 0.02, pulse), &quick());
    assert_eq!(indices(&found), [15, 21]);
    assert!(found[0].shifts[0].by > 0.0 && found[1].shifts[0].by < 0.0);
}

#[test]
fn a_step_below_the_least_change_is_merged() {
    let step = |index| if index < 20 { 0.0 } else { 0.015 };
    let series = series(40, 0.002, step);
    assert!(find(&series, &quick()).is_empty());
    let settings = Settings {
        min_change: 0.01,
        ..quick()
    };
    assert_eq!(indices(&find(&series, &settings)), [20]);
}

#[test]
fn series_that_are_short_level_or_empty_have_none() {
    for count in [0, 1, 5, 6, 11] {
        let step = |index: usize| if index < count / 2 { 0.0 } else { 0.5 };
        let found = find(&series(count, 0.01, step), &quick());
        // Three against three agree by chance in one of ten.
        assert!(found.is_empty() || count == 11, "{count}: {found:?}");
    }
    assert!(find(&vec![vec![1.0, 2.0]; 30], &quick()).is_empty());
    assert!(find(&vec![Vec::new(); 30], &quick()).is_empty());
}

#[test]
fn values_of_which_only_a_bound_is_known_count_as_far_off() {
    let lossy = |index| if index < 20 { 0.0 } else { f64::INFINITY };
    let found = find(&series(32, 0.02, lossy), &quick());
    assert_eq!(indices(&found), [20]);
    assert!(found[0].shifts[0].by.is_infinite());
}
