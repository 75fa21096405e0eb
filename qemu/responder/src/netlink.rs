//! Devices, addresses and routes (rtnetlink(7)).
#![forbid(unsafe_code)]

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: [u8; 6],
}

/// The prefix length of `address`, one of this host's own; all of its bits if it has none of its
/// own, such as 127.0.0.2.
///
/// # Errors
///
/// What the system says if it can't be asked.
pub fn prefix_of(address: IpAddr) -> io::Result<u8> {
    let mut prefix = if address.is_ipv4() { 32 } else { 128 };
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
                prefix = message.header.prefix_len;
            }
        }
    })?;
    Ok(prefix)
}

/// The first Ethernet device, if there is one.
///
/// # Errors
///
/// What the system says if it can't be asked.
pub fn first_ethernet() -> io::Result<Option<Device>> {
    let mut found: Option<Device> = None;
    let question = RouteNetlinkMessage::GetLink(LinkMessage::default());
    exchange(question, NLM_F_DUMP, |answer| {
        if let RouteNetlinkMessage::NewLink(message) = answer {
            let device = ethernet(&message);
            let is_first =
                |device: &Device| found.as_ref().is_none_or(|it| device.index < it.index);
            if let Some(device) = device.filter(is_first) {
                found = Some(device);
            }
        }
    })?;
    Ok(found)
}

fn ethernet(message: &LinkMessage) -> Option<Device> {
    if message.header.link_layer_type != LinkLayerType::Ether {
        return None;
    }
    let attributes = message.attributes.iter();
    let mac = attributes.clone().find_map(|attribute| match attribute {
        LinkAttribute::Address(bytes) => bytes.as_slice().try_into().ok(),
        _ => None,
    })?;
    let name = attributes.clone().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })?;
    Some(Device {
        index: message.header.index,
        name,
        mac,
    })
}

/// Brings a device up.
///
/// # Errors
///
/// What the system says if it refuses.
pub fn up(index: u32) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    exchange(RouteNetlinkMessage::SetLink(message), NLM_F_ACK, |_| {})
}

/// Gives a device an address.
///
/// # Errors
///
/// What the system says if it refuses.
pub fn add_address(index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.index = index;
    message.header.prefix_len = prefix;
    message.attributes = vec![
        AddressAttribute::Local(address.into()),
        AddressAttribute::Address(address.into()),
    ];
    let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    exchange(RouteNetlinkMessage::NewAddress(message), flags, |_| {})
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

/// Asks one question on a socket of its own, and hands every answer to `each`.
fn exchange(
    question: RouteNetlinkMessage,
    flags: u16,
    mut each: impl FnMut(RouteNetlinkMessage),
) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut message = NetlinkMessage::from(question);
    message.header.flags = NLM_F_REQUEST | flags;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    loop {
        let (answers, _) = socket.recv_from_full()?;
        let mut rest = answers.as_slice();
        while !rest.is_empty() {
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                .map_err(|error| io::Error::other(error.to_string()))?;
            let len = usize::try_from(answer.header.length).map_err(io::Error::other)?;
            match answer.payload {
                NetlinkPayload::Done(_) => return Ok(()),
                // An error without a number is the acknowledgement.
                NetlinkPayload::Error(error) if error.code.is_none() => return Ok(()),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                NetlinkPayload::InnerMessage(message) => each(message),
                _ => {}
            }
            // Messages are aligned to four bytes (netlink(7)).
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_its_prefix_and_its_neighbours_have_none_of_their_own() {
        assert_eq!(prefix_of("127.0.0.1".parse().unwrap()).unwrap(), 8);
        assert_eq!(prefix_of("127.0.0.2".parse().unwrap()).unwrap(), 32);
    }

    #[test]
    fn the_loopback_device_is_no_ethernet() {
        let first = first_ethernet().unwrap();
        assert!(first.is_none_or(|device| device.name != "lo"));
    }

    #[test]
    fn what_the_kernel_refuses_is_said() {
        let error = up(u32::MAX >> 1).unwrap_err();
        assert!(error.raw_os_error().is_some(), "{error}");
    }
}
