//! Trust in a measurement, in one sentence made from the states of its percentiles.

use crate::record::Run;
use crate::stats::State;
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::summary::percentile_columns;

/// Percentiles in a row that have one state.
#[derive(Debug)]
struct Stretch {
    first: String,
    last: String,
    count: usize,
    state: State,
}

/// Returns the sentence: `p50 to p99: yes; p99.9: between send and due, the generator was late`. A run
/// that is not valid begins with the reasons.
#[must_use]
pub fn sentence(run: &Run) -> String {
    let states = states(run);
    let reasons = (!run.valid).then(|| format!("INVALID: {}", run.invalid_because.join("; ")));
    if states.is_empty() {
        let nothing = match run.latency_ns.p50 {
            Some(_) => "valid",
            None => "valid, but too few requests for any percentile",
        };
        return reasons.unwrap_or_else(|| nothing.to_owned());
    }
    reasons
        .into_iter()
        .chain([states])
        .collect::<Vec<_>>()
        .join("; ")
}

/// Returns what there is to say of the percentiles; nothing of a record without states.
#[must_use]
pub fn states(run: &Run) -> String {
    let parts = stretches(run)
        .into_iter()
        .enumerate()
        .map(|(index, stretch)| {
            let names = match (stretch.count, index) {
                (1, _) => stretch.first,
                (2, _) => format!("{}, {}", stretch.first, stretch.last),
                _ => format!("{} to {}", stretch.first, stretch.last),
            };
            format!("{names}: {}", words(stretch.state))
        });
    parts.collect::<Vec<_>>().join("; ")
}

/// Returns the lowest percentile that is not told as it is, with its state.
#[must_use]
pub fn first_doubt(run: &Run) -> Option<(String, State)> {
    let stretches = stretches(run).into_iter();
    let mut doubtful =
        stretches.filter(|stretch| !matches!(stretch.state, State::Clean | State::Few));
    doubtful
        .next()
        .map(|stretch| (stretch.first, stretch.state))
}

/// The percentiles that have a value and a state, those of one state together.
fn stretches(run: &Run) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for column in percentile_columns(&PERCENTILES, [&run.latency_ns]) {
        let has_value = run.latency_ns.get(&column.name).flatten().is_some();
        let Some(found) = run.percentiles.get(&column.name).filter(|_| has_value) else {
            continue;
        };
        match stretches.last_mut() {
            Some(last) if last.state == found.state => {
                last.last = column.name;
                last.count += 1;
            }
            _ => stretches.push(Stretch {
                first: column.name.clone(),
                last: column.name,
                count: 1,
                state: found.state,
            }),
        }
    }
    stretches
}

/// Returns what a state means for those who would trust a value.
#[must_use]
pub const fn words(state: State) -> &'static str {
    match state {
        State::Clean => "yes",
        State::Partly => "a range, for the host's gaps hit requests",
        State::Late => "a range, for the generator was late",
        State::Host => "no, the host's own gaps can explain all of it",
        State::Dropped => "no, this host dropped requests",
        State::Censored => "at least the timeout, for requests were lost",
        State::Few => "yes, though few stalls make it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures;

    #[test]
    fn percentiles_of_one_state_are_told_together() {
        let mut run = fixtures::stated_run([State::Clean, State::Clean, State::Late, State::Few]);
        assert_eq!(
            sentence(&run),
            "p50, p90: yes; p99: a range, for the generator was late; p99.9: yes, though few stalls make it"
        );
        assert_eq!(first_doubt(&run), Some(("p99".to_owned(), State::Late)));
        run.valid = false;
        run.invalid_because = vec!["the host slept".to_owned()];
        assert!(sentence(&run).starts_with("INVALID: the host slept; p50, p90: yes"));
        let run = fixtures::stated_run([State::Clean; 4]);
        assert_eq!(sentence(&run), "p50 to p99.9: yes");
        assert_eq!(first_doubt(&run), None);
    }

    #[test]
    fn a_record_without_states_is_valid_or_not() {
        let mut run = fixtures::closed_run();
        run.percentiles.clear();
        assert_eq!(sentence(&run), "valid");
        run.latency_ns.p50 = None;
        assert!(sentence(&run).ends_with("too few requests for any percentile"));
        run.valid = false;
        run.invalid_because = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(sentence(&run), "INVALID: a; b");
    }
}
