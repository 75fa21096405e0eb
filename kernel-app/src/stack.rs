//! Everything a host on a network must answer besides our datagrams: ARP, neighbour discovery,
//! ICMP echo, and a lease from DHCP to begin with. smoltcp's [`Interface`] does it all; this puts
//! addresses into it and tells when it wants to run.
//!
//! Knows nothing of the services' protocols. It has no socket but DHCP's, and with `path=smoltcp`
//! the services' ([`sockets`]). No unsafe code.

pub mod sockets;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::Device;
use smoltcp::socket::dhcpv4;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Cidr, Ipv6Cidr};

use crate::args::Ipv4Config;
use crate::stack::sockets::{ServiceSockets, Storage};

/// Prefix length of link-local addresses (RFC 4291 §2.5.6).
const LINK_LOCAL_PREFIX: u8 = 64;

/// How long to wait for an answer before asking the DHCP server again. The first frame after boot
/// may find the other side not ready yet, and waiting smoltcp's 10 s for that would be the boot time.
const DHCP_RETRY: Duration = Duration::from_secs(1);

/// Never.
pub const NEVER_NS: u64 = u64::MAX;

/// The addresses the service answers as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Ethernet address.
    pub mac: [u8; 6],
    /// IPv4 address and prefix length, once there is one.
    pub ipv4: Option<(Ipv4Addr, u8)>,
    /// Link-local IPv6 address, made of the Ethernet address.
    pub link_local: Ipv6Addr,
    /// IPv6 address and prefix length from the boot arguments.
    pub ipv6: Option<(Ipv6Addr, u8)>,
}

impl Addresses {
    /// Addresses of a host that so far has its Ethernet address and what follows from it.
    #[must_use]
    pub fn new(mac: [u8; 6], ipv6: Option<(Ipv6Addr, u8)>) -> Self {
        Self {
            mac,
            ipv4: None,
            link_local: link_local(mac),
            ipv6,
        }
    }

    /// Whether `address` is one of them.
    #[inline(always)]
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.ipv4.is_some_and(|(own, _)| own == address),
            IpAddr::V6(address) => {
                self.link_local == address || self.ipv6.is_some_and(|(own, _)| own == address)
            }
        }
    }

    /// Whether `address` stands for many hosts, this one perhaps among them.
    #[inline(always)]
    #[must_use]
    pub fn is_group(&self, address: IpAddr) -> bool {
        address.is_multicast()
            || matches!(address, IpAddr::V4(v4) if v4.is_broadcast() || self.broadcast() == Some(v4))
    }

    /// The subnet's broadcast address, which /31 and /32 do not have.
    #[inline(always)]
    #[must_use]
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        let (address, prefix) = self.ipv4?;
        let hosts = u32::MAX.checked_shr(prefix.into())?;
        (hosts > 1).then(|| Ipv4Addr::from_bits(address.to_bits() | hosts))
    }

    /// The IPv6 address to tell people: the configured one, else the link-local one.
    #[must_use]
    pub fn main_ipv6(&self) -> (Ipv6Addr, u8) {
        self.ipv6.unwrap_or((self.link_local, LINK_LOCAL_PREFIX))
    }
}

/// The link-local address with the modified EUI-64 identifier of `mac` (RFC 4291 appendix A).
fn link_local([a, b, c, d, e, f]: [u8; 6]) -> Ipv6Addr {
    let words = [
        u16::from_be_bytes([a ^ 0x02, b]),
        u16::from_be_bytes([c, 0xff]),
        u16::from_be_bytes([0xfe, d]),
        u16::from_be_bytes([e, f]),
    ];
    Ipv6Addr::new(0xfe80, 0, 0, 0, words[0], words[1], words[2], words[3])
}

/// smoltcp's interface with our addresses.
pub struct Stack<'s> {
    interface: Interface,
    sockets: SocketSet<'s>,
    dhcp: Option<SocketHandle>,
    services: Option<ServiceSockets>,
    addresses: Addresses,
    due_ns: u64,
}

impl<'s> Stack<'s> {
    /// A stack on `device`, whose Ethernet address stands in `addresses`. `seed` should differ
    /// from boot to boot: transaction numbers are made of it. With a `port`, the services are on
    /// sockets, the timestamp service at that port.
    pub fn new(
        device: &mut impl Device,
        addresses: Addresses,
        ipv4: Ipv4Config,
        seed: u64,
        port: Option<u16>,
        storage: &'s mut Storage<'s>,
        now_ns: u64,
    ) -> Self {
        let (mut sockets, buffers) = storage.split();
        let mut config = Config::new(EthernetAddress(addresses.mac).into());
        config.random_seed = seed;
        let mut stack = Self {
            interface: Interface::new(config, device, instant(now_ns)),
            services: port.map(|port| ServiceSockets::open(&mut sockets, buffers, port)),
            sockets,
            dhcp: None,
            addresses,
            due_ns: NEVER_NS,
        };
        match ipv4 {
            Ipv4Config::Dhcp => {
                let mut socket = dhcpv4::Socket::new();
                let mut retry = socket.get_retry_config();
                retry.discover_timeout = DHCP_RETRY;
                retry.initial_request_timeout = DHCP_RETRY;
                socket.set_retry_config(retry);
                stack.dhcp = Some(stack.sockets.add(socket));
                stack.due_ns = now_ns;
                stack.set_ipv4(None, None);
            }
            Ipv4Config::Static {
                address,
                prefix,
                gateway,
            } => stack.set_ipv4(Some((address, prefix)), gateway),
        }
        stack
    }

    /// The addresses the stack answers as.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// When [`Stack::run`] is to be called again though no frame has come, in nanoseconds.
    #[must_use]
    pub fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Takes one frame from `device` and answers it.
    #[inline(never)]
    pub fn receive(&mut self, device: &mut impl Device, now_ns: u64) {
        self.interface
            .poll_ingress_single(instant(now_ns), device, &mut self.sockets);
    }

    /// Does what is due: DHCP's messages and the addresses that come of them.
    #[inline(never)]
    pub fn run(&mut self, device: &mut impl Device, now_ns: u64) {
        let now = instant(now_ns);
        if let Some(dhcp) = self.dhcp {
            let event = self.sockets.get_mut::<dhcpv4::Socket<'_>>(dhcp).poll();
            match event {
                None => {}
                Some(dhcpv4::Event::Deconfigured) => self.set_ipv4(None, None),
                Some(dhcpv4::Event::Configured(lease)) => {
                    let address = (lease.address.address(), lease.address.prefix_len());
                    let router = lease.router;
                    self.set_ipv4(Some(address), router);
                }
            }
        }
        self.interface.poll_egress(now, device, &mut self.sockets);
        self.due_ns = match self.interface.poll_at(now, &self.sockets) {
            // smoltcp counts in microseconds, rounded down: not to be asked again within one.
            Some(at) => at.max(now + Duration::from_micros(1)).total_micros() as u64 * 1000,
            None => NEVER_NS,
        };
    }

    fn set_ipv4(&mut self, ipv4: Option<(Ipv4Addr, u8)>, gateway: Option<Ipv4Addr>) {
        self.addresses.ipv4 = ipv4;
        let ipv4 = ipv4.map(|(address, prefix)| IpCidr::from(Ipv4Cidr::new(address, prefix)));
        let link_local = (self.addresses.link_local, LINK_LOCAL_PREFIX);
        let ipv6 = [Some(link_local), self.addresses.ipv6]
            .map(|cidr| cidr.map(|(address, prefix)| IpCidr::from(Ipv6Cidr::new(address, prefix))));
        self.interface.update_ip_addrs(|addresses| {
            addresses.clear();
            addresses.extend([ipv4, ipv6[0], ipv6[1]].into_iter().flatten());
        });
        let routes = self.interface.routes_mut();
        routes.remove_default_ipv4_route();
        if let Some(gateway) = gateway {
            let replaced = routes.add_default_ipv4_route(gateway);
            debug_assert!(replaced.is_ok(), "there is room for one route");
        }
    }
}

fn instant(now_ns: u64) -> Instant {
    Instant::from_micros((now_ns / 1000) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_is_modified_eui_64() {
        let expected: Ipv6Addr = "fe80::5054:ff:fe12:3456".parse().unwrap();
        assert_eq!(link_local([0x52, 0x54, 0, 0x12, 0x34, 0x56]), expected);
    }

    #[test]
    fn groups_and_own_addresses() {
        let mut own = Addresses::new([2, 0, 0, 0, 0, 1], None);
        let has = |own: &Addresses, text: &str| own.has(text.parse().unwrap());
        let is_group = |own: &Addresses, text: &str| own.is_group(text.parse().unwrap());
        assert!(!has(&own, "10.0.2.15") && has(&own, "fe80::ff:fe00:1"));
        assert!(!is_group(&own, "10.0.2.255") && is_group(&own, "255.255.255.255"));
        own.ipv4 = Some((Ipv4Addr::new(10, 0, 2, 15), 24));
        assert!(has(&own, "10.0.2.15") && is_group(&own, "10.0.2.255"));
        assert!(is_group(&own, "224.0.0.1") && is_group(&own, "ff02::1"));
        assert!(!is_group(&own, "10.0.2.15") && !is_group(&own, "fe80::1"));
        for prefix in 0..=32 {
            let address = Ipv4Addr::new(10, 0, 2, 15);
            own.ipv4 = Some((address, prefix));
            assert_eq!(own.broadcast(), Ipv4Cidr::new(address, prefix).broadcast());
        }
    }
}
