//! Shift between two samples: the median of all differences of one of either (Hodges and Lehmann, 1963), with the
//! interval that the rank-sum test has (Moses, in Walker and Lev, "Statistical Inference", 1953). Neither is moved by
//! a few values that are far off.

use statrs::distribution::{ContinuousCDF, Normal};

use super::scaling::difference;

/// Samples up to this size have an exact interval.
const EXACT: usize = 12;

/// A shift of a logarithm.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Shift {
    /// The estimate.
    pub by: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Shift {
    /// Returns the shift from `before` to `after`, with an interval of the given `confidence`, or the widest where so
    /// few values have none of that; `None` without values.
    #[must_use]
    pub fn between(before: &[f64], after: &[f64], confidence: f64) -> Option<Self> {
        let pairs = after
            .iter()
            .flat_map(|after| before.iter().map(move |before| difference(*after, *before)));
        let mut differences: Vec<f64> = pairs.collect();
        differences.sort_unstable_by(f64::total_cmp);
        let last = differences.len().checked_sub(1)?;
        let outside = outside(before.len(), after.len(), 1.0 - confidence).min(last / 2);
        Some(Self {
            by: middle(differences[last / 2], differences[last.div_ceil(2)]),
            low: differences[outside],
            high: differences[last - outside],
        })
    }

    /// Returns true if the interval does not hold zero and the estimate is at least `least` away from there.
    #[must_use]
    pub fn is_at_least(&self, least: f64) -> bool {
        self.by.abs() >= least && (self.low > 0.0 || self.high < 0.0)
    }

    /// Returns the ratio that the estimate is the logarithm of.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.by.exp()
    }
}

/// Returns what is in the middle of both.
fn middle(a: f64, b: f64) -> f64 {
    if a == b { a } else { f64::midpoint(a, b) }
}

/// Number of ordered differences beyond either end of the interval that misses the shift with the probability `alpha`.
fn outside(n: usize, m: usize, alpha: f64) -> usize {
    if n.min(m) <= EXACT && n.max(m) <= 50 * EXACT {
        return exactly_outside(n, m, alpha / 2.0);
    }
    let (n, m) = (n as f64, m as f64);
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    let normal = Normal::standard();
    let beyond = n * m / 2.0 - normal.inverse_cdf(1.0 - alpha / 2.0) * deviation - 0.5;
    beyond.max(0.0) as usize
}

/// The same by the distribution of the rank-sum statistic: the most that leaves `tail` below it.
fn exactly_outside(n: usize, m: usize, tail: f64) -> usize {
    let (few, many) = (n.min(m), n.max(m));
    // Coefficients of the Gaussian binomial: the numbers of orders with each value of the statistic.
    let mut counts = vec![0.0_f64; few * many + 1];
    counts[0] = 1.0;
    for step in 1..=few {
        for value in (many + step..counts.len()).rev() {
            counts[value] -= counts[value - many - step];
        }
        for value in step..counts.len() {
            counts[value] += counts[value - step];
        }
    }
    let all: f64 = counts.iter().sum();
    let mut sum = 0.0;
    let below = counts.iter().take_while(|count| {
        sum += **count;
        sum <= tail * all
    });
    below.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tails_are_those_of_tables() {
        // Critical values of U, two-sided, 5 %: Mann and Whitney's table, as textbooks have it.
        for (n, m, critical) in [(3, 5, 0), (4, 4, 0), (5, 5, 2), (8, 10, 17), (12, 12, 37)] {
            assert_eq!(outside(n, m, 0.05), critical + 1, "{n} {m}");
        }
        assert_eq!(outside(3, 4, 0.05), 0);
        // The approximation continues what is exact.
        let (exact, approximate) = (exactly_outside(12, 40, 0.025), outside(13, 40, 0.05));
        assert!((140..=153).contains(&exact), "{exact}");
        assert!(
            approximate > exact && approximate < exact + 25,
            "{approximate}"
        );
    }

    #[test]
    fn one_value_far_off_hardly_moves_it() {
        let before: Vec<f64> = (0..20).map(|index| f64::from(index % 5) * 0.01).collect();
        let after: Vec<f64> = before.iter().map(|value| value + 0.1).collect();
        let shift = Shift::between(&before, &after, 0.95).unwrap();
        assert!(
            (shift.by - 0.1).abs() < 1e-9 && shift.is_at_least(0.02),
            "{shift:?}"
        );
        assert!(!shift.is_at_least(0.2) && (shift.ratio() - 1.105).abs() < 0.001);
        // One of three on one side.
        let spike = Shift::between(&before, &[0.01, 5.0, 0.02], 0.95).unwrap();
        assert!(!spike.is_at_least(0.02), "{spike:?}");
        let mut spoilt = after;
        spoilt[3] = f64::INFINITY;
        let shift = Shift::between(&before, &spoilt, 0.95).unwrap();
        assert!(
            (shift.by - 0.1).abs() < 0.01 && shift.high < 0.2,
            "{shift:?}"
        );
    }

    #[test]
    fn few_values_have_the_widest_interval() {
        let shift = Shift::between(&[0.0, 1.0], &[10.0], 0.95).unwrap();
        assert_eq!((shift.by, shift.low, shift.high), (9.5, 9.0, 10.0));
        assert_eq!(Shift::between(&[], &[1.0], 0.95), None);
    }
}
