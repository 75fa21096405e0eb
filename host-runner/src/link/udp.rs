//! The link for which the host's own network stack does everything: a connected UDP socket, to a
//! port that QEMU's user network forwards to the guest or to any service on the network.
#![forbid(unsafe_code)]

use std::io;
use std::net::{SocketAddr, UdpSocket};

use rustix::io::Errno;
use rustix::net::{SendFlags, sockopt};
use socket2::SockRef;

use super::dscp::Dscp;
use super::queue_drops::QueueDrops;
use super::refusal::{self, Refusal};
use super::source::{self, Source, any};
use super::{DEPTH, Link, LinkError, Received, Sent, enlarge_buffers, wait};

/// Name in results of the link to a process on this host, or to a thread.
pub const LOOPBACK: &str = "loopback";

/// A link over a UDP socket.
#[derive(Debug)]
pub struct UdpLink {
    name: &'static str,
    socket: UdpSocket,
    /// Address of the service until something comes from there: its port has to be open.
    expected: Option<SocketAddr>,
    /// True if the service is on this host, where the queues on the way are known.
    is_local: bool,
    /// Drops of the service's socket, if they are known.
    drops: Option<QueueDrops>,
}

impl UdpLink {
    /// A link to the service at `peer`, which results call `name`. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if a socket can't be had or there is no route to `peer`.
    pub fn connect(name: &'static str, peer: SocketAddr) -> Result<Self, LinkError> {
        let socket = UdpSocket::bind(any(peer, 0)).map_err(failed(name, "opening a UDP socket"))?;
        Self::over(name, socket, peer)
    }

    /// The same from `source`, and for a service that nothing is known of: until it has sent something,
    /// a closed port is an error ([`LinkError::NobodyListens`]).
    ///
    /// # Errors
    ///
    /// [`LinkError`] as for [`Source::open`], or if there is no route to `peer`.
    pub fn connect_from(
        name: &'static str,
        source: &Source,
        peer: SocketAddr,
    ) -> Result<Self, LinkError> {
        let link = Self::over(name, source.open(name, peer, 0)?, peer)?;
        Ok(Self {
            expected: Some(peer),
            is_local: false,
            ..link
        })
    }

    /// The same over a socket that there is already, in whatever network that was made.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if there is no route to `peer`.
    pub fn over(
        name: &'static str,
        socket: UdpSocket,
        peer: SocketAddr,
    ) -> Result<Self, LinkError> {
        connect(name, &socket, peer)?;
        Ok(Self {
            name,
            socket,
            expected: None,
            is_local: true,
            drops: None,
        })
    }

    /// Returns the link, which knows what the socket that it sends to drops.
    #[must_use]
    pub fn with_drops(self, drops: Option<QueueDrops>) -> Self {
        Self { drops, ..self }
    }

    /// Has what is sent from now on go in the class `dscp`.
    ///
    /// # Errors
    ///
    /// [`LinkError::Source`] if the kernel refuses.
    pub fn set_class(&self, dscp: Dscp) -> Result<(), LinkError> {
        let peer = self.socket.peer_addr();
        let set = peer.and_then(|peer| source::set_class(SockRef::from(&self.socket), peer, dscp));
        set.map_err(|error| LinkError::Source {
            link: self.name,
            what: format!("DSCP {dscp}"),
            source: error,
        })
    }

    /// The longest packet that the kernel believes the path to the service to carry, in bytes.
    #[must_use]
    pub fn path_mtu(&self) -> Option<u32> {
        path_mtu(&self.socket)
    }
}

/// Gives `socket` its peer, and room for what comes at once.
pub(super) fn connect(
    name: &'static str,
    socket: &UdpSocket,
    peer: SocketAddr,
) -> Result<(), LinkError> {
    socket
        .connect(peer)
        .map_err(failed(name, "finding a route to the service"))?;
    enlarge_buffers(socket);
    wait::sharpen_sleeps();
    Ok(())
}

/// As [`UdpLink::path_mtu`].
pub(super) fn path_mtu(socket: &UdpSocket) -> Option<u32> {
    let mtu = match socket.peer_addr().ok()? {
        SocketAddr::V4(_) => sockopt::ip_mtu(socket),
        SocketAddr::V6(_) => sockopt::ipv6_mtu(socket),
    };
    mtu.ok()
}

/// Sends `datagram` on a connected `socket`, of which `expected` is the peer that has not been heard.
#[inline]
pub(super) fn send(
    name: &'static str,
    socket: &UdpSocket,
    expected: Option<SocketAddr>,
    datagram: &[u8],
) -> Result<Sent, LinkError> {
    match rustix::net::send(socket, datagram, SendFlags::DONTWAIT) {
        Ok(_) => Ok(Sent::Out),
        Err(error) => not_sent(name, socket, expected, datagram, error),
    }
}

/// Finds out what `error` of a send means.
#[cold]
fn not_sent(
    name: &'static str,
    socket: &UdpSocket,
    expected: Option<SocketAddr>,
    datagram: &[u8],
    error: Errno,
) -> Result<Sent, LinkError> {
    if let (Some(peer), Errno::CONNREFUSED) = (expected, error) {
        return Err(LinkError::NobodyListens { peer });
    }
    let error = if refusal::may_be_of_an_earlier_datagram(error) {
        // Which has been reported with that: this one has not been tried yet.
        match rustix::net::send(socket, datagram, SendFlags::DONTWAIT) {
            Ok(_) => return Ok(Sent::Out),
            Err(error) => error,
        }
    } else {
        error
    };
    match (Refusal::of(error), error) {
        (Some(refusal), _) => Ok(Sent::Refused(refusal)),
        (None, Errno::MSGSIZE) => Err(LinkError::TooLong {
            link: name,
            len: datagram.len(),
        }),
        (None, error) => Err(failed(name, "sending")(error.into())),
    }
}

pub(super) fn failed(
    link: &'static str,
    action: &'static str,
) -> impl FnOnce(io::Error) -> LinkError {
    move |source| LinkError::Io {
        link,
        action,
        source,
    }
}

impl Link for UdpLink {
    fn name(&self) -> &'static str {
        self.name
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        send(self.name, &self.socket, self.expected, datagram)
    }

    fn queue_drops(&self) -> Option<u64> {
        self.drops.as_ref()?.read().ok()
    }

    fn capacity(&self) -> Option<u64> {
        self.is_local.then_some(DEPTH)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        let ends = |error| self.expected.is_some() && error == Errno::CONNREFUSED;
        match wait::receive_unless(&self.socket, buffer, deadline_ns, ends) {
            Ok(received) => {
                self.expected = self.expected.filter(|_| received.is_none());
                Ok(received)
            }
            Err(error) => Err(not_received(self.name, self.expected, error)),
        }
    }
}

/// Returns the meaning of `error` of a receive, on a socket whose peer `expected` has not been heard.
#[cold]
pub(super) fn not_received(
    name: &'static str,
    expected: Option<SocketAddr>,
    error: Errno,
) -> LinkError {
    match expected {
        Some(peer) if error == Errno::CONNREFUSED => LinkError::NobodyListens { peer },
        _ => failed(name, "receiving")(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn carries_datagrams_both_ways() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let service = UdpSocket::bind(address).unwrap();
            let mut link = UdpLink::connect("user", service.local_addr().unwrap()).unwrap();
            assert!(link.path_mtu() >= Some(1500));
            link.send(b"question").unwrap();
            let mut buffer = [0; 1500];
            let (len, client) = service.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], b"question");
            service.send_to(b"answer", client).unwrap();
            let received = link.receive(&mut buffer, u64::MAX).unwrap().unwrap();
            assert_eq!(&buffer[..received.len], b"answer");
            assert_eq!(link.receive(&mut buffer, 0).unwrap(), None);
        }
    }

    #[test]
    fn a_service_that_is_gone_is_loss_and_no_error() {
        let service = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut link = UdpLink::connect("user", service.local_addr().unwrap()).unwrap();
        drop(service);
        for _ in 0..3 {
            assert_eq!(link.send(b"anyone?").unwrap(), Sent::Out);
            assert_eq!(link.receive(&mut [0; 16], 0).unwrap(), None);
        }
        // Nor does what the network says of one request keep the next from being sent.
        for _ in 0..3 {
            assert_eq!(link.send(b"anyone?").unwrap(), Sent::Out);
        }
    }

    #[test]
    fn a_port_that_was_never_open_is_an_error() {
        let closed = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let nobody = |error: LinkError| {
            let text = error.to_string();
            let expected = format!("nobody listens on {closed} (port unreachable)");
            assert!(text.starts_with(&expected), "{text}");
        };
        let open = || UdpLink::connect_from("udp", &Source::default(), closed).unwrap();
        let mut link = open();
        assert_eq!(link.send(b"anyone?").unwrap(), Sent::Out);
        nobody(
            link.receive(&mut [0; 16], clock::patience_ns())
                .unwrap_err(),
        );
        let mut link = open();
        assert_eq!(link.send(b"anyone?").unwrap(), Sent::Out);
        nobody(link.send(b"anyone?").unwrap_err());
    }

    #[test]
    fn a_port_that_closes_is_none() {
        let service = UdpSocket::bind("127.0.0.1:0").unwrap();
        let peer = service.local_addr().unwrap();
        let mut link = UdpLink::connect_from("udp", &Source::default(), peer).unwrap();
        link.send(b"question").unwrap();
        let mut buffer = [0; 16];
        let (_, client) = service.recv_from(&mut buffer).unwrap();
        service.send_to(b"answer", client).unwrap();
        assert!(
            link.receive(&mut buffer, clock::patience_ns())
                .unwrap()
                .is_some()
        );
        drop(service);
        for _ in 0..3 {
            assert_eq!(link.send(b"anyone?").unwrap(), Sent::Out);
            assert_eq!(link.receive(&mut buffer, 0).unwrap(), None);
        }
    }

    #[test]
    fn a_datagram_that_no_network_carries_is_an_error() {
        let service = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut link = UdpLink::connect("user", service.local_addr().unwrap()).unwrap();
        let error = link.send(&vec![0; 70_000]).unwrap_err();
        assert!(matches!(error, LinkError::TooLong { len: 70_000, .. }));
    }
}
