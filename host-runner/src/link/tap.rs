//! A network of the kernel's own that holds nothing but the client and the service: the client is an
//! ordinary UDP socket, and between it and a guest are this kernel's network stack, a tap device and
//! QEMU.
//!
//! - [`namespace`]: a network namespace without a name;
//! - [`tap_device`]: a tap device;
//! - [`tap_client`]: the client's end of the wire;
//! - [`pair`]: the wire to a service that is a process: a second namespace, and a veth pair.
//!
//! Everything is made inside namespaces that were made for it, so nothing of the host's network is
//! touched, or can be reached. And nothing has to be removed: namespaces, devices and addresses go with
//! the last descriptor of them, that is with this process and its QEMU, however they end.
//!
//! It takes CAP_SYS_ADMIN for a namespace and CAP_NET_ADMIN for what is in it.

pub mod namespace;
pub mod pair;
pub mod tap_client;
pub mod tap_device;

use std::io;
use std::os::fd::OwnedFd;

pub use namespace::Namespace;
pub use pair::Pair;
pub use tap_client::Client;
pub use tap_device::TapFrames;

use super::dscp::Dscp;
use super::ethernet::OWN_MAC;
use super::queue_drops::QueueDrops;
use super::udp::UdpLink;
use super::{Family, Link, LinkError, Mtu, Received, Sent};

/// The link's name.
pub const NAME: &str = "tap";

/// Name of the client's device, in its namespace.
const DEVICE: &str = "tap0";

const PRIVILEGE: &str =
    "run as root or with CAP_SYS_ADMIN and CAP_NET_ADMIN, or choose another link";
const MODULE: &str =
    "see that the kernel's module tun is loaded and the file is yours, or choose another link";

/// A tap device in a namespace of its own, and the client's end of it.
#[derive(Debug)]
pub struct Tap {
    client: Client,
    device: OwnedFd,
}

impl Tap {
    /// Makes one that carries packets of up to `mtu` bytes.
    ///
    /// # Errors
    ///
    /// [`LinkError::Unavailable`] if a right or a part of the kernel is missing.
    pub fn make(mtu: Mtu) -> Result<Self, LinkError> {
        let namespace = new_namespace()?;
        let device = namespace
            .inside(tap_device::open)
            .map_err(unavailable("opening /dev/net/tun", MODULE))?;
        tap_device::make(&device, DEVICE).map_err(unavailable("making a tap device", PRIVILEGE))?;
        let client = Client::on(namespace, DEVICE, OWN_MAC, mtu)
            .map_err(unavailable("bringing up a tap device", PRIVILEGE))?;
        Ok(Self { client, device })
    }

    /// Another descriptor of the device, for whoever is at its end.
    ///
    /// # Errors
    ///
    /// If this process has no descriptor left (`EMFILE`).
    pub fn device(&self) -> io::Result<OwnedFd> {
        self.device.try_clone()
    }

    /// Opens the link to the service that said `ready`.
    ///
    /// # Errors
    ///
    /// As [`Client::join`].
    pub fn join(self, ready: &wire::Ready, family: Family) -> Result<TapLink, LinkError> {
        let (namespace, udp) = self.client.join(ready, family, ready.mac)?;
        Ok(TapLink {
            udp,
            drops: namespace.inside(|| QueueDrops::of_device(DEVICE)).ok(),
            _namespace: namespace,
            _device: Some(self.device),
        })
    }
}

fn new_namespace() -> Result<Namespace, LinkError> {
    Namespace::new().map_err(unavailable("making a network namespace", PRIVILEGE))
}

fn unavailable(action: &'static str, remedy: &'static str) -> impl FnOnce(io::Error) -> LinkError {
    move |source| LinkError::Unavailable {
        link: NAME,
        action,
        remedy,
        source,
    }
}

/// The link. It keeps its end of the wire until it is dropped: a service that is gone is silent.
#[derive(Debug)]
pub struct TapLink {
    udp: UdpLink,
    /// Drops of the queue before the service.
    drops: Option<QueueDrops>,
    _namespace: Namespace,
    _device: Option<OwnedFd>,
}

impl TapLink {
    /// Sends in the class `dscp` from now on.
    ///
    /// # Errors
    ///
    /// [`LinkError::Source`] if the kernel refuses.
    pub fn in_class(self, dscp: Dscp) -> Result<Self, LinkError> {
        self.udp.set_class(dscp)?;
        Ok(self)
    }
}

impl Link for TapLink {
    fn name(&self) -> &'static str {
        self.udp.name()
    }

    fn queue_drops(&self) -> Option<u64> {
        self.drops.as_ref()?.read().ok()
    }

    fn capacity(&self) -> Option<u64> {
        self.udp.capacity()
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        self.udp.send(datagram)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        self.udp.receive(buffer, deadline_ns)
    }
}

#[cfg(test)]
mod tests;
