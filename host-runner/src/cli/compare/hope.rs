//! Detection of a pointless comparison: no verdict can come of it any more, or none is to be expected.

use std::collections::BTreeMap;

use crate::report::Run;

/// With fewer rounds that are valid on both sides there is no verdict (see [`crate::stats::comparison`]).
const ROUNDS_NEEDED: usize = 3;

/// After so many runs of which none is valid the comparison ends. If only half of all runs came out valid
/// here, that would happen to one comparison in a thousand.
const RUNS_TRIED: usize = 10;

/// State of a comparison after a whole round.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// For each link, the rounds of each of its targets that are valid: the first is held against the
    /// others.
    pub valid_rounds: &'a [Vec<Vec<u32>>],
    /// Number of rounds made so far.
    pub rounds: u32,
    /// Number of rounds to be made in all.
    pub rounds_wanted: u32,
    /// All runs so far.
    pub runs: &'a [Run],
}

impl State<'_> {
    /// Returns the reason why going on is pointless, in words and with the faults of the runs; `None` if it
    /// is not pointless.
    #[must_use]
    pub fn verdict_is_out_of_reach(&self) -> Option<String> {
        let left = self.rounds_wanted.saturating_sub(self.rounds);
        if left == 0 {
            return None;
        }
        let invalid = self.runs.iter().filter(|run| !run.valid).count();
        let is_certain = self.rounds_wanted as usize >= ROUNDS_NEEDED
            && self
                .common_rounds()
                .max()
                .is_some_and(|most| most + (left as usize) < ROUNDS_NEEDED);
        let why = if is_certain {
            format!(
                "with {left} rounds left no pair of targets can have {ROUNDS_NEEDED} valid rounds any more"
            )
        } else if invalid == self.runs.len() && invalid >= RUNS_TRIED {
            format!("none of {invalid} runs is valid, so none is to be expected of those to come")
        } else {
            return None;
        };
        Some(format!("{why}: {}", self.reasons()))
    }

    /// Returns, for each pair that is to be compared, the number of rounds that are valid on both sides.
    fn common_rounds(&self) -> impl Iterator<Item = usize> {
        self.valid_rounds.iter().flat_map(|targets| {
            let (first, others) = targets
                .split_first()
                .unwrap_or((const { &Vec::new() }, &[]));
            others
                .iter()
                .map(|other| other.iter().filter(|round| first.contains(round)).count())
        })
    }

    /// Returns the reasons why runs are invalid, the most frequent first, and the advice on them.
    fn reasons(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut advice: Vec<&str> = Vec::new();
        for run in self.runs.iter().filter(|run| !run.valid) {
            for reason in &run.invalid_because {
                // The kind of it, without this run's figures.
                *counts
                    .entry(reason.split(':').next().unwrap_or(reason))
                    .or_default() += 1;
            }
            for line in &run.advice {
                if !advice.contains(&line.as_str()) {
                    advice.push(line);
                }
            }
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let counts: Vec<String> = counts
            .iter()
            .map(|(reason, count)| format!("{reason} ({count} times)"))
            .collect();
        let mut text = counts.join(", ");
        for line in advice {
            text.push_str("; ");
            text.push_str(line);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn runs(valid: usize, invalid: usize) -> Vec<Run> {
        let good = sample::open_run();
        let bad = Run {
            valid: false,
            invalid_because: vec!["other programs had the CPU: 40 %".to_owned()],
            advice: vec!["end them".to_owned()],
            ..good.clone()
        };
        let good = Run {
            valid: true,
            invalid_because: Vec::new(),
            ..good
        };
        [vec![good; valid], vec![bad; invalid]].concat()
    }

    fn judge(
        valid_rounds: &[Vec<Vec<u32>>],
        rounds: u32,
        wanted: u32,
        runs: &[Run],
    ) -> Option<String> {
        let state = State {
            valid_rounds,
            rounds,
            rounds_wanted: wanted,
            runs,
        };
        state.verdict_is_out_of_reach()
    }

    #[test]
    fn a_comparison_whose_runs_are_all_spoilt_ends_and_says_why() {
        let nothing = [vec![vec![], vec![], vec![]]];
        let end = judge(&nothing, 1, 7, &runs(0, 10)).unwrap();
        assert_eq!(
            end,
            "none of 10 runs is valid, so none is to be expected of those to come: other programs had \
             the CPU (10 times); end them"
        );
        assert_eq!(judge(&nothing, 1, 7, &runs(0, 9)), None, "too few to say");
        assert_eq!(judge(&nothing, 1, 7, &runs(1, 50)), None, "one was valid");
        assert_eq!(
            judge(&nothing, 7, 7, &runs(0, 50)),
            None,
            "it is over anyway"
        );
    }

    #[test]
    fn it_ends_once_no_pair_can_have_enough_rounds() {
        let rounds = |first: &[u32], second: &[u32]| [vec![first.to_vec(), second.to_vec()]];
        // Of seven rounds five are made, and two are left.
        assert!(judge(&rounds(&[1, 2], &[3, 4]), 5, 7, &runs(4, 3)).is_some());
        assert_eq!(judge(&rounds(&[1, 2], &[2, 4]), 5, 7, &runs(4, 3)), None);
        // Another link can still do it.
        let two = [vec![vec![], vec![]], vec![vec![1], vec![1]]];
        assert_eq!(judge(&two, 5, 7, &runs(2, 3)), None);
        // Two rounds never made a verdict: who asks for them wants the figures.
        assert_eq!(judge(&rounds(&[], &[]), 1, 2, &runs(0, 2)), None);
        // A target alone is not compared.
        assert_eq!(judge(&[vec![vec![]]], 6, 7, &runs(0, 6)), None);
    }
}
