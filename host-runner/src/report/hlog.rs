//! The `.hlog` file: an HdrHistogram V2 interval log, one compressed histogram per interval of the
//! run, values in nanoseconds. The intervals together are the run's latency histogram, and their lengths
//! the time in which requests were sent, to the millisecond that the format has.

use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use hdrhistogram::{Counter, Histogram};

use super::{Part, ReportError};
use crate::stats::Recording;
use crate::stats::intervals::{Interval, Intervals};

/// The column of maxima, for people, is in milliseconds, as HdrHistogram's own tools have it.
const MAX_VALUE_DIVISOR: f64 = 1e6;

/// The intervals as the bytes of an `.hlog` file of a run that began at `started_at`.
///
/// # Errors
///
/// [`ReportError::Histogram`] if one can't be encoded.
pub fn render(intervals: &Intervals, started_at: SystemTime) -> Result<Vec<u8>, ReportError> {
    let interval = |it: Interval| {
        let [start, length] = [it.start_ns, it.length_ns].map(Duration::from_nanos);
        (start, length, it.histogram)
    };
    log(intervals.each().map(interval), started_at)
}

/// The repetitions of a comparison that began at `began_at`, each as an interval.
///
/// # Errors
///
/// As [`render`].
pub fn render_parts(parts: &[Part], began_at: SystemTime) -> Result<Vec<u8>, ReportError> {
    let interval = |part: &Part| (part.start, part.length, part.latency.histogram());
    log(parts.iter().map(interval), began_at)
}

/// A run of `length` that began at `started_at` as one interval.
///
/// # Errors
///
/// As [`render`].
pub fn render_whole(
    recording: &Recording,
    length: Duration,
    started_at: SystemTime,
) -> Result<Vec<u8>, ReportError> {
    let whole = (Duration::ZERO, length, recording.histogram());
    log(std::iter::once(whole), started_at)
}

/// The bytes of a log of intervals, each with its start and its length.
fn log<C: Counter>(
    intervals: impl Iterator<Item = (Duration, Duration, Histogram<C>)>,
    started_at: SystemTime,
) -> Result<Vec<u8>, ReportError> {
    let failed = |error: &dyn std::fmt::Display| ReportError::Histogram(error.to_string());
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[Latency in nanoseconds]")
        .with_start_time(started_at)
        .with_base_time(started_at)
        .with_max_value_divisor(MAX_VALUE_DIVISOR)
        .begin_log_with(&mut bytes, &mut serializer)
        .map_err(|error| failed(&error))?;
    for (start, length, histogram) in intervals {
        log.write_histogram(&histogram, start, length, None)
            .map_err(|error| failed(&error))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::super::sample;
    use super::*;
    use crate::load::Mode;
    use crate::stats::Distribution;

    #[test]
    fn reads_back_as_the_runs_latency() {
        let recorder = sample::recorder(Mode::Closed);
        let started_at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_500);
        let bytes = render(&recorder.intervals, started_at).unwrap();
        let mut sum = Histogram::<u64>::new_with_bounds(1, 1 << 40, 3).unwrap();
        let mut starts = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            match entry.unwrap() {
                LogEntry::StartTime(at) | LogEntry::BaseTime(at) => {
                    assert_eq!(at, Duration::from_millis(1_800_000_000_500));
                }
                LogEntry::Interval(interval) => {
                    starts.push(interval.start_timestamp().as_secs());
                    let text = interval.encoded_histogram();
                    sum.add(decode(text)).unwrap();
                }
            }
        }
        assert_eq!(starts, [0, 1]);
        assert_eq!(sum, recorder.latency.histogram());
        assert_eq!(sum.len(), 1000);
    }

    #[test]
    fn the_lengths_of_the_intervals_add_up_to_the_run() {
        for (measured_ms, expected) in [(500, vec![0.5]), (2500, vec![1.0, 1.0, 0.5])] {
            let mut recorder = sample::recorder(Mode::Closed);
            recorder.intervals.end(measured_ms * 1_000_000);
            let bytes = render(&recorder.intervals, SystemTime::UNIX_EPOCH).unwrap();
            // As people add them up: the second column of every line that is no comment.
            let lines = bytes
                .split(|&byte| byte == b'\n')
                .map(String::from_utf8_lossy);
            let lengths: Vec<f64> = lines
                .filter(|line| !line.is_empty() && !line.starts_with(['#', '"']))
                .map(|line| line.split(',').nth(1).unwrap().parse().unwrap())
                .collect();
            assert_eq!(lengths, expected);
        }
    }

    #[test]
    fn the_parts_of_a_comparison_are_its_intervals() {
        let latency = sample::recorder(Mode::Closed).latency;
        let part = |round| Part {
            round,
            start: Duration::from_secs(10 * u64::from(round)),
            length: Duration::from_millis(2500),
            latency: Distribution::from(&latency),
        };
        let bytes = render_parts(&[part(1), part(3)], SystemTime::UNIX_EPOCH).unwrap();
        let mut sum = Histogram::<u64>::new_with_bounds(1, 1 << 40, 3).unwrap();
        let mut starts = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            if let LogEntry::Interval(interval) = entry.unwrap() {
                starts.push(interval.start_timestamp().as_secs());
                sum.add(decode(interval.encoded_histogram())).unwrap();
            }
        }
        assert_eq!(starts, [10, 30]);
        let mut merged = latency.clone();
        merged.add_all(&latency);
        assert_eq!(sum, merged.histogram());
    }

    #[test]
    fn a_run_as_one_interval() {
        let recorder = sample::recorder(Mode::Open {
            rate: crate::load::Rate::per_second(1000),
        });
        let uncorrected = &recorder.open.unwrap().uncorrected;
        let length = Duration::from_secs(2);
        let bytes = render_whole(uncorrected, length, SystemTime::UNIX_EPOCH).unwrap();
        let mut intervals = IntervalLogIterator::new(&bytes).filter_map(|entry| match entry {
            Ok(LogEntry::Interval(interval)) => Some(interval),
            _ => None,
        });
        let interval = intervals.next().unwrap();
        assert_eq!(interval.duration(), length);
        assert_eq!(
            decode(interval.encoded_histogram()),
            uncorrected.histogram()
        );
        assert!(intervals.next().is_none());
    }

    fn decode(base64: &str) -> Histogram<u64> {
        let digit = |byte: u8| match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        let mut bytes = Vec::new();
        for chunk in base64.trim_end_matches('=').as_bytes().chunks(4) {
            let bits = chunk
                .iter()
                .fold(0_u32, |bits, &byte| bits << 6 | u32::from(digit(byte)))
                << (6 * (4 - chunk.len()));
            bytes.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
        }
        Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .unwrap()
    }
}
