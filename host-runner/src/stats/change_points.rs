//! Change points of a series of vectors: places from which on results lie elsewhere than before.
//!
//! E-divisive (Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data",
//! arXiv 1306.4933): a segment is split where the [`energy`] statistic of both parts is largest, and both parts are
//! looked at in turn, for as long as a [`permutation`] test of the whole segment finds the split significant. The
//! points are vectors, such as the logarithms of several percentiles, so that one test is made and not one for each.
//!
//! Then points are merged backwards: each is tested again between its neighbours, and the weakest goes until all that
//! are left hold. A point holds if the permutation test says so, and if some coordinate moved: its [`Shift`], which a
//! few values far off don't move, is at least [`Settings::min_change`] and has an interval without zero. It has to hold
//! without lone results, too ([`lone_results`]): so a spike is no change point, and can't help others to be one.
//!
//! Points of the last results alone can't hold yet; [`newest`] says whether they look like it.
//!
//! Noise is taken to be independent from result to result. `change_points/simulated_series.rs` says how often points are
//! false, and what is found.

use std::collections::BTreeMap;
use std::ops::Range;

mod energy;
mod lone_results;
pub mod newest;
mod permutation;
mod place;
pub mod scaling;
pub mod shift;

pub use energy::MIN_SIDE;
pub use shift::Shift;

use energy::{Distances, End, Search};
use scaling::{noise, scaled};

/// Confidence of the intervals of shifts.
pub const CONFIDENCE: f64 = 0.95;

/// Bounds of the search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The largest p-value of a change point: share of series without any in which the first is found.
    pub level: f64,
    /// Random orders of each test.
    pub permutations: u32,
    /// The least shift of a logarithm that counts.
    pub min_change: f64,
    /// Seed of the orders: the same series has the same points each time.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            level: 0.0075,
            permutations: 1999,
            min_change: 0.02_f64.ln_1p(),
            seed: 1,
        }
    }
}

/// A change point.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangePoint {
    /// Index of the first result of the new level.
    pub index: usize,
    /// Indices that the true one is among with a confidence of 95 %.
    pub places: Range<usize>,
    /// Probability of as good a split between the neighbouring points if nothing changed there.
    pub p_value: f64,
    /// Shift of each coordinate from the level before to the one after.
    pub shifts: Vec<Shift>,
}

impl ChangePoint {
    /// Returns whether the coordinate moved, and by enough.
    fn has_moved(&self, least: f64) -> bool {
        self.shifts.iter().any(|shift| shift.is_at_least(least))
    }

    /// Returns the largest distance that a coordinate moved.
    fn distance(&self) -> f64 {
        let distances = self.shifts.iter().map(|shift| shift.by.abs());
        distances.fold(0.0, f64::max)
    }
}

/// Returns the change points of `points`, which have as many coordinates each, in order.
#[must_use]
pub fn find(points: &[Vec<f64>], settings: &Settings) -> Vec<ChangePoint> {
    let mut tests = Tests {
        points,
        noise: noise(points),
        settings,
        known: BTreeMap::new(),
        known_without: BTreeMap::new(),
    };
    let mut splits = Vec::new();
    let mut segments: Vec<Range<usize>> = Vec::new();
    segments.push(0..points.len());
    while let Some(segment) = segments.pop() {
        if let Some((at, p_value)) = tests.of(&segment)
            && p_value <= settings.level
        {
            splits.push(at);
            segments.extend([segment.start..at, at..segment.end]);
        }
    }
    splits.sort_unstable();
    tests.merge(splits)
}

/// The tests of one series; the outcome of each is kept.
struct Tests<'a> {
    points: &'a [Vec<f64>],
    noise: Vec<f64>,
    settings: &'a Settings,
    known: BTreeMap<(usize, usize), Option<(usize, f64)>>,
    known_without: BTreeMap<(usize, usize, usize), f64>,
}

impl Tests<'_> {
    /// Returns the best split of `segment` with its p-value; `None` if it has too few points.
    fn of(&mut self, segment: &Range<usize>) -> Option<(usize, f64)> {
        let key = (segment.start, segment.end);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let outcome = self.test(&self.scaled(segment), None, key);
        self.known.insert(key, outcome);
        outcome
    }

    /// Returns the best split of `points`, which are those of the segment `of`, or that at `place`, with its p-value.
    fn test(
        &self,
        points: &[Vec<f64>],
        place: Option<usize>,
        of: (usize, usize),
    ) -> Option<(usize, f64)> {
        let distances = Distances::of(points);
        // Each segment has orders of its own, whatever else was tested.
        let seed = self.settings.seed ^ ((of.0 as u64) << 32 | of.1 as u64);
        let tested = permutation::test(&distances, place, self.settings.permutations, seed);
        tested.map(|(split, p_value)| (of.0 + split.at, p_value))
    }

    /// Returns the p-value of a split of `segment` at `index` without what lone results add to it.
    fn without_lone_results(&mut self, segment: &Range<usize>, index: usize) -> f64 {
        let key = (segment.start, index, segment.end);
        if let Some(known) = self.known_without.get(&key) {
            return *known;
        }
        let at = index - segment.start;
        let points = &self.points[segment.clone()];
        let mut p_value = 1.0;
        if lone_results::has_sides(points, at, &self.noise) {
            let mut scaled = self.scaled(segment);
            lone_results::take_out(&mut scaled, points, at, &self.noise);
            let tested = self.test(&scaled, Some(at), (segment.start, segment.end));
            p_value = tested.map_or(1.0, |(_, p_value)| p_value);
        }
        self.known_without.insert(key, p_value);
        p_value
    }

    fn scaled(&self, segment: &Range<usize>) -> Vec<Vec<f64>> {
        scaled(&self.points[segment.clone()], &self.noise)
    }

    /// Takes out the weakest of `splits` until all that are left hold.
    fn merge(&mut self, mut splits: Vec<usize>) -> Vec<ChangePoint> {
        loop {
            self.settle(&mut splits);
            let points: Vec<ChangePoint> = (0..splits.len())
                .map(|number| self.point(&splits, number))
                .collect();
            let Some(weakest) = self.weakest(&points) else {
                return points;
            };
            splits.remove(weakest);
        }
    }

    /// Moves each of `splits` to the best place between its neighbours.
    fn settle(&self, splits: &mut [usize]) {
        // Places may go on moving each other by one: an end is worth more.
        for _ in 0..=splits.len() {
            let mut has_moved = false;
            for number in 0..splits.len() {
                let segment = self.around(splits, number);
                let distances = Distances::of(&self.scaled(&segment));
                let order: Vec<usize> = (0..segment.len()).collect();
                if let Some(split) = Search::new(&distances).best(&order, End::Last) {
                    let at = segment.start + split.at;
                    has_moved |= splits[number] != at;
                    splits[number] = at;
                }
            }
            if !has_moved {
                return;
            }
        }
    }

    /// Returns the results between the neighbours of split `number`.
    fn around(&self, splits: &[usize], number: usize) -> Range<usize> {
        let start = number.checked_sub(1).map_or(0, |before| splits[before]);
        let end = splits.get(number + 1).copied();
        start..end.unwrap_or(self.points.len())
    }

    fn point(&mut self, splits: &[usize], number: usize) -> ChangePoint {
        let segment = self.around(splits, number);
        let index = splits[number];
        let whole = self.of(&segment).map_or(1.0, |(_, p_value)| p_value);
        let p_value = whole.max(self.without_lone_results(&segment, index));
        let shifts = shifts(
            &self.points[segment.start..index],
            &self.points[index..segment.end],
        );
        let least = self.settings.min_change;
        let moved: Vec<bool> = shifts
            .iter()
            .map(|shift| shift.is_at_least(least))
            .collect();
        let places = place::likely(&self.scaled(&segment), index - segment.start, &moved);
        ChangePoint {
            index,
            places: segment.start + places.start..segment.start + places.end,
            p_value,
            shifts,
        }
    }

    /// Returns the number of the point that holds the least, if any does not hold.
    fn weakest(&self, points: &[ChangePoint]) -> Option<usize> {
        let numbered = points.iter().enumerate();
        let by_chance = numbered
            .clone()
            .filter(|(_, point)| point.p_value > self.settings.level)
            .max_by(|a, b| a.1.p_value.total_cmp(&b.1.p_value));
        let unmoved = numbered
            .filter(|(_, point)| !point.has_moved(self.settings.min_change))
            .min_by(|a, b| a.1.distance().total_cmp(&b.1.distance()));
        by_chance.or(unmoved).map(|(number, _)| number)
    }
}

/// Returns the shift of each coordinate.
fn shifts(before: &[Vec<f64>], after: &[Vec<f64>]) -> Vec<Shift> {
    let coordinates = before.first().map_or(0, Vec::len);
    let column = |points: &[Vec<f64>], coordinate: usize| -> Vec<f64> {
        points.iter().map(|point| point[coordinate]).collect()
    };
    let of_one = |coordinate| {
        Shift::between(
            &column(before, coordinate),
            &column(after, coordinate),
            CONFIDENCE,
        )
    };
    (0..coordinates).filter_map(of_one).collect()
}

#[cfg(test)]
mod simulated_series;
#[cfg(test)]
mod tests;
