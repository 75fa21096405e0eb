//! Limits for the shift between two samples by the rank-sum distribution of Mann and Whitney (Moses' interval).
//!
//! They hold for values of any distribution, two kinds of boots among them, as long as both samples have the same but
//! for the shift: exact for few values, by the normal approximation for many.

use statrs::distribution::{ContinuousCDF, Normal};

/// Largest product of the samples' sizes for which the distribution is counted out.
const EXACT: usize = 400;

/// Returns limits of the shift of `target` against `baseline`, the logarithms of both, each of which the shift is beyond
/// with the probability `alpha` at most; infinite where so few values allow none.
#[must_use]
pub fn limits(target: &[f64], baseline: &[f64], alpha: f64) -> (f64, f64) {
    let differences = target
        .iter()
        .flat_map(|own| baseline.iter().map(move |other| own - other));
    let mut differences: Vec<f64> = differences.collect();
    differences.sort_unstable_by(f64::total_cmp);
    match left_out(target.len(), baseline.len(), alpha) {
        0 => (f64::NEG_INFINITY, f64::INFINITY),
        count => (
            differences[count - 1],
            differences[differences.len() - count],
        ),
    }
}

/// Returns the rank of the limit among the differences, from either end and from 1 on; 0 if there is none.
fn left_out(own: usize, others: usize, alpha: f64) -> usize {
    let all = own * others;
    if all > EXACT {
        let (own, others) = (own as f64, others as f64);
        let deviation = (own * others * (own + others + 1.0) / 12.0).sqrt();
        let rank = own * others / 2.0 - Normal::standard().inverse_cdf(1.0 - alpha) * deviation;
        return (rank.floor().max(0.0) as usize).min(all);
    }
    let counts = counts(own, others);
    let total: f64 = counts.iter().sum();
    let mut sum = 0.0;
    let is_below = |count: &&f64| {
        sum += **count;
        sum <= alpha * total
    };
    counts.iter().take_while(is_below).count()
}

/// Returns the number of orders of `own` and `others` values in which so many pairs are out of order, by that number.
fn counts(own: usize, others: usize) -> Vec<f64> {
    // Of none of the one kind there is one order.
    let mut rows: Vec<Vec<f64>> = vec![vec![1.0]; others + 1];
    for taken in 1..=own {
        let mut next: Vec<Vec<f64>> = vec![vec![1.0]];
        for beside in 1..=others {
            let mut row = vec![0.0; taken * beside + 1];
            // The largest value is one of the own, beyond all others, or one of the others.
            for (pairs, count) in rows[beside].iter().enumerate() {
                row[pairs + beside] += count;
            }
            for (pairs, count) in next[beside - 1].iter().enumerate() {
                row[pairs] += count;
            }
            next.push(row);
        }
        rows = next;
    }
    rows.swap_remove(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_tables() {
        // Critical values of the rank-sum test, one-sided at 5 % and 1 %, plus one.
        for (own, others, five, one) in
            [(5, 5, 5, 2), (7, 7, 12, 7), (10, 10, 28, 20), (4, 8, 6, 3)]
        {
            assert_eq!(left_out(own, others, 0.05), five, "{own} {others}");
            assert_eq!(left_out(own, others, 0.01), one, "{own} {others}");
        }
        assert_eq!((left_out(3, 3, 0.05), left_out(3, 3, 0.04)), (1, 0));
        let all: f64 = counts(5, 5).iter().sum();
        assert_eq!(all, 252.0);
    }

    #[test]
    fn the_approximation_goes_on_where_counting_ends() {
        let exact = left_out(20, 20, 0.05);
        let approximate = left_out(21, 20, 0.05);
        assert!(
            (exact..exact + 15).contains(&approximate),
            "{exact} {approximate}"
        );
        assert_eq!(left_out(1000, 1000, 0.5), 500_000);
    }

    #[test]
    fn limits_are_differences_of_the_values_and_shift_with_them() {
        let (target, baseline) = ([0.1, 0.2, 0.3], [0.0, 0.01, 0.02]);
        let (low, high) = limits(&target, &baseline, 0.05);
        assert!((low - 0.08).abs() < 1e-12 && (high - 0.3).abs() < 1e-12);
        assert_eq!(
            limits(&target, &baseline, 0.01),
            (f64::NEG_INFINITY, f64::INFINITY)
        );
        let shifted = target.map(|log| log + 1.0);
        assert!((limits(&shifted, &baseline, 0.05).0 - low - 1.0).abs() < 1e-12);
    }
}
