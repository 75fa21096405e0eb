//! Everything that the reader keeps of a target: the way of its blocks, and the interval of the log that is not over.

use std::time::{Duration, SystemTime};

use super::prober::Prober;
use crate::clock;
use crate::host::cgroup::Throttling;
use crate::host::thread::ThreadCounts;
use crate::record::log_counts::LogCounts;
use crate::record::rotating_log::Line;
use crate::stats::continuous::Series;
use crate::stats::outcomes::Outcomes;
use crate::stats::recent_validity::CpuWaits;
use crate::stats::running_totals::RunningTotals;

/// The highest percentile that a valid interval's lateness is no part of.
const NEEDS: &str = "p99";

/// Reason for which an interval is not valid, in words.
const SPOILT: &str = "the prober's host sent requests late, or not at all, or took the CPU from it";

/// A target, as its reader sees it.
#[derive(Debug)]
pub struct TallySheet {
    prober: Prober,
    /// Readings of the kernel's accounts when the last block came; `None` before the first.
    before: Option<CpuWaits>,
    interval: Option<Interval>,
}

/// An interval of the log.
#[derive(Debug, Default)]
struct Interval {
    from_ns: Option<u64>,
    to_ns: u64,
    outcomes: Outcomes,
    series: Series,
    /// True if some of it is not to be trusted.
    is_spoilt: bool,
}

impl TallySheet {
    /// Returns the sheet of a target whose measurement begins.
    pub fn new(prober: Prober, has_log: bool) -> Self {
        Self {
            prober,
            before: None,
            interval: has_log.then(Interval::default),
        }
    }

    /// Returns the target.
    pub fn target(&self) -> &str {
        self.prober.target()
    }

    /// Has the measurement end.
    pub fn cancel(&self) {
        self.prober.cancel();
    }

    /// Returns whether it was told to end.
    pub fn is_cancelled(&self) -> bool {
        self.prober.is_cancelled()
    }

    /// Returns whether it has ended, and everything was read.
    pub fn is_over(&self) -> bool {
        self.prober.is_over()
    }

    /// Adds the blocks that have come to `totals`; this process was throttled by so much so far.
    pub fn read(&mut self, totals: &RunningTotals, throttling: Throttling) {
        // From the first look on: what a block's thread waited for before is not the measurement's.
        if self.before.is_none() {
            self.before = self.waits(throttling);
        }
        while let Some(mut block) = self.prober.reader().take() {
            // A thread that has ended has no account any more: its last one stands.
            let now = self.waits(throttling).unwrap_or(CpuWaits {
                throttled: throttling.waits(),
                ..self.before.unwrap_or_default()
            });
            let since = now.since(&self.before.replace(now).unwrap_or(now));
            let mut is_valid = false;
            if let Some(total) = totals.lock().get_mut(self.prober.target()) {
                total.add(&block, &since);
                is_valid = total.is_valid(block.to_ns);
            }
            if let Some(interval) = &mut self.interval {
                interval.is_spoilt |= !is_valid;
                interval.outcomes.add(&block.outcomes);
                interval.from_ns.get_or_insert(block.from_ns);
                interval.to_ns = block.to_ns;
                interval.series.add_all(&block.series);
            }
            block.clear();
            self.prober.reader().give_back(block);
        }
    }

    /// Reads for how long the measuring thread has waited so far; `None` if there is none, or the kernel does not tell.
    fn waits(&self, throttling: Throttling) -> Option<CpuWaits> {
        let counts = ThreadCounts::of(self.prober.thread()?)?;
        Some(CpuWaits {
            scheduled: counts.waits(),
            throttled: throttling.waits(),
        })
    }

    /// Returns the lines of the interval: none without a block, and none of a quantity without a sample but the latency.
    pub fn lines(&self) -> Vec<Line<'_>> {
        let Some(interval) = &self.interval else {
            return Vec::new();
        };
        let Some(from_ns) = interval.from_ns else {
            return Vec::new();
        };
        let from = clock::time_of_day(from_ns);
        let from = from.map_or(SystemTime::UNIX_EPOCH, SystemTime::from);
        let length = Duration::from_nanos(interval.to_ns.saturating_sub(from_ns));
        let series = &interval.series;
        let quantities = [
            (None, &series.latency),
            (Some("service"), &series.service),
            (Some("path"), &series.path),
            (Some("lateness"), &series.lateness),
        ];
        let lines = quantities.into_iter().map(|(quantity, durations)| Line {
            target: self.target(),
            quantity,
            from,
            length,
            durations,
        });
        lines
            .filter(|line| line.quantity.is_none() || line.durations.count() > 0)
            .collect()
    }

    /// Returns the counts of the interval, whose requests are lost after `timeout_ns`; `None` without a block.
    pub fn counts(&self, timeout_ns: u64) -> Option<LogCounts> {
        let interval = self.interval.as_ref()?;
        interval.from_ns?;
        let counts = LogCounts::from(&interval.outcomes);
        let censored_count = counts.lost + counts.dropped_locally;
        let is_valid = !interval.is_spoilt;
        Some(LogCounts {
            censored_count,
            censored_from_ns: (censored_count > 0).then_some(timeout_ns),
            valid: is_valid,
            needs: Some(NEEDS.to_owned()),
            valid_to: is_valid.then(|| NEEDS.to_owned()),
            invalid_because: match is_valid {
                true => Vec::new(),
                false => vec![SPOILT.to_owned()],
            },
            ..counts
        })
    }

    /// Begins another interval.
    pub fn begin_interval(&mut self) {
        if let Some(interval) = &mut self.interval {
            interval.from_ns = None;
            interval.outcomes = Outcomes::default();
            interval.is_spoilt = false;
            interval.series.clear();
        }
    }
}
