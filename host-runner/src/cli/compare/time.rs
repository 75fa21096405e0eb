//! How much there is time for.

use std::time::{Duration, Instant};

use super::schedule::{self, Combination};
use crate::load::Plan;

/// The time of a comparison: what there is, and what was used. It begins when it is made.
#[derive(Debug)]
pub struct Time {
    within_s: f64,
    began: Instant,
    /// Rounds that have not begun, and how long one takes without repeats: by estimate, until one was made.
    rounds_left: u32,
    round_s: f64,
    /// How long the longest took that was made, without repeats.
    longest_s: f64,
    /// How long the longest run takes.
    run_s: f64,
    /// When the current round is over, by estimate, in seconds from the beginning.
    round_ends_s: f64,
    /// Time that repeats have taken of the current round.
    repeats_s: f64,
    /// By how much longer the next round takes than the longest so far.
    longer_s: f64,
}

impl Time {
    /// Time for `rounds` rounds of `combinations`, each measured by `plans` in one boot; without a limit,
    /// as much as it takes.
    #[must_use]
    pub fn new(
        within: Option<Duration>,
        rounds: u32,
        combinations: &[Combination],
        plans: &[Plan],
    ) -> Self {
        let runs = combinations
            .iter()
            .map(|&it| schedule::expected_s(it, plans));
        Self {
            within_s: within.map_or(f64::INFINITY, |within| within.as_secs_f64()),
            began: Instant::now(),
            rounds_left: rounds,
            round_s: runs.clone().sum(),
            longest_s: 0.0,
            run_s: runs.fold(0.0, f64::max),
            round_ends_s: 0.0,
            repeats_s: 0.0,
            longer_s: 0.0,
        }
    }

    /// Notes that every round after the current one takes `by_s` seconds longer.
    pub fn lengthen(&mut self, by_s: f64) {
        self.longer_s = by_s;
    }

    /// Whether there is time for another round, which then begins. The first one does in any case.
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
        is_first || self.round_ends_s <= self.within_s
    }

    /// Returns whether there is time for a run that takes `run_s` seconds after all rounds.
    #[must_use]
    pub fn has_for(&self, run_s: f64) -> bool {
        self.began.elapsed().as_secs_f64() + run_s <= self.within_s
    }

    /// Whether there is time to repeat a run without the rounds that follow going short; it is then
    /// taken.
    pub fn repeats_run(&mut self) -> bool {
        let needed_s = self.round_ends_s + self.run_s + f64::from(self.rounds_left) * self.round_s;
        let is_time = needed_s <= self.within_s;
        if is_time {
            self.round_ends_s += self.run_s;
            self.repeats_s += self.run_s;
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(within_s: f64) -> Time {
        Time {
            within_s,
            round_s: 10.0,
            run_s: 4.0,
            ..Time::new(None, 3, &[], &[PLAN])
        }
    }

    const PLAN: Plan = Plan {
        mode: crate::load::Mode::Closed,
        payload_len: 64,
        timeout_ns: 1,
        warmup: crate::load::Limit::NOTHING,
        measure: crate::load::Limit::NOTHING,
        seed: 1,
        protocol: crate::load::Protocol::Fathom,
        wait_rule: crate::load::WaitRule::Sleep,
    };

    #[test]
    fn repeats_leave_time_for_the_rounds() {
        let mut time = time(35.0);
        assert!(time.begins_round_at(0.0));
        assert!(time.repeats_run(), "34 of 35");
        assert!(!time.repeats_run(), "38 of 35");
        assert!(time.begins_round_at(14.0) && !time.repeats_run());
        assert!(time.begins_round_at(24.0));
    }

    #[test]
    fn a_round_that_takes_longer_than_thought_is_learned_from() {
        let mut time = time(35.0);
        assert!(time.begins_round_at(0.0));
        assert!(time.begins_round_at(15.0), "30 of 35");
        assert!(!time.begins_round_at(30.0), "45 of 35");
    }

    #[test]
    fn rounds_with_a_second_load_take_longer_than_the_first() {
        let mut time = time(35.0);
        assert!(time.begins_round_at(0.0));
        time.lengthen(6.0);
        assert!(time.begins_round_at(10.0), "26 of 35");
        assert!(!time.begins_round_at(20.0), "36 of 35");
        let mut time = super::tests::time(35.0);
        assert!(time.begins_round_at(0.0));
        assert!(time.begins_round_at(10.0) && time.begins_round_at(20.0));
    }

    #[test]
    fn what_a_round_did_not_need_is_there_for_repeats() {
        let mut time = time(35.0);
        assert!(time.begins_round_at(0.0) && time.repeats_run(), "34 of 35");
        assert!(!time.repeats_run(), "38 of 35");
        // Of 12 s the repeat was to take 4.
        assert!(time.begins_round_at(12.0));
        assert!(time.repeats_run() && !time.repeats_run(), "32 and 36 of 35");
        assert!(time.begins_round_at(24.0), "32 of 35");
    }

    #[test]
    fn one_round_is_made_in_any_case() {
        let mut time = time(1.0);
        assert!(time.begins_round_at(0.0) && !time.repeats_run());
        assert!(!time.begins_round_at(10.0));
    }

    #[test]
    fn without_a_limit_there_is_always_time() {
        let mut time = time(f64::INFINITY);
        assert!(time.begins_round_at(1e9) && time.repeats_run());
    }
}
