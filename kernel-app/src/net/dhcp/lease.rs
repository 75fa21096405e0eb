//! A lease, and its times (RFC 2131 §4.4.5).

use core::net::Ipv4Addr;

use wire::configuration::HostName;

use crate::clock::NEVER_NS;

/// The lease of a server that does not say how long it is, in seconds.
pub const DEFAULT_LEASE_S: u32 = 120;

/// The lease that does not end (RFC 2131 §3.3).
pub const INFINITE_S: u32 = u32::MAX;

/// The network's settings from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// Length of the subnet's prefix, in bits.
    pub prefix: u8,
    /// Default gateway.
    pub gateway: Option<Ipv4Addr>,
    /// The network's MTU, in bytes.
    pub mtu: Option<u16>,
    /// The name that the server has for us.
    pub host: Option<HostName>,
}

/// Times of a lease, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// Renewal begins: T1.
    pub renew_ns: u64,
    /// Rebinding begins: T2.
    pub rebind_ns: u64,
    /// The address is no longer ours.
    pub end_ns: u64,
}

impl LeaseTimes {
    /// Returns the times of a lease of `lease_s` seconds from `start_ns` on. `given` are T1 and T2 as the server has
    /// them, in seconds; they count if both are there and in order.
    pub fn new(start_ns: u64, lease_s: u32, given: (Option<u32>, Option<u32>)) -> Self {
        if lease_s == INFINITE_S {
            return Self {
                renew_ns: NEVER_NS,
                rebind_ns: NEVER_NS,
                end_ns: NEVER_NS,
            };
        }
        // Shorter than any that can be kept would have the client ask all the time.
        let lease_s = u64::from(lease_s.max(2));
        let (renew_ms, rebind_ms) = match (given.0.map(u64::from), given.1.map(u64::from)) {
            (Some(renew_s), Some(rebind_s))
                if 0 < renew_s && renew_s < rebind_s && rebind_s < lease_s =>
            {
                (renew_s * 1000, rebind_s * 1000)
            }
            _ => (lease_s * 500, lease_s * 875),
        };
        let at = |ms: u64| start_ns + ms * 1_000_000;
        Self {
            renew_ns: at(renew_ms),
            rebind_ns: at(rebind_ms),
            end_ns: at(lease_s * 1000),
        }
    }
}
