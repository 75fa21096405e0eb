//! Limits of objectives: absolute with a unit, in floors, or relative to another result.

use std::fmt;

use super::metric::{Metric, Quantity};

/// Limit that a metric is held against.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// A value, in the unit of the metric's quantity: nanoseconds, bytes, per second, a share of one, or a number.
    Absolute(f64),
    /// A number of floors: round trips of a cache line between the two CPUs of the measurement.
    Floors(f64),
    /// A share of what a reference has.
    Relative(Relative),
}

/// A share of the same metric of a reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Relative {
    /// The share: 1.05 for both `+5%` and `105%`.
    pub factor: f64,
    /// Form in which it was written.
    pub form: Form,
    /// The reference.
    pub reference: Reference,
}

/// Form of a relative limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `+5% of REF`: a margin round what the reference has.
    Change,
    /// `50% of REF`: a part of it.
    Share,
}

/// Reference of a relative limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The same target in another result.
    Baseline,
    /// Another target of the same comparison, by its label.
    Target(String),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Baseline => f.write_str(BASELINE),
            Self::Target(label) => f.write_str(label),
        }
    }
}

/// Word for the other result.
const BASELINE: &str = "baseline";

impl Bound {
    /// Reads the bound of an expression about `metric`.
    ///
    /// # Errors
    ///
    /// A message if the unit is missing, is unknown or is another quantity's, if the number is none, or if the metric
    /// can't have such a bound.
    pub fn read(metric: &Metric, text: &str) -> Result<Self, String> {
        if let Some((share, reference)) = text.split_once(" of ") {
            return relative(metric, share.trim(), reference.trim()).map(Self::Relative);
        }
        let number = text.strip_suffix("floors").or(text.strip_suffix("floor"));
        if let Some(number) = number {
            if !matches!(metric, Metric::Time(..)) {
                return Err(format!(
                    "`{metric}` is no latency: it has no limit in floors"
                ));
            }
            return Ok(Self::Floors(positive(number.trim())?));
        }
        absolute(metric.quantity(), text).map(Self::Absolute)
    }
}

fn relative(metric: &Metric, share: &str, reference: &str) -> Result<Relative, String> {
    match metric {
        Metric::Count(_) => {
            return Err(format!(
                "`{metric}` depends on how much was sent: it is held against a number, or use `lost_share`"
            ));
        }
        Metric::LostShare => {
            return Err(
                "`lost_share` is held against a share such as `0.1%`, not against another result"
                    .to_owned(),
            );
        }
        _ => {}
    }
    let percent = share.strip_suffix('%').map(str::trim_end);
    let percent = percent.ok_or_else(|| {
        format!(
            "`{share} of {reference}`: a relative limit is in percent, such as `+5% of {reference}`"
        )
    })?;
    let form = match percent.starts_with(['+', '-', '\u{2212}']) {
        true => Form::Change,
        false => Form::Share,
    };
    let value = number(&percent.replace('\u{2212}', "-"))?;
    let factor = match form {
        Form::Change => 1.0 + value / 100.0,
        Form::Share => value / 100.0,
    };
    if factor <= 0.0 {
        return Err(format!("`{share}` of something is nothing, or less"));
    }
    let is_label = |c: char| c.is_ascii_alphanumeric() || "@:._+-".contains(c);
    if reference.is_empty() || !reference.chars().all(is_label) {
        return Err(format!(
            "`{reference}` is neither `baseline` nor a target such as `linux-guest:busy`"
        ));
    }
    let reference = match reference {
        BASELINE => Reference::Baseline,
        label => Reference::Target(label.to_owned()),
    };
    Ok(Relative {
        factor,
        form,
        reference,
    })
}

fn absolute(quantity: Quantity, text: &str) -> Result<f64, String> {
    let is_of_number = |c: char| c.is_ascii_digit() || "+-.,_eE".contains(c);
    let end = text.find(|c| !is_of_number(c)).unwrap_or(text.len());
    let (digits, unit) = (&text[..end], text[end..].trim());
    let units = units(quantity);
    let scale = units.iter().find(|(known, _)| *known == unit);
    let Some((_, scale)) = scale else {
        let known: Vec<&str> = (units.iter().map(|(unit, _)| *unit))
            .filter(|unit| !unit.is_empty() && unit.is_ascii())
            .collect();
        return Err(match (unit, known.is_empty()) {
            ("", _) => format!("`{text}`: the unit is missing: use {}", known.join(", ")),
            (_, true) => format!("`{text}`: a number without a unit is expected"),
            (_, false) => format!("unknown unit `{unit}`: use {}", known.join(", ")),
        });
    };
    let value = number(digits)?;
    if value < 0.0 {
        return Err(format!("`{text}` is less than nothing"));
    }
    if quantity == Quantity::Count && value.fract() != 0.0 {
        return Err(format!("`{text}`: a count is a whole number"));
    }
    if quantity == Quantity::Share && value > 100.0 {
        return Err(format!("`{text}` is more than all"));
    }
    Ok(value * scale)
}

/// Returns the units of a quantity, with what each is in the unit of its values; an empty one if numbers stand alone.
const fn units(quantity: Quantity) -> &'static [(&'static str, f64)] {
    match quantity {
        Quantity::Time => &[
            ("ns", 1.0),
            ("us", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            // As they are typed and printed: with the micro sign, or the Greek letter.
            ("\u{b5}s", 1e3),
            ("\u{3bc}s", 1e3),
        ],
        Quantity::Share => &[("%", 0.01)],
        Quantity::Rate => &[("/s", 1.0), ("k/s", 1e3), ("M/s", 1e6)],
        Quantity::Bytes => &[
            ("bytes", 1.0),
            ("B", 1.0),
            ("KiB", 1024.0),
            ("MiB", 1_048_576.0),
            ("GiB", 1_073_741_824.0),
        ],
        Quantity::Count | Quantity::PerEcho => &[("", 1.0)],
    }
}

fn positive(text: &str) -> Result<f64, String> {
    number(text).and_then(|value| match value > 0.0 {
        true => Ok(value),
        false => Err(format!("`{text}` is not above zero")),
    })
}

fn number(text: &str) -> Result<f64, String> {
    let is_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    let value = text.chars().all(is_number).then(|| text.parse().ok());
    let value = value.flatten().filter(|value: &f64| value.is_finite());
    value.ok_or_else(|| format!("`{text}` is no number"))
}
