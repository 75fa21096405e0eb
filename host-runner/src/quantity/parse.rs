//! Durations, shares and times as people write them: `10s`, `500ms`, `1.5m`; `5%`; `2026-11-01`.
#![forbid(unsafe_code)]

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The longest duration that can be asked for: a week, so that nanoseconds never overflow.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Reads a duration such as `10s`, `500ms`, `1.5m` or `2h`.
///
/// # Errors
///
/// A message if the unit is missing or unknown, or if the number is none, is negative, or makes more than a week.
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

/// Shares that people write are below this many percent: no margin and no change that matters is larger.
const MOST_PERCENT: f64 = 1000.0;

/// Reads a share in percent, such as `5%` or `0.5 %`.
///
/// # Errors
///
/// A message if the sign is missing, or if the number is none, is negative, or makes 1000 % or more.
pub fn share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').map(str::trim_end);
    let percent: Option<f64> = number.and_then(|number| number.parse().ok());
    percent
        .filter(|percent| (0.0..MOST_PERCENT).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| {
            format!("`{text}` is no share from 0 to {MOST_PERCENT} percent: write, for example, 5%")
        })
}

/// Reads a date, or a time with its zone, as RFC 3339 has them; a date is its first moment in UTC.
///
/// # Errors
///
/// A message if it is neither.
pub fn time(text: &str) -> Result<Timestamp, String> {
    let of_date = |date: Date| date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>()
        .or_else(|_| text.parse::<Date>().and_then(of_date))
        .map_err(|_| "a time is a date such as 2026-11-01, or 2026-11-01T12:00:00Z".to_owned())
}

/// Returns a duration in nanoseconds; those that [`duration`] reads fit.
#[must_use]
pub fn as_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
