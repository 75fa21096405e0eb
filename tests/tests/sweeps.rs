//! `fathom run --sweep`: the pipeline, the steps of the ladder and their attempts, and which requests were accounted
//! for. None of the figures is expected to be good.
#![forbid(unsafe_code)]

use std::fs;

use serde_json::Value;
use tests::fathom::Call;
use tests::qemu_lock::lock_qemu;

#[test]
fn a_sweep_of_loads_in_one_boot() {
    let lock = lock_qemu();
    let load = "--sweep --depth 8 --duration 100ms --warmup 20ms --timeout 1s";
    let arguments = &format!("--accel tcg --quiet 0s {load}");
    let outcome = Call::run(arguments).finish(&lock);
    let results = outcome.completed("out");
    let runs = results.json["runs"].as_array().unwrap();
    let (pipeline, steps) = runs.split_first().unwrap();
    // Every step is a row, and one that is valid will do.
    let is_valid = pipeline["valid"] == true && steps.iter().any(|run| run["valid"] == true);
    assert_eq!(outcome.code == Some(0), is_valid, "{outcome:#?}");
    assert_eq!(pipeline["mode"], "pipeline");
    let maximum = pipeline["achieved_rate"].as_f64().unwrap();
    // On a host that is busy enough the generator keeps its schedule at no rate, or gets nothing back at all.
    let most = results.json["generator_limit"].as_f64();
    let most = most.unwrap_or(f64::INFINITY);
    let on_time = results.json["generator_on_time_limit"].as_f64();
    assert!(on_time.is_none_or(|on_time| on_time <= most));
    let top = maximum.min(on_time.unwrap_or(most));
    let table = fs::read_to_string(outcome.file("out/sweep.txt")).unwrap();
    assert!(outcome.stdout.contains(&table), "{outcome:#?}");
    // The ladder ends at its top, or where the generator is the limit.
    let is_limited = |run: &Value| run["generator_limited"] == true;
    let (last, before) = steps.split_last().unwrap();
    assert!(steps.len() >= 10 || is_limited(last), "{steps:#?}");
    let offered = last["offered_rate"].as_f64().unwrap();
    assert!(offered <= maximum.min(most), "{last:#}");
    assert!(!before.iter().any(is_limited), "{steps:#?}");
    for run in steps {
        let percent = run["sweep_percent"].as_u64().unwrap();
        let offered = run["offered_rate"].as_f64().unwrap();
        assert!(
            (offered - top * percent as f64 / 100.0).abs() <= 1.0,
            "{run:#}"
        );
        assert_eq!(run["boot_ms"], runs[0]["boot_ms"], "one boot");
        assert!(table.contains(&format!("{percent} %")), "{table}");
        for extension in ["hgrm", "hlog"] {
            let name = format!("out/hermit-vhost-user-open-{percent}-percent.{extension}");
            assert!(outcome.file(&name).exists(), "{name}");
        }
    }
    let mut earlier = pipeline;
    let mut out = 0;
    for (attempt, kept) in attempts(steps) {
        out += requests_out(attempt);
        if let Some(run) = kept {
            expect_accounted(run, earlier, out);
            earlier = run;
            out = 0;
        }
    }
}

/// Returns all attempts at the steps of a sweep in the order in which they were made, each with the run that it is if
/// it was kept.
fn attempts(steps: &[Value]) -> Vec<(&Value, Option<&Value>)> {
    let mut all = Vec::new();
    for run in steps {
        let Some(attempts) = run["attempts"].as_array() else {
            all.push((run, Some(run)));
            continue;
        };
        assert!((2..=3).contains(&attempts.len()), "{run:#}");
        let is_kept = |attempt: &&Value| attempt["kept"] == true;
        assert_eq!(attempts.iter().filter(is_kept).count(), 1, "{run:#}");
        for attempt in attempts {
            let kept = Some(run).filter(|_| is_kept(&attempt));
            assert!(
                kept.is_none_or(|run| run["sent"] == attempt["sent"]
                    && run["started_at"] == attempt["started_at"]),
                "{run:#}"
            );
            all.push((attempt, kept));
        }
    }
    // All are in UTC, and as long.
    all.sort_by_key(|(attempt, _)| attempt["started_at"].as_str());
    all
}

/// Returns the number of requests that an attempt sent, warm-up's among them.
fn requests_out(attempt: &Value) -> u64 {
    let count = |field: &str| attempt[field].as_u64().unwrap();
    count("sent") + count("warmup_discarded")
}

/// Holds an open loop's requests to what the guest's counters say, before and after; `earlier` is the run before on the
/// same guest whose counters are known, and `out` the number of requests since.
fn expect_accounted(run: &Value, earlier: &Value, out: u64) {
    let count = |field: &str| run[field].as_u64().unwrap();
    let (sent, lost) = (count("sent"), count("lost"));
    assert_eq!(run["arrivals"], "poisson");
    assert_eq!(sent, count("received") + lost);
    let counted = |run: &Value| {
        let received = &run["guest_counters"]["datagrams_received"];
        received.as_u64().unwrap()
    };
    let arrived = counted(run) - counted(earlier);
    assert!(arrived <= out, "{arrived} of {run:#}");
    // What never reached the guest is told, and nothing else is.
    let losses = |part: &str| run["losses"][part].as_u64().unwrap();
    let missing = losses("not_received_by_guest");
    assert!(missing <= out - arrived, "{missing} of {run:#}");
    let elsewhere = losses("dropped_by_guest") + losses("answer_lost");
    assert_eq!(missing + elsewhere, lost, "{run:#}");
    assert_eq!(losses("refused_here"), count("dropped_locally"), "{run:#}");
    // The rate is that of what was really sent, in the time that it really took: within 1 % and, as the end
    // of the time is no send, some intervals.
    let achieved = run["achieved_rate"].as_f64().unwrap();
    let took_s = run["sending_ns"].as_f64().unwrap() / 1e9;
    let off = (achieved * took_s - sent as f64).abs();
    assert!(off <= sent as f64 / 100.0 + 30.0, "{achieved} {run:#}");
}

/// The generator's own limit is measured against a thread that spins: where this process goes first on its CPU
/// (`SCHED_FIFO`), as for null on a link that sleeps, that thread must neither inherit the right nor share the CPU.
#[test]
fn a_sweep_of_null_on_a_link_that_sleeps_ends() {
    let lock = lock_qemu();
    let load = "--sweep --depth 4 --duration 50ms --warmup 10ms --timeout 1s";
    let arguments = &format!("--target null --link unix --quiet 0s {load}");
    let outcome = Call::run(arguments).finish(&lock);
    let results = outcome.completed("out");
    let (pipeline, steps) = results.json["runs"]
        .as_array()
        .unwrap()
        .split_first()
        .unwrap();
    assert_eq!(pipeline["mode"], "pipeline");
    assert!(!steps.is_empty(), "{outcome:#?}");
}
