//! A sweep's ladder: open loops at shares of the most that a service gets done while the generator keeps its schedule,
//! and a few beyond that, up to what either gets done at all.

use super::sequence_tracker::MAX_CAPACITY;
use super::{Arrivals, Mode, Plan, Rate};

/// The shares, in percent. Near the maximum, where latency bends upwards, they are closer.
pub const PERCENTAGES: [u32; 10] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95];

/// The shares of the most that follow, in percent: up to where the service or the generator gets no more done, and
/// closer there, for that is where the capacity lies.
const BEYOND: [u32; 8] = [5, 10, 20, 40, 60, 80, 90, 95];

/// The least factor between the highest of [`PERCENTAGES`] and a step beyond it that makes that worth its time.
const WORTH: f64 = 1.1;

/// From what rate on the steps are whole requests per second.
const ROUNDED_FROM: f64 = 100.0;

/// Rates that a ladder is built under, in requests per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    /// The rate that shares are of: 100 %.
    pub whole: f64,
    /// The most that is worth offering; the last step is under it.
    pub most: f64,
}

impl Reach {
    /// A ladder with no step beyond 100 %, which is `whole`.
    #[must_use]
    pub const fn up_to(whole: f64) -> Self {
        Self { whole, most: whole }
    }
}

/// One step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Share of the whole.
    pub percent: u32,
    /// Open loop.
    pub plan: Plan,
}

/// The steps under `reach`, each otherwise like `plan`.
///
/// All have the same timeout: `plan`'s or, if the fastest step sends more in that time than can be
/// accounted for, the longest that it can have.
#[must_use]
pub fn steps(plan: &Plan, arrivals: Arrivals, reach: &Reach) -> Vec<Step> {
    let steps = percentages(reach)
        .into_iter()
        .map(|percent| (percent, rate(reach.whole, percent)));
    let fastest = steps.clone().map(|(_, rate)| rate).max();
    let fastest = fastest.unwrap_or(Rate::LOWEST);
    let timeout_ns = plan.timeout_ns.min(fastest.time_of(MAX_CAPACITY));
    steps
        .map(|(percent, rate)| Step {
            percent,
            plan: Plan {
                mode: Mode::Open { rate, arrivals },
                timeout_ns,
                ..*plan
            },
        })
        .collect()
}

/// The shares of the whole: [`PERCENTAGES`], and those of [`BEYOND`] of the most that are worth it.
fn percentages(reach: &Reach) -> Vec<u32> {
    let mut percentages = PERCENTAGES.to_vec();
    let highest = f64::from(PERCENTAGES[PERCENTAGES.len() - 1]);
    let beyond = reach.most / reach.whole;
    if beyond.is_finite() {
        let shares = BEYOND.map(|share| beyond * f64::from(share));
        let worth = shares.iter().filter(|&&share| share >= highest * WORTH);
        percentages.extend(worth.map(|&share| share as u32));
    }
    percentages
}

/// The share of `whole`, in whole requests per second where rounding changes it by little.
fn rate(whole: f64, percent: u32) -> Rate {
    let rate = whole * f64::from(percent) / 100.0;
    Rate::nearest(if rate < ROUNDED_FROM {
        rate
    } else {
        rate.round()
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use proptest::prelude::*;

    use super::super::Limit;
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    const PLAN: Plan = Plan {
        mode: Mode::Pipeline {
            depth: NonZeroU16::new(8).unwrap(),
        },
        measure: Limit::lasting(2 * SECOND_NS),
        seed: 5,
        ..Plan::FIXTURE
    };

    fn rates(steps: &[Step]) -> Vec<f64> {
        let rate = |step: &Step| match step.plan.mode {
            Mode::Open { rate, .. } => rate.as_f64(),
            other => panic!("{other:?}"),
        };
        steps.iter().map(rate).collect()
    }

    #[test]
    fn a_slow_service_has_ten_different_steps_too() {
        let steps = steps(&PLAN, Arrivals::Poisson, &Reach::up_to(2.0));
        let expected = [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 1.9];
        assert_eq!(rates(&steps), expected);
    }

    #[test]
    fn the_steps_are_shares_of_the_maximum() {
        let steps = steps(&PLAN, Arrivals::Poisson, &Reach::up_to(123_456.0));
        let rates: Vec<u32> = rates(&steps).iter().map(|&rate| rate as u32).collect();
        let expected = [
            12_346, 24_691, 37_037, 49_382, 61_728, 74_074, 86_419, 98_765, 111_110, 117_283,
        ];
        assert_eq!(rates, expected);
        for (step, percent) in steps.iter().zip(PERCENTAGES) {
            assert_eq!(step.percent, percent);
            let otherwise = Plan {
                mode: PLAN.mode,
                ..step.plan
            };
            assert_eq!(otherwise, PLAN);
        }
    }

    #[test]
    fn a_million_a_second_keeps_the_timeout_of_a_second() {
        let steps = steps(&PLAN, Arrivals::Poisson, &Reach::up_to(2_000_000.0));
        assert!(steps.iter().all(|step| step.plan.timeout_ns == SECOND_NS));
    }

    #[test]
    fn steps_go_on_beyond_the_whole_up_to_the_most_and_are_close_there() {
        let beyond = |most| {
            let reach = Reach {
                whole: 1000.0,
                most,
            };
            let steps = steps(&PLAN, Arrivals::Poisson, &reach);
            let all = steps.iter().map(|step| step.percent);
            all.skip(PERCENTAGES.len()).collect::<Vec<_>>()
        };
        assert_eq!(beyond(1000.0), [0; 0]);
        assert_eq!(beyond(1090.0), [0; 0], "not worth a step");
        assert_eq!(beyond(1200.0), [108, 114]);
        assert_eq!(beyond(2000.0), [120, 160, 180, 190]);
        assert_eq!(beyond(10_000.0), [200, 400, 600, 800, 900, 950]);
        let all = [500, 1000, 2000, 4000, 6000, 8000, 9000, 9500];
        assert_eq!(beyond(100_000.0), all);
    }

    proptest! {
        #[test]
        fn every_step_can_be_carried_out(
            whole in 0.01..1e11f64,
            beyond in 1.0..1e4f64,
            timeout_ns in 1..100 * SECOND_NS,
        ) {
            let reach = Reach { whole, most: whole * beyond };
            let steps = steps(&Plan { timeout_ns, ..PLAN }, Arrivals::Even, &reach);
            prop_assert!(steps.len() <= PERCENTAGES.len() + BEYOND.len());
            prop_assert!(steps.windows(2).all(|pair| pair[0].percent < pair[1].percent));
            for step in &steps {
                prop_assert_eq!(step.plan.check(), Ok(()));
                prop_assert_eq!(step.plan.timeout_ns, steps[0].plan.timeout_ns);
                prop_assert!(step.plan.timeout_ns <= timeout_ns);
            }
        }
    }
}
