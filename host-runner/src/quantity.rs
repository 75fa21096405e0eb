//! Numbers as people read them: three significant digits, and the unit with each value.
//!
//! Every number that the terminal, `report.html`, `report.md`, a verdict in `result.json` or a message
//! shows is written here, so that one quantity looks the same wherever it stands. Files that programs
//! read (`result.json`, `.hgrm`, `.hlog`) keep the numbers as they were measured. This module knows
//! nothing of what is measured.
//!
//! The microsecond is spelled `µs` (U+00B5) throughout. Functions whose names begin with `exact` are
//! for values that somebody chose, such as a timeout or a tick of an axis: they lose the zeros at the
//! end of a fraction, which in a measured value are digits. [`parse`] reads what people write.

pub mod parse;

/// Number of significant digits of a measured value.
const DIGITS: usize = 3;

/// Number of significant digits of a ratio to a floor: such floors move by a third within seconds.
const RATIO_DIGITS: usize = 2;

/// Units of time, each a thousand of the one before.
const TIMES: [&str; 4] = ["ns", "µs", "ms", "s"];

/// Units of memory, each 1024 of the one before.
const BYTES: [&str; 4] = ["bytes", "KiB", "MiB", "GiB"];

/// A value rounded to some significant digits, as decimal digits: no arithmetic on binary fractions
/// comes after the rounding.
struct Rounded {
    is_negative: bool,
    digits: String,
    /// Of the first digit: 0 where it counts ones, 3 where it counts thousands.
    exponent: i32,
}

impl Rounded {
    /// Rounds `value`, which is taken to the nearest finite number.
    fn new(value: f64, digits: usize) -> Self {
        let value = match value.is_nan() {
            true => 0.0,
            false => value.clamp(f64::MIN, f64::MAX),
        };
        let text = format!("{:.*e}", digits - 1, value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        Self {
            is_negative: value < 0.0,
            digits: mantissa.chars().filter(char::is_ascii_digit).collect(),
            exponent: exponent.parse().unwrap_or(0),
        }
    }

    /// The number in units of ten to the power of `unit`, with its zeros at the end.
    fn in_units(&self, unit: i32) -> String {
        let place = self.exponent - unit;
        let digits = &self.digits;
        let text = match usize::try_from(place) {
            Ok(before) if before + 1 >= digits.len() => {
                separated(&format!("{digits:0<width$}", width = before + 1))
            }
            Ok(before) => {
                let (whole, fraction) = digits.split_at(before + 1);
                format!("{whole}.{fraction}")
            }
            Err(_) => {
                let zeros = usize::try_from(-place - 1).unwrap_or(0);
                format!("0.{}{digits}", "0".repeat(zeros))
            }
        };
        let sign = if self.is_negative { "\u{2212}" } else { "" };
        format!("{sign}{text}")
    }

    /// The index of the unit out of `count`, each a thousand of the one before, that suits the number.
    fn unit(&self, count: usize) -> usize {
        usize::try_from(self.exponent.div_euclid(3))
            .unwrap_or(0)
            .min(count - 1)
    }
}

/// A number under a thousand without its fraction.
fn whole(value: f64) -> String {
    match format!("{:.0}", value.abs()) {
        number if value < 0.0 && number != "0" => format!("\u{2212}{number}"),
        number => number,
    }
}

/// A whole number's digits with its thousands apart.
fn separated(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Without the zeros at the end of a fraction.
fn trimmed(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

/// Number and unit of a time: nanoseconds, which no clock here divides, are whole.
fn number_and_unit(ns: f64) -> (String, &'static str) {
    let rounded = Rounded::new(ns, DIGITS);
    match rounded.unit(TIMES.len()) {
        0 => (whole(ns), TIMES[0]),
        unit => (rounded.in_units(3 * unit as i32), TIMES[unit]),
    }
}

/// A measured time: `640 ns`, `1.15 µs`, `368 ms`.
#[must_use]
pub fn time(ns: f64) -> String {
    let (number, unit) = number_and_unit(ns);
    format!("{number} {unit}")
}

/// A time that was chosen: `1 s`, `500 ms`, `1.5 µs`.
#[must_use]
pub fn exact_time(ns: f64) -> String {
    let (number, unit) = number_and_unit(ns);
    match trimmed(&number) {
        "0" => "0".to_owned(),
        number => format!("{number} {unit}"),
    }
}

/// A measured time that is a lower bound, if so.
#[must_use]
pub fn at_least(ns: f64, is_bound: bool) -> String {
    let relation = if is_bound { "≥ " } else { "" };
    relation.to_owned() + &time(ns)
}

/// Two ends in the unit of the larger and to its last place; `None` if that leaves nothing of one end.
fn ends(low_ns: f64, high_ns: f64) -> Option<(String, String, &'static str)> {
    // Less than the clock tells is nothing.
    let [low_ns, high_ns] = [low_ns, high_ns].map(|ns| if ns.abs() < 0.5 { 0.0 } else { ns });
    let most = low_ns.abs().max(high_ns.abs());
    let rounded = Rounded::new(most, DIGITS);
    let unit = rounded.unit(TIMES.len());
    let decimals = match unit {
        0 => 0,
        _ => usize::try_from(2 - (rounded.exponent - 3 * unit as i32)).unwrap_or(0),
    };
    let in_unit = |ns: f64| format!("{:.decimals$}", ns.abs() / 1000_f64.powi(unit as i32));
    let is_lost =
        |ns: f64, text: &str| ns != 0.0 && !text.contains(|digit| ('1'..='9').contains(&digit));
    let (low, high) = (in_unit(low_ns), in_unit(high_ns));
    let is_shown = !is_lost(low_ns, &low) && !is_lost(high_ns, &high);
    is_shown.then_some((low, high, TIMES[unit]))
}

/// A range of times: `41.0–48.5 µs`, or each end with its own unit where they lie far apart.
#[must_use]
pub fn range(low_ns: f64, high_ns: f64) -> String {
    match ends(low_ns, high_ns) {
        Some((low, high, unit)) if low == high => format!("{low} {unit}"),
        Some((low, high, unit)) => format!("{low}–{high} {unit}"),
        None => format!("{} to {}", time(low_ns), time(high_ns)),
    }
}

/// The ends that a value is known to lie between, each with all of its digits: `12.8–300 µs`,
/// `640 ns–1.20 µs`.
#[must_use]
pub fn between(low_ns: f64, high_ns: f64) -> String {
    let [(low, low_unit), (high, high_unit)] = [low_ns, high_ns].map(number_and_unit);
    match low_unit == high_unit {
        true if low == high => format!("{low} {low_unit}"),
        true => format!("{low}–{high} {high_unit}"),
        false => format!("{low} {low_unit}–{high} {high_unit}"),
    }
}

/// A range of differences with their signs: `−0.90 to +1.20 µs`.
#[must_use]
pub fn differences(low_ns: f64, high_ns: f64) -> String {
    let signed = |ns: f64, number: String| match ns {
        _ if number
            .chars()
            .all(|character| matches!(character, '0' | '.')) =>
        {
            "0".to_owned()
        }
        _ if ns < 0.0 => format!("\u{2212}{number}"),
        _ => format!("+{number}"),
    };
    match ends(low_ns, high_ns) {
        Some((low, high, unit)) => {
            format!(
                "{} to {} {unit}",
                signed(low_ns, low),
                signed(high_ns, high)
            )
        }
        None => {
            let (low, low_unit) = number_and_unit(low_ns.abs());
            let (high, high_unit) = number_and_unit(high_ns.abs());
            let (low, high) = (signed(low_ns, low), signed(high_ns, high));
            format!("{low} {low_unit} to {high} {high_unit}")
        }
    }
}

/// Requests per second: `998`, `12.5k`, `1.25M`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    let (number, unit) = rate_and_unit(per_second);
    number + unit
}

/// A rate that was chosen: `1k`, `12.5k`.
#[must_use]
pub fn exact_rate(per_second: f64) -> String {
    let (number, unit) = rate_and_unit(per_second);
    trimmed(&number).to_owned() + unit
}

fn rate_and_unit(per_second: f64) -> (String, &'static str) {
    const UNITS: [&str; 3] = ["", "k", "M"];
    let rounded = Rounded::new(per_second, DIGITS);
    let unit = rounded.unit(UNITS.len());
    (rounded.in_units(3 * unit as i32), UNITS[unit])
}

/// A number as it was given, all of its digits, with its thousands apart: `12,345`, `0.2`.
#[must_use]
pub fn in_full(value: f64) -> String {
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, whole) = whole
        .strip_prefix('-')
        .map_or(("", whole), |rest| ("\u{2212}", rest));
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", separated(whole))
}

/// A number without a unit, with three digits and no zeros at the end of a fraction: `2.5`, `0`.
#[must_use]
pub fn exact(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    trimmed(&Rounded::new(value, DIGITS).in_units(0)).to_owned()
}

/// Returns a number per echo as text: `1`, `0.5`, `0.0123`.
#[must_use]
pub fn per_echo(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        0.0..0.001 => "<0.001".to_owned(),
        _ => exact(value),
    }
}

/// Returns a ratio to a floor as text, to as many digits as a floor is known to: `4.4`, `190`.
#[must_use]
pub fn ratio(times: f64) -> String {
    Rounded::new(times, RATIO_DIGITS).in_units(0)
}

/// Returns a ratio that is little above one as text, with its digits after the point: `1.08`, `1.2`, `7.4`.
#[must_use]
pub fn ratio_above_one(times: f64) -> String {
    let digits = if times < 1.95 { DIGITS } else { RATIO_DIGITS };
    trimmed(&Rounded::new(times, digits).in_units(0)).to_owned()
}

/// A range of ratios: `4.4–13`.
#[must_use]
pub fn ratios(low: f64, high: f64) -> String {
    match (ratio(low), ratio(high)) {
        (low, high) if low == high => low,
        (low, high) => format!("{low}–{high}"),
    }
}

/// A part of a whole in percent: `0.12 %`, `25.0 %`, `100 %`.
#[must_use]
pub fn share(share: f64) -> String {
    let percent = (share * 100.0).clamp(f64::MIN, f64::MAX);
    match percent.abs() {
        0.0 => "0 %".to_owned(),
        ..0.005 => "<0.01 %".to_owned(),
        ..9.995 => format!("{percent:.2} %"),
        ..99.95 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

/// A share that was chosen: `5 %`, `0.5 %`.
#[must_use]
pub fn exact_share(share: f64) -> String {
    format!("{} %", exact(share * 100.0))
}

/// A difference as a share of what it is a difference from, with its sign: `+3.4 %`, `\u{2212}40 %`, `0.0 %`.
#[must_use]
pub fn signed_share(share: f64) -> String {
    let percent = (share * 100.0).clamp(f64::MIN, f64::MAX);
    let number = match percent.abs() {
        ..9.95 => format!("{:.1}", percent.abs()),
        large => separated(&format!("{large:.0}")),
    };
    match number.as_str() {
        "0.0" => "0.0 %".to_owned(),
        _ if percent < 0.0 => format!("\u{2212}{number} %"),
        _ => format!("+{number} %"),
    }
}

/// An amount of memory or the size of a file: `400 KiB`, `58.2 MiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    let scaled = |unit: usize| bytes as f64 / 1024_f64.powi(unit as i32);
    let fits = |unit: &usize| Rounded::new(scaled(*unit), DIGITS).exponent < 3;
    match (0..BYTES.len()).find(fits).unwrap_or(BYTES.len() - 1) {
        0 => format!("{bytes} {}", BYTES[0]),
        unit => {
            let number = Rounded::new(scaled(unit), DIGITS).in_units(0);
            format!("{number} {}", BYTES[unit])
        }
    }
}

/// A count with its thousands apart: `1,234,567`.
#[must_use]
pub fn count(count: u64) -> String {
    separated(&count.to_string())
}

#[cfg(test)]
mod tests;
