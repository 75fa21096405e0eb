//! Interval of a percentile from the samples of one boot.
//!
//! Distribution-free: the number of samples below the true percentile has a binomial distribution, so order statistics
//! some ranks below and above the sample percentile are its limits. It takes samples for independent, which those of one
//! boot are not (a stall delays several): it says something of this boot at best, and nothing of the next.

use statrs::distribution::{ContinuousCDF, Normal};

/// Least number of samples beyond a percentile, n(1-p), for it to be judged.
pub const MIN_BEYOND: u64 = 100;

/// Chances that the true percentile lies beyond either limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chances {
    /// Below the lower one.
    pub low: f64,
    /// Above the upper one.
    pub high: f64,
}

/// Returns the ranks, from 1 on, of the two samples between which the quantile `quantile` of the distribution lies that
/// `count` samples are of. A rank over `count` is beyond all samples.
///
/// By the normal approximation of the binomial distribution, with a rank more on either side: that is enough if
/// [`MIN_BEYOND`] samples lie beyond.
#[must_use]
pub fn ranks(count: u64, quantile: f64, chances: Chances) -> (u64, u64) {
    let n = count as f64;
    let (mean, deviation) = (n * quantile, (n * quantile * (1.0 - quantile)).sqrt());
    let normal = Normal::standard();
    let low = mean - normal.inverse_cdf(1.0 - chances.low) * deviation;
    let high = mean + normal.inverse_cdf(1.0 - chances.high) * deviation;
    let rank = |rank: f64| rank.clamp(1.0, n + 1.0) as u64;
    (rank(low.floor() - 1.0), rank(high.ceil() + 2.0))
}

/// Returns the number of samples, of `count`, that may be above a limit before the lower end of the quantile's interval is,
/// which the true one is below with the chance `low` at most. It grows with `count`.
#[must_use]
pub fn most_above(count: u64, quantile: f64, low: f64) -> u64 {
    let (rank, _) = ranks(count, quantile, Chances { low, high: low });
    count.saturating_sub(rank)
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{Binomial, DiscreteCDF};

    use super::*;

    #[test]
    fn the_exact_chances_are_no_larger_than_those_asked_for() {
        for (count, quantile) in [
            (200, 0.5),
            (1000, 0.9),
            (10_000, 0.99),
            (100_000, 0.999),
            (40_000, 0.25),
        ] {
            for alpha in [0.05, 0.01, 0.002] {
                let chances = Chances {
                    low: alpha,
                    high: alpha,
                };
                let (low, high) = ranks(count, quantile, chances);
                let below = Binomial::new(quantile, count).unwrap();
                // The sample of rank r is above the percentile if fewer than r samples are below it.
                let low_above = below.cdf(low - 1);
                let high_below = 1.0 - below.cdf(high - 1);
                assert!(low_above <= alpha, "{count} {quantile}: {low_above}");
                assert!(high_below <= alpha, "{count} {quantile}: {high_below}");
                // And not much smaller.
                assert!(
                    low_above > alpha / 6.0 && high_below > alpha / 6.0,
                    "{count} {quantile} {alpha}: {low_above} {high_below}"
                );
            }
        }
    }

    #[test]
    fn a_limit_is_missed_from_one_sample_more_on_than_may_be_above_it() {
        let (count, quantile, low) = (10_000, 0.99, 0.01);
        let most = most_above(count, quantile, low);
        let (rank, _) = ranks(count, quantile, Chances { low, high: low });
        // With so many above the sample of the lower rank is not, and with one more it is.
        assert_eq!(count - most, rank);
        assert!((100..150).contains(&most), "{most}");
        for count in 1..3000 {
            assert!(most_above(count, quantile, low) <= most_above(count + 1, quantile, low));
        }
    }

    #[test]
    fn ranks_stay_among_the_samples_or_just_beyond() {
        let chances = Chances {
            low: 0.01,
            high: 0.01,
        };
        assert_eq!(ranks(3, 0.5, chances), (1, 4));
        assert_eq!(ranks(0, 0.5, chances), (1, 1));
    }
}
