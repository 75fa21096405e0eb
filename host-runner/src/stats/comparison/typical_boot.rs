//! One-sided limits for the typical boot's figure, or for the ratio of two such figures.
//!
//! A verdict of a comparison asks if two targets differ; an objective asks if a figure, or a ratio, keeps to a limit.
//! Both are answered from boots by the same estimate: a posterior distribution of the location (see the module
//! `location`). Rounds that have a boot of both targets are judged by their log ratios. Boots of two results that were
//! not made in turns have nothing in common: their ratio is the difference of two independent locations (see
//! [`independent`](super::independent)), which is as wide as either side's own scatter makes it. Where boots are of two
//! kinds, chance alone makes most of one side's of the one kind and most of the other side's of the other, and their
//! typical boots differ for no reason: so the limits of such a ratio are no narrower than those by the ranks of the boots
//! (`rank_sum`), which hold whatever the kinds are.

use super::independent::IndependentDifference;
use super::location::Location;
use super::rank_sum;

/// Fewer boots say nothing of how they scatter.
pub const MIN_BOOTS: usize = 3;

/// The logarithm of a typical boot's figure, or of a ratio of two.
#[derive(Clone, Debug)]
pub struct TypicalBoot(Estimate);

/// Estimate of a logarithm.
#[derive(Clone, Debug)]
enum Estimate {
    /// Of boots, or of rounds.
    One(Location),
    /// The ratio of boots to those of a baseline that have nothing in common with them.
    Ratio {
        /// Difference of the logarithms.
        difference: IndependentDifference,
        /// Logarithms of the target's boots.
        target: Vec<f64>,
        /// Logarithms of the baseline's boots.
        baseline: Vec<f64>,
    },
}

impl TypicalBoot {
    /// Returns that of boots, or rounds, with the logarithms `logs`, each known to `width`; `None` if there are fewer
    /// than [`MIN_BOOTS`].
    #[must_use]
    pub fn of(logs: &[f64], width: f64) -> Option<Self> {
        (logs.len() >= MIN_BOOTS).then(|| Self(Estimate::One(Location::of(logs, width))))
    }

    /// Returns the ratio of boots to those of an independent `baseline`, each with its logarithms and the width that they
    /// are known to; `None` if either has fewer than [`MIN_BOOTS`].
    #[must_use]
    pub fn ratio(target: (&[f64], f64), baseline: (&[f64], f64)) -> Option<Self> {
        let is_enough = target.0.len() >= MIN_BOOTS && baseline.0.len() >= MIN_BOOTS;
        let ratio = || Estimate::Ratio {
            difference: IndependentDifference::of(baseline, target),
            target: target.0.to_vec(),
            baseline: baseline.0.to_vec(),
        };
        is_enough.then(|| Self(ratio()))
    }

    /// Returns the estimate.
    #[must_use]
    pub fn centre(&self) -> f64 {
        match &self.0 {
            Estimate::One(location) => location.centre(),
            Estimate::Ratio { difference, .. } => difference.centre(),
        }
    }

    /// Returns the limit that the typical boot is below with the probability `alpha` at most; infinite if so few boots
    /// allow none.
    #[must_use]
    pub fn lower(&self, alpha: f64) -> f64 {
        match &self.0 {
            Estimate::One(location) => location.widened_quantile(alpha) - location.width(),
            Estimate::Ratio {
                difference,
                target,
                baseline,
            } => {
                let (by_ranks, _) = rank_sum::limits(target, baseline, alpha);
                difference.lower(alpha).min(by_ranks - difference.width())
            }
        }
    }

    /// Returns the limit that the typical boot is above with the probability `alpha` at most, likewise.
    #[must_use]
    pub fn upper(&self, alpha: f64) -> f64 {
        match &self.0 {
            Estimate::One(location) => location.widened_quantile(1.0 - alpha) + location.width(),
            Estimate::Ratio {
                difference,
                target,
                baseline,
            } => {
                let (_, by_ranks) = rank_sum::limits(target, baseline, alpha);
                difference.upper(alpha).max(by_ranks + difference.width())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

    use super::*;

    /// As normal as `n` values can be.
    fn normal(n: u32, centre: f64, sigma: f64) -> Vec<f64> {
        let normal = Normal::new(centre, sigma).unwrap();
        let place = |index: u32| (f64::from(index) + 0.5) / f64::from(n);
        (0..n)
            .map(|index| normal.inverse_cdf(place(index)))
            .collect()
    }

    #[test]
    fn two_boots_tell_nothing() {
        assert!(TypicalBoot::of(&[0.0, 0.1], 0.0).is_none());
        assert!(TypicalBoot::ratio((&[0.0; 5], 0.0), (&[0.0; 2], 0.0)).is_none());
        assert!(TypicalBoot::ratio((&[0.0; 2], 0.0), (&[0.0; 5], 0.0)).is_none());
    }

    #[test]
    fn the_limit_of_a_ratio_is_about_students() {
        for n in [5_u32, 7, 10] {
            let (target, baseline) = (normal(n, 0.2, 0.05), normal(n, 0.0, 0.05));
            let ratio = TypicalBoot::ratio((&target, 0.0), (&baseline, 0.0)).unwrap();
            assert!((ratio.centre() - 0.2).abs() < 1e-3);
            let squares: f64 = baseline.iter().map(|log| log.powi(2)).sum();
            let n = f64::from(n);
            let error = (2.0 * squares / (n - 1.0) / n).sqrt();
            let t = StudentsT::new(0.0, 1.0, 2.0 * (n - 1.0))
                .unwrap()
                .inverse_cdf(0.95);
            let arm = (ratio.upper(0.05) - ratio.centre()) / (t * error);
            assert!((0.95..1.6).contains(&arm), "{n}: {arm}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_smaller_chance_has_a_farther_limit_and_the_exchange_of_both_mirrors_them(
            target in prop::collection::vec(-1.0..1.0_f64, 3..9),
            baseline in prop::collection::vec(-1.0..1.0_f64, 3..9),
            alpha in 0.002..0.2_f64,
        ) {
            let there = TypicalBoot::ratio((&target, 0.001), (&baseline, 0.001)).unwrap();
            let back = TypicalBoot::ratio((&baseline, 0.001), (&target, 0.001)).unwrap();
            prop_assert!(there.upper(alpha) <= there.upper(alpha / 2.0) + 1e-9);
            prop_assert!(there.lower(alpha) <= there.centre() + 0.2 && there.centre() - 0.2 <= there.upper(alpha));
            let (high, low) = (there.upper(alpha), back.lower(alpha));
            prop_assert_eq!(high.is_finite(), low.is_finite());
            let room = 0.02 * (1.0 + there.upper(alpha) - there.lower(alpha));
            prop_assert!(high.is_infinite() || (high + low).abs() < room);
        }
    }
}
