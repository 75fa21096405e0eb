//! How datagrams reach the guest.
//!
//! A [`Link`] carries UDP payloads between the measuring loop and the service, whatever is
//! underneath: a socket through QEMU's user network, Ethernet frames over a Unix socket pair.
//! The measuring loop knows nothing else of the network.

mod setup;

use std::io;

pub use setup::{Family, LinkKind, Opener, Options, prepare};

/// A datagram that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its length in bytes.
    pub len: usize,
    /// When the link had it in hand, in nanoseconds of [`crate::clock`].
    pub at_ns: u64,
}

/// A path for UDP payloads to and from the service's port.
pub trait Link {
    /// The name that `--link` takes and results carry.
    fn name(&self) -> &'static str;

    /// Sends one datagram to the service.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the link can't carry anything any more. A datagram that the network drops
    /// is no error.
    fn send(&mut self, datagram: &[u8]) -> Result<(), LinkError>;

    /// Takes the next datagram from the service, waiting for it until `deadline_ns` of
    /// [`crate::clock`]; `None` if none came by then. A deadline in the past asks without waiting.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the link can't carry anything any more.
    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError>;
}

/// Why a link can't go on.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// A system call on the link failed.
    #[error("link {link}: {action} failed")]
    Io {
        /// The link's name.
        link: &'static str,
        /// What was tried, as a noun phrase.
        action: &'static str,
        /// What the system said.
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
        /// How long it was waited for.
        timeout_ms: u64,
    },
}
