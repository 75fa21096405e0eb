//! Metrics of made-up totals, as text and as Protocol Buffers.

use super::*;
use crate::stats::continuous::Block;
use crate::stats::interference::Waits;
use crate::stats::recent_validity::CpuWaits;

const TARGETS: [&str; 2] = ["10.0.0.1:9000", "[fe80::1%eth0]:9000"];

/// Two targets with a second each, in which one request of the first was lost.
fn exposition(labels: &[&str]) -> Exposition {
    let totals = Arc::new(RunningTotals::default());
    for (index, target) in TARGETS.iter().enumerate() {
        let mut block = Block::default();
        for _ in 0..10 {
            block.series.latency.record(100_000);
            block.series.lateness.record(0);
        }
        block.outcomes.requests = 10;
        block.outcomes.replies = 10;
        if index == 0 {
            block.series.latency.record(1_000_000_000);
            block.outcomes.lost = 1;
        }
        let mut total = RunningTotal::from(0);
        let scheduled = Waits {
            count: 1,
            after_sleep: 0,
            total_ns: 1_500_000,
        };
        let waits = CpuWaits {
            scheduled,
            ..CpuWaits::default()
        };
        total.add(&block, &waits);
        totals.lock().insert((*target).to_owned(), total);
    }
    let labels: Vec<Label> = labels.iter().map(|label| label.parse().unwrap()).collect();
    Exposition::new(totals, &labels, buckets::DEFAULT_SCHEMA)
}

#[test]
fn text_has_every_metric_of_each_target_with_the_labels() {
    let (content_type, text) = exposition(&["zone=eu-1"]).encode(Format::Text).unwrap();
    assert!(content_type.starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(text).unwrap();
    let first = "{zone=\"eu-1\",target=\"10.0.0.1:9000\"";
    for line in [
        format!("fathom_requests_total{first}}} 10"),
        format!("fathom_lost_total{first}}} 1"),
        format!("fathom_latency_seconds_bucket{first},le=\"5e-05\"}} 0"),
        format!("fathom_latency_seconds_bucket{first},le=\"0.00025\"}} 10"),
        // The loss is above its timeout.
        format!("fathom_latency_seconds_bucket{first},le=\"1\"}} 10"),
        format!("fathom_latency_seconds_bucket{first},le=\"+Inf\"}} 11"),
        format!("fathom_latency_seconds_count{first}}} 11"),
        format!("fathom_measurer_gap_seconds_total{first}}} 0.0015"),
        "# TYPE fathom_latency_seconds histogram".to_owned(),
        "# TYPE fathom_valid gauge".to_owned(),
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    assert!(
        text.contains("fathom_build_info{zone=\"eu-1\",version=\""),
        "{text}"
    );
    for name in [
        "requests_total",
        "replies_total",
        "lost_total",
        "not_sent_total",
        "late_total",
        "duplicated_total",
        "reordered_total",
        "corrupted_total",
        "service_restarts_total",
        "latency_seconds_sum",
        "service_seconds_sum",
        "path_seconds_sum",
        "send_lateness_seconds_sum",
        "measurer_gap_seconds_total",
        "measurer_cpu_throttled_seconds_total",
        "valid",
    ] {
        let start = format!("fathom_{name}{{");
        let lines = text.lines().filter(|line| line.starts_with(&start));
        assert_eq!(lines.count(), TARGETS.len(), "{name}");
    }
}

#[test]
fn protobuf_has_native_buckets_beside_the_classic_ones() {
    let exposition = exposition(&[]);
    let families = prometheus_protobuf::encode(&exposition.registry).unwrap();
    let latency = families
        .iter()
        .find(|family| family.name == "fathom_latency_seconds")
        .unwrap();
    let histogram = latency.metric[0].histogram.as_ref().unwrap();
    assert_eq!((histogram.schema, histogram.sample_count), (4, 11));
    let deltas: i64 = histogram
        .positive_delta
        .iter()
        .scan(0, |count, delta| {
            *count += delta;
            Some(*count)
        })
        .sum();
    assert_eq!(deltas, 11);
    assert_eq!(histogram.bucket.last().unwrap().cumulative_count, 11);
    let (content_type, bytes) = exposition.encode(Format::Protobuf).unwrap();
    assert!(content_type.contains("encoding=delimited") && bytes.len() > 1000);
    // A histogram without samples is a native one all the same.
    let service = families
        .iter()
        .find(|family| family.name == "fathom_service_seconds")
        .unwrap();
    assert!(service.metric[0].histogram.as_ref().unwrap().zero_threshold > 0.0);
}

#[test]
fn a_label_has_a_name_that_prometheus_has() {
    for text in ["zone=eu-1", "a_b1=", "x=a=b \"c\"\n"] {
        assert!(text.parse::<Label>().is_ok(), "{text}");
    }
    for (text, error) in [
        ("zone", LabelError::NoValue),
        ("=x", LabelError::Name),
        ("1a=x", LabelError::Name),
        ("__a=x", LabelError::Name),
        ("a-b=x", LabelError::Name),
        ("target=x", LabelError::Taken),
        ("le=x", LabelError::Taken),
    ] {
        assert_eq!(text.parse::<Label>(), Err(error), "{text}");
    }
    // A value is written as the format has it, whatever it holds.
    let (_, text) = exposition(&["x=a\"b\\c\nd"]).encode(Format::Text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("{x=\"a\\\"b\\\\c\\nd\",target="), "{text}");
}
