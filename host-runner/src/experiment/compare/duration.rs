//! Durations of a comparison's boots, as expected before they are made.

use super::case::Case;
use crate::load::Plan;

/// Usual duration of the measurements of the host around each further load of a boot, in seconds.
const NOISE_S: f64 = 0.3;

/// Returns the expected duration of one boot of `case` that is measured by each of `plans`, in seconds: the
/// loads, and start, end and the measurements of the host around them.
#[must_use]
pub fn boot_s(case: Case, plans: &[Plan]) -> f64 {
    let loads_s: f64 = plans.iter().map(load_s).sum();
    let further_loads = plans.len().saturating_sub(1);
    case.variant.kind.system().start_s() + loads_s + NOISE_S * further_loads as f64
}

/// Returns the expected duration of the load of `plan`, in seconds, as far as that is known before.
fn load_s(plan: &Plan) -> f64 {
    let load_ns = plan.expected_ns().unwrap_or(0) + plan.warmup.duration_ns.unwrap_or(0);
    load_ns as f64 / 1e9
}

/// Returns `seconds`, rounded up, in words.
#[must_use]
pub fn in_words(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    match seconds {
        ..60 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
