//! Plan of a load: the loop, the number of requests, the duration.

use std::num::NonZeroU16;

use wire::stamp::{Secret, tlv};
use wire::{HEADER_LEN, MAX_JUMBO_PAYLOAD, MAX_MTU};

use super::sequence_tracker::MAX_CAPACITY;
use super::{Arrivals, Content, Protocol, Rate, WaitRule};
use crate::link::Family;

/// Order in which requests follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One request in flight; the next goes out when the last was answered or lost. It measures
    /// the system when nobody else uses it: a slow answer delays the next question, so the tail is
    /// not what independent users would see.
    Closed,
    /// Each request is due at a time that is known beforehand ([`super::schedule`]), whatever happened
    /// before.
    Open {
        /// Requests per second, on average.
        rate: Rate,
        /// Rule by which they follow each other.
        arrivals: Arrivals,
    },
    /// A closed loop of `depth` requests in flight: each goes out when an earlier one was answered
    /// or lost. It measures how much the system gets done; its latency is that at full load.
    Pipeline {
        /// Requests in flight, up to [`MAX_DEPTH`].
        depth: NonZeroU16,
    },
}

impl Mode {
    /// The name that `--mode` takes and results carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::Pipeline { .. } => "pipeline",
        }
    }
}

/// The most requests that a pipeline has in flight: the buffers that links give their sockets, and
/// the rings of a network device, hold as many frames. More would be lost in a queue, and the loss
/// not be the service's.
pub const MAX_DEPTH: NonZeroU16 = NonZeroU16::new(256).unwrap();

/// Limit in time or number: whichever is reached first. With neither, there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// For this long, in nanoseconds.
    pub duration_ns: Option<u64>,
    /// Number of requests.
    pub count: Option<u64>,
}

impl Limit {
    /// No requests at all: a warm-up of this is none.
    pub const NOTHING: Self = Self::requests(0);

    /// A number of requests, however long they take.
    #[must_use]
    pub const fn requests(count: u64) -> Self {
        Self {
            duration_ns: None,
            count: Some(count),
        }
    }

    /// A time in nanoseconds, however many requests it takes.
    #[must_use]
    pub const fn lasting(duration_ns: u64) -> Self {
        Self {
            duration_ns: Some(duration_ns),
            count: None,
        }
    }

    /// Returns whether `elapsed_ns` or `count` has reached the limit.
    #[must_use]
    pub fn is_reached(&self, elapsed_ns: u64, count: u64) -> bool {
        self.duration_ns.is_some_and(|limit| elapsed_ns >= limit)
            || self.count.is_some_and(|limit| count >= limit)
    }
}

/// A measurement, planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The loop.
    pub mode: Mode,
    /// Length of every request, in bytes, header included.
    pub payload_len: usize,
    /// After this long without a reply, in nanoseconds from sending, a request is lost.
    pub timeout_ns: u64,
    /// Extent of the warm-up, which is not measured.
    pub warmup: Limit,
    /// Extent of the measurement.
    pub measure: Limit,
    /// From what padding is made.
    pub seed: u64,
    /// Content of requests and replies, in the place of padding.
    pub content: Option<Content>,
    /// Protocol in which the service answers.
    pub protocol: Protocol,
    /// Key of STAMP's authenticated mode.
    pub key: Option<Secret>,
    /// Rule for the waits of an open loop on a link that sleeps.
    pub wait_rule: WaitRule,
}

#[cfg(test)]
impl Plan {
    /// One request in a closed loop, for tests that care about some of the fields.
    pub const FIXTURE: Self = Self {
        mode: Mode::Closed,
        payload_len: 64,
        timeout_ns: 1_000_000_000,
        warmup: Limit::NOTHING,
        measure: Limit::requests(1),
        seed: 1,
        content: None,
        protocol: Protocol::Fathom,
        key: None,
        wait_rule: WaitRule::Sleep,
    };
}

/// Reason why a plan can't be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The payload is too short for a header or too long for one Ethernet frame.
    #[error("a payload of {0} bytes is impossible: choose {HEADER_LEN} to {MAX_JUMBO_PAYLOAD}")]
    Payload(usize),
    /// The payload is none of STAMP's packets.
    #[error(
        "a payload of {payload_len} bytes is no STAMP packet: choose {base}, or {} to {MAX_JUMBO_PAYLOAD} with padding",
        base + tlv::HEADER_LEN
    )]
    TestPacket {
        /// Length of the payload, in bytes.
        payload_len: usize,
        /// Length of a base packet.
        base: usize,
    },
    /// A key for a protocol that has none.
    #[error("{} has no key: leave it out, or choose --protocol stamp", .0.name())]
    NoKey(Protocol),
    /// The payload does not fit one packet.
    #[error(
        "a payload of {payload_len} bytes does not fit one {} packet of {mtu} bytes: choose \
         {HEADER_LEN} to {}", family.name(), most(*family, *mtu)
    )]
    Packet {
        /// Length.
        payload_len: usize,
        /// The packet's family.
        family: Family,
        /// The longest packet.
        mtu: usize,
    },
    /// The timeout is zero.
    #[error("a timeout of zero would lose every request: choose a longer one")]
    NoTimeout,
    /// The duration is zero.
    #[error("a duration of zero measures nothing: choose a longer one")]
    NoDuration,
    /// A mode without arrivals was given some.
    #[error("only an open loop has arrivals: use `--mode open` with `--arrivals`")]
    NoArrivals,
    /// A mode without a rate was given one.
    #[error("only an open loop has a rate: use `--mode open` with `--rate`")]
    NoRate,
    /// A mode without a depth was given one.
    #[error("only a pipeline has a depth: use `--mode pipeline` with `--depth`")]
    NoDepth,
    /// Neither a duration nor a count ends the measurement.
    #[error("nothing would end the measurement: give a duration or a count")]
    Endless,
    /// The pipeline is deeper than any queue on the way.
    #[error("a depth of {0} is more than the queues on the way hold: choose 1 to {MAX_DEPTH}")]
    TooDeep(NonZeroU16),
    /// More requests could be in flight than the accounting remembers.
    #[error(
        "rate times timeout is {0} requests in flight, and at most {MAX_CAPACITY} can be accounted \
         for: lower the rate or the timeout"
    )]
    TooManyInFlight(u64),
}

/// The longest packet on a path of which nothing is known, in bytes: Ethernet's.
const ETHERNET_MTU: usize = 1500;

/// The longest payload in a packet of `family` of `mtu` bytes.
const fn most(family: Family, mtu: usize) -> usize {
    mtu.saturating_sub(family.headers_len())
}

impl Plan {
    /// Checks that the plan can be carried out.
    ///
    /// # Errors
    ///
    /// [`PlanError`], which names the first field that keeps it from being carried out.
    pub fn check(&self) -> Result<(), PlanError> {
        if !(HEADER_LEN..=MAX_JUMBO_PAYLOAD).contains(&self.payload_len) {
            return Err(PlanError::Payload(self.payload_len));
        }
        let base = self.protocol.payload_min(self.key.is_some());
        let beyond = self.payload_len.checked_sub(base);
        let is_whole = match self.protocol {
            Protocol::Stamp => beyond.is_some_and(|len| len == 0 || len >= tlv::HEADER_LEN),
            _ => beyond.is_some(),
        };
        if !is_whole {
            return Err(PlanError::TestPacket {
                payload_len: self.payload_len,
                base,
            });
        }
        if self.key.is_some() && self.protocol != Protocol::Stamp {
            return Err(PlanError::NoKey(self.protocol));
        }
        if self.timeout_ns == 0 {
            return Err(PlanError::NoTimeout);
        }
        if self.measure == Limit::default() || self.warmup == Limit::default() {
            return Err(PlanError::Endless);
        }
        if let Mode::Pipeline { depth } = self.mode
            && depth > MAX_DEPTH
        {
            return Err(PlanError::TooDeep(depth));
        }
        match self.in_flight() {
            too_many if too_many > MAX_CAPACITY => Err(PlanError::TooManyInFlight(too_many)),
            _ => Ok(()),
        }
    }

    /// Checks that a request fits one packet of `family` on a path that carries packets of up to `path_mtu` bytes, or
    /// as many as Ethernet where that is not known: a service does not answer fragments, nor packets of more than
    /// [`MAX_MTU`] bytes.
    ///
    /// # Errors
    ///
    /// [`PlanError::Packet`] if it does not.
    pub fn check_packet(&self, family: Family, path_mtu: Option<u32>) -> Result<(), PlanError> {
        let path_mtu = path_mtu.and_then(|mtu| usize::try_from(mtu).ok());
        let mtu = path_mtu.map_or(ETHERNET_MTU, |mtu| mtu.min(MAX_MTU));
        if self.payload_len <= most(family, mtu) {
            return Ok(());
        }
        Err(PlanError::Packet {
            payload_len: self.payload_len,
            family,
            mtu,
        })
    }

    /// Returns the plan with `content` in its requests.
    #[must_use]
    pub const fn carrying(self, content: Content) -> Self {
        Self {
            payload_len: HEADER_LEN + content.request.len(),
            content: Some(content),
            ..self
        }
    }

    /// Number of the last requests that can matter: between a request and its loss, all that are sent
    /// meanwhile. A pipeline can't know how many that will be.
    #[must_use]
    pub fn to_remember(&self) -> u64 {
        match self.mode {
            Mode::Closed | Mode::Open { .. } => self.in_flight(),
            Mode::Pipeline { .. } => MAX_CAPACITY,
        }
    }

    /// Number of requests that can be in flight if all are sent when they are due.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        match self.mode {
            Mode::Closed => 1,
            Mode::Pipeline { depth } => depth.get().into(),
            Mode::Open { rate, .. } => rate.requests_in(self.timeout_ns),
        }
    }

    /// Returns how long measuring takes, in nanoseconds, as far as that is known beforehand; with random arrivals
    /// on average.
    #[must_use]
    pub fn expected_ns(&self) -> Option<u64> {
        let by_count = match (self.mode, self.measure.count) {
            (Mode::Open { rate, .. }, Some(count)) => Some(rate.time_of(count)),
            _ => None,
        };
        match (self.measure.duration_ns, by_count) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

#[cfg(test)]
mod tests;
