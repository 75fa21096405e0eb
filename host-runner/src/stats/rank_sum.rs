//! How far two sets of values are apart, by nothing but the order of all their differences: the interval
//! that belongs to the Mann-Whitney test (Hollander, Wolfe and Chicken, Nonparametric Statistical
//! Methods, section 4.3; due to Moses).
//!
//! It holds whatever the values are distributed like, also where they are of two kinds that have nothing
//! in between, and it is exact for a handful of them. It takes as many that their order alone could hardly
//! come about by chance.

/// More values than these on a side need no help: the work grows with the cube.
const MAX_VALUES: usize = 64;

/// The interval that holds the distance of `a` from `b` but for a chance of `beyond` at each end; `None` if
/// they are too few for that, or too many.
pub(super) fn interval(a: &[f64], b: &[f64], beyond: f64) -> Option<(f64, f64)> {
    let left_out = left_out(a.len(), b.len(), beyond)?;
    let mut differences: Vec<f64> = a
        .iter()
        .flat_map(|a| b.iter().map(move |b| a - b))
        .collect();
    differences.sort_unstable_by(f64::total_cmp);
    let low = differences.get(left_out)?;
    let high = differences.iter().rev().nth(left_out)?;
    (low <= high).then_some((*low, *high))
}

/// How many of all differences, from `n` and `m` values, may be left out at each end: the largest k for
/// which U, the number of pairs in the wrong order, is at most k with no more than the chance `beyond` where
/// all orders are equally likely.
fn left_out(n: usize, m: usize, beyond: f64) -> Option<usize> {
    if n == 0 || m == 0 || n > MAX_VALUES || m > MAX_VALUES {
        return None;
    }
    let orders = orders(n, m);
    let all: f64 = orders.iter().sum();
    let running = orders.iter().scan(0.0, |sum, count| {
        *sum += count;
        Some(*sum / all)
    });
    running
        .take_while(|&chance| chance <= beyond)
        .count()
        .checked_sub(1)
}

/// In how many orders of `n` and `m` values U is 0, 1, ... n m: the coefficients of Gauss's binomial, the
/// product of (1 - q^(m + i)) / (1 - q^i) for i from 1 to n.
fn orders(n: usize, m: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n * m + 1];
    counts[0] = 1.0;
    for i in 1..=n {
        for power in (m + i..counts.len()).rev() {
            counts[power] -= counts[power - m - i];
        }
        for power in i..counts.len() {
            counts[power] += counts[power - i];
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_counted() {
        // By hand: aabb, abab, abba and baab, baba, bbaa.
        assert_eq!(orders(2, 2), [1.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(orders(1, 3), [1.0; 4]);
        for (n, m, all) in [(5, 5, 252.0), (7, 7, 3432.0), (6, 4, 210.0)] {
            let orders = orders(n, m);
            assert_eq!(orders.iter().sum::<f64>(), all);
            assert!(orders.iter().eq(orders.iter().rev()), "{orders:?}");
        }
    }

    /// Against the usual tables of U's critical values, 5 % and 1 % in two tails.
    #[test]
    fn as_many_are_left_out_as_tables_say() {
        for (n, m, beyond, expected) in [
            (3, 3, 0.025, None),
            (4, 4, 0.025, Some(0)),
            (5, 5, 0.025, Some(2)),
            (8, 8, 0.025, Some(13)),
            (10, 10, 0.025, Some(23)),
            (5, 5, 0.005, Some(0)),
            (10, 10, 0.005, Some(16)),
            (20, 20, 0.025, Some(127)),
            (0, 5, 0.5, None),
            (65, 5, 0.5, None),
        ] {
            assert_eq!(left_out(n, m, beyond), expected, "{n} {m} {beyond}");
        }
    }

    #[test]
    fn the_ends_are_differences() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 40.0]);
        assert_eq!(interval(&a, &b, 0.025), Some((-39.0, -6.0)));
        assert_eq!(interval(&b, &a, 0.025), Some((6.0, 39.0)));
        assert_eq!(interval(&a, &b, 0.001), None);
        // All of them are left out.
        assert_eq!(interval(&[1.0], &[1.0], 1.0), None);
    }
}
