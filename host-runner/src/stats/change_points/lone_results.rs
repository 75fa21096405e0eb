//! Lone results: a change point has to stand without any of them.
//!
//! A spike next to results that are high by chance looks like a step. So, of a segment that is split:
//!
//! - a side of three or four results counts only if all of them lie outside of what the other side lets expect;
//! - a value far off the middle of its own side is a spike, and taken for one of the other side, as if it were evidence
//!   against the change;
//! - then the result of each side that speaks most for the change is put in the middle of its side.
//!
//! The rest is tested again.

use std::ops::Range;

use super::newest::UNEXPECTED;
use super::scaling::{difference, medians};

/// Distance from the middle of its side, in units of noise, beyond which a value is a spike.
const SPIKE: f64 = 2.5;

/// Results on a side from which chance can't have made most of them.
const ENOUGH: usize = 5;

/// Returns true if both sides of a split of `points` at `at` have enough results, or results that lie outside of what
/// the other side lets expect: all of them, in some coordinate.
pub(super) fn has_sides(points: &[Vec<f64>], at: usize, noise: &[f64]) -> bool {
    let (before, after) = points.split_at(at);
    let stands = |side: &[Vec<f64>], other: &[Vec<f64>]| {
        let middles = medians(other);
        let mut coordinates = middles.iter().zip(noise).enumerate();
        let is_outside = |(coordinate, (middle, noise)): (usize, (&f64, &f64))| {
            let distance = |point: &Vec<f64>| difference(point[coordinate], *middle) / noise;
            let all = |sign: f64| side.iter().all(|point| sign * distance(point) > UNEXPECTED);
            all(1.0) || all(-1.0)
        };
        side.len() >= ENOUGH || coordinates.any(is_outside)
    };
    stands(before, after) && stands(after, before)
}

/// Takes from `scaled`, which are `points` in units of `noise`, what lone results add to a split at `at`.
pub(super) fn take_out(scaled: &mut [Vec<f64>], points: &[Vec<f64>], at: usize, noise: &[f64]) {
    let (first, second) = (0..at, at..points.len());
    let sides = [(first.clone(), second.clone()), (second, first)];
    let middles = sides.clone().map(|(_, other)| medians(&scaled[other]));
    for ((own, _), other_middles) in sides.iter().zip(&middles) {
        set_spikes(scaled, points, own, other_middles, noise);
    }
    for (own, other) in sides {
        let (middles, others) = (medians(&scaled[own.clone()]), medians(&scaled[other]));
        draw_in(&mut scaled[own], &middles, &others);
    }
}

/// Sets values of the side `own` that are spikes to `middles`, those of the other side. Distances are those of `points`,
/// for a scaled value is never far off.
fn set_spikes(
    scaled: &mut [Vec<f64>],
    points: &[Vec<f64>],
    own: &Range<usize>,
    middles: &[f64],
    noise: &[f64],
) {
    let own_middles = medians(&points[own.clone()]);
    for (point, scaled) in points[own.clone()].iter().zip(&mut scaled[own.clone()]) {
        for (coordinate, value) in scaled.iter_mut().enumerate() {
            let distance = difference(point[coordinate], own_middles[coordinate]);
            if distance.abs() > SPIKE * noise[coordinate] {
                *value = middles[coordinate];
            }
        }
    }
}

/// Puts the one of `points` that is farthest from the other side, whose middle is `others`, in their `middles`.
fn draw_in(points: &mut [Vec<f64>], middles: &[f64], others: &[f64]) {
    let away = |point: &[f64]| {
        let coordinates = point.iter().zip(middles).zip(others);
        let products = coordinates.map(|((value, middle), other)| value * (middle - other));
        products.sum::<f64>()
    };
    let farthest = points.iter_mut().max_by(|a, b| away(a).total_cmp(&away(b)));
    if let Some(farthest) = farthest {
        farthest.copy_from_slice(middles);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f64]) -> Vec<Vec<f64>> {
        values.iter().map(|value| vec![*value, 0.0]).collect()
    }

    #[test]
    fn a_side_of_few_results_counts_only_if_all_of_them_stand_out() {
        let noise = [0.1, 0.1];
        let level = [0.0, 0.1, -0.1, 0.05, -0.05, 0.0];
        let with = |newest: &[f64]| {
            let all = [&level, newest].concat();
            has_sides(&points(&all), level.len(), &noise)
        };
        assert!(with(&[0.5, 0.6, 0.5]) && with(&[-0.5, -0.6, -0.5]));
        // Two that are high by chance and a spike; and results on both sides.
        assert!(!with(&[0.2, 0.2, 9.0]) && !with(&[0.5, -0.6, 0.5]));
        assert!(!with(&[0.5, 0.5, 0.5, 0.2]) && with(&[0.2; 5]));
        assert!(with(&[f64::INFINITY; 3]));
    }

    #[test]
    fn a_spike_counts_against_the_change_and_the_best_evidence_is_drawn_in() {
        let noise = [0.1, 0.1];
        let raw = points(&[0.0, 0.0, -0.1, 0.1, 0.3, 0.5, 9.0, 0.3, 0.3]);
        let mut scaled = points(&[0.0, 0.0, -1.0, 1.0, 3.0, 5.0, 5.0, 3.0, 3.0]);
        take_out(&mut scaled, &raw, 4, &noise);
        let first: Vec<f64> = scaled.iter().map(|point| point[0]).collect();
        assert_eq!(first, [0.0, 0.0, 0.0, 1.0, 3.0, 3.0, 0.0, 3.0, 3.0]);
    }
}
