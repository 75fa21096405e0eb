//! Due times of the requests of an open loop.

use clap::ValueEnum;

use super::Rate;
use crate::random::SplitMix64;

/// Rule by which the requests of an open loop follow each other in time. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Arrivals {
    /// Exponential, as of many independent users: queues form long before the service is at its limit
    #[default]
    Poisson,
    /// Constant, from a random moment on: no queue before the service is at its limit
    Even,
}

impl Arrivals {
    /// The name that `--arrivals` takes and results carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poisson => "poisson",
            Self::Even => "even",
        }
    }
}

/// Even arrivals begin within this time after the start, in nanoseconds, or within their interval if that is
/// shorter: the slowest timer tick of a kernel (100 Hz). Without a random phase every run would meet such a
/// tick in the same way, or never (RFC 2330 §11.1.1, RFC 3432 §4).
const PHASE_NS: u64 = 10_000_000;

/// Makes the numbers of a schedule others than those that anything else makes of the same seed.
const STREAM: u64 = 0x0a55_1f9e_d00d_5eed;

/// The due times of an open loop, one after the other, exact in nanoseconds and without drift: each is the
/// sum of all intervals before it, rounded down. What rounding leaves is carried on, so it never adds up.
///
/// The interval of even arrivals is the rate's, an exact fraction. Those of Poisson arrivals are the mean
/// interval times `-ln(u)`, with `u` from the middles of 2^53 equal parts of (0, 1): their mean is the rate's
/// interval to better than one part in 10^12, and so the rate of a long run differs from it by chance alone,
/// by a share of 1/sqrt(n) after n requests. The first request of such a schedule is due at its start: what
/// follows an arrival is distributed as what follows any other moment.
#[derive(Clone, Debug)]
pub struct Schedule {
    due_ns: u64,
    gaps: Gaps,
    random: SplitMix64,
}

#[derive(Clone, Debug)]
enum Gaps {
    Even {
        /// Remainder of the due time below one nanosecond, in units of 1/`parts` ns.
        remainder: u64,
        step_ns: u64,
        step_remainder: u64,
        /// Number of parts in a nanosecond: the rate in its smallest unit.
        parts: u64,
    },
    Poisson {
        mean_ns: f64,
        /// Fraction of the due time below one nanosecond, in units of 2^-32 ns.
        fraction: u64,
    },
}

/// Units of [`Gaps::Poisson`]'s fraction in a nanosecond.
const UNITS: u64 = 1 << 32;

impl Schedule {
    /// Requests from `start_ns` on, `rate` of them a second on average. The same seed makes the same
    /// schedule.
    #[must_use]
    pub fn new(start_ns: u64, rate: Rate, arrivals: Arrivals, seed: u64) -> Self {
        let mut random = SplitMix64(seed ^ STREAM);
        let parts = rate.micro_per_second();
        let (phase_ns, gaps) = match arrivals {
            Arrivals::Even => {
                let phase_ns = rate.interval_ns().min(PHASE_NS);
                let gaps = Gaps::Even {
                    remainder: 0,
                    step_ns: Rate::NS_TIMES_SCALE / parts,
                    step_remainder: Rate::NS_TIMES_SCALE % parts,
                    parts,
                };
                ((random.fraction() * phase_ns as f64) as u64, gaps)
            }
            Arrivals::Poisson => {
                let mean_ns = Rate::NS_TIMES_SCALE as f64 / parts as f64;
                (
                    0,
                    Gaps::Poisson {
                        mean_ns,
                        fraction: 0,
                    },
                )
            }
        };
        Self {
            due_ns: start_ns.saturating_add(phase_ns),
            gaps,
            random,
        }
    }

    /// Returns the time at which the next request is due, in nanoseconds of the clock of `start_ns`.
    #[must_use]
    #[inline]
    pub const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Has the next request be due at `at_ns`, and those after it go on from there.
    pub const fn go_on_at(&mut self, at_ns: u64) {
        self.due_ns = at_ns;
    }

    /// Goes on to the request after. No division and no allocation: this is done for every request.
    #[inline]
    pub fn advance(&mut self) {
        let step_ns = match &mut self.gaps {
            Gaps::Even {
                remainder,
                step_ns,
                step_remainder,
                parts,
            } => {
                *remainder += *step_remainder;
                let carries = *remainder >= *parts;
                *remainder -= if carries { *parts } else { 0 };
                *step_ns + u64::from(carries)
            }
            Gaps::Poisson { mean_ns, fraction } => {
                let gap_ns = exponential(&mut self.random) * *mean_ns;
                // Both parts are positive, and the whole one is under 2^63: at most 37 times 10^15.
                let whole_ns = gap_ns as i64;
                let rest = ((gap_ns - whole_ns as f64) * UNITS as f64) as i64;
                *fraction += rest as u64;
                let carries = *fraction >= UNITS;
                *fraction -= if carries { UNITS } else { 0 };
                whole_ns as u64 + u64::from(carries)
            }
        };
        self.due_ns = self.due_ns.saturating_add(step_ns);
    }
}

/// A number of the exponential distribution with mean 1, by inversion.
#[inline]
fn exponential(random: &mut SplitMix64) -> f64 {
    // The middle of one of 2^53 parts: neither 0 nor 1, and no bias at either end.
    let part = (random.next_u64() >> 11) as i64 as f64;
    -((part + 0.5) * (1.0 / (1_u64 << 53) as f64)).ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn even(start_ns: u64, rate: Rate) -> Schedule {
        let mut schedule = Schedule::new(start_ns, rate, Arrivals::Even, 1);
        schedule.go_on_at(start_ns);
        schedule
    }

    fn poisson(rate: Rate, seed: u64) -> Schedule {
        Schedule::new(0, rate, Arrivals::Poisson, seed)
    }

    /// The times between `count` requests that follow each other.
    fn gaps_ns(mut schedule: Schedule, count: usize) -> Vec<u64> {
        let next = || {
            let before_ns = schedule.due_ns();
            schedule.advance();
            schedule.due_ns() - before_ns
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn does_not_drift() {
        let mut schedule = even(1000, Rate::per_second(3));
        let mut due_ns = Vec::new();
        for _ in 0..4 {
            due_ns.push(schedule.due_ns());
            schedule.advance();
        }
        assert_eq!(due_ns, [1000, 333_334_333, 666_667_666, 1_000_001_000]);
        for _ in 4..3_000_000 {
            schedule.advance();
        }
        assert_eq!(schedule.due_ns(), 1_000_000_000_001_000);
    }

    #[test]
    fn even_arrivals_begin_at_a_random_phase_of_the_interval_or_of_the_slowest_tick() {
        for (rate, most_ns) in [(1_000_000, 1000), (1000, 1_000_000), (10, PHASE_NS)] {
            let phase_ns = |seed| {
                let rate = Rate::per_second(rate);
                Schedule::new(5, rate, Arrivals::Even, seed).due_ns() - 5
            };
            let phases_ns: Vec<u64> = (0..1000).map(phase_ns).collect();
            assert!(phases_ns.iter().all(|&ns| ns < most_ns));
            let mean_ns = phases_ns.iter().sum::<u64>() as f64 / 1000.0;
            let expected_ns = most_ns as f64 / 2.0;
            assert!(
                (mean_ns / expected_ns - 1.0).abs() < 0.06,
                "{rate}: {mean_ns}"
            );
            assert_eq!(phase_ns(7), phase_ns(7), "the same seed");
        }
    }

    #[test]
    fn poisson_arrivals_have_the_mean_and_the_spread_of_the_exponential_distribution() {
        const COUNT: usize = 1_000_000;
        for rate in [0.2, 997.0, 1.4e6] {
            let rate = Rate::nearest(rate);
            let gaps_ns = gaps_ns(poisson(rate, 3), COUNT);
            let expected_ns = 1e9 / rate.as_f64();
            let mean_ns = gaps_ns.iter().map(|&ns| ns as f64).sum::<f64>() / COUNT as f64;
            // The standard error is one in a thousand.
            assert!((mean_ns / expected_ns - 1.0).abs() < 0.004, "{mean_ns}");
            let squares = gaps_ns.iter().map(|&ns| (ns as f64 - mean_ns).powi(2));
            let deviation_ns = (squares.sum::<f64>() / COUNT as f64).sqrt();
            assert!(
                (deviation_ns / expected_ns - 1.0).abs() < 0.006,
                "{deviation_ns}"
            );
            // As many as there should be are over 1, 3 and 7 means, and under a tenth of one.
            let share = |is_counted: &dyn Fn(f64) -> bool| {
                let is_counted = |&&ns: &&u64| is_counted(ns as f64 / expected_ns);
                gaps_ns.iter().filter(is_counted).count() as f64 / COUNT as f64
            };
            for times in [1.0_f64, 3.0, 7.0] {
                let expected = (-times).exp();
                let over = share(&|gap| gap > times);
                assert!((over / expected - 1.0).abs() < 0.15, "{times}: {over}");
            }
            let short = share(&|gap| gap < 0.1);
            assert!(
                (short / (1.0 - (-0.1_f64).exp()) - 1.0).abs() < 0.02,
                "{short}"
            );
            // And one says nothing of the next.
            let product = |pair: &[u64]| (pair[0] as f64 - mean_ns) * (pair[1] as f64 - mean_ns);
            let correlation = gaps_ns.windows(2).map(product).sum::<f64>()
                / (COUNT as f64 * deviation_ns.powi(2));
            assert!(correlation.abs() < 0.005, "{correlation}");
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_schedule_and_another_seed_another() {
        let gaps = |seed| gaps_ns(poisson(Rate::per_second(1000), seed), 100);
        assert_eq!(gaps(1), gaps(1));
        assert_ne!(gaps(1), gaps(2));
        // At any rate it is the same one, faster or slower.
        let faster = gaps_ns(poisson(Rate::per_second(2000), 1), 100);
        let is_half = |(slow, fast): (&u64, &u64)| slow.abs_diff(2 * fast) <= 3;
        assert!(gaps(1).iter().zip(&faster).all(is_half));
    }

    proptest! {
        #[test]
        fn every_even_due_time_is_the_exact_one(
            start_ns in 0..u64::MAX / 2,
            rate in prop_oneof![0.000_001..10.0f64, 10.0..1e9f64].prop_map(Rate::nearest),
            count in 1..2000u64,
        ) {
            let mut schedule = even(start_ns, rate);
            for index in 0..count {
                let scaled = u128::from(index) * 1_000_000_000_000_000;
                let offset_ns = scaled / u128::from(rate.micro_per_second());
                let exact_ns = u128::from(start_ns) + offset_ns;
                prop_assert_eq!(u128::from(schedule.due_ns()), exact_ns);
                schedule.advance();
            }
        }

        /// Against the sum of the same intervals in units of 2^-32 ns: rounding is never added up.
        #[test]
        fn every_poisson_due_time_is_the_sum_of_its_intervals(
            start_ns in 0..u64::MAX / 4,
            rate in prop_oneof![0.001..10.0f64, 10.0..1e9f64].prop_map(Rate::nearest),
            seed: u64,
            count in 1..2000usize,
        ) {
            let mut schedule = Schedule::new(start_ns, rate, Arrivals::Poisson, seed);
            let mut random = SplitMix64(seed ^ STREAM);
            let mean_ns = 1e15 / rate.micro_per_second() as f64;
            let mut sum = u128::from(start_ns) * u128::from(UNITS);
            for _ in 0..count {
                prop_assert_eq!(u128::from(schedule.due_ns()), sum / u128::from(UNITS));
                schedule.advance();
                let gap_ns = exponential(&mut random) * mean_ns;
                prop_assert!(gap_ns > 0.0 && gap_ns < 37.0 * mean_ns + 1.0);
                sum += (gap_ns * UNITS as f64) as u128;
            }
        }
    }
}
