//! Significance of the best split of a series: how often the same points in another order have one as good.
//!
//! Under the hypothesis that nothing changed, points can be exchanged, so the rank of the statistic among those of
//! random orders is uniform. The maximum over all splits is taken anew in each order, so that having chosen the
//! best costs nothing; and the order as measured counts as one of them, so that no p-value is zero (Davison and
//! Hinkley, "Bootstrap Methods and their Application", section 4.3).

use super::energy::{Distances, End, Search, Split};
use crate::random::SplitMix64;

/// Orders as good as the measured one after which no more are drawn (Besag and Clifford, "Sequential Monte Carlo
/// p-values", 1991).
const ENOUGH: u32 = 20;

/// Two sums of the same distances in different orders differ by no more than this share.
const ROUNDING: f64 = 1e-9;

/// Returns the best split of the points in order, or that at `place`, with the probability of one as good anywhere if
/// nothing changed, by up to `permutations` random orders; `None` with too few points.
pub(super) fn test(
    distances: &Distances,
    place: Option<usize>,
    permutations: u32,
    seed: u64,
) -> Option<(Split, f64)> {
    let mut search = Search::new(distances);
    let mut order: Vec<usize> = (0..distances.count()).collect();
    let split = match place {
        Some(at) => search.best_at(&order, at)?,
        None => search.best(&order, End::Any)?,
    };
    let least = split.statistic - ROUNDING * split.statistic.abs();
    let mut random = SplitMix64(seed);
    let mut as_good = 0;
    for drawn in 1..=permutations {
        random.shuffle(&mut order);
        let other = search.best(&order, End::Any)?;
        as_good += u32::from(other.statistic >= least);
        if as_good == ENOUGH {
            return Some((split, f64::from(ENOUGH) / f64::from(drawn)));
        }
    }
    let p_value = f64::from(1 + as_good) / f64::from(1 + permutations);
    Some((split, p_value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> (Split, f64) {
        let points: Vec<Vec<f64>> = values.iter().map(|value| vec![*value]).collect();
        test(&Distances::of(&points), None, 199, 1).unwrap()
    }

    #[test]
    fn a_step_has_the_least_p_value_and_a_series_without_any_a_large_one() {
        let step: Vec<f64> = (0..40)
            .map(|index| f64::from(index / 20) + f64::from(index % 3) * 0.1)
            .collect();
        let (split, p_value) = of(&step);
        assert_eq!(split.at, 20);
        assert!((p_value - 1.0 / 200.0).abs() < 1e-12, "{p_value}");
        let level: Vec<f64> = (0..40).map(|index| f64::from(index % 3)).collect();
        assert!(of(&level).1 > 0.2);
        // At another place than the best the same step is worth less.
        let points: Vec<Vec<f64>> = step.iter().map(|value| vec![*value]).collect();
        let (beside, _) = test(&Distances::of(&points), Some(5), 199, 1).unwrap();
        assert!(beside.at == 5 && beside.statistic < split.statistic);
    }

    #[test]
    fn equal_points_have_a_p_value_of_one() {
        assert!((of(&[1.0; 12]).1 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn p_values_are_the_same_each_time() {
        let values: Vec<f64> = (0..20).map(|index| f64::from(index * index % 7)).collect();
        assert_eq!(of(&values), of(&values));
    }
}
