//! Location of the typical boot's log ratio, from a handful of them.
//!
//! Boots mostly scatter a little, and now and then one is far off, or boots are of two kinds. An interval by
//! Student's t takes them for normally distributed: one boot that is far off then hides what all others
//! show. So both are reckoned with: log ratios scatter about the typical one either by a normal or by a
//! Cauchy distribution, of any scale, and the data decide how much each counts. The estimate is the posterior
//! distribution of the location with the prior that is flat in the location and in the logarithm of the
//! scale. With that prior each of the two intervals is exact, for any number of boots, if its distribution is
//! the true one (Pitman's; for the normal distribution it is Student's interval), and the two can be weighed
//! by their marginal likelihoods (Berger, Pericchi and Varshavsky, "Bayes factors and marginal distributions
//! in invariant situations", 1998). Letting the data choose makes the interval a little short where log
//! ratios are normal, which [`WIDENED`] makes up for.
//!
//! Under a normal distribution the typical log ratio is the mean, the geometric mean of the ratios; of boots
//! of two kinds it is that of the more frequent kind.

use std::f64::consts::{PI, TAU};

use statrs::function::gamma::ln_gamma;

/// Name and version of the method.
pub(super) const METHOD: &str = "paired-normal-cauchy/1";

/// Share of what is known beforehand that the Cauchy distribution has.
const CAUCHY: f64 = 0.7;

/// Intervals of n boots are longer than the posterior's by this over n: the more boots, the better is known
/// how they scatter.
const WIDENED: f64 = 0.85;

/// In so many of ten comparisons what is detectable would have been found.
const POWER: f64 = 0.8;

/// Steps of the location, in units of its scale near the middle and in proportion to the distance far from it.
const STEP: f64 = 0.1;

/// Distance that the location reaches beyond the data, in the logarithm: further locations have no weight.
const REACH: f64 = 8.0;

/// Steps of the logarithm of the scale.
const SCALE_STEP: f64 = 0.35;

/// The least that a log ratio is known to, for values whose slots are narrower.
const LEAST_WIDTH: f64 = 1e-4;

/// Log ratios of a few boots, as the distribution of the typical boot's.
#[derive(Clone, Debug)]
pub(super) struct Location {
    /// Locations in order, each with the probability of a lower one.
    below: Vec<(f64, f64)>,
    centre: f64,
    /// By this factor intervals are longer than the distribution's.
    widened: f64,
    /// Error that each log ratio may have, for the resolution of the values.
    width: f64,
}

impl Location {
    /// Of at least two `log_ratios`, each known to `width`.
    pub(super) fn of(log_ratios: &[f64], width: f64) -> Self {
        let least = width.max(LEAST_WIDTH);
        let middle = median(log_ratios.to_vec());
        let distances: Vec<f64> = log_ratios
            .iter()
            .map(|log_ratio| (log_ratio - middle).abs())
            .collect();
        let farthest = distances.iter().fold(least, |a, b| a.max(*b));
        let scale = median(distances).max(least);
        let reach = (farthest / scale).asinh() + REACH;
        let steps = (reach / STEP).ceil() as i32;
        let grid = (-steps..=steps).map(|step| {
            let place = f64::from(step) * STEP;
            let density = ln_density(log_ratios, middle + scale * place.sinh(), least);
            (middle + scale * place.sinh(), density + place.cosh().ln())
        });
        let grid: Vec<(f64, f64)> = grid.collect();
        let highest = grid.iter().map(|point| point.1).fold(f64::MIN, f64::max);
        let masses = grid.iter().map(|point| (point.1 - highest).exp());
        let total: f64 = masses.clone().sum();
        let mut sum = 0.0;
        let below = grid.iter().zip(masses).map(|((location, _), mass)| {
            sum += mass;
            (*location, (sum - mass / 2.0) / total)
        });
        let mut location = Self {
            below: below.collect(),
            centre: 0.0,
            widened: 1.0 + WIDENED / log_ratios.len() as f64,
            width,
        };
        location.centre = location.quantile(0.5);
        location
    }

    /// The estimate.
    pub(super) fn centre(&self) -> f64 {
        self.centre
    }

    /// The chances of a typical log ratio that is not below zero, and of one that is not above.
    pub(super) fn p_values(&self) -> (f64, f64) {
        let lower = 1.0 - self.widened_chance_below(-self.width);
        let higher = self.widened_chance_below(self.width);
        (lower, higher)
    }

    /// The interval that misses the typical log ratio with the probability `alpha`.
    pub(super) fn interval(&self, alpha: f64) -> (f64, f64) {
        (
            self.widened_quantile(alpha / 2.0) - self.width,
            self.widened_quantile(1.0 - alpha / 2.0) + self.width,
        )
    }

    /// The location that the typical one is below with the probability `share`, as much farther from the estimate as
    /// intervals are longer; without the error of each log ratio.
    pub(super) fn widened_quantile(&self, share: f64) -> f64 {
        self.widened(self.quantile(share))
    }

    /// The probability of a typical location below `location`, by the same measure.
    pub(super) fn widened_chance_below(&self, location: f64) -> f64 {
        self.chance_below(self.centre + (location - self.centre) / self.widened)
    }

    /// Returns the error that each log ratio may have.
    pub(super) const fn width(&self) -> f64 {
        self.width
    }

    /// The least log ratio that such boots would show at the level `alpha` in most comparisons.
    pub(super) fn detectable(&self, alpha: f64) -> f64 {
        let arm = |share: f64| (self.quantile(share) - self.quantile(1.0 - share)) / 2.0;
        self.widened * arm(1.0 - alpha / 2.0) + arm(POWER) + self.width
    }

    /// Locations with their probabilities, in order, as far from the centre as intervals are.
    pub(super) fn shares(&self) -> impl Iterator<Item = (f64, f64)> {
        self.below.windows(2).map(|pair| {
            let place = f64::midpoint(pair[0].0, pair[1].0);
            (self.widened(place), pair[1].1 - pair[0].1)
        })
    }

    /// The length of the middle half of the distribution.
    pub(super) fn spread(&self) -> f64 {
        self.quantile(0.75) - self.quantile(0.25)
    }

    fn widened(&self, location: f64) -> f64 {
        self.centre + self.widened * (location - self.centre)
    }

    /// The location that the typical one is below with the probability `share`.
    fn quantile(&self, share: f64) -> f64 {
        let above = self.below.partition_point(|point| point.1 < share);
        let (Some(low), Some(high)) = (
            self.below.get(above.saturating_sub(1)),
            self.below.get(above),
        ) else {
            return self.below.last().map_or(0.0, |point| point.0);
        };
        between(share, (low.1, low.0), (high.1, high.0))
    }

    /// The probability that the typical location is below `location`.
    fn chance_below(&self, location: f64) -> f64 {
        let above = self.below.partition_point(|point| point.0 < location);
        match (above.checked_sub(1), self.below.get(above)) {
            (None, _) => 0.0,
            (_, None) => 1.0,
            (Some(low), Some(&high)) => between(location, self.below[low], high),
        }
    }
}

/// The value at `x` on the line through two points.
fn between(x: f64, low: (f64, f64), high: (f64, f64)) -> f64 {
    let length = high.0 - low.0;
    let share = if length > 0.0 {
        (x - low.0) / length
    } else {
        0.5
    };
    low.1 + share * (high.1 - low.1)
}

/// The middle one, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    f64::midpoint(values[half], values[(values.len() - 1) / 2])
}

/// The logarithm of the density of `location`, but for a constant; `least` is the least scale.
fn ln_density(log_ratios: &[f64], location: f64, least: f64) -> f64 {
    let normal = (1.0 - CAUCHY).ln() + ln_normal(log_ratios, location, least);
    let cauchy = CAUCHY.ln() + ln_cauchy(log_ratios, location, least);
    let highest = normal.max(cauchy);
    highest + ((normal - highest).exp() + (cauchy - highest).exp()).ln()
}

/// The logarithm of the likelihood of `location`, over all scales, if log ratios are normal.
fn ln_normal(log_ratios: &[f64], location: f64, least: f64) -> f64 {
    let half = log_ratios.len() as f64 / 2.0;
    let squares = log_ratios
        .iter()
        .map(|log_ratio| (log_ratio - location).powi(2) + least.powi(2));
    ln_gamma(half) - std::f64::consts::LN_2 - half * (TAU / 2.0 * squares.sum::<f64>()).ln()
}

/// The same if they are Cauchy's.
fn ln_cauchy(log_ratios: &[f64], location: f64, least: f64) -> f64 {
    let n = log_ratios.len() as f64;
    let squares: Vec<f64> = log_ratios
        .iter()
        .map(|log_ratio| (log_ratio - location).powi(2))
        .collect();
    let farthest = squares.iter().copied().fold(least.powi(2), f64::max).sqrt();
    let steps = ((farthest / least).ln() + 3.0) / SCALE_STEP;
    let at_scale = |step: i32| {
        let ln_scale = least.ln() + f64::from(step) * SCALE_STEP;
        let scale_squared = (2.0 * ln_scale).exp();
        // A product of a few at a time stays a number, and saves logarithms.
        let product = |some: &[f64]| -> f64 {
            some.iter()
                .map(|log_ratio| 1.0 + log_ratio / scale_squared)
                .product()
        };
        let spread: f64 = squares.chunks(8).map(|some| product(some).ln()).sum();
        -n * (PI.ln() + ln_scale) - spread
    };
    let terms: Vec<f64> = (0..=steps as i32).map(at_scale).collect();
    let highest = terms.iter().copied().fold(f64::MIN, f64::max);
    let sum: f64 = terms.iter().map(|term| (term - highest).exp()).sum();
    highest + (sum * SCALE_STEP).ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{ContinuousCDF, StudentsT};

    use super::*;

    fn log_ratios() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(-2.0..2.0_f64, 3..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn mirrored_log_ratios_have_the_mirrored_interval(log_ratios in log_ratios(), alpha in 0.001..0.2_f64) {
            let there = Location::of(&log_ratios, 0.001);
            let back = log_ratios.iter().map(|log_ratio| -log_ratio).collect::<Vec<_>>();
            let back = Location::of(&back, 0.001);
            let ((low, high), (back_low, back_high)) = (there.interval(alpha), back.interval(alpha));
            prop_assert!((low + back_high).abs() < 1e-6 * (1.0 + low.abs()), "{} {}", low, back_high);
            prop_assert!((high + back_low).abs() < 1e-6 * (1.0 + high.abs()), "{} {}", high, back_low);
            let ((lower, higher), (back_lower, back_higher)) = (there.p_values(), back.p_values());
            prop_assert!((lower - back_higher).abs() < 1e-6 && (higher - back_lower).abs() < 1e-6);
        }

        #[test]
        fn a_p_value_is_below_a_level_if_the_interval_of_that_level_is_beside_zero(
            log_ratios in log_ratios(), alpha in 0.001..0.2_f64,
        ) {
            let location = Location::of(&log_ratios, 0.001);
            let (low, high) = location.interval(alpha);
            let (lower, higher) = location.p_values();
            // But for what is too close to tell.
            if (2.0 * lower - alpha).abs() > 1e-9 {
                prop_assert_eq!(high < 0.0, 2.0 * lower < alpha);
            }
            if (2.0 * higher - alpha).abs() > 1e-9 {
                prop_assert_eq!(low > 0.0, 2.0 * higher < alpha);
            }
            prop_assert!(low <= location.centre() && location.centre() <= high);
        }

        #[test]
        fn a_shift_of_all_shifts_the_interval(log_ratios in log_ratios(), shift in -5.0..5.0_f64) {
            let (low, high) = Location::of(&log_ratios, 0.0).interval(0.05);
            let shifted: Vec<f64> = log_ratios.iter().map(|log_ratio| log_ratio + shift).collect();
            let (shifted_low, shifted_high) = Location::of(&shifted, 0.0).interval(0.05);
            prop_assert!((low + shift - shifted_low).abs() < 1e-4 * (1.0 + high - low));
            prop_assert!((high + shift - shifted_high).abs() < 1e-4 * (1.0 + high - low));
        }

        #[test]
        fn a_larger_scatter_has_an_interval_as_many_times_as_long(log_ratios in log_ratios()) {
            let (low, high) = Location::of(&log_ratios, 0.0).interval(0.05);
            let scaled: Vec<f64> = log_ratios.iter().map(|log_ratio| log_ratio * 2.0).collect();
            let (twice_low, twice_high) = Location::of(&scaled, 0.0).interval(0.05);
            let ratio = (twice_high - twice_low) / (high - low);
            prop_assert!((ratio - 2.0).abs() < 0.05, "{}", ratio);
        }
    }

    /// Evenly spread quantiles of a normal distribution look as normal as can be.
    #[test]
    fn is_about_students_interval_where_boots_scatter_normally() {
        for n in [5_u32, 7, 10, 30] {
            let normal = statrs::distribution::Normal::new(0.0, 0.1).unwrap();
            let place = |index: u32| (f64::from(index) + 0.5) / f64::from(n);
            let log_ratios: Vec<f64> = (0..n)
                .map(|index| normal.inverse_cdf(place(index)))
                .collect();
            let squares: f64 = log_ratios.iter().map(|log_ratio| log_ratio.powi(2)).sum();
            let n = f64::from(n);
            let t = StudentsT::new(0.0, 1.0, n - 1.0)
                .unwrap()
                .inverse_cdf(0.99375);
            let expected = t * (squares / (n - 1.0) / n).sqrt();
            let (low, high) = Location::of(&log_ratios, 0.0).interval(0.0125);
            let ratio = (high - low) / 2.0 / expected;
            assert!((0.95..1.25).contains(&ratio), "{n}: {ratio}");
        }
    }

    #[test]
    fn one_boot_far_off_does_not_hide_what_the_others_show() {
        let mut log_ratios = vec![-0.25, -0.21, -0.23, -0.2, -0.22, -0.24];
        assert!(Location::of(&log_ratios, 0.001).interval(0.0125).1 < 0.0);
        for spoilt in [-1.5, 1.5] {
            log_ratios.push(spoilt);
            let (low, high) = Location::of(&log_ratios, 0.001).interval(0.0125);
            assert!(-0.5 < low && high < 0.0, "{low} {high}");
            log_ratios.pop();
        }
    }

    #[test]
    fn boots_that_do_not_differ_leave_what_a_histogram_does_not_tell() {
        let same = Location::of(&[0.0; 5], 0.002);
        let (low, high) = same.interval(0.0125);
        assert!(
            -0.02 < low && low < -0.002 && 0.002 < high && high < 0.02,
            "{low} {high}"
        );
        let (lower, _) = Location::of(&[-2.3; 5], 0.002).p_values();
        assert!(lower < 1e-6, "{lower}");
    }

    #[test]
    fn fewer_boots_and_more_scatter_leave_more_undetected() {
        let few = Location::of(&[-0.1, 0.0, 0.1], 0.001).detectable(0.0125);
        let more =
            Location::of(&[-0.1, 0.0, 0.1, -0.05, 0.05, 0.08, -0.08], 0.001).detectable(0.0125);
        let calm = Location::of(&[-0.01, 0.0, 0.01], 0.001).detectable(0.0125);
        assert!(calm < more && more < few, "{calm} {more} {few}");
    }
}
