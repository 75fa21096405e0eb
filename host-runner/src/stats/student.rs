//! Student's t distribution: how far the mean of a few repetitions may stray.

use std::f64::consts::FRAC_2_PI;

/// The value that a t of `degrees` degrees of freedom exceeds with probability `beyond`, which is
/// over 0 and at most 0.5.
///
/// # Panics
///
/// Without a degree of freedom.
pub(super) fn exceeded_with(beyond: f64, degrees: usize) -> f64 {
    assert!(degrees > 0, "one repetition says nothing of others");
    let (mut low, mut high) = (0.0, 1.0);
    while beyond_of(high, degrees) > beyond {
        high *= 2.0;
    }
    // To the last digit that there is.
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if beyond_of(middle, degrees) > beyond {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The probability that a t exceeds `t`, which is not negative: the finite series of Abramowitz and
/// Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
fn beyond_of(t: f64, degrees: usize) -> f64 {
    let theta = (t / (degrees as f64).sqrt()).atan();
    let cos_squared = theta.cos().powi(2);
    let is_odd = degrees % 2 == 1;
    let (mut power, mut term) = if is_odd { (1, theta.cos()) } else { (0, 1.0) };
    let mut sum = 0.0;
    while power + 2 <= degrees {
        sum += term;
        term *= cos_squared * (power + 1) as f64 / (power + 2) as f64;
        power += 2;
    }
    let within = if is_odd {
        FRAC_2_PI * (theta + theta.sin() * sum)
    } else {
        theta.sin() * sum
    };
    (1.0 - within) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_table_of_every_textbook() {
        for (degrees, beyond, expected) in [
            (1, 0.025, 12.706),
            (2, 0.025, 4.303),
            (3, 0.025, 3.182),
            (4, 0.025, 2.776),
            (4, 0.005, 4.604),
            (9, 0.025, 2.262),
            (10, 0.005, 3.169),
            (30, 0.025, 2.042),
            (120, 0.05, 1.658),
        ] {
            let t = exceeded_with(beyond, degrees);
            assert!((t - expected).abs() < 0.001, "{degrees} {beyond}: {t}");
        }
    }

    #[test]
    fn half_of_it_is_above_zero() {
        assert!(exceeded_with(0.5, 7) < 1e-9);
    }
}
