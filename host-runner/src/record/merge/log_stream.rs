//! An interval log, read line by line: no more of it is in memory than one entry.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::MergeError;
use crate::files;
use crate::record::log_counts::LogCounts;
use crate::record::log_description::LogDescription;
use crate::record::read::log;

/// Longest line, in bytes: more than a histogram of every slot takes.
const LONGEST_LINE: u64 = 2 << 20;

/// The comment that states the unit.
const UNIT: &str = "#[Latency in nanoseconds]";

/// Beginning of comments that state one.
const ANY_UNIT: &str = "#[Latency in ";

/// A year: an entry's time that is less counts from the start of the log, as HdrHistogram's own readers have it.
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// One entry.
#[derive(Debug)]
pub struct LoggedInterval {
    /// Tag; `None` for the latency.
    pub tag: Option<String>,
    /// Start, since the epoch.
    pub start: Duration,
    /// Length.
    pub length: Duration,
    /// The samples.
    pub histogram: Histogram<u64>,
}

/// Everything that a log says, in the order of its lines.
#[derive(Debug)]
pub enum Said {
    /// Start of the log, since the epoch.
    Start(Duration),
    /// Description of the measurement.
    Description(Box<LogDescription>),
    /// Counts of requests.
    Counts(Box<LogCounts>),
    /// An entry.
    Interval(Box<LoggedInterval>),
}

/// Head of a log: what stands before the first entry.
#[derive(Debug, Default)]
pub struct LogHead {
    /// Start of the log, since the epoch.
    pub start: Duration,
    /// Description of the measurement.
    pub description: Option<LogDescription>,
}

/// A log that is being read.
#[derive(Debug)]
pub struct LogStream {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    has_unit: bool,
    start: Duration,
    base: Option<Duration>,
}

impl LogStream {
    /// Opens the log at `path`.
    ///
    /// # Errors
    ///
    /// [`MergeError::Unreadable`] if it is missing, or no regular file.
    pub fn open(path: &Path) -> Result<Self, MergeError> {
        let file = files::open(path).map_err(|source| MergeError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(1 << 16, file),
            line: Vec::new(),
            number: 0,
            has_unit: false,
            start: Duration::ZERO,
            base: None,
        })
    }

    /// Reads the head of the log at `path`.
    ///
    /// # Errors
    ///
    /// Those of [`Self::open`] and [`Self::next`].
    pub fn head(path: &Path) -> Result<LogHead, MergeError> {
        let mut stream = Self::open(path)?;
        let mut head = LogHead::default();
        while let Some(said) = stream.next()? {
            match said {
                Said::Start(start) => head.start = start,
                Said::Description(description) => head.description = Some(*description),
                Said::Counts(_) => {}
                Said::Interval(interval) => {
                    if head.start == Duration::ZERO {
                        head.start = interval.start;
                    }
                    break;
                }
            }
        }
        Ok(head)
    }

    /// Returns what the log says next; `None` at its end.
    ///
    /// # Errors
    ///
    /// [`MergeError::Log`] if a line is too long, cut off or none that Fathom writes; [`MergeError::Undescribed`] if the
    /// unit is not known when the first entry comes; [`MergeError::Unreadable`] if reading fails.
    pub fn next(&mut self) -> Result<Option<Said>, MergeError> {
        while self.read_line()? {
            if let Some(said) = self.said()? {
                return Ok(Some(said));
            }
        }
        Ok(None)
    }

    /// Reads the next line; returns false at the end.
    fn read_line(&mut self) -> Result<bool, MergeError> {
        self.line.clear();
        self.number += 1;
        let mut limited = (&mut self.file).take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut self.line);
        let read = read.map_err(|source| MergeError::Unreadable {
            path: self.path.clone(),
            source,
        })?;
        if read > 0 && self.line.last() != Some(&b'\n') {
            return Err(self.fault(match read as u64 == LONGEST_LINE {
                true => "the line is longer than any histogram's",
                false => "the line is cut off: the log was not written to its end",
            }));
        }
        Ok(read > 0)
    }

    /// Returns what the line says, if that is of any concern.
    fn said(&mut self) -> Result<Option<Said>, MergeError> {
        if self.line.starts_with(b"#[")
            && let Some(said) = self.comment()?
        {
            return Ok(Some(said));
        }
        let entry = match IntervalLogIterator::new(&self.line).next() {
            None => return Ok(None),
            Some(Err(_)) => return Err(self.fault("it is no line of an interval log")),
            Some(Ok(entry)) => entry,
        };
        let interval = match entry {
            LogEntry::StartTime(start) => {
                self.start = start;
                return Ok(Some(Said::Start(start)));
            }
            LogEntry::BaseTime(base) => {
                self.base = Some(base);
                return Ok(None);
            }
            LogEntry::Interval(interval) => interval,
        };
        if !self.has_unit {
            return Err(MergeError::Undescribed {
                path: self.path.clone(),
                field: "unit",
                remedy: "logs whose values are nanoseconds say so: `#[Latency in nanoseconds]`",
            });
        }
        let at = interval.start_timestamp();
        let base = match self.base {
            Some(base) => base,
            None if at < YEAR => self.start,
            None => Duration::ZERO,
        };
        let histogram = log::histogram(&interval).map_err(|problem| self.fault(&problem))?;
        Ok(Some(Said::Interval(Box::new(LoggedInterval {
            tag: interval.tag().map(|tag| tag.as_str().to_owned()),
            start: base + at,
            length: interval.duration(),
            histogram,
        }))))
    }

    /// Returns what a comment says, if it is one of Fathom's own.
    fn comment(&mut self) -> Result<Option<Said>, MergeError> {
        let text = String::from_utf8_lossy(&self.line);
        if text.starts_with(ANY_UNIT) {
            if text.trim_end() != UNIT {
                return Err(self.fault("the unit is not the nanosecond"));
            }
            self.has_unit = true;
            return Ok(None);
        }
        let description = LogDescription::parse(&text).map_err(|problem| self.fault(&problem))?;
        let counts = LogCounts::parse(&text).map_err(|problem| self.fault(&problem))?;
        let description = description.map(|said| Said::Description(Box::new(said)));
        Ok(description.or(counts.map(|said| Said::Counts(Box::new(said)))))
    }

    /// Returns an error about the line that was read last.
    pub fn fault(&self, problem: &str) -> MergeError {
        MergeError::Log {
            path: self.path.clone(),
            line: self.number,
            problem: problem.to_owned(),
        }
    }
}
