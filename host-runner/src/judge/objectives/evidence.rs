//! Figures of a group of runs, held against a limit or against those of a reference.
//!
//! - counts, costs and sizes are numbers: they keep to a limit or they don't;
//! - a percentile of one boot has the interval of its samples, and the outcome is about that boot alone;
//! - of three boots or more the boot is the unit: the limits are those of the typical boot, whatever the number of
//!   samples;
//! - relative limits are non-inferiority tests: met only if the whole interval keeps to the margin, so that "no
//!   difference seen" is not taken for "no regression"; missed only if the figure is worse than the reference for
//!   certain, and beyond the margin by the estimate.
//!
//! [`absolute`] has limits with a unit or in floors, [`relative`] those against a reference, [`broken_off`] what is
//! certain of a run that did not come to its end.

use super::expression::Operator;
use super::figures::{BootFigure, Group, Missing, samples_of};
use super::metric::{Metric, Statistic};
use super::sample_interval::{Chances, MIN_BEYOND};
use crate::record::ObjectiveState;
use crate::stats::comparison::typical_boot::{MIN_BOOTS, TypicalBoot};

pub mod absolute;
pub mod broken_off;
pub mod relative;

/// Logarithms are of no less than this, in the unit of the figure.
const LEAST: f64 = 1e-3;

/// Rounds beyond which their number is no advice any more.
const MOST_ROUNDS: f64 = 1000.0;

/// Chances of a wrong outcome that an expression is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// Chance that a limit counts as kept which the target does not keep to.
    pub meet: f64,
    /// Chance that a limit counts as broken which the target keeps to.
    pub miss: f64,
}

/// Outcome of an expression on a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The state.
    pub state: ObjectiveState,
    /// The figure.
    pub value: Option<f64>,
    /// The ends of its interval.
    pub interval: Interval,
    /// The limit.
    pub limit: Option<f64>,
    /// Unit of all of them.
    pub unit: &'static str,
    /// Reason, and what would decide it.
    pub needs: Option<String>,
}

/// Ends of an interval; `None` where it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// Unit of a limit in floors.
const FLOORS: &str = "floors";

/// Unit of a limit relative to a reference.
const RATIO: &str = "ratio";

impl Outcome {
    /// Returns the outcome without a figure.
    fn without_figure(missing: Missing, unit: &'static str, limit: Option<f64>) -> Self {
        let (state, reason) = match missing {
            Missing::NotMeasured(reason) => (ObjectiveState::NotMeasured, reason),
            Missing::Unusable(reason) => (ObjectiveState::Undecided, reason),
        };
        Self {
            state,
            value: None,
            interval: Interval::default(),
            limit,
            unit,
            needs: Some(reason),
        }
    }

    /// Returns the outcome of a number that was counted.
    fn counted(operator: Operator, value: f64, limit: f64, unit: &'static str) -> Self {
        Self {
            state: match operator.holds(value, limit) {
                true => ObjectiveState::Met,
                false => ObjectiveState::Missed,
            },
            value: Some(value),
            interval: Interval::default(),
            limit: Some(limit),
            unit,
            needs: None,
        }
    }

    /// Returns the same, undecided for a reason.
    fn undecided(self, reason: String) -> Self {
        Self {
            state: ObjectiveState::Undecided,
            needs: Some(reason),
            ..self
        }
    }
}

impl Interval {
    /// Returns the interval from `low` to `high`, without its ends at infinity.
    fn of(low: f64, high: f64) -> Self {
        let finite = |end: f64| end.is_finite().then_some(end);
        Self {
            low: finite(low),
            high: finite(high),
        }
    }

    /// Returns true if all of it has the relation to `limit`.
    fn all_hold(self, operator: Operator, limit: f64) -> bool {
        let end = if operator.is_upper() {
            self.high
        } else {
            self.low
        };
        end.is_some_and(|end| operator.holds(end, limit))
    }

    /// Returns true if nothing of it has the relation to `limit`.
    fn none_holds(self, operator: Operator, limit: f64) -> bool {
        let end = if operator.is_upper() {
            self.low
        } else {
            self.high
        };
        end.is_some_and(|end| !operator.holds(end, limit))
    }
}

/// Returns the interval's chances on either side of a figure, for an outcome by `operator`.
const fn chances(operator: Operator, levels: Levels) -> Chances {
    match operator.is_upper() {
        true => Chances {
            low: levels.miss,
            high: levels.meet,
        },
        false => Chances {
            low: levels.meet,
            high: levels.miss,
        },
    }
}

/// The figures of a group's valid boots, or the reason why there are none.
///
/// # Errors
///
/// [`Missing`] if no boot has the figure.
fn boots(group: &Group<'_>, metric: &Metric) -> Result<Vec<BootFigure>, Missing> {
    if group.valid().next().is_none() {
        return Err(Missing::Unusable(group.invalid_reason()));
    }
    let mut reason = None;
    let figures = group.valid().filter_map(|run| match run.figure(metric) {
        Ok(figure) => Some(figure),
        Err(missing) => {
            reason.get_or_insert(missing);
            None
        }
    });
    let figures: Vec<BootFigure> = figures.collect();
    match (figures.is_empty(), reason) {
        (true, Some(missing)) => Err(missing),
        _ => Ok(figures),
    }
}

/// Returns why `figures` of a percentile have too few samples to be judged by, if so.
fn too_few_samples(metric: &Metric, figures: &[BootFigure]) -> Option<String> {
    let Metric::Time(_, Statistic::Percentile(percentile)) = metric else {
        return None;
    };
    let count: u64 = figures.iter().map(|figure| figure.count).sum();
    let is_few = count < percentile.samples_for(MIN_BEYOND);
    is_few.then(|| {
        format!(
            "{} has {}",
            percentile.name(),
            samples_of(count, percentile)
        )
    })
}

/// A typical boot, from the least and the most that each boot's logarithm can be.
#[derive(Clone, Debug)]
struct Typical {
    least: TypicalBoot,
    most: TypicalBoot,
    /// True if every boot's value has an upper end.
    has_high: bool,
    /// True if every boot's value has a lower end.
    has_low: bool,
    boots: usize,
}

/// The logarithms of boots: of the least and the most that each can be.
#[derive(Clone, Debug, Default)]
struct Logs {
    least: Vec<f64>,
    most: Vec<f64>,
    width: f64,
    /// True if a value lies among lost requests, and has no upper end.
    is_censored: bool,
}

fn ln(value: f64) -> f64 {
    value.max(LEAST).ln()
}

impl Logs {
    fn of(figures: &[BootFigure]) -> Self {
        let mut logs = Self::default();
        for figure in figures {
            logs.is_censored |= figure.most.is_infinite();
            logs.least.push(ln(figure.least));
            // Of a lower bound the bound must do: there is no upper end then.
            let most = if figure.most.is_finite() {
                figure.most
            } else {
                figure.value
            };
            logs.most.push(ln(most));
            logs.width = logs.width.max(figure.width);
        }
        logs
    }
}

impl Typical {
    /// Returns that of boots; `None` if there are too few.
    fn of(logs: &Logs) -> Option<Self> {
        let least = TypicalBoot::of(&logs.least, logs.width)?;
        Some(Self {
            most: match logs.least == logs.most {
                true => least.clone(),
                false => TypicalBoot::of(&logs.most, logs.width)?,
            },
            least,
            has_high: !logs.is_censored,
            has_low: true,
            boots: logs.least.len(),
        })
    }

    fn centre(&self) -> f64 {
        self.most.centre()
    }

    fn interval(&self, chances: Chances) -> Interval {
        let low = self.least.lower(chances.low).exp();
        let high = self.most.upper(chances.high).exp();
        Interval {
            low: (self.has_low && low > 0.0).then_some(low),
            high: (self.has_high && high.is_finite()).then_some(high),
        }
    }

    /// Returns about how many more rounds would tell if the figure keeps to its limit, in words; `kept` and `broken` are
    /// the logarithms that decide, and `interval` is that of these rounds.
    fn more_rounds(
        &self,
        operator: Operator,
        interval: Interval,
        decided_at: (f64, f64),
    ) -> String {
        let (kept, broken) = decided_at;
        let centre = self.centre();
        let holds = operator.holds(centre, kept);
        let at = if holds { kept } else { broken };
        let end = match operator.is_upper() == holds {
            true => interval.high,
            false => interval.low,
        };
        let Some(end) = end else {
            return match self.has_low && self.has_high {
                true => format!(
                    "{} boots of each can't tell at this confidence: more would",
                    self.boots
                ),
                false => "requests were lost: the figure is a lower bound in some boots".to_owned(),
            };
        };
        let (arm, distance) = ((ln(end) - centre).abs(), (at - centre).abs());
        // An interval of n boots is about as long as one over the root of n.
        let boots = self.boots as f64;
        let needed = (boots * (arm / distance).powi(2)).ceil().max(boots + 1.0);
        match needed - boots {
            more if more <= MOST_ROUNDS => match more as u32 {
                1 => "about 1 more round would tell".to_owned(),
                more => format!("about {more} more rounds would tell"),
            },
            _ => format!("so close to its limit that {MOST_ROUNDS} more rounds would hardly tell"),
        }
    }
}

/// Returns the reason for a comparison with too few valid rounds, if `figures` are of one.
fn too_few_rounds(group: &Group<'_>, figures: &[BootFigure]) -> Option<String> {
    let rounds = group.rounds();
    (figures.len() < MIN_BOOTS && rounds >= MIN_BOOTS).then(|| {
        format!(
            "{} of {rounds} rounds can be judged by, {MIN_BOOTS} are needed",
            figures.len()
        )
    })
}
