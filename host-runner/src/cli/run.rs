//! `fathom run`: boot, measure, report, shut down.

use super::args::RunArgs;
use super::interrupt::Interrupt;
use super::output::Output;
use super::recipe::{self, Recipe};
use super::series::{Series, Sweep};
use super::subject::{FirstRequest, Subject};
use super::{CliError, turn};
use crate::files;
use crate::machine::Awake;
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
    let plan = args.load.plan()?;
    recipe::check(args)?;
    let assignment = args.host.assignment_with_warning()?;
    // Before anything is made that would be left behind.
    let interrupt = Interrupt::watch()?;
    let scratch = files::scratch().map_err(|source| CliError::Setup {
        what: "a scratch directory",
        source,
    })?;
    let recipe = Recipe::find(args, scratch.path())?;
    let turn = turn::take(&args.host, &interrupt)?;
    let output = Output::prepare(&args.output)?;
    let awake = Awake::ask(args.host.host_idle);
    // Before there is a guest, which would be found to be busy.
    let mut environment = Environment {
        host_idle: Some(awake.to_string()),
        ..Environment::now()
    };
    environment.measures_on(assignment.as_ref());
    let console_log = output.log(CONSOLE_LOG);
    let first = FirstRequest::Measured;
    let mut subject = match Subject::start(args, assignment, recipe, console_log, first, &interrupt)
    {
        Ok(subject) => subject,
        Err(error) => {
            output.abandon(&error);
            return Err(error);
        }
    };
    let environment = subject.describe(environment);
    let sweep = args.load.sweep().map(|arrivals| Sweep {
        arrivals,
        generator_limit: subject.generator_limit(&plan, arrivals),
    });
    let mut series = Series::measure(&plan, sweep, &output, |plan| {
        subject.measure(plan, None, &interrupt)
    });
    series.measured_beside(turn.others());
    // Written before QEMU is asked to end, so that an impatient second Ctrl-C loses nothing.
    let outcome = series.conclude(environment, &output);
    subject.shutdown();
    outcome
}
