//! The rounds of a comparison, and what is measured again after them.
//!
//! In each round every target is booted afresh on each link, and each boot is measured by every loop. A
//! measurement that the host spoilt is made again after all rounds, in a boot of its own, so that no round
//! is longer than another, and the first rounds are repeated as readily as the last. It then stands in its
//! round's pairs: with more of the host's drift between the two, which widens an interval and moves none.

use std::cell::RefCell;

use super::super::interrupt::Interrupt;
use super::super::progress::Terminal;
use super::super::say::say;
use super::args::CompareArgs;
use super::ledger::{Ledger, Missing};
use super::loops::Loops;
use super::schedule::{self, Combination};
use super::time::Time;
use super::{accel, on_a_thread};
use crate::experiment::ExperimentError;
use crate::experiment::Results;
use crate::experiment::measured::Measured;
use crate::experiment::run::scratch;
use crate::experiment::system_under_test::{FirstRequest, Prepared, Start, SystemUnderTest};
use crate::experiment::{Caller, Validity};
use crate::host::assignment::Assignment;
use crate::link::LinkError;
use crate::load::Plan;
use crate::machine::MachineError;
use crate::quantity;
use crate::record::{CommonRate, Environment, Run, file_names};
use crate::stats::Ended;
use crate::sut::LinkChoice;
use crate::sut::{SutError, SystemKind, SystemSpec};
use crate::terminal::one_line;

/// Settings that are common to the boots of a comparison.
pub struct Session<'a> {
    /// The loads of each boot.
    pub loops: &'a Loops,
    /// For how long to wait at most until latency has settled, in nanoseconds.
    pub settle_ns: u64,
    /// Requirements that each result has to meet.
    pub validity: Validity,
    /// Number of times that a measurement is repeated.
    pub retries: u32,
    /// Time available and used.
    pub time: RefCell<Time>,
    /// Destination of the results.
    pub output: &'a dyn Results,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
    /// The CPUs to measure on, if there are two.
    pub assignment: Option<Assignment>,
}

/// The targets of a comparison as they are measured, and what has come in the way of any.
struct Field {
    systems: Vec<SystemSpec>,
    combinations: Vec<Combination>,
    /// Those that are left out from now on.
    is_out: Vec<bool>,
    /// The first failure that made one be given up.
    failure: Option<ExperimentError>,
    /// The first reason why one can't be measured here.
    impossible: Option<ExperimentError>,
}

/// Outcome of a boot in a round.
enum Outcome {
    /// It was measured.
    Done,
    /// It can't be measured here.
    Impossible(ExperimentError),
}

/// A measurement with all that came of it.
type Repetition = (Run, Measured);

impl Session<'_> {
    /// Makes all rounds, and then the repeats that there is time for. A combination that fails again and
    /// again is left out from then on.
    ///
    /// # Errors
    ///
    /// [`ExperimentError`] for what ended the comparison, or what made a combination be given up.
    pub fn measure(
        &self,
        args: &CompareArgs,
        combinations: &[Combination],
        ledger: &mut Ledger,
    ) -> Result<(), ExperimentError> {
        let mut field = Field {
            systems: combinations
                .iter()
                .map(|it| args.system(it.contender, it.way))
                .collect(),
            combinations: combinations.to_vec(),
            is_out: vec![false; combinations.len()],
            failure: None,
            impossible: None,
        };
        self.take_rate(&field, ledger);
        let goes_on = self.rounds(&mut field, ledger)?;
        if goes_on {
            self.repeats(&mut field, ledger)?;
        }
        // Among others it is left out; alone it is what was in the way.
        let impossible = field.impossible.filter(|_| ledger.is_empty());
        field.failure.or(impossible).map_or(Ok(()), Err)
    }

    /// Makes the rounds; false if the comparison was given up.
    fn rounds(&self, field: &mut Field, ledger: &mut Ledger) -> Result<bool, ExperimentError> {
        let count = field.combinations.len();
        let orders = schedule::orders(count, ledger.rounds(), self.loops.first().seed);
        for (round, order) in (1..).zip(orders) {
            if !self.time.borrow_mut().begins_round() {
                say(format_args!(
                    "{} rounds are made: another would take too long",
                    round - 1
                ));
                ledger.end_after(round - 1);
                break;
            }
            for index in order {
                if field.is_out[index] {
                    continue;
                }
                let plans = self.plans(field.combinations[index].way, ledger)?;
                self.boot(field, index, round, &plans, ledger)?;
            }
            self.agree(field, ledger)?;
            if ledger.gives_up(round, self.retries) {
                say(format_args!(
                    "no verdict can be expected any more: ended after round {round}"
                ));
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes up what rounds lack, as long as there is time.
    fn repeats(&self, field: &mut Field, ledger: &mut Ledger) -> Result<(), ExperimentError> {
        loop {
            let is_possible = |combination: Combination, mode: &str| {
                let index = field.index(combination);
                let has_plan = |plans: Vec<Plan>| plans.iter().any(|it| it.mode.name() == mode);
                index.is_some_and(|index| !field.is_out[index])
                    && self.plans(combination.way, ledger).is_ok_and(has_plan)
            };
            let Some(missing) = ledger.next_missing(self.retries, is_possible) else {
                return Ok(());
            };
            let Missing {
                combination,
                round,
                modes,
            } = missing;
            let mut plans = self.plans(combination.way, ledger)?;
            plans.retain(|plan| modes.contains(&plan.mode.name()));
            let needed_s = schedule::expected_s(combination, &plans);
            if !self.time.borrow().has_for(needed_s) {
                say("no time is left to measure again what is missing");
                return Ok(());
            }
            let Some(index) = field.index(combination) else {
                return Ok(());
            };
            self.boot(field, index, round, &plans, ledger)?;
            if ledger.gives_up(ledger.rounds(), self.retries) {
                say("no verdict can be expected any more: ended");
                return Ok(());
            }
        }
    }

    /// The plans of a boot on `way`: without the open loop as long as its rate is not known.
    fn plans(&self, way: LinkChoice, ledger: &Ledger) -> Result<Vec<Plan>, ExperimentError> {
        let open = match ledger.common_rate(way.name()) {
            Some(rate) => self.loops.at(rate)?,
            None => None,
        };
        Ok(std::iter::once(*self.loops.first()).chain(open).collect())
    }

    /// Enters the rate that was asked for, if one was.
    fn take_rate(&self, field: &Field, ledger: &mut Ledger) {
        let Some(rate) = self.loops.rate() else {
            return;
        };
        for way in field.ways() {
            ledger.agree(CommonRate {
                link: way.name().to_owned(),
                rate: rate.as_f64(),
                slowest: None,
                slowest_rate: None,
                share: None,
            });
        }
    }

    /// Has the targets of each link agree on a rate, if there is to be one and there is none yet.
    fn agree(&self, field: &Field, ledger: &mut Ledger) -> Result<(), ExperimentError> {
        if !self.loops.needs_rate() {
            return Ok(());
        }
        let mut longer_s = 0.0;
        for way in field.ways() {
            if ledger.common_rate(way.name()).is_some() {
                continue;
            }
            let is_polled = matches!(way, LinkChoice::Link(kind) if kind.is_polled());
            let rate = self.loops.common_rate(way.name(), is_polled, ledger.runs());
            if let Some(rate) = rate {
                say(format_args!("open loops from now on: {}", rate.words()));
                ledger.agree(rate);
                let plans = self.plans(way, ledger)?;
                let targets = field.combinations.iter().filter(|it| it.way == way);
                let without = |&it: &Combination| {
                    schedule::expected_s(it, &plans) - schedule::expected_s(it, &plans[..1])
                };
                longer_s += targets.map(without).sum::<f64>();
            }
        }
        self.time.borrow_mut().lengthen(longer_s);
        Ok(())
    }

    /// Boots combination `index` for `round` and measures it by `plans`. What fails for good is left out
    /// from then on.
    fn boot(
        &self,
        field: &mut Field,
        index: usize,
        round: u32,
        plans: &[Plan],
        ledger: &mut Ledger,
    ) -> Result<(), ExperimentError> {
        let combination = field.combinations[index];
        let skipped = |round, error: &ExperimentError| {
            combination.skipped(round, one_line(&error.with_causes()))
        };
        match self.try_boot(&field.systems[index], combination, round, plans, ledger) {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Impossible(error)) => {
                field.is_out[index] = true;
                let skipped = skipped(None, &error);
                say(format_args!("skipped: {skipped}"));
                ledger.skip(skipped);
                field.impossible.get_or_insert(error);
            }
            Err(error @ (ExperimentError::Interrupted | ExperimentError::Report(_))) => {
                return Err(error);
            }
            Err(error) => {
                field.is_out[index] = true;
                let skipped = skipped(Some(round), &error);
                say(format_args!("given up: {skipped}"));
                ledger.skip(skipped);
                field.failure.get_or_insert(error);
            }
        }
        field.insist(ledger.environment());
        Ok(())
    }

    /// One combination's boot in a round, measured by `plans`. A boot that fails is tried again at once:
    /// nothing was measured in it.
    fn try_boot(
        &self,
        system: &SystemSpec,
        combination: Combination,
        round: u32,
        plans: &[Plan],
        ledger: &mut Ledger,
    ) -> Result<Outcome, ExperimentError> {
        let Combination { contender, way } = combination;
        let name = format!("round {round}, {contender} on {}", way.name());
        let before = ledger.boots(combination, round);
        let mut failures = 0;
        let repetitions = loop {
            if self.interrupt.is_set() {
                return Err(ExperimentError::Interrupted);
            }
            let boot = before + failures + 1;
            let log = file_names::console_log(&contender.to_string(), way.name(), round, boot);
            match self.repeat(system, plans, &log, ledger.environment()) {
                Ok(repetitions) => break repetitions,
                Err(ExperimentError::Interrupted) => return Err(ExperimentError::Interrupted),
                Err(error) if round == 1 && before == 0 && is_unavailable(&error) => {
                    return Ok(Outcome::Impossible(error));
                }
                Err(error) if failures >= self.retries => return Err(error),
                Err(error) => {
                    failures += 1;
                    say(format_args!("{name}: {}; again", error.with_causes()));
                    if !self.time.borrow_mut().repeats_run() {
                        return Err(error);
                    }
                }
            }
        };
        for (run, measured) in repetitions {
            let run = Run {
                target: contender.target_name(),
                round: Some(round),
                attempt: Some(before + failures + 1),
                ..run
            };
            tell(&name, &run);
            let ended = measured.ended.clone();
            let mode = run.mode.clone();
            ledger.enter(run, &measured, self.output)?;
            let tries = ledger.tries(combination, &mode, round);
            match (ended, measured.failure) {
                (Ended::Interrupted, _) => return Err(ExperimentError::Interrupted),
                (_, Some(error)) if tries > self.retries => return Err(error),
                _ => {}
            }
        }
        Ok(Outcome::Done)
    }

    /// One fresh boot, measured by each of `plans` until one fails, on a thread of its own.
    fn repeat(
        &self,
        system: &SystemSpec,
        plans: &[Plan],
        console_log: &str,
        environment: &mut Environment,
    ) -> Result<Vec<Repetition>, ExperimentError> {
        let &Self {
            settle_ns,
            validity,
            output,
            interrupt,
            ..
        } = self;
        let mode = self.loops.first().mode;
        let assignment = self.assignment.clone();
        let repetition = || {
            let scratch = scratch()?;
            let prepared = Prepared::new(system, scratch.path())?;
            let start = Start {
                system,
                mode,
                assignment,
                console_log: output.log(console_log),
                first: FirstRequest::Timed,
            };
            let caller = Caller {
                interrupt,
                monitor: &Terminal,
            };
            let mut subject = SystemUnderTest::start(start, prepared, caller)?;
            // The unikernel is what the report is about; until there is one, any guest will do.
            if environment.accel.is_none() || system.kind == SystemKind::Hermit {
                *environment = subject.describe(environment.clone());
            }
            let mut repetitions: Vec<Repetition> = Vec::new();
            for plan in plans {
                // Once it has settled, the plan's own warm-up is enough.
                let settle_ns = repetitions.is_empty().then_some(settle_ns);
                let (run, measured) = subject.measure(plan, validity, settle_ns, caller);
                let is_complete = measured.ended == Ended::Completed;
                repetitions.push((run, measured));
                if !is_complete {
                    break;
                }
            }
            subject.shutdown();
            Ok(repetitions)
        };
        on_a_thread(repetition)
    }
}

impl Field {
    fn index(&self, combination: Combination) -> Option<usize> {
        self.combinations.iter().position(|&it| it == combination)
    }

    /// The links, each once.
    fn ways(&self) -> Vec<LinkChoice> {
        let mut ways: Vec<LinkChoice> = self.combinations.iter().map(|it| it.way).collect();
        ways.dedup();
        ways
    }

    /// Has all guests boot on the accelerator that the first came to: what it was that KVM could not do,
    /// it can't do the next time either, and two accelerators are not compared.
    fn insist(&mut self, environment: &Environment) {
        let Some(accel) = accel(environment) else {
            return;
        };
        for system in &mut self.systems {
            system.guest.accel = accel;
        }
    }
}

/// Returns true if the machine can't do it: trying again is in vain, and the failure is nobody's fault.
fn is_unavailable(error: &ExperimentError) -> bool {
    matches!(
        error,
        ExperimentError::Image { .. }
            | ExperimentError::NoVhost(_)
            | ExperimentError::Link(LinkError::Unavailable { .. })
            | ExperimentError::Sut(
                SutError::Missing { .. }
                    | SutError::NotAKernel { .. }
                    | SutError::NotStarted { .. }
                    | SutError::Refused { .. }
                    | SutError::ModuleMissing { .. }
            )
            | ExperimentError::Machine(
                MachineError::Fatal { .. }
                    | MachineError::QemuMissing { .. }
                    | MachineError::ImageMissing { .. }
                    | MachineError::KvmUnusable { .. }
            )
    )
}

/// Says what came of a run.
fn tell(name: &str, run: &Run) {
    let time =
        |value: Option<u64>| value.map_or_else(|| "n/a".to_owned(), |ns| quantity::time(ns as f64));
    say(format_args!(
        "{name}: p50 {}, p99 {} in {}{}",
        time(run.latency_ns.p50),
        time(run.latency_ns.p99),
        quantity::time(run.elapsed_ns as f64),
        if run.valid {
            String::new()
        } else {
            format!("; INVALID: {}", run.invalid_because.join("; "))
        }
    ));
}
