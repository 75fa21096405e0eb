//! Results back from a directory: the record out of `result.json`, and the distributions out of the
//! `.hlog` files, which hold all that the `.hgrm` files do and more.
//!
//! Files come from anywhere, so nothing in them is taken on trust: the schema must be known, and an
//! interval log must add up to exactly the samples that the record counts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde::Deserialize;

use super::{Report, Run, SCHEMA};
use crate::stats::recording::HIGHEST_NS;
use crate::stats::summary::{PERCENTILES, Percentile};

/// What a results directory must have.
const RESULT: &str = "result.json";

/// Why results can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file is missing, or not for us.
    #[error("can't read {}; name a directory that `fathom run` wrote, with all its files", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The record is no record.
    #[error("{} is damaged, or no result of Fathom's", path.display())]
    Json {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The record is another version's.
    #[error("{} has schema `{found}`, this program reads `{SCHEMA}`: render it with the version that wrote it", path.display())]
    Schema {
        /// Which.
        path: PathBuf,
        /// The schema it names.
        found: String,
    },
    /// The record has no measurement.
    #[error("{} holds no measurement", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A run's name can't be a file's.
    #[error("{} names a run `{stem}`, which can't be the name of a file", path.display())]
    Name {
        /// Which.
        path: PathBuf,
        /// The name.
        stem: String,
    },
    /// An interval log is damaged.
    #[error("{} is damaged: {what}", path.display())]
    Log {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Record and interval log contradict each other.
    #[error("{} does not belong to the {RESULT} beside it: {what}", path.display())]
    Contradiction {
        /// Which.
        path: PathBuf,
        /// In what.
        what: String,
    },
}

/// The results in one directory.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where they are.
    pub directory: PathBuf,
    /// The record.
    pub report: Report,
    /// The latency of each of its runs.
    pub distributions: Vec<Distribution>,
}

/// A run's latency.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// All of it.
    pub histogram: Histogram<u64>,
    /// The same over time.
    pub intervals: Vec<Interval>,
}

/// A part of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// When it began, in seconds after the run did.
    pub start_s: f64,
    /// How long it is, in seconds.
    pub length_s: f64,
    /// The percentiles of its latency, in the order of [`PERCENTILES`], where it has enough samples.
    pub percentiles_ns: [Option<u64>; PERCENTILES.len()],
    /// The largest latency, if there is one.
    pub max_ns: Option<u64>,
}

/// Reads the results in `directory`.
///
/// # Errors
///
/// [`ReadError`] if something is missing or does not fit.
pub fn read(directory: &Path) -> Result<Source, ReadError> {
    let path = directory.join(RESULT);
    let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
    let report = parse(&text, &path)?;
    let distributions = report
        .runs
        .iter()
        .map(|run| distribution(run, directory, &path))
        .collect::<Result<_, _>>()?;
    Ok(Source {
        directory: directory.to_owned(),
        report,
        distributions,
    })
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> ReadError {
    let path = path.to_owned();
    |source| ReadError::Unreadable { path, source }
}

/// The record, once its schema is known to be ours.
fn parse(text: &str, path: &Path) -> Result<Report, ReadError> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let path = || path.to_owned();
    let damaged = |source| ReadError::Json {
        path: path(),
        source,
    };
    let Head { schema } = serde_json::from_str(text).map_err(damaged)?;
    if schema != SCHEMA {
        return Err(ReadError::Schema {
            path: path(),
            found: schema,
        });
    }
    let report: Report = serde_json::from_str(text).map_err(damaged)?;
    if report.runs.is_empty() {
        return Err(ReadError::Empty { path: path() });
    }
    Ok(report)
}

/// The distribution of `run`, checked against its record.
fn distribution(run: &Run, directory: &Path, result: &Path) -> Result<Distribution, ReadError> {
    let stem = run.file_stem();
    if stem.contains(['/', '\0']) {
        return Err(ReadError::Name {
            path: result.to_owned(),
            stem,
        });
    }
    let path = directory.join(format!("{stem}.hlog"));
    let log = fs::read(&path).map_err(unreadable(&path))?;
    let distribution = decode(&log).map_err(|what| ReadError::Log {
        path: path.clone(),
        what,
    })?;
    match contradiction(run, &distribution.histogram) {
        None => Ok(distribution),
        Some(what) => Err(ReadError::Contradiction { path, what }),
    }
}

/// What the record says otherwise than the histogram, if anything.
fn contradiction(run: &Run, histogram: &Histogram<u64>) -> Option<String> {
    let (logged, counted) = (histogram.len(), run.latency_ns.count);
    if logged != counted {
        return Some(format!("it has {logged} samples, the record {counted}"));
    }
    let max_ns = run.latency_ns.max?.min(HIGHEST_NS);
    let logged_ns = histogram.max();
    (!histogram.equivalent(max_ns, logged_ns))
        .then(|| format!("its largest latency is {logged_ns} ns, the record's {max_ns} ns"))
}

/// The intervals of a log, and their sum.
fn decode(log: &[u8]) -> Result<Distribution, String> {
    let mut histogram = Histogram::new(3).map_err(|error| error.to_string())?;
    let mut intervals = Vec::new();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(log) {
        let interval = match entry.map_err(|error| format!("{error:?}"))? {
            LogEntry::Interval(interval) => interval,
            LogEntry::StartTime(_) | LogEntry::BaseTime(_) => continue,
        };
        let bytes = BASE64
            .decode(interval.encoded_histogram())
            .map_err(|error| error.to_string())?;
        let part: Histogram<u64> = deserializer
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| error.to_string())?;
        intervals.push(Interval {
            start_s: interval.start_timestamp().as_secs_f64(),
            length_s: interval.duration().as_secs_f64(),
            percentiles_ns: PERCENTILES.map(|percentile| quantile(&part, &percentile)),
            max_ns: (!part.is_empty()).then(|| part.max()),
        });
        histogram.add(part).map_err(|error| error.to_string())?;
    }
    Ok(Distribution {
        histogram,
        intervals,
    })
}

/// A percentile of part of a run, by the same rule as of the whole.
fn quantile(part: &Histogram<u64>, percentile: &Percentile) -> Option<u64> {
    let is_enough = part.len() >= percentile.samples_needed();
    is_enough.then(|| part.value_at_quantile(percentile.quantile))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::super::{hlog, sample};
    use super::*;
    use crate::load::Mode;

    /// A directory with one run's results.
    fn results() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let report = sample::report(sample::closed_run());
        let json = report.to_json().unwrap();
        fs::write(place.path().join(RESULT), json).unwrap();
        let recorder = sample::recorder(Mode::Closed);
        let log = hlog::render(&recorder.intervals, SystemTime::UNIX_EPOCH).unwrap();
        fs::write(place.path().join("hermit-unix-closed.hlog"), log).unwrap();
        place
    }

    /// What reading says after `from` in the record has become `to`.
    fn after(from: &str, to: &str) -> String {
        let place = results();
        let path = place.path().join(RESULT);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        match read(place.path()) {
            Ok(_) => "fine".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let place = results();
        let source = read(place.path()).unwrap();
        let written = fs::read_to_string(place.path().join(RESULT)).unwrap();
        assert_eq!(source.report.to_json().unwrap(), written);
        let recorder = sample::recorder(Mode::Closed);
        let histogram = recorder.latency.histogram().clone();
        assert_eq!(source.distributions[0].histogram, histogram);
        let intervals = &source.distributions[0].intervals;
        assert_eq!(intervals.len(), 2);
        assert_eq!((intervals[1].start_s, intervals[1].length_s), (1.0, 1.0));
        let counts = intervals.iter().map(|interval| interval.percentiles_ns[0]);
        assert!(counts.eq([Some(24_991), None]), "{intervals:?}");
    }

    #[test]
    fn fields_that_are_not_known_are_left_alone() {
        let more = r#""runs": ["#;
        assert_eq!(
            after(more, &format!(r#""future": {{"a": [1]}}, {more}"#)),
            "fine"
        );
        assert_eq!(
            after(r#""target":"#, r#""colour": "blue", "target":"#),
            "fine"
        );
    }

    #[test]
    fn what_is_missing_or_damaged_is_named() {
        let schema = after("fathom/1", "fathom/9");
        assert!(schema.contains("schema `fathom/9`"), "{schema}");
        let count = after(r#""count": 1000"#, r#""count": 999"#);
        assert!(
            count.contains("it has 1000 samples, the record 999"),
            "{count}"
        );
        let max = after(r#""max": 1000000000"#, r#""max": 5"#);
        assert!(max.contains("largest latency"), "{max}");
        let damaged = "is damaged, or no result";
        for (from, to) in [
            ("{", "["),
            ("}", ""),
            (r#""schema""#, r#""scheme""#),
            (r#""sent": 1000"#, r#""sent": -1"#),
            (r#""sent": 1000"#, r#""sent": "many""#),
            (r#""mode": "closed""#, r#""mode": null"#),
            (r#""started_at": ""#, r#""started_at": "yesterday "#),
        ] {
            let said = after(from, to);
            assert!(said.contains(damaged), "{from} -> {to}: {said}");
        }
        let name = after(r#""target": "hermit""#, r#""target": "../hermit""#);
        assert!(name.contains("can't be the name of a file"), "{name}");
        let other = after(r#""target": "hermit""#, r#""target": "linux""#);
        assert!(other.contains("linux-unix-closed.hlog"), "{other}");

        let place = tempfile::tempdir().unwrap();
        let error = read(place.path()).unwrap_err().to_string();
        assert!(error.contains("result.json; name a directory"), "{error}");
    }

    #[test]
    fn a_record_without_runs_is_none() {
        let empty = sample::report(sample::closed_run());
        let empty = super::Report {
            runs: Vec::new(),
            ..empty
        };
        let error = parse(&empty.to_json().unwrap(), Path::new("x")).unwrap_err();
        assert!(
            error.to_string().contains("holds no measurement"),
            "{error}"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_damaged_log_is_an_error_or_another_log_but_no_panic(
            at in 0.0..1.0f64, byte: u8, cut in prop::option::of(0.0..1.0f64),
        ) {
            let recorder = sample::recorder(Mode::Closed);
            let mut log = hlog::render(&recorder.intervals, SystemTime::UNIX_EPOCH).unwrap();
            let len = log.len() as f64;
            log[(at * len) as usize] = byte;
            if let Some(cut) = cut {
                log.truncate((cut * len) as usize);
            }
            if let Ok(distribution) = decode(&log) {
                prop_assert!(distribution.intervals.len() <= 3);
            }
        }
    }
}
