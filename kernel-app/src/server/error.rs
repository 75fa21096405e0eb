//! Reasons why serving ends.

use super::recovery::RESETS;
use crate::frame_device::DeviceFault;

/// Longest wait for the first DHCP lease, in seconds.
pub const LEASE_TIMEOUT_S: u64 = 10;

/// Reasons why serving ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// No DHCP server has given us an address in time.
    #[error(
        "no DHCP lease within {LEASE_TIMEOUT_S} s: is there a DHCP server on this network? \
         A static address needs none: ip=A.B.C.D/N"
    )]
    NoLease,
    /// The boot arguments that a DHCP server gave can't be read.
    #[error("the DHCP server's option 224 is too long, or no text: expected boot arguments")]
    Arguments,
    /// The network device broke the protocol, and was reset too often for that.
    #[error("network device failed: {0}; it was reset {RESETS} times within an hour")]
    Device(#[from] DeviceFault),
}
