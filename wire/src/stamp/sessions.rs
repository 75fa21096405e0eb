//! Sessions of a stateful Session-Reflector: its own sequence numbers, and its rule against replays.
//!
//! A session is a sender's address, port and session identifier (RFC 8972 §3). The table is of a fixed size:
//! a session has one of four places, found by a keyed hash, so that a look-up takes the same time however full
//! the table is. One that was idle for [`EXPIRY_NS`] ends; where all four places are taken, the one that was
//! idle for longest does.
//!
//! # Replays
//!
//! A test packet in authenticated mode is accepted once: copies of it are not, however many and in whatever
//! order. A packet that is accepted
//!
//! - is ahead of all others by its sequence number, and its timestamp is no earlier than any; or
//! - was overtaken: it is one of the last [`WINDOW`] sequence numbers, has not come before, and is no older
//!   than the session; or
//! - has a later timestamp than all before, so that the sender began anew: then the session does.
//!
//! The HMAC covers sequence number and timestamp, but not the addresses: a copy from another address is
//! another session, and is answered there once.

use core::net::{IpAddr, SocketAddr};

/// Number of places that a session can have.
const WAYS: usize = 4;

/// Time after which an idle session has ended, in nanoseconds: REFWAIT's 900 s (RFC 5357 §4.2).
pub const EXPIRY_NS: u64 = 900 * 1_000_000_000;

/// Number of sequence numbers that are remembered behind the highest.
pub const WINDOW: u32 = u64::BITS;

/// A session's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    address: [u8; 16],
    /// 0 if the place is free: nobody is answered at port 0.
    port: u16,
    ssid: u16,
    /// Number of packets received and sent in the session, modulo 2³².
    received: u32,
    sent: u32,
    /// Time at which the last packet was sent, in nanoseconds of the reflector's clock.
    sent_ns: Option<u64>,
    last_ns: u64,
    replays: Option<ReplayWindow>,
}

impl Session {
    /// A place that is free.
    pub const FREE: Self = Self {
        address: [0; 16],
        port: 0,
        ssid: 0,
        received: 0,
        sent: 0,
        sent_ns: None,
        last_ns: 0,
        replays: None,
    };

    /// Returns the sequence number of the next packet to be sent, and counts that.
    pub const fn next_sequence(&mut self) -> u32 {
        let sequence = self.sent;
        self.sent = sequence.wrapping_add(1);
        sequence
    }

    /// Notes when the packet whose number [`Session::next_sequence`] returned was sent.
    pub const fn sent_at(&mut self, sent_ns: u64) {
        self.sent_ns = Some(sent_ns);
    }

    /// Returns the numbers of packets received and sent in the session, modulo 2³²: those that are being answered
    /// included, and copies that were not.
    #[must_use]
    pub const fn counts(&self) -> (u32, u32) {
        (self.received, self.sent)
    }

    /// Returns the sequence number of the packet before the one that is being answered, and when it was sent; `None`
    /// if there was none.
    #[must_use]
    pub fn previous(&self) -> Option<(u32, u64)> {
        self.sent_ns
            .map(|sent_ns| (self.sent.wrapping_sub(2), sent_ns))
    }

    /// Returns true if the sender's packet with this sequence number and timestamp is none that was accepted
    /// before, and notes it.
    pub fn accepts(&mut self, sequence: u32, timestamp: u64) -> bool {
        match &mut self.replays {
            Some(window) => window.accepts(sequence, timestamp),
            None => {
                self.replays = Some(ReplayWindow::new(sequence, timestamp));
                true
            }
        }
    }
}

/// The sender's packets that were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReplayWindow {
    /// Highest sequence number, and those right behind it, from the lowest bit on: set if it came.
    highest: u32,
    came: u64,
    /// Timestamp of the packet that the session began with, and the latest of all.
    first: u64,
    latest: u64,
}

/// Returns true if `a` is later than `b`, in circular order (RFC 1982 §3.2).
const fn is_later(a: u64, b: u64) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}

impl ReplayWindow {
    const fn new(sequence: u32, timestamp: u64) -> Self {
        Self {
            highest: sequence,
            came: 1,
            first: timestamp,
            latest: timestamp,
        }
    }

    fn accepts(&mut self, sequence: u32, timestamp: u64) -> bool {
        let ahead = sequence.wrapping_sub(self.highest);
        let is_ahead = ahead.cast_signed() > 0;
        if is_ahead && !is_later(self.latest, timestamp) {
            self.came = self.came.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = sequence;
            self.latest = timestamp;
            return true;
        }
        if is_later(timestamp, self.latest) {
            *self = Self::new(sequence, timestamp);
            return true;
        }
        let behind = self.highest.wrapping_sub(sequence);
        if is_ahead || behind >= WINDOW || is_later(self.first, timestamp) {
            return false;
        }
        let bit = 1 << behind;
        let is_new = self.came & bit == 0;
        self.came |= bit;
        is_new
    }
}

/// The table of sessions.
#[derive(Debug)]
pub struct Sessions<'t> {
    sets: &'t mut [[Session; WAYS]],
    seed: u64,
}

impl<'t> Sessions<'t> {
    /// Creates a table in `memory`, whose length is a multiple of 4. `seed` is a number that peers do not know,
    /// so that they can't choose whose place they take.
    #[must_use]
    pub fn new(memory: &'t mut [Session], seed: u64) -> Self {
        let (sets, _) = memory.as_chunks_mut::<WAYS>();
        sets.as_flattened_mut().fill(Session::FREE);
        Self { sets, seed }
    }

    /// Returns the session of `source` and `ssid`, which received a packet; it begins if there is none. `None` if the
    /// table has no room at all.
    pub fn of(&mut self, source: SocketAddr, ssid: u16, now_ns: u64) -> Option<&mut Session> {
        let address = match source.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        let port = source.port();
        let index = self.index(&address, port, ssid)?;
        let set = self.sets.get_mut(index)?;
        let is_it = |session: &Session| {
            session.address == address && session.port == port && session.ssid == ssid
        };
        let place = match set.iter().position(is_it) {
            Some(place) => &mut set[place],
            None => set
                .iter_mut()
                .min_by_key(|session| (session.port != 0, session.last_ns))?,
        };
        let is_over = now_ns.saturating_sub(place.last_ns) >= EXPIRY_NS;
        if is_over || !is_it(place) {
            *place = Session {
                address,
                port,
                ssid,
                ..Session::FREE
            };
        }
        place.last_ns = now_ns;
        place.received = place.received.wrapping_add(1);
        Some(place)
    }

    /// Returns the number of the set for a session; `None` if there are no sets.
    fn index(&self, address: &[u8; 16], port: u16, ssid: u16) -> Option<usize> {
        let (halves, _) = address.as_chunks::<8>();
        let mut hash = self.seed;
        for word in [
            u64::from_ne_bytes(halves[0]),
            u64::from_ne_bytes(halves[1]),
            u64::from(port) << 16 | u64::from(ssid),
        ] {
            hash = mix(hash ^ word);
        }
        (hash as usize).checked_rem(self.sets.len())
    }
}

/// The finaliser of SplitMix64.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
