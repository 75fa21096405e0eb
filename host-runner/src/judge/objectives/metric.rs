//! Figures of a result that an objective can be about, by their names.

use std::fmt;
use std::str::FromStr;

use super::counted_figures::FigurePattern;
use crate::stats::{Requested, Tag};

/// A figure of a run, or of the boots of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A statistic of a series of times.
    Time(Series, Statistic),
    /// A number of requests or replies.
    Count(Counter),
    /// Share of the requests sent that were not answered in time.
    LostShare,
    /// Replies per second.
    Rate,
    /// Time from QEMU's start to the ready line.
    Boot,
    /// Time from the start of QEMU, or of the responder, to the reply to a first request.
    FirstReply,
    /// Cost of an echo.
    Cost(Cost),
    /// An amount of memory, or the size of a file.
    Size(Size),
    /// Exact figures, by their names.
    Figure(FigurePattern),
}

/// A series of times that a run records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Series {
    /// From when a request was due to its reply.
    Latency,
    /// A quantity beside the latency.
    Tagged(Tag),
}

/// A statistic of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// The smallest.
    Min,
    /// The mean.
    Mean,
    /// A percentile.
    Percentile(Requested),
    /// The largest.
    Max,
}

/// A number of requests or replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Requests sent.
    Sent,
    /// Requests answered in time.
    Received,
    /// Requests not answered in time.
    Lost,
    /// First replies after the timeout.
    Late,
    /// Repeated replies.
    Duplicated,
    /// Replies overtaken by others.
    Reordered,
    /// Datagrams that are no proper reply.
    Corrupted,
}

/// Cost of an echo to a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Instructions at full load.
    Instructions,
    /// Doorbells that the guest rings.
    Doorbells,
    /// Interrupts that the guest takes.
    Interrupts,
}

/// An amount of memory, or the size of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Files that are loaded to start the service.
    Image,
    /// Resident memory of QEMU or of the responder after the measurement.
    Resident,
    /// Memory that the guest was given.
    Memory,
}

/// Kind of quantity that a metric is, which decides the units of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Nanoseconds.
    Time,
    /// A whole number.
    Count,
    /// A part of a whole.
    Share,
    /// A number per second.
    Rate,
    /// A number per echo.
    PerEcho,
    /// Bytes.
    Bytes,
}

impl Quantity {
    /// Returns the unit of its values, as a record has it.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Time => "ns",
            Self::Share => "share",
            Self::Rate => "/s",
            Self::Bytes => "bytes",
            Self::Count | Self::PerEcho => "",
        }
    }
}

/// Names of series before a point; latency may be left out.
const SERIES: [(&str, Series); 7] = [
    ("latency", Series::Latency),
    ("service", Series::Tagged(Tag::Service)),
    ("path", Series::Tagged(Tag::Path)),
    ("uncorrected", Series::Tagged(Tag::WaitingClient)),
    ("lateness", Series::Tagged(Tag::Lateness)),
    ("round_trip", Series::Tagged(Tag::RoundTrip)),
    ("gaps", Series::Tagged(Tag::Gaps)),
];

/// Names of all metrics but times of a series.
const NAMED: [(&str, Metric); 17] = [
    ("sent", Metric::Count(Counter::Sent)),
    ("received", Metric::Count(Counter::Received)),
    ("lost", Metric::Count(Counter::Lost)),
    ("late", Metric::Count(Counter::Late)),
    ("duplicated", Metric::Count(Counter::Duplicated)),
    ("reordered", Metric::Count(Counter::Reordered)),
    ("corrupted", Metric::Count(Counter::Corrupted)),
    ("lost_share", Metric::LostShare),
    ("rate", Metric::Rate),
    ("boot_ms", Metric::Boot),
    ("first_reply_ms", Metric::FirstReply),
    ("instructions_per_echo", Metric::Cost(Cost::Instructions)),
    ("doorbells_per_echo", Metric::Cost(Cost::Doorbells)),
    ("interrupts_per_echo", Metric::Cost(Cost::Interrupts)),
    ("image_bytes", Metric::Size(Size::Image)),
    ("resident_bytes", Metric::Size(Size::Resident)),
    ("memory_bytes", Metric::Size(Size::Memory)),
];

/// Sign at either end of the name of a figure.
pub const QUOTE: char = '"';

/// Likeness of a name from which on it is suggested in the place of an unknown one.
const ALIKE: f64 = 0.7;

impl Metric {
    /// Returns the kind of quantity.
    #[must_use]
    pub const fn quantity(&self) -> Quantity {
        match self {
            Self::Time(..) | Self::Boot | Self::FirstReply => Quantity::Time,
            Self::Count(_) => Quantity::Count,
            Self::LostShare => Quantity::Share,
            Self::Rate => Quantity::Rate,
            Self::Cost(_) | Self::Figure(_) => Quantity::PerEcho,
            Self::Size(_) => Quantity::Bytes,
        }
    }

    /// Returns true if one value of it may differ from the next by chance, so that a limit is held against an interval.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        match self {
            Self::Time(..) | Self::Rate | Self::Boot | Self::FirstReply => true,
            Self::Size(size) => matches!(size, Size::Resident),
            Self::Count(_) | Self::LostShare | Self::Cost(_) | Self::Figure(_) => false,
        }
    }

    /// Returns true if it is counted in boots of their own, not during the measurement.
    #[must_use]
    pub const fn is_cost(&self) -> bool {
        matches!(self, Self::Cost(_))
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Some((_, metric)) = NAMED.iter().find(|(known, _)| *known == name) {
            return Ok(metric.clone());
        }
        if let Some(pattern) = name.strip_prefix(QUOTE) {
            let pattern = pattern.strip_suffix(QUOTE);
            let pattern = pattern.ok_or_else(|| format!("{name} has no closing quotation mark"))?;
            return FigurePattern::new(pattern).map(Self::Figure);
        }
        // Not a percentile's point: `latency.p99.9`, `p99.9`.
        let series = SERIES
            .iter()
            .find_map(|(series, tag)| Some((*tag, name.strip_prefix(series)?.strip_prefix('.')?)));
        let (series, statistic) = series.unwrap_or((Series::Latency, name));
        match statistic {
            "min" => Ok(Statistic::Min),
            "mean" => Ok(Statistic::Mean),
            "max" => Ok(Statistic::Max),
            _ => percentile(statistic)?
                .map(Statistic::Percentile)
                .ok_or_else(|| unknown(name)),
        }
        .map(|statistic| Self::Time(series, statistic))
    }
}

/// Returns the percentile called `name`, if that is a name of one.
///
/// # Errors
///
/// A message if it is one that there can't be.
fn percentile(name: &str) -> Result<Option<Requested>, String> {
    let digits = name.strip_prefix('p').unwrap_or_default();
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(None);
    }
    digits.parse().map(Some)
}

/// Returns the message about an unknown metric.
fn unknown(name: &str) -> String {
    let statistics = ["min", "mean", "max", "p50", "p99", "p99.9"].map(str::to_owned);
    let series = SERIES.iter().flat_map(|(series, _)| {
        statistics
            .iter()
            .map(move |statistic| format!("{series}.{statistic}"))
    });
    let named = NAMED.iter().map(|(name, _)| (*name).to_owned());
    let all = named.chain(series).chain(statistics.clone());
    let likeness = |known: &String| strsim::jaro_winkler(known, name);
    let nearest = all.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = match nearest.filter(|known| likeness(known) >= ALIKE) {
        Some(known) => format!("did you mean `{known}`?"),
        None => "`docs/objectives.md` lists all".to_owned(),
    };
    format!("unknown metric `{name}`: {hint}")
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Time(series, statistic) = self {
            let name = SERIES.iter().find(|(_, known)| known == series);
            if let Some((name, tag)) = name
                && *tag != Series::Latency
            {
                write!(f, "{name}.")?;
            }
            return match statistic {
                Statistic::Min => f.write_str("min"),
                Statistic::Mean => f.write_str("mean"),
                Statistic::Max => f.write_str("max"),
                Statistic::Percentile(percentile) => f.write_str(&percentile.name()),
            };
        }
        if let Self::Figure(pattern) = self {
            return pattern.fmt(f);
        }
        let name = NAMED.iter().find(|(_, metric)| metric == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_read_by_its_own_name() {
        let series = SERIES.iter().flat_map(|(series, _)| {
            ["min", "mean", "max", "p50", "p99.999", "p75"]
                .map(|statistic| format!("{series}.{statistic}"))
        });
        let named = NAMED.iter().map(|(name, _)| (*name).to_owned());
        for name in named.chain(series) {
            let metric: Metric = name.parse().unwrap();
            let short = name.strip_prefix("latency.").unwrap_or(&name);
            assert_eq!(metric.to_string(), short);
            assert_eq!(short.parse::<Metric>().unwrap(), metric);
        }
    }

    #[test]
    fn an_unknown_metric_is_named_with_the_nearest_known_one() {
        for (name, complaint) in [
            ("losst", "did you mean `lost`?"),
            ("instructions", "did you mean `instructions_per_echo`?"),
            ("service.p99,9", "no percentile"),
            ("servce.p99", "did you mean `service.p99`?"),
            ("p999", "below 100"),
            ("p99.99999999", "decimals"),
            ("", "docs/objectives.md"),
            ("p", "unknown metric `p`"),
            ("p-1", "unknown metric `p-1`"),
            ("Lost", "did you mean `lost`?"),
            ("latency.", "unknown metric"),
            ("latency.lost", "unknown metric"),
            ("\"steps", "no closing"),
            ("\"\"", "missing"),
        ] {
            let said = name.parse::<Metric>().unwrap_err();
            assert!(said.contains(complaint), "{name}: {said}");
        }
    }
}
