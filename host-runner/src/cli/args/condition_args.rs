//! Options for the conditions of a measurement: this host, and what a result has to live up to.

use std::time::Duration;

use clap::Args;

use crate::experiment::{HostSpec, Validity};
use crate::host::assignment::Requested;
use crate::host::cpu_latency::HostIdle;
use crate::host::lock::Patience;
use crate::quantity::parse::{as_ns, duration};
use crate::stats::{Needs, Policy};

/// Options for this host during a measurement.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Host")]
pub struct HostArgs {
    /// State of this host's idle CPUs during a measurement
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value_t,
        hide_short_help = true
    )]
    pub host_idle: HostIdle,
    /// Longest wait for another fathom that measures on this host
    #[arg(long, value_parser = duration, value_name = "DURATION", overrides_with = "wait", default_value = "10m", hide_short_help = true)]
    pub wait: Duration,
    /// Do not wait for another fathom that measures on this host; both records say so
    #[arg(long, hide_short_help = true)]
    pub concurrent: bool,
    /// CPU of the guest and CPU of the measuring thread [default: chosen by the caches they share]
    #[arg(
        long,
        value_name = "A,B",
        overrides_with = "cpus",
        hide_short_help = true
    )]
    pub cpus: Option<Requested>,
}

impl HostArgs {
    /// Returns the conditions that the options set.
    #[must_use]
    pub const fn spec(&self) -> HostSpec {
        HostSpec {
            idle: self.host_idle,
            patience: if self.concurrent {
                Patience::Beside
            } else {
                Patience::Wait(self.wait)
            },
            cpus: self.cpus,
        }
    }
}

/// Options for what a result has to live up to.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Results")]
pub struct ValidityArgs {
    /// Percentile up to which the run must describe the service; it is invalid if this host or the load generator
    /// decided one of them
    #[arg(
        long,
        value_name = "PERCENTILE",
        overrides_with = "needs",
        default_value = "p99"
    )]
    pub needs: Needs,
    /// Accept only percentiles that are exact, not ranges, with ten separate stalls beyond them
    #[arg(long, hide_short_help = true)]
    pub strict: bool,
    /// Longest wait for a quiet host before measuring
    #[arg(long, value_parser = duration, value_name = "DURATION", overrides_with = "quiet", default_value = "2s", hide_short_help = true)]
    pub quiet: Duration,
}

impl ValidityArgs {
    /// Returns the requirements that the options make.
    #[must_use]
    pub fn spec(&self) -> Validity {
        Validity {
            policy: Policy {
                needs: self.needs,
                is_strict: self.strict,
            },
            quiet_ns: as_ns(self.quiet),
        }
    }
}
