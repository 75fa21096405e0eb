//! Scaling of a series to its own noise.
//!
//! Noise is taken from differences of neighbours, by their median: a step is in one of them, a spike in two. Each
//! coordinate is divided by its noise, so that a percentile that scatters much weighs no more than a calm one, and
//! clamped to [`REACH`] about the median of the segment: a result far off is as far as any other far off, however far
//! that is. A level that a quarter of the results have stays as far from that of the others; a lone one can't
//! outweigh them. So a value that is only known to be larger than something far off, as those among lost requests
//! are, needs no number.

use crate::stats::median::median;

/// Distance from the median beyond which values are alike, in units of noise.
const REACH: f64 = 5.0;

/// The least noise of a logarithm: histograms have three digits.
const LEAST: f64 = 0.002;

/// The most noise of a logarithm: every other result among lost requests.
const MOST: f64 = 10.0;

/// Ratio of the standard deviation of a normal distribution to the median of distances from its mean.
const NORMAL: f64 = 1.482_602;

/// Returns the noise of each coordinate, as the standard deviation of normally distributed values.
#[must_use]
pub fn noise(points: &[Vec<f64>]) -> Vec<f64> {
    let coordinates = points.first().map_or(0, Vec::len);
    let of_one = |coordinate: usize| {
        let pairs = points.windows(2);
        let steps = pairs.map(|pair| difference(pair[1][coordinate], pair[0][coordinate]).abs());
        let middle = median(steps.collect()).unwrap_or(0.0);
        // The difference of two has twice the variance.
        (middle * NORMAL * std::f64::consts::FRAC_1_SQRT_2).clamp(LEAST, MOST)
    };
    (0..coordinates).map(of_one).collect()
}

/// Returns `points` in units of `noise` from their medians, clamped.
#[must_use]
pub(super) fn scaled(points: &[Vec<f64>], noise: &[f64]) -> Vec<Vec<f64>> {
    let medians = medians(points);
    let scale = |point: &Vec<f64>| {
        let coordinates = point.iter().zip(&medians).zip(noise);
        let scaled = coordinates.map(|((value, middle), noise)| {
            (difference(*value, *middle) / noise).clamp(-REACH, REACH)
        });
        scaled.collect()
    };
    points.iter().map(scale).collect()
}

/// Returns `a` less `b`; nothing if both are infinite, as values among lost requests are.
pub(super) fn difference(a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { a - b }
}

/// Returns the median of each coordinate.
pub(super) fn medians(points: &[Vec<f64>]) -> Vec<f64> {
    let coordinates = points.first().map_or(0, Vec::len);
    let of_one = |coordinate: usize| {
        let values = points.iter().map(|point| point[coordinate]);
        median(values.collect()).unwrap_or(0.0)
    };
    (0..coordinates).map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_spikes_are_no_noise() {
        let calm = |index: usize| 0.1 * (index % 2) as f64;
        let of = |more: &dyn Fn(usize) -> f64| {
            let points: Vec<Vec<f64>> = (0..40)
                .map(|index| vec![calm(index) + more(index)])
                .collect();
            noise(&points)[0]
        };
        let expected = 0.1 * NORMAL / 2_f64.sqrt();
        for found in [
            of(&|_| 0.0),
            of(&|index| if index < 20 { 0.0 } else { 3.0 }),
            of(&|index| if index == 7 { 9.0 } else { 0.0 }),
        ] {
            assert!((found - expected).abs() < 1e-9, "{found}");
        }
        assert_eq!(noise(&vec![vec![1.0, 1.0]; 9]), [LEAST, LEAST]);
        assert!(noise(&[]).is_empty());
    }

    #[test]
    fn far_off_is_far_off_however_far() {
        let points = |far: f64| [0.0, 0.1, 0.0, 0.1, far].map(|value| vec![value]);
        let of = |far: f64| scaled(&points(far), &[0.1]);
        assert_eq!(of(7.0), of(f64::INFINITY));
        assert_eq!(of(7.0)[4], [REACH]);
        assert!((of(0.3)[4][0] - 2.0).abs() < 1e-9);
        let lost = vec![vec![f64::INFINITY]; 5];
        assert_eq!(scaled(&lost, &noise(&lost)), vec![vec![0.0]; 5]);
    }
}
