//! A sweep's ladder: open loops at shares of the most that a service gets done.

use std::num::NonZeroU32;

use super::window::MAX_CAPACITY;
use super::{Mode, Plan};

/// The shares, in percent. Near the maximum, where latency bends upwards, they are closer.
pub const PERCENTAGES: [u32; 10] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95];

const SECOND_NS: u64 = 1_000_000_000;

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
pub fn steps(plan: &Plan, maximum: f64) -> Vec<Step> {
    let rates = PERCENTAGES.map(|percent| rate(maximum, percent));
    let fastest = rates.iter().max().map_or(1, |rate| u64::from(rate.get()));
    let timeout_ns = plan.timeout_ns.min(MAX_CAPACITY * SECOND_NS / fastest);
    std::iter::zip(PERCENTAGES, rates)
        .map(|(percent, rate)| Step {
            percent,
            plan: Plan {
                mode: Mode::Open { rate },
                timeout_ns,
                ..*plan
            },
        })
        .collect()
}

fn rate(maximum: f64, percent: u32) -> NonZeroU32 {
    // A rate that is too high for the type becomes the highest.
    let rate = (maximum * f64::from(percent) / 100.0).round() as u32;
    NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use proptest::prelude::*;

    use super::super::Limit;
    use super::*;

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
    };

    #[test]
    fn the_steps_are_shares_of_the_maximum() {
        let steps = steps(&PLAN, 123_456.0);
        let rates: Vec<u32> = steps
            .iter()
            .map(|step| match step.plan.mode {
                Mode::Open { rate } => rate.get(),
                other => panic!("{other:?}"),
            })
            .collect();
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
        let steps = steps(&PLAN, 2_000_000.0);
        assert!(steps.iter().all(|step| step.plan.timeout_ns == SECOND_NS));
    }

    proptest! {
        #[test]
        fn every_step_can_be_carried_out(maximum in 0.01..1e11f64, timeout_ns in 1..100 * SECOND_NS) {
            let steps = steps(&Plan { timeout_ns, ..PLAN }, maximum);
            for step in &steps {
                prop_assert_eq!(step.plan.check(), Ok(()));
                prop_assert_eq!(step.plan.timeout_ns, steps[0].plan.timeout_ns);
                prop_assert!(step.plan.timeout_ns <= timeout_ns);
            }
        }
    }
}
