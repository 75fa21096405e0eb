//! The rule by which a pair can be judged, and detection of a comparison that can't or is not expected to get
//! there.

use std::collections::BTreeMap;

use crate::record::Run;
use crate::stats::comparison::MIN_ROUNDS;

/// Number of runs, none of them valid, after which a comparison ends. If each run were valid with probability one
/// half, that would happen to one comparison in a thousand.
const RUNS_TRIED: usize = 10;

/// Returns the number of rounds in which both of a pair must be valid: those that a verdict needs, or all rounds if
/// fewer were requested, whose figures are wanted then.
#[must_use]
pub const fn rounds_needed(rounds_asked_for: u32) -> usize {
    if (rounds_asked_for as usize) < MIN_ROUNDS {
        rounds_asked_for as usize
    } else {
        MIN_ROUNDS
    }
}

/// Two systems that are compared on one link, under one kind of load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Names of both, of the link and of the load, for messages.
    pub name: String,
    /// Number of rounds in which both are valid.
    pub common: usize,
    /// Number of rounds made in which both are valid or can still become so, by being measured again.
    pub within_reach: usize,
}

impl Pair {
    /// Returns the message that rounds are missing for a verdict; `None` if none are.
    #[must_use]
    pub fn missing_rounds_message(&self, rounds: u32, rounds_asked_for: u32) -> Option<String> {
        let needed = rounds_needed(rounds_asked_for);
        (self.common < needed).then(|| {
            let of = match rounds {
                1 => "1 round".to_owned(),
                rounds => format!("{rounds} rounds"),
            };
            format!(
                "{}: valid together in {} of {of}, and it takes {needed}",
                self.name, self.common
            )
        })
    }
}

/// The state of a comparison after a whole round, or between the repeats that follow the rounds, as far as it decides
/// whether to go on.
#[derive(Clone, Copy, Debug)]
pub struct Outlook<'a> {
    /// The pairs to be judged.
    pub pairs: &'a [Pair],
    /// Number of rounds that are still to be made.
    pub rounds_left: u32,
    /// Number of rounds that were asked for.
    pub rounds_asked_for: u32,
    /// True if nothing will be measured any more in any case.
    pub is_over: bool,
    /// All runs so far.
    pub runs: &'a [Run],
}

impl Outlook<'_> {
    /// Returns the reason why no verdict can be expected any more, with the faults of the runs; `None` if one can.
    #[must_use]
    pub fn infeasibility(&self) -> Option<String> {
        if self.is_over {
            return None;
        }
        let left = self.rounds_left as usize;
        let needed = rounds_needed(self.rounds_asked_for);
        let invalid = self.runs.iter().filter(|run| !run.valid).count();
        let most = self.pairs.iter().map(|pair| pair.within_reach).max();
        let why = if needed == MIN_ROUNDS && most.is_some_and(|most| most + left < needed) {
            format!(
                "with {left} rounds left no pair of targets can have {needed} valid rounds any more"
            )
        } else if invalid == self.runs.len() && invalid >= RUNS_TRIED {
            format!("none of {invalid} runs is valid, so none is to be expected of those to come")
        } else {
            return None;
        };
        Some(format!("{why}: {}", self.reasons()))
    }

    /// Returns the reasons why runs are invalid, the most frequent first, and the advice on them.
    fn reasons(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut advice: Vec<&str> = Vec::new();
        for run in self.runs.iter().filter(|run| !run.valid) {
            for reason in &run.invalid_because {
                // The kind of reason, without this run's figures.
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
    use crate::record::fixtures;

    fn runs(valid: usize, invalid: usize) -> Vec<Run> {
        let good = fixtures::open_run();
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

    /// A pair with `common` valid rounds, and with those that can be measured again `within_reach`.
    fn pair(common: usize, within_reach: usize) -> Pair {
        Pair {
            name: "hermit and null on tap".to_owned(),
            common,
            within_reach,
        }
    }

    fn judge(pairs: &[Pair], left: u32, asked_for: u32, runs: &[Run]) -> Option<String> {
        let outlook = Outlook {
            pairs,
            rounds_left: left,
            rounds_asked_for: asked_for,
            is_over: false,
            runs,
        };
        outlook.infeasibility()
    }

    #[test]
    fn a_comparison_without_a_valid_run_ends_and_says_why() {
        let nothing = [pair(0, 1), pair(0, 1)];
        let end = judge(&nothing, 6, 7, &runs(0, 10)).unwrap();
        assert_eq!(
            end,
            "none of 10 runs is valid, so none is to be expected of those to come: other programs had \
             the CPU (10 times); end them"
        );
        assert_eq!(judge(&nothing, 6, 7, &runs(0, 9)), None, "too few to say");
        assert_eq!(judge(&nothing, 6, 7, &runs(1, 50)), None, "one was valid");
        let over = Outlook {
            pairs: &nothing,
            rounds_left: 0,
            rounds_asked_for: 7,
            is_over: true,
            runs: &runs(0, 50),
        };
        assert_eq!(over.infeasibility(), None);
    }

    #[test]
    fn it_ends_once_no_pair_can_have_enough_rounds() {
        // Of seven rounds five are made, and two are left.
        assert!(judge(&[pair(0, 0)], 2, 7, &runs(4, 3)).is_some());
        assert_eq!(judge(&[pair(1, 1)], 2, 7, &runs(4, 3)), None);
        // What was spoilt is measured again.
        assert_eq!(judge(&[pair(0, 5)], 2, 7, &runs(4, 3)), None);
        // Another link can still do it.
        assert_eq!(judge(&[pair(0, 0), pair(1, 1)], 2, 7, &runs(2, 3)), None);
        // Two rounds never made a verdict: who asks for them wants the figures.
        assert_eq!(judge(&[pair(0, 0)], 1, 2, &runs(0, 2)), None);
        // A target alone is not compared.
        assert_eq!(judge(&[], 1, 7, &runs(0, 6)), None);
    }

    #[test]
    fn a_pair_needs_three_rounds_or_all_that_were_requested() {
        assert_eq!(pair(6, 6).missing_rounds_message(7, 7), None);
        assert_eq!(pair(3, 3).missing_rounds_message(7, 7), None);
        assert_eq!(
            pair(2, 2).missing_rounds_message(7, 7).unwrap(),
            "hermit and null on tap: valid together in 2 of 7 rounds, and it takes 3"
        );
        // Time for two of seven rounds makes no verdict, and two of two are what was asked for.
        assert!(pair(2, 2).missing_rounds_message(2, 7).is_some());
        assert_eq!(pair(2, 2).missing_rounds_message(2, 2), None);
        assert!(pair(1, 1).missing_rounds_message(2, 2).is_some());
        assert_eq!(pair(1, 1).missing_rounds_message(1, 1), None);
    }
}
