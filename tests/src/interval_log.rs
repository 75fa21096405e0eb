//! Interval logs of HdrHistogram (`.hlog`), read back by another reader than `fathom`'s own.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

/// Returns the total length of the intervals of a log, in seconds.
///
/// # Panics
///
/// If it is none.
#[must_use]
pub fn measured_s(log: &Path) -> f64 {
    let bytes = fs::read(log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
    let lengths = IntervalLogIterator::new(&bytes).filter_map(|entry| match entry {
        Ok(LogEntry::Interval(interval)) if interval.tag().is_none() => {
            Some(interval.duration().as_secs_f64())
        }
        Ok(_) => None,
        Err(error) => panic!("{}: {error:?}", log.display()),
    });
    lengths.sum()
}

/// All latencies of an interval log.
///
/// # Panics
///
/// If it is none.
#[must_use]
pub fn histogram(log: &Path) -> Histogram<u64> {
    tagged(log, None)
}

/// All samples of an interval log that have this tag.
///
/// # Panics
///
/// If it is none.
#[must_use]
pub fn tagged(log: &Path, tag: Option<&str>) -> Histogram<u64> {
    let mut sum = Histogram::<u64>::new(3).expect("3 digits are fine");
    for interval in intervals(log, tag) {
        sum.add(interval).expect("it resizes itself");
    }
    sum
}

/// The intervals of a log that have this tag, one after the other.
///
/// # Panics
///
/// If it is none.
#[must_use]
pub fn intervals(log: &Path, tag: Option<&str>) -> Vec<Histogram<u64>> {
    let bytes = fs::read(log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
    let entries = IntervalLogIterator::new(&bytes).map(|entry| entry.expect("a well-formed log"));
    let intervals = entries.filter_map(|entry| match entry {
        LogEntry::Interval(interval) if interval.tag().map(|tag| tag.as_str()) == tag => {
            let bytes = BASE64.decode(interval.encoded_histogram()).expect("base64");
            let histogram = Deserializer::new().deserialize(&mut bytes.as_slice());
            Some(histogram.expect("an encoded histogram"))
        }
        _ => None,
    });
    intervals.collect()
}
