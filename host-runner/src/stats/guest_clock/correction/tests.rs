//! Service times of guests whose clocks are wrong, on virtual time.

use std::convert::Infallible;
use std::sync::atomic::AtomicBool;

use wire::{Header, Verdict};

use super::*;
use crate::load::fake::{Answer, BOOT_ID, FakeLink, VirtualClock};
use crate::load::{self, Limit, LoadContext, Plan, Progress};
use crate::stats::RunRecorder;

/// Time on the way, each way.
const WAY_NS: u64 = 500;

/// Time in the handler, and that of the longest stall there.
const SERVICE_NS: u64 = 200;
const STALL_NS: u64 = 10_000_000;

/// The moment of the guest's boot by the host's clock.
const BOOTED_NS: u64 = 0;

fn plan(warmup: u64, count: u64) -> Plan {
    Plan {
        warmup: Limit::requests(warmup),
        measure: Limit::requests(count),
        seed: 0,
        ..Plan::FIXTURE
    }
}

/// A service whose clock has advanced by `guest_ns` of the host's time since [`BOOTED_NS`], and that stalls
/// in each request that `stalls`.
fn service(
    guest_ns: impl Fn(u64) -> u64,
    stalls: impl Fn(u64) -> bool,
) -> impl FnMut(&Header, &[u8]) -> Vec<Answer> {
    move |header, request| {
        let service_ns = if stalls(header.seq) {
            STALL_NS
        } else {
            SERVICE_NS
        };
        let received_ns = header.t1_ns + WAY_NS - BOOTED_NS;
        let (t2_ns, t3_ns) = (guest_ns(received_ns), guest_ns(received_ns + service_ns));
        let mut answer = request.to_vec();
        let verdict = wire::handle(&mut answer, BOOT_ID, t2_ns, || t3_ns);
        assert_eq!(verdict, Verdict::Reply);
        vec![(2 * WAY_NS + service_ns, answer)]
    }
}

fn measured(plan: &Plan, script: impl FnMut(&Header, &[u8]) -> Vec<Answer>) -> RunRecorder {
    let clock = VirtualClock::default();
    let mut recorder = RunRecorder::new(plan);
    let context = LoadContext {
        link: &mut FakeLink::new(&clock, script),
        observer: &mut recorder,
        now_ns: || clock.now_ns(),
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| Ok::<_, Infallible>(()),
    };
    let (tally, _) = load::run(plan, Some(BOOT_ID), context);
    recorder.end(tally.sending_ns);
    // Nothing is dropped, and each service time and its path are the round trip.
    let counts =
        [&recorder.latency, &recorder.service, &recorder.path].map(DurationHistogram::count);
    assert_eq!(counts, [tally.received; 3]);
    let [sum, service, path] = [&recorder.latency, &recorder.service, &recorder.path]
        .map(|durations| durations.mean_ns().unwrap() * tally.received as f64);
    assert!((sum - service - path).abs() < 1.0, "{sum} {service} {path}");
    recorder
}

fn off_by(rate: f64) -> impl Fn(u64) -> u64 {
    move |ns| (ns as f64 * rate) as u64
}

/// By how many millionths the factor misses `rate`, and how wide its bounds are.
fn errors_ppm(recorder: &RunRecorder, rate: f64) -> (f64, f64) {
    let clock = recorder.correction.clock().expect("it was bounded");
    assert!(clock.low <= clock.host_per_guest && clock.host_per_guest <= clock.high);
    let truth = 1.0 / rate;
    assert!((clock.low..=clock.high).contains(&truth), "{clock:?}");
    let error = (clock.host_per_guest - truth).abs() * 1e6;
    (error, (clock.high - clock.low) * 1e6)
}

#[test]
fn the_longest_service_time_of_a_wrong_clock_is_the_right_one() {
    for rate in [1.0005, 0.9995, 1.0, 1.33] {
        let script = service(off_by(rate), |seq| seq == 300_000);
        let recorder = measured(&plan(200_000, 200_000), script);
        let (error_ppm, width_ppm) = errors_ppm(&recorder, rate);
        assert!(
            error_ppm < 5.0 && width_ppm < 10.0,
            "{error_ppm} {width_ppm}"
        );
        let longest_ns = recorder.service.max_ns().unwrap();
        assert!(longest_ns.abs_diff(STALL_NS) <= 50, "{rate}: {longest_ns}");
        assert_eq!(recorder.impossible_times, 0, "{rate}");
        assert!(recorder.path.max_ns().unwrap() <= 2 * WAY_NS + 60, "{rate}");
        assert_eq!(recorder.correction.reason(), None);
    }
}

#[test]
fn without_warm_up_the_first_replies_wait_for_the_factor() {
    // So many that they don't all find room, and so few that they do.
    for count in [100_000, 5_000] {
        let script = service(off_by(1.0005), |seq| seq == 3);
        let recorder = measured(&plan(0, count), script);
        let (error_ppm, _) = errors_ppm(&recorder, 1.0005);
        assert!(error_ppm < 20.0, "{count}: {error_ppm}");
        let longest_ns = recorder.service.max_ns().unwrap();
        assert!(longest_ns.abs_diff(STALL_NS) <= 200, "{longest_ns}");
        assert_eq!(recorder.impossible_times, 0);
    }
}

#[test]
fn few_replies_leave_a_clock_that_may_be_right_as_it_is() {
    let recorder = measured(&plan(0, 20), service(off_by(1.00004), |_| false));
    let clock = recorder.correction.clock().unwrap();
    assert_eq!(clock.host_per_guest, 1.0);
    assert!(clock.high - clock.low > NARROW);
    let recorder = measured(&plan(0, 1), service(off_by(1.0), |_| false));
    assert_eq!(
        recorder.correction.clock(),
        None,
        "one reply bounds nothing"
    );
    assert_eq!(recorder.service.max_ns(), Some(SERVICE_NS));
}

#[test]
fn warm_up_that_is_measured_by_itself_bounds_the_factor_too() {
    let plan = plan(0, 100_000);
    let clock = VirtualClock::default();
    let mut link = FakeLink::new(&clock, service(off_by(1.0005), |seq| seq == 10));
    let mut recorder = RunRecorder::new(&plan);
    let never = AtomicBool::new(false);
    let mut warm_up = recorder.warm_up();
    let (tally, _) = load::run(
        &plan,
        Some(BOOT_ID),
        LoadContext {
            link: &mut link,
            observer: &mut warm_up,
            now_ns: || clock.now_ns(),
            cancel: &never,
            check: |_: &Progress| Ok::<_, Infallible>(()),
        },
    );
    assert_eq!(warm_up.latency.count(), tally.received);
    let few = self::plan(0, 20);
    let (tally, _) = load::run(
        &few,
        Some(BOOT_ID),
        LoadContext {
            link: &mut link,
            observer: &mut recorder,
            now_ns: || clock.now_ns(),
            cancel: &never,
            check: |_: &Progress| Ok::<_, Infallible>(()),
        },
    );
    recorder.end(tally.sending_ns);
    assert_eq!(recorder.service.count(), 20);
    assert!(errors_ppm(&recorder, 1.0005).0 < 10.0);
    let longest_ns = recorder.service.max_ns().unwrap();
    assert!(longest_ns.abs_diff(STALL_NS) <= 100, "{longest_ns}");
}

/// A clock that runs by `later` after 0.3 s, in which 200,000 requests and their replies are.
fn changing(later: f64) -> impl Fn(u64) -> u64 {
    move |ns| {
        let first_ns = ns.min(300_000_000);
        first_ns + ((ns - first_ns) as f64 * later) as u64
    }
}

#[test]
fn a_clock_that_changes_in_the_run_is_told_and_spoils_service_times_if_it_is_much() {
    for (later, is_spoilt) in [(1.0001, false), (1.002, true)] {
        // Warm-up ends at 0.24 s.
        let recorder = measured(&plan(200_000, 800_000), service(changing(later), |_| false));
        let reason = recorder.correction.reason().expect("it is told");
        let share = reason.share.unwrap();
        assert_eq!(reason.code, Code::GuestClock);
        let change = later - 1.0;
        assert!(
            share > 0.5 * change && share < 1.01 * change,
            "{share} {change}"
        );
        assert_eq!(recorder.correction.is_spoilt(), is_spoilt);
        let clock = recorder.correction.clock().unwrap();
        // Where there was more than one rate, they lie as far apart as that at the least.
        let spread = clock.high - clock.low;
        assert!(spread > 0.9 * change, "{clock:?}");
        assert!((clock.low..=clock.high).contains(&1.0), "{clock:?}");
    }
}

#[test]
fn a_clock_that_changes_in_warm_up_is_the_runs() {
    let recorder = measured(
        &plan(700_000, 100_000),
        service(changing(1.0001), |_| false),
    );
    assert!(errors_ppm(&recorder, 1.0001).0 < 5.0);
    assert_eq!(recorder.correction.reason(), None);
}

#[test]
fn stamps_that_are_nonsense_are_bounded_kept_and_counted() {
    let script = service(
        |ns| if ns % 3 == 0 { u64::MAX - ns } else { ns / 7 },
        |_| false,
    );
    let recorder = measured(&plan(1_000, 20_000), script);
    assert_eq!(recorder.service.count(), 20_000);
    assert!(recorder.impossible_times > 0);
}
