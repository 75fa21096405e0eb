//! One measurement, or the many of a sweep: a pipeline, then the ladder under what it achieved, as far as the
//! generator itself keeps its schedule, and at last the steps again that were spoilt.
//!
//! - [`repeat`]: which steps are measured again, and which attempt is kept.

use super::generator::Limits;
use super::measured::Measured;
use super::progress::Monitor;
use super::{ExperimentError, Results};
use crate::host::process::Process;
use crate::load::ladder::{self, Reach};
use crate::load::{Arrivals, Plan};
use crate::quantity;
use crate::record::{EnvironmentBuilder, Record, Run, RunPosition, SystemCost};
use crate::stats::{Ended, State};

mod repeat;

use repeat::Repeats;

/// The open loops of a sweep, which follow its pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Ladder {
    /// Arrivals.
    pub arrivals: Arrivals,
    /// The generator's own limits on the link.
    pub generator: Limits,
}

/// The runs of one measurement or of a sweep.
pub struct Runs<'a> {
    /// Destination of the results.
    results: &'a dyn Results,
    monitor: &'a dyn Monitor,
    environment: EnvironmentBuilder,
    /// The measurements, the last of which may have been broken off.
    runs: Vec<Run>,
    /// The failure of the machine or the link that ended them before their time.
    failure: Option<ExperimentError>,
    /// The error that kept the files of the last measurement from being written.
    unwritten: Option<ExperimentError>,
    /// Number of corrupted replies in all measurements.
    corrupted: u64,
    /// The open loops of a sweep, if it is one, or was to be one.
    ladder: Option<Ladder>,
    /// Costs of an echo, as far as they were counted.
    costs: Vec<SystemCost>,
}

impl<'a> Runs<'a> {
    /// Returns no runs yet, in `environment`.
    #[must_use]
    pub const fn new(
        environment: EnvironmentBuilder,
        results: &'a dyn Results,
        monitor: &'a dyn Monitor,
    ) -> Self {
        Self {
            results,
            monitor,
            environment,
            runs: Vec::new(),
            failure: None,
            unwritten: None,
            corrupted: 0,
            ladder: None,
            costs: Vec::new(),
        }
    }

    /// Measures by `plan` or, for a sweep, begins with it. `measure` makes one measurement; its files are
    /// written at once, so what is done stays whatever comes after it.
    pub fn measure(
        &mut self,
        plan: &Plan,
        sweep: Option<Ladder>,
        mut measure: impl FnMut(&Plan, RunPosition) -> (Run, Measured),
    ) {
        self.ladder = sweep;
        let goes_on = self.add(measure(plan, RunPosition::First));
        let Some(sweep) = sweep.filter(|_| goes_on) else {
            return;
        };
        // Without an answer there is no maximum; the pipeline's run says so.
        let Some(maximum) = self.runs[0].achieved_rate else {
            return;
        };
        let at_most = |limit: Option<f64>| limit.map_or(maximum, |limit| maximum.min(limit));
        let reach = Reach {
            whole: at_most(sweep.generator.for_latency()),
            most: at_most(sweep.generator.throughput),
        };
        let steps = ladder::steps(plan, sweep.arrivals, &reach);
        print_ladder(plan, maximum, &sweep.generator, &steps, self.monitor);
        if self.climb(&steps, &mut measure) {
            self.repeat(&steps, &mut measure);
        }
    }

    /// Measures one step after the other, and returns whether repeats may follow.
    fn climb(
        &mut self,
        steps: &[ladder::Step],
        measure: &mut impl FnMut(&Plan, RunPosition) -> (Run, Measured),
    ) -> bool {
        for step in steps {
            let position = RunPosition::Step {
                percent: step.percent,
            };
            if !self.add(measure(&step.plan, position)) {
                return false;
            }
            // Beyond that only the generator would be measured.
            if self.runs.last().is_some_and(|run| run.generator_limited) {
                self.monitor.message(&format_args!(
                    "at {} % the generator could not send what was due: the ladder ends here",
                    step.percent
                ));
                break;
            }
        }
        true
    }

    /// Measures the spoilt ones of `steps` again.
    fn repeat(
        &mut self,
        steps: &[ladder::Step],
        measure: &mut impl FnMut(&Plan, RunPosition) -> (Run, Measured),
    ) {
        let mut repeats = Repeats::after(&self.runs, steps.len());
        while let Some(index) = repeats.next() {
            // The pipeline is before the steps.
            let step = &steps[index - 1];
            print_repeat(&self.runs[index], self.monitor);
            let position = RunPosition::Step {
                percent: step.percent,
            };
            let (run, measured) = measure(&step.plan, position);
            self.note(&run);
            if repeat::keep_better(&mut self.runs[index], run) {
                self.write(index, &measured);
            }
            self.failure = measured.failure;
            if self.unwritten.is_some() || measured.ended != Ended::Completed {
                return;
            }
            repeats.made(index, &self.runs[index]);
        }
        if repeats.waiting() > 0 {
            self.monitor.message(&format_args!(
                "{} steps stay as they are: there were as many repeats as steps",
                repeats.waiting()
            ));
        }
    }

    /// Notes that `others` measured on this host at the same time.
    pub fn measured_beside(&mut self, others: Vec<Process>) {
        self.environment.set_concurrent(others);
    }

    /// Sets the costs of an echo.
    pub fn set_costs(&mut self, costs: Vec<SystemCost>) {
        self.costs = costs;
    }

    /// Returns how many replies were corrupted, in all measurements together.
    #[must_use]
    pub const fn corrupted(&self) -> u64 {
        self.corrupted
    }

    /// Adds a measurement, and returns whether others may follow.
    fn add(&mut self, (run, measured): (Run, Measured)) -> bool {
        self.note(&run);
        self.runs.push(run);
        self.write(self.runs.len() - 1, &measured);
        self.failure = measured.failure;
        self.unwritten.is_none() && measured.ended == Ended::Completed
    }

    /// Notes what a measurement adds to the whole, if it is kept or not.
    fn note(&mut self, run: &Run) {
        self.corrupted += run.corrupted;
        self.environment.add_run(run);
    }

    /// Writes the files of the run at `index`, in the place of those of an earlier attempt; of a sweep the report so far as
    /// well, so that a program that is killed has lost no step that was finished.
    fn write(&mut self, index: usize, measured: &Measured) {
        let directory = self.results.directory();
        let mut written = directory.write_run(&self.runs[index], &measured.recorder);
        if written.is_ok() && self.ladder.is_some() {
            written = directory.keep(&self.report());
        }
        self.unwritten = written.err().map(Into::into);
    }

    /// Returns the report of the measurements so far.
    fn report(&self) -> Record {
        let generator = self
            .ladder
            .map(|ladder| ladder.generator)
            .unwrap_or_default();
        Record {
            generator_limit: generator.throughput,
            generator_on_time_limit: generator.on_time,
            why: self.costs.clone(),
            ..Record::new(self.environment.record(), self.runs.clone())
        }
    }

    /// Writes the report, and returns what the experiment comes to.
    ///
    /// # Errors
    ///
    /// The failure that ended a measurement, else [`ExperimentError::Report`] if results could not be written,
    /// else [`ExperimentError::Invalid`]: a sweep is invalid if its pipeline is or if no step of it is valid.
    pub fn conclude(self) -> Result<(), ExperimentError> {
        let report = self.report();
        let not_reported = self.results.publish(&report).err().map(Into::into);
        let unwritten = self.unwritten.or(not_reported);
        match (self.failure, unwritten) {
            (Some(failure), Some(error)) => {
                self.monitor.message(&error.with_causes());
                Err(failure)
            }
            (Some(error), None) | (None, Some(error)) => Err(error),
            (None, None) => {
                let extent = match self.ladder {
                    None => Extent::Single,
                    Some(_) => Extent::Sweep,
                };
                verdict(&report.runs, extent)
            }
        }
    }
}

/// Tells the caller of the ladder that follows.
fn print_ladder(
    plan: &Plan,
    maximum: f64,
    generator: &Limits,
    steps: &[ladder::Step],
    monitor: &dyn Monitor,
) {
    let (generator, of) = match generators_part(generator) {
        Some(words) => (format!(" and {words}"), "the lesser of both"),
        None => (String::new(), "that"),
    };
    monitor.message(&format_args!(
        "the pipeline was answered {} times a second{generator}; {} open loops follow, at shares of {of}",
        quantity::rate(maximum),
        steps.len()
    ));
    let timeout_ns = steps
        .first()
        .map_or(plan.timeout_ns, |step| step.plan.timeout_ns);
    if timeout_ns < plan.timeout_ns {
        monitor.message(&format_args!(
            "their timeout is {} instead of {}: at the highest rate no more requests can be \
             accounted for",
            quantity::exact_time(timeout_ns as f64),
            quantity::exact_time(plan.timeout_ns as f64)
        ));
    }
}

/// Returns the limit of the generator that the ladder is under, in words; `None` if it is not known.
fn generators_part(limits: &Limits) -> Option<String> {
    match *limits {
        Limits {
            on_time: Some(rate),
            ..
        } => Some(format!(
            "the generator keeps its schedule up to {}/s",
            quantity::rate(rate)
        )),
        Limits {
            throughput: Some(rate),
            on_time: None,
        } => Some(format!(
            "the generator can send {}/s, but kept its schedule at no rate that was tried",
            quantity::rate(rate)
        )),
        _ => None,
    }
}

/// Tells the caller of a step that is measured again.
fn print_repeat(run: &Run, monitor: &dyn Monitor) {
    let Some((percentile, state)) = repeat::spoilt(run) else {
        return;
    };
    monitor.message(&format_args!(
        "at {} % {percentile} {}: measured again (attempt {} of at most {})",
        run.sweep_percent.unwrap_or_default(),
        match state {
            State::Late => "is a range, for the generator was late",
            State::Dropped => "is not the service's, for this host dropped requests",
            _ => "can be the host's",
        },
        run.attempts.len().max(1) + 1,
        repeat::ATTEMPTS
    ));
}

/// Extent of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// One measurement.
    Single,
    /// A sweep, or the pipeline of one that did not get further.
    Sweep,
}

/// Returns whether the measurement is valid or, of a sweep, the pipeline and at least one step: every step is
/// a row, which says itself what it is worth. But one that was broken off, if only as it was repeated, leaves no
/// whole sweep.
fn verdict(runs: &[Run], extent: Extent) -> Result<(), ExperimentError> {
    let (steps, pipeline): (Vec<&Run>, Vec<&Run>) =
        runs.iter().partition(|run| run.sweep_percent.is_some());
    let has_valid_step = steps.iter().any(|run| run.valid);
    let spoils = |run: &&Run| run.partial || !has_valid_step;
    let invalid: Vec<&Run> = pipeline
        .into_iter()
        .chain(steps.into_iter().filter(spoils))
        .filter(|run| !run.valid)
        .collect();
    let described = |run: &Run| {
        let reasons = run.invalid_because.join("; ");
        match (extent, run.sweep_percent) {
            (Extent::Sweep, Some(percent)) => format!("at {percent} %: {reasons}"),
            (Extent::Sweep, None) if runs.len() > 1 => format!("{}: {reasons}", run.mode),
            (Extent::Sweep | Extent::Single, _) => reasons,
        }
    };
    let invalid = invalid.into_iter().map(described);
    let reasons: Vec<String> = invalid.chain(runs.iter().filter_map(broken_off)).collect();
    if reasons.is_empty() {
        return Ok(());
    }
    Err(ExperimentError::Invalid { reasons })
}

/// Returns why the repeat of a step was broken off, if it was; the attempt that is kept never is.
fn broken_off(run: &Run) -> Option<String> {
    let attempt = run.attempts.iter().find(|attempt| attempt.partial)?;
    let reasons = attempt.reasons.iter();
    let reasons = reasons.filter(|reason| reason.code.is_structural());
    let reasons: Vec<String> = reasons.map(ToString::to_string).collect();
    let percent = run.sweep_percent.unwrap_or_default();
    let reasons = reasons.join("; ");
    Some(format!("at {percent} %, measured again: {reasons}"))
}

#[cfg(test)]
mod tests;
