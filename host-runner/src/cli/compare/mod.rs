//! `fathom compare`: several targets, measured in turns, in one report.
//!
//! - [`contender`]: what can be named;
//! - [`args`]: what can be asked for;
//! - [`schedule`]: what is measured with what, in which order;
//! - [`loops`]: the loads that each boot is measured by;
//! - [`session`]: the rounds, and the repeats after them;
//! - [`time`]: how much of that there is time for;
//! - [`hope`]: what a verdict takes, and when to give up;
//! - [`looks`]: what an echo costs the guests, after that;
//! - [`ledger`]: what was measured, and what comes of it.
//!
//! Every repetition is a fresh boot on a thread of its own, which is placed among the CPUs as for a
//! single run and takes that with it. What is finished is written at once.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::CliError;
use super::interrupt::Interrupt;
use super::output::Output;
use super::progress::Terminal;
use super::say::say;
use super::values::as_ns;
use crate::experiment::{Caller, ExperimentError, exclusive};
use crate::host::cpu_latency::CpuLatencyGuard;
use crate::load::Plan;
use crate::machine::AccelChoice;
use crate::record::{Environment, Skipped};

pub mod args;
pub mod contender;
pub mod hope;
pub mod ledger;
pub mod looks;
pub mod loops;
pub mod schedule;
pub mod session;
pub mod time;

use args::CompareArgs;
use ledger::{Conclusion, Ledger};
use looks::{Look, Looks};
use loops::Loops;
use schedule::Combination;
use session::Session;
use time::Time;

/// Measures all targets on all links, round by round, compares, and reports.
///
/// # Errors
///
/// [`CliError`] for what was in the way, or if pairs can't be judged for want of valid rounds. What was
/// measured is written all the same.
pub fn run(args: &CompareArgs) -> Result<(), CliError> {
    let loops = args.loops()?;
    let host = args.host.spec();
    let (combinations, skipped) = schedule::combinations(args, loops.first());
    if combinations.is_empty() {
        let reasons = Skipped::lines(&skipped);
        return Err(ExperimentError::NothingToCompare { reasons }.into());
    }
    let assignment = exclusive::assignment(&host, &Terminal)?;
    let interrupt = Interrupt::watch()?;
    let caller = Caller {
        interrupt: &interrupt,
        monitor: &Terminal,
    };
    let turn = exclusive::lock(&host, caller)?;
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
    let plans = expected_plans(&loops)?;
    announce(&combinations, looks_s, args, &plans);
    let for_rounds = args
        .within
        .map(|within| within.saturating_sub(Duration::from_secs_f64(looks_s)));
    // Of the first round the open loops are made up at the end, if their rate is to be found out.
    let first_round = if loops.needs_rate() {
        &plans[..1]
    } else {
        &plans
    };
    let session = Session {
        loops: &loops,
        settle_ns: as_ns(args.settle),
        validity: args.validity.spec(),
        retries: args.retries,
        time: RefCell::new(Time::new(
            for_rounds,
            args.repeat,
            &combinations,
            first_round,
        )),
        output: &output,
        interrupt: &interrupt,
        assignment,
    };
    let cpu_latency = CpuLatencyGuard::request(host.idle);
    let modes = loops.names();
    let mut ledger = Ledger::new(&combinations, &modes, skipped, args.repeat);
    ledger.environment().host_idle = Some(cpu_latency.to_string());
    ledger
        .environment()
        .measures_on(session.assignment.as_ref());
    if args.no_why {
        ledger.leave_out_why();
    }
    let failure = session.measure(args, &combinations, &mut ledger).err();
    let failure = match failure {
        Some(error @ (ExperimentError::Interrupted | ExperimentError::Report(_))) => Some(error),
        failure if args.no_why || ledger.out_of_reach().is_some() => failure,
        failure => {
            let looked = look(args, &combinations, deadline, &interrupt, &mut ledger);
            failure.or(looked.err())
        }
    };
    if ledger.is_empty() {
        let failure = failure.unwrap_or(ExperimentError::Interrupted);
        output.abandon(&failure);
        return Err(failure.into());
    }
    ledger.environment().concurrent = turn.others();
    let out_of_reach = ledger.out_of_reach().map(str::to_owned);
    let conclusion = match (ledger.conclude(&output), failure) {
        (Err(error), Some(failure)) => {
            say(error.with_causes());
            return Err(failure.into());
        }
        (Err(error), None) | (Ok(_), Some(error)) => return Err(error.into()),
        (Ok(conclusion), None) => conclusion,
    };
    judge(conclusion, out_of_reach, args.validity.strict)
}

/// Decides if the comparison has what was asked for: a verdict on each pair or, if `is_strict`, a valid
/// measurement in each round.
fn judge(
    conclusion: Conclusion,
    out_of_reach: Option<String>,
    is_strict: bool,
) -> Result<(), CliError> {
    let Conclusion { missing, unjudged } = conclusion;
    for missing in &missing {
        say(missing);
    }
    let reasons = match out_of_reach {
        Some(why) => vec![why],
        None if is_strict => missing,
        None => unjudged,
    };
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(ExperimentError::Incomplete { reasons }.into())
    }
}

/// The plans of a whole boot, by which its time is estimated: a rate that is to be found out does not
/// change how long they take but in extreme cases.
fn expected_plans(loops: &Loops) -> Result<Vec<Plan>, ExperimentError> {
    let rate = loops.rate().unwrap_or(loops::TYPICAL_RATE);
    Ok(std::iter::once(*loops.first())
        .chain(loops.at(rate)?)
        .collect())
}

/// Looks inside all that was measured.
fn look(
    args: &CompareArgs,
    combinations: &[Combination],
    deadline: Option<Instant>,
    interrupt: &Interrupt,
    ledger: &mut Ledger,
) -> Result<(), ExperimentError> {
    let measured = combinations.iter().copied();
    let measured: Vec<Combination> = measured.filter(|&it| ledger.has_measured(it)).collect();
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
fn announce(combinations: &[Combination], looks_s: f64, args: &CompareArgs, plans: &[Plan]) {
    let one_round: f64 = combinations
        .iter()
        .map(|&combination| schedule::expected_s(combination, plans))
        .sum();
    let names: Vec<String> = combinations
        .iter()
        .map(|Combination { contender, way }| format!("{contender} on {}", way.name()))
        .collect();
    let modes: Vec<&str> = plans.iter().map(|plan| plan.mode.name()).collect();
    say(format_args!(
        "{} rounds of {} boots, {} loop each, about {} in all; order by seed {}: {}",
        args.repeat,
        combinations.len(),
        modes.join(" and "),
        minutes(one_round * f64::from(args.repeat) + looks_s),
        args.load.seed,
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

/// Does `work` on a thread that is placed among the CPUs and takes that with it.
fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(work);
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The accelerator that was used.
fn accel(environment: &Environment) -> Option<AccelChoice> {
    match environment.accel.as_deref() {
        Some("tcg") => Some(AccelChoice::Tcg),
        Some("kvm") => Some(AccelChoice::Kvm),
        _ => None,
    }
}
