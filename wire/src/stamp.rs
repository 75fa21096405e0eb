//! STAMP, the Simple Two-way Active Measurement Protocol (RFC 8762), with its extensions (RFC 8972): what
//! a Session-Reflector answers.
//!
//! - [`packet`]: the test packets of both authentication modes, field by field;
//! - [`time`]: timestamps in the formats of NTP and PTP, and the error estimate;
//! - [`arrival`]: a packet's arrival;
//! - [`tlv`]: the extensions behind a base packet;
//! - [`key`]: the key of authenticated mode;
//! - [`sessions`]: the sessions of a stateful reflector, and its rule against replays;
//! - [`reflector`]: the Session-Reflector, a pure function on a datagram in place.
//!
//! TWAMP-Light (RFC 5357 appendix I) has the same test packets in unauthenticated mode, so that its senders
//! are answered too.

pub mod arrival;
pub mod key;
pub mod packet;
pub mod reflector;
pub mod sessions;
pub mod time;
pub mod tlv;

pub use arrival::Arrival;
pub use key::{Key, Secret};
pub use reflector::{DropReason, Mode, Reflector, Verdict};
pub use sessions::{Session, Sessions};
pub use time::{ClockState, Epoch, ErrorEstimate, Format};

/// The UDP port of a Session-Reflector (RFC 8762 §4.1).
pub const STAMP_PORT: u16 = 862;

#[cfg(test)]
mod tests;
