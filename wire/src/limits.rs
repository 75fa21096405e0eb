//! Limits that an operator sets: which networks are answered, and how often.
//!
//! | option | meaning | unless given |
//! |---|---|---|
//! | `allow=CIDR[,CIDR…]` | networks whose hosts are answered, at most [`MAX_NETWORKS`] | all |
//! | `rate=N` | requests per second of one source that are answered: an IPv4 address or an IPv6 /64 | no limit |
//! | `rate-all=N` | requests per second that are answered in all | no limit |
//!
//! There are no limits by default, because the instrument sends some millions of requests per second from one address: a limit
//! that does not disturb it would not protect anybody.
//!
//! Sources share [`SOURCES`] buckets by a keyed hash of their address, so memory is bounded and a request costs the same
//! whoever sends it. Nothing is evicted. Sources whose addresses have the same hash share one source's rate; with `n`
//! sources at once another one has a bucket of its own with a probability of about `exp(-n / SOURCES)`. A flood from
//! forged addresses can therefore hold up others; `rate-all=` bounds what it makes the service send.
//!
//! A bucket holds the requests of an eighth of a second, and at least [`MIN_BURST`] (generic cell rate algorithm, ITU-T
//! I.371 annex A, one 64-bit time per bucket). No allocation, no clock: the time is that of the request's arrival.

use core::net::IpAddr;
use core::str::FromStr;

use crate::Counter;

mod allow_list;

pub use allow_list::AllowList;

/// The most networks that `allow=` can name.
pub const MAX_NETWORKS: usize = 16;

/// Number of buckets that sources share.
pub const SOURCES: usize = 4096;

/// The fewest requests that a bucket holds.
pub const MIN_BURST: u64 = 8;

/// The highest rate: above it an interval in whole nanoseconds would be off by more than a hundredth.
pub const MAX_RATE: u32 = 10_000_000;

const SECOND_NS: u64 = 1_000_000_000;

/// A value of an option that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitError {
    /// Text that is no network.
    Network,
    /// A network has bits behind its prefix: it is a host's address, and not a network's.
    HostBits,
    /// More than [`MAX_NETWORKS`] networks.
    TooManyNetworks,
    /// The text is no number from 1 to [`MAX_RATE`].
    Rate,
}

impl LimitError {
    /// Returns the fault with what is expected instead.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Network => "allow=CIDR[,CIDR...], such as allow=10.0.0.0/8,fd00::/8",
            Self::HostBits => "a network has bits set behind its prefix",
            Self::TooManyNetworks => "more than 16 networks",
            Self::Rate => "requests per second from 1 to 10000000",
        }
    }
}

impl core::fmt::Display for LimitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for LimitError {}

/// Requests per second, from 1 to [`MAX_RATE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(u32);

impl Rate {
    /// Creates a rate of so many requests per second; `None` out of range.
    #[must_use]
    pub const fn new(per_second: u32) -> Option<Self> {
        match per_second {
            1..=MAX_RATE => Some(Self(per_second)),
            _ => None,
        }
    }

    /// Returns the requests per second.
    #[must_use]
    pub const fn per_second(self) -> u32 {
        self.0
    }

    const fn schedule(self) -> Schedule {
        let interval_ns = SECOND_NS / self.0 as u64;
        let eighth = self.0 as u64 / 8;
        let burst = if eighth > MIN_BURST {
            eighth
        } else {
            MIN_BURST
        };
        Schedule {
            interval_ns,
            slack_ns: (burst - 1) * interval_ns,
        }
    }
}

impl FromStr for Rate {
    type Err = LimitError;

    /// Reads decimal digits.
    fn from_str(text: &str) -> Result<Self, LimitError> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let rate = text.parse().ok().filter(|_| is_number).and_then(Self::new);
        rate.ok_or(LimitError::Rate)
    }
}

/// The options' values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `allow=`
    pub allow: AllowList,
    /// `rate=`
    pub rate: Option<Rate>,
    /// `rate-all=`
    pub rate_all: Option<Rate>,
}

/// A rate as times.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    /// Nanoseconds between two requests.
    interval_ns: u64,
    /// Nanoseconds that a request may be early.
    slack_ns: u64,
}

impl Schedule {
    /// No limit.
    const UNLIMITED: Self = Self {
        interval_ns: 0,
        slack_ns: u64::MAX,
    };
}

/// A bucket: the time at which it is full again, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    full_ns: u64,
}

impl Bucket {
    /// Returns whether there is a request in it.
    #[inline(always)]
    const fn has(&self, schedule: &Schedule, now_ns: u64) -> bool {
        self.full_ns <= now_ns.saturating_add(schedule.slack_ns)
    }

    /// Takes one request out.
    #[inline(always)]
    fn take(&mut self, schedule: &Schedule, now_ns: u64) {
        self.full_ns = self.full_ns.max(now_ns).wrapping_add(schedule.interval_ns);
    }
}

/// A limit on events of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    schedule: Schedule,
    bucket: Bucket,
}

impl Throttle {
    /// Creates a limit of so many events per second.
    #[must_use]
    pub const fn new(rate: Rate) -> Self {
        Self {
            schedule: rate.schedule(),
            bucket: Bucket { full_ns: 0 },
        }
    }

    /// Returns whether an event at `now_ns` is within the limit.
    #[inline(always)]
    pub fn admit(&mut self, now_ns: u64) -> bool {
        let is_within = self.bucket.has(&self.schedule, now_ns);
        if is_within {
            self.bucket.take(&self.schedule, now_ns);
        }
        is_within
    }
}

/// Bucket of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot(u16);

/// The limits at work.
#[derive(Clone, Debug)]
pub struct Limiter {
    is_on: bool,
    has_rates: bool,
    is_open: bool,
    source: Schedule,
    all: Throttle,
    /// Odd, and unknown to others: multiply-shift hashing (Dietzfelbinger et al. 1997).
    multiplier: u64,
    allow: AllowList,
    sources: [Bucket; SOURCES],
}

impl Limiter {
    /// Creates a limiter that admits everything.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            is_on: false,
            has_rates: false,
            is_open: true,
            source: Schedule::UNLIMITED,
            all: Throttle {
                schedule: Schedule::UNLIMITED,
                bucket: Bucket { full_ns: 0 },
            },
            multiplier: 1,
            allow: AllowList::ALL,
            sources: [Bucket { full_ns: 0 }; SOURCES],
        }
    }

    /// Applies `limits` from now on, with full buckets. `seed` should be unpredictable: who knows it can
    /// choose an address that shares another's bucket.
    pub fn configure(&mut self, limits: &Limits, seed: u64) {
        let schedule = |rate: Option<Rate>| rate.map_or(Schedule::UNLIMITED, Rate::schedule);
        self.is_on = *limits != Limits::default();
        self.has_rates = limits.rate.is_some() || limits.rate_all.is_some();
        self.is_open = limits.allow.len() == 0;
        self.allow = limits.allow;
        self.source = schedule(limits.rate);
        self.all.schedule = schedule(limits.rate_all);
        self.all.bucket.full_ns = 0;
        self.multiplier = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        self.sources.fill(Bucket { full_ns: 0 });
    }

    /// Admits a request of `source` that arrived at `now_ns`, or not.
    ///
    /// # Errors
    ///
    /// The counter of what is refused: [`Counter::DroppedNotAllowed`], [`Counter::DroppedRate`] or
    /// [`Counter::DroppedRateAll`].
    #[inline(always)]
    pub fn admit(&mut self, source: IpAddr, now_ns: u64) -> Result<(), Counter> {
        if !self.is_on {
            return Ok(());
        }
        self.admit_ip(source, now_ns)
    }

    /// Returns the bucket of an IPv4 source, until the next [`Limiter::configure`]; `None` if the source is not allowed.
    #[must_use]
    pub fn slot_ipv4(&self, source: u32) -> Option<Slot> {
        let is_allowed = self.is_open || self.allow.has_ipv4(source);
        is_allowed.then(|| self.slot(source.into()))
    }

    /// Takes a request that arrived at `now_ns` and whose source has this bucket, if [`Limiter::admit`] would. Else
    /// nothing is taken, and that says why.
    #[inline(always)]
    #[must_use]
    pub fn take_from(&mut self, slot: Slot, now_ns: u64) -> bool {
        !self.has_rates || self.take(slot, now_ns).is_ok()
    }

    #[inline]
    fn admit_ip(&mut self, source: IpAddr, now_ns: u64) -> Result<(), Counter> {
        let (is_allowed, key) = match source {
            IpAddr::V4(source) => {
                let source = source.to_bits();
                (self.allow.has_ipv4(source), source.into())
            }
            // Of one network of an IPv6 site, who has one address has them all (RFC 4291 §2.5.4).
            IpAddr::V6(source) => {
                let source = source.to_bits();
                (self.allow.has_ipv6(source), (source >> 64) as u64)
            }
        };
        if !self.is_open && !is_allowed {
            return Err(Counter::DroppedNotAllowed);
        }
        self.take(self.slot(key), now_ns)
    }

    #[inline(always)]
    const fn slot(&self, key: u64) -> Slot {
        let slot = key.wrapping_mul(self.multiplier) >> (u64::BITS - SOURCES.ilog2());
        Slot(slot as u16)
    }

    /// Takes a request out of a source's bucket and out of that for all, or out of neither.
    #[inline(always)]
    fn take(&mut self, Slot(slot): Slot, now_ns: u64) -> Result<(), Counter> {
        // Within bounds, which the compiler sees by the mask.
        let bucket = &mut self.sources[usize::from(slot) & (SOURCES - 1)];
        if !bucket.has(&self.source, now_ns) {
            return Err(Counter::DroppedRate);
        }
        if !self.all.admit(now_ns) {
            return Err(Counter::DroppedRateAll);
        }
        bucket.take(&self.source, now_ns);
        Ok(())
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

const _: () = assert!(SOURCES.is_power_of_two() && SOURCES <= 1 << u16::BITS);

#[cfg(test)]
mod tests;
