//! Puts every sample of a measurement where it belongs. Nothing here allocates per sample.

use jiff::Timestamp;

use crate::clock;
use crate::load::{Dropped, Loss, Mode, Observer, Plan, Sample, Tally};

pub use super::censored::Censored;
use super::guest_clock::{Correction, Service, WarmUp};
use super::one_way::OneWay;
use super::{
    Tag, intervals::Intervals, run_check::RunCheck, snapshot::SnapshotRelay, stall::Stalls,
};
use crate::histogram::{DurationHistogram, slots::Slot};

/// The distributions of one measurement.
#[derive(Debug)]
pub struct RunRecorder {
    /// From when a request was due to its reply; a lost one with the least it can have taken.
    pub latency: DurationHistogram,
    /// The guest's own share, t3 - t2.
    pub service: DurationHistogram,
    /// The rest, (t4 - t1) - (t3 - t2): the way there and back.
    pub path: DurationHistogram,
    /// Number of in-time replies whose guest times are impossible: t3 before t2, or a service time longer
    /// than the round trip. In `service` and `path` they are bounded to what is possible.
    pub impossible_times: u64,
    /// Factor that makes service times into times of the host's clock.
    pub correction: Correction,
    /// Delays of either direction, where the service's times have a date.
    pub one_way: Option<OneWay>,
    /// Distributions of an open loop.
    pub open: Option<OpenLoop>,
    /// Latencies that are lower bounds.
    pub censored: Censored,
    /// Time at which measuring began, by the host's clock of day.
    pub started_at: Option<Timestamp>,
    /// The latency over time.
    pub intervals: Intervals,
    /// Requests in a row that took exceptionally long.
    pub stalls: Stalls,
    /// Lengths of the measuring thread's scheduling gaps during the run; `None` if it does not poll.
    pub gaps: Option<DurationHistogram>,
    /// Way of the run so far to a reader.
    pub relay: Option<SnapshotRelay>,
    /// Check of the run so far that can ask for its end.
    pub check: Option<Box<dyn RunCheck>>,
    has_dates: bool,
}

/// Distributions of an open loop: in a closed one every request is due when it is sent.
#[derive(Debug, Default)]
pub struct OpenLoop {
    /// Latencies that a client that waits for each reply would have recorded: from when a request was really
    /// sent to its reply, of those alone that it would have sent. A service that stands still costs
    /// such a client one sample, however long it does (coordinated omission).
    pub uncorrected: DurationHistogram,
    /// The lower bounds among them.
    pub uncorrected_censored: Censored,
    /// From when a request was due to when it was sent.
    pub lateness: DurationHistogram,
    /// From when a request was really sent to its reply, of all requests; a lost one with the timeout. The
    /// sender waits for nobody, so no service time hides in it, and what the latency has over it is the
    /// generator's.
    pub round_trip: DurationHistogram,
}

/// Times of a request that was answered or lost: the fields that [`Sample`] and [`Loss`] have in common.
#[derive(Clone, Copy, Debug)]
struct Times {
    at_ns: u64,
    latency_ns: u64,
    round_trip_ns: u64,
    is_closed_loop_sample: bool,
}

impl RunRecorder {
    /// Room for a measurement by `plan`.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let expected_ns = plan.expected_ns();
        Self {
            latency: DurationHistogram::default(),
            service: DurationHistogram::default(),
            path: DurationHistogram::default(),
            impossible_times: 0,
            correction: Correction::new(plan.protocol.has_service_times()),
            one_way: None,
            has_dates: plan.protocol.has_dates(),
            censored: Censored::default(),
            started_at: None,
            open: match plan.mode {
                Mode::Closed | Mode::Pipeline { .. } => None,
                Mode::Open { .. } => Some(OpenLoop::default()),
            },
            intervals: Intervals::new(expected_ns.map(|ns| ns.saturating_add(plan.timeout_ns))),
            stalls: Stalls::default(),
            gaps: None,
            relay: None,
            check: None,
        }
    }

    /// Returns an observer for warm-up that is measured by itself.
    pub fn warm_up(&mut self) -> WarmUp<'_> {
        WarmUp::new(&mut self.correction)
    }

    /// Ends the run, in which requests were sent for `sending_ns`.
    pub fn end(&mut self, sending_ns: u64) {
        self.intervals.end(sending_ns);
        self.end_services();
    }

    /// Records the service times that still wait for the guest clock's rate.
    pub fn end_services(&mut self) {
        for service in self.correction.end() {
            self.service(service);
        }
    }

    #[inline]
    fn service(&mut self, service: Service) {
        self.service.record(service.service_ns);
        self.path.record(service.path_ns);
        self.impossible_times += u64::from(service.is_bounded);
    }

    /// Returns the distribution of `tag`; `None` where a run has none.
    #[must_use]
    pub fn tagged(&self, tag: Tag) -> Option<&DurationHistogram> {
        let open = self.open.as_ref();
        match tag {
            Tag::RoundTrip => open.map(|open| &open.round_trip),
            Tag::Gaps => self.gaps.as_ref(),
            Tag::Service | Tag::Path if self.correction.is_spoilt() => None,
            Tag::Service => Some(&self.service),
            Tag::Path => Some(&self.path),
            Tag::Lateness => open.map(|open| &open.lateness),
            Tag::WaitingClient => open.map(|open| &open.uncorrected),
        }
    }

    #[inline]
    fn latency(&mut self, times: Times) {
        let Times {
            at_ns,
            latency_ns,
            round_trip_ns,
            is_closed_loop_sample,
        } = times;
        let slot = Slot::of(latency_ns);
        self.latency.record_at(slot, latency_ns);
        self.intervals.record_at(slot, at_ns);
        self.stalls.record_at(slot, at_ns, latency_ns);
        if let Some(open) = &mut self.open {
            let slot = Slot::of(round_trip_ns);
            open.round_trip.record_at(slot, round_trip_ns);
            if is_closed_loop_sample {
                open.uncorrected.record_at(slot, round_trip_ns);
            }
        }
    }
}

impl Observer for RunRecorder {
    fn warmed_up(&mut self, sample: Sample) {
        self.correction.warm_up(&sample);
    }

    fn started(&mut self, at_ns: u64) {
        // Now and not after the run: meanwhile the two clocks go at different rates (adjtimex(2)).
        self.started_at = clock::time_of_day(at_ns);
        self.intervals.start(at_ns);
        self.stalls.start(at_ns);
        self.correction.start();
        self.one_way = self.has_dates.then(OneWay::begin);
    }

    #[inline]
    fn sent(&mut self, lateness_ns: u64) {
        if let Some(open) = &mut self.open {
            open.lateness.record(lateness_ns);
        }
    }

    #[inline]
    fn replied(&mut self, sample: Sample) {
        let Sample {
            at_ns,
            latency_ns,
            round_trip_ns,
            is_closed_loop_sample,
            ..
        } = sample;
        self.latency(Times {
            at_ns,
            latency_ns,
            round_trip_ns,
            is_closed_loop_sample,
        });
        if let Some(one_way) = &mut self.one_way {
            one_way.add(&sample);
        }
        let [this, earlier] = self.correction.add(&sample);
        if let Some(service) = this {
            self.service(service);
        }
        if let Some(service) = earlier {
            self.service(service);
        }
    }

    fn lost(&mut self, loss: Loss) {
        let Loss {
            at_ns,
            latency_ns,
            round_trip_ns,
            is_closed_loop_sample,
        } = loss;
        self.censored.record(latency_ns);
        if let Some(open) = self.open.as_mut().filter(|_| is_closed_loop_sample) {
            open.uncorrected_censored.record(round_trip_ns);
        }
        self.latency(Times {
            at_ns,
            latency_ns,
            round_trip_ns,
            is_closed_loop_sample,
        });
    }

    fn tallied(&mut self, at_ns: u64, tally: &Tally) {
        if let Some(relay) = &mut self.relay {
            let lateness = self.open.as_ref().map(|open| &open.lateness);
            relay.tell(at_ns, tally, &self.latency, lateness);
        }
        if let Some(mut check) = self.check.take() {
            check.run_so_far(at_ns, tally, self);
            self.check = Some(check);
        }
    }

    /// A request that was due and was not sent: it has a latency, and no round trip.
    fn dropped(&mut self, dropped: Dropped) {
        self.censored.record(dropped.latency_ns);
        let slot = Slot::of(dropped.latency_ns);
        self.latency.record_at(slot, dropped.latency_ns);
        self.intervals.record_at(slot, dropped.at_ns);
        self.stalls
            .record_at(slot, dropped.at_ns, dropped.latency_ns);
    }
}

#[cfg(test)]
mod tests;
