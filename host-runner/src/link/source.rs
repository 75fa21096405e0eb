//! Source of the datagrams of an ordinary socket.
#![forbid(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::LinkError;
use super::dscp::Dscp;

/// Source of datagrams, as far as it is not left to the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Address of this host, and the port of the first flow; with port 0 any port. Its family is the
    /// service's.
    pub address: Option<SocketAddr>,
    /// The network device, whatever the routes say.
    pub interface: Option<String>,
    /// Class of the datagrams; `None` for the default one.
    pub dscp: Option<Dscp>,
}

impl Source {
    /// Opens the socket of the flow number `flow`, for datagrams to `peer` on the link `name`: it has the
    /// port after that of the flow before, if the first one has a port.
    ///
    /// # Errors
    ///
    /// [`LinkError::Source`] if this host has not got what is asked for, or does not give it.
    pub fn open(
        &self,
        name: &'static str,
        peer: SocketAddr,
        flow: u16,
    ) -> Result<UdpSocket, LinkError> {
        let failed = |what: String| {
            move |source| LinkError::Source {
                link: name,
                what,
                source,
            }
        };
        let socket = Socket::new(Domain::for_address(peer), Type::DGRAM, Some(Protocol::UDP))
            .map_err(failed("a UDP socket".to_owned()))?;
        if let Some(interface) = &self.interface {
            socket
                .bind_device(Some(interface.as_bytes()))
                .map_err(failed(format!("interface {interface}")))?;
        }
        if let Some(dscp) = self.dscp {
            let set = set_class(SockRef::from(&socket), peer, dscp);
            set.map_err(failed(format!("DSCP {dscp}")))?;
        }
        let mut address = self.address.unwrap_or(any(peer, 0));
        if address.port() != 0 {
            address.set_port(address.port().checked_add(flow).unwrap_or_default());
        }
        socket
            .bind(&address.into())
            .map_err(failed(format!("source address {address}")))?;
        Ok(socket.into())
    }
}

/// Gives what `socket` sends to `peer` the class `dscp`.
pub(super) fn set_class(socket: SockRef<'_>, peer: SocketAddr, dscp: Dscp) -> io::Result<()> {
    let class = dscp.traffic_class().into();
    // An IPv4-mapped address is IPv4 on the wire.
    match (peer, peer.ip().to_canonical().is_ipv4()) {
        (SocketAddr::V4(_), _) | (SocketAddr::V6(_), true) => socket.set_tos_v4(class),
        (SocketAddr::V6(_), false) => socket.set_tclass_v6(class),
    }
}

/// Returns the unspecified address of the family of `peer`, with `port`.
pub(super) fn any(peer: SocketAddr, port: u16) -> SocketAddr {
    match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, port).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, port).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> SocketAddr {
        ([127, 0, 0, 1], 9).into()
    }

    #[test]
    fn a_socket_has_the_address_and_the_port_that_it_was_given() {
        // A port that is free a moment later, most likely, and its neighbour: tried until both are.
        let sockets = (0..100).find_map(|_| {
            let free = UdpSocket::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap();
            let source = Source {
                address: Some(free),
                ..Source::default()
            };
            let open = |flow| source.open("udp", peer(), flow).ok();
            open(0).zip(open(1)).map(|sockets| (free, sockets))
        });
        let (address, (first, second)) = sockets.unwrap();
        assert_eq!(first.local_addr().unwrap(), address);
        assert_eq!(second.local_addr().unwrap().port(), address.port() + 1);
        let any_port = Source {
            address: Some(([127, 0, 0, 2], 0).into()),
            interface: Some("lo".to_owned()),
            dscp: None,
        };
        let socket = any_port.open("udp", peer(), 3).unwrap();
        let local = socket.local_addr().unwrap();
        assert!(local.ip().to_string() == "127.0.0.2" && local.port() != 0);
    }

    #[test]
    fn datagrams_have_the_class_that_is_asked_for() {
        let source = Source {
            dscp: Some("EF".parse().unwrap()),
            ..Source::default()
        };
        let open = |peer: &str| Socket::from(source.open("udp", peer.parse().unwrap(), 0).unwrap());
        assert_eq!(open("127.0.0.1:9").tos_v4().unwrap(), 46 << 2);
        assert_eq!(open("[::1]:9").tclass_v6().unwrap(), 46 << 2);
    }

    #[test]
    fn an_address_that_this_host_lacks_is_named() {
        for (source, what) in [
            (
                Source {
                    address: Some("192.0.2.1:0".parse().unwrap()),
                    ..Source::default()
                },
                "source address 192.0.2.1:0",
            ),
            (
                Source {
                    interface: Some("nonesuch0".to_owned()),
                    ..Source::default()
                },
                "interface nonesuch0",
            ),
        ] {
            let error = source.open("udp", peer(), 0).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
