//! One measurement, or the many of a sweep: a pipeline, and then the ladder under what it achieved, as far as
//! the generator itself can send that.

use super::CliError;
use super::measure::Measured;
use super::output::Output;
use super::say::say;
use crate::host::process::Process;
use crate::load::{Arrivals, Plan, ladder};
use crate::quantity;
use crate::record::{Environment, Report, Run};
use crate::stats::Ended;

/// A sweep, beyond the plan of its pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// Arrivals of its open loops.
    pub arrivals: Arrivals,
    /// Requests per second that the generator itself sends, if that is known.
    pub generator_limit: Option<f64>,
}

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
    /// True if it is a sweep, or was to be one.
    is_sweep: bool,
    /// As in [`Sweep`].
    generator_limit: Option<f64>,
}

impl Series {
    /// Measures by `plan` or, for a sweep, begins with it. `measure` makes one measurement; its files are
    /// written at once, so what is done stays whatever comes after it.
    pub fn measure(
        plan: &Plan,
        sweep: Option<Sweep>,
        output: &Output,
        mut measure: impl FnMut(&Plan) -> (Run, Measured),
    ) -> Self {
        let mut series = Self {
            is_sweep: sweep.is_some(),
            generator_limit: sweep.and_then(|sweep| sweep.generator_limit),
            ..Self::default()
        };
        let goes_on = series.add(plan, None, output, &mut measure);
        let Some(sweep) = sweep.filter(|_| goes_on) else {
            return series;
        };
        // Without an answer there is no maximum; the pipeline's run says so.
        let Some(maximum) = series.runs[0].achieved_rate else {
            return series;
        };
        let limit = sweep.generator_limit;
        let top = limit.map_or(maximum, |limit| maximum.min(limit));
        let steps = ladder::steps(plan, sweep.arrivals, top);
        announce(plan, maximum, limit, &steps);
        for step in &steps {
            if !series.add(&step.plan, Some(step.percent), output, &mut measure) {
                break;
            }
            // Beyond that only the generator would be measured.
            if series.runs.last().is_some_and(|run| run.generator_limited) {
                say(format_args!(
                    "at {} % the generator could not send what was due: the sweep ends here",
                    step.percent
                ));
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
    /// the measurement is invalid; a sweep is, if its pipeline is or if no step of it is valid.
    pub fn conclude(self, environment: Environment, output: &Output) -> Result<(), CliError> {
        let environment = Environment {
            steal_share: self.steal_share,
            concurrent: self.concurrent,
            ..environment
        };
        let report = Report {
            generator_limit: self.generator_limit,
            ..Report::new(environment, self.runs)
        };
        let not_reported = output.write(&report).err();
        let unwritten = self.unwritten.or(not_reported);
        match (self.failure, unwritten) {
            (Some(failure), Some(error)) => {
                say(error.with_causes());
                Err(failure)
            }
            (Some(error), None) | (None, Some(error)) => Err(error),
            (None, None) => verdict(&report.runs, self.is_sweep),
        }
    }
}

/// Says what the ladder will be.
fn announce(plan: &Plan, maximum: f64, generator_limit: Option<f64>, steps: &[ladder::Step]) {
    let generator = generator_limit.map_or_else(String::new, |limit| {
        format!(" and the generator can send {}/s", quantity::rate(limit))
    });
    let of = if generator.is_empty() {
        "that"
    } else {
        "the lesser of both"
    };
    say(format_args!(
        "the pipeline was answered {} times a second{generator}; {} open loops follow, at shares of {of}",
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

/// Returns whether the measurement is valid or, of a sweep, the pipeline and at least one step: every step is
/// a row, which says itself what it is worth. But one that was broken off leaves no whole sweep.
fn verdict(runs: &[Run], is_sweep: bool) -> Result<(), CliError> {
    let (steps, pipeline): (Vec<&Run>, Vec<&Run>) =
        runs.iter().partition(|run| run.sweep_percent.is_some());
    let has_valid_step = steps.iter().any(|run| run.valid);
    let spoils = |run: &&Run| run.partial || !has_valid_step;
    let invalid: Vec<&Run> = pipeline
        .into_iter()
        .chain(steps.into_iter().filter(spoils))
        .filter(|run| !run.valid)
        .collect();
    if invalid.is_empty() {
        return Ok(());
    }
    let told = |run: &Run| {
        let reasons = run.invalid_because.join("; ");
        match (is_sweep && runs.len() > 1, run.sweep_percent) {
            (false, _) => reasons,
            (true, Some(percent)) => format!("at {percent} %: {reasons}"),
            (true, None) => format!("{}: {reasons}", run.mode),
        }
    };
    Err(CliError::Invalid {
        reasons: invalid.into_iter().map(told).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::path::Path;

    use super::super::args::OutputArgs;
    use super::*;
    use crate::host::noise::Noise;
    use crate::load::{Limit, Mode, Tally};
    use crate::record::Setting;
    use crate::stats::RunRecorder;

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
        wait_rule: crate::load::WaitRule::Sleep,
    };

    const SWEEP: Sweep = Sweep {
        arrivals: Arrivals::Poisson,
        generator_limit: None,
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
            recorder: RunRecorder::new(plan),
            noise: Noise {
                steal_share: Some(received as f64 / 1e9),
                ..Noise::default()
            },
            ended,
            failure: None,
            warmup_settled: None,
            busy: Vec::new(),
            host_activity: None,
            policy: crate::stats::Policy::default(),
            stalls: Vec::new(),
        };
        (measured.record(setting, plan), measured)
    }

    /// Sweeps; the measurement number `bad` has `received` answers and ends as `ended` says.
    fn sweep(bad: usize, received: u64, ended: Ended) -> (Series, Vec<Plan>) {
        let place = tempfile::tempdir().unwrap();
        let output = output(place.path());
        let mut plans = Vec::new();
        let series = Series::measure(&PLAN, Some(SWEEP), &output, |plan| {
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
        assert!(verdict(&series.runs, true).is_ok());
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
    fn an_invalid_step_is_a_row_and_spoils_nothing() {
        let (series, plans) = sweep(4, 0, Ended::Completed);
        assert_eq!(plans.len(), 11);
        assert!(!series.runs[4].valid);
        assert!(verdict(&series.runs, true).is_ok());
    }

    #[test]
    fn a_sweep_without_a_valid_step_or_with_an_invalid_pipeline_is_invalid() {
        let (series, _) = sweep(3, 1000, Ended::Completed);
        let invalid = |is_invalid: fn(&Run) -> bool| {
            let mut runs = series.runs.clone();
            for run in runs.iter_mut().filter(|run| is_invalid(run)) {
                run.valid = false;
                run.invalid_because = vec!["a test".to_owned()];
            }
            verdict(&runs, true).map_err(reasons)
        };
        let steps = invalid(|run| run.sweep_percent.is_some()).unwrap_err();
        assert_eq!(steps.len(), 10);
        assert_eq!(steps[0], "at 10 %: a test");
        let pipeline = invalid(|run| run.sweep_percent.is_none()).unwrap_err();
        assert_eq!(pipeline, ["pipeline: a test"]);
        assert!(invalid(|run| run.sweep_percent > Some(10)).is_ok());
    }

    #[test]
    fn the_ladder_stands_on_what_the_generator_can_send_and_ends_where_it_can_not() {
        let place = tempfile::tempdir().unwrap();
        let output = output(place.path());
        let limit = Sweep {
            generator_limit: Some(500.0),
            ..SWEEP
        };
        let mut plans = Vec::new();
        let series = Series::measure(&PLAN, Some(limit), &output, |plan| {
            plans.push(*plan);
            let (mut run, measured) = made_up(plan, 1000, Ended::Completed);
            run.generator_limited = plans.len() == 8;
            (run, measured)
        });
        let ladder = ladder::steps(&PLAN, Arrivals::Poisson, 500.0);
        let ladder: Vec<Plan> = ladder.iter().map(|step| step.plan).collect();
        assert_eq!(plans[1..], ladder[..7]);
        assert!(series.runs.last().is_some_and(|run| run.generator_limited));
        series.conclude(Environment::now(), &output).unwrap();
        let json = std::fs::read_to_string(output.file("result.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["generator_limit"], 500.0);
    }

    #[test]
    fn without_an_answer_there_is_no_ladder() {
        let (series, plans) = sweep(0, 0, Ended::Completed);
        assert_eq!(plans.len(), 1);
        let error = verdict(&series.runs, true).unwrap_err();
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
            assert_eq!(verdict(&series.runs, true).unwrap_err().exit_code(), 4);
        }
    }

    #[test]
    fn files_that_cannot_be_written_end_the_sweep() {
        let place = tempfile::tempdir().unwrap();
        let output = output(place.path());
        let mut count = 0;
        let series = Series::measure(&PLAN, Some(SWEEP), &output, |plan| {
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
