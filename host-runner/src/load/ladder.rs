//! A sweep's ladder: open loops at shares of the most that a service gets done.

use super::sequence_tracker::MAX_CAPACITY;
use super::{Arrivals, Mode, Plan, Rate};

/// The shares, in percent. Near the maximum, where latency bends upwards, they are closer.
pub const PERCENTAGES: [u32; 10] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95];

/// From what rate on the steps are whole requests per second.
const ROUNDED_FROM: f64 = 100.0;

/// One step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its share of the maximum.
    pub percent: u32,
    /// Its open loop.
    pub plan: Plan,
}

/// The steps under `maximum`, in requests per second, each otherwise like `plan`.
///
/// All have the same timeout: `plan`'s or, if the fastest step sends more in that time than can be
/// accounted for, the longest that it can have.
#[must_use]
pub fn steps(plan: &Plan, arrivals: Arrivals, maximum: f64) -> Vec<Step> {
    let rates = PERCENTAGES.map(|percent| rate(maximum, percent));
    let fastest = rates.iter().max().copied().unwrap_or(Rate::LOWEST);
    let timeout_ns = plan.timeout_ns.min(fastest.time_of(MAX_CAPACITY));
    std::iter::zip(PERCENTAGES, rates)
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

/// The share of `maximum`, in whole requests per second where rounding changes it by little.
fn rate(maximum: f64, percent: u32) -> Rate {
    let rate = maximum * f64::from(percent) / 100.0;
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

    use super::super::{Limit, Protocol, WaitRule};
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    const PLAN: Plan = Plan {
        mode: Mode::Pipeline {
            depth: NonZeroU16::new(8).unwrap(),
        },
        payload_len: 64,
        timeout_ns: SECOND_NS,
        warmup: Limit::NOTHING,
        measure: Limit {
            duration_ns: Some(2 * SECOND_NS),
            count: None,
        },
        seed: 5,
        protocol: Protocol::Fathom,
        wait_rule: WaitRule::Sleep,
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
        let steps = steps(&PLAN, Arrivals::Poisson, 2.0);
        let expected = [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 1.9];
        assert_eq!(rates(&steps), expected);
    }

    #[test]
    fn the_steps_are_shares_of_the_maximum() {
        let steps = steps(&PLAN, Arrivals::Poisson, 123_456.0);
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
        let steps = steps(&PLAN, Arrivals::Poisson, 2_000_000.0);
        assert!(steps.iter().all(|step| step.plan.timeout_ns == SECOND_NS));
    }

    proptest! {
        #[test]
        fn every_step_can_be_carried_out(maximum in 0.01..1e11f64, timeout_ns in 1..100 * SECOND_NS) {
            let steps = steps(&Plan { timeout_ns, ..PLAN }, Arrivals::Even, maximum);
            for step in &steps {
                prop_assert_eq!(step.plan.check(), Ok(()));
                prop_assert_eq!(step.plan.timeout_ns, steps[0].plan.timeout_ns);
                prop_assert!(step.plan.timeout_ns <= timeout_ns);
            }
        }
    }
}
