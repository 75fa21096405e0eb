//! Further rounds of a comparison, until its objectives are decided.
//!
//! Who looks at a result again and again until it pleases is misled by chance more often than a single look would. So
//! results are looked at a fixed number of times, after fixed rounds, and the chance of error at each look is that of all
//! divided by their number (Bonferroni).

use crate::judge::objectives::PreparedGate;

/// Further rounds, and the objectives that want them or not.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// The most further rounds.
    pub rounds: u32,
    /// The objectives.
    pub gate: PreparedGate,
}

impl Confirmation {
    /// Returns the numbers of rounds before each further look: two halves, or one round.
    #[must_use]
    pub fn steps(&self) -> Vec<u32> {
        let first = self.rounds.div_ceil(2);
        let steps = [first, self.rounds - first];
        steps.into_iter().filter(|&rounds| rounds > 0).collect()
    }

    /// Returns the number of looks, with that after the rounds that are made in any case.
    #[must_use]
    pub fn looks(&self) -> u32 {
        self.steps().len() as u32 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_fixed_beforehand() {
        for (rounds, steps) in [(1, vec![1]), (2, vec![1, 1]), (7, vec![4, 3])] {
            let gate = PreparedGate::none();
            let confirmation = Confirmation { rounds, gate };
            assert_eq!(confirmation.steps(), steps);
            assert_eq!(confirmation.looks() as usize, steps.len() + 1);
        }
    }
}
