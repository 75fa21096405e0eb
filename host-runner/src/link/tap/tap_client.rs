//! The client's end: a network namespace with one device in it, and one socket.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use wire::Mac;

use super::{NAME, Namespace};
use crate::link::ethernet::{OWN_PORT, ends, neighbour_of};
use crate::link::source;
use crate::link::udp::UdpLink;
use crate::link::{Family, LinkError, Mtu};

/// Path of the IPv6 routes of the calling thread's namespace (proc(5)).
const IPV6_ROUTES: &str = "/proc/thread-self/net/ipv6_route";

/// Time that it may take from giving a device an IPv6 address to receiving what is sent there, and how
/// often to look.
const OURS_TIMEOUT: Duration = Duration::from_secs(2);
const OURS_INTERVAL: Duration = Duration::from_millis(1);

/// A namespace with one device, which is up and has no address yet.
#[derive(Debug)]
pub struct Client {
    namespace: Namespace,
    /// The device's number.
    index: u32,
}

impl Client {
    /// The client's end in `namespace`, on the device `name` there, which is given the address `mac` and the MTU, and
    /// brought up.
    pub(super) fn on(namespace: Namespace, name: &str, mac: Mac, mtu: Mtu) -> io::Result<Self> {
        let index = namespace.inside(|| bring_up(name, Some(mac), mtu))?;
        Ok(Self { namespace, index })
    }

    /// Joins the network of the service that said `ready`, as its neighbour, and opens the link to it.
    ///
    /// The service's Ethernet address is `mac`, if it is known: the kernel is told, for good. Left to find
    /// out itself it would ask again every half minute, in mid-run; on the other links, too, it is asked
    /// for once at most.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the service has no address of `family`, or the kernel refuses.
    pub fn join(
        self,
        ready: &wire::Ready,
        family: Family,
        mac: Option<Mac>,
    ) -> Result<(Namespace, UdpLink), LinkError> {
        let own_end = neighbour_of(ready);
        let (own, peer) = ends(&own_end, ready, family)?;
        let prefix = match own {
            IpAddr::V4(_) => own_end.ip.map(|ip| ip.prefix),
            IpAddr::V6(_) => own_end.ip6.map(|ip6| ip6.prefix),
        };
        let peer = self.scoped(peer, ready.port);
        let open = || {
            netlink::add_address(self.index, own, prefix.unwrap_or_default())?;
            if let IpAddr::V6(own) = own {
                wait_until_ours(own)?;
            }
            if let Some(mac) = mac {
                netlink::add_neighbour(self.index, peer.ip(), mac)?;
            }
            UdpSocket::bind(source::any(peer, OWN_PORT))
        };
        let socket = self
            .namespace
            .inside(open)
            .map_err(|source| LinkError::Io {
                link: NAME,
                action: "joining the service's network",
                source,
            })?;
        Ok((self.namespace, UdpLink::over(NAME, socket, peer)?))
    }

    /// An address that is on this side's device, should it be one that is only valid on a link.
    fn scoped(&self, ip: IpAddr, port: u16) -> SocketAddr {
        match ip {
            IpAddr::V4(ip) => (ip, port).into(),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.index).into(),
        }
    }
}

/// Waits until the kernel takes what is sent to `address`, which a device has just been given: it makes
/// the route to itself in its own time, and drops what comes before that.
fn wait_until_ours(address: Ipv6Addr) -> io::Result<()> {
    // A line begins with the destination and the length of its prefix, in hexadecimal.
    let route = format!("{:032x} 80 ", address.to_bits());
    let start = Instant::now();
    loop {
        let routes = fs::read_to_string(IPV6_ROUTES)?;
        if routes.lines().any(|line| line.starts_with(&route)) {
            return Ok(());
        }
        if start.elapsed() >= OURS_TIMEOUT {
            let text = format!(
                "{address} is not ours after {} ms",
                OURS_TIMEOUT.as_millis()
            );
            return Err(io::Error::other(text));
        }
        thread::sleep(OURS_INTERVAL);
    }
}

/// Brings the device `name` of the calling thread's namespace up, quiet, with the given MTU, and with the Ethernet
/// address `mac` if another is wanted than it has: its number.
pub(super) fn bring_up(name: &str, mac: Option<Mac>, mtu: Mtu) -> io::Result<u32> {
    let device = netlink::named(name)?;
    if let Some(mac) = mac.filter(|mac| *mac != device.mac) {
        netlink::set_mac(device.index, mac)?;
    }
    if let Some(mtu) = mtu.unusual() {
        netlink::set_mtu(device.index, mtu.into())?;
    }
    // A kernel without IPv6 refuses, and is quiet as it is. With an address it would still call for
    // routers, unless told otherwise where it can be: there is nobody here to answer.
    let _ = netlink::no_ipv6_of_its_own(device.index);
    #[expect(clippy::disallowed_methods, reason = "a setting of the kernel's")]
    let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{name}/accept_ra"), "0");
    netlink::up(device.index)?;
    Ok(device.index)
}
