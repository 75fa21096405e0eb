//! A test packet's arrival: what a reflector knows of a packet beside its octets.

use core::net::SocketAddr;

/// Facts about a test packet's arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Source of the packet.
    pub source: SocketAddr,
    /// Address and port that the packet was sent to; zero where they are not known.
    pub own: SocketAddr,
    /// Time of its arrival, in nanoseconds of the reflector's clock.
    pub received_ns: u64,
    /// Time to live or hop limit that it arrived with, if that is known.
    pub hop_limit: Option<u8>,
    /// Type of service or traffic class that it arrived with, if that is known. The reply goes with the same.
    pub traffic_class: Option<u8>,
}
