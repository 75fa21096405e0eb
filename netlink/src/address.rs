//! Addresses (`RTM_GETADDR`), neighbours (`RTM_GETNEIGH`) and routes (`RTM_NEWROUTE`), rtnetlink(7).

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use wire::Mac;

use crate::device::{Device, ethernets};
use crate::exchange::exchange;

/// Returns the prefix length in bits of `address`, one of this host's own; all of its bits if no device has exactly
/// this address, such as 127.0.0.2.
///
/// # Errors
///
/// The requests and answers fail, as the [crate] says.
pub fn prefix_of(address: IpAddr) -> io::Result<u8> {
    let all = if address.is_ipv4() { 32 } else { 128 };
    Ok(assigned(address)?.map_or(all, |(_, prefix)| prefix))
}

/// Returns the Ethernet device that has `address`, if one has.
///
/// # Errors
///
/// The requests and answers fail, as the [crate] says.
pub fn device_with(address: IpAddr) -> io::Result<Option<Device>> {
    let Some((index, _)) = assigned(address)? else {
        return Ok(None);
    };
    let mut devices = ethernets()?.into_iter();
    Ok(devices.find(|device| device.index == index))
}

/// Returns the index of the device that has `address`, and the prefix length in bits that it has there.
fn assigned(address: IpAddr) -> io::Result<Option<(u32, u8)>> {
    let mut found = None;
    let question = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    exchange(question, NLM_F_DUMP, |answer| {
        if let RouteNetlinkMessage::NewAddress(message) = answer {
            let is_it = |attribute: &AddressAttribute| match attribute {
                AddressAttribute::Local(local) => *local == address,
                // An IPv6 address is its own; an IPv4 one may be the other end's.
                AddressAttribute::Address(own) => own.is_ipv6() && *own == address,
                _ => false,
            };
            if message.attributes.iter().any(is_it) {
                found = Some((message.header.index, message.header.prefix_len));
            }
        }
    })?;
    Ok(found)
}

/// Gives a device `address` with a prefix of `prefix` bits (`RTM_NEWADDR`). An IPv6 address can be used at once:
/// duplicate address detection (RFC 4862 §5.4) is left out.
///
/// # Errors
///
/// EPERM without CAP_NET_ADMIN; ENODEV if there is no device `index`; EEXIST if it has the address; EINVAL if `prefix`
/// is longer than the address; EACCES for IPv6 on a device on which that is disabled. The request fails, as the
/// [crate] says.
pub fn add_address(index: u32, address: IpAddr, prefix: u8) -> io::Result<()> {
    let mut message = AddressMessage::default();
    message.header.family = family(address);
    message.header.index = index;
    message.header.prefix_len = prefix;
    if address.is_ipv6() {
        message.header.flags = AddressHeaderFlags::Nodad;
    }
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
    ];
    let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    exchange(RouteNetlinkMessage::NewAddress(message), flags, |_| {})
}

/// Makes `mac` the permanent Ethernet address of the neighbour `address` of a device (`RTM_NEWNEIGH`,
/// `NUD_PERMANENT`): no ARP request (RFC 826) or neighbour solicitation (RFC 4861 §7.2) is sent for it.
///
/// # Errors
///
/// EPERM without CAP_NET_ADMIN; ENODEV if there is no device `index`; EEXIST if the neighbour has an entry; EINVAL if
/// the device's addresses are no Ethernet addresses. The request fails, as the [crate] says.
pub fn add_neighbour(index: u32, address: IpAddr, mac: Mac) -> io::Result<()> {
    let mut message = NeighbourMessage::default();
    message.header.family = family(address);
    message.header.ifindex = index;
    message.header.state = NeighbourState::Permanent;
    let destination = match address {
        IpAddr::V4(address) => NeighbourAddress::Inet(address),
        IpAddr::V6(address) => NeighbourAddress::Inet6(address),
    };
    message.attributes = vec![
        NeighbourAttribute::Destination(destination),
        NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()),
    ];
    let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    exchange(RouteNetlinkMessage::NewNeighbour(message), flags, |_| {})
}

/// Returns the Ethernet address that a device has of its neighbour `address` (`RTM_GETNEIGH`); `None` if it has none.
///
/// # Errors
///
/// The request or its answers fail, as the [crate] says.
pub fn neighbour(index: u32, address: IpAddr) -> io::Result<Option<Mac>> {
    let mut question = NeighbourMessage::default();
    question.header.family = family(address);
    let mut found = None;
    let question = RouteNetlinkMessage::GetNeighbour(question);
    exchange(question, NLM_F_DUMP, |answer| {
        if let RouteNetlinkMessage::NewNeighbour(message) = answer
            && message.header.ifindex == index
        {
            let mut attributes = message.attributes.iter();
            let is_it = attributes.clone().any(|attribute| match attribute {
                NeighbourAttribute::Destination(NeighbourAddress::Inet(of)) => *of == address,
                NeighbourAttribute::Destination(NeighbourAddress::Inet6(of)) => *of == address,
                _ => false,
            });
            let mac = attributes.find_map(|attribute| match attribute {
                NeighbourAttribute::LinkLayerAddress(mac) => {
                    mac.as_slice().try_into().ok().map(Mac::new)
                }
                _ => None,
            });
            found = found.or(mac.filter(|_| is_it));
        }
    })?;
    Ok(found)
}

const fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// Makes `gateway` the default gateway for IPv4 (`RTM_NEWROUTE` in the table `main`).
///
/// # Errors
///
/// EPERM without CAP_NET_ADMIN; ENETUNREACH if `gateway` is on no network of a device that is up; EEXIST if there is a
/// default route. The request fails, as the [crate] says.
pub fn add_default_route(gateway: Ipv4Addr) -> io::Result<()> {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: AddressFamily::Inet,
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: RouteProtocol::Boot,
        scope: RouteScope::Universe,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway))];
    let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    exchange(RouteNetlinkMessage::NewRoute(message), flags, |_| {})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_its_prefix_and_its_neighbours_have_none_of_their_own() {
        assert_eq!(prefix_of("127.0.0.1".parse().unwrap()).unwrap(), 8);
        assert_eq!(prefix_of("127.0.0.2".parse().unwrap()).unwrap(), 32);
    }
}
