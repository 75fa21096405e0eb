//! Addresses as they are written: with a port or without, and with the zone that a link-local one needs
//! (RFC 4007, section 11; RFC 6874).

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs as _};
use std::str::FromStr;

use rustix::net::{AddressFamily, SocketType, netdevice, socket};

use crate::cli::CliError;

/// An address in numbers: `10.0.0.1`, `10.0.0.1:9000`, `fe80::1%eth0`, `[fe80::1%eth0]:9000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numeric {
    /// The address.
    pub ip: IpAddr,
    /// The name or the number of the interface that it is valid on.
    pub zone: Option<String>,
    /// The port, if one is given.
    pub port: Option<u16>,
}

impl FromStr for Numeric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text).ok_or_else(|| {
            "expected an address of this host, with a port or without: 10.0.0.1, 10.0.0.1:4000, ::1 \
             or [fe80::1%eth0]:4000"
                .to_owned()
        })
    }
}

impl fmt::Display for Numeric {
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

impl Numeric {
    /// Reads an address; `None` if it is something else, such as a name.
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

    /// The address for a socket, on `interface` if it needs one and names none itself; without a port,
    /// any.
    ///
    /// # Errors
    ///
    /// [`CliError::Address`] if it needs an interface and there is none.
    pub fn on(&self, interface: Option<&str>) -> Result<SocketAddr, CliError> {
        let problem = |problem| CliError::Address {
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

/// The number of the interface `zone`, which is its name or its number.
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

/// The service that `address`, HOST:PORT, leads to, by `interface` and from `source` if that is given: of
/// several addresses the first that can be reached from there.
///
/// # Errors
///
/// [`CliError::Resolve`] if there is none, [`CliError::Address`] if it can't be used as it is.
pub fn resolve(
    address: &str,
    interface: Option<&str>,
    source: Option<IpAddr>,
) -> Result<SocketAddr, CliError> {
    if let Some(numeric) = Numeric::read(address).filter(|numeric| numeric.port.is_some()) {
        return numeric.on(interface);
    }
    let not_found = || io::Error::from(io::ErrorKind::NotFound);
    let is_reachable = |found: &SocketAddr| source.is_none_or(|ip| ip.is_ipv4() == found.is_ipv4());
    address
        .to_socket_addrs()
        .and_then(|found| found.into_iter().find(is_reachable).ok_or_else(not_found))
        .map_err(|source| CliError::Resolve {
            address: address.to_owned(),
            source,
        })
}

/// Returns the source address and port of datagrams to `peer`, as `bind` says.
///
/// # Errors
///
/// [`CliError::Address`] if nothing can go to `peer` from there.
pub fn source(
    bind: &Numeric,
    interface: Option<&str>,
    peer: SocketAddr,
) -> Result<SocketAddr, CliError> {
    if bind.ip.is_ipv4() != peer.is_ipv4() {
        let problem = match peer {
            SocketAddr::V4(_) => "the service has an IPv4 address: bind to one of those",
            SocketAddr::V6(_) => "the service has an IPv6 address: bind to one of those",
        };
        return Err(CliError::Address {
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

/// Returns whether packets to `peer` are IPv4 packets.
pub fn is_ipv4(peer: SocketAddr) -> bool {
    matches!(peer.ip().to_canonical(), IpAddr::V4(Ipv4Addr { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(address: &str) -> Result<SocketAddr, CliError> {
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
            assert_eq!(error.exit_code(), 1);
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
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn a_source_is_of_the_services_family() {
        let bind = |text: &str| text.parse::<Numeric>().unwrap();
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
            assert!(text.parse::<Numeric>().is_err(), "{text}");
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
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("IPv4"), "{error}");
    }
}
