//! The record's fields: which are null when. Which there are is the schema's business.

use wire::Counters;

use super::super::fixtures;

#[test]
fn an_open_loop_has_what_was_offered_and_no_percentile_without_samples() {
    let run = serde_json::to_value(fixtures::open_run()).unwrap();
    assert_eq!(run["mode"], "open");
    assert_eq!(run["offered_rate"], 1000.0);
    assert_eq!(run["started_at"], "2027-01-15T08:00:00.500000Z");
    assert!(run["core_round_trip_ns"].is_null());
    assert!(run["latency_ns"]["p99.9"].is_null());
    assert_eq!(run["latency_ns"]["count"], 1000);
    assert_eq!(run["guest_counters"]["replied"], 1000);
    assert_eq!(
        run["guest_counters"].as_object().unwrap().len(),
        Counters::LEN
    );
}

#[test]
fn a_pipeline_says_how_deep_it_is_and_what_was_answered() {
    let run = serde_json::to_value(fixtures::pipeline_run()).unwrap();
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
    let run = serde_json::to_value(fixtures::closed_run()).unwrap();
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
