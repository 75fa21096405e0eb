//! The result of one measurement, and its record.

use super::ExperimentError;
use crate::host::activity::HostActivity;
use crate::host::doctor::busy::Busy;
use crate::host::noise::Noise;
use crate::load::{Plan, Tally};
use crate::record::{Run, RunLabels};
use crate::stats::reason::Code;
use crate::stats::{Ended, Policy, Reason, RunRecorder, Stall};

/// The result of a measurement.
#[derive(Debug)]
pub struct Measured {
    /// The counts.
    pub tally: Tally,
    /// The distributions.
    pub recorder: RunRecorder,
    /// Disturbances by the host meanwhile.
    pub noise: Noise,
    /// The ending.
    pub ended: Ended,
    /// The failure that ended it, if one did.
    pub failure: Option<ExperimentError>,
    /// True if latency settled during warm-up; `None` if that was not waited for.
    pub warmup_settled: Option<bool>,
    /// Other programs that had much of a CPU meanwhile.
    pub busy: Vec<Busy>,
    /// Activity of the host on the CPUs in use.
    pub host_activity: Option<HostActivity>,
    /// Requirements that it has to meet.
    pub policy: Policy,
    /// The worst stalls.
    pub stalls: Vec<Stall>,
}

impl Measured {
    /// Returns the record of the measurement.
    #[must_use]
    pub fn record(&self, labels: RunLabels, plan: &Plan) -> Run {
        let run = Run::new(
            labels,
            plan,
            &self.tally,
            &self.recorder,
            self.noise,
            &self.ended,
            self.policy,
        );
        let mut reasons = run.reasons;
        if self.warmup_settled == Some(false) {
            reasons.push(Reason::of(Code::Unsettled));
        }
        Run {
            reasons,
            warmup_settled: self.warmup_settled,
            busy_processes: self.busy.clone(),
            host_activity: self.host_activity.clone(),
            stalls: self.stalls.clone(),
            ..run
        }
    }
}
