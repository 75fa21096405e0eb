//! `fathom run`: boot, measure, report, shut down.

use super::args::RunArgs;
use super::interrupt::Interrupt;
use super::output::Output;
use super::recipe::Recipe;
use super::series::{Series, Sweep};
use super::subject::{FirstRequest, Start, Subject};
use super::{CliError, turn};
use crate::files;
use crate::host::cpu_latency::CpuLatencyGuard;
use crate::record::Environment;

/// What the guest printed, among the results.
const CONSOLE_LOG: &str = "console.log";

/// Boots the service, measures it, and reports.
///
/// # Errors
///
/// [`CliError`] for whatever was in the way, or if the measurement is invalid. What was measured
/// until then is written all the same.
pub fn run(args: &RunArgs) -> Result<(), CliError> {
    let spec = args.spec()?;
    let assignment = turn::assignment(&spec.host)?;
    // Before anything is made that would be left behind.
    let interrupt = Interrupt::watch()?;
    let scratch = files::scratch().map_err(|source| CliError::Setup {
        what: "a scratch directory",
        source,
    })?;
    let recipe = Recipe::find(&spec.system, scratch.path())?;
    let turn = turn::take(&spec.host, &interrupt)?;
    let output = Output::prepare(&args.output)?;
    let cpu_latency = CpuLatencyGuard::request(spec.host.idle);
    // Before there is a guest, which would be found to be busy.
    let mut environment = Environment {
        host_idle: Some(cpu_latency.to_string()),
        ..Environment::now()
    };
    environment.measures_on(assignment.as_ref());
    let start = Start {
        system: &spec.system,
        mode: spec.plan.mode,
        assignment,
        console_log: output.log(CONSOLE_LOG),
        first: FirstRequest::Measured,
    };
    let mut subject = match Subject::start(start, recipe, &interrupt) {
        Ok(subject) => subject,
        Err(error) => {
            output.abandon(&error);
            return Err(error);
        }
    };
    let environment = subject.describe(environment);
    let sweep = spec.sweep.map(|arrivals| Sweep {
        arrivals,
        generator_limit: subject.generator_limit(&spec.plan, arrivals),
    });
    let mut series = Series::measure(&spec.plan, sweep, &output, |plan| {
        subject.measure(plan, spec.validity, None, &interrupt)
    });
    series.measured_beside(turn.others());
    // Written before QEMU is asked to end, so that an impatient second Ctrl-C loses nothing.
    let outcome = series.conclude(environment, &output);
    subject.shutdown();
    outcome
}
