//! Durations and seeds as they are written on the command line.

use std::time::Duration;

mod fault_values;

pub use fault_values::fault_parameters;

/// The longest duration that can be asked for: a week, so that nanoseconds never overflow.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Reads a duration such as `10s`, `500ms`, `1.5m` or `2h`.
///
/// # Errors
///
/// What is wrong with it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(char::is_alphabetic).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds_per_unit = match unit {
        "ns" => 1e-9,
        // As it is typed and as it is printed: with the micro sign, or the Greek letter.
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "" => return Err("the unit is missing: write, for example, 10s or 500ms".to_owned()),
        _ => {
            return Err(format!(
                "unknown unit `{unit}`: use ns, µs or us, ms, s, m or h"
            ));
        }
    };
    number
        .parse::<f64>()
        .ok()
        .and_then(|number| Duration::try_from_secs_f64(number * seconds_per_unit).ok())
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| format!("`{number}` is no number of this unit up to a week"))
}

/// The largest seed: one more and JavaScript and jq, whose numbers are floating-point, read another one
/// from a record (RFC 8259, section 6).
const LARGEST_SEED: u64 = (1 << 53) - 1;

/// Reads a seed.
///
/// # Errors
///
/// If it is no number, or one that some programs can't read back from a record.
pub fn seed(text: &str) -> Result<u64, String> {
    let seed = text.parse().ok().filter(|seed| *seed <= LARGEST_SEED);
    seed.ok_or_else(|| {
        format!("a seed is a whole number up to {LARGEST_SEED}: larger ones are not exact in JSON")
    })
}

/// A duration in nanoseconds; those that [`duration`] reads fit.
#[must_use]
pub fn as_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
