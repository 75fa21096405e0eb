//! `fathom compare`: several targets, measured in turns, in one report.
//!
//! - [`contender`]: what can be named;
//! - [`args`]: what can be asked for;
//! - [`schedule`]: what is measured with what, in which order;
//! - [`time`]: how much of that there is time for;
//! - [`hope`]: when to give up;
//! - [`looks`]: what an echo costs the guests, after that;
//! - [`ledger`]: what was measured, and what comes of it.
//!
//! Every repetition is a fresh boot on a thread of its own, which is placed among the CPUs as for a
//! single run and takes that with it. What is finished is written at once.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::args::RunArgs;
use super::interrupt::Interrupt;
use super::measure::Measured;
use super::output::Output;
use super::recipe::Recipe;
use super::say::say;
use super::subject::{FirstRequest, Subject};
use super::values::as_ns;
use super::{CliError, turn};
use crate::files;
use crate::host::assignment::Assignment;
use crate::link::LinkError;
use crate::load::Plan;
use crate::machine::{AccelChoice, Awake, MachineError};
use crate::quantity;
use crate::report::{Environment, Run, Skipped, comparison};
use crate::stats::Ended;
use crate::target::{Target, TargetError};
use crate::terminal::one_line;

pub mod args;
pub mod contender;
pub mod hope;
pub mod ledger;
pub mod looks;
pub mod schedule;
pub mod time;

use args::CompareArgs;
use ledger::Ledger;
use looks::{Look, Looks};
use schedule::Combination;
use time::Time;

/// What a repetition is measured by.
struct Session<'a> {
    plan: Plan,
    settle_ns: u64,
    retries: u32,
    time: RefCell<Time>,
    output: &'a Output,
    interrupt: &'a Interrupt,
    assignment: Option<Assignment>,
}

/// Measures all targets on all links, round by round, compares, and reports.
///
/// # Errors
///
/// [`CliError`] for what was in the way, or if there are rounds without a valid run. What was measured
/// is written all the same.
pub fn run(args: &CompareArgs) -> Result<(), CliError> {
    let plan = args.plan()?;
    let (combinations, skipped) = schedule::combinations(args);
    if combinations.is_empty() {
        let reasons = Skipped::lines(&skipped);
        return Err(CliError::NothingToCompare { reasons });
    }
    let assignment = args.host.assignment_with_warning()?;
    let interrupt = Interrupt::watch()?;
    let turn = turn::take(&args.host, &interrupt)?;
    let output = Output::prepare(&args.output)?;
    let deadline = args.within.map(|within| Instant::now() + within);
    for skipped in Skipped::lines(&skipped) {
        say(format_args!("skipped: {skipped}"));
    }
    let looks = if args.no_why {
        Vec::new()
    } else {
        Look::all(&combinations)
    };
    let looks_s = looks.iter().map(Look::expected_s).sum();
    announce(&combinations, looks_s, args, &plan);
    let for_rounds = args
        .within
        .map(|within| within.saturating_sub(Duration::from_secs_f64(looks_s)));
    let session = Session {
        plan,
        settle_ns: as_ns(args.settle),
        retries: args.retries,
        time: RefCell::new(Time::new(for_rounds, args.repeat, &combinations, &plan)),
        output: &output,
        interrupt: &interrupt,
        assignment,
    };
    let awake = Awake::ask(args.host.host_idle);
    let mut ledger = Ledger::new(&combinations, skipped, args.repeat, plan.seed);
    ledger.environment().host_idle = Some(awake.to_string());
    if args.no_why {
        ledger.leave_out_why();
    }
    let failure = session.rounds(args, &combinations, &mut ledger).err();
    let failure = match failure {
        Some(error @ (CliError::Interrupted | CliError::Report(_))) => Some(error),
        failure if args.no_why || ledger.out_of_reach().is_some() => failure,
        failure => {
            let looked = look(args, &combinations, deadline, &interrupt, &mut ledger);
            failure.or(looked.err())
        }
    };
    if ledger.is_empty() {
        let failure = failure.unwrap_or(CliError::Interrupted);
        output.abandon(&failure);
        return Err(failure);
    }
    ledger.environment().concurrent = turn.others();
    let out_of_reach = ledger.out_of_reach().map(str::to_owned);
    let missing = match (ledger.conclude(&output), failure) {
        (Err(error), Some(failure)) => {
            say(error.with_causes());
            return Err(failure);
        }
        (Err(error), None) | (Ok(_), Some(error)) => return Err(error),
        (Ok(missing), None) => missing,
    };
    if let Some(why) = out_of_reach {
        Err(CliError::Incomplete { reasons: vec![why] })
    } else if missing.is_empty() {
        Ok(())
    } else {
        Err(CliError::Incomplete { reasons: missing })
    }
}

/// Looks inside all that was measured.
fn look(
    args: &CompareArgs,
    combinations: &[Combination],
    deadline: Option<Instant>,
    interrupt: &Interrupt,
    ledger: &mut Ledger,
) -> Result<(), CliError> {
    let measured = combinations.iter().enumerate();
    let measured: Vec<Combination> = measured
        .filter(|&(index, _)| ledger.has_measured(index))
        .map(|(_, &combination)| combination)
        .collect();
    let wanted = Look::all(&measured);
    if wanted.is_empty() {
        return Ok(());
    }
    say("all is measured; what an echo costs the guests is counted now");
    let accel = accel(ledger.environment()).unwrap_or(args.guest.accel);
    let mut looks = Looks::default();
    let outcome = looks.take(&wanted, args, accel, deadline, interrupt);
    ledger.look(looks);
    outcome
}

/// Says what is to be measured and how long that takes.
fn announce(combinations: &[Combination], looks_s: f64, args: &CompareArgs, plan: &Plan) {
    let one_round: f64 = combinations
        .iter()
        .map(|&combination| schedule::expected_s(combination, plan))
        .sum();
    let names: Vec<String> = combinations
        .iter()
        .map(|Combination { contender, way }| format!("{contender} on {}", way.name()))
        .collect();
    say(format_args!(
        "{} rounds of {} runs, about {} in all; order by seed {}: {}",
        args.repeat,
        combinations.len(),
        minutes(one_round * f64::from(args.repeat) + looks_s),
        plan.seed,
        names.join(", ")
    ));
}

fn minutes(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    match seconds {
        ..60 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// What became of a combination's turn.
enum Turn {
    /// It can have another in the next round.
    Done,
    /// It can't be measured here.
    Impossible(CliError),
}

impl Session<'_> {
    /// All rounds. A combination that fails again and again is left out from then on.
    fn rounds(
        &self,
        args: &CompareArgs,
        combinations: &[Combination],
        ledger: &mut Ledger,
    ) -> Result<(), CliError> {
        let mut args: Vec<RunArgs> = combinations
            .iter()
            .map(|it| args.run_args(it.contender, it.way))
            .collect();
        let orders = schedule::orders(combinations.len(), ledger.rounds(), self.plan.seed);
        let mut is_out = vec![false; combinations.len()];
        let mut failure = None;
        let mut out_of_reach = None;
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
                if is_out[index] {
                    continue;
                }
                match self.turn(&args[index], combinations[index], index, round, ledger) {
                    Ok(Turn::Done) => {}
                    Ok(Turn::Impossible(error)) => {
                        is_out[index] = true;
                        let skipped =
                            combinations[index].skipped(None, one_line(&error.with_causes()));
                        say(format_args!("skipped: {skipped}"));
                        ledger.skip(skipped);
                        out_of_reach.get_or_insert(error);
                    }
                    Err(error @ (CliError::Interrupted | CliError::Report(_))) => {
                        return Err(error);
                    }
                    Err(error) => {
                        is_out[index] = true;
                        let skipped = combinations[index]
                            .skipped(Some(round), one_line(&error.with_causes()));
                        say(format_args!("given up: {skipped}"));
                        ledger.skip(skipped);
                        failure.get_or_insert(error);
                    }
                }
                insist(ledger.environment(), &mut args);
            }
            if ledger.gives_up(round) {
                say(format_args!(
                    "no verdict can be expected any more: ended after round {round}"
                ));
                break;
            }
        }
        // Among others it is left out; alone it is what was in the way.
        let failure = failure.or_else(|| out_of_reach.filter(|_| ledger.is_empty()));
        failure.map_or(Ok(()), Err)
    }

    /// One combination's turn in a round: a valid run, or as many tries as there may be.
    fn turn(
        &self,
        args: &RunArgs,
        combination: Combination,
        index: usize,
        round: u32,
        ledger: &mut Ledger,
    ) -> Result<Turn, CliError> {
        let Combination { contender, way } = combination;
        for attempt in 1..=self.retries + 1 {
            if attempt > 1 && !self.time.borrow_mut().repeats_run() {
                break;
            }
            if self.interrupt.is_set() {
                return Err(CliError::Interrupted);
            }
            let name = format!("round {round}, {contender} on {}", way.name());
            let log = comparison::console_log(&contender.to_string(), way.name(), round, attempt);
            let repetition = match self.repeat(args, &log, ledger.environment()) {
                Ok(repetition) => repetition,
                Err(CliError::Interrupted) => return Err(CliError::Interrupted),
                Err(error) if round == 1 && is_out_of_reach(&error) => {
                    return Ok(Turn::Impossible(error));
                }
                Err(error) if attempt > self.retries => return Err(error),
                Err(error) => {
                    say(format_args!("{name}: {}; again", error.with_causes()));
                    continue;
                }
            };
            let (run, measured) = repetition;
            let run = Run {
                target: contender.target_name(),
                round: Some(round),
                attempt: Some(attempt),
                ..run
            };
            tell(&name, &run);
            let (is_valid, ended) = (run.valid, measured.ended.clone());
            ledger.enter(index, run, &measured, self.output)?;
            match (ended, measured.failure) {
                (Ended::Interrupted, _) => return Err(CliError::Interrupted),
                (_, Some(error)) if attempt > self.retries => return Err(error),
                _ => {}
            }
            if is_valid {
                break;
            }
        }
        Ok(Turn::Done)
    }

    /// One fresh boot, measured, on a thread of its own.
    fn repeat(
        &self,
        args: &RunArgs,
        console_log: &str,
        environment: &mut Environment,
    ) -> Result<(Run, Measured), CliError> {
        let &Self {
            ref plan,
            settle_ns,
            output,
            interrupt,
            ..
        } = self;
        let assignment = self.assignment.clone();
        let repetition = || {
            let scratch = files::scratch().map_err(|source| CliError::Setup {
                what: "a scratch directory",
                source,
            })?;
            let recipe = Recipe::find(args, scratch.path())?;
            let console_log = output.log(console_log);
            let first = FirstRequest::Asked;
            let mut subject =
                Subject::start(args, assignment, recipe, console_log, first, interrupt)?;
            // The unikernel is what the report is about; until there is one, any guest will do.
            if environment.accel.is_none() || args.target() == Target::Hermit {
                *environment = subject.describe(environment.clone());
            }
            let measured = subject.measure(plan, Some(settle_ns), interrupt);
            subject.shutdown();
            Ok(measured)
        };
        on_a_thread(repetition)
    }
}

/// Does `work` on a thread that is placed among the CPUs and takes that with it.
fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(work);
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Has all guests boot on the accelerator that the first came to: what it was that KVM could not do,
/// it can't do the next time either, and two accelerators are not compared.
fn insist(environment: &Environment, args: &mut [RunArgs]) {
    let Some(accel) = accel(environment) else {
        return;
    };
    for args in args {
        args.guest.accel = accel;
    }
}

/// The accelerator that was used.
fn accel(environment: &Environment) -> Option<AccelChoice> {
    match environment.accel.as_deref() {
        Some("tcg") => Some(AccelChoice::Tcg),
        Some("kvm") => Some(AccelChoice::Kvm),
        _ => None,
    }
}

/// Whether the machine can't do it, so that trying again is in vain and nobody's fault.
fn is_out_of_reach(error: &CliError) -> bool {
    matches!(
        error,
        CliError::Image { .. }
            | CliError::Link(LinkError::OutOfReach { .. })
            | CliError::Target(
                TargetError::Missing { .. }
                    | TargetError::NotAKernel { .. }
                    | TargetError::NotStarted { .. }
                    | TargetError::Refused { .. }
                    | TargetError::ModuleMissing { .. }
            )
            | CliError::Machine(
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
