//! Threads that were kept off their CPUs, and whose doing that was.

use super::*;

/// Returns the observation of an answering thread that was off its CPU for `waited_ns`.
fn kept_off(waited_ns: u64) -> Noise {
    Noise {
        answering: Some(ThreadNoise {
            ran_ns: 1_000_000_000,
            waited_ns,
            slices: 500,
            involuntary_switches: 500,
            ..ThreadNoise::default()
        }),
        ..Noise::default()
    }
}

#[test]
fn a_service_that_had_no_cpu_is_the_hosts_and_is_named() {
    let mut recorder = recorder(Mode::Closed, 20, 100_000, 0);
    lose(&mut recorder, 21);
    let tally = Tally {
        sent: 41,
        received: 20,
        lost: 21,
        ..good()
    };
    let judgement = judged(
        policy("p99", false),
        &tally,
        &recorder,
        &kept_off(2_400_000_000),
    );
    assert_eq!(judgement.percentiles["p50"].state, State::Host);
    assert_eq!((judgement.is_valid(), judgement.valid_to), (false, None));
    let host = &judgement.decisive[0];
    assert_eq!(
        (host.code, host.thread, host.ns),
        (Code::Host, Some(Thread::Answering), Some(2_400_000_000))
    );
    let because = judgement.invalid_because();
    assert!(
        because[0].starts_with("other programs had the answering thread's CPU for 2.40 s in all"),
        "{because:?}"
    );
    assert!(judgement.advice()[0].contains("fathom doctor"));
    let judgement = judged(policy("p99", false), &tally, &recorder, &kept_off(0));
    assert_eq!(judgement.percentiles["p50"].state, State::Censored);
}

#[test]
fn the_instruments_use_of_a_shared_cpu_invalidates_nothing() {
    // On link tap with two CPUs QEMU's main loop waits whenever the measuring thread runs.
    let recorder = recorder(Mode::Closed, 10_000, 20_000, 0);
    let thread = |ran_ns, waited_ns, slices, involuntary_switches| {
        Some(ThreadNoise {
            ran_ns,
            waited_ns,
            slices,
            involuntary_switches,
            migrations: Some(0),
            cpu: Some(1),
            ..ThreadNoise::default()
        })
    };
    let noise = Noise {
        measuring: thread(98_000_000, 31_000, 10_000, 0),
        carrying: thread(223_000_000, 97_900_000, 11_800, 10_002),
        ..Noise::default()
    };
    let judgement = judged(policy("p99", true), &good(), &recorder, &noise);
    assert!(judgement.is_valid(), "{judgement:#?}");
    assert_eq!(judgement.percentiles["p99"].state, State::Clean);
    let [own] = &judgement.reasons[..] else {
        panic!("{:#?}", judgement.reasons);
    };
    assert_eq!(
        (own.code, own.thread, own.ns),
        (Code::SharedCpu, Some(Thread::Carrying), Some(97_900_000))
    );
    let words = own.to_string();
    assert!(
        words.starts_with("the measuring thread had the carrying thread's CPU for up to 97.9 ms"),
        "{words}"
    );
    assert!(own.code.advice().unwrap().contains("three CPUs"));
    // Where each has a CPU of its own, nothing of it is the instrument's.
    let mut apart = noise;
    apart.carrying.as_mut().unwrap().cpu = Some(2);
    let judgement = judged(policy("p99", true), &good(), &recorder, &apart);
    assert_eq!(judgement.reasons, []);
}

#[test]
fn a_bracket_names_the_thread_that_decided_it_and_counts() {
    // 200 of 10,000 replies take 2 ms for a gap of the measuring thread each; the other waited for longer.
    let mut recorder = recorder(Mode::Closed, 10_000, 100_000, 0);
    for index in 0..200 {
        recorder.replied(Sample {
            at_ns: 20_000_000 + index * 10_000_000,
            latency_ns: 2_000_000,
            round_trip_ns: 2_000_000,
            is_closed_loop_sample: true,
            guest_times: None,
        });
    }
    recorder.gaps = Some(DurationHistogram::of_values([1_900_000; 200]));
    let noise = Noise {
        measuring: Some(ThreadNoise {
            waited_ns: 1_000_000,
            slices: 3,
            ..ThreadNoise::default()
        }),
        beside: Some(crate::host::gaps::GapSummary {
            total_gap_ns: 380_000_000,
            ..crate::host::gaps::GapSummary::default()
        }),
        answering: Some(ThreadNoise {
            waited_ns: 400_000_000,
            slices: 2,
            involuntary_switches: 2,
            ..ThreadNoise::default()
        }),
        ..Noise::default()
    };
    let judgement = judged(policy("p99", false), &good(), &recorder, &noise);
    assert!(judgement.is_valid(), "{judgement:#?}");
    assert_eq!(judgement.percentiles["p99"].state, State::Partly);
    let host = &judgement.reasons[0];
    assert_eq!(
        (host.code, host.thread, host.by, host.ns),
        (
            Code::Host,
            Some(Thread::Measuring),
            Some(TakenBy::Interrupts),
            Some(379_000_000)
        )
    );
    let words = host.to_string();
    assert!(
        words.starts_with(
            "interrupts or other virtual machines had the measuring thread's CPU for 379 ms in all"
        ),
        "{words}"
    );
    let strict = judged(policy("p99", true), &good(), &recorder, &noise);
    assert!(!strict.is_valid());
}
