//! One measurement, or the many of a sweep: a pipeline, and then the ladder under what it achieved.

use std::time::SystemTime;

use super::CliError;
use super::measure::Measured;
use super::output::Output;
use crate::load::{Plan, ladder};
use crate::report::{Environment, Report, Run};
use crate::stats::Ended;

/// What came of a series.
#[derive(Debug, Default)]
pub struct Series {
    /// The measurements, the last of which may have been broken off.
    runs: Vec<Run>,
    /// What ended the series before its time: the machine, or the link.
    failure: Option<CliError>,
    /// Why the files of the last measurement are missing, if they are.
    unwritten: Option<CliError>,
    /// The largest share of CPU time that went to others during a measurement.
    steal_share: Option<f64>,
}

impl Series {
    /// Measures by `plan` or, for a sweep, begins with it. `measure` makes one measurement; its
    /// files are written at once, so what is done stays whatever comes after it.
    pub fn measure(
        plan: &Plan,
        is_sweep: bool,
        output: &Output,
        mut measure: impl FnMut(&Plan) -> (Run, Measured),
    ) -> Self {
        let mut series = Self::default();
        let goes_on = series.add(plan, None, output, &mut measure);
        if !is_sweep || !goes_on {
            return series;
        }
        // Without an answer there is no maximum; the pipeline's run says so.
        let Some(maximum) = series.runs[0].achieved_rate else {
            return series;
        };
        let steps = ladder::steps(plan, maximum);
        announce(plan, maximum, &steps);
        for step in &steps {
            if !series.add(&step.plan, Some(step.percent), output, &mut measure) {
                break;
            }
        }
        series
    }

    /// Makes one measurement: whether the series goes on.
    fn add(
        &mut self,
        plan: &Plan,
        sweep_percent: Option<u32>,
        output: &Output,
        measure: &mut impl FnMut(&Plan) -> (Run, Measured),
    ) -> bool {
        let started_at = SystemTime::now();
        let (mut run, measured) = measure(plan);
        run.sweep_percent = sweep_percent;
        self.unwritten = output.write_run(&run, &measured.recorder, started_at).err();
        self.runs.push(run);
        self.failure = measured.failure;
        let steal_share = measured.noise.steal_share;
        self.steal_share = match (self.steal_share, steal_share) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        self.unwritten.is_none() && measured.ended == Ended::Completed
    }

    /// Writes the report, and says what the command comes to.
    ///
    /// # Errors
    ///
    /// The failure that ended a measurement, else what kept results from being written, else that
    /// a measurement is invalid: a series is only as good as the worst of it.
    pub fn conclude(self, environment: Environment, output: &Output) -> Result<(), CliError> {
        let environment = Environment {
            steal_share: self.steal_share,
            ..environment
        };
        let report = Report::new(environment, self.runs);
        let unwritten = output.write(&report).err().or(self.unwritten);
        match (self.failure, unwritten) {
            (Some(failure), Some(error)) => {
                eprintln!("fathom: {}", error.with_causes());
                Err(failure)
            }
            (Some(error), None) | (None, Some(error)) => Err(error),
            (None, None) => verdict(&report.runs),
        }
    }
}

/// Says what the ladder will be.
fn announce(plan: &Plan, maximum: f64, steps: &[ladder::Step]) {
    eprintln!(
        "fathom: the pipeline was answered {maximum:.0} times a second; {} open loops follow, at \
         shares of that",
        steps.len()
    );
    let timeout_ns = steps
        .first()
        .map_or(plan.timeout_ns, |step| step.plan.timeout_ns);
    if timeout_ns < plan.timeout_ns {
        eprintln!(
            "fathom: their timeout is {:.1} ms instead of {:.1} ms: at the highest rate no more \
             requests can be accounted for",
            timeout_ns as f64 / 1e6,
            plan.timeout_ns as f64 / 1e6
        );
    }
}

/// Whether every measurement is valid. In a series each reason is told with where it holds.
fn verdict(runs: &[Run]) -> Result<(), CliError> {
    let is_series = runs.len() > 1;
    let reasons: Vec<String> = runs
        .iter()
        .filter(|run| !run.valid)
        .map(|run| {
            let reasons = run.invalid_because.join("; ");
            match (is_series, run.sweep_percent) {
                (false, _) => reasons,
                (true, Some(percent)) => format!("at {percent} %: {reasons}"),
                (true, None) => format!("{}: {reasons}", run.mode),
            }
        })
        .collect();
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(CliError::Invalid { reasons })
    }
}
