//! Specification of a load as somebody asks for it, and the plan that it makes.

use std::num::NonZeroU16;

use clap::ValueEnum;

use super::{Arrivals, Limit, Mode, Plan, PlanError, Protocol, Rate, WaitRule};

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

/// A load as it is asked for: `None` where nothing was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadSpec {
    /// Rule by which requests follow each other.
    pub mode: Option<ModeName>,
    /// Requests per second of an open loop.
    pub rate: Option<Rate>,
    /// Distribution of the times between requests of an open loop, or of the steps of a sweep.
    pub arrivals: Option<Arrivals>,
    /// Requests in flight of a pipeline.
    pub depth: Option<NonZeroU16>,
    /// Number of measurements.
    pub extent: Extent,
    /// Measuring time, in nanoseconds.
    pub duration_ns: Option<u64>,
    /// Number of requests to measure.
    pub count: Option<u64>,
    /// Warm-up, in nanoseconds.
    pub warmup_ns: u64,
    /// Length of every request, in bytes, header included.
    pub payload_len: usize,
    /// Time after which an unanswered request counts as lost, in nanoseconds.
    pub timeout_ns: u64,
    /// Seed of padding and of arrivals.
    pub seed: u64,
}

/// Number of measurements that a load asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// One.
    One,
    /// A pipeline, which finds the throughput, and open loops at shares of it.
    Sweep,
}

/// The rate of an open loop unless told otherwise, in requests per second. A prime number, so that even
/// arrivals do not keep in step with a timer tick of 100, 250 or 1000 Hz on the same clock.
const DEFAULT_RATE: Rate = Rate::per_second(997);

/// The depth of a pipeline unless told otherwise: deep enough that both sides work in bursts, and a fraction
/// of the guest's 256 receive buffers, so that none is lost for want of one.
const DEFAULT_DEPTH: NonZeroU16 = NonZeroU16::new(32).unwrap();

/// Default duration of a measurement, in nanoseconds.
const DEFAULT_DURATION_NS: u64 = 5_000_000_000;

/// The same for each step of a sweep.
const DEFAULT_STEP_DURATION_NS: u64 = 2_000_000_000;

impl LoadSpec {
    /// Returns the plan that the specification makes; of a sweep, that of the pipeline which comes first.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if it makes none.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        let mode = self.mode()?;
        let duration_ns = match (self.duration_ns, self.count) {
            (None, None) if self.extent == Extent::Sweep => Some(DEFAULT_STEP_DURATION_NS),
            (None, None) => Some(DEFAULT_DURATION_NS),
            (duration_ns, _) => duration_ns,
        };
        if duration_ns == Some(0) {
            return Err(PlanError::NoDuration);
        }
        let plan = Plan {
            mode,
            payload_len: self.payload_len,
            timeout_ns: self.timeout_ns,
            warmup: Limit::lasting(self.warmup_ns),
            measure: Limit {
                duration_ns,
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

    /// Returns the arrivals of open loops, a sweep's steps among them.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals {
        self.arrivals.unwrap_or_default()
    }

    /// Returns the arrivals of a sweep's open loops, if the load is a sweep.
    #[must_use]
    pub fn sweep(&self) -> Option<Arrivals> {
        (self.extent == Extent::Sweep).then(|| self.arrivals())
    }

    fn mode(&self) -> Result<Mode, PlanError> {
        let is_sweep = self.extent == Extent::Sweep;
        if self.arrivals.is_some() && !is_sweep && self.mode != Some(ModeName::Open) {
            return Err(PlanError::NoArrivals);
        }
        let mode = match is_sweep {
            true => ModeName::Pipeline,
            false => self.mode.unwrap_or_default(),
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
            (ModeName::Closed | ModeName::Pipeline, Some(_), _) => Err(PlanError::NoRate),
            (ModeName::Closed | ModeName::Open, _, Some(_)) => Err(PlanError::NoDepth),
        }
    }
}
