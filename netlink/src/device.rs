//! Network devices: listed (`RTM_GETLINK`), made and changed (`RTM_NEWLINK`, `RTM_SETLINK`), rtnetlink(7).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoKind, InfoVeth, LinkAttribute,
    LinkFlags, LinkInfo, LinkLayerType, LinkMessage, State,
};
use wire::Mac;

use crate::exchange::exchange;

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Ethernet address.
    pub mac: Mac,
    /// True if its operational status is "up" (RFC 2863 §3.1.13): it carries frames.
    pub is_up: bool,
}

/// Returns all Ethernet devices (`ARPHRD_ETHER`).
///
/// # Errors
///
/// The request or its answers fail, as the [crate] says.
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

/// Returns the Ethernet device of the lowest index, if there is one.
///
/// # Errors
///
/// Those of [`ethernets`].
pub fn first_ethernet() -> io::Result<Option<Device>> {
    let devices = ethernets()?.into_iter();
    Ok(devices.min_by_key(|device| device.index))
}

/// Returns the Ethernet device `name`.
///
/// # Errors
///
/// Those of [`ethernets`]; [`io::ErrorKind::NotFound`] if there is no device of that name.
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
        LinkAttribute::Address(bytes) => bytes.as_slice().try_into().ok().map(Mac::new),
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

/// Brings the device `index` up (`IFF_UP`, netdevice(7)).
///
/// # Errors
///
/// EPERM without CAP_NET_ADMIN; ENODEV if there is no device `index`; those of its driver. The request fails, as the
/// [crate] says.
pub fn up(index: u32) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    exchange(RouteNetlinkMessage::SetLink(message), NLM_F_ACK, |_| {})
}

/// Gives the device `index` the Ethernet address `mac` (`IFLA_ADDRESS`).
///
/// # Errors
///
/// EPERM without CAP_NET_ADMIN; ENODEV if there is no device `index`; EADDRNOTAVAIL if `mac` is a group's or zero;
/// EBUSY if its driver changes it only while the device is down; EOPNOTSUPP if it never does. The request fails, as
/// the [crate] says.
pub fn set_mac(index: u32, mac: Mac) -> io::Result<()> {
    change(index, LinkAttribute::Address(mac.octets().to_vec()))
}

/// Has the device `index` carry packets of up to `mtu` bytes (`IFLA_MTU`).
///
/// # Errors
///
/// EPERM without CAP_NET_ADMIN; ENODEV if there is no device `index`; EINVAL if its driver knows no such MTU. The request
/// fails, as the [crate] says.
pub fn set_mtu(index: u32, mtu: u32) -> io::Result<()> {
    change(index, LinkAttribute::Mtu(mtu))
}

/// Has a device that is not up yet make no link-local IPv6 address when it is (`IN6_ADDR_GEN_MODE_NONE`), and so send
/// none of the packets that come with one: duplicate address detection and router solicitations (RFC 4862 §5).
///
/// # Errors
///
/// EPERM without CAP_NET_ADMIN; ENODEV if there is no device `index`; EAFNOSUPPORT if the kernel has no IPv6, or the
/// device none. The request fails, as the [crate] says.
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

/// One end of a veth pair to be made.
#[derive(Clone, Copy, Debug)]
pub struct End<'n> {
    /// The device's name.
    pub name: &'n str,
    /// Ethernet address of the device.
    pub mac: Mac,
}

impl End<'_> {
    fn attributes(self) -> Vec<LinkAttribute> {
        vec![
            LinkAttribute::IfName(self.name.to_owned()),
            LinkAttribute::Address(self.mac.octets().to_vec()),
        ]
    }
}

/// Makes a pair of devices that are each other's peer (veth(4)): `here` in this network namespace, and `there` in
/// another.
///
/// # Errors
///
/// EPERM without CAP_NET_ADMIN in both namespaces; EEXIST if a name is taken; EINVAL if one is no device's name, or
/// `namespace` is no network namespace; EADDRNOTAVAIL if an address is a group's or zero; EOPNOTSUPP for a kernel
/// without veth. The request fails, as the [crate] says.
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
