//! Latency over time as counts: a column for each second, a cell for each eighth of a decade.

use std::collections::VecDeque;

use crate::histogram::DurationHistogram;

/// Number of cells that ten-fold latency spans.
pub const PER_DECADE: usize = 8;

/// Lower end of the lowest cell, in nanoseconds; what is faster counts there.
const LOWEST_NS: f64 = 100.0;

/// Number of cells: from 100 ns to over 10 s. What is slower counts in the last.
const CELLS: usize = 8 * PER_DECADE + 1;

/// The most seconds that are kept: as many as the widest terminal shows.
const MAX_SECONDS: usize = 240;

/// Samples of one second, by latency.
type Column = [u64; CELLS];

/// Latency over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeatMap {
    seconds: VecDeque<Column>,
}

impl HeatMap {
    /// Adds one more second. The oldest go once there are four minutes of them.
    pub fn add(&mut self, second: &DurationHistogram) {
        let mut column = [0; CELLS];
        for (slot, count) in second.used() {
            column[cell(slot.highest_ns())] += count;
        }
        if self.seconds.len() == MAX_SECONDS {
            self.seconds.pop_front();
        }
        self.seconds.push_back(column);
    }

    /// Returns the last `count` seconds, or as many as there are, as columns of `rows` rows from the fastest to the
    /// slowest latency among them; `None` without samples.
    #[must_use]
    pub fn shown(&self, count: usize, rows: usize) -> Option<Shown> {
        let from = self.seconds.len().saturating_sub(count);
        let seconds = || self.seconds.iter().skip(from);
        let is_used = |&cell: &usize| seconds().any(|column| column[cell] > 0);
        let first = (0..CELLS).find(is_used)?;
        let last = (0..CELLS).rfind(is_used)?;
        let per_row = (last + 1 - first).div_ceil(rows.max(1)).max(1);
        let row_count = (last + 1 - first).div_ceil(per_row);
        let columns = seconds().map(|column| {
            let cells = column[first..=last].chunks(per_row);
            cells.map(|cells| cells.iter().sum()).collect()
        });
        Some(Shown {
            columns: columns.collect(),
            edges_ns: (0..=row_count)
                .map(|row| lower_end_ns(first + row * per_row))
                .collect(),
        })
    }
}

/// The seconds that a view has room for.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Samples by second, the oldest first, and by row, the fastest first.
    pub columns: Vec<Vec<u64>>,
    /// Latency at the lower end of each row, in nanoseconds, and at the upper end of the last.
    pub edges_ns: Vec<f64>,
}

/// Returns the cell that `ns` belongs to.
fn cell(ns: u64) -> usize {
    let decades = (ns as f64 / LOWEST_NS).max(1.0).log10();
    // Never negative, and bounded.
    ((decades * PER_DECADE as f64) as usize).min(CELLS - 1)
}

/// Returns the latency at the lower end of a cell, in nanoseconds.
fn lower_end_ns(cell: usize) -> f64 {
    LOWEST_NS * 10_f64.powf(cell as f64 / PER_DECADE as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(values: &[(u64, u64)]) -> DurationHistogram {
        let values = values.iter();
        DurationHistogram::of_values(
            values.flat_map(|&(value, count)| (0..count).map(move |_| value)),
        )
    }

    #[test]
    fn a_second_mode_has_a_row_of_its_own() {
        let mut map = HeatMap::default();
        assert_eq!(map.shown(10, 10), None);
        map.add(&second(&[(1000, 90), (100_000, 10)]));
        map.add(&second(&[(1000, 50)]));
        let shown = map.shown(10, 100).unwrap();
        assert_eq!(shown.columns.len(), 2);
        let used = |column: &Vec<u64>| -> Vec<(usize, u64)> {
            let rows = column.iter().copied().enumerate();
            rows.filter(|(_, count)| *count > 0).collect()
        };
        // Two decades apart.
        assert_eq!(used(&shown.columns[0]), [(0, 90), (2 * PER_DECADE, 10)]);
        assert_eq!(used(&shown.columns[1]), [(0, 50)]);
        assert!(shown.edges_ns[0] <= 1000.0 && 1000.0 < shown.edges_ns[1]);
        // With little room cells are joined, and no sample is dropped.
        let shown = map.shown(1, 3).unwrap();
        assert_eq!(shown.columns, [vec![50]]);
        let shown = map.shown(2, 3).unwrap();
        assert_eq!(shown.columns, [vec![90, 0, 10], vec![50, 0, 0]]);
        assert_eq!(shown.edges_ns.len(), 4);
    }

    #[test]
    fn extremes_count_in_the_outermost_cells() {
        assert_eq!((cell(0), cell(99), cell(100)), (0, 0, 0));
        assert_eq!((cell(134), cell(1000)), (1, PER_DECADE));
        assert_eq!(cell(u64::MAX), CELLS - 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut map = HeatMap::default();
        (0..2 * MAX_SECONDS).for_each(|_| map.add(&second(&[(1000, 1)])));
        assert_eq!(map.seconds.len(), MAX_SECONDS);
        assert_eq!(map.shown(usize::MAX, 4).unwrap().columns.len(), MAX_SECONDS);
    }
}
