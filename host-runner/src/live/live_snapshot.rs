//! State of a measurement at one moment, as plain data: everything that a live view shows.

use super::heat_map::HeatMap;
use crate::histogram::DurationHistogram;
use crate::record::ObjectiveState;
use crate::stats::Distribution;
use crate::stats::percentile_rule::{PERCENTILES, Percentile};
use crate::stats::windows::Windows;

/// Number of percentiles that a live view has: p50 to p99.9.
pub const SHOWN: usize = 4;

/// State of a measurement at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveSnapshot {
    /// Name of what is measured: `hermit over vhost-user`, with the round of a comparison.
    pub title: String,
    /// Load, in words: `open loop, 100k/s, Poisson arrivals`.
    pub load: String,
    /// Stage of the measurement.
    pub stage: LiveStage,
    /// Time since measuring began, in nanoseconds.
    pub elapsed_ns: u64,
    /// Time until the plan is done, in nanoseconds; `None` if that is not known.
    pub left_ns: Option<u64>,
    /// Latency of the last second, of the last ten, and of the whole run.
    pub windows: [WindowFigures; 3],
    /// Numbers and rates of requests.
    pub requests: RequestFigures,
    /// Lateness of the sends of an open loop, over the whole run.
    pub lateness: Option<WindowFigures>,
    /// Waits of the measuring thread for its CPU; `None` if the kernel does not tell.
    pub waits: Option<WaitFigures>,
    /// Judgement so far.
    pub standing: Standing,
    /// Objectives that the result will be held against.
    pub objectives: Vec<LiveObjective>,
    /// Latency over time.
    pub heat_map: HeatMap,
    /// The last message of the experiment.
    pub message: Option<String>,
}

/// Stage of a measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LiveStage {
    /// The parts of the system are found, and the host is waited for until it is free.
    #[default]
    Preparing,
    /// A machine boots.
    Booting,
    /// The host is waited for until it is quiet.
    Quieting,
    /// Requests are sent that do not count.
    WarmingUp,
    /// Requests are sent that count.
    Measuring,
    /// The last replies are waited for.
    Draining,
}

impl LiveStage {
    /// Returns the stage in words.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Booting => "booting",
            Self::Quieting => "waiting until the host is quiet",
            Self::WarmingUp => "warming up",
            Self::Measuring => "measuring",
            Self::Draining => "waiting for the last replies",
        }
    }
}

/// A value, or the least that it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The value, in nanoseconds.
    pub ns: u64,
    /// True if it lies among lost requests: the true one is this or larger.
    pub is_bound: bool,
}

/// Figures of one quantity in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowFigures {
    /// Number of samples.
    pub samples: u64,
    /// The percentiles of [`shown`], in their order; `None` for one that has too few samples.
    pub percentiles: [Option<Figure>; SHOWN],
    /// The largest sample; `None` without any.
    pub max: Option<Figure>,
}

/// Returns the percentiles that a live view has.
#[must_use]
pub fn shown() -> [Percentile; SHOWN] {
    let [p50, p90, p99, p999, _] = PERCENTILES;
    [p50, p90, p99, p999]
}

impl WindowFigures {
    /// Returns the figures of `durations`, in which values from `censored_from_ns` on are lower bounds.
    #[must_use]
    pub fn new(durations: &DurationHistogram, censored_from_ns: Option<u64>) -> Self {
        let distribution = Distribution::from(durations).censored_from(censored_from_ns);
        let is_bound = |ns| censored_from_ns.is_some_and(|from_ns| ns >= from_ns);
        Self {
            samples: durations.count(),
            percentiles: shown().map(|percentile| {
                distribution.value(percentile).map(|value| Figure {
                    ns: value.ns,
                    is_bound: value.is_censored,
                })
            }),
            max: durations.max_ns().map(|ns| Figure {
                ns,
                is_bound: is_bound(ns),
            }),
        }
    }

    /// Returns the figures of each of `windows`.
    #[must_use]
    pub fn of_each(windows: &Windows, censored_from_ns: Option<u64>) -> [Self; 3] {
        let of = |durations: &DurationHistogram| Self::new(durations, censored_from_ns);
        [
            of(&windows.second()),
            of(&windows.recent()),
            windows.whole().map(of).unwrap_or_default(),
        ]
    }
}

/// Numbers and rates of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RequestFigures {
    /// Rate that an open loop is to send at, in requests per second.
    pub offered_rate: Option<f64>,
    /// Rate of sends since measuring began, in requests per second.
    pub achieved_rate: f64,
    /// Requests sent.
    pub sent: u64,
    /// Requests lost.
    pub lost: u64,
}

/// Waits of the measuring thread for its CPU, which it wanted to run on and others had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WaitFigures {
    /// All of them together, in nanoseconds.
    pub total_ns: u64,
    /// Share of the time since measuring began.
    pub share: f64,
}

/// Judgement of a run that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The highest percentile up to which all would count if the run ended now; `None` if none would.
    pub valid_to: Option<&'static str>,
    /// Reasons why it is no higher one, in words.
    pub reasons: Vec<String>,
}

/// An objective, held against the run so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveObjective {
    /// The expression, as it was written.
    pub expression: String,
    /// Outcome if the run ended now.
    pub state: ObjectiveState,
    /// Value so far, or what would decide it, in words.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_appear_with_their_samples() {
        let mut windows = Windows::default();
        let second = DurationHistogram::of_values([1000; 999]);
        windows.add(1_000_000_000, second.clone());
        let [last, recent, whole] = WindowFigures::of_each(&windows, None);
        assert_eq!((last, recent), (whole, whole));
        let known = |figures: WindowFigures| figures.percentiles.map(|figure| figure.is_some());
        assert_eq!(known(whole), [true, true, false, false]);
        let mut whole = second.clone();
        whole.add_all(&second);
        windows.add(2_000_000_000, whole);
        let [last, _, whole] = WindowFigures::of_each(&windows, None);
        assert_eq!((known(last)[2], known(whole)[2]), (false, true));
    }

    #[test]
    fn a_value_among_lost_requests_is_a_bound() {
        let values = [1000; 980].into_iter().chain([1_000_000_000; 20]);
        let durations = DurationHistogram::of_values(values);
        let figures = WindowFigures::new(&durations, Some(1_000_000_000));
        let bounds = figures
            .percentiles
            .map(|figure| figure.map(|figure| figure.is_bound));
        assert_eq!(bounds, [Some(false), Some(false), Some(true), None]);
        assert!(figures.max.unwrap().is_bound);
    }

    #[test]
    fn nothing_has_no_figures() {
        let figures = WindowFigures::of_each(&Windows::default(), None);
        assert_eq!(figures, [WindowFigures::default(); 3]);
    }
}
