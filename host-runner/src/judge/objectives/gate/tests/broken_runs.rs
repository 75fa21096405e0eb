//! Outcomes of runs that were broken off: certain of the whole run, or undecided.

use super::*;

/// Requests that the run was to have.
const PLANNED: u64 = 100_000;

/// A run that was broken off with `slow` requests of 2 us and more, after as many faster ones.
fn broken_off(slow: u64) -> (Run, Distribution) {
    let mut latency = DurationHistogram::default();
    for _ in 0..slow {
        latency.record(900);
        latency.record(2000);
    }
    let (mut run, mut distribution) = run(&ONE);
    run.latency_ns = (&latency).into();
    distribution.histogram = latency.histogram();
    (run.sent, run.received) = (2 * slow, 2 * slow);
    run.percentiles.clear();
    (run.partial, run.valid) = (true, false);
    run.invalid_because = vec!["interrupted".to_owned()];
    run.planned_requests = Some(PLANNED);
    (run, distribution)
}

fn state_of(run: (Run, Distribution), text: &str) -> ObjectiveState {
    state(&source_of(vec![run]), text)
}

#[test]
fn what_more_requests_would_not_mend_is_missed_and_all_else_undecided() {
    // A hundred of a hundred thousand lie beyond p99.9, and some fifty more by chance.
    let source = source_of(vec![broken_off(170)]);
    let missed = judged(&source, "p99.9 <= 1us");
    assert_eq!(missed.state, Missed, "{missed:?}");
    let expected = "certain, although no run is valid: interrupted";
    assert_eq!(missed.needs.as_deref(), Some(expected));
    assert_eq!((missed.value, missed.limit), (None, Some(1000.0)));
    assert_eq!(state_of(broken_off(100), "p99.9 <= 1us"), Undecided);
    for (text, expected) in [
        ("p99.9 <= 2.1us", Undecided),
        ("p99 <= 1us", Undecided),
        // Judged by a million.
        ("p99.99 <= 1us", Undecided),
        ("max <= 1.9us", Missed),
        ("max < 2us", Missed),
        ("max <= 2us", Undecided),
        ("lost_share <= 1%", Undecided),
        ("min >= 1us", Undecided),
        ("p99.9 <= 8 floors", Undecided),
        ("lost == 0", Undecided),
    ] {
        assert_eq!(state(&source, text), expected, "{text}");
    }
}

#[test]
fn a_share_of_losses_is_that_of_all_requests_that_were_planned() {
    let lossy = |lost| {
        let (mut run, distribution) = broken_off(100);
        run.lost = lost;
        source_of(vec![(run, distribution)])
    };
    assert_eq!(state(&lossy(1000), "lost_share <= 1%"), Undecided);
    let missed = judged(&lossy(1001), "lost_share <= 1%");
    assert_eq!((missed.state, missed.unit.as_str()), (Missed, "share"));
}

#[test]
fn nothing_is_certain_of_an_unknown_number_of_requests_or_of_a_round() {
    let (mut unknown, distribution) = broken_off(170);
    unknown.planned_requests = None;
    let unknown = source_of(vec![(unknown, distribution)]);
    assert_eq!(state(&unknown, "p99.9 <= 1us"), Undecided);
    assert_eq!(state(&unknown, "max <= 1us"), Missed);
    let (mut round, distribution) = broken_off(170);
    round.round = Some(1);
    let round = source_of(vec![(round, distribution)]);
    assert_eq!(state(&round, "p99.9 <= 1us"), Undecided);
    assert_eq!(state(&round, "max <= 1us"), Undecided);
    // A run that came to its end and is not valid may have been spoilt by the host.
    let (mut whole, distribution) = broken_off(170);
    whole.partial = false;
    let whole = source_of(vec![(whole, distribution)]);
    assert_eq!(state(&whole, "max <= 1us"), Undecided);
}

#[test]
fn a_percentile_that_the_host_can_have_made_is_not_missed() {
    let in_state = |state, low_ns| {
        let (mut run, distribution) = broken_off(170);
        let own = PercentileState {
            state,
            low_ns,
            high_ns: Some(2000),
            stalls: None,
            host_share: None,
        };
        run.percentiles.insert("p99.9".to_owned(), own);
        source_of(vec![(run, distribution)])
    };
    let text = "p99.9 <= 1us";
    assert_eq!(state(&in_state(State::Host, Some(500)), text), Undecided);
    let reason = reason(&in_state(State::Host, Some(500)), text);
    assert!(reason.contains("host's gaps decided it"), "{reason}");
    assert_eq!(state(&in_state(State::Partly, Some(1000)), text), Undecided);
    assert_eq!(state(&in_state(State::Partly, Some(1100)), text), Missed);
    assert_eq!(state(&in_state(State::Clean, Some(2000)), text), Missed);
    assert_eq!(state(&in_state(State::Few, None), text), Missed);
}

#[test]
fn a_policy_that_tolerates_what_is_undecided_tolerates_no_invalid_run() {
    let tolerant = Objectives {
        undecided: UndecidedPolicy::Pass,
        ..objectives(&["p99.9 <= 2.1us"])
    };
    let state = |source: &Source| {
        judge(&tolerant, source, References::default())
            .summary
            .state
    };
    // Valid, with too few samples.
    assert_eq!(state(&source(&[ONE])), Met);
    assert_eq!(state(&source_of(vec![broken_off(170)])), Undecided);
}
