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
use crate::record::{Environment, Record, Run};
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
#[derive(Debug, Default)]
pub struct Runs {
    /// The measurements, the last of which may have been broken off.
    runs: Vec<Run>,
    /// The failure of the machine or the link that ended them before their time.
    failure: Option<ExperimentError>,
    /// The error that kept the files of the last measurement from being written.
    unwritten: Option<ExperimentError>,
    /// The largest share of CPU time that went to others during a measurement.
    steal_share: Option<f64>,
    /// Number of corrupted replies in all measurements.
    corrupted: u64,
    /// Other measurements on this host at the same time.
    concurrent: Vec<Process>,
    /// True if it is a sweep, or was to be one.
    is_sweep: bool,
    /// As in [`Ladder`].
    generator: Limits,
}

impl Runs {
    /// Measures by `plan` or, for a sweep, begins with it. `measure` makes one measurement; its files are
    /// written at once, so what is done stays whatever comes after it.
    pub fn measure(
        plan: &Plan,
        sweep: Option<Ladder>,
        results: &dyn Results,
        monitor: &dyn Monitor,
        mut measure: impl FnMut(&Plan) -> (Run, Measured),
    ) -> Self {
        let mut runs = Self {
            is_sweep: sweep.is_some(),
            generator: sweep.map(|sweep| sweep.generator).unwrap_or_default(),
            ..Self::default()
        };
        let goes_on = runs.add(plan, None, results, &mut measure);
        let Some(sweep) = sweep.filter(|_| goes_on) else {
            return runs;
        };
        // Without an answer there is no maximum; the pipeline's run says so.
        let Some(maximum) = runs.runs[0].achieved_rate else {
            return runs;
        };
        let at_most = |limit: Option<f64>| limit.map_or(maximum, |limit| maximum.min(limit));
        let reach = Reach {
            whole: at_most(sweep.generator.for_latency()),
            most: at_most(sweep.generator.throughput),
        };
        let steps = ladder::steps(plan, sweep.arrivals, &reach);
        print_ladder(plan, maximum, &sweep.generator, &steps, monitor);
        if runs.climb(&steps, results, monitor, &mut measure) {
            runs.repeat(&steps, results, monitor, &mut measure);
        }
        runs
    }

    /// Measures one step after the other, and returns whether repeats may follow.
    fn climb(
        &mut self,
        steps: &[ladder::Step],
        results: &dyn Results,
        monitor: &dyn Monitor,
        measure: &mut impl FnMut(&Plan) -> (Run, Measured),
    ) -> bool {
        for step in steps {
            if !self.add(&step.plan, Some(step.percent), results, measure) {
                return false;
            }
            // Beyond that only the generator would be measured.
            if self.runs.last().is_some_and(|run| run.generator_limited) {
                monitor.message(&format_args!(
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
        results: &dyn Results,
        monitor: &dyn Monitor,
        measure: &mut impl FnMut(&Plan) -> (Run, Measured),
    ) {
        let mut repeats = Repeats::after(&self.runs, steps.len());
        while let Some(index) = repeats.next() {
            // The pipeline is before the steps.
            let plan = &steps[index - 1].plan;
            print_repeat(&self.runs[index], monitor);
            let (mut run, measured) = measure(plan);
            run.sweep_percent = self.runs[index].sweep_percent;
            self.note(&run, &measured);
            run.add_percentiles(&measured.recorder, results.percentiles());
            if repeat::keep_better(&mut self.runs[index], run) {
                self.write(index, &measured, results);
            }
            self.failure = measured.failure;
            if self.unwritten.is_some() || measured.ended != Ended::Completed {
                return;
            }
            repeats.made(index, &self.runs[index]);
        }
        if repeats.waiting() > 0 {
            monitor.message(&format_args!(
                "{} steps stay as they are: there were as many repeats as steps",
                repeats.waiting()
            ));
        }
    }

    /// Notes that `others` measured on this host at the same time.
    pub fn measured_beside(&mut self, others: Vec<Process>) {
        self.concurrent = others;
    }

    /// Returns how many replies were corrupted, in all measurements together.
    #[must_use]
    pub const fn corrupted(&self) -> u64 {
        self.corrupted
    }

    /// Makes one measurement, and returns whether others may follow.
    fn add(
        &mut self,
        plan: &Plan,
        sweep_percent: Option<u32>,
        results: &dyn Results,
        measure: &mut impl FnMut(&Plan) -> (Run, Measured),
    ) -> bool {
        let (mut run, measured) = measure(plan);
        run.sweep_percent = sweep_percent;
        run.add_percentiles(&measured.recorder, results.percentiles());
        self.note(&run, &measured);
        self.runs.push(run);
        self.write(self.runs.len() - 1, &measured, results);
        self.failure = measured.failure;
        self.unwritten.is_none() && measured.ended == Ended::Completed
    }

    /// Notes what a measurement adds to the whole, if it is kept or not.
    fn note(&mut self, run: &Run, measured: &Measured) {
        self.corrupted += run.corrupted;
        let steal_share = measured.noise.steal_share;
        self.steal_share = match (self.steal_share, steal_share) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
    }

    /// Writes the files of the run at `index`, in the place of those of an earlier attempt.
    fn write(&mut self, index: usize, measured: &Measured, results: &dyn Results) {
        let directory = results.directory();
        let written = directory.write_run(&self.runs[index], &measured.recorder);
        self.unwritten = written.err().map(Into::into);
    }

    /// Writes the report, and returns what the experiment comes to.
    ///
    /// # Errors
    ///
    /// The failure that ended a measurement, else [`ExperimentError::Report`] if results could not be written,
    /// else [`ExperimentError::Invalid`]: a sweep is invalid if its pipeline is or if no step of it is valid.
    pub fn conclude(
        self,
        environment: Environment,
        results: &dyn Results,
        monitor: &dyn Monitor,
    ) -> Result<(), ExperimentError> {
        let environment = Environment {
            steal_share: self.steal_share,
            concurrent: self.concurrent,
            ..environment
        };
        let report = Record {
            generator_limit: self.generator.throughput,
            generator_on_time_limit: self.generator.on_time,
            ..Record::new(environment, self.runs)
        };
        let not_reported = results.publish(&report).err().map(Into::into);
        let unwritten = self.unwritten.or(not_reported);
        match (self.failure, unwritten) {
            (Some(failure), Some(error)) => {
                monitor.message(&error.with_causes());
                Err(failure)
            }
            (Some(error), None) | (None, Some(error)) => Err(error),
            (None, None) => verdict(&report.runs, self.is_sweep),
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
    let (generator, of) = match *generator {
        Limits {
            on_time: Some(rate),
            ..
        } => (
            format!(
                " and the generator keeps its schedule up to {}/s",
                quantity::rate(rate)
            ),
            "the lesser of both",
        ),
        Limits {
            throughput: Some(rate),
            ..
        } => (
            format!(" and the generator can send {}/s", quantity::rate(rate)),
            "the lesser of both",
        ),
        _ => (String::new(), "that"),
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

/// Returns whether the measurement is valid or, of a sweep, the pipeline and at least one step: every step is
/// a row, which says itself what it is worth. But one that was broken off, if only as it was repeated, leaves no
/// whole sweep.
fn verdict(runs: &[Run], is_sweep: bool) -> Result<(), ExperimentError> {
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
        match (is_sweep && runs.len() > 1, run.sweep_percent) {
            (false, _) => reasons,
            (true, Some(percent)) => format!("at {percent} %: {reasons}"),
            (true, None) => format!("{}: {reasons}", run.mode),
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
