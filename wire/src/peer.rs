//! Sources that the service never answers.
//!
//! An answer to a broadcast, a multicast or our own address, or to port 0, is a reflection attack
//! or a loop in the making. So is an answer to another service that answers: of those, services whose replies may
//! be requests to somebody leave out the ports of [`RESPONDER_PORTS`]. Fragments are the network stack's to
//! drop.

use core::net::{IpAddr, SocketAddr};

/// Returns true if a datagram from `source` may be answered by a service at `own`, whose directed
/// broadcast address, where it has one, is `broadcast`.
#[inline(always)]
#[must_use]
pub fn is_answerable(source: SocketAddr, own: IpAddr, broadcast: Option<IpAddr>) -> bool {
    let address = source.ip();
    let limited_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    source.port() != 0
        && !address.is_unspecified()
        && !address.is_multicast()
        && !address.is_loopback()
        && !limited_broadcast
        && address != own
        && Some(address) != broadcast
}

/// Ports at which services answer whatever comes, or nearly, in ascending order: echo, daytime, quote of the
/// day, character generator, time, DNS, DHCP, TFTP, portmapper, NTP, NetBIOS, SNMP, CLDAP, RIP, STAMP, SQL
/// Server Browser, L2TP, SSDP, STUN, WS-Discovery, SIP, mDNS, CoAP, Fathom's own, memcached, game servers.
pub const RESPONDER_PORTS: [u16; 26] = [
    7, 13, 17, 19, 37, 53, 67, 69, 111, 123, 137, 161, 389, 520, 862, 1434, 1701, 1900, 3478, 3702,
    5060, 5353, 5683, 9000, 11211, 27015,
];

/// The first port that is not a well-known one (RFC 6335 §6).
pub const FIRST_USER_PORT: u16 = 1024;

/// Returns true if `port` is one of [`RESPONDER_PORTS`].
#[inline(always)]
#[must_use]
pub const fn is_responder_port(port: u16) -> bool {
    // Most clients' ports are ephemeral ones, beyond all of them.
    port <= RESPONDER_PORTS[RESPONDER_PORTS.len() - 1] && is_listed(port)
}

#[inline(never)]
const fn is_listed(port: u16) -> bool {
    let mut at = 0;
    while at < RESPONDER_PORTS.len() {
        if RESPONDER_PORTS[at] == port {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answerable(source: &str) -> bool {
        let own: IpAddr = if source.starts_with('[') {
            "fe80::1".parse().unwrap()
        } else {
            "10.0.2.15".parse().unwrap()
        };
        let broadcast = Some("10.0.2.255".parse().unwrap());
        is_answerable(source.parse().unwrap(), own, broadcast)
    }

    #[test]
    fn ordinary_clients_are_answered() {
        assert!(answerable("10.0.2.2:40000"));
        assert!(answerable("192.0.2.1:1"));
        assert!(answerable("[fe80::2]:40000"));
        assert!(answerable("[2001:db8::1]:65535"));
    }

    #[test]
    fn sources_that_could_loop_or_amplify_are_not_answerable() {
        for source in [
            "10.0.2.2:0",
            "0.0.0.0:5",
            "10.0.2.255:5",
            "255.255.255.255:5",
            "224.0.0.1:5",
            "127.0.0.1:5",
            "10.0.2.15:5",
            "[fe80::2]:0",
            "[::]:5",
            "[::1]:5",
            "[ff02::1]:5",
            "[fe80::1]:5",
        ] {
            assert!(!answerable(source), "{source}");
        }
    }

    #[test]
    fn responders_ports_are_in_order_and_found() {
        assert!(RESPONDER_PORTS.is_sorted());
        for port in [7, 862, crate::DEFAULT_PORT, 11211] {
            assert!(is_responder_port(port));
        }
        assert!(!is_responder_port(40_000) && !is_responder_port(1024));
    }
}
