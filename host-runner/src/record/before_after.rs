//! A quantity that was measured right before a run and right after it.

use serde::{Deserialize, Serialize};

/// A floor as it was right before the measurement and right after it, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BeforeAfter {
    /// Before; null if it could not be measured.
    pub before: Option<f64>,
    /// After.
    pub after: Option<f64>,
}

impl BeforeAfter {
    /// Returns the mean of both, if there are both: the floor that the measurement stood on.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        Some(f64::midpoint(self.before?, self.after?))
    }

    /// Both readings, as far as there are any.
    pub fn readings(&self) -> impl Iterator<Item = f64> + Clone + use<> {
        [self.before, self.after].into_iter().flatten()
    }

    /// A latency in units of what the measurement stood on, if both are known.
    #[must_use]
    pub fn in_units(&self, latency_ns: Option<u64>) -> Option<f64> {
        let floor_ns = self.mean().filter(|&ns| ns > 0.0)?;
        Some(latency_ns? as f64 / floor_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_that_is_known_once_is_not_known() {
        let floor = |before, after| BeforeAfter { before, after }.mean();
        assert_eq!(floor(Some(100.0), Some(140.0)), Some(120.0));
        assert_eq!(floor(Some(100.0), None), None);
    }

    #[test]
    fn a_latency_is_told_in_units_of_both_readings() {
        let floor = |before, after| BeforeAfter {
            before: Some(before),
            after,
        };
        assert_eq!(floor(100.0, Some(140.0)).in_units(Some(600)), Some(5.0));
        assert_eq!(floor(100.0, Some(140.0)).in_units(None), None);
        assert_eq!(floor(100.0, None).in_units(Some(600)), None);
        assert_eq!(floor(0.0, Some(0.0)).in_units(Some(600)), None);
        assert!(floor(100.0, None).readings().eq([100.0]));
    }
}
