//! Links: the ways of a datagram to the guest.
//!
//! A [`Link`] carries UDP payloads between the measuring loop and the service, whatever is
//! underneath: a socket through QEMU's user network, Ethernet frames, the guest's own virtqueues.
//! The measuring loop knows nothing else of the network.
//!
//! - [`udp`]: a UDP socket, through QEMU's user network or to any service;
//! - [`flows`]: several of them that take turns;
//! - [`source`]: where an ordinary socket's datagrams leave from; [`dscp`]: the class that they have;
//! - [`tap`]: a UDP socket of this kernel's, in a network that is made for it and holds nothing else;
//! - [`ethernet`]: Ethernet frames, built and parsed by [`frame`], over whatever carries them:
//!   - [`unix`]: a Unix socket pair,
//!   - [`vhost_user`]: virtqueues in the guest's own memory,
//!   - [`captured`]: any of them, with a capture file written by [`pcap`];
//! - [`refusal`]: why this host did not send a datagram; [`queue_drops`]: datagrams that its queues drop;
//! - [`in_process`]: the request handler, called in this process without a network;
//! - [`fault`]: faults injected into any link of Ethernet frames;
//! - [`Mtu`]: the longest packet of a link.
//!
//! [`prepare`] turns the choice of a link into what QEMU needs of it, and then into the link.

pub mod captured;
pub mod codec;
pub mod dscp;
pub mod ethernet;
pub mod fault;
pub mod flows;
pub mod frame;
pub mod in_process;
mod mtu;
pub mod pcap;
pub mod queue_drops;
pub mod refusal;
mod setup;
pub mod source;
pub(crate) mod stack;
pub mod tap;
pub mod udp;
pub mod unix;
pub mod vhost_user;
mod wait;

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::host::gaps::Gaps;

pub use fault::{FaultParameters, InjectedFaults};
pub use mtu::Mtu;
pub use refusal::Refusal;
pub use setup::{Family, LinkKind, Opener, Options, OtherEnd, prepare, with_faults};
pub use stack::Endpoint;

/// A datagram that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Length in bytes.
    pub len: usize,
    /// Time at which the link had it in hand, in nanoseconds of [`crate::clock`].
    pub at_ns: u64,
}

/// Outcome of sending a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// On its way, and the network may still lose it.
    Out,
    /// The host refused to send it. It never left, and the next one may.
    Refused(Refusal),
}

/// Number of times that the two sides of a virtqueue have woken each other.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Signals {
    /// Doorbells that the guest has rung: each leaves the virtual machine.
    pub doorbells: u64,
    /// Interrupts that the guest has been sent.
    pub interrupts: u64,
}

impl Signals {
    /// Returns the increase since `before`.
    #[must_use]
    pub const fn since(&self, before: &Self) -> Self {
        Self {
            doorbells: self.doorbells - before.doorbells,
            interrupts: self.interrupts - before.interrupts,
        }
    }
}

/// A path for UDP payloads to and from the service's port.
pub trait Link {
    /// The name that `--link` takes and results carry.
    fn name(&self) -> &'static str;

    /// Number of times that either side has had to be woken since the link was opened, where the link can see
    /// it.
    fn signals(&self) -> Option<Signals> {
        None
    }

    /// Notes that the measuring loop read the clock, for the gaps of a link that polls.
    fn clock_was_read(&mut self, _at_ns: u64) {}

    /// The measuring thread's scheduling gaps since this was last asked, if the link polls.
    fn take_gaps(&mut self) -> Option<Gaps> {
        None
    }

    /// The faults that the link has injected since this was last asked, if it injects any. What is held back then is
    /// dropped.
    fn take_faults(&mut self) -> Option<InjectedFaults> {
        None
    }

    /// Drops the datagrams that [`Link::send`] took and that still wait for room on the way to the service, where this
    /// program gets at them, and returns their number: the service was never given them.
    fn drop_waiting(&mut self) -> u64 {
        0
    }

    /// Returns the number of frames to the service, since this was last asked, that the device dropped because the guest's
    /// receive buffer had no room for so long a one; 0 where the device is another program's.
    fn take_too_long(&mut self) -> u64 {
        0
    }

    /// Number of datagrams to the service that full queues of this host's kernel have dropped so far; `None` where
    /// there is no such queue, or the kernel does not tell.
    fn queue_drops(&self) -> Option<u64> {
        None
    }

    /// Number of datagrams that the way to the service holds without losing any, as far as is known: the
    /// receive buffers of the guest, or the smallest queue of sockets and devices before them. A service
    /// that has so many before it is as busy as it can be. `None` where nobody knows, as on a network.
    fn capacity(&self) -> Option<u64> {
        None
    }

    /// Returns whether [`Link::receive`] polls until its deadline, and is then as good at waiting for a
    /// moment as for a datagram. Other links sleep.
    fn is_polled(&self) -> bool {
        false
    }

    /// Sends one datagram to the service, or refuses it. Each is one or the other: what is not out has
    /// left nothing behind, and may be tried again.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the link can't carry anything any more. A datagram that the network drops
    /// is no error, nor is one that this host refuses to send.
    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError>;

    /// Takes the next datagram from the service, waiting for it until `deadline_ns` of
    /// [`crate::clock`]; `None` if none came by then. A deadline in the past asks without waiting.
    /// Whatever else comes in, however much of it, does not keep the call beyond its deadline.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the link can't carry anything any more.
    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError>;

    /// As [`Link::receive`], but stays awake: yields the CPU to threads of the same priority, and then asks
    /// without waiting, again and again until the deadline, and once at the least.
    ///
    /// # Errors
    ///
    /// As [`Link::receive`].
    fn receive_yielding(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        loop {
            rustix::thread::sched_yield();
            let received = self.receive(buffer, 0)?;
            if received.is_some() || crate::clock::now_ns() >= deadline_ns {
                return Ok(received);
            }
        }
    }
}

/// Reason why a link can't go on.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// A system call on the link failed.
    #[error("link {link}: {action} failed")]
    Io {
        /// The link's name.
        link: &'static str,
        /// Action that was tried, as a noun phrase.
        action: &'static str,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// The machine, or the user, has not got what the link is made of.
    #[error("link {link}: {action} failed; {remedy}")]
    Unavailable {
        /// The link's name.
        link: &'static str,
        /// Action that was tried, as a noun phrase.
        action: &'static str,
        /// Remedy.
        remedy: &'static str,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// The guest's link-layer address could not be found out in time.
    #[error("link {link}: {peer} did not answer address resolution within {timeout_ms} ms")]
    Unreachable {
        /// The link's name.
        link: &'static str,
        /// The service's address.
        peer: std::net::IpAddr,
        /// Time of waiting.
        timeout_ms: u64,
    },
    /// The service has no address of the family that was asked for.
    #[error("the service has no {family} address; give it one with its boot arguments")]
    NoAddress {
        /// The family's name.
        family: &'static str,
    },
    /// The link can't reach addresses of the family that was asked for.
    #[error("link {link}: it carries IPv4 only; use `--link unix` for IPv6")]
    Ipv4Only {
        /// The link's name.
        link: &'static str,
    },
    /// The host has refused to send anything from the start.
    #[error("link {link}: this host sends nothing to the service ({}); {}", refusal.name(), refusal.remedy())]
    Refused {
        /// The link's name.
        link: &'static str,
        /// Reason.
        refusal: Refusal,
    },
    /// Nobody has the service's port.
    #[error("nobody listens on {peer} (port unreachable); start one with `fathom serve`")]
    NobodyListens {
        /// The service's address and port.
        peer: std::net::SocketAddr,
    },
    /// Datagrams can't leave from where they were to.
    #[error("link {link}: {what} can't be used; choose another with `--bind` or `--interface`")]
    Source {
        /// The link's name.
        link: &'static str,
        /// The address or the interface.
        what: String,
        /// Error from the system.
        #[source]
        source: io::Error,
    },
    /// The datagram is longer than the link carries.
    #[error("link {link}: a payload of {len} bytes does not fit a datagram; choose a smaller one")]
    TooLong {
        /// The link's name.
        link: &'static str,
        /// The payload's length in bytes.
        len: usize,
    },
    /// The guest's driver does what virtio forbids.
    #[error("link {link}: the guest's network driver broke the rules: {fault}")]
    Guest {
        /// The link's name.
        link: &'static str,
        /// Violation.
        fault: vhost_user::Fault,
    },
    /// The capture file can't be written.
    #[error("the capture file {} can't be written; choose another", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
}

/// Number of frames that every queue between this host and a guest holds: sockets, devices, rings.
pub const DEPTH: u64 = 256;

/// Room for [`DEPTH`] frames in flight, with what the kernel adds to each, and as much again.
const SOCKET_BUFFER: usize = 2 << 20;

/// The same where frames are longer than Ethernet's: the kernel takes up to 16 KiB and a header for each.
const JUMBO_SOCKET_BUFFER: usize = 2 * SOCKET_BUFFER;

/// Gives a socket as much of [`SOCKET_BUFFER`] each way as the system lets it have. More than its
/// limit takes a privilege; with less, what does not fit is lost and counted as such.
fn enlarge_buffers(socket: impl AsFd) {
    enlarge_buffers_for(Mtu::ETHERNET, socket);
}

/// The same for the frames of a network with the given MTU.
fn enlarge_buffers_for(mtu: Mtu, socket: impl AsFd) {
    use rustix::net::sockopt;
    let len = if mtu > Mtu::ETHERNET {
        JUMBO_SOCKET_BUFFER
    } else {
        SOCKET_BUFFER
    };
    if sockopt::set_socket_send_buffer_size_force(&socket, len).is_err() {
        let _ = sockopt::set_socket_send_buffer_size(&socket, len);
    }
    if sockopt::set_socket_recv_buffer_size_force(&socket, len).is_err() {
        let _ = sockopt::set_socket_recv_buffer_size(&socket, len);
    }
}
