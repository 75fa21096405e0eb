//! Addresses of a service and of its client as people write them: with a port or without, and with the zone that
//! a link-local address needs (RFC 4007, section 11; RFC 6874).

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs as _};
use std::str::FromStr;

use rustix::net::{AddressFamily, SocketType, netdevice, socket};

use crate::experiment::ExperimentError;

/// An address in numbers: `10.0.0.1`, `10.0.0.1:9000`, `fe80::1%eth0`, `[fe80::1%eth0]:9000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumericAddress {
    /// The address.
    pub ip: IpAddr,
    /// The name or the number of the interface on which the address is valid.
    pub zone: Option<String>,
    /// The port, if one is given.
    pub port: Option<u16>,
}

impl FromStr for NumericAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text).ok_or_else(|| {
            "expected an address of this host, with a port or without: 10.0.0.1, 10.0.0.1:4000, ::1 \
             or [fe80::1%eth0]:4000"
                .to_owned()
        })
    }
}

impl fmt::Display for NumericAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.as_ref().map(|zone| format!("%{zone}"));
        let zone = zone.unwrap_or_default();
        match (self.ip, self.port) {
            (ip, None) => write!(f, "{ip}{zone}"),
            (IpAddr::V4(ip), Some(port)) => write!(f, "{ip}:{port}"),
            (IpAddr::V6(ip), Some(port)) => write!(f, "[{ip}{zone}]:{port}"),
        }
    }
}

impl NumericAddress {
    /// Parses an address in numbers; `None` for anything else, such as a name.
    fn read(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                let port = match rest {
                    "" => None,
                    _ => Some(rest.strip_prefix(':')?),
                };
                (host, port)
            }
            None => match text.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (text, None),
            },
        };
        let port = port.map(str::parse).transpose().ok()?;
        let (host, zone) = match host.split_once('%') {
            Some((host, zone)) => (host, Some(zone).filter(|zone| !zone.is_empty())?),
            None => {
                return host.parse().ok().map(|ip| Self {
                    ip,
                    zone: None,
                    port,
                });
            }
        };
        // Only IPv6 has zones.
        let ip = host.parse::<Ipv6Addr>().ok()?;
        Some(Self {
            ip: ip.into(),
            zone: Some(zone.to_owned()),
            port,
        })
    }

    /// Returns the address for a socket: with the address's own zone, or on `interface` if the address needs a
    /// zone and names none; with port 0 if it has no port.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Address`] if a link-local address has no zone, or no such interface exists.
    pub fn on(&self, interface: Option<&str>) -> Result<SocketAddr, ExperimentError> {
        let problem = |problem| ExperimentError::Address {
            address: self.to_string(),
            problem,
        };
        let port = self.port.unwrap_or(0);
        let ip = match self.ip {
            IpAddr::V4(ip) => return Ok((ip, port).into()),
            IpAddr::V6(ip) => ip,
        };
        let scope = match (&self.zone, interface) {
            (Some(zone), _) => index(zone).map_err(problem)?,
            (None, Some(interface)) if ip.is_unicast_link_local() => {
                index(interface).map_err(problem)?
            }
            (None, None) if ip.is_unicast_link_local() => {
                return Err(problem(format!(
                    "it is link-local: add %interface, such as {ip}%eth0 (in brackets where a port \
                     follows)"
                )));
            }
            (None, _) => 0,
        };
        Ok(SocketAddrV6::new(ip, port, 0, scope).into())
    }
}

/// Returns the number of the interface `zone`, which is a name or a number.
fn index(zone: &str) -> Result<u32, String> {
    if let Ok(number) = zone.parse() {
        return Ok(number);
    }
    let look_up = || {
        let any = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        netdevice::name_to_index(&any, zone)
    };
    look_up().map_err(|error| match error {
        rustix::io::Errno::NODEV => {
            format!("there is no interface {zone} here (`ip link` lists them)")
        }
        error => format!("interface {zone} can't be found: {error}"),
    })
}

/// Resolves `address`, HOST:PORT, to the address of a service: of several addresses the first of the family of
/// `source`, if that is given. A link-local address without a zone gets `interface`.
///
/// # Errors
///
/// [`ExperimentError::Resolve`] if a name has no address, [`ExperimentError::Address`] as
/// [`NumericAddress::on`].
pub fn resolve(
    address: &str,
    interface: Option<&str>,
    source: Option<IpAddr>,
) -> Result<SocketAddr, ExperimentError> {
    if let Some(numeric) = NumericAddress::read(address).filter(|numeric| numeric.port.is_some()) {
        return numeric.on(interface);
    }
    let not_found = || io::Error::from(io::ErrorKind::NotFound);
    let is_reachable = |found: &SocketAddr| source.is_none_or(|ip| ip.is_ipv4() == found.is_ipv4());
    address
        .to_socket_addrs()
        .and_then(|found| found.into_iter().find(is_reachable).ok_or_else(not_found))
        .map_err(|source| ExperimentError::Resolve {
            address: address.to_owned(),
            source,
        })
}

/// Returns the address that a client of `peer` binds to, for the `bind` that its user gave.
///
/// # Errors
///
/// [`ExperimentError::Address`] if the two are of different families, or as [`NumericAddress::on`].
pub fn source(
    bind: &NumericAddress,
    interface: Option<&str>,
    peer: SocketAddr,
) -> Result<SocketAddr, ExperimentError> {
    if bind.ip.is_ipv4() != peer.is_ipv4() {
        let problem = match peer {
            SocketAddr::V4(_) => "the service has an IPv4 address: bind to one of those",
            SocketAddr::V6(_) => "the service has an IPv6 address: bind to one of those",
        };
        return Err(ExperimentError::Address {
            address: bind.to_string(),
            problem: problem.to_owned(),
        });
    }
    // A link-local address is one of the interface's that leads to the service.
    match (bind.on(interface), peer) {
        (Err(_), SocketAddr::V6(peer)) if bind.zone.is_none() && peer.scope_id() != 0 => {
            bind.on(Some(&peer.scope_id().to_string()))
        }
        (source, _) => source,
    }
}

/// Returns true if packets to `peer` are IPv4 packets, as they are to an IPv4-mapped IPv6 address.
#[must_use]
pub fn is_ipv4(peer: SocketAddr) -> bool {
    matches!(peer.ip().to_canonical(), IpAddr::V4(Ipv4Addr { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(address: &str) -> Result<SocketAddr, ExperimentError> {
        resolve(address, None, None)
    }

    #[test]
    fn reads_addresses_with_a_port() {
        for address in ["127.0.0.1:9000", "[::1]:9000"] {
            assert_eq!(resolved(address).unwrap(), address.parse().unwrap());
        }
        let named = resolved("localhost:9000").unwrap();
        assert!(named.ip().is_loopback());
        let v4 = resolve("localhost:9000", None, Some(Ipv4Addr::LOCALHOST.into())).unwrap();
        assert_eq!(v4, "127.0.0.1:9000".parse().unwrap());
        for bad in ["127.0.0.1", "127.0.0.1:99999", ""] {
            let error = resolved(bad).unwrap_err();
            assert!(error.to_string().contains("HOST:PORT"), "{error}");
            assert!(matches!(error, ExperimentError::Resolve { .. }));
        }
    }

    #[test]
    fn a_zone_is_a_name_or_a_number() {
        let expected: SocketAddr = "[fe80::1%1]:9000".parse().unwrap();
        for address in ["[fe80::1%1]:9000", "[fe80::1%lo]:9000"] {
            assert_eq!(resolved(address).unwrap(), expected, "{address}");
        }
        // The interface may be named beside it.
        let resolved = resolve("[fe80::1]:9000", Some("lo"), None).unwrap();
        assert_eq!(resolved, expected);
    }

    #[test]
    fn a_link_local_address_needs_a_zone() {
        for (address, complaint) in [
            (
                "[fe80::5054:ff:fe12:3456]:9000",
                "link-local: add %interface",
            ),
            ("[fe80::1%nonesuch0]:9000", "no interface nonesuch0"),
        ] {
            let error = resolved(address).unwrap_err();
            assert!(error.to_string().contains(complaint), "{error}");
            assert!(matches!(error, ExperimentError::Address { .. }));
        }
    }

    #[test]
    fn a_source_is_of_the_services_family() {
        let bind = |text: &str| text.parse::<NumericAddress>().unwrap();
        for text in [
            "10.0.0.1",
            "10.0.0.1:4000",
            "::1",
            "[::1]:4000",
            "fe80::1%lo",
        ] {
            assert_eq!(bind(text).to_string(), text);
        }
        assert_eq!(bind("[::1]"), bind("::1"));
        for text in [
            "",
            "localhost",
            "10.0.0.1%lo",
            "10.0.0.1:99999",
            "[::1]4",
            "fe80::1%",
        ] {
            assert!(text.parse::<NumericAddress>().is_err(), "{text}");
        }
        let (v4, v6) = (([127, 0, 0, 1], 9).into(), "[fe80::2%1]:9".parse().unwrap());
        assert_eq!(
            source(&bind("127.0.0.2"), None, v4).unwrap(),
            ([127, 0, 0, 2], 0).into()
        );
        assert_eq!(
            source(&bind("[fe80::1]:5"), None, v6).unwrap(),
            "[fe80::1%1]:5".parse().unwrap()
        );
        let error = source(&bind("::1"), None, v4).unwrap_err();
        assert!(matches!(error, ExperimentError::Address { .. }));
        assert!(error.to_string().contains("IPv4"), "{error}");
    }
}
