//! Bounds of the guest clock's rate, from pairs of exchanges (Moon, Skelly and Towsley, INFOCOM 1999; Zhang,
//! Liu and Xia, INFOCOM 2002).
//!
//! The guest stamps a request between its send and its reply's arrival. So from the arrival of one reply
//! to the send of a later request the host's clock advances by less than passes, by the guest's clock,
//! between the two stamps next to them; and from the one's send to the other's arrival by more than passes
//! between the two stamps within. Each pair bounds the rate from both sides, whatever delayed either, and
//! the tighter the quicker both were and the longer the time between them.
//!
//! A guest may write what it likes into its stamps: it gets bounds that exclude each other, or none.

/// Number of exchanges that are kept, each the quickest of its stretch of time.
const BLOCKS: usize = 64;

/// Length of the first stretches, in nanoseconds; with all of them filled, neighbours are joined.
const FIRST_BLOCK_NS: u64 = 1 << 14;

/// A request and its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Time of the send, by the host's clock.
    pub t1_ns: u64,
    /// Time at which the guest had the request, by its own clock.
    pub t2_ns: u64,
    /// Time at which the guest sent the reply, by its own clock.
    pub t3_ns: u64,
    /// Time of the arrival, by the host's clock.
    pub t4_ns: u64,
}

impl Exchange {
    /// Returns the time on the way in nanoseconds, roughly: the rates differ, and the stamps may be
    /// nonsense.
    #[inline]
    const fn path_ns(&self) -> u64 {
        let round_trip_ns = self.t4_ns.saturating_sub(self.t1_ns);
        let service_ns = self.t3_ns.saturating_sub(self.t2_ns);
        match round_trip_ns.checked_sub(service_ns) {
            Some(path_ns) => path_ns,
            None => round_trip_ns,
        }
    }
}

/// Bounds of a rate: nanoseconds of the host's clock per nanosecond of the guest's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The least that the rate can be.
    pub low: f64,
    /// The most that it can be.
    pub high: f64,
}

impl Bounds {
    /// Any rate.
    pub const NONE: Self = Self {
        low: 0.0,
        high: f64::INFINITY,
    };

    /// Returns whether the rate is bounded from both sides.
    #[must_use]
    pub fn are_two(&self) -> bool {
        self.low > 0.0 && self.high.is_finite()
    }

    /// Returns the width as a share of the rate; negative if the bounds exclude each other, so that there
    /// was more than one rate.
    #[must_use]
    pub fn width(&self) -> f64 {
        (self.high - self.low) / self.low
    }

    /// Narrows the bounds by two exchanges of which `later` arrived after `earlier`.
    fn narrow(&mut self, earlier: &Exchange, later: &Exchange) {
        let ratio = |host_ns: Option<u64>, guest_ns: Option<u64>| {
            let guest_ns = guest_ns.filter(|&ns| ns > 0)?;
            Some(host_ns? as f64 / guest_ns as f64)
        };
        let least = ratio(
            later.t1_ns.checked_sub(earlier.t4_ns),
            later.t2_ns.checked_sub(earlier.t3_ns),
        );
        let most = ratio(
            later.t4_ns.checked_sub(earlier.t1_ns),
            later.t3_ns.checked_sub(earlier.t2_ns),
        );
        self.low = least.map_or(self.low, |least| self.low.max(least));
        self.high = most.map_or(self.high, |most| self.high.min(most));
    }
}

/// The exchanges that bound a rate, in little memory however many there are.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// The quickest exchange of each stretch that is over, in order.
    blocks: [Exchange; BLOCKS],
    used: usize,
    /// Length of a stretch, and the end of the current one.
    block_ns: u64,
    block_end_ns: u64,
    /// The quickest exchange of the current one, and its time on the way; [`u64::MAX`] without any.
    best: Exchange,
    best_path_ns: u64,
    /// Bounds by the stretches that are over.
    bounds: Bounds,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            blocks: [Exchange::default(); BLOCKS],
            used: 0,
            block_ns: FIRST_BLOCK_NS,
            block_end_ns: 0,
            best: Exchange::default(),
            best_path_ns: u64::MAX,
            bounds: Bounds::NONE,
        }
    }
}

impl Calibration {
    /// Adds an exchange, which arrived after all those before. Returns whether a stretch ended with it,
    /// which may have changed the bounds. Never allocates.
    #[inline]
    pub fn add(&mut self, exchange: Exchange) -> bool {
        let ends = exchange.t4_ns >= self.block_end_ns;
        if ends {
            self.end_block(exchange.t4_ns);
        }
        let path_ns = exchange.path_ns();
        if path_ns < self.best_path_ns {
            self.best = exchange;
            self.best_path_ns = path_ns;
        }
        ends
    }

    /// Ends the current stretch at `at_ns`, where the next one begins.
    #[cold]
    fn end_block(&mut self, at_ns: u64) {
        if self.best_path_ns != u64::MAX {
            self.bounds = self.bounds();
            if self.used == BLOCKS {
                self.join_pairs();
            }
            self.blocks[self.used] = self.best;
            self.used += 1;
            self.best_path_ns = u64::MAX;
        }
        self.block_end_ns = at_ns.saturating_add(self.block_ns);
    }

    fn join_pairs(&mut self) {
        for index in 0..BLOCKS / 2 {
            let (first, second) = (self.blocks[2 * index], self.blocks[2 * index + 1]);
            let is_first_quicker = first.path_ns() <= second.path_ns();
            self.blocks[index] = if is_first_quicker { first } else { second };
        }
        self.used = BLOCKS / 2;
        self.block_ns = self.block_ns.saturating_mul(2);
    }

    /// Returns the bounds by all exchanges so far.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        let mut bounds = self.bounds;
        if self.best_path_ns != u64::MAX {
            for earlier in &self.blocks[..self.used] {
                bounds.narrow(earlier, &self.best);
            }
        }
        bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    /// Exchanges of a guest whose clock runs at `rate` of its nanoseconds per one of the host's: a request
    /// every `every_ns`, with 200 ns on the way each way and up to `jitter_ns` more.
    fn calibrated(rate: f64, every_ns: u64, jitter_ns: u64, count: u64) -> Calibration {
        let mut calibration = Calibration::default();
        let mut random = SplitMix64(7);
        let mut extra_ns = || 200 + random.next_u64() % (jitter_ns + 1);
        // The guest booted two seconds ago.
        let guest_ns = |host_ns: u64| ((host_ns - 5_000_000_000) as f64 * rate) as u64;
        for number in 0..count {
            let t1_ns = 7_000_000_000 + number * every_ns;
            let host_t2_ns = t1_ns + extra_ns();
            let host_t3_ns = host_t2_ns + 100;
            calibration.add(Exchange {
                t1_ns,
                t2_ns: guest_ns(host_t2_ns),
                t3_ns: guest_ns(host_t3_ns),
                t4_ns: host_t3_ns + extra_ns(),
            });
        }
        calibration
    }

    #[test]
    fn a_second_of_exchanges_bounds_any_rate_to_a_few_millionths() {
        for rate in [1.0, 1.0005, 0.9995, 0.7, 3.0] {
            let bounds = calibrated(rate, 1_000, 2_000, 1_000_000).bounds();
            let truth = 1.0 / rate;
            let is_within = (bounds.low..=bounds.high).contains(&truth);
            assert!(is_within, "{rate}: {bounds:?}");
            assert!(bounds.width() < 2e-6, "{rate}: {:e}", bounds.width());
        }
    }

    #[test]
    fn stalls_widen_nothing_and_shift_nothing() {
        let mut calibration = calibrated(1.0, 1_000, 0, 500_000);
        let before = calibration.bounds();
        for number in 0..100_000 {
            let t1_ns = 8_000_000_000 + number * 10_000_000;
            // 10 ms within the guest, the reply 5 ms on the way.
            calibration.add(Exchange {
                t1_ns,
                t2_ns: t1_ns - 5_000_000_000,
                t3_ns: t1_ns - 5_000_000_000 + 10_000_000,
                t4_ns: t1_ns + 15_000_000,
            });
        }
        let after = calibration.bounds();
        assert!(after.low >= before.low && after.high <= before.high);
        assert!((after.low..=after.high).contains(&1.0), "{after:?}");
    }

    #[test]
    fn a_rate_that_changes_leaves_bounds_that_exclude_each_other() {
        let mut calibration = calibrated(1.0, 1_000, 0, 500_000);
        for number in 0..500_000_u64 {
            let passed_ns = number * 1_000;
            let guest_ns = 2_500_000_000 + passed_ns + passed_ns / 1_000;
            calibration.add(Exchange {
                t1_ns: 7_500_000_000 + passed_ns,
                t2_ns: guest_ns + 200,
                t3_ns: guest_ns + 300,
                t4_ns: 7_500_000_000 + passed_ns + 500,
            });
        }
        let width = calibration.bounds().width();
        assert!((-1.1e-3..-0.9e-3).contains(&width), "{width:e}");
    }

    #[test]
    fn nonsense_bounds_nothing_and_harms_nothing() {
        let mut calibration = Calibration::default();
        let times = [0, 1, 5_000, u64::MAX / 2, u64::MAX - 1, u64::MAX];
        for at_ns in 0..2_000 {
            for (t2_ns, t3_ns) in times.into_iter().zip(times.into_iter().rev()) {
                calibration.add(Exchange {
                    t1_ns: at_ns * 100_000,
                    t2_ns,
                    t3_ns,
                    t4_ns: at_ns * 100_000 + 700,
                });
            }
        }
        let Bounds { low, high } = calibration.bounds();
        assert!(!low.is_nan() && !high.is_nan());
        let one = calibrated(1.0, 1_000, 0, 1).bounds();
        assert_eq!(one, Bounds::NONE);
    }
}
