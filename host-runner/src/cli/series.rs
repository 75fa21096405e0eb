//! One measurement, or the many of a sweep: a pipeline, and then the ladder under what it achieved.

use super::CliError;
use super::measure::Measured;
use super::output::Output;
use super::say::say;
use crate::host::process::Process;
use crate::load::{Arrivals, Plan, ladder};
use crate::quantity;
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
    /// Other measurements on this host at the same time.
    concurrent: Vec<Process>,
}

impl Series {
    /// Measures by `plan` or, for a sweep, begins with it; a sweep's open loops have these arrivals. `measure` makes one measurement; its
    /// files are written at once, so what is done stays whatever comes after it.
    pub fn measure(
        plan: &Plan,
        sweep: Option<Arrivals>,
        output: &Output,
        mut measure: impl FnMut(&Plan) -> (Run, Measured),
    ) -> Self {
        let mut series = Self::default();
        let goes_on = series.add(plan, None, output, &mut measure);
        let Some(arrivals) = sweep.filter(|_| goes_on) else {
            return series;
        };
        // Without an answer there is no maximum; the pipeline's run says so.
        let Some(maximum) = series.runs[0].achieved_rate else {
            return series;
        };
        let steps = ladder::steps(plan, arrivals, maximum);
        announce(plan, maximum, &steps);
        for step in &steps {
            if !series.add(&step.plan, Some(step.percent), output, &mut measure) {
                break;
            }
        }
        series
    }

    /// Notes that `others` measured on this host at the same time.
    pub fn measured_beside(&mut self, others: Vec<Process>) {
        self.concurrent = others;
    }

    /// Makes one measurement: whether the series goes on.
    fn add(
        &mut self,
        plan: &Plan,
        sweep_percent: Option<u32>,
        output: &Output,
        measure: &mut impl FnMut(&Plan) -> (Run, Measured),
    ) -> bool {
        let (mut run, measured) = measure(plan);
        run.sweep_percent = sweep_percent;
        run.add_percentiles(&measured.recorder, output.percentiles());
        self.unwritten = output.write_run(&run, &measured.recorder).err();
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
            concurrent: self.concurrent,
            ..environment
        };
        let report = Report::new(environment, self.runs);
        let not_reported = output.write(&report).err();
        let unwritten = self.unwritten.or(not_reported);
        match (self.failure, unwritten) {
            (Some(failure), Some(error)) => {
                say(error.with_causes());
                Err(failure)
            }
            (Some(error), None) | (None, Some(error)) => Err(error),
            (None, None) => verdict(&report.runs),
        }
    }
}

/// Says what the ladder will be.
fn announce(plan: &Plan, maximum: f64, steps: &[ladder::Step]) {
    say(format_args!(
        "the pipeline was answered {} times a second; {} open loops follow, at shares of that",
        quantity::rate(maximum),
        steps.len()
    ));
    let timeout_ns = steps
        .first()
        .map_or(plan.timeout_ns, |step| step.plan.timeout_ns);
    if timeout_ns < plan.timeout_ns {
        say(format_args!(
            "their timeout is {} instead of {}: at the highest rate no more requests can be \
             accounted for",
            quantity::exact_time(timeout_ns as f64),
            quantity::exact_time(plan.timeout_ns as f64)
        ));
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::path::Path;

    use super::super::args::OutputArgs;
    use super::*;
    use crate::load::{Limit, Mode, Tally};
    use crate::report::Setting;
    use crate::stats::{Noise, Recorder};

    const PLAN: Plan = Plan {
        mode: Mode::Pipeline {
            depth: NonZeroU16::new(8).unwrap(),
        },
        payload_len: 64,
        timeout_ns: 1_000_000_000,
        warmup: Limit::NOTHING,
        measure: Limit {
            duration_ns: Some(2_000_000_000),
            count: None,
        },
        seed: 1,
        protocol: crate::load::Protocol::Fathom,
    };

    fn output(directory: &Path) -> Output {
        let args = OutputArgs {
            out: Some(directory.join("out")),
            json: Some(directory.join("result.json")),
            verbose: false,
            percentiles: Vec::new(),
        };
        Output::prepare(&args).unwrap()
    }

    /// A made-up measurement with `received` answers in a second.
    fn made_up(plan: &Plan, received: u64, ended: Ended) -> (Run, Measured) {
        let setting = Setting {
            target: "hermit".to_owned(),
            responder: None,
            address: "10.0.2.15:9000".to_owned(),
            link: "unix".to_owned(),
            accel: None,
            boot_ms: None,
            guest_boot_ms: None,
            placement: None,
        };
        let measured = Measured {
            tally: Tally {
                sent: received,
                received,
                completed: received,
                sending_ns: 1_000_000_000,
                ..Tally::default()
            },
            recorder: Recorder::new(plan),
            noise: Noise {
                steal_share: Some(received as f64 / 1e9),
                ..Noise::default()
            },
            ended,
            failure: None,
            warmup_settled: None,
            busy: Vec::new(),
            policy: crate::stats::Policy::default(),
        };
        (measured.record(setting, plan), measured)
    }

    /// Sweeps; the measurement number `bad` has `received` answers and ends as `ended` says.
    fn sweep(bad: usize, received: u64, ended: Ended) -> (Series, Vec<Plan>) {
        let place = tempfile::tempdir().unwrap();
        let output = output(place.path());
        let mut plans = Vec::new();
        let series = Series::measure(&PLAN, Some(Arrivals::Poisson), &output, |plan| {
            plans.push(*plan);
            if plans.len() == bad + 1 {
                made_up(plan, received, ended.clone())
            } else {
                made_up(plan, 1000, Ended::Completed)
            }
        });
        (series, plans)
    }

    #[test]
    fn a_sweep_is_a_pipeline_and_the_whole_ladder() {
        let (series, plans) = sweep(3, 2000, Ended::Completed);
        assert_eq!(plans[0], PLAN);
        let ladder: Vec<Plan> = ladder::steps(&PLAN, Arrivals::Poisson, 1000.0)
            .iter()
            .map(|step| step.plan)
            .collect();
        assert_eq!(plans[1..], ladder);
        assert!(series.failure.is_none() && series.unwritten.is_none());
        let percents: Vec<_> = series.runs.iter().map(|run| run.sweep_percent).collect();
        assert_eq!(percents[..2], [None, Some(10)]);
        assert_eq!(percents.last(), Some(&Some(95)));
        assert_eq!(series.steal_share, Some(2e-6));
        assert!(verdict(&series.runs).is_ok());
    }

    #[test]
    fn without_a_sweep_there_is_one_measurement() {
        let place = tempfile::tempdir().unwrap();
        let output = output(place.path());
        let measure = |plan: &Plan| made_up(plan, 5, Ended::Completed);
        let series = Series::measure(&PLAN, None, &output, measure);
        assert_eq!(series.runs.len(), 1);
        series.conclude(Environment::now(), &output).unwrap();
        assert!(output.file("hermit-unix-pipeline.hlog").exists());
        assert!(output.file("result.json").exists());
    }

    fn reasons(error: CliError) -> Vec<String> {
        match error {
            CliError::Invalid { reasons } => reasons,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn an_invalid_step_spoils_the_verdict_but_not_the_sweep() {
        let (series, plans) = sweep(4, 0, Ended::Completed);
        assert_eq!(plans.len(), 11);
        let error = verdict(&series.runs).unwrap_err();
        assert_eq!(error.exit_code(), 4);
        assert_eq!(reasons(error), ["at 40 %: nothing was received"]);
    }

    #[test]
    fn without_an_answer_there_is_no_ladder() {
        let (series, plans) = sweep(0, 0, Ended::Completed);
        assert_eq!(plans.len(), 1);
        let error = verdict(&series.runs).unwrap_err();
        assert_eq!(reasons(error), ["nothing was received"]);
    }

    #[test]
    fn a_step_that_was_broken_off_is_the_last_and_is_kept() {
        for (bad, ended) in [
            (0, Ended::Interrupted),
            (5, Ended::Interrupted),
            (5, Ended::Failed("QEMU ended".to_owned())),
        ] {
            let (series, plans) = sweep(bad, 10, ended);
            assert_eq!((plans.len(), series.runs.len()), (bad + 1, bad + 1));
            assert!(series.runs[bad].partial);
            assert_eq!(verdict(&series.runs).unwrap_err().exit_code(), 4);
        }
    }

    #[test]
    fn files_that_cannot_be_written_end_the_sweep() {
        let place = tempfile::tempdir().unwrap();
        let output = output(place.path());
        let mut count = 0;
        let series = Series::measure(&PLAN, Some(Arrivals::Poisson), &output, |plan| {
            count += 1;
            if count == 2 {
                std::fs::remove_dir_all(place.path().join("out")).unwrap();
            }
            made_up(plan, 1000, Ended::Completed)
        });
        assert_eq!(count, 2);
        let error = series.conclude(Environment::now(), &output).unwrap_err();
        assert!(matches!(error, CliError::Report(_)), "{error}");
    }
}
