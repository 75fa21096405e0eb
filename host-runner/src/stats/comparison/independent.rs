//! Differences between two sets of boots that were not made in turns: those of two results. `fathom diff` and limits of
//! objectives that are relative to a baseline are both judged by them.
//!
//! The boots of each set scatter about a typical one of their own, which is estimated as in a comparison
//! ([`Location`]); nothing pairs them. The difference is that of two independent locations: its distribution
//! is the convolution of the two posteriors. For normal log values that is the Behrens-Fisher distribution,
//! whose intervals cover at least as often as they say, and need no pooled variance.
//!
//! The convolution is a sum over the cells of the one posterior's grid, each with its probability, of the other's
//! distribution function: the tails, where the grid is coarse but the cells are known by their mass, count in full.

use super::location::Location;

/// Shares of a posterior below this one weigh nothing.
const NEGLIGIBLE: f64 = 1e-8;

/// Halvings of the range in which a quantile is looked for.
const HALVINGS: u32 = 24;

/// Reach of that range, as the inverse hyperbolic sine of units of the spread.
const REACH: f64 = 10.0;

/// Least unit of distances.
const LEAST_SPREAD: f64 = 1e-6;

/// In so many of ten comparisons a difference is to be told.
const POWER: f64 = 0.8;

/// Distribution of the difference of two typical boots, the later less the earlier, of logarithms.
#[derive(Clone, Debug)]
pub struct IndependentDifference {
    /// Places and shares of the earlier.
    earlier: Vec<(f64, f64)>,
    later: Location,
    /// Difference of the centres.
    middle: f64,
    centre: f64,
    /// Unit of distances from the centre.
    spread: f64,
    width: f64,
}

impl IndependentDifference {
    /// Of two sets of logarithms, at least two of each, with the width that those of each are known to: a value is the end
    /// of its slot, so two of them differ by no more than the wider slot from what their difference seems to be.
    #[must_use]
    pub fn of(earlier: (&[f64], f64), later: (&[f64], f64)) -> Self {
        let width = earlier.1.max(later.1);
        let location = |(logs, width): (&[f64], f64)| Location::of(logs, width);
        let (earlier, later) = (location(earlier), location(later));
        let shares: Vec<(f64, f64)> = (earlier.shares())
            .filter(|(_, share)| *share > NEGLIGIBLE)
            .collect();
        let mut difference = Self {
            middle: later.centre() - earlier.centre(),
            centre: 0.0,
            spread: (earlier.spread() + later.spread()).max(LEAST_SPREAD),
            earlier: shares,
            later,
            width,
        };
        difference.centre = difference.quantile(0.5);
        difference
    }

    /// Returns the estimate.
    #[must_use]
    pub const fn centre(&self) -> f64 {
        self.centre
    }

    /// Returns the probability of a difference below `difference`.
    #[must_use]
    pub fn chance_below(&self, difference: f64) -> f64 {
        let below = |(place, share): &(f64, f64)| {
            share * self.later.widened_chance_below(place + difference)
        };
        let total: f64 = self.earlier.iter().map(|(_, share)| share).sum();
        self.earlier.iter().map(below).sum::<f64>() / total
    }

    /// Returns the limit that the difference is below with the probability `alpha`.
    #[must_use]
    pub fn lower(&self, alpha: f64) -> f64 {
        self.quantile(alpha) - self.width
    }

    /// Returns the limit that the difference is above with the probability `alpha`.
    #[must_use]
    pub fn upper(&self, alpha: f64) -> f64 {
        self.quantile(1.0 - alpha) + self.width
    }

    /// Returns the interval that misses the difference with the probability `alpha`.
    #[must_use]
    pub fn interval(&self, alpha: f64) -> (f64, f64) {
        (self.lower(alpha / 2.0), self.upper(alpha / 2.0))
    }

    /// Returns the error that the difference of two values may have.
    #[must_use]
    pub const fn width(&self) -> f64 {
        self.width
    }

    /// Returns the chances of a difference that is not below zero, and of one that is not above.
    #[must_use]
    pub fn p_values(&self) -> (f64, f64) {
        (
            1.0 - self.chance_below(-self.width),
            self.chance_below(self.width),
        )
    }

    /// Returns by how much a difference must be away from a limit to be told from it in eight of ten tries, at the
    /// level `alpha` on one side.
    #[must_use]
    pub fn detectable(&self, alpha: f64) -> f64 {
        let arm = |share: f64| (self.quantile(share) - self.quantile(1.0 - share)) / 2.0;
        arm(1.0 - alpha) + arm(POWER) + self.width
    }

    fn quantile(&self, share: f64) -> f64 {
        let place = |place: f64| self.middle + self.spread * place.sinh();
        let (mut low, mut high) = (-REACH, REACH);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            match self.chance_below(place(middle)) < share {
                true => low = middle,
                false => high = middle,
            }
        }
        place(f64::midpoint(low, high))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

    use super::*;

    fn difference(earlier: &[f64], later: &[f64], width: f64) -> IndependentDifference {
        IndependentDifference::of((earlier, width), (later, width))
    }

    fn logs() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(-1.0..1.0_f64, 3..9)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn sets_that_change_places_have_the_mirrored_interval(a in logs(), b in logs()) {
            let there = difference(&a, &b, 0.001);
            let back = difference(&b, &a, 0.001);
            let ((low, high), (back_low, back_high)) = (there.interval(0.1), back.interval(0.1));
            let close = 0.02 * (high - low);
            prop_assert!((low + back_high).abs() < close, "{} {}", low, back_high);
            prop_assert!((high + back_low).abs() < close, "{} {}", high, back_low);
            prop_assert!(low <= there.centre() && there.centre() <= high);
        }

        #[test]
        fn a_p_value_is_below_a_level_if_the_interval_of_that_level_is_beside_zero(
            a in logs(), b in logs(), alpha in 0.01..0.2_f64,
        ) {
            let difference = difference(&a, &b, 0.001);
            let (low, high) = difference.interval(alpha);
            let (lower, higher) = difference.p_values();
            if (2.0 * lower - alpha).abs() > 1e-6 {
                prop_assert_eq!(high < 0.0, 2.0 * lower < alpha);
            }
            if (2.0 * higher - alpha).abs() > 1e-6 {
                prop_assert_eq!(low > 0.0, 2.0 * higher < alpha);
            }
        }

        #[test]
        fn a_shift_of_the_later_shifts_the_interval(a in logs(), b in logs(), shift in -3.0..3.0_f64) {
            let (low, high) = difference(&a, &b, 0.0).interval(0.1);
            let shifted: Vec<f64> = b.iter().map(|log| log + shift).collect();
            let (shifted_low, shifted_high) = difference(&a, &shifted, 0.0).interval(0.1);
            prop_assert!((low + shift - shifted_low).abs() < 1e-3 * (1.0 + high - low));
            prop_assert!((high + shift - shifted_high).abs() < 1e-3 * (1.0 + high - low));
        }
    }

    /// Logarithms that look as normal as can be.
    fn normal(n: u32, sigma: f64) -> Vec<f64> {
        let normal = Normal::new(0.0, sigma).unwrap();
        let place = |index: u32| (f64::from(index) + 0.5) / f64::from(n);
        (0..n)
            .map(|index| normal.inverse_cdf(place(index)))
            .collect()
    }

    #[test]
    fn is_at_least_as_long_as_welchs_interval_and_not_by_much() {
        for n in [5_u32, 7, 10, 20] {
            let (a, b) = (normal(n, 0.03), normal(n, 0.03));
            let variance = |logs: &[f64]| {
                logs.iter().map(|log| log.powi(2)).sum::<f64>() / f64::from(n - 1) / f64::from(n)
            };
            let freedom = 2.0 * f64::from(n - 1);
            let t = StudentsT::new(0.0, 1.0, freedom).unwrap().inverse_cdf(0.95);
            let welch = 2.0 * t * (variance(&a) + variance(&b)).sqrt();
            let (low, high) = difference(&a, &b, 0.0).interval(0.1);
            let ratio = (high - low) / welch;
            assert!((0.98..1.35).contains(&ratio), "{n}: {ratio}");
        }
    }

    /// By an integral over a grid that is much finer, of normal posteriors far enough apart to be told from it.
    #[test]
    fn the_tails_are_those_of_the_convolution() {
        let (a, b) = (normal(7, 0.03), normal(5, 0.1));
        let sets = difference(&a, &b, 0.0);
        let (earlier, later) = (Location::of(&a, 0.0), Location::of(&b, 0.0));
        const POINTS: u32 = 20_000;
        for alpha in [0.05, 0.01, 0.001] {
            let limit = sets.upper(alpha);
            let above = (0..POINTS).map(|index| {
                let place = (f64::from(index) + 0.5) / f64::from(POINTS);
                1.0 - later.widened_chance_below(earlier.widened_quantile(place) + limit)
            });
            let chance = above.sum::<f64>() / f64::from(POINTS);
            assert!((chance / alpha - 1.0).abs() < 0.03, "{alpha}: {chance}");
        }
    }

    #[test]
    fn one_boot_far_off_does_not_hide_what_the_others_show() {
        let a = [0.0, 0.01, -0.01, 0.02, -0.02, 0.005, 1.2];
        let b: Vec<f64> = a.iter().take(6).map(|log| log + 0.2).collect();
        let (low, high) = difference(&a, &b, 0.001).interval(0.1);
        assert!(0.1 < low && high < 0.3, "{low} {high}");
    }

    #[test]
    fn more_boots_tell_more() {
        let arm = |n| difference(&normal(n, 0.03), &normal(n, 0.03), 0.0).detectable(0.05);
        assert!(
            arm(20) < arm(7) && arm(7) < arm(4),
            "{} {} {}",
            arm(20),
            arm(7),
            arm(4)
        );
    }
}
