//! Recorder of a measurement without an end: it fills one block and hands it over at the end of each interval, in constant
//! memory. The reader adds up.
//!
//! A request is recorded in as few steps as in a run's recorder or fewer. Service times are as the service's own clock has
//! them: its rate is not known over months, and is right to some hundred millionths.
#![forbid(unsafe_code)]

use super::guest_clock::Service;
use super::outcomes::Outcomes;
use super::relay::Writer;
use crate::histogram::DurationHistogram;
use crate::load::{Dropped, Loss, Observer, Sample, Tally};

/// Distributions of an interval, or of many that were added up.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// From when a request was due to its reply; of one that was lost or not sent, the least that it can have been.
    pub latency: DurationHistogram,
    /// Time in the service.
    pub service: DurationHistogram,
    /// The rest of the round trip.
    pub path: DurationHistogram,
    /// From when a request was due to when it was sent.
    pub lateness: DurationHistogram,
}

impl Series {
    /// Adds all samples of `other`.
    pub fn add_all(&mut self, other: &Self) {
        self.latency.add_all(&other.latency);
        self.service.add_all(&other.service);
        self.path.add_all(&other.path);
        self.lateness.add_all(&other.lateness);
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        self.latency.clear();
        self.service.clear();
        self.path.clear();
        self.lateness.clear();
    }
}

/// A stretch of a measurement.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Start, in nanoseconds of the host's clock.
    pub from_ns: u64,
    /// End.
    pub to_ns: u64,
    /// Counts of what happened in it.
    pub outcomes: Outcomes,
    /// Distributions of the same: as many latencies as requests answered, lost and not sent.
    pub series: Series,
    /// From when a request was sent to its reply; of one that was lost, the timeout. What the judgement of the latency
    /// needs beside it.
    pub round_trip: DurationHistogram,
    /// Difference of two times that the measuring loop resolves, in nanoseconds.
    pub resolution_ns: u64,
}

impl Block {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.outcomes = Outcomes::default();
        self.series.clear();
        self.round_trip.clear();
    }
}

/// Observer that hands over an interval after the other.
#[derive(Debug)]
pub struct ContinuousRecorder {
    active: Box<Block>,
    writer: Writer<Block>,
    interval_ns: u64,
    /// End of the interval.
    ends_ns: u64,
    /// Counts of the measurement at its start.
    before: Outcomes,
    /// Counts of earlier measurements that belong to it.
    carried: Outcomes,
}

impl ContinuousRecorder {
    /// Returns a recorder that hands over to `writer` every `interval_ns`.
    #[must_use]
    pub fn new(writer: Writer<Block>, interval_ns: u64) -> Self {
        Self {
            active: Box::default(),
            writer,
            interval_ns,
            ends_ns: u64::MAX,
            before: Outcomes::default(),
            carried: Outcomes::default(),
        }
    }

    /// Ends a measurement of `tally` at `at_ns`; the recorder may go on with another. Returns whether the last interval could
    /// be handed over. If not, it is a part of the next one; to end with no counts more tries again.
    pub fn end(&mut self, at_ns: u64, tally: &Tally) -> bool {
        let now = Outcomes::from(tally);
        let is_handed_over = self.hand_over(at_ns, now);
        if !is_handed_over {
            self.carried.add(&now.since(&self.before));
        }
        self.before = Outcomes::default();
        self.ends_ns = u64::MAX;
        is_handed_over
    }

    fn hand_over(&mut self, at_ns: u64, now: Outcomes) -> bool {
        self.active.to_ns = at_ns;
        self.active.outcomes = self.carried;
        self.active.outcomes.add(&now.since(&self.before));
        let is_handed_over = self.writer.hand_over(&mut self.active);
        if is_handed_over {
            self.active.from_ns = at_ns;
            self.before = now;
            self.carried = Outcomes::default();
        }
        is_handed_over
    }
}

impl Observer for ContinuousRecorder {
    fn started(&mut self, at_ns: u64) {
        if self.carried == Outcomes::default() {
            self.active.from_ns = at_ns;
        }
        self.ends_ns = at_ns.saturating_add(self.interval_ns);
    }

    #[inline]
    fn sent(&mut self, lateness_ns: u64) {
        self.active.series.lateness.record(lateness_ns);
    }

    #[inline]
    fn replied(&mut self, sample: Sample) {
        let series = &mut self.active.series;
        series.latency.record(sample.latency_ns);
        self.active.round_trip.record(sample.round_trip_ns);
        if let Some(service) = Service::uncorrected(&sample) {
            series.service.record(service.service_ns);
            series.path.record(service.path_ns);
        }
    }

    fn lost(&mut self, loss: Loss) {
        self.active.series.latency.record(loss.latency_ns);
        self.active.round_trip.record(loss.round_trip_ns);
    }

    fn dropped(&mut self, dropped: Dropped) {
        self.active.series.latency.record(dropped.latency_ns);
    }

    fn tallied(&mut self, at_ns: u64, tally: &Tally) {
        if at_ns >= self.ends_ns {
            self.active.resolution_ns = tally.resolution_ns.unwrap_or_default();
            self.hand_over(at_ns, Outcomes::from(tally));
            self.ends_ns = self.ends_ns.saturating_add(self.interval_ns).max(at_ns);
        }
    }

    fn follows_restarts(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
