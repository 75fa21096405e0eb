//! Options for the load on a service.

use std::num::NonZeroU16;
use std::time::Duration;

use clap::Args;

use crate::load::load_spec::{Extent, ModeName};
use crate::load::{Arrivals, LoadSpec, Rate};
use crate::quantity::parse::{as_ns, duration};
use crate::random::seed;

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
    /// Measure latency against load: a pipeline finds the throughput, then open loops follow at rates up
    /// to it
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
    /// Length of a request's UDP payload, header included: 44 to 1472 (IPv6: 1452), with --mtu to 9188
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub payload: usize,
    /// Time after which an unanswered request counts as lost
    #[arg(long, value_parser = duration, value_name = "DURATION", default_value = "1s", hide_short_help = true)]
    pub timeout: Duration,
    /// Seed of the requests' padding, of Poisson arrivals and, in compare, of the order of boots
    #[arg(long, value_parser = seed, default_value_t = 1, hide_short_help = true)]
    pub seed: u64,
}

impl LoadArgs {
    /// Returns the load that the options ask for.
    #[must_use]
    pub fn spec(&self) -> LoadSpec {
        LoadSpec {
            mode: self.mode,
            rate: self.rate,
            arrivals: self.arrivals,
            depth: self.depth,
            extent: match self.sweep {
                true => Extent::Sweep,
                false => Extent::One,
            },
            duration_ns: self.duration.map(as_ns),
            count: self.count,
            warmup_ns: as_ns(self.warmup),
            payload_len: self.payload,
            timeout_ns: as_ns(self.timeout),
            seed: self.seed,
        }
    }
}

#[cfg(test)]
mod tests;
