//! Confidence set for the place of a change point: those that are hardly less likely than the best.
//!
//! For a shift of the mean under normal noise the likelihood ratio of the true place to the best has a known
//! distribution, whatever the size of the shift (Hansen, "Sample splitting and threshold estimation", Econometrica 68,
//! 2000, section 3.4): P(2 ln LR <= x) = (1 - exp(-x/2))^2.

use std::ops::Range;

use super::energy::MIN_SIDE;

/// The ratio that is exceeded in 5 % of series: -2 ln(1 - sqrt(0.95)).
const CRITICAL: f64 = 7.35;

/// Returns the range of likely places, `at` among them, in `points`, whose noise is one. Coordinates that
/// `moved` count; they count as one, for they mostly move together.
pub(super) fn likely(points: &[Vec<f64>], at: usize, moved: &[bool]) -> Range<usize> {
    let places = MIN_SIDE..(points.len() + 1).saturating_sub(MIN_SIDE);
    let explained: Vec<f64> = places
        .clone()
        .map(|place| explained(points, place, moved))
        .collect();
    let best = explained.iter().copied().fold(0.0, f64::max);
    let numbered = places.zip(&explained);
    let near = numbered.filter(|(_, explained)| best - **explained <= CRITICAL);
    let near: Vec<usize> = near.map(|(place, _)| place).chain([at]).collect();
    let first = near.iter().min().copied().unwrap_or(at);
    let last = near.iter().max().copied().unwrap_or(at);
    first..last + 1
}

/// Returns by how much a split at `place` lessens the sum of squares.
fn explained(points: &[Vec<f64>], place: usize, moved: &[bool]) -> f64 {
    let (before, after) = points.split_at(place);
    let mean = |points: &[Vec<f64>], coordinate: usize| {
        points.iter().map(|point| point[coordinate]).sum::<f64>() / points.len() as f64
    };
    let coordinates = (0..moved.len()).filter(|coordinate| moved[*coordinate]);
    let squares: Vec<f64> = coordinates
        .map(|coordinate| (mean(before, coordinate) - mean(after, coordinate)).powi(2))
        .collect();
    let (n, m) = (before.len() as f64, after.len() as f64);
    n * m / (n + m) * squares.iter().sum::<f64>() / squares.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(step: f64) -> Vec<Vec<f64>> {
        let noise = |index: usize| [0.5, -1.0, 1.0, -0.5][index % 4];
        let value = |index: usize| noise(index) + if index < 20 { 0.0 } else { step };
        (0..40).map(|index| vec![value(index), 0.0]).collect()
    }

    #[test]
    fn a_large_step_is_placed_exactly_and_a_small_one_among_others() {
        assert_eq!(likely(&series(20.0), 20, &[true, false]), 20..21);
        let near = likely(&series(2.0), 20, &[true, false]);
        assert!(
            near.contains(&20) && near.len() > 1 && near.len() < 10,
            "{near:?}"
        );
        let anywhere = likely(&series(0.0), 20, &[true, true]);
        assert_eq!(anywhere, 3..38);
    }
}
