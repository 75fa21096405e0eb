//! Prints the output of `make test`: a line for each part when it has ended, everything that a failed
//! part printed, and at the end what was skipped, what failed, and the totals.

use std::time::Duration;

use crate::run::Outcome;

/// The results of all parts so far.
#[derive(Debug, Default)]
pub struct Report {
    passed: usize,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Report {
    /// Adds what came of the part `name`, and prints it.
    pub fn add(&mut self, name: &str, outcome: Outcome) {
        let Outcome {
            tests,
            skipped,
            problems,
            took,
            output,
        } = outcome;
        // A test that skips itself passes, in the harness's eyes.
        let passed = tests.passed.saturating_sub(skipped.len());
        let failed: Vec<String> = tests.failed.into_iter().chain(problems).collect();
        let skipped: Vec<String> = skipped.into_iter().chain(tests.ignored).collect();
        if !failed.is_empty() {
            println!("\n---- {name} printed:\n{output}\n----\n");
        }
        let counts = counts(passed, failed.len(), skipped.len());
        println!("{name:26} {:6.1} s  {counts}", took.as_secs_f64());
        self.passed += passed;
        self.failed
            .extend(failed.iter().map(|test| format!("{name}: {test}")));
        self.skipped
            .extend(skipped.iter().map(|test| format!("{name}: {test}")));
    }

    /// Returns whether nothing failed.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.failed.is_empty()
    }

    /// Prints the end.
    pub fn conclude(&self, took: Duration) {
        println!("all of it took {:.0} s", took.as_secs_f64());
        print!("{}", self.end());
    }

    /// Returns what was skipped and what failed, and the closing line.
    fn end(&self) -> String {
        let mut text = String::new();
        for (what, which) in [("skipped", &self.skipped), ("failed", &self.failed)] {
            if !which.is_empty() {
                text += &format!("\n{what}:\n");
                which.iter().for_each(|item| text += &format!("  {item}\n"));
            }
        }
        text += &format!(
            "\n{}\n",
            counts(self.passed, self.failed.len(), self.skipped.len())
        );
        text
    }
}

fn counts(passed: usize, failed: usize, skipped: usize) -> String {
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libtest::Tests;

    #[test]
    fn the_end_lists_what_was_skipped_or_failed_and_adds_all_up() {
        let mut report = Report::default();
        let tests = Tests {
            passed: 10,
            ignored: vec!["alike: `make alike`".to_owned()],
            ..Tests::default()
        };
        let fine = Outcome {
            tests,
            skipped: vec!["on_tap: lacks tap: not root".to_owned()],
            ..Outcome::default()
        };
        report.add("fine", fine);
        assert!(report.is_fine());
        let tests = Tests {
            passed: 1,
            failed: vec!["breaks".to_owned()],
            ..Tests::default()
        };
        let broken = Outcome {
            tests,
            problems: vec!["it left a file".to_owned()],
            ..Outcome::default()
        };
        report.add("broken", broken);
        assert!(!report.is_fine());
        let expected = "
skipped:
  fine: on_tap: lacks tap: not root
  fine: alike: `make alike`

failed:
  broken: breaks
  broken: it left a file

10 passed, 2 failed, 2 skipped
";
        assert_eq!(report.end(), expected);
    }
}
