//! The loads that measure every boot of a comparison: a closed loop, and beside it an open loop at a rate that
//! all systems on a link have in common.
//!
//! In a closed loop each system sets its own rate, so that an event which the host causes a number of times a
//! second is in other percentiles of a fast system than of a slow one. Tails are therefore compared at one rate.
//! Unless a rate is given, it is a share of the slowest system's closed loop in the first round; the open loops of
//! that round are made up after all rounds.

use crate::load::load_spec::ModeName;
use crate::load::sequence_tracker::MAX_CAPACITY;
use crate::load::{Arrivals, Limit, LoadSpec, Mode, Plan, PlanError, Rate};
use crate::record::{CommonRate, Run};

/// The common rate as a share of the slowest system's closed loop: low enough that the slowest keeps up
/// with Poisson arrivals, high enough that a second holds many requests.
const SHARE_OF_SLOWEST: f64 = 0.6;

/// The common rate, at most, as a share of the fastest system's closed loop on a polled link: there the
/// generator is a large part of every exchange, and at higher rates would be late for reasons of its own.
const SHARE_OF_FASTEST: f64 = 0.25;

/// Requests in an open loop, at least: twelve beyond p99, so that random arrivals leave ten in any case.
const REQUESTS: u64 = 1200;

/// Factor by which an open loop may last longer than its limit to have [`REQUESTS`].
const LONGEST: u64 = 5;

/// Rate for estimates of an open loop's duration before the rate is known.
pub const TYPICAL_RATE: Rate = Rate::per_second(10_000);

/// The loads of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loads {
    /// The only load, or the first of two: a closed loop.
    first: Plan,
    /// The second load, if there is one.
    open: Option<OpenLoop>,
}

/// An open loop that has all but its arrivals and rate in common with the first load.
#[derive(Clone, Copy, Debug, PartialEq)]
struct OpenLoop {
    arrivals: Arrivals,
    /// The rate; `None` if it is derived from the closed loops.
    rate: Option<Rate>,
}

impl Loads {
    /// Returns the loads that `spec` asks for: a closed and an open loop, unless it names one mode.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if it makes no plan, or no open loop can have its rate.
    pub fn new(spec: &LoadSpec) -> Result<Self, PlanError> {
        if spec.mode.is_some() || spec.depth.is_some() {
            return Ok(Self::one(spec.plan()?));
        }
        let closed = LoadSpec {
            mode: Some(ModeName::Closed),
            rate: None,
            arrivals: None,
            ..*spec
        };
        Self::closed_and_open(closed.plan()?, spec.arrivals(), spec.rate)
    }

    /// Returns the one load of `plan`.
    #[must_use]
    pub const fn one(plan: Plan) -> Self {
        Self {
            first: plan,
            open: None,
        }
    }

    /// Returns the closed loop of `closed` and an open loop like it with `arrivals`, at `rate` if that is given.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if no open loop can have that rate.
    pub fn closed_and_open(
        closed: Plan,
        arrivals: Arrivals,
        rate: Option<Rate>,
    ) -> Result<Self, PlanError> {
        let loads = Self {
            first: closed,
            open: Some(OpenLoop { arrivals, rate }),
        };
        // A rate that can't be had is an error before anything is measured.
        loads.open_at(rate.unwrap_or(Rate::per_second(1)))?;
        Ok(loads)
    }

    /// Returns the plan of the only load, or of the first of two.
    #[must_use]
    pub const fn first(&self) -> &Plan {
        &self.first
    }

    /// Returns the names of the loads' modes.
    #[must_use]
    pub fn modes(&self) -> Vec<&'static str> {
        let open = self.open.map(|open| {
            let rate = open.rate.unwrap_or(TYPICAL_RATE);
            self.with_mode(open.mode(rate)).mode.name()
        });
        std::iter::once(self.first.mode.name())
            .chain(open)
            .collect()
    }

    /// Returns true if there is an open loop whose rate is derived from the closed loops.
    #[must_use]
    pub fn derives_rate(&self) -> bool {
        self.open.is_some_and(|open| open.rate.is_none())
    }

    /// Returns the rate of the open loop, if there is one and its rate is given.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        self.open.and_then(|open| open.rate)
    }

    /// Returns the plans of a whole boot at the given rate, or at a typical one: a rate that is derived changes
    /// the duration of a load in extreme cases only.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if no open loop can have a typical rate.
    pub fn expected_plans(&self) -> Result<Vec<Plan>, PlanError> {
        let open = self.open_at(self.rate().unwrap_or(TYPICAL_RATE))?;
        Ok(std::iter::once(self.first).chain(open).collect())
    }

    /// Returns the plan of the open loop at `rate`; `None` if there is only one load.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if no open loop can have that rate.
    pub fn open_at(&self, rate: Rate) -> Result<Option<Plan>, PlanError> {
        let Some(open) = self.open else {
            return Ok(None);
        };
        let plan = self.with_mode(open.mode(rate));
        plan.check()?;
        Ok(Some(Plan {
            measure: long_enough(plan.measure, rate),
            ..plan
        }))
    }

    fn with_mode(&self, mode: Mode) -> Plan {
        Plan { mode, ..self.first }
    }

    /// Returns the common rate of all systems on `link`, from the closed loops in `runs`; `None` if no request
    /// was answered there. `is_polled` is true for a link that the generator polls.
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
        // All requests in flight within the timeout have to be accounted for.
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

/// Returns the replies per second of a closed loop, if there were any: at its median latency, which disturbances by
/// the host hardly move, or with too few samples for that over the whole time.
fn answered(run: &Run) -> Option<f64> {
    let rate = match run.latency_ns.p50 {
        Some(p50_ns) => 1e9 / p50_ns as f64,
        None => run.received as f64 * 1e9 / run.elapsed_ns as f64,
    };
    (run.received > 0 && rate.is_finite()).then_some(rate)
}

/// Rounds down to three digits, the precision at which rates are printed.
fn three_digits(rate: f64) -> f64 {
    let unit = 10f64.powi(rate.log10().floor() as i32 - 2);
    if unit.is_finite() && unit > 0.0 {
        (rate / unit).floor() * unit
    } else {
        rate
    }
}

/// Returns `limit`, if it is a duration, extended for [`REQUESTS`] by a factor of [`LONGEST`] at most.
fn long_enough(limit: Limit, rate: Rate) -> Limit {
    match limit {
        Limit {
            duration_ns: Some(duration_ns),
            count: None,
        } => {
            let longest_ns = duration_ns.saturating_mul(LONGEST);
            let needed_ns = rate.time_of(REQUESTS).min(longest_ns);
            Limit::lasting(duration_ns.max(needed_ns))
        }
        limit => limit,
    }
}

impl OpenLoop {
    const fn mode(self, rate: Rate) -> Mode {
        Mode::Open {
            rate,
            arrivals: self.arrivals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::record::fixtures;

    const CLOSED: Plan = Plan {
        measure: Limit::lasting(5_000_000_000),
        ..Plan::FIXTURE
    };

    fn both(closed: Plan) -> Loads {
        Loads::closed_and_open(closed, Arrivals::Poisson, None).unwrap()
    }

    /// Returns a closed loop of `target` with `received` replies in a second, without a median.
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
    fn a_rate_is_given_or_derived() {
        assert_eq!(both(CLOSED).modes(), ["closed", "open"]);
        assert!(both(CLOSED).derives_rate());
        assert_eq!(both(CLOSED).rate(), None);
        let rate = Rate::per_second(5000);
        let given = Loads::closed_and_open(CLOSED, Arrivals::Poisson, Some(rate)).unwrap();
        assert!(!given.derives_rate());
        assert_eq!(given.rate(), Some(rate));
        let one = Loads::one(CLOSED);
        assert_eq!((one.modes(), one.derives_rate()), (vec!["closed"], false));
        assert_eq!(one.open_at(rate), Ok(None));
        let too_high = Rate::per_second(3_000_000);
        assert!(Loads::closed_and_open(CLOSED, Arrivals::Poisson, Some(too_high)).is_err());
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
        let loads = both(CLOSED);
        let rate = loads.common_rate("tap", false, &runs).unwrap();
        assert_eq!((rate.rate, rate.slowest_rate), (7400.0, Some(12_345.0)));
        assert_eq!(rate.slowest.as_deref(), Some("linux-guest"));
        assert_eq!(loads.common_rate("user", false, &runs), None);
        assert_eq!(loads.common_rate("tap", false, &runs[2..]), None);
    }

    #[test]
    fn a_stall_of_the_host_hardly_moves_the_rate() {
        let mut run = closed("hermit", "tap", 30);
        run.latency_ns.p50 = Some(20_000);
        let rate = both(CLOSED).common_rate("tap", false, &[run]).unwrap();
        assert_eq!((rate.rate, rate.slowest_rate), (30_000.0, Some(50_000.0)));
    }

    #[test]
    fn on_a_polled_link_the_rate_leaves_the_generator_time() {
        let runs = [
            closed("hermit", "vhost-user", 1_500_000),
            closed("null", "vhost-user", 2_000_000),
        ];
        let loads = both(CLOSED);
        let rate = |is_polled| {
            loads
                .common_rate("vhost-user", is_polled, &runs)
                .unwrap()
                .rate
        };
        assert_eq!((rate(false), rate(true)), (900_000.0, 500_000.0));
        let huge = [closed("null", "vhost-user", 1_000_000_000)];
        let rate = loads.common_rate("vhost-user", false, &huge).unwrap().rate;
        let plan = loads.open_at(Rate::nearest(rate)).unwrap().unwrap();
        assert_eq!(plan.check(), Ok(()));
    }

    #[test]
    fn an_open_loop_lasts_long_enough_for_its_p99() {
        let limited = |duration_ns, count| {
            both(Plan {
                measure: Limit { duration_ns, count },
                ..CLOSED
            })
        };
        let loads = limited(Some(350_000_000), None);
        let duration_ns = |rate| {
            let plan = loads.open_at(Rate::per_second(rate)).unwrap().unwrap();
            assert_eq!(plan.mode.name(), "open");
            plan.measure.duration_ns.unwrap()
        };
        assert_eq!(duration_ns(10_000), 350_000_000);
        assert_eq!(duration_ns(2000), 600_000_000);
        assert_eq!(duration_ns(1), 1_750_000_000);
        let counted = limited(None, Some(100));
        let plan = counted.open_at(Rate::per_second(1000)).unwrap().unwrap();
        assert_eq!(
            (plan.measure.duration_ns, plan.measure.count),
            (None, Some(100))
        );
    }

    #[test]
    fn rates_are_rounded_down_to_three_digits() {
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
