//! A run so far, for a reader beside it: once a second, by way of a [`relay`](super::relay).
//!
//! A run's own distributions are those of the whole run, so what is handed over is a copy of their used slots, some ten
//! microseconds of the measuring thread each second, between two requests. Seconds are the differences of two snapshots
//! ([`DurationHistogram::since`]). Without a reader nothing is copied.
#![forbid(unsafe_code)]

use super::relay::Writer;
use crate::histogram::DurationHistogram;
use crate::load::Tally;

/// Time between two snapshots, in nanoseconds.
pub const EVERY_NS: u64 = 1_000_000_000;

/// Everything that a run has measured until a moment.
#[derive(Clone, Debug, Default)]
pub struct RunSnapshot {
    /// The moment, in nanoseconds of the host's clock.
    pub at_ns: u64,
    /// The counts: of exactly those requests that the distributions have.
    pub tally: Tally,
    /// The latency, losses with the least that it can have been.
    pub latency: DurationHistogram,
    /// The generator's lateness; empty where the loop is not open.
    pub lateness: DurationHistogram,
}

/// The measuring thread's end of a way of snapshots.
#[derive(Debug)]
pub struct SnapshotRelay {
    writer: Writer<RunSnapshot>,
    due_ns: u64,
}

impl SnapshotRelay {
    /// Returns the end of a run that has not begun.
    #[must_use]
    pub const fn new(writer: Writer<RunSnapshot>) -> Self {
        Self { writer, due_ns: 0 }
    }

    /// Hands a snapshot over, if it is time to and the reader has handed one back; if it has not, the next one comes as soon
    /// as it has.
    pub(super) fn tell(
        &mut self,
        at_ns: u64,
        tally: &Tally,
        latency: &DurationHistogram,
        lateness: Option<&DurationHistogram>,
    ) {
        if at_ns < self.due_ns {
            return;
        }
        let Some(mut snapshot) = self.writer.take_empty() else {
            return;
        };
        snapshot.at_ns = at_ns;
        snapshot.tally = *tally;
        snapshot.latency.copy_from(latency);
        match lateness {
            Some(lateness) => snapshot.lateness.copy_from(lateness),
            None => snapshot.lateness.clear(),
        }
        self.writer.send(snapshot);
        self.due_ns = at_ns.saturating_add(EVERY_NS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::relay::relay;

    #[test]
    fn seconds_are_the_differences_of_snapshots() {
        let (writer, mut reader) = relay(2);
        let mut relay = SnapshotRelay::new(writer);
        let mut latency = DurationHistogram::default();
        let mut tally = Tally::default();
        let mut at = |ms: u64, value_ns: u64| {
            latency.record(value_ns);
            tally.sent += 1;
            relay.tell(ms * 1_000_000, &tally, &latency, None);
        };
        at(1, 100);
        at(500, 2000);
        at(1001, 3000);
        let [first, second] = [reader.take().unwrap(), reader.take().unwrap()];
        assert!(reader.take().is_none());
        assert_eq!((first.tally.sent, second.tally.sent), (1, 3));
        let later = second.latency.since(&first.latency);
        assert_eq!((later.count(), later.min_ns()), (2, Some(2000)));
        // Two seconds without a block: the third covers both.
        at(2001, 4000);
        at(3001, 5000);
        reader.give_back(first);
        at(3100, 6000);
        let third = reader.take().unwrap();
        let later = third.latency.since(&second.latency);
        assert_eq!((later.count(), third.tally.sent), (3, 6));
        assert_eq!(third.at_ns, 3_100_000_000);
    }
}
