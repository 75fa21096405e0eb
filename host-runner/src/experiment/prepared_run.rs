//! One measurement of one system, or a sweep of its load.

use tempfile::TempDir;

use super::progress::Monitor;
use super::sweep::{Ladder, Runs};
use super::system_under_test::{FirstRequest, MeasureRequest, Prepared, Start, SystemUnderTest};
use super::{
    Caller, ExperimentError, NothingMeasured, Results, RunSpec, boot_directory, exclusive,
};
use crate::host::assignment::Assignment;
use crate::host::cpu_latency::CpuLatencyGuard;
use crate::host::lock::Turn;
use crate::load::Plan;
use crate::record::EnvironmentBuilder;

/// The log of what the guest prints, among the results.
const CONSOLE_LOG: &str = "console.log";

/// An experiment that has all that it needs, the host among it, and can begin.
#[derive(Debug)]
pub struct PreparedRun<'a> {
    spec: &'a RunSpec,
    assignment: Option<Assignment>,
    prepared: Prepared,
    lock: Turn,
    /// Directory of what is made for this run alone.
    _scratch: TempDir,
}

impl<'a> PreparedRun<'a> {
    /// Finds the parts of the system and waits for the host.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::NotAllowed`] if the CPUs can't be used, [`ExperimentError::Setup`] if there can be
    /// no scratch directory, [`ExperimentError::Lock`] if the host is taken, else as [`Prepared::new`].
    pub fn prepare(spec: &'a RunSpec, caller: Caller<'_>) -> Result<Self, ExperimentError> {
        let assignment = exclusive::assignment(&spec.host, caller.monitor)?;
        let scratch = boot_directory::create()?;
        let prepared = Prepared::new(&spec.system, scratch.path())?;
        let lock = exclusive::lock(&spec.host, caller)?;
        Ok(Self {
            spec,
            assignment,
            prepared,
            lock,
            _scratch: scratch,
        })
    }

    /// Starts the system, measures it, and writes the results to `results`.
    ///
    /// # Errors
    ///
    /// [`NothingMeasured`] if the system could not be started. The inner error is that of [`Runs::conclude`].
    pub fn carry_out(
        self,
        results: &dyn Results,
        caller: Caller<'_>,
    ) -> Result<Result<(), ExperimentError>, NothingMeasured> {
        let spec = self.spec;
        let cpu_latency = CpuLatencyGuard::request(spec.host.idle);
        let mut environment =
            EnvironmentBuilder::examine(cpu_latency.to_string(), self.assignment.as_ref());
        let start = Start {
            system: &spec.system,
            target: spec.system.kind.name().to_owned(),
            mode: spec.plan.mode,
            assignment: self.assignment,
            console_log: results.directory().log(CONSOLE_LOG),
            first: FirstRequest::Measured,
        };
        let mut system =
            SystemUnderTest::start(start, self.prepared, caller).map_err(NothingMeasured)?;
        if let Some(machine) = system.machine() {
            environment.set_machine(machine);
        }
        let ladder = spec.sweep.map(|arrivals| Ladder {
            arrivals,
            generator: system.generator_limits(&spec.plan, arrivals),
        });
        let mut runs = Runs::new(environment, results, caller.monitor);
        runs.measure(&spec.plan, ladder, |plan, position| {
            let request = MeasureRequest {
                plan,
                position,
                validity: spec.validity,
                settle_ns: None,
                percentiles: results.percentiles(),
            };
            system.measure(&request, caller)
        });
        runs.measured_beside(self.lock.others());
        warn_of_other_replies(&spec.plan, runs.corrupted(), caller.monitor);
        // Written before QEMU is asked to end, so that an impatient second Ctrl-C loses nothing.
        let outcome = runs.conclude();
        system.shutdown();
        Ok(outcome)
    }
}

/// Reports `corrupted` replies of a service that was sent given content: most likely, its replies are others
/// than was expected.
fn warn_of_other_replies(plan: &Plan, corrupted: u64, monitor: &dyn Monitor) {
    let Some(content) = plan.content.filter(|_| corrupted > 0) else {
        return;
    };
    let wanted = match content.reply {
        Some(expected) => format!("are not the {} bytes that are expected", expected.len()),
        None => format!("are longer than the {} bytes sent", content.request.len()),
    };
    monitor.message(&format_args!(
        "{corrupted} replies count as corrupted: behind the header they {wanted}, or the header is damaged"
    ));
}
