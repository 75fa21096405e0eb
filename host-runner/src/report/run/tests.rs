//! The record's fields: which there are, and which are null when.

use serde_json::Value;
use wire::Counters;

use super::super::sample;

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

fn sorted<const N: usize>(mut keys: [&str; N]) -> Vec<&str> {
    keys.sort_unstable();
    keys.to_vec()
}

#[test]
fn the_schema_has_every_documented_field() {
    let json = sample::report(sample::open_run()).to_json().unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], "fathom/1");
    let expected = sorted(["schema", "environment", "runs"]);
    assert_eq!(keys(&json), expected);
    let expected = sorted([
        "started_at",
        "machine",
        "cpu_model",
        "cores",
        "kernel",
        "governor",
        "steal_share",
        "qemu_version",
        "accel",
        "accel_reason",
        "host_idle",
        "image",
        "git_revision",
        "fathom_version",
        "command_line",
        "concurrent",
        "doctor",
    ]);
    assert_eq!(keys(&json["environment"]), expected);
    assert_eq!(
        keys(&json["environment"]["image"]),
        ["bytes", "path", "sha256"]
    );
    let run = &json["runs"][0];
    let expected = sorted([
        "name",
        "target",
        "responder",
        "address",
        "link",
        "accel",
        "round",
        "attempt",
        "mode",
        "depth",
        "payload_bytes",
        "sweep_percent",
        "offered_rate",
        "achieved_rate",
        "timeout_ns",
        "seed",
        "sending_ns",
        "elapsed_ns",
        "warmup_discarded",
        "warmup_settled",
        "sent",
        "received",
        "lost",
        "in_flight_at_end",
        "late",
        "duplicated",
        "reordered",
        "corrupted",
        "foreign",
        "stale",
        "impossible_times",
        "latency_ns",
        "uncorrected_latency_ns",
        "protocol",
        "send_errors",
        "bind",
        "interface",
        "flows",
        "service_ns",
        "path_ns",
        "send_lateness_ns",
        "core_round_trip_ns",
        "reflector_round_trip_ns",
        "signals",
        "noise",
        "guest_counters",
        "boot_ms",
        "guest_boot_ms",
        "placement",
        "partial",
        "valid",
        "invalid_because",
        "advice",
        "busy_processes",
        "answered_rate",
        "arrivals",
        "censored_count",
        "censored_from_ns",
        "dropped_locally",
        "generator_limited",
        "guest_clock",
        "losses",
        "needs",
        "percentiles",
        "reasons",
        "round_trip_ns",
        "stalls",
        "started_at",
        "valid_to",
    ]);
    assert_eq!(keys(run), expected);
    assert_eq!(run["mode"], "open");
    assert_eq!(run["offered_rate"], 1000.0);
    assert!(run["core_round_trip_ns"].is_null());
    assert!(run["latency_ns"]["p99.9"].is_null());
    assert_eq!(run["latency_ns"]["count"], 1000);
    let expected = sorted([
        "floor_observed_ns",
        "floor_max_gap_ns",
        "floor_total_gap_ns",
        "floor_share",
        "involuntary_switches",
        "steal_share",
        "beside",
        "after",
        "waited_ns",
        "waited_share",
    ]);
    assert_eq!(keys(&run["noise"]), expected);
    let expected = sorted(["observed_ns", "max_gap_ns", "total_gap_ns", "share"]);
    assert_eq!(keys(&run["noise"]["beside"]), expected);
    assert_eq!(run["guest_counters"]["replied"], 1000);
    assert_eq!(
        run["guest_counters"].as_object().unwrap().len(),
        Counters::LEN
    );
}

#[test]
fn a_pipeline_says_how_deep_it_is_and_what_was_answered() {
    let run = serde_json::to_value(sample::pipeline_run()).unwrap();
    assert_eq!(
        (&run["mode"], &run["depth"]),
        (&"pipeline".into(), &8.into())
    );
    // 998 completed in the second of sending.
    assert_eq!(run["achieved_rate"], 998.0);
    assert!(run["offered_rate"].is_null() && run["sweep_percent"].is_null());
}

#[test]
fn a_closed_loop_leaves_out_what_only_an_open_one_has() {
    let run = serde_json::to_value(sample::closed_run()).unwrap();
    assert_eq!(run["mode"], "closed");
    for field in [
        "depth",
        "offered_rate",
        "uncorrected_latency_ns",
        "send_lateness_ns",
    ] {
        assert!(run[field].is_null(), "{field}");
    }
    assert_eq!(run["valid"], true);
}
