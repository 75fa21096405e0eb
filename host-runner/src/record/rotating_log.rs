//! Interval logs of a measurement without an end: a file for each day, lines for each interval and target.
//!
//! The files are HdrHistogram's (V2, log format 1.3), in nanoseconds, as those of results. Each line has a tag: the target's
//! name for its latency, and the same with a quantity behind `#` for others. Lines of an interval are written at once: a
//! file ends with a whole line, whatever ends the program. Comments say what was measured ([`log_description`]), and after
//! each interval what became of its requests ([`log_counts`]).
//!
//! [`log_description`]: super::log_description
//! [`log_counts`]: super::log_counts
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};

use super::RecordError;
use super::hlog::{MAX_VALUE_DIVISOR, UNIT, VERSION, failed};
use super::log_counts::LogCounts;
use super::log_description::LogDescription;
use crate::files::Directory;
use crate::histogram::DurationHistogram;

/// Most files that begin in the same second.
const SAME_SECOND: u32 = 1000;

/// A line: the samples of one quantity of one target in an interval.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Name of the target.
    pub target: &'a str,
    /// Name of the quantity; `None` for the latency.
    pub quantity: Option<&'static str>,
    /// Start of the interval.
    pub from: SystemTime,
    /// Length of the interval.
    pub length: Duration,
    /// The samples.
    pub durations: &'a DurationHistogram,
}

impl Line<'_> {
    /// Returns the tag, which has no comma and no blank (log format 1.3).
    #[must_use]
    pub fn tag(&self) -> String {
        let name: String = self
            .target
            .chars()
            .map(|character| match character {
                ',' => '_',
                blank if blank.is_whitespace() => '_',
                other => other,
            })
            .collect();
        match self.quantity {
            None => name,
            Some(quantity) => format!("{name}#{quantity}"),
        }
    }
}

/// A directory of interval logs, the newest of which is written.
#[derive(Debug)]
pub struct RotatingLog {
    directory: Directory,
    /// Comment at the beginning of each file.
    description: String,
    newest: Option<Newest>,
}

#[derive(Debug)]
struct Newest {
    day: Date,
    started_at: SystemTime,
    path: PathBuf,
    file: File,
}

impl RotatingLog {
    /// Opens the directory at `path` for logs of what `description` says, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// [`RecordError::Unwritable`] if it can't be made or written to.
    pub fn create(path: &Path, description: &LogDescription) -> Result<Self, RecordError> {
        let directory = Directory::create(path).map_err(RecordError::unwritable(path))?;
        directory
            .check_writable()
            .map_err(RecordError::unwritable(path))?;
        Ok(Self {
            directory,
            description: description.comment()?,
            newest: None,
        })
    }

    /// Writes `lines`, of intervals that ended at `now`, and the `counts` of them all; the first of a day (UTC) begin a
    /// file.
    ///
    /// # Errors
    ///
    /// [`RecordError::Histogram`] if a line can't be encoded, [`RecordError::Unwritable`] if it can't be written.
    pub fn write(
        &mut self,
        now: Timestamp,
        lines: &[Line<'_>],
        counts: &LogCounts,
    ) -> Result<(), RecordError> {
        let Some(first) = lines.iter().map(|line| line.from).min() else {
            return Ok(());
        };
        let day = now.to_zoned(TimeZone::UTC).date();
        let is_new = self.newest.as_ref().is_none_or(|newest| newest.day != day);
        if is_new {
            self.newest = Some(self.begin(day, first, now)?);
        }
        let Some(newest) = &mut self.newest else {
            return Ok(());
        };
        let mut text = encode(newest.started_at, &self.description, is_new, lines)?;
        text.extend_from_slice(format!("#{}\n", counts.comment()?).as_bytes());
        let written = newest.file.write_all(&text);
        written.map_err(RecordError::unwritable(&newest.path))
    }

    /// Begins the file of `day`, whose first interval starts at `started_at`.
    fn begin(
        &self,
        day: Date,
        started_at: SystemTime,
        now: Timestamp,
    ) -> Result<Newest, RecordError> {
        let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let name = (1..=SAME_SECOND)
            .map(|number| match number {
                1 => format!("fathom-{stamp}.hlog"),
                number => format!("fathom-{stamp}-{number}.hlog"),
            })
            .find(|name| self.directory.len_of(name).is_none());
        let name = name.unwrap_or_else(|| format!("fathom-{stamp}.hlog"));
        let path = self.directory.path().join(&name);
        let file = self.directory.stream(&name);
        Ok(Newest {
            day,
            started_at,
            file: file.map_err(RecordError::unwritable(&path))?,
            path,
        })
    }
}

/// The lines of an interval as the bytes that are appended to a log that began at `started_at`, or begin it if it
/// `is_new`.
fn encode(
    started_at: SystemTime,
    description: &str,
    is_new: bool,
    lines: &[Line<'_>],
) -> Result<Vec<u8>, RecordError> {
    let write = |lines: &[Line<'_>]| {
        let mut bytes = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        let mut builder = IntervalLogWriterBuilder::new();
        let mut log = (builder
            .add_comment(VERSION)
            .add_comment(UNIT)
            .add_comment(description))
        .with_start_time(started_at)
        .with_base_time(started_at)
        .with_max_value_divisor(MAX_VALUE_DIVISOR)
        .begin_log_with(&mut bytes, &mut serializer)
        .map_err(|error| failed(&error))?;
        for line in lines {
            let tag = line.tag();
            let start = line.from.duration_since(started_at).unwrap_or_default();
            let histogram = line.durations.histogram();
            log.write_histogram(&histogram, start, line.length, Tag::new(&tag))
                .map_err(|error| failed(&error))?;
        }
        Ok::<_, RecordError>(bytes)
    };
    let mut bytes = write(lines)?;
    if !is_new {
        // The crate begins every log with its head.
        bytes.drain(..write(&[])?.len());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn durations(values: &[u64]) -> DurationHistogram {
        DurationHistogram::of_values(values.iter().copied())
    }

    /// Tag, start after the file's in seconds, and number of samples of each line.
    fn read(path: &Path) -> Vec<(String, f64, u64)> {
        let bytes = fs::read(path).unwrap();
        let entries = IntervalLogIterator::new(&bytes).map(|entry| entry.unwrap());
        let lines = entries.filter_map(|entry| match entry {
            LogEntry::Interval(interval) => {
                let text = interval.encoded_histogram();
                let bytes =
                    base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text).unwrap();
                let histogram: Histogram<u64> = Deserializer::new()
                    .deserialize(&mut bytes.as_slice())
                    .unwrap();
                let tag = interval.tag().unwrap().as_str().to_owned();
                Some((
                    tag,
                    interval.start_timestamp().as_secs_f64(),
                    histogram.len(),
                ))
            }
            _ => None,
        });
        lines.collect()
    }

    #[test]
    fn a_day_is_a_file_with_a_line_for_each_interval_and_target() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("log");
        let mut log = RotatingLog::create(&path, &LogDescription::default()).unwrap();
        let counts = LogCounts {
            sent: 3,
            ..LogCounts::default()
        };
        let (some, other) = (durations(&[1000, 2000]), durations(&[500]));
        let mut write = |now: &str| {
            let from = SystemTime::from(at(now)) - Duration::from_secs(60);
            let line = |target, quantity, durations| Line {
                target,
                quantity,
                from,
                length: Duration::from_secs(60),
                durations,
            };
            let lines = [
                line("a:1", None, &some),
                line("b, c:1", Some("service"), &other),
            ];
            log.write(at(now), &lines, &counts).unwrap();
            log.write(at(now), &[], &counts).unwrap();
        };
        write("2026-11-27T23:58:30Z");
        write("2026-11-27T23:59:30Z");
        write("2026-11-28T00:00:30Z");
        let first = path.join("fathom-20261127T235830Z.hlog");
        let lines = read(&first);
        let expected = [
            ("a:1".to_owned(), 0.0, 2),
            ("b__c:1#service".to_owned(), 0.0, 1),
            ("a:1".to_owned(), 60.0, 2),
            ("b__c:1#service".to_owned(), 60.0, 1),
        ];
        assert_eq!(lines, expected);
        let head = fs::read_to_string(&first).unwrap();
        assert_eq!(head.matches("#[StartTime:").count(), 1, "{head}");
        assert_eq!(head.matches("#[Fathom description {").count(), 1, "{head}");
        let counted = head
            .lines()
            .filter_map(|line| LogCounts::parse(line).unwrap());
        assert_eq!(
            counted.map(|counts| counts.sent).collect::<Vec<_>>(),
            [3, 3]
        );
        let second = path.join("fathom-20261128T000030Z.hlog");
        assert_eq!(read(&second).len(), 2);
        // Another prober of the same second gets a file of its own.
        let mut log = RotatingLog::create(&path, &LogDescription::default()).unwrap();
        let line = Line {
            target: "a:1",
            quantity: None,
            from: SystemTime::from(at("2026-11-28T00:00:00Z")),
            length: Duration::from_secs(30),
            durations: &some,
        };
        log.write(at("2026-11-28T00:00:30Z"), &[line], &counts)
            .unwrap();
        assert_eq!(read(&path.join("fathom-20261128T000030Z-2.hlog")).len(), 1);
        assert_eq!(read(&second).len(), 2);
    }
}
