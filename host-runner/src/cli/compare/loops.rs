//! The loops that every boot of a comparison is measured by: a closed one, and beside it an open one at a
//! rate that all targets of a link have in common.
//!
//! In a closed loop each target sets its own rate, and what the host does a number of times a second is then
//! in other percentiles of a fast target than of a slow one. So tails are compared at one rate. Unless it is
//! asked for it is a share of the slowest target's closed loop in the first round; the open loops of that
//! round are made up after all rounds.

use super::super::args::{LoadArgs, ModeName};
use crate::experiment::ExperimentError;
use crate::load::sequence_tracker::MAX_CAPACITY;
use crate::load::{Limit, Mode, Plan, Rate};
use crate::record::{CommonRate, Run};

/// The common rate as a share of the slowest target's closed loop: low enough that the slowest keeps up
/// while requests come as they like, high enough that a second holds many.
const SHARE_OF_SLOWEST: f64 = 0.6;

/// The most that it is of the fastest target's closed loop, on a link that the generator polls: there the
/// generator is a large part of every exchange, and at higher rates would be late for reasons of its own.
const SHARE_OF_FASTEST: f64 = 0.25;

/// The requests that an open loop lasts for at least: twelve beyond p99, so that arrivals that are drawn
/// leave ten in any case.
const REQUESTS: u64 = 1200;

/// By how much an open loop may last longer than was asked for to have [`REQUESTS`].
const LONGEST: u64 = 5;

/// A rate to estimate by how long an open loop takes.
pub const TYPICAL_RATE: Rate = Rate::per_second(10_000);

/// The loops of a comparison.
#[derive(Clone, Debug)]
pub struct Loops {
    /// The only loop, or the first of two: a closed one.
    first: Plan,
    /// The options of the second, an open one, if there is one.
    open: Option<LoadArgs>,
}

impl Loops {
    /// Returns the loops that the options make: both unless they name one.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Usage`] or [`ExperimentError::Plan`] if they make none.
    pub fn new(load: &LoadArgs) -> Result<Self, ExperimentError> {
        if load.mode.is_some() || load.sweep || load.depth.is_some() {
            return Ok(Self {
                first: load.plan()?,
                open: None,
            });
        }
        let closed = LoadArgs {
            mode: Some(ModeName::Closed),
            rate: None,
            arrivals: None,
            ..load.clone()
        };
        let open = LoadArgs {
            mode: Some(ModeName::Open),
            ..load.clone()
        };
        let loops = Self {
            first: closed.plan()?,
            open: Some(open),
        };
        // What is wrong with a rate is said before anything is measured.
        loops.at(load.rate.unwrap_or(Rate::per_second(1)))?;
        Ok(loops)
    }

    /// Returns the plan of the only loop, or of the first of two.
    #[must_use]
    pub const fn first(&self) -> &Plan {
        &self.first
    }

    /// Returns the names of the loops.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let second = self.open.as_ref().map(|_| ModeName::Open.name());
        std::iter::once(self.first.mode.name())
            .chain(second)
            .collect()
    }

    /// Returns true if there is an open loop whose rate is to be found out.
    #[must_use]
    pub fn needs_rate(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.rate.is_none())
    }

    /// Returns the rate that was asked for, if there are two loops and it was.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        self.open.as_ref().and_then(|open| open.rate)
    }

    /// Returns the plan of the open loop at `rate`; `None` if there is only one loop.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Plan`] if no open loop can have that rate.
    pub fn at(&self, rate: Rate) -> Result<Option<Plan>, ExperimentError> {
        let Some(open) = &self.open else {
            return Ok(None);
        };
        let open = LoadArgs {
            rate: Some(rate),
            ..open.clone()
        };
        let plan = open.plan()?;
        Ok(Some(Plan {
            measure: long_enough(plan.measure, rate),
            ..plan
        }))
    }

    /// Returns the rate that all targets of `link` have in common, from what `runs` show of their closed
    /// loops there; `None` if none had an answer.
    #[must_use]
    pub fn common_rate(&self, link: &str, is_polled: bool, runs: &[Run]) -> Option<CommonRate> {
        let rates = runs
            .iter()
            .filter(|run| run.link == link && run.mode == self.first.mode.name())
            .filter_map(|run| Some((run, answered(run)?)));
        let (slowest, slowest_rate) = rates.clone().min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let fastest_rate = rates.map(|(_, rate)| rate).fold(0.0, f64::max);
        let mut rate = slowest_rate * SHARE_OF_SLOWEST;
        if is_polled {
            rate = rate.min(fastest_rate * SHARE_OF_FASTEST);
        }
        // What is in flight within the timeout has to be accounted for.
        let most = MAX_CAPACITY as f64 * 1e9 / self.first.timeout_ns as f64;
        let rate = three_digits(rate.min(most));
        Some(CommonRate {
            link: link.to_owned(),
            rate: Rate::nearest(rate).as_f64(),
            slowest: Some(slowest.target_label()),
            slowest_rate: Some(slowest_rate),
            share: Some(rate / slowest_rate),
        })
    }
}

/// Replies per second of a closed loop, if there were any: at its median latency, which what the host does
/// meanwhile hardly moves, or with too few for that over its whole time.
fn answered(run: &Run) -> Option<f64> {
    let rate = match run.latency_ns.p50 {
        Some(p50_ns) => 1e9 / p50_ns as f64,
        None => run.received as f64 * 1e9 / run.elapsed_ns as f64,
    };
    (run.received > 0 && rate.is_finite()).then_some(rate)
}

/// Rounds down to three digits, which is what is told of a rate.
fn three_digits(rate: f64) -> f64 {
    let unit = 10f64.powi(rate.log10().floor() as i32 - 2);
    if unit.is_finite() && unit > 0.0 {
        (rate / unit).floor() * unit
    } else {
        rate
    }
}

/// The limit, if it is a time, long enough for [`REQUESTS`], within reason.
fn long_enough(limit: Limit, rate: Rate) -> Limit {
    match limit {
        Limit {
            duration_ns: Some(duration_ns),
            count: None,
        } => {
            let longest_ns = duration_ns.saturating_mul(LONGEST);
            let needed_ns = rate.time_of(REQUESTS).min(longest_ns);
            Limit {
                duration_ns: Some(duration_ns.max(needed_ns)),
                count: None,
            }
        }
        limit => limit,
    }
}

/// Returns true if `mode` is the open loop's.
#[must_use]
pub const fn is_open(mode: Mode) -> bool {
    matches!(mode, Mode::Open { .. })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::super::{Cli, Command};
    use super::*;
    use crate::record::fixtures;

    fn loops(line: &str) -> Result<Loops, ExperimentError> {
        let line = format!("fathom compare {line}");
        let Command::Compare(args) = Cli::try_parse_from(line.split_whitespace())
            .unwrap()
            .command
        else {
            panic!("{line}");
        };
        args.loops()
    }

    /// A closed loop of `target` with `received` replies in a second, too few to know the median.
    fn closed(target: &str, link: &str, received: u64) -> Run {
        let mut run = Run {
            target: target.to_owned(),
            link: link.to_owned(),
            received,
            elapsed_ns: 1_000_000_000,
            ..fixtures::closed_run()
        };
        run.latency_ns.p50 = None;
        run
    }

    #[test]
    fn there_are_both_loops_unless_one_is_named() {
        let names = |line| loops(line).unwrap().names();
        assert_eq!(names(""), ["closed", "open"]);
        assert_eq!(names("--rate 5000"), ["closed", "open"]);
        assert_eq!(names("--mode closed"), ["closed"]);
        assert_eq!(names("--mode open"), ["open"]);
        assert_eq!(names("--mode pipeline --depth 4"), ["pipeline"]);
        assert!(loops("").unwrap().needs_rate());
        assert!(!loops("--mode open").unwrap().needs_rate());
        assert_eq!(
            loops("--rate 5k").unwrap().rate(),
            Some(Rate::per_second(5000))
        );
        for line in ["--mode closed --rate 5", "--depth 4", "--rate 3M"] {
            assert_eq!(
                crate::cli::CliError::from(loops(line).unwrap_err()).exit_code(),
                2,
                "{line}"
            );
        }
    }

    #[test]
    fn the_rate_is_a_share_of_the_slowest_on_the_link() {
        let runs = [
            closed("hermit", "tap", 60_000),
            closed("linux-guest", "tap", 12_345),
            closed("null", "tap", 0),
            closed("linux-guest", "unix", 100),
            fixtures::open_run(),
        ];
        let loops = loops("").unwrap();
        let rate = loops.common_rate("tap", false, &runs).unwrap();
        assert_eq!((rate.rate, rate.slowest_rate), (7400.0, Some(12_345.0)));
        assert_eq!(rate.slowest.as_deref(), Some("linux-guest"));
        assert_eq!(loops.common_rate("user", false, &runs), None);
        assert_eq!(loops.common_rate("tap", false, &runs[2..]), None);
    }

    #[test]
    fn a_host_that_stands_still_hardly_moves_the_rate() {
        let mut run = closed("hermit", "tap", 30);
        run.latency_ns.p50 = Some(20_000);
        let rate = loops("")
            .unwrap()
            .common_rate("tap", false, &[run])
            .unwrap();
        assert_eq!((rate.rate, rate.slowest_rate), (30_000.0, Some(50_000.0)));
    }

    #[test]
    fn on_a_link_that_is_polled_the_generator_has_time_enough() {
        let runs = [
            closed("hermit", "vhost-user", 1_500_000),
            closed("null", "vhost-user", 2_000_000),
        ];
        let loops = loops("").unwrap();
        let rate = |is_polled| {
            loops
                .common_rate("vhost-user", is_polled, &runs)
                .unwrap()
                .rate
        };
        assert_eq!((rate(false), rate(true)), (900_000.0, 500_000.0));
        let huge = [closed("null", "vhost-user", 1_000_000_000)];
        let rate = loops.common_rate("vhost-user", false, &huge).unwrap().rate;
        let plan = loops.at(Rate::nearest(rate)).unwrap().unwrap();
        assert_eq!(plan.check(), Ok(()));
    }

    #[test]
    fn an_open_loop_lasts_long_enough_for_its_p99() {
        let loops = loops("--duration 350ms").unwrap();
        let duration_ns = |rate| {
            let plan = loops.at(Rate::per_second(rate)).unwrap().unwrap();
            assert!(is_open(plan.mode));
            plan.measure.duration_ns.unwrap()
        };
        assert_eq!(duration_ns(10_000), 350_000_000);
        assert_eq!(duration_ns(2000), 600_000_000);
        assert_eq!(duration_ns(1), 1_750_000_000);
        let counted = self::loops("--count 100").unwrap();
        let plan = counted.at(Rate::per_second(1000)).unwrap().unwrap();
        assert_eq!(
            (plan.measure.duration_ns, plan.measure.count),
            (None, Some(100))
        );
    }

    #[test]
    fn a_rate_has_the_digits_that_are_printed() {
        for (rate, rounded) in [
            (7407.0, 7400.0),
            (999.9, 999.0),
            (0.12345, 0.123),
            (1e6, 1e6),
        ] {
            assert!((three_digits(rate) - rounded).abs() < 1e-9, "{rate}");
        }
    }
}
