//! Options for the load on a service.

use std::num::NonZeroU16;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::values::{as_ns, duration, seed};
use crate::experiment::ExperimentError;
use crate::load::{Arrivals, Limit, Mode, Plan, Protocol, Rate, WaitRule};

/// Rule by which requests follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ModeName {
    /// One request in flight, the next right after the reply
    #[default]
    Closed,
    /// Requests at their own times, whatever became of earlier ones: latency counts from when one was due
    Open,
    /// A constant number of requests in flight (--depth): throughput, and latency at full load
    Pipeline,
}

/// Options for the load on the service.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Load mode [default: closed; of compare: closed, then open at one rate for all systems of a link]
    #[arg(long, value_enum)]
    pub mode: Option<ModeName>,
    /// Requests per second, such as 0.2, 1000, 100k or 1.5M (mode open only) [default: 997]
    #[arg(long, value_name = "PER_SECOND", allow_hyphen_values = true)]
    pub rate: Option<Rate>,
    /// Distribution of the times between requests (mode open and --sweep only) [default: poisson]
    #[arg(long, value_enum)]
    pub arrivals: Option<Arrivals>,
    /// Requests in flight, 1 to 256 (mode pipeline and --sweep only) [default: 32]
    #[arg(long, value_name = "N")]
    pub depth: Option<NonZeroU16>,
    /// Measure latency against load: a pipeline finds the throughput, then open loops follow at 10 to 95 %
    /// of it
    #[arg(long, conflicts_with_all = ["mode", "rate", "count"])]
    pub sweep: bool,
    /// Measuring time, such as 10s or 500ms [default: 5s, or as long as --count takes; 2s for
    /// each step of a sweep]
    #[arg(long, value_parser = duration, overrides_with = "duration")]
    pub duration: Option<Duration>,
    /// Number of requests to measure; with --duration, whichever comes first
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Warm-up before the measurement
    #[arg(long, value_parser = duration, value_name = "DURATION", overrides_with = "warmup", default_value = "500ms", hide_short_help = true)]
    pub warmup: Duration,
    /// Length of a request's UDP payload, header included: 44 to 1472, with IPv6 to 1452
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub payload: usize,
    /// Time after which an unanswered request counts as lost
    #[arg(long, value_parser = duration, value_name = "DURATION", default_value = "1s", hide_short_help = true)]
    pub timeout: Duration,
    /// Seed of the requests' padding, of Poisson arrivals and, in compare, of the order of boots
    #[arg(long, value_parser = seed, default_value_t = 1, hide_short_help = true)]
    pub seed: u64,
}

/// The rate of an open loop unless told otherwise, in requests per second. A prime number, so that even
/// arrivals do not keep in step with a timer tick of 100, 250 or 1000 Hz on the same clock.
const DEFAULT_RATE: Rate = Rate::per_second(997);

/// The depth of a pipeline unless told otherwise: deep enough that both sides work in bursts, and a fraction
/// of the guest's 256 receive buffers, so that none is lost for want of one.
const DEFAULT_DEPTH: NonZeroU16 = NonZeroU16::new(32).unwrap();

/// Default duration of a measurement.
const DEFAULT_DURATION: Duration = Duration::from_secs(5);

/// The same for each step of a sweep.
const DEFAULT_STEP_DURATION: Duration = Duration::from_secs(2);

impl LoadArgs {
    /// Returns the plan that these options make; of a sweep, that of the pipeline which comes first.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Incompatible`] or [`ExperimentError::Plan`] if they make none.
    pub fn plan(&self) -> Result<Plan, ExperimentError> {
        let mode = self.load_mode()?;
        let duration = match (self.duration, self.count) {
            (None, None) if self.sweep => Some(DEFAULT_STEP_DURATION),
            (None, None) => Some(DEFAULT_DURATION),
            (duration, _) => duration,
        };
        if duration == Some(Duration::ZERO) {
            return Err(ExperimentError::Incompatible(
                "a duration of zero measures nothing: choose a longer one",
            ));
        }
        let plan = Plan {
            mode,
            payload_len: self.payload,
            timeout_ns: as_ns(self.timeout),
            warmup: Limit::lasting(as_ns(self.warmup)),
            measure: Limit {
                duration_ns: duration.map(as_ns),
                count: self.count,
            },
            seed: self.seed,
            content: None,
            protocol: Protocol::Fathom,
            key: None,
            wait_rule: WaitRule::Sleep,
        };
        plan.check()?;
        Ok(plan)
    }

    /// Returns the arrivals of the open loops that these options make, a sweep's steps among them.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals {
        self.arrivals.unwrap_or_default()
    }

    /// Returns the arrivals of a sweep's open loops, if these options make a sweep.
    #[must_use]
    pub fn sweep(&self) -> Option<Arrivals> {
        self.sweep.then(|| self.arrivals())
    }

    fn load_mode(&self) -> Result<Mode, ExperimentError> {
        if self.arrivals.is_some() && !self.sweep && self.mode != Some(ModeName::Open) {
            return Err(ExperimentError::Incompatible(
                "only an open loop has arrivals: use `--mode open` with `--arrivals`",
            ));
        }
        let mode = if self.sweep {
            ModeName::Pipeline
        } else {
            self.mode.unwrap_or_default()
        };
        match (mode, self.rate, self.depth) {
            (ModeName::Closed, None, None) => Ok(Mode::Closed),
            (ModeName::Open, rate, None) => Ok(Mode::Open {
                rate: rate.unwrap_or(DEFAULT_RATE),
                arrivals: self.arrivals(),
            }),
            (ModeName::Pipeline, None, depth) => Ok(Mode::Pipeline {
                depth: depth.unwrap_or(DEFAULT_DEPTH),
            }),
            (ModeName::Closed | ModeName::Pipeline, Some(_), _) => {
                Err(ExperimentError::Incompatible(
                    "only an open loop has a rate: use `--mode open` with `--rate`",
                ))
            }
            (ModeName::Closed | ModeName::Open, _, Some(_)) => Err(ExperimentError::Incompatible(
                "only a pipeline has a depth: use `--mode pipeline` with `--depth`",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
