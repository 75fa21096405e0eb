//! The link for which the host's own network stack does everything: a connected UDP socket, to a
//! port that QEMU's user network forwards to the guest or to any service on the network.
#![forbid(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::io::Errno;
use rustix::net::SendFlags;

use super::{Link, LinkError, Received, enlarge_buffers, wait};

/// What results call the way to a process on this host, or to a thread.
pub const LOOPBACK: &str = "loopback";

/// A link over a UDP socket.
#[derive(Debug)]
pub struct UdpLink {
    name: &'static str,
    socket: UdpSocket,
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
        socket
            .connect(peer)
            .map_err(failed(name, "finding a route to the service"))?;
        enlarge_buffers(&socket);
        wait::sharpen_sleeps();
        Ok(Self { name, socket })
    }
}

/// Any address of the host's, of the family of `peer`.
pub(super) fn any(peer: SocketAddr, port: u16) -> SocketAddr {
    match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, port).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, port).into(),
    }
}

fn failed(link: &'static str, action: &'static str) -> impl FnOnce(io::Error) -> LinkError {
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

    fn send(&mut self, datagram: &[u8]) -> Result<(), LinkError> {
        match rustix::net::send(&self.socket, datagram, SendFlags::DONTWAIT) {
            Ok(_) => Ok(()),
            Err(error) if wait::is_loss(error) => Ok(()),
            Err(Errno::MSGSIZE) => Err(LinkError::TooLong {
                link: self.name,
                len: datagram.len(),
            }),
            Err(error) => Err(failed(self.name, "sending")(error.into())),
        }
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        wait::receive(&self.socket, buffer, deadline_ns).map_err(failed(self.name, "receiving"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_datagrams_both_ways() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let service = UdpSocket::bind(address).unwrap();
            let mut link = UdpLink::connect("user", service.local_addr().unwrap()).unwrap();
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
            link.send(b"anyone?").unwrap();
            assert_eq!(link.receive(&mut [0; 16], 0).unwrap(), None);
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
