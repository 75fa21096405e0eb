//! Number of requests that a plan measures, as far as that is known beforehand.

use super::plan::{Mode, Plan};
use super::schedule::{Arrivals, Schedule};
use super::{Limit, Rate};

/// Largest expected number of requests of a schedule that are counted one by one, which takes a tenth of a second.
const COUNTED: u64 = 4_000_000;

/// Standard deviations by which the number of Poisson arrivals exceeds the expected one less often than once in 10^22
/// runs.
const DEVIATIONS: f64 = 10.0;

impl Plan {
    /// Returns the largest number of requests that are measured, whatever becomes of them: the count that was asked
    /// for or, in an open loop, the number that its schedule has in the time that was asked for, whichever is less.
    /// `None` if only time ends a loop whose next request waits for a reply.
    ///
    /// The number of a schedule is exact up to a few million requests, and an upper bound beyond.
    #[must_use]
    pub fn planned_requests(&self) -> Option<u64> {
        let scheduled = match (self.mode, self.measure.duration_ns) {
            (Mode::Open { rate, arrivals }, Some(duration_ns)) => {
                Some(self.scheduled(rate, arrivals, duration_ns))
            }
            _ => None,
        };
        match (scheduled, self.measure.count) {
            (Some(scheduled), Some(count)) => Some(scheduled.min(count)),
            (scheduled, count) => scheduled.or(count),
        }
    }

    fn scheduled(&self, rate: Rate, arrivals: Arrivals, duration_ns: u64) -> u64 {
        let warm_up = self.warmup.duration_ns.map_or(0, |ns| rate.requests_in(ns));
        let expected = rate.requests_in(duration_ns);
        if warm_up.saturating_add(expected) <= COUNTED {
            return self.counted(Schedule::new(0, rate, arrivals, self.seed), duration_ns);
        }
        match arrivals {
            Arrivals::Even => expected.saturating_add(1),
            Arrivals::Poisson => {
                let more = DEVIATIONS * (expected as f64).sqrt();
                expected.saturating_add(more.ceil() as u64)
            }
        }
    }

    /// Counts the requests of `schedule` that are due in the time to measure, as the open loop goes through it.
    fn counted(&self, mut schedule: Schedule, duration_ns: u64) -> u64 {
        let short = self.warmup.duration_ns.filter(|&warmup_ns| {
            matches!(self.mode, Mode::Open { rate, .. } if warmup_ns < rate.interval_ns())
        });
        let go_on_at_ns = short.map(|warmup_ns| schedule.due_ns().saturating_add(warmup_ns));
        // The schedule begins with warm-up, at zero.
        let mut warmed_up = 0;
        while !self.warmup.is_reached(schedule.due_ns(), warmed_up) {
            warmed_up += 1;
            schedule.advance();
            if let Some(at_ns) = go_on_at_ns {
                schedule.go_on_at(at_ns);
            }
        }
        let from_ns = schedule.due_ns();
        let measured = Limit::lasting(duration_ns);
        let mut count = 0;
        while !measured.is_reached(schedule.due_ns() - from_ns, count) {
            count += 1;
            schedule.advance();
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::load::fake::{FakeLink, Log, VirtualClock, reply};
    use crate::load::{LoadContext, Progress, run};

    const SECOND_NS: u64 = 1_000_000_000;

    fn open(rate: &str, arrivals: Arrivals) -> Mode {
        Mode::Open {
            rate: rate.parse().unwrap(),
            arrivals,
        }
    }

    /// The number of requests that the loop sends by `plan`.
    fn sent(plan: &Plan) -> u64 {
        let clock = VirtualClock::default();
        let mut link = FakeLink::new(&clock, |_, request| vec![(50_000, reply(request))]);
        let context = LoadContext {
            link: &mut link,
            observer: &mut Log::default(),
            now_ns: || clock.now_ns(),
            cancel: &AtomicBool::new(false),
            check: |_: &Progress| Ok::<(), Infallible>(()),
        };
        run(plan, None, context).0.sent
    }

    #[test]
    fn the_planned_number_is_that_which_the_open_loop_sends() {
        for arrivals in [Arrivals::Even, Arrivals::Poisson] {
            for (rate, warmup_ns, duration_ns) in [
                ("997", 500_000_000, SECOND_NS),
                ("10k", 0, SECOND_NS / 3),
                ("0.2", 500_000_000, 60 * SECOND_NS),
                ("3", 100_000_000, 5 * SECOND_NS),
            ] {
                for seed in 1..4 {
                    let plan = Plan {
                        mode: open(rate, arrivals),
                        warmup: Limit::lasting(warmup_ns),
                        measure: Limit::lasting(duration_ns),
                        seed,
                        ..Plan::FIXTURE
                    };
                    assert_eq!(plan.planned_requests(), Some(sent(&plan)), "{plan:?}");
                }
            }
        }
    }

    #[test]
    fn a_count_is_the_plan_of_any_loop_and_time_alone_that_of_an_open_one() {
        let planned = |mode, measure| {
            let plan = Plan {
                mode,
                measure,
                ..Plan::FIXTURE
            };
            plan.planned_requests()
        };
        let both = Limit {
            duration_ns: Some(SECOND_NS),
            count: Some(70),
        };
        assert_eq!(planned(Mode::Closed, Limit::requests(70)), Some(70));
        assert_eq!(planned(Mode::Closed, both), Some(70));
        assert_eq!(planned(Mode::Closed, Limit::lasting(SECOND_NS)), None);
        let even = open("100", Arrivals::Even);
        assert_eq!(planned(even, both), Some(70));
        assert_eq!(planned(even, Limit::lasting(SECOND_NS / 2)), Some(50));
    }

    #[test]
    fn a_long_schedule_has_no_more_than_its_bound() {
        let planned = |arrivals| {
            let plan = Plan {
                mode: open("1M", arrivals),
                measure: Limit::lasting(100 * SECOND_NS),
                ..Plan::FIXTURE
            };
            plan.planned_requests().unwrap()
        };
        assert_eq!(planned(Arrivals::Even), 100_000_001);
        assert_eq!(planned(Arrivals::Poisson), 100_100_000);
    }
}
