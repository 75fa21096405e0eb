//! Time that the host took from the threads of a measurement, and how many requests that can have hit.
//!
//! Pure arithmetic on what was observed:
//!
//! - gaps of a thread that polls, each by its length: those of at least x number G(x);
//! - for a thread that is only watched from outside, the time W for which it wanted to run and waited, and
//!   the number N of such waits: of at least x there are at most min(N, W/x).
//!
//! A gap hits the requests in flight, k on average: 1 in a closed loop, the depth of a pipeline, and in an
//! open loop, by Little's law, the rate times the median round trip. In an open loop a gap of the service's
//! thread hits besides whatever falls due within it, rate times W at most. (What falls due within a gap of the
//! measuring thread is sent late, which is another matter.)

use super::Recording;

/// The shortest gap that can lose a request, in nanoseconds: about a scheduler's slice. What is shorter fits
/// any queue on a link's way.
const LOSING_GAP_NS: u64 = 1_000_000;

/// Longest time that the wake-up of a sleeping thread takes by itself on an idle CPU, in nanoseconds. It is
/// no time that somebody else had the CPU.
const WAKE_UP_NS: u64 = 50_000;

/// Times for which a thread wanted to run and waited for its CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Number of waits.
    pub count: u64,
    /// Number of those after a sleep, which is what a wake-up takes.
    pub after_sleep: u64,
    /// All of them together, in nanoseconds.
    pub total_ns: u64,
}

impl Waits {
    /// Returns the number of waits of at least `ns` that there can have been, and the time for which somebody
    /// else had the CPU.
    fn at_least(&self, ns: u64) -> (f64, f64) {
        let of_wake_ups_ns = self.after_sleep.saturating_mul(WAKE_UP_NS);
        let taken_ns = self.total_ns.saturating_sub(of_wake_ups_ns) as f64;
        // Of a thread that sleeps, a shorter wait is what waking up takes, and no gap.
        let least_ns = if self.after_sleep > 0 { WAKE_UP_NS } else { 1 };
        let count = (taken_ns / ns.max(least_ns) as f64).floor();
        (count.min(self.count as f64), taken_ns)
    }
}

/// Gaps of the measuring thread.
#[derive(Clone, Copy, Debug)]
pub struct MeasuringGaps<'a> {
    /// Lengths of the gaps.
    pub lengths: &'a Recording,
    /// The share of their time that was taken by others than the target's own threads.
    pub foreign_share: f64,
}

/// Observations of the threads that a request passes.
#[derive(Clone, Debug, Default)]
pub struct Interference<'a> {
    /// Gaps of the measuring thread, if it polls.
    pub gaps: Option<MeasuringGaps<'a>>,
    /// Waits of the measuring thread, if it sleeps, and of the thread that carries its messages.
    pub on_the_way: Vec<Waits>,
    /// Waits of the thread that answers.
    pub answering: Vec<Waits>,
    /// Average number of requests in flight.
    pub in_flight: f64,
    /// Requests due per nanosecond, in an open loop.
    pub due_per_ns: f64,
    /// Difference of two times that the clock resolves, in nanoseconds.
    pub resolution_ns: u64,
}

impl Interference<'_> {
    /// Returns the number of requests that gaps of at least `ns` can have hit; `None` if nothing was observed.
    #[must_use]
    pub fn hits(&self, ns: u64) -> Option<f64> {
        if self.gaps.is_none() && self.on_the_way.is_empty() && self.answering.is_empty() {
            return None;
        }
        let gaps = self.gaps.map_or(0.0, |gaps| {
            gaps.lengths.count_from(ns) as f64 * gaps.foreign_share
        });
        let mut gap_count = gaps;
        let mut due_within = 0.0;
        for waits in &self.on_the_way {
            gap_count += waits.at_least(ns).0;
        }
        for waits in &self.answering {
            let (count, taken_ns) = waits.at_least(ns);
            gap_count += count;
            due_within += self.due_per_ns * (taken_ns - ns as f64).max(0.0);
        }
        Some(gap_count * self.in_flight + due_within)
    }

    /// Returns the number of requests that gaps can have lost; `None` if nothing was observed.
    #[must_use]
    pub fn losses(&self) -> Option<f64> {
        let hits = self.hits(LOSING_GAP_NS)?;
        // A gap hits at least the one request that meets it.
        let least = Self {
            in_flight: self.in_flight.max(1.0),
            ..self.clone()
        };
        Some(least.hits(LOSING_GAP_NS).unwrap_or(hits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(values_ns: &[u64]) -> Recording {
        let mut lengths = Recording::default();
        values_ns.iter().for_each(|&ns| lengths.record(ns));
        lengths
    }

    #[test]
    fn what_nobody_observed_is_unknown() {
        assert_eq!(Interference::default().hits(1), None);
        assert_eq!(Interference::default().losses(), None);
    }

    #[test]
    fn gaps_hit_what_is_in_flight() {
        let lengths = lengths(&[2_000, 2_000, 5_000, 40_000]);
        let mut host = Interference {
            gaps: Some(MeasuringGaps {
                lengths: &lengths,
                foreign_share: 1.0,
            }),
            in_flight: 1.0,
            ..Interference::default()
        };
        assert_eq!(host.hits(1_000), Some(4.0));
        assert_eq!(host.hits(4_000), Some(2.0));
        assert_eq!(host.hits(50_000), Some(0.0));
        host.in_flight = 32.0;
        assert_eq!(host.hits(4_000), Some(64.0));
        // Half of it were the target's own threads.
        host.gaps = host.gaps.map(|gaps| MeasuringGaps {
            foreign_share: 0.5,
            ..gaps
        });
        assert_eq!(host.hits(4_000), Some(32.0));
    }

    #[test]
    fn waits_are_bounded_by_their_number_and_by_their_time() {
        let waits = Waits {
            count: 40,
            after_sleep: 0,
            total_ns: 100_000_000,
        };
        let host = Interference {
            answering: vec![waits],
            in_flight: 1.0,
            ..Interference::default()
        };
        assert_eq!(host.hits(1_000), Some(40.0));
        assert_eq!(host.hits(10_000_000), Some(10.0));
        assert_eq!(host.hits(200_000_000), Some(0.0));
    }

    #[test]
    fn what_waking_up_takes_is_no_gap() {
        let wake_ups = 60_000;
        let waits = Waits {
            count: wake_ups,
            after_sleep: wake_ups,
            total_ns: wake_ups * WAKE_UP_NS + 40 * WAKE_UP_NS,
        };
        let host = Interference {
            on_the_way: vec![waits],
            in_flight: 1.0,
            ..Interference::default()
        };
        // However near to the median a percentile is.
        assert_eq!(host.hits(0), Some(40.0));
        assert_eq!(host.hits(2 * WAKE_UP_NS), Some(20.0));
    }

    #[test]
    fn what_falls_due_while_the_service_waits_is_hit() {
        let waits = Waits {
            count: 40,
            after_sleep: 0,
            total_ns: 100_000_000,
        };
        // 100,000 requests a second.
        let open = Interference {
            answering: vec![waits],
            in_flight: 0.5,
            due_per_ns: 1e-4,
            ..Interference::default()
        };
        assert_eq!(open.hits(10_000_000), Some(10.0 * 0.5 + 9_000.0));
        // The same wait of the measuring thread delays the send, which is told as that.
        let on_the_way = Interference {
            on_the_way: open.answering.clone(),
            answering: Vec::new(),
            ..open
        };
        assert_eq!(on_the_way.hits(10_000_000), Some(10.0 * 0.5));
    }

    #[test]
    fn a_wake_up_is_not_somebody_elses() {
        let waits = |total_ns| Interference {
            on_the_way: vec![Waits {
                count: 75_000,
                after_sleep: 75_000,
                total_ns,
            }],
            in_flight: 1.0,
            ..Interference::default()
        };
        // 2 us for each.
        assert_eq!(waits(150_000_000).hits(20_000), Some(0.0));
        assert_eq!(
            waits(3_750_000_000 + 10_000_000).hits(1_000_000),
            Some(10.0)
        );
    }

    #[test]
    fn a_gap_loses_the_request_that_meets_it() {
        let lengths = lengths(&[900_000, 4_000_000, 8_000_000]);
        let host = Interference {
            gaps: Some(MeasuringGaps {
                lengths: &lengths,
                foreign_share: 1.0,
            }),
            in_flight: 0.01,
            ..Interference::default()
        };
        assert_eq!(host.losses(), Some(2.0));
    }
}
