//! Floors of latency: round trips of the host without any guest.

use crate::quantity;
use crate::record::{BeforeAfter, Run};
use crate::report::chart::Band;

/// Returns the floors of latency over all `runs`: each from its least to its largest value.
#[must_use]
pub fn bands<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<Band> {
    let both = |floor: Option<BeforeAfter>| floor.into_iter().flat_map(|floor| floor.readings());
    let mut line = Vec::new();
    let mut reflector = Vec::new();
    let mut gaps = Vec::new();
    for run in runs {
        line.extend(both(run.core_round_trip_ns));
        reflector.extend(both(run.reflector_round_trip_ns));
        gaps.push(run.noise.floor_max_gap_ns as f64);
    }
    [
        ("core round trip", line),
        ("stand-in thread", reflector),
        ("longest spin gap", gaps),
    ]
    .into_iter()
    .filter_map(|(name, values)| band(name, &values))
    .collect()
}

fn band(name: &str, values: &[f64]) -> Option<Band> {
    let values = values.iter().copied().filter(|&value| value > 0.0);
    let low = values.clone().reduce(f64::min)?;
    let high = values.reduce(f64::max)?;
    Some(Band {
        low,
        high,
        label: format!("{name}: {}", quantity::range(low, high)),
    })
}
