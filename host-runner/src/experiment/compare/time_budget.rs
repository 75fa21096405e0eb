//! The time of a comparison: the budget, and its use by rounds and repeats.

use std::time::{Duration, Instant};

use super::case::Case;
use super::duration;
use crate::load::Plan;

/// Time available to a comparison, counted from the construction of this value. All fields are in seconds.
#[derive(Debug)]
pub struct TimeBudget {
    limit_s: f64,
    began: Instant,
    /// Number of rounds that have not begun, and the duration of one without repeats: an estimate until one was
    /// made.
    rounds_left: u32,
    round_s: f64,
    /// Duration of the longest round made, without repeats.
    longest_s: f64,
    /// Expected duration of the longest boot.
    boot_s: f64,
    /// Expected end of the current round, from the beginning.
    round_ends_s: f64,
    /// Duration of the repeats in the current round.
    repeats_s: f64,
    /// Difference between the next round and the longest so far.
    longer_s: f64,
}

impl TimeBudget {
    /// Returns the budget `limit` for `rounds` rounds of `cases`, each of which is measured by `plans` in one boot;
    /// `None` is no limit.
    #[must_use]
    pub fn new(limit: Option<Duration>, rounds: u32, cases: &[Case], plans: &[Plan]) -> Self {
        let boots = cases.iter().map(|&case| duration::boot_s(case, plans));
        Self {
            limit_s: limit.map_or(f64::INFINITY, |limit| limit.as_secs_f64()),
            began: Instant::now(),
            rounds_left: rounds,
            round_s: boots.clone().sum(),
            longest_s: 0.0,
            boot_s: boots.fold(0.0, f64::max),
            round_ends_s: 0.0,
            repeats_s: 0.0,
            longer_s: 0.0,
        }
    }

    /// Notes that every round after the current one takes `by_s` seconds longer.
    pub fn lengthen(&mut self, by_s: f64) {
        self.longer_s = by_s;
    }

    /// Notes that `rounds` more rounds follow.
    pub fn add_rounds(&mut self, rounds: u32) {
        self.rounds_left += rounds;
    }

    /// Begins the next round and returns true if there is time for one. The first round begins in any case.
    pub fn begins_round(&mut self) -> bool {
        self.begins_round_at(self.began.elapsed().as_secs_f64())
    }

    fn begins_round_at(&mut self, now_s: f64) -> bool {
        let is_first = self.round_ends_s == 0.0;
        if !is_first {
            let began_s = self.round_ends_s - self.round_s - self.repeats_s;
            let took_s = now_s - began_s - self.repeats_s;
            self.longest_s = self.longest_s.max(took_s + self.longer_s);
            self.longer_s = 0.0;
            self.round_s = self.longest_s;
        }
        self.rounds_left = self.rounds_left.saturating_sub(1);
        self.repeats_s = 0.0;
        self.round_ends_s = now_s + self.round_s;
        is_first || self.round_ends_s <= self.limit_s
    }

    /// Returns true if there is time for a boot of `boot_s` seconds after all rounds.
    #[must_use]
    pub fn has_time_for(&self, boot_s: f64) -> bool {
        self.began.elapsed().as_secs_f64() + boot_s <= self.limit_s
    }

    /// Reserves time for a repeat in the current round, and returns true if the rounds that follow leave enough.
    pub fn reserve_repeat(&mut self) -> bool {
        let needed_s = self.round_ends_s + self.boot_s + f64::from(self.rounds_left) * self.round_s;
        let is_time = needed_s <= self.limit_s;
        if is_time {
            self.round_ends_s += self.boot_s;
            self.repeats_s += self.boot_s;
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(limit_s: f64) -> TimeBudget {
        TimeBudget {
            limit_s,
            round_s: 10.0,
            boot_s: 4.0,
            ..TimeBudget::new(None, 3, &[], &[PLAN])
        }
    }

    const PLAN: Plan = Plan {
        timeout_ns: 1,
        measure: crate::load::Limit::NOTHING,
        ..Plan::FIXTURE
    };

    #[test]
    fn repeats_leave_time_for_the_rounds() {
        let mut time = budget(35.0);
        assert!(time.begins_round_at(0.0));
        assert!(time.reserve_repeat(), "34 of 35");
        assert!(!time.reserve_repeat(), "38 of 35");
        assert!(time.begins_round_at(14.0) && !time.reserve_repeat());
        assert!(time.begins_round_at(24.0));
    }

    #[test]
    fn a_long_round_lengthens_the_estimate_of_the_next() {
        let mut time = budget(35.0);
        assert!(time.begins_round_at(0.0));
        assert!(time.begins_round_at(15.0), "30 of 35");
        assert!(!time.begins_round_at(30.0), "45 of 35");
    }

    #[test]
    fn rounds_with_a_second_load_take_longer_than_the_first() {
        let mut time = budget(35.0);
        assert!(time.begins_round_at(0.0));
        time.lengthen(6.0);
        assert!(time.begins_round_at(10.0), "26 of 35");
        assert!(!time.begins_round_at(20.0), "36 of 35");
        let mut time = budget(35.0);
        assert!(time.begins_round_at(0.0));
        assert!(time.begins_round_at(10.0) && time.begins_round_at(20.0));
    }

    #[test]
    fn unused_time_of_a_round_is_left_for_repeats() {
        let mut time = budget(35.0);
        assert!(
            time.begins_round_at(0.0) && time.reserve_repeat(),
            "34 of 35"
        );
        assert!(!time.reserve_repeat(), "38 of 35");
        // Of 12 s the repeat was to take 4.
        assert!(time.begins_round_at(12.0));
        assert!(
            time.reserve_repeat() && !time.reserve_repeat(),
            "32 and 36 of 35"
        );
        assert!(time.begins_round_at(24.0), "32 of 35");
    }

    #[test]
    fn one_round_is_made_in_any_case() {
        let mut time = budget(1.0);
        assert!(time.begins_round_at(0.0) && !time.reserve_repeat());
        assert!(!time.begins_round_at(10.0));
    }

    #[test]
    fn without_a_limit_there_is_always_time() {
        let mut time = budget(f64::INFINITY);
        assert!(time.begins_round_at(1e9) && time.reserve_repeat());
    }
}
