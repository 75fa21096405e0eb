//! The newest results of a series, too few for a change point: whether they lie outside of where results of their
//! level are expected, and how many more would tell.

use super::energy::MIN_SIDE;
use super::scaling::{difference, noise};
use super::{Settings, Shift, shifts};
use crate::stats::median::median;

/// Distance from the median, in units of noise, beyond which a result is not expected.
pub(super) const UNEXPECTED: f64 = 3.5;

/// Fewest results that an expectation is made of.
const LEAST_BEFORE: usize = 5;

/// Newest results that look like a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Newest {
    /// Number of them.
    pub count: usize,
    /// Number of results like these after which a change point can be found.
    pub more: usize,
    /// Shift of each coordinate from the others to these.
    pub shifts: Vec<Shift>,
    /// Coordinates in which all of them lie outside, on one side.
    pub outside: Vec<bool>,
}

/// Returns the newest of `level`, the results since the last change point, that look like another change.
#[must_use]
pub fn newest(level: &[Vec<f64>], settings: &Settings) -> Option<Newest> {
    let counts = 1..=level.len().saturating_sub(LEAST_BEFORE);
    let mut fitting = counts.filter_map(|count| {
        let (before, after) = level.split_at(level.len() - count);
        let outside = outside(before, after, settings);
        let needed = least_after(before.len(), settings);
        let is_any = outside.contains(&true) && count < needed;
        is_any.then(|| Newest {
            count,
            more: needed - count,
            shifts: shifts(before, after),
            outside,
        })
    });
    // The most of them that agree.
    let first = fitting.next()?;
    Some(fitting.fold(first, |_, more| more))
}

/// Returns in which coordinates all of `after` lie outside of the expectation that `before` makes, on one side.
fn outside(before: &[Vec<f64>], after: &[Vec<f64>], settings: &Settings) -> Vec<bool> {
    let widened = (1.0 + 1.0 / before.len() as f64).sqrt();
    let noise = noise(before);
    let is_outside = |(coordinate, noise): (usize, &f64)| {
        let values = before.iter().map(|point| point[coordinate]);
        let middle = median(values.collect()).unwrap_or(0.0);
        let least = (UNEXPECTED * noise * widened).max(settings.min_change);
        let mut distances = after
            .iter()
            .map(|point| difference(point[coordinate], middle));
        distances.clone().all(|distance| distance > least)
            || distances.all(|distance| -distance > least)
    };
    noise.iter().enumerate().map(is_outside).collect()
}

/// Returns the fewest results after `before` others with which a split can be significant.
#[must_use]
pub fn least_after(before: usize, settings: &Settings) -> usize {
    let mut counts = MIN_SIDE..;
    let enough = |after: &usize| {
        *after >= before || least_p_value(before, *after, settings) <= settings.level
    };
    counts.find(enough).unwrap_or(before)
}

/// Returns the fewest results in which a change point can be found.
#[must_use]
pub fn fewest_results(settings: &Settings) -> usize {
    let mut counts = 2 * MIN_SIDE..;
    let can_be_found = |count: &usize| {
        let before = count.div_ceil(2);
        least_p_value(before, count - before, settings) <= settings.level
    };
    // Other settings may let none be found.
    counts.by_ref().take(100).find(can_be_found).unwrap_or(100)
}

/// Returns the least p-value of a split: of all orders, those that have the same results at either end are as good.
fn least_p_value(before: usize, after: usize, settings: &Settings) -> f64 {
    let steps = 1..=after;
    let orders: f64 = steps
        .map(|step| (before + step) as f64 / step as f64)
        .product();
    2.0 / orders + 1.0 / f64::from(1 + settings.permutations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(newest: &[f64]) -> Vec<Vec<f64>> {
        let calm = (0..12).map(|index| f64::from(index % 3) * 0.01);
        let values = calm.chain(newest.iter().copied());
        values.map(|value| vec![value, 0.0]).collect()
    }

    fn of(values: &[f64]) -> Option<Newest> {
        newest(&level(values), &Settings::default())
    }

    #[test]
    fn newest_results_that_lie_outside_are_possible_and_say_how_many_more_would_tell() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[0.01, 0.02]), None);
        let one = of(&[0.2]).unwrap();
        assert_eq!((one.count, one.more), (1, 2));
        assert_eq!(one.outside, [true, false]);
        assert!((one.shifts[0].by - 0.19).abs() < 0.02, "{one:?}");
        let two = of(&[0.2, 0.21]).unwrap();
        assert_eq!((two.count, two.more), (2, 1));
        // The older of them is no part of it.
        assert_eq!(of(&[0.2, 0.01]), None);
        assert_eq!(of(&[-0.2, 0.2]).unwrap().count, 1);
    }

    #[test]
    fn few_results_need_more_to_tell() {
        let settings = Settings::default();
        assert_eq!(least_after(50, &settings), 3);
        assert_eq!(least_after(12, &settings), 3);
        assert_eq!(least_after(9, &settings), 4);
        assert_eq!(least_after(5, &settings), 5);
        assert_eq!(fewest_results(&settings), 11);
        assert_eq!(newest(&level(&[])[..5], &settings), None);
    }
}
