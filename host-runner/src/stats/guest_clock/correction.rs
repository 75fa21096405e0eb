//! Factor by which a run's service times are multiplied, and the check of it.
//!
//! It is fixed once, so that all service times of a run are of one scale: when warm-up is over, if warm-up
//! bounds it well; else in the run, as soon as that does, or when there is no more room to wait. Replies that
//! came before are kept until then and recorded a little later: none is dropped, and each has its service
//! and path times of the same factor, which add up to its round trip.
//!
//! From then on the exchanges bound the rate anew, by themselves, which shows a clock that changed.

use super::{Bounds, Calibration, Exchange, GuestClock};
use crate::histogram::DurationHistogram;
use crate::load::{Dropped, Loss, Observer, Sample};
use crate::stats::reason::{Code, Reason};

/// Bounds this narrow, as a share of the rate, fix the factor, to their middle. With wider ones the middle
/// may be further off than the clock of a guest that was told its counter's frequency, which is right to
/// 50 millionths: the factor is 1 then, unless the bounds exclude that.
const NARROW: f64 = 100e-6;

/// Number of replies that wait for the factor at the most.
const MOST_PENDING: usize = 8192;

/// A rate that is known to be off by more than this share is told. The host's clock is not steadier: the
/// system corrects its rate now and then (adjtimex(2)).
const TOLD: f64 = 10e-6;

/// A rate that is known to be off by more than this share spoils service times: half of what a
/// histogram's three digits hide.
const SPOILT: f64 = 500e-6;

/// The rate of a guest's clock in one run.
#[derive(Debug)]
pub struct Correction {
    /// Exchanges before the factor was fixed, those of warm-up among them.
    before: Calibration,
    /// Exchanges since then.
    since: Calibration,
    fixed: Option<Fixed>,
    pending: Vec<Exchange>,
    /// By which share the rate of the run is off, at the least.
    off_by: Option<f64>,
}

/// The factor, and what is known of it; without bounds it is 1.
#[derive(Clone, Copy, Debug)]
struct Fixed {
    factor: f64,
    clock: Option<GuestClock>,
}

/// Service time to record, and the rest of its round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Service time in nanoseconds of the host's clock, bounded to what is possible.
    pub service_ns: u64,
    /// The rest of the round trip.
    pub path_ns: u64,
    /// True if the guest's times are impossible: t3 before t2, or longer than the round trip.
    pub is_bounded: bool,
}

impl Service {
    /// Returns the service time of a reply as the guest's clock has it; `None` without stamps.
    #[inline]
    pub(in crate::stats) fn uncorrected(sample: &Sample) -> Option<Self> {
        exchange(sample).map(|exchange| service(&exchange, 1.0))
    }
}

impl Correction {
    /// The correction of a run whose replies have stamps, or not.
    #[must_use]
    pub fn new(has_stamps: bool) -> Self {
        let room = if has_stamps { MOST_PENDING } else { 0 };
        Self {
            before: Calibration::default(),
            since: Calibration::default(),
            fixed: None,
            pending: Vec::with_capacity(room),
            off_by: None,
        }
    }

    /// Adds a reply of warm-up. A rate that changes meanwhile, as Linux' does when it has measured its
    /// counter for longer, is forgotten: the run's is what matters.
    pub fn warm_up(&mut self, sample: &Sample) {
        let Some(exchange) = exchange(sample) else {
            return;
        };
        if self.before.add(exchange) && self.before.bounds().width() < 0.0 {
            self.before = Calibration::default();
        }
    }

    /// Ends warm-up: fixes the factor, if it is well bounded.
    pub fn start(&mut self) {
        let bounds = self.before.bounds();
        if is_narrow(&bounds) {
            self.fix(bounds);
        }
    }

    /// Adds a reply of the run. Returns its times, and those of an earlier one that had to wait, as far as
    /// the factor is known. Never allocates.
    #[inline]
    pub fn add(&mut self, sample: &Sample) -> [Option<Service>; 2] {
        let Some(exchange) = exchange(sample) else {
            return [None; 2];
        };
        let Some(fixed) = self.fixed else {
            self.wait(exchange);
            return [None; 2];
        };
        self.since.add(exchange);
        let waited = self.pending.pop();
        [
            Some(service(&exchange, fixed.factor)),
            waited.map(|waited| service(&waited, fixed.factor)),
        ]
    }

    /// Has a reply wait for the factor, which that may fix.
    #[cold]
    fn wait(&mut self, exchange: Exchange) {
        self.pending.push(exchange);
        let is_full = self.pending.len() == self.pending.capacity();
        if self.before.add(exchange) || is_full {
            let bounds = self.before.bounds();
            if is_narrow(&bounds) || is_full {
                self.fix(bounds);
            }
        }
    }

    fn fix(&mut self, bounds: Bounds) {
        self.fixed = Some(Fixed::by(bounds));
        // More than one rate: the bounds exclude each other.
        self.off_by = Some(-bounds.width()).filter(|_| bounds.are_two() && bounds.width() < 0.0);
    }

    /// Ends the run. Returns the times that still waited.
    pub fn end(&mut self) -> impl Iterator<Item = Service> + use<> {
        if self.fixed.is_none() {
            self.fix(self.before.bounds());
        }
        let factor = self.fixed.map_or(1.0, |fixed| fixed.factor);
        self.check();
        let waiting = std::mem::take(&mut self.pending);
        waiting
            .into_iter()
            .map(move |exchange| service(&exchange, factor))
    }

    /// Holds the run's own bounds against those by which the factor was fixed.
    fn check(&mut self) {
        let own = self.since.bounds();
        let Some(Fixed {
            factor,
            clock: Some(clock),
        }) = &mut self.fixed
        else {
            return;
        };
        if !own.are_two() {
            return;
        }
        let (least, most) = (own.low.min(own.high), own.low.max(own.high));
        let off_by = ((least - clock.high).max(clock.low - most) / *factor).max(-own.width());
        if off_by > 0.0 {
            clock.low = clock.low.min(least);
            clock.high = clock.high.max(most);
            self.off_by = Some(self.off_by.map_or(off_by, |before| before.max(off_by)));
        } else {
            // The narrower ones, as far as the factor is within.
            clock.low = clock.low.max(least).min(*factor);
            clock.high = clock.high.min(most).max(*factor);
        }
    }

    /// Returns the factor with its bounds, once the run has ended; `None` without bounds.
    #[must_use]
    pub fn clock(&self) -> Option<GuestClock> {
        self.fixed.and_then(|fixed| fixed.clock)
    }

    /// Returns what stands against the service times: by which share the clock's rate has changed, at the
    /// least, if that is worth telling.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        let off_by = self.off_by.filter(|&off_by| off_by > TOLD)?;
        Some(Reason {
            share: Some(off_by),
            ..Reason::of(Code::GuestClock)
        })
    }

    /// Returns whether the rate has changed by so much that service times are wrong.
    #[must_use]
    pub fn is_spoilt(&self) -> bool {
        self.off_by.is_some_and(|off_by| off_by > SPOILT)
    }
}

impl Fixed {
    fn by(bounds: Bounds) -> Self {
        if !bounds.are_two() {
            return Self {
                factor: 1.0,
                clock: None,
            };
        }
        let (low, high) = (bounds.low.min(bounds.high), bounds.low.max(bounds.high));
        let may_be_right = (low..=high).contains(&1.0);
        let factor = if may_be_right && high - low > NARROW * low {
            1.0
        } else {
            f64::midpoint(low, high)
        };
        Self {
            factor,
            clock: Some(GuestClock {
                host_per_guest: factor,
                low,
                high,
            }),
        }
    }
}

fn is_narrow(bounds: &Bounds) -> bool {
    bounds.are_two() && bounds.width().abs() <= NARROW
}

#[inline]
fn exchange(sample: &Sample) -> Option<Exchange> {
    sample.guest_times.map(|times| Exchange {
        t1_ns: sample.at_ns.wrapping_sub(sample.round_trip_ns),
        t2_ns: times.t2_ns,
        t3_ns: times.t3_ns,
        t4_ns: sample.at_ns,
    })
}

/// Takes an exchange's round trip apart. The longest service times are the first that a clock which is too
/// fast makes impossible, so they are bounded: to leave them out would be to leave out a stall.
#[inline]
fn service(exchange: &Exchange, factor: f64) -> Service {
    let round_trip_ns = exchange.t4_ns.wrapping_sub(exchange.t1_ns);
    let guest_ns = exchange.t3_ns.checked_sub(exchange.t2_ns);
    let host_ns = guest_ns.map(|ns| (ns as f64 * factor + 0.5) as u64);
    let service_ns = host_ns.unwrap_or(0).min(round_trip_ns);
    Service {
        service_ns,
        path_ns: round_trip_ns - service_ns,
        is_bounded: host_ns != Some(service_ns),
    }
}

/// Record of a warm-up that is measured by itself: its latency, and the guest's clock.
#[derive(Debug)]
pub struct WarmUp<'a> {
    /// Latency of warm-up.
    pub latency: DurationHistogram,
    correction: &'a mut Correction,
}

impl<'a> WarmUp<'a> {
    pub(in crate::stats) fn new(correction: &'a mut Correction) -> Self {
        Self {
            latency: DurationHistogram::default(),
            correction,
        }
    }
}

impl Observer for WarmUp<'_> {
    fn warmed_up(&mut self, sample: Sample) {
        self.correction.warm_up(&sample);
    }

    fn started(&mut self, _at_ns: u64) {}

    fn sent(&mut self, _lateness_ns: u64) {}

    fn replied(&mut self, sample: Sample) {
        self.latency.record(sample.latency_ns);
        self.correction.warm_up(&sample);
    }

    fn lost(&mut self, loss: Loss) {
        self.latency.record(loss.latency_ns);
    }

    fn dropped(&mut self, dropped: Dropped) {
        self.latency.record(dropped.latency_ns);
    }
}

#[cfg(test)]
mod tests;
