//! The lines that the service prints on its console, for people and for the instrument.
//!
//! One line when it is ready, and one if it cannot serve:
//!
//! ```text
//! FATHOM READY ip=10.0.2.15/24 ip6=fe80::5054:ff:fe12:3456/64 port=9000 mac=52:54:00:12:34:56 boot_us=98213 boot_id=1f2e3d4c counters=0x2b3000 nic=1/2
//! FATHOM FATAL no network device: …
//! ```
//!
//! A field that does not apply is `none`: a process on a host has no Ethernet address of its own,
//! and only a guest whose memory the instrument can read has an address for its counters.
//! `nic`, which of the machine's network devices the service drives and how many it could, is left out
//! where it does not apply. How the service was configured follows where there is something to say ([`Configuration`]):
//!
//! ```text
//! … counters=0x2b3000 gw=10.0.2.2 mtu=1460 host=echo from=ip:smbios,log:dhcp ignored=2
//! ```
//!
//! A reader passes over the fields that it does not know:
//!
//! ```
//! use wire::Ready;
//!
//! let line = "FATHOM READY ip=10.0.2.15/24 ip6=none port=9000 mac=52:54:00:12:34:56 boot_us=98213 \
//!             boot_id=1f2e3d4c counters=none colour=blue";
//! let ready: Ready = line.parse()?;
//! assert_eq!((ready.port, ready.boot_id, ready.counters), (9000, 0x1f2e_3d4c, None));
//! # Ok::<(), wire::ready::NotReady>(())
//! ```

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use crate::configuration::HostName;
use crate::{Cidr, Configuration, Mac};

/// Prefix of the ready line.
pub const READY_PREFIX: &str = "FATHOM READY ";

/// Prefix of the line that says why the service cannot serve; the reason follows.
pub const FATAL_PREFIX: &str = "FATHOM FATAL ";

/// The value of a field that does not apply.
const NONE: &str = "none";

/// The facts in the ready line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// IPv4 address and prefix length, if the service has one.
    pub ip: Option<Cidr<Ipv4Addr>>,
    /// IPv6 address and prefix length, if the service has one: the one that `ip6=` set, else the
    /// link-local one.
    pub ip6: Option<Cidr<Ipv6Addr>>,
    /// UDP port.
    pub port: u16,
    /// Ethernet address, if the service has a network device to itself.
    pub mac: Option<Mac>,
    /// From the firmware's jump into the image to the ready line, in microseconds of guest time.
    pub boot_us: u64,
    /// The `boot_id` that replies carry.
    pub boot_id: u32,
    /// Physical address of the [`crate::Counters`], if they can be read there.
    pub counters: Option<u64>,
    /// Number of the network device that it drives, if it drives one itself.
    pub nic: Option<NicPosition>,
    /// Origin of the configuration.
    pub configuration: Configuration,
}

/// One of several network devices that could be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NicPosition {
    /// Place among them, from 1.
    pub number: u8,
    /// Number of network devices.
    pub count: u8,
}

impl fmt::Display for NicPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

impl NicPosition {
    fn read(text: &str) -> Option<Self> {
        let (number, count) = text.split_once('/')?;
        let (number, count) = (number.parse().ok()?, count.parse().ok()?);
        (1..=count)
            .contains(&number)
            .then_some(Self { number, count })
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(READY_PREFIX)?;
        cidr_field(f, "ip", self.ip)?;
        cidr_field(f, " ip6", self.ip6)?;
        write!(f, " port={} mac=", self.port)?;
        match self.mac {
            Some(mac) => write!(f, "{mac}")?,
            None => f.write_str(NONE)?,
        }
        write!(
            f,
            " boot_us={} boot_id={:08x} counters=",
            self.boot_us, self.boot_id
        )?;
        match self.counters {
            Some(address) => write!(f, "{address:#x}")?,
            None => f.write_str(NONE)?,
        }
        if let Some(nic) = self.nic {
            write!(f, " nic={nic}")?;
        }
        self.configuration.fmt(f)
    }
}

fn cidr_field<A: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: Option<Cidr<A>>,
) -> fmt::Result {
    match value {
        Some(cidr) => write!(f, "{name}={cidr}"),
        None => write!(f, "{name}={NONE}"),
    }
}

/// The line is not a ready line, or a field of it cannot be read: the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotReady(pub &'static str);

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the ready line's field {} is missing or malformed",
            self.0
        )
    }
}

impl core::error::Error for NotReady {}

impl FromStr for Ready {
    type Err = NotReady;

    fn from_str(line: &str) -> Result<Self, NotReady> {
        let fields = line
            .trim()
            .strip_prefix(READY_PREFIX)
            .ok_or(NotReady("prefix"))?;
        let if_there = |name: &str| {
            fields
                .split(' ')
                .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let field = |name: &'static str| if_there(name).ok_or(NotReady(name));
        let hex = |text: &str| u64::from_str_radix(text, 16).ok();
        Ok(Self {
            ip: optional(field("ip")?, ipv4).ok_or(NotReady("ip"))?,
            ip6: optional(field("ip6")?, ipv6).ok_or(NotReady("ip6"))?,
            port: field("port")?
                .parse()
                .ok()
                .filter(|&port| port != 0)
                .ok_or(NotReady("port"))?,
            mac: optional(field("mac")?, mac).ok_or(NotReady("mac"))?,
            boot_us: field("boot_us")?.parse().map_err(|_| NotReady("boot_us"))?,
            boot_id: hex(field("boot_id")?)
                .and_then(|id| id.try_into().ok())
                .ok_or(NotReady("boot_id"))?,
            counters: optional(field("counters")?, |text| hex(text.strip_prefix("0x")?))
                .ok_or(NotReady("counters"))?,
            nic: match if_there("nic") {
                None => None,
                Some(text) => Some(NicPosition::read(text).ok_or(NotReady("nic"))?),
            },
            configuration: configuration(if_there)?,
        })
    }
}

/// Reads the fields that may be missing.
fn configuration<'a>(
    field: impl Fn(&'static str) -> Option<&'a str>,
) -> Result<Configuration, NotReady> {
    fn read<T>(
        name: &'static str,
        text: Option<&str>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, NotReady> {
        text.map(|text| read(text).ok_or(NotReady(name)))
            .transpose()
    }
    let host = |text: &str| HostName::new(text.as_bytes());
    Ok(Configuration {
        gateway: read("gw", field("gw"), |text| text.parse().ok())?,
        mtu: read("mtu", field("mtu"), |text| text.parse().ok())?,
        host: read("host", field("host"), host)?,
        sources: read("from", field("from"), |text| text.parse().ok())?.unwrap_or_default(),
        ignored: read("ignored", field("ignored"), |text| text.parse().ok())?.unwrap_or_default(),
    })
}

/// Reads a field that may be [`NONE`]; the outer `None` is for one that can't be read.
fn optional<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if text == NONE {
        Some(None)
    } else {
        read(text).map(Some)
    }
}

/// The address of one host: not of "this" network, a group, or reserved (RFC 6890).
fn ipv4(text: &str) -> Option<Cidr<Ipv4Addr>> {
    let cidr: Cidr<Ipv4Addr> = text.parse().ok()?;
    (!matches!(cidr.address.octets()[0], 0 | 224..)).then_some(cidr)
}

/// The address of one host, and no group's.
fn ipv6(text: &str) -> Option<Cidr<Ipv6Addr>> {
    let cidr: Cidr<Ipv6Addr> = text.parse().ok()?;
    (!cidr.address.is_unspecified() && !cidr.address.is_multicast()).then_some(cidr)
}

/// The address of one host, and no group's.
fn mac(text: &str) -> Option<Mac> {
    text.parse().ok().filter(|mac: &Mac| mac.is_host())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const LINE: &str = "FATHOM READY ip=10.0.2.15/24 ip6=fe80::5054:ff:fe12:3456/64 port=9000 \
                        mac=52:54:00:12:34:56 boot_us=98213 boot_id=1f2e3d4c counters=0x2b3000";

    #[test]
    fn reads_and_writes_the_documented_line() {
        let ready: Ready = LINE.parse().unwrap();
        assert_eq!(ready.ip, Some(Cidr::new(Ipv4Addr::new(10, 0, 2, 15), 24)));
        assert_eq!(ready.mac, Some(Mac::new([0x52, 0x54, 0, 0x12, 0x34, 0x56])));
        assert_eq!(ready.boot_id, 0x1f2e_3d4c);
        assert_eq!(ready.counters, Some(0x2b_3000));
        assert_eq!(ready.to_string(), LINE);
    }

    #[test]
    fn names_the_device_of_several() {
        let line = std::format!("{LINE} nic=2/3");
        let ready: Ready = line.parse().unwrap();
        assert_eq!(
            ready.nic,
            Some(NicPosition {
                number: 2,
                count: 3
            })
        );
        assert_eq!(ready.to_string(), line);
        for bad in ["0/3", "4/3", "2", "2/", "/3", "2/300", "none"] {
            let line = std::format!("{LINE} nic={bad}");
            assert_eq!(line.parse::<Ready>(), Err(NotReady("nic")), "{bad}");
        }
    }

    #[test]
    fn inapplicable_fields_are_none() {
        let line = "FATHOM READY ip=none ip6=none port=9000 mac=none boot_us=98213 \
                    boot_id=1f2e3d4c counters=none";
        let ready: Ready = line.parse().unwrap();
        assert_eq!((ready.ip, ready.ip6), (None, None));
        assert_eq!((ready.mac, ready.counters), (None, None));
        assert_eq!(ready.to_string(), line);
    }

    #[test]
    fn the_configuration_follows_where_there_is_any() {
        assert_eq!(
            LINE.parse::<Ready>().unwrap().configuration,
            Configuration::default()
        );
        let line =
            std::format!("{LINE} gw=10.0.2.2 mtu=1460 host=echo from=ip:smbios,log:dhcp ignored=2");
        let ready: Ready = line.parse().unwrap();
        let configuration = ready.configuration;
        assert_eq!(configuration.gateway, Some(Ipv4Addr::new(10, 0, 2, 2)));
        assert_eq!((configuration.mtu, configuration.ignored), (Some(1460), 2));
        assert_eq!(configuration.host.unwrap().as_str(), "echo");
        assert_eq!(configuration.sources.of("log"), Some(crate::Channel::Dhcp));
        assert_eq!(ready.to_string(), line);
        let newer = std::format!("{line} later=1");
        assert_eq!(newer.parse::<Ready>(), Ok(ready));
        let broken = line.replace("mtu=1460", "mtu=big");
        assert_eq!(broken.parse::<Ready>(), Err(NotReady("mtu")));
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        let broken = LINE.replace("port=9000", "port=99999");
        assert_eq!(broken.parse::<Ready>(), Err(NotReady("port")));
        let broken = LINE.replace(" mac=52:54:00:12:34:56", "");
        assert_eq!(broken.parse::<Ready>(), Err(NotReady("mac")));
        let broken = LINE.replace("counters=0x2b3000", "counters=2b3000");
        assert_eq!(broken.parse::<Ready>(), Err(NotReady("counters")));
        assert_eq!("hello".parse::<Ready>(), Err(NotReady("prefix")));
    }

    #[test]
    fn an_address_is_one_hosts_in_a_network_that_there_can_be() {
        let with = |from: &str, to: &str| LINE.replace(from, to).parse::<Ready>();
        for address in [
            "10.0.2.15/33",
            "10.0.2.15/200",
            "10.0.2.15/256",
            "0.0.0.0/24",
            "224.0.0.1/24",
            "255.255.255.255/32",
        ] {
            assert_eq!(
                with("10.0.2.15/24", address),
                Err(NotReady("ip")),
                "{address}"
            );
        }
        for address in ["fe80::1/129", "fe80::1/200", "::/64", "ff02::1/128"] {
            let ready = with("fe80::5054:ff:fe12:3456/64", address);
            assert_eq!(ready, Err(NotReady("ip6")), "{address}");
        }
        assert_eq!(with("port=9000", "port=0"), Err(NotReady("port")));
        for mac in [
            "01:00:5e:00:00:01",
            "ff:ff:ff:ff:ff:ff",
            "00:00:00:00:00:00",
        ] {
            assert_eq!(
                with("52:54:00:12:34:56", mac),
                Err(NotReady("mac")),
                "{mac}"
            );
        }
        for address in ["10.0.2.15/31", "10.0.2.15/32", "127.0.0.1/8", "10.0.2.15/0"] {
            assert!(with("10.0.2.15/24", address).is_ok(), "{address}");
        }
    }
}
