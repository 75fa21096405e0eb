//! The Fathom protocol: what a datagram looks like and how the service answers it.
//!
//! - [`header`]: the 44-byte header and its postcard encoding;
//! - [`handler`]: the request handler, a pure function from datagram to verdict;
//! - [`peer`]: which sources are never answered; [`limits`]: which are answered, and how often, as an operator
//!   says;
//! - [`checksum`]: the Internet checksum, for those who make their own frames;
//! - [`cidr`]: IP addresses with the length of their network prefix; [`mac`]: Ethernet addresses;
//! - [`counters`]: what the service counts, and the layout the instrument reads them by;
//! - [`configuration`]: where the service has its arguments from;
//! - [`mode`]: the modes of the service on Linux;
//! - [`status`]: what a service says of itself;
//! - [`log_control`]: level and budget of a service's log, and requests for others;
//! - [`ready`]: the line the service prints when it is ready to serve;
//! - [`stamp`]: STAMP's Session-Reflector (RFC 8762).
//!
//! Nothing here knows of hardware, sockets or clocks: the unikernel, the instrument and every
//! Linux-hosted baseline call the same code, so a difference between them is never a difference
//! of the protocol.
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::missing_errors_doc, clippy::mod_module_files)]

#[cfg(test)]
extern crate std;

pub mod checksum;
pub mod cidr;
pub mod configuration;
pub mod counters;
pub mod handler;
pub mod header;
pub mod limits;
pub mod log_control;
pub mod mac;
pub mod mode;
pub mod peer;
pub mod ready;
pub mod stamp;
pub mod status;

pub use cidr::Cidr;
pub use configuration::{Channel, Configuration};
pub use counters::{Counter, Counters};
pub use handler::{DropReason, Verdict, handle};
pub use header::{HEADER_LEN, Header, Kind, MAGIC, VERSION};
pub use limits::Limits;
pub use mac::Mac;
pub use mode::Mode;
pub use ready::Ready;

/// The service's UDP port unless the boot argument `port=` says otherwise.
pub const DEFAULT_PORT: u16 = 9000;

/// The port of the echo service (RFC 862).
pub const ECHO_PORT: u16 = 7;

/// The longest UDP payload that fits an Ethernet MTU of 1500 over IPv4, in bytes.
pub const MAX_PAYLOAD: usize = 1472;

/// The largest MTU that the service and those who measure it know, in bytes: that of jumbo frames on most switches.
pub const MAX_MTU: usize = 9216;

/// The longest UDP payload of all, in bytes: fits [`MAX_MTU`] over IPv4.
pub const MAX_JUMBO_PAYLOAD: usize = MAX_MTU - 28;
