//! `fathom run`: boot, measure, report, shut down.

use super::CliError;
use super::args::RunArgs;
use super::ctrl_c::Interrupt;
use super::output::Output;
use crate::experiment::abort::Aborting;
use crate::experiment::compare::CostAnalysis;
use crate::experiment::prepared_run::PreparedRun;

/// Boots the service, measures it, and reports.
///
/// # Errors
///
/// [`CliError`] for whatever was in the way, or if the measurement is invalid. What was measured
/// until then is written all the same.
pub fn run(args: &RunArgs) -> Result<(), CliError> {
    let mut spec = args.spec()?;
    let judging = args.result.judging("fathom run", || spec.groups())?;
    if judging.gate().objectives.need_costs() {
        spec.cost_analysis = CostAnalysis::Included;
    }
    // Before anything is made that would be left behind.
    let interrupt = Interrupt::watch()?;
    let live = args.live.begin()?.with_objectives(judging.expressions());
    let caller = interrupt.caller_with(&live);
    let aborting = Aborting::new(caller, &judging.gate().objectives);
    let run = PreparedRun::prepare(&spec, caller)?;
    let output = Output::prepare(&args.result.output, judging)?;
    let outcome = run.carry_out(&output, aborting.caller());
    output.conclude(outcome)
}
