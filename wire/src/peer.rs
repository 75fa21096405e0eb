//! Sources that the service never answers.
//!
//! An answer to a broadcast, multicast or reserved address, to our own, to port 0 or to the port of another
//! responder is a reflection attack or a loop in the making. The same rules hold for the unikernel, on either of
//! its paths, and for the service on Linux. Fragments and damaged packets are dropped before a source is looked
//! at, and [`crate::limits`] has the rules that an operator sets.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Counter;

/// Ports of services that answer strangers, in ascending order: a reply that is sent there may have a reply.
///
/// The protocols that the US-CERT alert TA14-017A, "UDP-Based Amplification Attacks", lists, and further ones that
/// denial-of-service attacks were reflected by. Above [`HIGHEST_RESPONDER`] operating systems choose the ports of clients
/// (RFC 6335 §6, Linux from 32768), so no port from there is listed.
pub const RESPONDERS: [u16; 38] = [
    7,     // echo (RFC 862)
    9,     // discard (RFC 863)
    11,    // systat (RFC 866)
    13,    // daytime (RFC 867)
    17,    // quote of the day (RFC 865)
    19,    // character generator (RFC 864)
    37,    // time (RFC 868)
    53,    // DNS
    67,    // DHCP server
    69,    // TFTP
    111,   // port mapper
    123,   // NTP
    137,   // NetBIOS name service
    138,   // NetBIOS datagram service
    161,   // SNMP
    177,   // XDMCP
    389,   // connectionless LDAP
    427,   // SLP
    464,   // Kerberos password change
    500,   // IKE
    520,   // RIP
    623,   // IPMI
    862,   // TWAMP and STAMP
    1434,  // Microsoft SQL Server's resolver
    1604,  // Citrix ICA browser
    1701,  // L2TP
    1900,  // SSDP
    3283,  // Apple Remote Desktop
    3389,  // RDP over UDP
    3478,  // STUN
    3702,  // WS-Discovery
    5060,  // SIP
    5351,  // NAT-PMP
    5353,  // multicast DNS
    5683,  // CoAP
    11211, // memcached
    27015, // Source engine and Steam
    27960, // Quake III
];

/// The first port that is not a well-known one (RFC 6335 §6).
pub const FIRST_USER_PORT: u16 = 1024;

/// The highest of [`RESPONDERS`].
pub const HIGHEST_RESPONDER: u16 = RESPONDERS[RESPONDERS.len() - 1];

/// Returns true if `port` is one of [`RESPONDERS`].
#[inline(always)]
#[must_use]
pub fn is_responder(port: u16) -> bool {
    port <= HIGHEST_RESPONDER && is_listed(port)
}

#[cold]
fn is_listed(port: u16) -> bool {
    RESPONDERS.binary_search(&port).is_ok()
}

/// Returns true if `address` can be one host's: not of 0/8 or 127/8, multicast, reserved (240/4) or the limited
/// broadcast address (RFC 6890).
#[inline(always)]
#[must_use]
pub const fn is_host_ipv4(address: Ipv4Addr) -> bool {
    let [network, ..] = address.octets();
    network.wrapping_sub(1) < 223 && network != 127
}

/// Returns true if `address` can be one host's: not multicast, unspecified, loopback, or an IPv4 address in the
/// form of an IPv6 one (`::/80`, RFC 4291 §2.5.5).
#[inline(always)]
#[must_use]
pub const fn is_host_ipv6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    bits >> 48 != 0 && bits >> 120 != 0xff
}

/// Returns true if `address` can be one host's.
#[inline(always)]
#[must_use]
pub const fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_host_ipv4(address),
        IpAddr::V6(address) => is_host_ipv6(address),
    }
}

/// Checks that a datagram from `source` may be answered by a service at `own`, whose directed broadcast
/// address, where it has one, is `broadcast`.
///
/// # Errors
///
/// The counter of what is refused: [`Counter::DroppedSource`] for an address, [`Counter::DroppedPort`] for a port.
#[inline(always)]
pub fn check(source: SocketAddr, own: IpAddr, broadcast: Option<IpAddr>) -> Result<(), Counter> {
    let address = source.ip();
    if !is_host(address) || address == own || Some(address) == broadcast {
        return Err(Counter::DroppedSource);
    }
    check_port(source.port())
}

/// Checks that a datagram from `port` may be answered.
///
/// # Errors
///
/// [`Counter::DroppedPort`] for port 0 and for [`RESPONDERS`].
#[inline(always)]
pub fn check_port(port: u16) -> Result<(), Counter> {
    if port == 0 || is_responder(port) {
        return Err(Counter::DroppedPort);
    }
    Ok(())
}

const _: () = {
    let mut at = 1;
    while at < RESPONDERS.len() {
        assert!(RESPONDERS[at - 1] < RESPONDERS[at], "ascending");
        at += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(source: &str) -> Result<(), Counter> {
        let own: IpAddr = if source.starts_with('[') {
            "fe80::1".parse().unwrap()
        } else {
            "10.0.2.15".parse().unwrap()
        };
        let broadcast = Some("10.0.2.255".parse().unwrap());
        check(source.parse().unwrap(), own, broadcast)
    }

    #[test]
    fn ordinary_clients_are_answered() {
        for source in [
            "10.0.2.2:40000",
            "192.0.2.1:1",
            "1.0.0.0:1024",
            "223.255.255.255:65535",
            "126.0.0.1:27961",
            "[fe80::2]:40000",
            "[2001:db8::1]:65535",
            "[64:ff9b::a00:202]:32768",
            "[0:0:0:0:1::]:40000",
        ] {
            assert_eq!(checked(source), Ok(()), "{source}");
        }
    }

    #[test]
    fn sources_that_could_loop_or_amplify_are_not_answerable() {
        for source in [
            "0.0.0.0:5",
            "0.1.2.3:5",
            "10.0.2.255:5",
            "255.255.255.255:5",
            "224.0.0.1:5",
            "239.255.255.250:5",
            "240.0.0.1:5",
            "254.1.2.3:5",
            "127.0.0.1:5",
            "127.255.0.1:5",
            "10.0.2.15:5",
            "[::]:5",
            "[::1]:5",
            "[::10.0.2.2]:5",
            "[::ffff:127.0.0.1]:5",
            "[::ffff:10.0.2.2]:5",
            "[ff02::1]:5",
            "[ff0e::5]:5",
            "[fe80::1]:5",
        ] {
            assert_eq!(checked(source), Err(Counter::DroppedSource), "{source}");
        }
    }

    #[test]
    fn nobodys_port_and_other_responders_are_not() {
        assert_eq!(checked("10.0.2.2:0"), Err(Counter::DroppedPort));
        assert_eq!(checked("[fe80::2]:0"), Err(Counter::DroppedPort));
        let refused = (0..=u16::MAX).filter(|&port| check_port(port).is_err());
        assert!(refused.eq(core::iter::once(0).chain(RESPONDERS)));
    }
}
