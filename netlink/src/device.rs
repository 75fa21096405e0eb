//! Network devices: found, made, brought up.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoKind, InfoVeth, LinkAttribute,
    LinkFlags, LinkInfo, LinkLayerType, LinkMessage, State,
};

use crate::exchange::exchange;

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: [u8; 6],
    /// Whether it is known to carry frames (RFC 2863's operational status "up").
    pub is_up: bool,
}

/// All Ethernet devices.
///
/// # Errors
///
/// What the system says if it can't be asked.
pub fn ethernets() -> io::Result<Vec<Device>> {
    let mut found = Vec::new();
    let question = RouteNetlinkMessage::GetLink(LinkMessage::default());
    exchange(question, NLM_F_DUMP, |answer| {
        if let RouteNetlinkMessage::NewLink(message) = answer {
            found.extend(ethernet(&message));
        }
    })?;
    Ok(found)
}

/// The first Ethernet device, if there is one.
///
/// # Errors
///
/// As [`ethernets`].
pub fn first_ethernet() -> io::Result<Option<Device>> {
    let devices = ethernets()?.into_iter();
    Ok(devices.min_by_key(|device| device.index))
}

/// The Ethernet device `name`.
///
/// # Errors
///
/// As [`ethernets`]; [`io::ErrorKind::NotFound`] if there is none of that name.
pub fn named(name: &str) -> io::Result<Device> {
    let found = ethernets()?.into_iter().find(|device| device.name == name);
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no device {name}")))
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
    let is_up = attributes
        .clone()
        .any(|attribute| *attribute == LinkAttribute::OperState(State::Up));
    Some(Device {
        index: message.header.index,
        name,
        mac,
        is_up,
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

/// Gives a device another Ethernet address.
///
/// # Errors
///
/// What the system says if it refuses.
pub fn set_mac(index: u32, mac: [u8; 6]) -> io::Result<()> {
    change(index, LinkAttribute::Address(mac.to_vec()))
}

/// Keeps a device that is not up yet from making itself an IPv6 address when it is, and from all
/// that comes with one: the search for duplicates, the call for routers.
///
/// # Errors
///
/// What the system says if it refuses; a kernel without IPv6 does.
pub fn no_ipv6_of_its_own(index: u32) -> io::Result<()> {
    let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    let attribute = LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![mode])]);
    change(index, attribute)
}

fn change(index: u32, attribute: LinkAttribute) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = vec![attribute];
    exchange(RouteNetlinkMessage::SetLink(message), NLM_F_ACK, |_| {})
}

/// One end of a wire to be made: its name and its Ethernet address.
#[derive(Clone, Copy, Debug)]
pub struct End<'n> {
    /// The device's name.
    pub name: &'n str,
    /// Its Ethernet address.
    pub mac: [u8; 6],
}

impl End<'_> {
    fn attributes(self) -> Vec<LinkAttribute> {
        vec![
            LinkAttribute::IfName(self.name.to_owned()),
            LinkAttribute::Address(self.mac.to_vec()),
        ]
    }
}

/// Makes a pair of devices that are each other's wire (veth(4)): `here`, and `there` in another
/// network namespace.
///
/// # Errors
///
/// What the system says if it refuses, or has no such devices.
pub fn make_pair(here: End<'_>, there: End<'_>, namespace: BorrowedFd<'_>) -> io::Result<()> {
    let mut peer = LinkMessage::default();
    peer.attributes = there.attributes();
    let namespace = LinkAttribute::NetNsFd(namespace.as_raw_fd());
    peer.attributes.push(namespace);
    let mut message = LinkMessage::default();
    message.attributes = here.attributes();
    let info = vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ];
    message.attributes.push(LinkAttribute::LinkInfo(info));
    let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    exchange(RouteNetlinkMessage::NewLink(message), flags, |_| {})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_device_is_no_ethernet() {
        let first = first_ethernet().unwrap();
        assert!(first.is_none_or(|device| device.name != "lo"));
        assert_eq!(named("lo").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_kernels_refusal_is_reported() {
        let error = up(u32::MAX >> 1).unwrap_err();
        assert!(error.raw_os_error().is_some(), "{error}");
    }
}
