//! A history as a suite of judgements, for continuous integration.

use jiff::Timestamp;

use super::test_case::{TestCase, TestOutcome, TestSuite};
use crate::judge::history::{ExactSeries, History, Series};

/// Returns the series of `history`, a case each: regressions since `since` are failures.
#[must_use]
pub fn suite(history: &History, since: Option<Timestamp>) -> TestSuite {
    let exact = history.exact.iter().map(|exact| exact_case(exact, since));
    let latency = history.series.iter();
    let latency = latency.map(|series| latency_case(series, since));
    TestSuite::new("fathom history", exact.chain(latency).collect())
}

fn exact_case(exact: &ExactSeries, since: Option<Timestamp>) -> TestCase {
    let regression = exact.regression(since);
    let outcome = match regression {
        Some(_) => TestOutcome::Failed,
        None => TestOutcome::Passed,
    };
    TestCase {
        class: "counted".to_owned(),
        name: exact.name(),
        outcome,
        message: regression.unwrap_or_else(|| "no more than before".to_owned()),
        excess: 0.0,
    }
}

fn latency_case(series: &Series, since: Option<Timestamp>) -> TestCase {
    let (outcome, message, excess) = match series.regression(since) {
        Some(change) => {
            let ratios = change.moved.iter().filter_map(|moved| moved.ratio);
            let worst = ratios.fold(1.0, f64::max);
            (TestOutcome::Failed, change.words(), worst - 1.0)
        }
        None if series.newest_invalid > 0 => (TestOutcome::Undecided, series.invalid_words(), 0.0),
        None if series.needs_more > 0 => {
            let words = format!("{} results more are needed to tell", series.needs_more);
            (TestOutcome::Undecided, words, 0.0)
        }
        None => (
            TestOutcome::Passed,
            "no change for the worse".to_owned(),
            0.0,
        ),
    };
    TestCase {
        class: format!("{} on {}, {}", series.target, series.link, series.mode),
        name: series.name.clone(),
        outcome,
        message,
        excess,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::history::result_fixtures::{dated, night, quick, set_new_code, start};
    use crate::record::Record;

    /// Nights, of which the later half has other code, and latencies that are `level` times as long.
    fn history(nights: usize, level: f64) -> History {
        let record = |number: usize| {
            let is_new = number >= nights / 2;
            let mut record = night(number, if is_new { level } else { 1.0 });
            if is_new {
                set_new_code(&mut record);
            }
            record
        };
        let records: Vec<Record> = (0..nights).map(record).collect();
        History::of(dated(&records), Vec::new(), &quick())
    }

    fn outcomes(suite: &TestSuite) -> Vec<TestOutcome> {
        suite.cases().iter().map(|case| case.outcome).collect()
    }

    #[test]
    fn only_a_regression_fails_and_too_few_results_are_undecided() {
        let slower = history(24, 1.2);
        let failed = suite(&slower, None);
        let of_latency = |case: &&TestCase| case.outcome == TestOutcome::Failed;
        let case = failed.cases().iter().find(of_latency).unwrap();
        assert!(case.excess > 0.1, "{case:?}");
        assert!(!outcomes(&suite(&slower, Some(start(20)))).contains(&TestOutcome::Failed));
        for (history, expected) in [
            (history(24, 0.8), TestOutcome::Passed),
            (history(4, 1.2), TestOutcome::Undecided),
        ] {
            let outcomes = outcomes(&suite(&history, None));
            assert!(outcomes.contains(&expected), "{outcomes:?}");
            assert!(!outcomes.contains(&TestOutcome::Failed));
        }
    }
}
