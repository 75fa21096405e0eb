//! A percentile with its state: its value as far as that is known, and a mark that says what else decided
//! it. Terminal, tables and charts show the same.

use crate::quantity::{at_least, between, count};
use crate::record::Run;
use crate::stats::summary::PercentileColumn;
use crate::stats::{PercentileState, State};

/// A percentile as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The value: `1.15 µs`, `12.8–300 µs`, `≥ 1.00 s`, `n/a (needs 10,000)`.
    pub value: String,
    /// The state, where it is not clean: `late`, `host`, `2 stalls`.
    pub mark: Option<String>,
}

impl Marked {
    fn plain(value: String) -> Self {
        Self { value, mark: None }
    }

    /// The value and its mark, in one cell.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.mark {
            Some(mark) => format!("{} ({mark})", self.value),
            None => self.value.clone(),
        }
    }
}

/// Returns the value from which a latency of `run` is a lower bound, because requests were lost.
#[must_use]
pub fn censored_from_ns(run: &Run) -> Option<u64> {
    let of_old_records = (run.lost > 0).then_some(run.timeout_ns);
    run.censored_from_ns.or(of_old_records)
}

/// Returns the percentile of the latency of `run` that `column` is of; `None` if it was never asked for.
#[must_use]
pub fn percentile(run: &Run, column: &PercentileColumn) -> Option<Marked> {
    let known = run.latency_ns.get(&column.name)?;
    let state = run.percentiles.get(&column.name);
    Some(match (known, state) {
        (None, _) => Marked::plain(format!("n/a (needs {})", count(column.samples_needed))),
        (Some(ns), Some(state)) => with_state(ns, state, censored_from_ns(run)),
        (Some(ns), None) => value(ns, censored_from_ns(run)),
    })
}

/// Returns the maximum of the latency of `run`; `None` without a sample.
#[must_use]
pub fn max(run: &Run) -> Option<Marked> {
    let max_ns = run.latency_ns.max?;
    Some(value(max_ns, censored_from_ns(run)))
}

fn value(ns: u64, censored_from_ns: Option<u64>) -> Marked {
    let is_bound = censored_from_ns.is_some_and(|from_ns| ns >= from_ns);
    Marked::plain(at_least(ns as f64, is_bound))
}

fn with_state(ns: u64, state: &PercentileState, censored_from_ns: Option<u64>) -> Marked {
    let value = value(ns, censored_from_ns).value;
    let mark = |words: &str| Some(words.to_owned());
    let mark = match state.state {
        State::Clean => None,
        State::Partly | State::Late => {
            let low_ns = state.low_ns.unwrap_or_default();
            let value = match state.high_ns {
                Some(high_ns) => between(low_ns as f64, high_ns as f64),
                None => at_least(low_ns as f64, true),
            };
            return Marked {
                value,
                mark: mark(if state.state == State::Late {
                    "late"
                } else {
                    "host gaps"
                }),
            };
        }
        State::Host => mark("host"),
        State::Dropped => mark("dropped here"),
        State::Censored => {
            return Marked::plain(at_least(state.low_ns.unwrap_or(ns) as f64, true));
        }
        State::Few => match state.stalls {
            Some(1) => mark("1 stall"),
            Some(stalls) => Some(format!("{} stalls", count(stalls))),
            None => mark("few samples"),
        },
    };
    Marked { value, mark }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures;
    use crate::stats::percentile_rule::PERCENTILES;

    #[test]
    fn every_state_has_its_mark() {
        let text = |state, low_ns, high_ns, stalls| {
            let mut run = fixtures::closed_run();
            let state = PercentileState {
                state,
                low_ns,
                high_ns,
                stalls,
                host_share: None,
            };
            run.percentiles.insert("p99".to_owned(), state);
            percentile(&run, &(&PERCENTILES[2]).into()).unwrap().text()
        };
        for (state, low_ns, high_ns, stalls, expected) in [
            (State::Clean, None, None, None, "29.9 µs"),
            (
                State::Partly,
                Some(1_200),
                Some(11_800),
                None,
                "1.20–11.8 µs (host gaps)",
            ),
            (
                State::Late,
                Some(12_800),
                Some(300_000),
                None,
                "12.8–300 µs (late)",
            ),
            (State::Late, Some(12_800), None, None, "≥ 12.8 µs (late)"),
            (State::Host, None, None, None, "29.9 µs (host)"),
            (State::Dropped, None, None, None, "29.9 µs (dropped here)"),
            (State::Censored, Some(1_000_000_000), None, None, "≥ 1.00 s"),
            (State::Few, None, None, Some(2), "29.9 µs (2 stalls)"),
            (State::Few, None, None, Some(1), "29.9 µs (1 stall)"),
            (State::Few, None, None, None, "29.9 µs (few samples)"),
        ] {
            assert_eq!(text(state, low_ns, high_ns, stalls), expected, "{state:?}");
        }
    }

    #[test]
    fn a_record_without_states_tells_lost_requests_as_bounds() {
        let mut run = fixtures::closed_run();
        let of = |run: &Run, index: usize| {
            percentile(run, &(&PERCENTILES[index]).into())
                .unwrap()
                .text()
        };
        assert_eq!(of(&run, 3), "n/a (needs 10,000)");
        assert_eq!(max(&run).unwrap().text(), "≥ 1.00 s");
        (run.lost, run.censored_from_ns) = (0, Some(29_000));
        assert_eq!(
            [0, 2].map(|index| of(&run, index)),
            ["25.0 µs", "≥ 29.9 µs"]
        );
    }
}
