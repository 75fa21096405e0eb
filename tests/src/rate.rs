//! Rate of a guest's clock, bounded by exchanges with the guest.
//!
//! Of a request that leaves at t1 and is answered at t4 of one clock, t2 and t3 of the guest's lie in
//! between. So for any two exchanges, i before j, the host's time from t4 of i to t1 of j is at most the
//! guest's from t2 or t3 of i to those of j, and the host's from t1 of i to t4 of j at least that
//! (D. Mills' "correctness interval"; RFC 5905 §10 has one for the offset). These are bounds and no
//! estimates: delay, wherever it comes from, makes them wider, and does not shift them. More exchanges
//! only make them narrower.
#![forbid(unsafe_code)]

use std::time::Instant;

use wire::Header;

use crate::timeouts;

/// Exchanges of which the fastest is kept.
const BLOCK: usize = 32;

/// One request and its reply, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Time at which the request was sent, in nanoseconds on the host's clock.
    pub t1_ns: u64,
    /// Time at which the guest received the request, in nanoseconds on the guest's clock.
    pub t2_ns: u64,
    /// Time at which the guest answered, in nanoseconds on the guest's clock.
    pub t3_ns: u64,
    /// Time at which the reply was received, in nanoseconds on the host's clock.
    pub t4_ns: u64,
}

impl Exchange {
    const fn round_trip_ns(&self) -> u64 {
        self.t4_ns.saturating_sub(self.t1_ns)
    }
}

/// Between what the guest's nanoseconds per nanosecond of the host's lie, less one, in parts of a
/// million.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// At least this.
    pub low_ppm: f64,
    /// At most this.
    pub high_ppm: f64,
}

impl Bounds {
    const NONE: Self = Self {
        low_ppm: -1e6,
        high_ppm: f64::INFINITY,
    };

    /// Returns the distance between the bounds, in parts per million.
    #[must_use]
    pub fn width_ppm(&self) -> f64 {
        self.high_ppm - self.low_ppm
    }

    /// Returns whether the bounds allow a clock that is wrong by at most `ppm` parts per million.
    #[must_use]
    pub fn allow(&self, ppm: f64) -> bool {
        self.low_ppm <= ppm && self.high_ppm >= -ppm
    }

    /// Narrows them by two exchanges, `j` after `i`.
    fn narrow(&mut self, i: &Exchange, j: &Exchange) {
        let span = |from: u64, to: u64| to.checked_sub(from).filter(|&span| span > 0);
        let ppm = |guests: u64, hosts: u64| (guests as f64 / hosts as f64 - 1.0) * 1e6;
        // What passed at the guest within t1 of i and t4 of j, and around t4 of i and t1 of j.
        if let (Some(guests), Some(hosts)) = (span(i.t2_ns, j.t3_ns), span(i.t1_ns, j.t4_ns)) {
            self.low_ppm = self.low_ppm.max(ppm(guests, hosts));
        }
        if let (Some(guests), Some(hosts)) = (span(i.t3_ns, j.t2_ns), span(i.t4_ns, j.t1_ns)) {
            self.high_ppm = self.high_ppm.min(ppm(guests, hosts));
        }
    }
}

/// Exchanges by `exchange`, the argument of which is a sequence number, until the bounds are as narrow as
/// `narrow_ppm`. One that fails is left out.
///
/// # Panics
///
/// If they do not become so in [`timeouts::RUN`].
pub fn bounds(narrow_ppm: f64, mut exchange: impl FnMut(u64) -> Option<Exchange>) -> Bounds {
    let start = Instant::now();
    let mut bounds = Bounds::NONE;
    let mut fastest: Vec<Exchange> = Vec::new();
    let mut seq = 0;
    while fastest.len() < 2 || bounds.width_ppm() > narrow_ppm {
        assert!(
            start.elapsed() < timeouts::RUN,
            "in {:?} no two exchanges were fast enough: {bounds:?}",
            timeouts::RUN
        );
        let block = (0..BLOCK).filter_map(|_| {
            seq += 1;
            exchange(seq)
        });
        let Some(last) = block.min_by_key(Exchange::round_trip_ns) else {
            continue;
        };
        fastest.iter().for_each(|first| bounds.narrow(first, &last));
        fastest.push(last);
    }
    bounds
}

/// The exchange of a request `seq` that left at `t1_ns` and the datagram `reply`, which came at `t4_ns`;
/// `None` if that is no reply to it.
#[must_use]
pub fn of_reply(seq: u64, t1_ns: u64, reply: &[u8], t4_ns: u64) -> Option<Exchange> {
    let header = Header::decode(reply)
        .ok()
        .filter(|header| header.seq == seq)?;
    Some(Exchange {
        t1_ns,
        t2_ns: header.t2_ns,
        t3_ns: header.t3_ns,
        t4_ns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exchanges of 30 us each, of which every other takes `late_ns` longer on the way there, with a
    /// guest whose clock is wrong by `ppm`.
    fn simulated(ppm: f64, late_ns: u64) -> Bounds {
        let mut now_ns = 0;
        bounds(60.0, |seq| {
            let guest_ns = |host_ns: u64| 5_000 + (host_ns as f64 * (1.0 + ppm / 1e6)) as u64;
            let late_ns = if seq % 2 == 0 { late_ns } else { 0 };
            let t1_ns = now_ns;
            let t2_ns = t1_ns + 10_000 + late_ns;
            now_ns = t2_ns + 20_000;
            Some(Exchange {
                t1_ns,
                t2_ns: guest_ns(t2_ns),
                t3_ns: guest_ns(t2_ns + 200),
                t4_ns: now_ns,
            })
        })
    }

    #[test]
    fn the_true_rate_is_within_the_bounds() {
        for ppm in [-330_357.0, -500.0, -50.0, 0.0, 50.0, 500.0, 281_269.0] {
            for late_ns in [0, 8_000_000] {
                let bounds = simulated(ppm, late_ns);
                assert!(
                    bounds.low_ppm <= ppm && ppm <= bounds.high_ppm,
                    "{bounds:?}"
                );
                assert!(bounds.width_ppm() <= 60.0, "{bounds:?}");
                assert_eq!(bounds.allow(50.0), ppm.abs() < 100.0, "{bounds:?}");
            }
        }
    }
}
