//! One-way delays: differences of two clocks, and so estimates, with the bound that both clocks' own error estimates
//! make (RFC 8762 §4.2.1; RFC 4656 §4.1.2).
//!
//! A sender's date and a reflector's are each off by no more than they say; both delays of a packet are off by no
//! more than the sum of that, and by the same, in opposite directions. Where one of the two does not keep the date
//! there is no bound, and no estimate.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use wire::stamp::time::to_ns;
use wire::stamp::{ClockState, Epoch, ErrorEstimate, Format};

use crate::clock::{self, DateOffset};
use crate::load::{GuestTimes, Sample};

/// Most packets that are kept: every one, then every second, every fourth and so on, as more come.
const ROOM: usize = 4096;

/// Delays of one direction, in nanoseconds, as the two clocks have them: below zero where the clocks are further
/// apart than the way takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DelayEstimate {
    /// The least.
    pub min_ns: i64,
    /// The median, of packets at even intervals.
    pub p50_ns: i64,
    /// The least that the median can be: itself less `error_ns`, and not below 0.
    pub p50_at_least_ns: u64,
    /// The most that the median can be: itself and `error_ns`.
    pub p50_at_most_ns: u64,
}

/// One-way delays between two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OneWayDelays {
    /// From sending a request to its receipt.
    pub forward: DelayEstimate,
    /// From sending the reply to its receipt.
    pub backward: DelayEstimate,
    /// Bound of the difference between the two clocks, in nanoseconds, by their own error estimates: the most that
    /// each delay is off by.
    pub error_ns: u64,
}

/// Delays of one packet there and back, in nanoseconds.
type Pair = [i64; 2];

/// The delays of a run.
#[derive(Debug)]
pub struct OneWay {
    /// Date of this host at the start; `None` if nothing keeps it.
    date: Option<DateOffset>,
    kept: Vec<Pair>,
    /// Number of packets, of which each one in `stride` is kept.
    seen: u64,
    stride: u64,
    least: Pair,
    /// Largest error estimate of the reflector's; `None` once it said that nothing synchronises its clock.
    peer_error_ns: Option<u64>,
}

impl OneWay {
    /// Creates the account of a run that begins now. Takes its memory at once.
    #[must_use]
    pub fn begin() -> Self {
        Self::with_date(clock::date_offset())
    }

    fn with_date(date: Option<DateOffset>) -> Self {
        Self {
            date,
            kept: Vec::with_capacity(ROOM),
            seen: 0,
            stride: 1,
            least: [i64::MAX; 2],
            peer_error_ns: Some(0),
        }
    }

    /// Adds a reply's.
    #[inline]
    pub fn add(&mut self, sample: &Sample) {
        let Some(GuestTimes {
            t2_ns,
            t3_ns,
            error_estimate: Some(estimate),
        }) = sample.guest_times
        else {
            return;
        };
        let Some(date) = &self.date else {
            return;
        };
        let error_ns = estimate.is_synchronised().then(|| error_ns(estimate));
        self.peer_error_ns = (self.peer_error_ns)
            .zip(error_ns.flatten())
            .map(|(most, this)| most.max(this));
        let offset_ns = since_epoch(date, estimate.format());
        let arrived_ns = offset_ns + i128::from(sample.at_ns);
        let sent_ns = arrived_ns - i128::from(sample.round_trip_ns);
        let pair = [
            bounded(i128::from(t2_ns) - sent_ns),
            bounded(arrived_ns - i128::from(t3_ns)),
        ];
        for (least, delay) in self.least.iter_mut().zip(pair) {
            *least = delay.min(*least);
        }
        if self.seen.is_multiple_of(self.stride) {
            self.keep(pair);
        }
        self.seen += 1;
    }

    fn keep(&mut self, pair: Pair) {
        if self.kept.len() == ROOM {
            // Every second one stays, from the first on: those at multiples of twice the stride.
            for index in 0..ROOM / 2 {
                self.kept[index] = self.kept[2 * index];
            }
            self.kept.truncate(ROOM / 2);
            self.stride *= 2;
            if !self.seen.is_multiple_of(self.stride) {
                return;
            }
        }
        self.kept.push(pair);
    }

    /// Returns the delays; `None` without replies, or where one of the clocks is not kept to the date.
    #[must_use]
    pub fn delays(&self) -> Option<OneWayDelays> {
        self.delays_with(clock::date_offset())
    }

    /// Returns the delays of a run after which this host's date is `date`: what it was set by meanwhile is part of
    /// the error.
    fn delays_with(&self, date: Option<DateOffset>) -> Option<OneWayDelays> {
        let (start, end) = self.date.as_ref().zip(date.as_ref())?;
        let set_by_ns = (end.unix_offset_ns - start.unix_offset_ns).unsigned_abs();
        let own_ns = u128::from(start.error_ns.max(end.error_ns)) + set_by_ns;
        let error_ns = own_ns + u128::from(self.peer_error_ns?);
        let error_ns = u64::try_from(error_ns).unwrap_or(u64::MAX);
        let [forward, backward] = [0, 1].map(|way| self.estimate(way, error_ns));
        Some(OneWayDelays {
            forward: forward?,
            backward: backward?,
            error_ns,
        })
    }

    fn estimate(&self, way: usize, error_ns: u64) -> Option<DelayEstimate> {
        let mut delays: Vec<i64> = self.kept.iter().map(|pair| pair[way]).collect();
        delays.sort_unstable();
        let p50_ns = *delays.get(delays.len().checked_sub(1)? / 2)?;
        let bound = |sign: i128| {
            let bound = i128::from(p50_ns) + sign * i128::from(error_ns);
            u64::try_from(bound.max(0)).unwrap_or(u64::MAX)
        };
        Some(DelayEstimate {
            min_ns: self.least[way],
            p50_ns,
            p50_at_least_ns: bound(-1),
            p50_at_most_ns: bound(1),
        })
    }
}

/// Returns the error in nanoseconds, rounded up; `None` if it is more than 64 bits hold.
fn error_ns(estimate: ErrorEstimate) -> Option<u64> {
    // In units of 2⁻³² s.
    let error = u128::from(estimate.error()?) * 1_000_000_000;
    u64::try_from(error.div_ceil(1 << 32)).ok()
}

/// Returns the nanoseconds to add to a time of this host's clock for those since the epoch of `format`.
fn since_epoch(date: &DateOffset, format: Format) -> i128 {
    let state = ClockState {
        epoch: Epoch::Unix {
            tai_offset_s: date.tai_offset_s,
        },
        error_ns: None,
    };
    let epoch_ns = to_ns(state.timestamp(0, format), format);
    date.unix_offset_ns + i128::from(epoch_ns)
}

fn bounded(delay_ns: i128) -> i64 {
    i64::try_from(delay_ns).unwrap_or(if delay_ns < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A date that is 1.7 billion seconds after 1970 at the clock's zero, known to 1 ms.
    const DATE: DateOffset = DateOffset {
        unix_offset_ns: 1_700_000_000_000_000_000,
        error_ns: 1_000_000,
        tai_offset_s: 37,
    };

    /// A packet that was sent at `at_ns` and took 100 µs there, 20 µs in the reflector, and 300 µs back; the
    /// reflector's clock is ahead by `ahead_ns`.
    fn sample(at_ns: u64, ahead_ns: u64, format: Format, estimate: ErrorEstimate) -> Sample {
        let state = ClockState {
            epoch: Epoch::Unix { tai_offset_s: 37 },
            error_ns: None,
        };
        let stamp = |ns: u64| {
            let date_ns = 1_700_000_000_000_000_000 + at_ns + ns + ahead_ns;
            to_ns(state.timestamp(date_ns, format), format)
        };
        Sample {
            at_ns: at_ns + 420_000,
            latency_ns: 420_000,
            round_trip_ns: 420_000,
            is_closed_loop_sample: true,
            guest_times: Some(GuestTimes {
                t2_ns: stamp(100_000),
                t3_ns: stamp(120_000),
                error_estimate: Some(estimate),
            }),
        }
    }

    fn of(format: Format, ahead_ns: u64, estimate: ErrorEstimate) -> Option<OneWayDelays> {
        let mut one_way = OneWay::with_date(Some(DATE));
        for number in 0..10_u64 {
            one_way.add(&sample(number * 1_000_000, ahead_ns, format, estimate));
        }
        one_way.delays_with(Some(DATE))
    }

    #[test]
    fn both_directions_are_off_by_what_the_clocks_are_apart() {
        for format in [Format::Ntp, Format::Ptp] {
            let estimate = ErrorEstimate::synchronised(500_000, format);
            let delays = of(format, 40_000, estimate).unwrap();
            assert_eq!(delays.forward.p50_ns, 140_000, "{format:?}");
            assert_eq!(delays.backward.p50_ns, 260_000, "{format:?}");
            assert_eq!(delays.forward.min_ns, 140_000);
            // The sender's millisecond and the reflector's half, which is rounded up.
            let error_ns = delays.error_ns;
            assert!((1_500_000..1_510_000).contains(&error_ns), "{error_ns}");
            assert_eq!(delays.forward.p50_at_least_ns, 0);
            assert_eq!(delays.backward.p50_at_most_ns, 260_000 + error_ns);
            // The truth is within.
            assert!(100_000 <= delays.forward.p50_at_most_ns);
        }
        // Clocks that are further apart than the way takes.
        let estimate = ErrorEstimate::synchronised(1, Format::Ntp);
        let delays = of(Format::Ntp, 1_000_000, estimate).unwrap();
        assert_eq!(delays.backward.p50_ns, -700_000);
        assert_eq!(delays.backward.p50_at_least_ns, 0);
        assert!(delays.backward.p50_at_most_ns >= 300_000);
    }

    #[test]
    fn without_two_dates_there_is_no_bound_and_no_estimate() {
        let kept = ErrorEstimate::synchronised(1000, Format::Ntp);
        assert!(of(Format::Ntp, 0, kept).is_some());
        assert_eq!(
            of(Format::Ntp, 0, ErrorEstimate::unsynchronised(Format::Ntp)),
            None
        );
        let mut one_way = OneWay::with_date(None);
        one_way.add(&sample(0, 0, Format::Ntp, kept));
        assert_eq!(one_way.delays_with(Some(DATE)), None);
        // One reply that says so is enough; no replies are no estimate.
        let mut one_way = OneWay::with_date(Some(DATE));
        assert_eq!(one_way.delays_with(Some(DATE)), None);
        one_way.add(&sample(0, 0, Format::Ntp, kept));
        assert_eq!(one_way.delays_with(None), None);
        let unkept = ErrorEstimate::unsynchronised(Format::Ntp);
        one_way.add(&sample(1, 0, Format::Ntp, unkept));
        one_way.add(&sample(2, 0, Format::Ntp, kept));
        assert_eq!(one_way.delays_with(Some(DATE)), None);
    }

    #[test]
    fn a_date_that_is_set_in_mid_run_widens_the_bound() {
        let mut one_way = OneWay::with_date(Some(DATE));
        let estimate = ErrorEstimate::synchronised(1, Format::Ntp);
        one_way.add(&sample(0, 0, Format::Ntp, estimate));
        let set = DateOffset {
            unix_offset_ns: DATE.unix_offset_ns - 5_000_000,
            error_ns: 2_000_000,
            ..DATE
        };
        let delays = one_way.delays_with(Some(set)).unwrap();
        assert!(
            (7_000_000..7_000_100).contains(&delays.error_ns),
            "{delays:?}"
        );
    }

    #[test]
    fn of_many_packets_some_at_even_intervals_are_kept() {
        let mut one_way = OneWay::with_date(Some(DATE));
        let estimate = ErrorEstimate::synchronised(1, Format::Ntp);
        let room = one_way.kept.capacity();
        for number in 0..100_000_u64 {
            // The reflector is ahead by ever more.
            one_way.add(&sample(number * 1000, number, Format::Ntp, estimate));
        }
        assert_eq!((one_way.kept.capacity(), one_way.stride), (room, 32));
        assert_eq!(one_way.kept.len(), 100_000_usize.div_ceil(32));
        let delays = one_way.delays_with(Some(DATE)).unwrap();
        assert!(
            (149_900..150_100).contains(&delays.forward.p50_ns),
            "{delays:?}"
        );
        assert_eq!(delays.forward.min_ns, 100_000);
        assert_eq!(delays.backward.min_ns, 300_000 - 99_999);
    }
}
