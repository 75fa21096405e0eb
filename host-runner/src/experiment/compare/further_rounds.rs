//! Rounds that a comparison adds while its objectives want them.

use super::rounds::{Experiment, Rounds};
use crate::experiment::ExperimentError;

impl Experiment<'_> {
    /// Makes further rounds, as many before each look as
    /// [`Confirmation::steps`](super::confirmation::Confirmation::steps) says, as long as objectives want them.
    ///
    /// # Errors
    ///
    /// As [`Experiment::measure`].
    pub fn confirm(&mut self) -> Result<(), ExperimentError> {
        let Some(confirmation) = &self.spec.confirmation else {
            return Ok(());
        };
        if self.store.infeasibility().is_some() {
            return Ok(());
        }
        for more in confirmation.steps() {
            let source = self.results.directory().read()?;
            let judgement = confirmation.gate.judge(&source, confirmation.looks());
            if !judgement.wants_rounds {
                break;
            }
            let first = self.store.rounds() + 1;
            let rounds = match more {
                1 => "1 more round is".to_owned(),
                several => format!("{several} more rounds are"),
            };
            self.message(format_args!(
                "objectives: {}; {rounds} to decide",
                judgement.summary.reason
            ));
            self.store.add_rounds(more);
            self.time.add_rounds(more);
            if self.make_rounds(first)? == Rounds::EndedEarly {
                break;
            }
            self.make_repeats()?;
            if self.store.rounds() < first + more - 1 {
                break;
            }
        }
        self.first_failure()
    }
}
