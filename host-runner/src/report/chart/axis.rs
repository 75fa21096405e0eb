//! Scales, and where their ticks are. Every value may be anything that JSON holds: what has no
//! place on a scale is put at its end, and no scale is empty.

use crate::quantity;

/// From this ratio of the largest to the smallest value on a scale is logarithmic.
const LOG_FROM: f64 = 12.0;

/// Up to this many decades the steps 2 and 5 are labelled too.
const LABELLED_DECADES: f64 = 2.6;

/// The largest value on a scale: nanoseconds and counts are well below.
const MOST: f64 = 1e20;

/// About how many steps a linear scale has.
const STEPS: f64 = 5.0;

/// Largest number of rounds with a number and a border of their own.
const MAX_ROUNDS: u32 = 100;

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Quantity and unit.
    pub title: String,
    /// Scale.
    pub scale: Scale,
    /// Ticks, the important ones first.
    pub ticks: Vec<Tick>,
}

/// Scale of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Equal differences are equal distances.
    Linear {
        /// The value at the beginning.
        low: f64,
        /// The value at the end, above it.
        high: f64,
    },
    /// Equal ratios are equal distances.
    Log {
        /// The value at the beginning, above zero.
        low: f64,
        /// The value at the end, above it.
        high: f64,
    },
}

impl Scale {
    /// Returns the position of `value`, from 0 to 1.
    #[must_use]
    pub fn place(&self, value: f64) -> f64 {
        let place = match *self {
            Self::Linear { low, high } => (value - low) / (high - low),
            Self::Log { low, high } => (value.max(low) / low).ln() / (high / low).ln(),
        };
        if place.is_nan() {
            0.0
        } else {
            place.clamp(0.0, 1.0)
        }
    }

    /// Returns whether equal ratios are equal distances.
    #[cfg(test)]
    pub const fn is_log(&self) -> bool {
        matches!(self, Self::Log { .. })
    }
}

/// A place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// The value there.
    pub at: f64,
    /// Text at the tick, if there is room.
    pub label: Option<String>,
    /// True if a line goes through the chart there.
    pub has_line: bool,
}

impl Tick {
    fn labelled(at: f64, label: String) -> Self {
        Self {
            at,
            label: Some(label),
            has_line: true,
        }
    }
}

impl Axis {
    /// Latency in nanoseconds, for values from `low` to `high`; logarithmic if they spread so far.
    #[must_use]
    pub fn latency(low: f64, high: f64) -> Self {
        Self::of_values("latency", low, high, quantity::exact_time)
    }

    /// Requests per second.
    #[must_use]
    pub fn rate(low: f64, high: f64) -> Self {
        Self::of_values("offered load, requests/s", low, high, quantity::exact_rate)
    }

    /// Latency in nanoseconds, for values from `low` to `high`, logarithmic however near they are.
    #[must_use]
    pub fn log_latency(low: f64, high: f64) -> Self {
        let high = bounded(high, MOST);
        Self::log("latency", bounded(low, high), high, quantity::exact_time)
    }

    /// Latency in nanoseconds, for values from `low` to `high` and little beyond: small changes of a large value show.
    #[must_use]
    pub fn latency_between(low: f64, high: f64) -> Self {
        let high = bounded(high, MOST);
        let low = bounded(low, high);
        if high / low >= LOG_FROM {
            return Self::log("latency", low, high, quantity::exact_time);
        }
        // A twentieth at least: noise is no change.
        let step = step_above((high - low).max(high / 20.0) / STEPS);
        let (first, last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
        let ticks = (first..=last).map(|number| {
            let at = step * number as f64;
            Tick::labelled(at, quantity::exact_time(at))
        });
        Self {
            title: "latency".to_owned(),
            scale: Scale::Linear {
                low: step * first as f64,
                high: step * last.max(first + 1) as f64,
            },
            ticks: ticks.collect(),
        }
    }

    /// Returns the values at both ends.
    #[must_use]
    pub const fn ends(&self) -> (f64, f64) {
        match self.scale {
            Scale::Linear { low, high } | Scale::Log { low, high } => (low, high),
        }
    }

    fn of_values(title: &str, low: f64, high: f64, label: fn(f64) -> String) -> Self {
        let high = bounded(high, MOST);
        let low = bounded(low, high);
        if high / low < LOG_FROM {
            return Self::linear(title.to_owned(), high, label);
        }
        Self::log(title, low, high, label)
    }

    fn log(title: &str, low: f64, high: f64, label: fn(f64) -> String) -> Self {
        let low = step_below(low);
        let high = step_above(high).max(step_above(low * 2.0));
        let is_short = (high / low).log10() <= LABELLED_DECADES;
        Self {
            title: format!("{title} (log scale)"),
            scale: Scale::Log { low, high },
            ticks: log_ticks(low, high, is_short, label),
        }
    }

    /// Seconds since a run began.
    #[must_use]
    pub fn seconds(end: f64) -> Self {
        let title = "time since the run began, s".to_owned();
        Self::linear(title, bounded(end, MOST), quantity::exact)
    }

    /// `count` rounds beside each other: round number n is from n - 1 to n.
    #[must_use]
    pub fn rounds(title: String, count: u32) -> Self {
        let count = count.max(1);
        // Whatever the count, there are no more ticks than can be told apart.
        let step = count.div_ceil(MAX_ROUNDS) as usize;
        let numbers = (1..=count).step_by(step).map(|number| Tick {
            at: f64::from(number) - 0.5,
            label: Some(number.to_string()),
            has_line: false,
        });
        let borders = (0..=count).step_by(step).map(|border| Tick {
            at: f64::from(border),
            label: None,
            has_line: true,
        });
        Self {
            title,
            scale: Scale::Linear {
                low: 0.0,
                high: f64::from(count),
            },
            ticks: numbers.chain(borders).collect(),
        }
    }

    fn linear(title: String, high: f64, label: fn(f64) -> String) -> Self {
        let step = step_above(high / STEPS);
        let count = (high / step - 1e-9).ceil().max(1.0) as u32;
        let ticks = (0..=count).map(|index| {
            let at = step * f64::from(index);
            Tick::labelled(at, label(at))
        });
        Self {
            title,
            scale: Scale::Linear {
                low: 0.0,
                high: step * f64::from(count),
            },
            ticks: ticks.collect(),
        }
    }

    /// `HdrHistogram`'s: one over the share of samples beyond, up to one in `one_in`.
    #[must_use]
    pub fn percentile(one_in: f64) -> Self {
        let one_in = bounded(one_in, MOST).max(10.0);
        let mut ticks = Vec::new();
        let mut digits = 0;
        let mut at = 10.0;
        while at <= one_in * 1.000_001 {
            let percent = match digits {
                0 => "90".to_owned(),
                1 => "99".to_owned(),
                _ => format!("99.{}", "9".repeat(digits - 1)),
            };
            ticks.push(Tick::labelled(at, percent));
            digits += 1;
            at *= 10.0;
        }
        ticks.push(Tick::labelled(2.0, "50".to_owned()));
        ticks.push(Tick::labelled(1.0, "0".to_owned()));
        Self {
            title: "percentile, % (scale: 1/(1−p))".to_owned(),
            scale: Scale::Log {
                low: 1.0,
                high: one_in,
            },
            ticks,
        }
    }
}

/// `value`, if it can be on a scale; else the end of the scale that is nearer.
fn bounded(value: f64, most: f64) -> f64 {
    if value.is_nan() {
        1.0
    } else {
        value.clamp(1.0, most)
    }
}

/// The decades, and the steps between them.
fn log_ticks(low: f64, high: f64, is_short: bool, label: fn(f64) -> String) -> Vec<Tick> {
    let mut ticks = Vec::new();
    for (multiple, is_labelled) in [(1.0, true), (2.0, is_short), (5.0, is_short)] {
        let mut at = decade(low) * multiple;
        while at <= high * 1.000_001 {
            if at >= low * 0.999_999 {
                ticks.push(Tick {
                    at,
                    label: is_labelled.then(|| label(at)),
                    has_line: true,
                });
            }
            at *= 10.0;
        }
    }
    ticks
}

/// The greatest power of ten that is not over `value`.
fn decade(value: f64) -> f64 {
    10_f64.powf(value.log10().floor())
}

/// The next of 1, 2, 5, 10, 20, … that is not under `value`.
fn step_above(value: f64) -> f64 {
    let decade = decade(value);
    let steps = [1.0, 2.0, 5.0].map(|multiple| multiple * decade);
    let fits = |step: &f64| *step >= value * 0.999_999;
    steps.into_iter().find(fits).unwrap_or(10.0 * decade)
}

/// The last of 1, 2, 5, 10, 20, … that is not over `value`.
fn step_below(value: f64) -> f64 {
    let decade = decade(value);
    let steps = [5.0, 2.0].map(|multiple| multiple * decade);
    let fits = |step: &f64| *step <= value * 1.000_001;
    steps.into_iter().find(fits).unwrap_or(decade)
}

#[cfg(test)]
mod tests;
