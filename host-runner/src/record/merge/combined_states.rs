//! States of the percentiles of a sum, from those of its parts.
//!
//! A percentile of all samples lies between the lowest and the highest of the parts' own, so the least of the parts' lower
//! bounds is one of the sum. Whatever stood against the percentile of one part stands against that of the sum.

use std::collections::BTreeMap;

use crate::histogram::DurationHistogram;
use crate::record::Run;
use crate::stats::percentile_rule::{PERCENTILES, Percentile};
use crate::stats::{PercentileState, State};

/// Returns the state of each percentile of `latency`, which is the sum of those of `runs`; values from
/// `censored_from_ns` on are lower bounds. None are known if a part does not tell its own.
pub(super) fn combine(
    runs: &[&Run],
    latency: &DurationHistogram,
    censored_from_ns: Option<u64>,
) -> BTreeMap<String, PercentileState> {
    if runs.iter().any(|run| run.percentiles.is_empty()) {
        return BTreeMap::new();
    }
    let state = |percentile: &Percentile| {
        let parts = runs
            .iter()
            .filter_map(|run| run.percentiles.get(percentile.name));
        let parts: Vec<&PercentileState> = parts.collect();
        let state = of_percentile(&parts, percentile.of(latency), censored_from_ns);
        (percentile.name.to_owned(), state)
    };
    PERCENTILES.iter().map(state).collect()
}

/// Returns the state of a percentile of `value_ns`.
fn of_percentile(
    parts: &[&PercentileState],
    value_ns: Option<u64>,
    censored_from_ns: Option<u64>,
) -> PercentileState {
    let few = PercentileState {
        state: State::Few,
        low_ns: None,
        high_ns: None,
        stalls: None,
        host_share: None,
    };
    let Some(value_ns) = value_ns else {
        return few;
    };
    // A part of too few requests tells nothing.
    let told = parts.iter().filter(|part| part.low_ns.is_some());
    let is_censored = censored_from_ns.is_some_and(|from_ns| value_ns >= from_ns);
    // Whether the value lies among lost requests is seen in the sum alone.
    let worst = told
        .clone()
        .map(|part| part.state)
        .filter(|state| *state != State::Censored)
        .max();
    let state = match worst {
        Some(State::Clean | State::Partly | State::Late) if is_censored => State::Censored,
        Some(state) => state,
        None if is_censored => State::Censored,
        // Stalls were told apart by none.
        None => State::Few,
    };
    let least_ns = told.clone().filter_map(|part| part.low_ns).min();
    let low_ns = match state {
        State::Clean => value_ns,
        _ => least_ns.map_or(value_ns, |low_ns| low_ns.min(value_ns)),
    };
    PercentileState {
        state,
        low_ns: Some(low_ns),
        high_ns: (!is_censored).then_some(value_ns),
        stalls: None,
        host_share: told.filter_map(|part| part.host_share).reduce(f64::max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(state: State, low_ns: Option<u64>) -> PercentileState {
        PercentileState {
            state,
            low_ns,
            high_ns: low_ns,
            stalls: None,
            host_share: None,
        }
    }

    fn state(
        parts: &[PercentileState],
        value_ns: Option<u64>,
    ) -> (State, Option<u64>, Option<u64>) {
        let parts: Vec<_> = parts.iter().collect();
        let state = of_percentile(&parts, value_ns, Some(1_000_000));
        (state.state, state.low_ns, state.high_ns)
    }

    #[test]
    fn the_worst_part_decides() {
        let clean = part(State::Clean, Some(100));
        let late = part(State::Late, Some(80));
        let host = part(State::Host, Some(40));
        let few = part(State::Few, None);
        assert_eq!(
            state(&[clean, clean], Some(110)),
            (State::Clean, Some(110), Some(110))
        );
        assert_eq!(
            state(&[clean, late], Some(110)),
            (State::Late, Some(80), Some(110))
        );
        assert_eq!(
            state(&[late, host, clean], Some(110)),
            (State::Host, Some(40), Some(110))
        );
        assert_eq!(state(&[clean, few], Some(110)).0, State::Clean);
        assert_eq!(state(&[few, few], Some(110)).0, State::Few);
        assert_eq!(state(&[clean], None), (State::Few, None, None));
    }

    #[test]
    fn lost_requests_decide_where_they_are_in_the_sum() {
        let clean = part(State::Clean, Some(100));
        let censored = PercentileState {
            high_ns: None,
            ..part(State::Censored, Some(1_000_000))
        };
        assert_eq!(state(&[clean, censored], Some(200)).0, State::Clean);
        let all = state(&[clean, censored], Some(1_000_000));
        assert_eq!(all, (State::Censored, Some(100), None));
    }
}
