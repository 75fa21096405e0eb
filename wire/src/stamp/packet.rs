//! Test packets: where each field is. All integers are big-endian.
//!
//! Fields that a Session-Sender fills in stand at the same place in the packet that the Session-Reflector returns,
//! with the reflector's own values, so that one [`Layout`] serves both directions:
//!
//! | field | unauthenticated (RFC 8762 §4.2.1, §4.3.1) | authenticated (§4.2.2, §4.3.2) | filled in by |
//! |---|---|---|---|
//! | sequence number | 0..4 | 0..4 | both |
//! | timestamp | 4..12 | 16..24 | both |
//! | error estimate | 12..14 | 24..26 | both |
//! | session identifier, SSID (RFC 8972 §3) | 14..16 | 26..28 | sender, returned |
//! | receive timestamp | 16..24 | 32..40 | reflector |
//! | sender's sequence number | 24..28 | 48..52 | reflector |
//! | sender's timestamp | 28..36 | 64..72 | reflector |
//! | sender's error estimate | 36..38 | 72..74 | reflector |
//! | sender's time to live | 40 | 80 | reflector |
//! | HMAC | | 96..112 | both |
//!
//! All else must be zero (MBZ). Behind the base packet are TLVs ([`super::tlv`]).

use core::ops::Range;

use super::key::TAG_LEN;

/// Length of a base packet in unauthenticated mode, in octets.
pub const UNAUTHENTICATED_LEN: usize = 44;

/// Length of a base packet in authenticated mode, in octets.
pub const AUTHENTICATED_LEN: usize = 112;

/// Length of the shortest packet that TWAMP-Light's reflector sends, in octets: up to the sender's time to
/// live (RFC 5357 §4.2.1).
pub const TWAMP_LIGHT_LEN: usize = 41;

/// Fields of a base packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Length of the base packet, in octets.
    pub len: usize,
    /// Sequence number.
    pub sequence: Range<usize>,
    /// Time of sending this packet.
    pub timestamp: Range<usize>,
    /// Error estimate of the packet's own timestamps.
    pub error_estimate: Range<usize>,
    /// Session identifier.
    pub ssid: Range<usize>,
    /// Time at which the reflector received the sender's packet.
    pub receive_timestamp: Range<usize>,
    /// Copy of the sender's sequence number.
    pub sender_sequence: Range<usize>,
    /// Copy of the sender's timestamp.
    pub sender_timestamp: Range<usize>,
    /// Copy of the sender's error estimate.
    pub sender_error_estimate: Range<usize>,
    /// Time to live or hop limit with which the sender's packet arrived.
    pub sender_ttl: usize,
}

/// Base packets of unauthenticated mode.
pub const UNAUTHENTICATED: Layout = Layout {
    len: UNAUTHENTICATED_LEN,
    sequence: 0..4,
    timestamp: 4..12,
    error_estimate: 12..14,
    ssid: 14..16,
    receive_timestamp: 16..24,
    sender_sequence: 24..28,
    sender_timestamp: 28..36,
    sender_error_estimate: 36..38,
    sender_ttl: 40,
};

/// Base packets of authenticated mode.
pub const AUTHENTICATED: Layout = Layout {
    len: AUTHENTICATED_LEN,
    sequence: 0..4,
    timestamp: 16..24,
    error_estimate: 24..26,
    ssid: 26..28,
    receive_timestamp: 32..40,
    sender_sequence: 48..52,
    sender_timestamp: 64..72,
    sender_error_estimate: 72..74,
    sender_ttl: 80,
};

/// Octets that the HMAC of authenticated mode covers (RFC 8762 §4.4).
pub const AUTHENTICATED_TEXT: Range<usize> = 0..AUTHENTICATED_LEN - TAG_LEN;

/// HMAC of authenticated mode.
pub const AUTHENTICATED_HMAC: Range<usize> = AUTHENTICATED_TEXT.end..AUTHENTICATED_LEN;

/// Octets that are zero in a reflector's packet of unauthenticated mode, whatever it answers: behind the
/// sender's error estimate and behind the time to live.
pub const REFLECTED_MBZ: [Range<usize>; 2] = [38..40, 41..44];

/// A packet that is as long as its base, at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'p> {
    bytes: &'p [u8],
    layout: &'static Layout,
}

impl<'p> Packet<'p> {
    /// Returns the packet in `bytes`, which may have more behind it; `None` if they are too few.
    #[must_use]
    pub fn new(bytes: &'p [u8], layout: &'static Layout) -> Option<Self> {
        (bytes.len() >= layout.len).then_some(Self { bytes, layout })
    }

    fn field<const N: usize>(&self, range: &Range<usize>) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.bytes[range.clone()]);
        field
    }

    /// Returns the sequence number.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        u32::from_be_bytes(self.field(&self.layout.sequence))
    }

    /// Returns the time of sending this packet.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        u64::from_be_bytes(self.field(&self.layout.timestamp))
    }

    /// Returns the error estimate of the packet's own timestamps.
    #[must_use]
    pub fn error_estimate(&self) -> super::ErrorEstimate {
        super::ErrorEstimate(u16::from_be_bytes(self.field(&self.layout.error_estimate)))
    }

    /// Returns the session identifier, 0 if there is none.
    #[must_use]
    pub fn ssid(&self) -> u16 {
        u16::from_be_bytes(self.field(&self.layout.ssid))
    }

    /// Returns the time at which the reflector received the sender's packet; zero in a sender's.
    #[must_use]
    pub fn receive_timestamp(&self) -> u64 {
        u64::from_be_bytes(self.field(&self.layout.receive_timestamp))
    }

    /// Returns the copy of the sender's sequence number.
    #[must_use]
    pub fn sender_sequence(&self) -> u32 {
        u32::from_be_bytes(self.field(&self.layout.sender_sequence))
    }

    /// Returns the copy of the sender's timestamp.
    #[must_use]
    pub fn sender_timestamp(&self) -> u64 {
        u64::from_be_bytes(self.field(&self.layout.sender_timestamp))
    }

    /// Returns the copy of the sender's error estimate.
    #[must_use]
    pub fn sender_error_estimate(&self) -> super::ErrorEstimate {
        super::ErrorEstimate(u16::from_be_bytes(
            self.field(&self.layout.sender_error_estimate),
        ))
    }

    /// Returns the time to live or hop limit with which the sender's packet arrived.
    #[must_use]
    pub fn sender_ttl(&self) -> u8 {
        self.bytes[self.layout.sender_ttl]
    }

    /// Returns what follows the base packet.
    #[must_use]
    pub fn extensions(&self) -> &'p [u8] {
        &self.bytes[self.layout.len..]
    }
}
