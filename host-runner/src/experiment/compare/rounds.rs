//! The rounds of a comparison, and the repeats after them.
//!
//! In each round every case is booted afresh, and each boot is measured under every load. A run that the host made
//! invalid is repeated after all rounds, in a boot of its own, so that no round is longer than another, and the
//! first rounds are repeated as readily as the last. The repeat then stands in its round's pairs: more of the host's
//! drift lies between the two of a pair, which widens an interval and biases none.

use super::case::Case;
use super::case_boot::{self, CaseBoot, Measurements};
use super::design::{self, CompareSpec};
use super::duration;
use super::run_store::{Feasibility, Missing, RunStore};
use super::time_budget::TimeBudget;
use crate::experiment::{Caller, ExperimentError, Results, keep_image};
use crate::host::assignment::Assignment;
use crate::load::Plan;
use crate::machine::AccelChoice;
use crate::record::{CommonRate, RunPosition, file_names};
use crate::stats::Ended;
use crate::sut::{LinkChoice, SystemSpec};
use crate::terminal::one_line;

/// A comparison that is being carried out.
pub struct Experiment<'a> {
    /// The specification.
    pub spec: &'a CompareSpec,
    /// Destination of the results.
    pub results: &'a dyn Results,
    /// The caller.
    pub caller: Caller<'a>,
    /// The CPUs to measure on, if there are two.
    pub assignment: Option<Assignment>,
    /// Time for rounds and repeats.
    pub time: TimeBudget,
    /// The cases.
    pub cases: Vec<CaseState>,
    /// The runs so far.
    pub store: RunStore,
    /// The accelerator of the guests, once one has booted.
    pub accel: Option<AccelChoice>,
    /// Reasons why cases were left out.
    pub failures: Failures,
}

/// A case of a comparison that is being carried out.
#[derive(Debug)]
pub struct CaseState {
    case: Case,
    system: SystemSpec,
    /// True once the case failed for good, or can't be measured on this host.
    is_left_out: bool,
}

/// Reasons why cases were left out.
#[derive(Debug, Default)]
pub struct Failures {
    /// The first failure for good.
    failed: Option<ExperimentError>,
    /// The first reason why a case can't be measured on this host.
    impossible: Option<ExperimentError>,
}

/// Outcome of the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounds {
    /// All rounds were made that there was time for.
    Made,
    /// The comparison ended early: no verdict can be expected.
    EndedEarly,
}

/// Outcome of a boot in a round.
enum Outcome {
    /// Measured.
    Measured,
    /// Not measurable on this host.
    Impossible(ExperimentError),
}

impl CaseState {
    /// Returns the state of `case` before its first boot.
    #[must_use]
    pub fn new(spec: &CompareSpec, case: Case) -> Self {
        Self {
            case,
            system: spec.system(case),
            is_left_out: false,
        }
    }
}

impl Experiment<'_> {
    /// Makes all rounds, and then the repeats that there is time for. A case that fails again and again is left out
    /// from then on.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Interrupted`] or [`ExperimentError::Report`], which end the comparison at once; the
    /// first failure for which a case was left out; or, if nothing was measured, the first reason why a case can't
    /// be measured on this host.
    pub fn measure(&mut self) -> Result<(), ExperimentError> {
        self.set_given_rate();
        if self.make_rounds(1)? == Rounds::Made {
            self.make_repeats()?;
        }
        self.first_failure()
    }

    /// Returns the first failure of a case so far, once.
    ///
    /// # Errors
    ///
    /// That failure; see [`Self::measure`].
    pub fn first_failure(&mut self) -> Result<(), ExperimentError> {
        let Failures { failed, impossible } = std::mem::take(&mut self.failures);
        // Among others an impossible case is left out; alone it is the reason why the comparison failed.
        let impossible = impossible.filter(|_| self.store.is_empty());
        failed.or(impossible).map_or(Ok(()), Err)
    }

    pub(super) fn message(&self, text: std::fmt::Arguments<'_>) {
        self.caller.monitor.message(&text);
    }

    /// Makes the rounds from number `first` on.
    pub(super) fn make_rounds(&mut self, first: u32) -> Result<Rounds, ExperimentError> {
        let seed = self.spec.loads.first().seed;
        let orders = design::orders(self.cases.len(), self.store.rounds(), seed);
        let all = (1..).zip(orders);
        for (round, order) in all.skip_while(|(round, _)| *round < first) {
            if !self.time.begins_round() {
                self.message(format_args!(
                    "{} rounds are made: another would take too long",
                    round - 1
                ));
                self.store.end_after(round - 1);
                break;
            }
            for index in order {
                if self.cases[index].is_left_out {
                    continue;
                }
                let plans = self.plans(self.cases[index].case.link)?;
                self.boot(index, round, &plans)?;
            }
            self.derive_rates()?;
            let feasibility = self.store.check_feasibility(round, self.spec.retries);
            if feasibility == Feasibility::Infeasible {
                self.message(format_args!(
                    "no verdict can be expected any more: ended after round {round}"
                ));
                return Ok(Rounds::EndedEarly);
            }
        }
        Ok(Rounds::Made)
    }

    /// Makes up the missing runs, as long as there is time.
    pub(super) fn make_repeats(&mut self) -> Result<(), ExperimentError> {
        let retries = self.spec.retries;
        loop {
            let is_possible = |case: Case, mode: &str| {
                let has_plan = |plans: Vec<Plan>| plans.iter().any(|plan| plan.mode.name() == mode);
                (self.index(case)).is_some_and(|index| !self.cases[index].is_left_out)
                    && self.plans(case.link).is_ok_and(has_plan)
            };
            let Some(missing) = self.store.next_missing(retries, is_possible) else {
                return Ok(());
            };
            let Missing { case, round, modes } = missing;
            let mut plans = self.plans(case.link)?;
            plans.retain(|plan| modes.contains(&plan.mode.name()));
            if !self.time.has_time_for(duration::boot_s(case, &plans)) {
                self.message(format_args!(
                    "no time is left to measure again what is missing"
                ));
                return Ok(());
            }
            let Some(index) = self.index(case) else {
                return Ok(());
            };
            self.boot(index, round, &plans)?;
            let rounds = self.store.rounds();
            if self.store.check_feasibility(rounds, retries) == Feasibility::Infeasible {
                self.message(format_args!("no verdict can be expected any more: ended"));
                return Ok(());
            }
        }
    }

    /// Returns the plans of a boot on `link`: without the open loop as long as its rate is not known.
    fn plans(&self, link: LinkChoice) -> Result<Vec<Plan>, ExperimentError> {
        let open = match self.store.common_rate(link.name()) {
            Some(rate) => self.spec.loads.open_at(rate)?,
            None => None,
        };
        let first = *self.spec.loads.first();
        Ok(std::iter::once(first).chain(open).collect())
    }

    /// Records the rate of the open loops, if it is given.
    fn set_given_rate(&mut self) {
        let Some(rate) = self.spec.loads.rate() else {
            return;
        };
        for link in self.links() {
            self.store.set_common_rate(CommonRate {
                link: link.name().to_owned(),
                rate: rate.as_f64(),
                slowest: None,
                slowest_rate: None,
                share: None,
            });
        }
    }

    /// Derives the common rate of each link that has none yet, if it is to be derived.
    fn derive_rates(&mut self) -> Result<(), ExperimentError> {
        if !self.spec.loads.derives_rate() {
            return Ok(());
        }
        let mut longer_s = 0.0;
        for link in self.links() {
            if self.store.common_rate(link.name()).is_some() {
                continue;
            }
            let is_polled = matches!(link, LinkChoice::Link(kind) if kind.is_polled());
            let runs = self.store.runs();
            let rate = (self.spec.loads).common_rate(link.name(), is_polled, runs);
            if let Some(rate) = rate {
                self.message(format_args!("open loops from now on: {}", rate.words()));
                self.store.set_common_rate(rate);
                let plans = self.plans(link)?;
                let cases = self.cases.iter().map(|state| state.case);
                let cases = cases.filter(|case| case.link == link);
                let longer = |case: Case| {
                    duration::boot_s(case, &plans) - duration::boot_s(case, &plans[..1])
                };
                longer_s += cases.map(longer).sum::<f64>();
            }
        }
        self.time.lengthen(longer_s);
        Ok(())
    }

    /// Boots case `index` for `round` and measures it under `plans`. A case that fails for good is left out from
    /// then on.
    fn boot(&mut self, index: usize, round: u32, plans: &[Plan]) -> Result<(), ExperimentError> {
        let case = self.cases[index].case;
        let skipped =
            |round, error: &ExperimentError| case.skipped(round, one_line(&error.with_causes()));
        match self.try_boot(index, round, plans) {
            Ok(Outcome::Measured) => {}
            Ok(Outcome::Impossible(error)) => {
                let skipped = skipped(None, &error);
                self.message(format_args!("skipped: {skipped}"));
                self.store.skip(skipped);
                self.cases[index].is_left_out = true;
                self.failures.impossible.get_or_insert(error);
            }
            Err(error @ (ExperimentError::Interrupted | ExperimentError::Report(_))) => {
                return Err(error);
            }
            Err(error) => {
                let skipped = skipped(Some(round), &error);
                self.message(format_args!("given up: {skipped}"));
                self.store.skip(skipped);
                self.cases[index].is_left_out = true;
                self.failures.failed.get_or_insert(error);
            }
        }
        Ok(())
    }

    /// Makes one boot and adds its runs. A boot that fails is repeated at once: nothing was measured in it.
    fn try_boot(
        &mut self,
        index: usize,
        round: u32,
        plans: &[Plan],
    ) -> Result<Outcome, ExperimentError> {
        let case = self.cases[index].case;
        let name = format!("round {round}, {case}");
        let before = self.store.boots(case, round);
        let mut failures = 0;
        let measurements = loop {
            if self.caller.interrupt.is_set() {
                return Err(ExperimentError::Interrupted);
            }
            let number = before + failures + 1;
            let variant = case.variant.to_string();
            let log = file_names::console_log(&variant, case.link.name(), round, number);
            let position = RunPosition::Round {
                round,
                attempt: number,
            };
            match self.measure_boot(index, position, plans, &log) {
                Ok(measurements) => break measurements,
                Err(ExperimentError::Interrupted) => return Err(ExperimentError::Interrupted),
                Err(error)
                    if round == 1 && before == 0 && case_boot::is_impossible_here(&error) =>
                {
                    return Ok(Outcome::Impossible(error));
                }
                Err(error) if failures >= self.spec.retries => return Err(error),
                Err(error) => {
                    failures += 1;
                    self.message(format_args!("{name}: {}; again", error.with_causes()));
                    if !self.time.reserve_repeat() {
                        return Err(error);
                    }
                }
            }
        };
        self.pin_accelerator(measurements.accel);
        if self.store.image_of(case).is_none() && case.variant.kind.is_unikernel() {
            let image = measurements
                .runs
                .iter()
                .find_map(|(run, _)| run.image.as_ref());
            if let Some(image) = image {
                keep_image(self.results, image, self.caller.monitor);
            }
        }
        for (run, measured) in measurements.runs {
            self.message(format_args!("{name}: {}", case_boot::summary(&run)));
            let ended = measured.ended.clone();
            let mode = run.mode.clone();
            self.store.add(run, &measured, self.results)?;
            let tries = self.store.tries(case, &mode, round);
            match (ended, measured.failure) {
                (Ended::Interrupted, _) => return Err(ExperimentError::Interrupted),
                (_, Some(error)) if tries > self.spec.retries => return Err(error),
                _ => {}
            }
        }
        Ok(Outcome::Measured)
    }

    fn measure_boot(
        &mut self,
        index: usize,
        position: RunPosition,
        plans: &[Plan],
        console_log: &str,
    ) -> Result<Measurements, ExperimentError> {
        let boot = CaseBoot {
            system: &self.cases[index].system,
            target: self.cases[index].case.variant.target_name(),
            position,
            percentiles: self.results.percentiles(),
            plans,
            mode: self.spec.loads.first().mode,
            settle: self.spec.settle,
            validity: self.spec.validity,
            assignment: self.assignment.clone(),
            console_log: self.results.directory().log(console_log),
            image: self.store.image_of(self.cases[index].case).cloned(),
            caller: self.caller,
        };
        boot.measure(self.store.environment())
    }

    fn index(&self, case: Case) -> Option<usize> {
        self.cases.iter().position(|state| state.case == case)
    }

    /// Returns the links, each once.
    fn links(&self) -> Vec<LinkChoice> {
        let mut links: Vec<LinkChoice> = self.cases.iter().map(|state| state.case.link).collect();
        links.dedup();
        links
    }

    /// Has all guests boot on the accelerator of the first: if KVM failed for that one, it will fail again, and
    /// two accelerators are not compared.
    fn pin_accelerator(&mut self, accel: Option<AccelChoice>) {
        let Some(accel) = self.accel.or(accel) else {
            return;
        };
        self.accel = Some(accel);
        for state in &mut self.cases {
            state.system.guest.accel = accel;
        }
    }
}
