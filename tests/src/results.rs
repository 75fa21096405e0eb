//! Files that a run leaves, and the statements that hold of them whatever was measured.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use fathom::record::schema;
use jiff::Timestamp;
use jsonschema::Validator;
use serde_json::Value;

use crate::interval_log::{histogram, measured_s, tagged};

/// The percentiles, each with one over the share of samples beyond it: with `n` samples a
/// percentile is told if at least ten are beyond it.
const PERCENTILES: [(&str, u64); 5] = [
    ("p50", 2),
    ("p90", 10),
    ("p99", 100),
    ("p99.9", 1000),
    ("p99.99", 10_000),
];

/// Number of samples that must be beyond a percentile.
const SAMPLES_BEYOND: u64 = 10;

/// Tags of a log's entries, each with the summary of the same samples.
const TAGS: [(&str, &str); 6] = [
    ("round_trip", "round_trip_ns"),
    ("service", "service_ns"),
    ("path", "path_ns"),
    ("lateness", "send_lateness_ns"),
    ("waiting_client", "uncorrected_latency_ns"),
    ("gaps", "gaps_ns"),
];

/// A directory of results.
#[derive(Debug)]
pub struct Results {
    directory: PathBuf,
    /// `result.json`.
    pub json: Value,
}

impl Results {
    /// Reads the results in `directory`.
    ///
    /// # Panics
    ///
    /// If there is no `result.json`, it is not JSON, or it has a field that the schema does not know.
    #[must_use]
    pub fn read(directory: &Path) -> Self {
        let path = directory.join("result.json");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}", path.display());
        });
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        check_schema(&json);
        Self {
            directory: directory.to_owned(),
            json,
        }
    }

    /// The one measurement.
    ///
    /// # Panics
    ///
    /// If there is none, or another.
    #[must_use]
    pub fn run(&self) -> &Value {
        let runs = self.json["runs"].as_array().expect("runs[]");
        assert_eq!(runs.len(), 1, "{:#}", self.json);
        &runs[0]
    }

    /// A count of the measurement.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    pub fn count(&self, field: &str) -> u64 {
        count(self.run(), field)
    }

    /// A counter of the guest's.
    ///
    /// # Panics
    ///
    /// If it was not read.
    #[must_use]
    pub fn guest_counter(&self, name: &str) -> u64 {
        count(&self.run()["guest_counters"], name)
    }

    /// Checks everything that holds of all results.
    ///
    /// # Panics
    ///
    /// If something does not.
    pub fn check(&self) {
        let run = self.run();
        self.check_counts();
        for summary in ["latency_ns", "service_ns", "path_ns", "send_lateness_ns"] {
            if !run[summary].is_null() {
                check_summary(summary, &run[summary]);
            }
        }
        assert_eq!(
            run["valid"] == true,
            run["invalid_because"]
                .as_array()
                .expect("invalid_because[]")
                .is_empty(),
            "{run:#}"
        );
        assert_eq!(
            run["mode"] == "open",
            run["offered_rate"].is_number(),
            "{run:#}"
        );
        assert_eq!(
            run["mode"] == "open",
            run["send_lateness_ns"].is_object(),
            "{run:#}"
        );
        if run["guest_counters"].is_object() {
            expect_fields(&run["guest_counters"], wire::Counters::NAMES);
        }
        self.check_histograms();
    }

    /// Checks that each run was measured to its end and answered by the service that it was to be
    /// answered by; returns whether each is valid. One that is not has a reason, and it can only lie
    /// with the host.
    ///
    /// # Panics
    ///
    /// If something does not hold, or there is no run.
    #[must_use]
    pub fn check_completed(&self) -> Vec<bool> {
        let runs = self.json["runs"].as_array().expect("runs[]").iter();
        let received: u64 = runs.clone().map(|run| count(run, "received")).sum();
        assert!(received > 0, "{:#}", self.json);
        runs.map(check_completed).collect()
    }

    fn check_counts(&self) {
        let run = self.run();
        let settled = self.count("received") + self.count("lost");
        if run["partial"] == true {
            assert!(settled <= self.count("sent"), "{run:#}");
            assert_eq!(run["valid"], false, "{run:#}");
        } else {
            assert_eq!(settled, self.count("sent"), "{run:#}");
        }
        // A lost request is a latency of at least the timeout, never a missing sample.
        let latencies = settled + self.count("dropped_locally");
        assert_eq!(count(&run["latency_ns"], "count"), latencies, "{run:#}");
        if run["protocol"] == "echo" {
            assert!(run["service_ns"].is_null() && run["path_ns"].is_null());
            return;
        }
        if run["service_ns"].is_null() && run["path_ns"].is_null() {
            // A clock that stood still meanwhile, as that of a guest that is stopped, tells nothing.
            let reasons = run["reasons"].as_array().into_iter().flatten();
            let mut codes = reasons.map(|reason| &reason["code"]);
            assert!(codes.any(|code| code == "guest_clock"), "{run:#}");
            return;
        }
        // What the guest says of itself comes with every reply.
        let [service, path] = ["service_ns", "path_ns"].map(|column| count(&run[column], "count"));
        assert_eq!(service, path, "{run:#}");
        assert!([0, self.count("received")].contains(&service), "{run:#}");
    }

    /// The histograms in files are the one that `latency_ns` sums up.
    fn check_histograms(&self) {
        let latency = &self.run()["latency_ns"];
        let samples = count(latency, "count");

        let log = self.only_file("hlog");
        self.check_start(&log);
        let sum = histogram(&log);
        assert_eq!(sum.len(), samples, "{latency:#}");
        let (measured_s, sending_s) = (measured_s(&log), self.count("sending_ns") as f64 / 1e9);
        // Each of its lengths is rounded to a millisecond.
        assert!(
            (measured_s - sending_s).abs() < 0.04,
            "{measured_s} of {sending_s}"
        );
        for (name, beyond) in PERCENTILES {
            if let Some(value) = latency[name].as_u64() {
                let quantile = 1.0 - 1.0 / beyond as f64;
                expect_close(name, sum.value_at_quantile(quantile), value);
            }
        }
        if samples > 0 {
            expect_close("max", sum.max(), count(latency, "max"));
            expect_close("min", sum.min(), count(latency, "min"));
        }

        for (tag, summary) in TAGS {
            let (logged, summary) = (tagged(&log, Some(tag)), &self.run()[summary]);
            if summary.is_null() {
                assert_eq!(logged.len(), 0, "{tag}");
            } else {
                assert_eq!(logged.len(), count(summary, "count"), "{tag}");
                let max = summary["max"].as_u64().unwrap_or_default();
                expect_close(tag, logged.max(), max);
            }
        }

        let distribution = fs::read_to_string(self.only_file("hgrm")).expect("it was just listed");
        let total = distribution.lines().find_map(|line| {
            let (_, rest) = line.split_once("Total count")?;
            rest.trim_matches([' ', '=', ']']).parse::<u64>().ok()
        });
        assert_eq!(total, Some(samples), "{distribution}");
        self.check_uncorrected();
    }

    /// The run began after the command, and its log says when, to the millisecond.
    fn check_start(&self, log: &Path) {
        let time = |value: &Value| -> Timestamp {
            let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
            text.parse()
                .unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        if self.count("sent") == 0 {
            return;
        }
        let started_at = time(&self.run()["started_at"]);
        let called_at = time(&self.json["environment"]["started_at"]);
        assert!(called_at < started_at, "{called_at} {started_at}");
        let text = fs::read_to_string(log).expect("a log is text");
        let start = text
            .lines()
            .find_map(|line| line.strip_prefix("#[StartTime: "));
        let seconds = start.and_then(|start| start.split(' ').next()?.parse::<f64>().ok());
        let started_s = started_at.as_microsecond() as f64 / 1e6;
        let logged_s = seconds.expect("a start time");
        assert!(
            (logged_s - started_s).abs() < 0.002,
            "{logged_s} {started_s}"
        );
    }

    /// Checks that the samples of a waiting client are a part of those of the open loop.
    fn check_uncorrected(&self) {
        let run = self.run();
        let log = self.only_file("hlog").with_extension("");
        let log = PathBuf::from(format!("{}-uncorrected.hlog", log.display()));
        assert_eq!(log.exists(), run["mode"] == "open", "{}", log.display());
        let uncorrected = &run["uncorrected_latency_ns"];
        if uncorrected.is_null() {
            return;
        }
        assert_eq!(histogram(&log).len(), count(uncorrected, "count"));
        assert!(count(uncorrected, "count") <= count(&run["latency_ns"], "count"));
    }

    /// The one file with this extension; an open loop's uncorrected distribution is left aside.
    fn only_file(&self, extension: &str) -> PathBuf {
        let files: Vec<PathBuf> = fs::read_dir(&self.directory)
            .expect("it is there")
            .map(|entry| entry.expect("it can be read").path())
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .filter(|path| !path.to_string_lossy().contains("-uncorrected."))
            .collect();
        let [file] = files.as_slice() else {
            panic!("one .{extension} is expected: {files:?}");
        };
        file.clone()
    }
}

/// Checks that `record` is what the schema says, and nothing else.
///
/// # Panics
///
/// If it is not.
pub fn check_schema(record: &Value) {
    static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
        let schema = schema::closed(schema::schema());
        jsonschema::validator_for(&schema).expect("a schema")
    });
    let complaints: Vec<String> = VALIDATOR
        .iter_errors(record)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn count(value: &Value, field: &str) -> u64 {
    value[field]
        .as_u64()
        .unwrap_or_else(|| panic!("{field} is no count in {value:#}"))
}

fn check_completed(run: &Value) -> bool {
    assert_eq!(run["partial"], false, "{run:#}");
    let [sent, received, lost] = ["sent", "received", "lost"].map(|field| count(run, field));
    assert_eq!(sent, received + lost, "{run:#}");
    for nothing in ["corrupted", "foreign"] {
        assert_eq!(count(run, nothing), 0, "{nothing}: {run:#}");
    }
    let is_valid = run["valid"] == true;
    let reasons = run["invalid_because"].as_array().map_or(0, Vec::len);
    assert_eq!(is_valid, reasons == 0, "{run:#}");
    // In a run of a moment a host that stands still may have all of them time out.
    assert!(received > 0 || !is_valid, "{run:#}");
    is_valid
}

fn expect_fields(value: &Value, fields: &[&str]) {
    let object = value.as_object().expect("an object");
    for field in fields {
        assert!(object.contains_key(*field), "no {field} in {value:#}");
    }
}

fn check_summary(name: &str, summary: &Value) {
    expect_fields(summary, &["count", "min", "mean", "max"]);
    let samples = count(summary, "count");
    let mut last = summary["min"].as_u64().unwrap_or(0);
    for (percentile, beyond) in PERCENTILES {
        let has_enough = samples >= SAMPLES_BEYOND * beyond;
        assert_eq!(
            has_enough,
            summary[percentile].is_u64(),
            "{percentile} of {name}: {summary:#}"
        );
        if has_enough {
            let value = count(summary, percentile);
            assert!(last <= value, "{percentile} of {name}: {summary:#}");
            last = value;
        } else {
            assert!(
                summary[percentile].is_null(),
                "{percentile} of {name}: {summary:#}"
            );
        }
    }
    if samples > 0 {
        assert!(last <= count(summary, "max"), "{name}: {summary:#}");
    }
}

/// Histograms keep three digits.
fn expect_close(what: &str, from_file: u64, from_json: u64) {
    let tolerance = from_json / 500 + 1;
    assert!(
        from_file.abs_diff(from_json) <= tolerance,
        "{what}: {from_file} in the histogram, {from_json} in result.json"
    );
}
