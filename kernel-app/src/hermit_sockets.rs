//! The service on Hermit's own sockets, as far as it needs no Hermit: whom to answer, and by which handler.
//!
//! The image `fathom-sockets` (`bin/hermit_sockets`) is what a user of Hermit gets without a driver and a
//! stack of their own: the kernel's virtio-net driver, its smoltcp and its socket calls, in the place
//! of [`virtio`](crate::virtio), [`net`](crate::net) and
//! [`server`](crate::server). The rest is the same: boot, kernel, clock, and `wire`'s handler.
//! Its boot arguments are [`Settings`]. No unsafe code.
#![forbid(unsafe_code)]

use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use wire::{Cidr, peer};

use crate::clock::Clock;
use crate::handler::{Clients, Handler, Request, Verdict};
use crate::services::is_user_port;

pub use crate::boot::hermit_network::{Settings, SettingsError};

/// A service on one socket, and the clients that it may answer.
#[derive(Clone, Copy, Debug)]
pub struct Responder<H> {
    handler: H,
    port: u16,
    own: Ipv4Addr,
    broadcast: Option<Ipv4Addr>,
}

impl<H: Handler> Responder<H> {
    /// Creates the responder with these settings.
    #[must_use]
    pub fn new(settings: &Settings, handler: H) -> Self {
        Self {
            handler,
            port: settings.port,
            own: settings.address,
            broadcast: Cidr::new(settings.address, settings.prefix).broadcast(),
        }
    }

    /// Answers `datagram` in place: the length of the reply, if one is to be sent back to `source`. A
    /// socket does not report a datagram's destination, so, as on Linux, the client alone is checked.
    pub fn answer(
        &mut self,
        source: SocketAddrV4,
        datagram: &mut [u8],
        received_ns: u64,
        clock: &impl Clock,
    ) -> Option<usize> {
        let (own, broadcast) = (IpAddr::V4(self.own), self.broadcast.map(IpAddr::V4));
        let source = SocketAddr::V4(source);
        let is_client = match H::CLIENTS {
            Clients::AnyPort => true,
            Clients::UserPorts => is_user_port::<()>(source.port(), self.port),
        };
        if !is_client || peer::check(source, own, broadcast).is_err() {
            return None;
        }
        let request = Request {
            port: self.port,
            destination: own,
            source,
            received_ns,
            ip: None,
        };
        match self.handler.handle(datagram, &request, clock).verdict {
            Verdict::Reply(len) => Some(len.min(datagram.len())),
            Verdict::Drop | Verdict::Pass => None,
        }
    }
}

#[cfg(test)]
mod tests;
