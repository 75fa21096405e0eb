//! One-sided limits for the typical boot's figure, or for the ratio of two such figures.
//!
//! A verdict of a comparison asks if two targets differ; an objective asks if a figure, or a ratio, keeps to a limit.
//! Both are answered from boots by the same estimate: a posterior distribution of the location (see the module
//! `location`). Rounds that have a boot of both targets are judged by their log ratios. Boots of two results that were
//! not made in turns have nothing in common: the distribution of the ratio is that of the difference of two independent
//! locations, as by Behrens and Fisher, which is as wide as either side's own scatter makes it.

use super::location::Location;

/// Fewer boots say nothing of how they scatter.
pub const MIN_BOOTS: usize = 3;

/// Points that the distribution of a baseline's location is taken at.
const POINTS: usize = 250;

/// Share of a distribution that lies beyond where its end is looked for.
const BEYOND: f64 = 1e-7;

/// Halvings of the range in which a quantile is looked for.
const HALVINGS: usize = 40;

/// Name and version of the method.
pub const METHOD: &str = "typical-boot-one-sided/1";

/// The logarithm of a typical boot's figure, or of a ratio of two.
#[derive(Clone, Debug)]
pub struct TypicalBoot {
    location: Location,
    /// Location of an independent baseline, with points of equal probability.
    baseline: Option<(Location, Vec<f64>)>,
}

impl TypicalBoot {
    /// Returns that of boots, or rounds, with the logarithms `logs`, each known to `width`; `None` if there are fewer
    /// than [`MIN_BOOTS`].
    #[must_use]
    pub fn of(logs: &[f64], width: f64) -> Option<Self> {
        (logs.len() >= MIN_BOOTS).then(|| Self {
            location: Location::of(logs, width),
            baseline: None,
        })
    }

    /// Returns the ratio of boots to those of an independent `baseline`, each with its logarithms and the width that they
    /// are known to; `None` if either has fewer than [`MIN_BOOTS`].
    #[must_use]
    pub fn ratio(target: (&[f64], f64), baseline: (&[f64], f64)) -> Option<Self> {
        if target.0.len() < MIN_BOOTS || baseline.0.len() < MIN_BOOTS {
            return None;
        }
        let baseline = Location::of(baseline.0, baseline.1);
        let place = |index: usize| (index as f64 + 0.5) / POINTS as f64;
        let points = (0..POINTS).map(|index| baseline.widened_quantile(place(index)));
        let points = points.collect();
        Some(Self {
            location: Location::of(target.0, target.1),
            baseline: Some((baseline, points)),
        })
    }

    /// Returns the estimate.
    #[must_use]
    pub fn centre(&self) -> f64 {
        let baseline = self.baseline.as_ref();
        self.location.centre() - baseline.map_or(0.0, |(baseline, _)| baseline.centre())
    }

    /// Returns the limit that the typical boot is below with the probability `alpha` at most.
    #[must_use]
    pub fn lower(&self, alpha: f64) -> f64 {
        self.quantile(alpha) - self.width()
    }

    /// Returns the limit that the typical boot is above with the probability `alpha` at most.
    #[must_use]
    pub fn upper(&self, alpha: f64) -> f64 {
        self.quantile(1.0 - alpha) + self.width()
    }

    fn width(&self) -> f64 {
        let baseline = self.baseline.as_ref();
        self.location.width() + baseline.map_or(0.0, |(baseline, _)| baseline.width())
    }

    fn quantile(&self, share: f64) -> f64 {
        let Some((baseline, points)) = &self.baseline else {
            return self.location.widened_quantile(share);
        };
        let end = |location: &Location, share| location.widened_quantile(share);
        let mut low = end(&self.location, BEYOND) - end(baseline, 1.0 - BEYOND);
        let mut high = end(&self.location, 1.0 - BEYOND) - end(baseline, BEYOND);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            let chances = points.iter();
            let chances = chances.map(|point| self.location.widened_chance_below(middle + point));
            if chances.sum::<f64>() < share * points.len() as f64 {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
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
            let room = 0.02 * (1.0 + there.upper(alpha) - there.lower(alpha));
            prop_assert!((there.upper(alpha) + back.lower(alpha)).abs() < room);
        }
    }
}
