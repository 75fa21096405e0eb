//! Addresses, neighbours and routes.

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

use crate::device::{Device, ethernets};
use crate::exchange::exchange;

/// The prefix length of `address`, one of this host's own; all of its bits if it has none of its
/// own, such as 127.0.0.2.
///
/// # Errors
///
/// What the system says if it can't be asked.
pub fn prefix_of(address: IpAddr) -> io::Result<u8> {
    let all = if address.is_ipv4() { 32 } else { 128 };
    Ok(assigned(address)?.map_or(all, |(_, prefix)| prefix))
}

/// The Ethernet device that has `address`, if one has.
///
/// # Errors
///
/// What the system says if it can't be asked.
pub fn device_with(address: IpAddr) -> io::Result<Option<Device>> {
    let Some((index, _)) = assigned(address)? else {
        return Ok(None);
    };
    let mut devices = ethernets()?.into_iter();
    Ok(devices.find(|device| device.index == index))
}

/// The number of the device that has `address`, and the prefix length that it has there.
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

/// Gives a device an address. An IPv6 one can be used at once: whether another host has it is not
/// asked.
///
/// # Errors
///
/// What the system says if it refuses.
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

/// Tells a device the Ethernet address of its neighbour `address`, for good: it asks nobody, neither
/// now nor later.
///
/// # Errors
///
/// What the system says if it refuses.
pub fn add_neighbour(index: u32, address: IpAddr, mac: [u8; 6]) -> io::Result<()> {
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
        NeighbourAttribute::LinkLayerAddress(mac.to_vec()),
    ];
    let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    exchange(RouteNetlinkMessage::NewNeighbour(message), flags, |_| {})
}

/// Returns the Ethernet address that a device knows of its neighbour `address`, if it knows one.
///
/// # Errors
///
/// The system's, if it can't be asked.
pub fn neighbour(index: u32, address: IpAddr) -> io::Result<Option<[u8; 6]>> {
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
                NeighbourAttribute::LinkLayerAddress(mac) => mac.as_slice().try_into().ok(),
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

/// Makes `gateway` the way to everything that is not on a network of ours.
///
/// # Errors
///
/// What the system says if it refuses: it can't be reached, above all.
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
