//! The `.hlog` file: an HdrHistogram V2 interval log, values in nanoseconds.
//!
//! Entries without a tag are the latency, one per interval of the run: together they are the run's latency
//! histogram, and their lengths the time in which requests were sent, to the millisecond that the format
//! has. Every other quantity follows as one entry of the whole run with its tag ([`Tag`]), and the latency of each node of a
//! sum with its name. HdrHistogram's own tools take the entries without a tag unless told a tag.

use std::io::Write;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag as LogTag};
use hdrhistogram::{Counter, Histogram};

use super::merge::Sum;
use super::{RecordError, RoundLatency};
use crate::histogram::DurationHistogram;
use crate::stats::intervals::{Interval, Intervals};
use crate::stats::recorder::Censored;
use crate::stats::{Distribution, Tag};

/// The column of maxima, for people, is in milliseconds, as HdrHistogram's own tools have it.
pub(super) const MAX_VALUE_DIVISOR: f64 = 1e6;

/// Comments at the beginning of every log.
pub(super) const VERSION: &str = "[Histogram log format version 1.3]";
pub(super) const UNIT: &str = "[Latency in nanoseconds]";

/// Beginning of a log.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Start of the first interval.
    pub started_at: SystemTime,
    /// Latencies that are lower bounds.
    pub censored: Censored,
    /// Further comments, such as [a description](super::log_description), without the `#` that begins a line.
    pub comments: &'a [String],
}

/// One entry of a log.
struct Entry<'a, C: Counter> {
    tag: Option<&'a str>,
    start: Duration,
    length: Duration,
    histogram: Histogram<C>,
}

/// The intervals as the bytes of an `.hlog` file, and what is `tagged` of the same run of `length`.
///
/// # Errors
///
/// [`RecordError::Histogram`] if one can't be encoded.
pub fn render<'a>(
    head: Head<'_>,
    intervals: &Intervals,
    length: Duration,
    tagged: impl IntoIterator<Item = (Tag, &'a DurationHistogram)>,
) -> Result<Vec<u8>, RecordError> {
    let interval = |interval: Interval| Entry {
        tag: None,
        start: Duration::from_nanos(interval.start_ns),
        length: Duration::from_nanos(interval.length_ns),
        histogram: interval.histogram,
    };
    let tagged = tagged.into_iter().map(|(tag, recording)| Entry {
        tag: Some(tag.name()),
        start: Duration::ZERO,
        length,
        histogram: recording.histogram(),
    });
    log(head, intervals.each().map(interval), tagged)
}

/// Writes a log of `intervals` to `file`, each as soon as it comes.
///
/// # Errors
///
/// [`RecordError::Histogram`] if one can't be encoded or written.
pub fn write_each(
    mut file: impl Write,
    started_at: SystemTime,
    intervals: impl Iterator<Item = Interval>,
) -> Result<(), RecordError> {
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    let mut log = (builder.add_comment(VERSION).add_comment(UNIT))
        .with_start_time(started_at)
        .with_base_time(started_at)
        .with_max_value_divisor(MAX_VALUE_DIVISOR)
        .begin_log_with(&mut file, &mut serializer)
        .map_err(|error| failed(&error))?;
    for interval in intervals {
        let [start, length] = [interval.start_ns, interval.length_ns].map(Duration::from_nanos);
        log.write_histogram(&interval.histogram, start, length, None)
            .map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// The repetitions of a comparison, each as an interval, with what is tagged of each.
///
/// # Errors
///
/// As [`render`].
pub fn render_parts(head: Head<'_>, parts: &[RoundLatency]) -> Result<Vec<u8>, RecordError> {
    let entry =
        |part: &RoundLatency, tag: Option<&'static str>, distribution: &Distribution| Entry {
            tag,
            start: part.start,
            length: part.length,
            histogram: distribution.histogram(),
        };
    let intervals = parts.iter().map(|part| entry(part, None, &part.latency));
    let tagged = parts.iter().flat_map(|part| {
        let of_part = part.tagged.iter();
        of_part.map(move |(tag, distribution)| entry(part, Some(tag.name()), distribution))
    });
    log(head, intervals, tagged)
}

/// The sum of several nodes: its latency over time, what is tagged of all of them, and the latency of each node with
/// its name as the tag.
///
/// # Errors
///
/// As [`render`].
pub fn render_sum(head: Head<'_>, sum: &Sum) -> Result<Vec<u8>, RecordError> {
    let intervals = sum.intervals.iter().map(|interval| Entry {
        tag: None,
        start: interval.start,
        length: interval.length,
        histogram: interval.latency.histogram(),
    });
    let whole = |tag, histogram| Entry {
        tag: Some(tag),
        start: Duration::ZERO,
        length: sum.run.measured(),
        histogram,
    };
    let tagged = sum.distributions.tagged.iter();
    let tagged = tagged.map(|(tag, durations)| whole(tag.name(), durations.histogram()));
    let nodes = sum.run.nodes.iter().zip(&sum.nodes);
    let nodes = nodes.map(|(node, latency)| whole(node.name.as_str(), latency.histogram()));
    log(head, intervals, tagged.chain(nodes))
}

/// A run of `length` as one interval.
///
/// # Errors
///
/// As [`render`].
pub fn render_whole(
    head: Head<'_>,
    recording: &DurationHistogram,
    length: Duration,
) -> Result<Vec<u8>, RecordError> {
    let whole = Entry {
        tag: None,
        start: Duration::ZERO,
        length,
        histogram: recording.histogram(),
    };
    log(
        head,
        std::iter::once(whole),
        std::iter::empty::<Entry<'_, u64>>(),
    )
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> RecordError {
    RecordError::Histogram(error.to_string())
}

/// The bytes of a log.
fn log<'a, A: Counter, B: Counter>(
    head: Head<'_>,
    intervals: impl Iterator<Item = Entry<'a, A>>,
    tagged: impl Iterator<Item = Entry<'a, B>>,
) -> Result<Vec<u8>, RecordError> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment(VERSION).add_comment(UNIT);
    if let Some(from_ns) = head.censored.from_ns {
        let count = head.censored.count;
        builder.add_comment(&format!(
            "[Censored: {count} latencies of requests without a reply, from {from_ns} ns on: the true \
             values are at least the recorded ones]"
        ));
    }
    for comment in head.comments {
        builder.add_comment(comment);
    }
    let mut log = builder
        .with_start_time(head.started_at)
        .with_base_time(head.started_at)
        .with_max_value_divisor(MAX_VALUE_DIVISOR)
        .begin_log_with(&mut bytes, &mut serializer)
        .map_err(|error| failed(&error))?;
    for interval in intervals {
        log.write_histogram(&interval.histogram, interval.start, interval.length, None)
            .map_err(|error| failed(&error))?;
    }
    for entry in tagged {
        let tag = entry.tag.and_then(LogTag::new);
        log.write_histogram(&entry.histogram, entry.start, entry.length, tag)
            .map_err(|error| failed(&error))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::super::fixtures;
    use super::*;
    use crate::load::Mode;
    use crate::stats::RunRecorder;

    const HEAD: Head<'static> = Head {
        started_at: SystemTime::UNIX_EPOCH,
        censored: Censored {
            count: 0,
            from_ns: None,
        },
        comments: &[],
    };

    #[test]
    fn reads_back_as_the_runs_latency() {
        let recorder = fixtures::recorder(Mode::Closed);
        let bytes = fixtures::log(Mode::Closed, &recorder);
        let mut sum = Histogram::<u64>::new_with_bounds(1, 1 << 40, 3).unwrap();
        let mut starts = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            match entry.unwrap() {
                LogEntry::StartTime(at) | LogEntry::BaseTime(at) => {
                    assert_eq!(at, Duration::from_millis(1_800_000_000_500));
                }
                LogEntry::Interval(interval) if interval.tag().is_some() => {}
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
            let mut recorder = fixtures::recorder(Mode::Closed);
            recorder.end(measured_ms * 1_000_000);
            let bytes = fixtures::log(Mode::Closed, &recorder);
            // As people add them up: the second column of every line that is no comment.
            let lines = bytes
                .split(|&byte| byte == b'\n')
                .map(String::from_utf8_lossy);
            let lengths: Vec<f64> = lines
                .filter(|line| !line.is_empty() && !line.starts_with(['#', '"']))
                .map(|line| line.split(',').nth(1).unwrap().parse().unwrap())
                .collect();
            // In a line with a tag that column is the start of the run, which adds nothing.
            let (of_intervals, tagged) = lengths.split_at(expected.len());
            assert_eq!(of_intervals, expected);
            assert_eq!(tagged, [0.0, 0.0]);
        }
    }

    #[test]
    fn the_parts_of_a_comparison_are_its_intervals() {
        let latency = fixtures::recorder(Mode::Closed).latency;
        let service = fixtures::recorder(Mode::Closed).service;
        let part = |round| RoundLatency {
            tagged: vec![(Tag::Service, Distribution::from(&service))],
            round,
            start: Duration::from_secs(10 * u64::from(round)),
            length: Duration::from_millis(2500),
            latency: Distribution::from(&latency),
            sent: 1000,
            lost: 0,
            dropped: 0,
        };
        let bytes = render_parts(HEAD, &[part(1), part(3)]).unwrap();
        let mut sum = Histogram::<u64>::new_with_bounds(1, 1 << 40, 3).unwrap();
        let mut tagged = Vec::new();
        let mut starts = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            if let LogEntry::Interval(interval) = entry.unwrap() {
                let start_s = interval.start_timestamp().as_secs();
                if let Some(tag) = interval.tag() {
                    tagged.push((tag.as_str().to_owned(), start_s));
                    continue;
                }
                starts.push(start_s);
                sum.add(decode(interval.encoded_histogram())).unwrap();
            }
        }
        assert_eq!(starts, [10, 30]);
        assert_eq!(
            tagged,
            [("service".to_owned(), 10), ("service".to_owned(), 30)]
        );
        let mut merged = latency.clone();
        merged.add_all(&latency);
        assert_eq!(sum, merged.histogram());
    }

    #[test]
    fn a_run_as_one_interval() {
        let recorder = fixtures::recorder(Mode::Open {
            arrivals: crate::load::Arrivals::Even,
            rate: crate::load::Rate::per_second(1000),
        });
        let uncorrected = &recorder.open.unwrap().uncorrected;
        let length = Duration::from_secs(2);
        let bytes = render_whole(HEAD, uncorrected, length).unwrap();
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

    #[test]
    fn every_other_quantity_is_an_entry_of_the_whole_run_with_its_tag() {
        let mode = Mode::Open {
            arrivals: crate::load::Arrivals::Even,
            rate: crate::load::Rate::per_second(1000),
        };
        let recorder = fixtures::recorder(mode);
        let bytes = fixtures::log(mode, &recorder);
        let mut tags = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            let LogEntry::Interval(interval) = entry.unwrap() else {
                continue;
            };
            let Some(tag) = interval.tag().map(|tag| Tag::named(tag.as_str()).unwrap()) else {
                assert!(tags.is_empty(), "the latency comes first");
                continue;
            };
            let expected = recorder.tagged(tag).unwrap().histogram();
            assert_eq!(decode(interval.encoded_histogram()), expected, "{tag:?}");
            assert_eq!(interval.start_timestamp(), Duration::ZERO);
            assert_eq!(interval.duration(), Duration::from_secs(1));
            tags.push(tag);
        }
        let run = fixtures::open_run();
        let has = |tag: &Tag| run.tagged(*tag).is_some();
        assert!(tags.iter().copied().eq(Tag::ALL.into_iter().filter(has)));
        assert!(tags.contains(&Tag::Service) && tags.contains(&Tag::Lateness));
    }

    #[test]
    fn censored_values_are_a_comment_only_if_there_are_any() {
        let text = |recorder: &RunRecorder| {
            let bytes = fixtures::log(Mode::Closed, recorder);
            String::from_utf8(bytes).unwrap()
        };
        let mut recorder = fixtures::recorder(Mode::Closed);
        let told = "\n#[Censored: 2 latencies of requests without a reply, from 1000000000 ns on: ";
        assert!(text(&recorder).contains(told));
        recorder.censored = Censored::default();
        assert!(!text(&recorder).contains("ensored"));
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
