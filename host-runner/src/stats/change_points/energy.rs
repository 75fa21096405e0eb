//! Energy statistic of a series that is split in two (Székely and Rizzo, "Energy statistics", 2013), over all places
//! of the split and all ends of the second part (Matteson and James, arXiv 1306.4933, section 2.2).
//!
//! With parts of n and m points and Euclidean distances it is nm/(n + m) times twice the mean distance between
//! points of both parts, less the mean distances of pairs inside of each.

/// Fewest points on each side of a split: two agree by chance too easily.
pub const MIN_SIDE: usize = 3;

/// Weight of a split whose second part ends before the series does. There are many more of them than of those that
/// take the whole series, so the best of them by chance is larger: with the same weight steps would be missed.
const PART: f64 = 0.6;

/// Distances between the points of a series.
#[derive(Clone, Debug)]
pub(super) struct Distances {
    count: usize,
    /// A row for each point.
    rows: Vec<f64>,
}

impl Distances {
    /// Returns the distances between `points`, which have as many coordinates each.
    pub(super) fn of(points: &[Vec<f64>]) -> Self {
        let distance = |a: &[f64], b: &[f64]| {
            let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let pairs = points
            .iter()
            .flat_map(|a| points.iter().map(move |b| (a, b)));
        Self {
            count: points.len(),
            rows: pairs.map(|(a, b)| distance(a, b)).collect(),
        }
    }

    /// Returns the number of points.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    fn row(&self, point: usize) -> &[f64] {
        &self.rows[point * self.count..][..self.count]
    }
}

/// End of the second part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Any that leaves it enough points.
    Any,
    /// End of the series.
    Last,
}

/// A split of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Split {
    /// Index of the first point of the second part.
    pub(super) at: usize,
    /// The statistic.
    pub(super) statistic: f64,
}

/// Looks for the split with the largest statistic; its memory is used again.
#[derive(Clone, Debug)]
pub(super) struct Search<'a> {
    distances: &'a Distances,
    /// Reciprocals of whole numbers.
    reciprocals: Vec<f64>,
    /// Sums of distances from one point to those before each place.
    from_one: Vec<f64>,
    /// Sums over the pairs before each place.
    before: Vec<f64>,
    /// Sums over the pairs from each place on, as far as points were added.
    after: Vec<f64>,
}

impl<'a> Search<'a> {
    /// Prepares a search among the points of `distances`.
    pub(super) fn new(distances: &'a Distances) -> Self {
        let count = distances.count;
        Self {
            distances,
            reciprocals: (0..=count).map(|n| 1.0 / n as f64).collect(),
            from_one: vec![0.0; count + 1],
            before: vec![0.0; count + 1],
            after: vec![0.0; count + 1],
        }
    }

    /// Returns the best split of the points in `order`; `None` with too few of them.
    pub(super) fn best(&mut self, order: &[usize], end: End) -> Option<Split> {
        self.best_of(order, end, None)
    }

    /// Returns the best split of the points in `order` that has its second part begin at `at`; `None` with too few.
    pub(super) fn best_at(&mut self, order: &[usize], at: usize) -> Option<Split> {
        self.best_of(order, End::Any, Some(at))
    }

    fn best_of(&mut self, order: &[usize], end: End, at: Option<usize>) -> Option<Split> {
        self.after.fill(0.0);
        let mut best: Option<Split> = None;
        // One point more at a time: sums over pairs grow by its distances.
        for (index, &point) in order.iter().enumerate() {
            let all = self.add_from(point, &order[..index]);
            self.before[index + 1] = self.before[index] + all;
            for place in 0..=index {
                self.after[place] += all - self.from_one[place];
            }
            let length = index + 1;
            if length < 2 * MIN_SIDE || (end == End::Last && length < order.len()) {
                continue;
            }
            let mut split = self.best_up_to(length, at);
            if length < order.len() {
                split.statistic *= PART;
            }
            if best.is_none_or(|best| split.statistic > best.statistic) {
                best = Some(split);
            }
        }
        best
    }

    /// Sums up the distances from `point` to those of `order`, up to each place, and returns the whole sum.
    fn add_from(&mut self, point: usize, order: &[usize]) -> f64 {
        let row = self.distances.row(point);
        let mut sum = 0.0;
        self.from_one[0] = 0.0;
        for (&other, up_to) in order.iter().zip(&mut self.from_one[1..]) {
            sum += row[other];
            *up_to = sum;
        }
        sum
    }

    /// Returns the best split of the first `length` points, which are enough for one; that at `only`, if it is given.
    fn best_up_to(&self, length: usize, only: Option<usize>) -> Split {
        let whole = self.before[length];
        let mut best = Split {
            at: MIN_SIDE,
            statistic: f64::NEG_INFINITY,
        };
        let (first, last) = (MIN_SIDE, length - MIN_SIDE);
        // None, if this length is too short for the only one.
        let places = first.max(only.unwrap_or(first))..=last.min(only.unwrap_or(last));
        for at in places {
            let (first, second) = (at as f64, (length - at) as f64);
            let (within_first, within_second) = (self.before[at], self.after[at]);
            let between = whole - within_first - within_second;
            let within = within_first * second * self.reciprocals[at - 1]
                + within_second * first * self.reciprocals[length - at - 1];
            let statistic = 2.0 * (between - within) * self.reciprocals[length];
            if statistic > best.statistic {
                best = Split { at, statistic };
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    /// The statistic as its definition has it.
    fn by_definition(points: &[Vec<f64>], at: usize, end: usize) -> f64 {
        let distances = Distances::of(points);
        let mean = |a: std::ops::Range<usize>, b: std::ops::Range<usize>| {
            let pairs = a.flat_map(|i| b.clone().map(move |j| (i, j)));
            let each: Vec<f64> = pairs
                .filter(|(i, j)| i != j)
                .map(|(i, j)| distances.row(i)[j])
                .collect();
            each.iter().sum::<f64>() / each.len() as f64
        };
        let (n, m) = (at as f64, (end - at) as f64);
        let energy = 2.0 * mean(0..at, at..end) - mean(0..at, 0..at) - mean(at..end, at..end);
        n * m / (n + m) * energy
    }

    #[test]
    fn sums_that_grow_are_the_definition() {
        let mut random = SplitMix64(5);
        for count in [6, 7, 15] {
            let point = |_| vec![random.fraction(), random.fraction() * 2.0];
            let points: Vec<Vec<f64>> = (0..count).map(point).collect();
            let points = &points;
            let distances = Distances::of(points);
            let order: Vec<usize> = (0..count).collect();
            let ends = |end| match end {
                End::Any => 2 * MIN_SIDE..=count,
                End::Last => count..=count,
            };
            for end in [End::Any, End::Last] {
                let all = ends(end).flat_map(|end| {
                    let weight = if end < count { PART } else { 1.0 };
                    let places = MIN_SIDE..=end - MIN_SIDE;
                    places.map(move |at| (at, weight * by_definition(points, at, end)))
                });
                let expected = all.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
                let found = Search::new(&distances).best(&order, end).unwrap();
                assert!((found.statistic - expected.1).abs() < 1e-9, "{found:?}");
                assert_eq!(found.at, expected.0);
                if end == End::Any {
                    let mut search = Search::new(&distances);
                    assert_eq!(search.best_at(&order, found.at), Some(found));
                    let beside = search.best_at(&order, MIN_SIDE).unwrap();
                    assert!(beside.at == MIN_SIDE && beside.statistic <= found.statistic);
                }
            }
        }
    }

    #[test]
    fn a_search_may_be_repeated_in_any_order() {
        let points: Vec<Vec<f64>> = (0..10)
            .map(|index| vec![f64::from(index / 5), 0.0])
            .collect();
        let distances = Distances::of(&points);
        let mut search = Search::new(&distances);
        let order: Vec<usize> = (0..10).collect();
        let first = search.best(&order, End::Any).unwrap();
        assert_eq!(first.at, 5);
        // The same points, alternating: no split is as good.
        let mixed = [0, 5, 1, 6, 2, 7, 3, 8, 4, 9];
        assert!(search.best(&mixed, End::Any).unwrap().statistic < first.statistic / 2.0);
        assert_eq!(search.best(&order, End::Any), Some(first));
        assert_eq!(search.best(&order[..5], End::Any), None);
    }
}
