//! Runs, and what is said of each.

use super::*;
use crate::histogram::DurationHistogram;
use crate::host::noise::ThreadNoise;
use crate::load::{Limit, Loss, Observer, Rate, Sample};

mod threads;

/// A tally of 10,000 requests in a second, all of them answered.
fn good() -> Tally {
    Tally {
        sent: 10_000,
        received: 10_000,
        completed: 10_000,
        sending_ns: 1_000_000_000,
        elapsed_ns: 1_000_000_000,
        ..Tally::default()
    }
}

const OPEN: Mode = Mode::Open {
    rate: Rate::per_second(1000),
    arrivals: crate::load::Arrivals::Even,
};

fn plan(mode: Mode) -> Plan {
    Plan {
        mode,
        measure: Limit::NOTHING,
        seed: 0,
        ..Plan::FIXTURE
    }
}

/// A recorder with `count` replies, the tenth of which takes twice as long.
fn recorder(mode: Mode, count: u64, latency_ns: u64, lateness_ns: u64) -> RunRecorder {
    let mut recorder = RunRecorder::new(&plan(mode));
    recorder.started(0);
    for index in 0..count {
        let longer = if index % 10 == 9 { 2 } else { 1 };
        recorder.sent(lateness_ns);
        recorder.replied(Sample {
            at_ns: index * 1000,
            latency_ns: latency_ns * longer,
            round_trip_ns: latency_ns * longer - lateness_ns,
            is_closed_loop_sample: true,
            guest_times: None,
        });
    }
    recorder
}

fn lose(recorder: &mut RunRecorder, count: u64) {
    for index in 0..count {
        recorder.lost(Loss {
            at_ns: 1_000_000_000 + index,
            latency_ns: 1_000_000_000,
            round_trip_ns: 1_000_000_000,
            is_closed_loop_sample: true,
        });
    }
}

fn policy(needs: &str, is_strict: bool) -> Policy {
    Policy {
        needs: needs.parse().unwrap(),
        is_strict,
    }
}

fn judged(policy: Policy, tally: &Tally, recorder: &RunRecorder, noise: &Noise) -> Judgement {
    let mode = if recorder.open.is_some() {
        OPEN
    } else {
        Mode::Closed
    };
    judge(
        policy,
        &plan(mode),
        &Ended::Completed,
        tally,
        recorder,
        noise,
    )
}

#[test]
fn a_good_run_is_valid_to_what_it_has_requests_for() {
    let recorder = recorder(OPEN, 10_000, 100_000, 1000);
    for is_strict in [false, true] {
        let judgement = judged(
            policy("p99", is_strict),
            &good(),
            &recorder,
            &Noise::default(),
        );
        assert!(judgement.is_valid(), "{judgement:#?}");
        assert_eq!(judgement.valid_to, Some("p99.9"));
        assert_eq!(judgement.judged_by, Some("p99"));
        assert_eq!(judgement.reasons, []);
        assert!(judgement.advice().is_empty() && judgement.invalid_because().is_empty());
    }
}

#[test]
fn each_fault_of_a_whole_run_is_a_code_and_makes_it_invalid() {
    let mut saturated = recorder(Mode::Closed, 10_000, 100_000, 0);
    saturated.lost(Loss {
        at_ns: 0,
        latency_ns: u64::MAX,
        round_trip_ns: 1,
        is_closed_loop_sample: true,
    });
    let whole = recorder(Mode::Closed, 10_000, 100_000, 0);
    let nothing = Tally {
        received: 0,
        ..good()
    };
    let foreign = Tally {
        foreign: 2,
        ..good()
    };
    let died = Ended::Failed("QEMU ended".to_owned());
    for (ended, tally, recorder, code, words) in [
        (
            Ended::Interrupted,
            good(),
            &whole,
            Code::Interrupted,
            "interrupted",
        ),
        (died, good(), &whole, Code::Failed, "QEMU ended"),
        (
            Ended::Completed,
            nothing,
            &whole,
            Code::NothingReceived,
            "nothing was received",
        ),
        (
            Ended::Completed,
            foreign,
            &whole,
            Code::ForeignBoot,
            "the service was restarted: replies from another boot: 2",
        ),
        (
            Ended::Completed,
            good(),
            &saturated,
            Code::Saturated,
            "latencies beyond what a histogram holds: 1",
        ),
    ] {
        let noise = Noise::default();
        let plan = plan(Mode::Closed);
        let judgement = judge(Policy::default(), &plan, &ended, &tally, recorder, &noise);
        assert!(!judgement.is_valid(), "{words}");
        assert_eq!(judgement.decisive[0].code, code);
        assert!(code.is_structural());
        assert_eq!(judgement.invalid_because(), [words]);
    }
}

#[test]
fn a_late_generator_is_told_and_voids_nothing_but_a_strict_run() {
    let recorder = recorder(OPEN, 10_000, 100_000, 30_000);
    let judgement = judged(policy("p99", false), &good(), &recorder, &Noise::default());
    assert!(judgement.is_valid());
    assert_eq!(judgement.valid_to, Some("p99.9"));
    let [late] = &judgement.reasons[..] else {
        panic!("{:#?}", judgement.reasons);
    };
    assert_eq!(
        (late.code, late.percentile.as_deref()),
        (Code::Late, Some("p50"))
    );
    assert!(late.ns.unwrap().abs_diff(30_000) < 200, "{late:?}");
    let judgement = judged(policy("p99", true), &good(), &recorder, &Noise::default());
    assert_eq!((judgement.is_valid(), judgement.valid_to), (false, None));
    let because = judgement.invalid_because();
    assert_eq!(because.len(), 1);
    assert!(
        because[0].starts_with("the generator was late: 30.0 µs of p50"),
        "{because:?}"
    );
    assert!(judgement.advice()[0].contains("lower `--rate`"));
}

#[test]
fn a_service_that_loses_requests_is_no_invalid_one() {
    let mut recorder = recorder(Mode::Closed, 9_000, 100_000, 0);
    lose(&mut recorder, 1_000);
    let tally = Tally {
        received: 9_000,
        lost: 1_000,
        ..good()
    };
    let judgement = judged(policy("p99", false), &tally, &recorder, &Noise::default());
    assert!(judgement.is_valid(), "{judgement:#?}");
    assert_eq!(judgement.percentiles["p99"].state, State::Censored);
    assert_eq!(judgement.percentiles["p90"].state, State::Clean);
    let censored = &judgement.reasons[0];
    assert_eq!(censored.code, Code::Censored);
    assert_eq!(
        (censored.percentile.as_deref(), censored.count),
        (Some("p99"), Some(1000))
    );
    assert!(!judged(policy("p99", true), &tally, &recorder, &Noise::default()).is_valid());
    assert!(judged(policy("p90", true), &tally, &recorder, &Noise::default()).is_valid());
}

#[test]
fn only_what_is_needed_has_to_be_right() {
    // Some 97 of 10,000 replies take 2 ms, and 97 gaps of that length were seen.
    let mut recorder = recorder(Mode::Closed, 10_000, 100_000, 0);
    for index in 0..97 {
        let at_ns = 20_000_000 + index * 10_000_000;
        for (at_ns, latency_ns) in [(at_ns, 2_000_000), (at_ns + 5_000_000, 100_000)] {
            recorder.replied(Sample {
                at_ns,
                latency_ns,
                round_trip_ns: latency_ns,
                is_closed_loop_sample: true,
                guest_times: None,
            });
        }
    }
    recorder.gaps = Some(DurationHistogram::of_values([1_900_000; 97]));
    let noise = Noise {
        foreign_ns: Some(184_300_000),
        ..Noise::default()
    };
    let judgement = judged(policy("p99", false), &good(), &recorder, &noise);
    assert!(judgement.is_valid());
    assert_eq!(judgement.valid_to, Some("p99"));
    assert_eq!(judgement.percentiles["p99.9"].state, State::Host);
    // Told all the same.
    assert_eq!(judgement.reasons[0].code, Code::Host);
    assert_eq!(judgement.reasons[0].percentile.as_deref(), Some("p99.9"));
    let judgement = judged(policy("p99.9", false), &good(), &recorder, &noise);
    assert!(!judgement.is_valid());
    assert_eq!(
        judgement.reasons.len(),
        1,
        "once each: {:#?}",
        judgement.reasons
    );
    assert_eq!(judgement.decisive, judgement.reasons);
}

#[test]
fn a_short_run_is_judged_by_what_it_has_requests_for() {
    for (count, judged_by, valid_to) in [
        (1000, Some("p99"), Some("p99")),
        (999, Some("p90"), Some("p90")),
        (50, Some("p50"), Some("p50")),
        (19, None, None),
    ] {
        let recorder = recorder(Mode::Closed, count, 100_000, 0);
        let tally = Tally {
            sent: count,
            received: count,
            ..good()
        };
        let judgement = judged(policy("p99", false), &tally, &recorder, &Noise::default());
        assert!(judgement.is_valid(), "{count}");
        assert_eq!(
            (judgement.judged_by, judgement.valid_to),
            (judged_by, valid_to)
        );
        let is_short = judged_by != Some("p99");
        let found = judgement
            .reasons
            .iter()
            .find(|reason| reason.code == Code::Few);
        assert_eq!(
            found.and_then(|reason| reason.count),
            is_short.then_some(count)
        );
        // A gate wants to know.
        let strict = judged(policy("p99", true), &tally, &recorder, &Noise::default());
        assert_eq!(strict.is_valid(), !is_short, "{strict:#?}");
        if is_short {
            assert_eq!(strict.decisive[0].code, Code::Few);
            assert_eq!(strict.advice(), ["measure for longer"]);
        }
    }
}

#[test]
fn a_few_ticks_of_steal_are_told_and_judged_by_nobody() {
    let stolen = |ticks, share| {
        let thread = ThreadNoise {
            steal_ticks: Some(ticks),
            steal_share: Some(share),
            ..ThreadNoise::default()
        };
        let noise = Noise {
            measuring: Some(thread),
            answering: Some(thread),
            ..Noise::default()
        };
        let recorder = recorder(Mode::Closed, 10_000, 100_000, 0);
        judged(policy("p99", false), &good(), &recorder, &noise)
    };
    // 2 of 141 ticks; many of very many; and what is held against the run.
    assert_eq!(stolen(2, 0.014).reasons, []);
    assert_eq!(stolen(9, 0.5).reasons, []);
    assert_eq!(stolen(100, 0.019).reasons, []);
    let judgement = stolen(10, 0.02);
    assert_eq!(judgement.reasons.last().unwrap().code, Code::Steal);
    // 100 ms of requests that take 100 us are a thousandth of 10,000 requests, 10 at the most.
    assert!(judgement.is_valid(), "{judgement:#?}");
    let words = judgement.reasons.last().unwrap().to_string();
    assert!(
        words.contains("2.00 %") && words.contains("steal"),
        "{words}"
    );
}

#[test]
fn a_need_is_one_of_the_percentiles() {
    for percentile in PERCENTILES {
        let needs: Needs = percentile.name.parse().unwrap();
        assert_eq!(needs.name(), percentile.name);
    }
    assert_eq!(Needs::default().name(), "p99");
    let error = "p75".parse::<Needs>().unwrap_err();
    assert!(error.contains("p50, p90, p99, p99.9, p99.99"), "{error}");
}

#[test]
fn codes_are_stable_names() {
    let json = serde_json::to_value(Reason {
        count: Some(3),
        ..Reason::of(Code::FewStalls).at("p99.9")
    });
    let expected = serde_json::json!({
        "code": "few_stalls", "percentile": "p99.9", "count": 3
    });
    assert_eq!(json.unwrap(), expected);
}
