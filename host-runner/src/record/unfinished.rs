//! Intervals of a long run, written while it is under way: a program that is killed, or a host that loses its power, has lost
//! no more than the interval that was not over.

use std::iter;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use super::{ResultDirectory, hlog};
use crate::stats::intervals::FinishedInterval;

/// Length from which on a run is long, in nanoseconds: its intervals are of a minute then, and the copy of one at the end
/// of each is no part of any percentile that has a name.
pub const LONG_NS: u64 = 3_600_000_000_000;

/// Number of intervals that may wait to be written.
const WAITING: usize = 4;

/// Returns the two ends of the way from a run to [`keep`].
#[must_use]
pub fn channel() -> (SyncSender<FinishedInterval>, Receiver<FinishedInterval>) {
    sync_channel(WAITING)
}

/// Writes each interval that comes to `unfinished.hlog` in `directory`, until no more can come. The first file of the
/// finished run removes it. What can't be written is left out: the run goes on.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the way ends where its receiver does"
)]
pub fn keep(directory: &ResultDirectory, finished: Receiver<FinishedInterval>) {
    let mut intervals = finished.iter().map(|finished| finished.interval());
    let Some(first) = intervals.next() else {
        return;
    };
    let Ok(file) = directory.create_unfinished() else {
        return;
    };
    let elapsed = Duration::from_nanos(first.start_ns.saturating_add(first.length_ns));
    let started_at = SystemTime::now().checked_sub(elapsed);
    let started_at = started_at.unwrap_or(SystemTime::UNIX_EPOCH);
    let _ = hlog::write_each(file, started_at, iter::once(first).chain(intervals));
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::file_names::UNFINISHED;
    use super::*;
    use crate::stats::intervals::Intervals;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn intervals_are_there_until_the_run_is_finished() {
        let parent = tempfile::tempdir().unwrap();
        let out = parent.path().join("out");
        let directory =
            ResultDirectory::create(Some(&out), parent.path(), Timestamp::now(), &[]).unwrap();
        let (keeper, finished) = channel();
        let mut intervals = Intervals::new(Some(5 * SECOND_NS));
        intervals.hand_over_to(keeper);
        intervals.start(0);
        for second in [0, 1, 1, 2] {
            intervals.record(second * SECOND_NS, 1000);
        }
        drop(intervals);
        keep(&directory, finished);
        let log = std::fs::read_to_string(out.join(UNFINISHED)).unwrap();
        let entries = log.lines().filter(|line| line.contains(",HISTF"));
        assert_eq!(entries.count(), 2, "{log}");
        directory.write_file("hermit.hgrm", b"").unwrap();
        assert!(!out.join(UNFINISHED).exists());
    }
}
