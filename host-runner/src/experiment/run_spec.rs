//! Specification of an experiment, as plain data: what `cli` makes of a command line, and all that the
//! modules below it know of one.

use super::compare::CostAnalysis;
use crate::host::assignment::{Assignment, NotAllowed, Requested};
use crate::host::cpu_latency::HostIdle;
use crate::host::lock::Patience;
use crate::host::topology::Topology;
use crate::load::{Arrivals, Plan, Protocol};
use crate::stats::Policy;
use crate::sut::{ServiceKind, SystemSpec};

/// One measurement of one system, or a sweep of its load.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The system under test.
    pub system: SystemSpec,
    /// The load; of a sweep, that of the pipeline which comes first.
    pub plan: Plan,
    /// Arrivals of a sweep's open loops; `None` for a single measurement.
    pub sweep: Option<Arrivals>,
    /// Choice of the analysis of what an echo costs the guest, in boots of its own after the measurement.
    pub cost_analysis: CostAnalysis,
    /// Requirements that the result has to meet.
    pub validity: Validity,
    /// Conditions on this host.
    pub host: HostSpec,
}

/// Returns the service that requests of `plan` are for.
#[must_use]
pub const fn service_of(plan: &Plan) -> ServiceKind {
    match plan.protocol {
        Protocol::Fathom => ServiceKind::Timestamps,
        Protocol::Stamp => ServiceKind::Stamp(plan.key),
        Protocol::TwampLight => ServiceKind::Stamp(None),
        Protocol::Echo => ServiceKind::Echo,
    }
}

/// Requirements that each result has to meet.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// The percentile that is needed, and how strictly it is judged.
    pub policy: Policy,
    /// The longest wait for a quiet host, in nanoseconds.
    pub quiet_ns: u64,
}

/// Conditions on this host during a measurement.
#[derive(Clone, Copy, Debug)]
pub struct HostSpec {
    /// State of idle CPUs.
    pub idle: HostIdle,
    /// Behaviour while another measurement goes on at this host.
    pub patience: Patience,
    /// The guest's CPU and the measuring thread's; `None` to choose them by what CPUs share.
    pub cpus: Option<Requested>,
}

impl HostSpec {
    /// Returns the CPUs to measure on, if there are two.
    ///
    /// # Errors
    ///
    /// [`NotAllowed`] if CPUs were asked for that this process may not use.
    pub fn assignment(&self) -> Result<Option<Assignment>, NotAllowed> {
        Assignment::new(&Topology::here(), self.cpus)
    }
}
