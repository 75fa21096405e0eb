//! A comparison: several systems, measured in alternation, in one report.
//!
//! - [`design`]: the specification, the cases, and their order in each round;
//! - [`target`]: a target as it is named, and its image;
//! - [`variant`], [`case`]: a system in one configuration, and that on a link;
//! - [`loads`]: the loads that measure each boot;
//! - [`rounds`], [`case_boot`]: the rounds and the repeats after them, boot by boot;
//! - [`duration`], [`time_budget`]: the expected duration of boots, and the time available;
//! - [`run_store`], [`case_runs`]: the runs so far, and the report of them;
//! - [`feasibility`]: the runs that a verdict needs, and the end of a comparison that can't have them;
//! - [`confirmation`]: further rounds until objectives are decided; `further_rounds` makes them;
//! - [`cost_probes`]: the cost of an echo to the guests, counted after the rounds.
//!
//! Each run has a fresh boot, on a thread of its own: placing a system changes CPUs and priority of the thread that
//! measures it. Results are written as soon as a run ends.

use std::time::{Duration, Instant};

use super::exclusive::{self, ExclusiveHost};
use super::{Caller, ExperimentError, NothingMeasured, Results};
use crate::load::Plan;
use crate::record::Skipped;

pub mod case;
pub mod case_boot;
pub mod case_runs;
pub mod confirmation;
pub mod cost_probes;
pub mod design;
pub mod duration;
pub mod feasibility;
mod further_rounds;
pub mod loads;
pub mod rounds;
pub mod run_store;
pub mod target;
pub mod time_budget;
pub mod variant;

use case::Case;
pub use confirmation::Confirmation;
use cost_probes::{CostProbe, CostReport, ProbeConditions};
pub use design::{CompareSpec, CostAnalysis};
pub use loads::Loads;
use rounds::{CaseState, Experiment, Failures};
use run_store::{Conclusion, RunStore};
pub use target::{ImageProblem, OwnImage, Resolved, Target};
use time_budget::TimeBudget;
pub use variant::Variant;

/// A comparison that has all that it needs, the host among it, and can begin.
#[derive(Debug)]
pub struct Comparison<'a> {
    spec: &'a CompareSpec,
    cases: Vec<Case>,
    skipped: Vec<Skipped>,
    /// The probes that count costs after the rounds.
    probes: Vec<CostProbe>,
    /// The expected plans of a whole boot.
    plans: Vec<Plan>,
    host: ExclusiveHost,
}

impl<'a> Comparison<'a> {
    /// Makes the cases and waits for the host.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::NothingToCompare`] if no case is possible, [`ExperimentError::NotAllowed`] if the CPUs
    /// can't be used, [`ExperimentError::Lock`] if the host is taken.
    pub fn prepare(spec: &'a CompareSpec, caller: Caller<'_>) -> Result<Self, ExperimentError> {
        let (cases, skipped) = spec.cases();
        if cases.is_empty() {
            let reasons = Skipped::lines(&skipped);
            return Err(ExperimentError::NothingToCompare { reasons });
        }
        let probes = match spec.cost_analysis {
            CostAnalysis::Included => CostProbe::all(&cases),
            CostAnalysis::Skipped => Vec::new(),
        };
        let plans = spec.loads.expected_plans()?;
        let assignment = exclusive::assignment(&spec.host, caller.monitor)?;
        let host = ExclusiveHost::take(&spec.host, assignment, caller)?;
        Ok(Self {
            spec,
            cases,
            skipped,
            probes,
            plans,
            host,
        })
    }

    /// Measures all cases round by round, counts the costs, compares, and writes everything to `results`.
    ///
    /// # Errors
    ///
    /// [`NothingMeasured`] if there is no run. The inner error is the first failure: of a measurement, of a cost
    /// probe, or of writing a result ([`ExperimentError::Report`]); else [`ExperimentError::Incomplete`] if
    /// pairs can't be judged because valid runs are missing. Whatever was measured is written all the same.
    pub fn carry_out(
        self,
        results: &dyn Results,
        caller: Caller<'_>,
    ) -> Result<Result<(), ExperimentError>, NothingMeasured> {
        let spec = self.spec;
        let deadline = spec.time_limit.map(|limit| Instant::now() + limit);
        self.print_plan(caller);
        let Self {
            cases,
            skipped,
            plans,
            host,
            probes,
            ..
        } = self;
        let probes_s: f64 = probes.iter().map(CostProbe::expected_s).sum();
        let time_for_rounds =
            (spec.time_limit).map(|limit| limit.saturating_sub(Duration::from_secs_f64(probes_s)));
        // The first round's open loops are made up at the end if their rate is derived.
        let first_round = if spec.loads.derives_rate() {
            &plans[..1]
        } else {
            &plans
        };
        let time = TimeBudget::new(time_for_rounds, spec.rounds, &cases, first_round);
        let modes = spec.loads.modes();
        let (_cpu_latency, environment) = host.examine();
        let store = RunStore::new(
            environment,
            &cases,
            &modes,
            skipped,
            spec.rounds,
            spec.cost_analysis,
        );
        let mut experiment = Experiment {
            spec,
            results,
            caller,
            assignment: host.assignment.clone(),
            time,
            cases: (cases.iter().map(|&case| CaseState::new(spec, case))).collect(),
            store,
            accel: None,
            failures: Failures::default(),
        };
        let measured = experiment.measure().and_then(|()| experiment.confirm());
        let failure = match measured.err() {
            Some(error @ (ExperimentError::Interrupted | ExperimentError::Report(_))) => {
                Some(error)
            }
            // Counts hold whatever the host did to the latencies.
            failure => failure.or(count_costs(&mut experiment, &cases, deadline).err()),
        };
        let mut store = experiment.store;
        if store.is_empty() {
            let failure = failure.unwrap_or(ExperimentError::Interrupted);
            return Err(NothingMeasured(failure));
        }
        store.environment().set_concurrent(host.others());
        Ok(finish(spec, store, failure, results, caller))
    }

    /// Tells the caller the cases, the order's seed and the expected duration.
    fn print_plan(&self, caller: Caller<'_>) {
        for skipped in Skipped::lines(&self.skipped) {
            caller.monitor.message(&format_args!("skipped: {skipped}"));
        }
        let (cases, plans, rounds) = (&self.cases, &self.plans, self.spec.rounds);
        let boots_s = cases.iter().map(|&case| duration::boot_s(case, plans));
        let round_s: f64 = boots_s.sum();
        let probes_s: f64 = self.probes.iter().map(CostProbe::expected_s).sum();
        let names: Vec<String> = cases.iter().map(Case::to_string).collect();
        let modes: Vec<&str> = plans.iter().map(|plan| plan.mode.name()).collect();
        caller.monitor.message(&format_args!(
            "{rounds} rounds of {} boots, {} loop each, about {} in all; order by seed {}: {}",
            cases.len(),
            modes.join(" and "),
            duration::in_words(round_s * f64::from(rounds) + probes_s),
            self.spec.loads.first().seed,
            names.join(", ")
        ));
    }
}

/// Counts the costs of an echo to the guests that were measured, if they are to be counted.
fn count_costs(
    experiment: &mut Experiment<'_>,
    cases: &[Case],
    deadline: Option<Instant>,
) -> Result<(), ExperimentError> {
    let spec = experiment.spec;
    let cases = cases.iter().copied();
    let measured: Vec<Case> = (cases.filter(|&case| experiment.store.has_run_of(case))).collect();
    let probes = CostProbe::all(&measured);
    if probes.is_empty() || spec.cost_analysis == CostAnalysis::Skipped {
        return Ok(());
    }
    let monitor = experiment.caller.monitor;
    monitor.message(&"all is measured; what an echo costs the guests is counted now");
    let conditions = ProbeConditions {
        spec,
        accel: experiment.accel.unwrap_or(spec.guest.accel),
        deadline,
        assignment: experiment.assignment.as_ref(),
        caller: experiment.caller,
    };
    let mut costs = CostReport::default();
    let outcome = costs.add(&probes, conditions);
    experiment.store.set_costs(costs);
    outcome
}

/// Writes the report, and decides if the comparison has what was requested.
fn finish(
    spec: &CompareSpec,
    store: RunStore,
    failure: Option<ExperimentError>,
    results: &dyn Results,
    caller: Caller<'_>,
) -> Result<(), ExperimentError> {
    let infeasibility = store.infeasibility().map(ToOwned::to_owned);
    let Conclusion { missing, unjudged } = match (store.finish(results), failure) {
        (Err(error), Some(failure)) => {
            caller.monitor.message(&error.with_causes());
            return Err(failure);
        }
        (Err(error), None) | (Ok(_), Some(error)) => return Err(error),
        (Ok(conclusion), None) => conclusion,
    };
    for missing in &missing {
        caller.monitor.message(missing);
    }
    let reasons = match infeasibility {
        Some(reason) => vec![reason],
        // A valid run in each round.
        None if spec.validity.policy.is_strict => missing,
        // A verdict on each pair.
        None => unjudged,
    };
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(ExperimentError::Incomplete { reasons })
    }
}

/// Does `work` on a thread of its own, whose CPUs and priority end with it.
fn on_own_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(work);
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
pub mod tests;
