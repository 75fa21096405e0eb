//! The result of one measurement, and its record.

use super::ExperimentError;
use crate::host::activity::HostActivity;
use crate::host::doctor::busy::Busy;
use crate::host::noise::Noise;
use crate::link::InjectedFaults;
use crate::load::Tally;
use crate::record::run::{Measurement, Undelivered};
use crate::record::{Run, RunFacts};
use crate::stats::{Ended, Policy, RunRecorder, Stall, WarmUpEnd};

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
    /// The end of warm-up.
    pub warm_up: WarmUpEnd,
    /// Faults that the link injected, if it injects any.
    pub faults: Option<InjectedFaults>,
    /// Requests that the service was never given, as far as the link tells.
    pub undelivered: Undelivered,
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
    pub fn record(&self, facts: RunFacts<'_>) -> Run {
        let measurement = Measurement {
            tally: &self.tally,
            recorder: &self.recorder,
            stalls: &self.stalls,
            noise: &self.noise,
            ended: &self.ended,
            warm_up: self.warm_up,
            faults: self.faults.as_ref(),
            undelivered: self.undelivered,
            busy: &self.busy,
            host_activity: self.host_activity.as_ref(),
            policy: self.policy,
        };
        Run::new(facts, &measurement)
    }
}
