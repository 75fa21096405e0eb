//! Devices, addresses, neighbours and routes of the calling thread's network namespace (rtnetlink(7)).
//!
//! Each call opens a socket (netlink(7)), sends a request and reads its answers (RFC 3549 §2.3.2); no state is kept.
//! The messages are netlink-packet-route's.
//!
//! # Errors
//!
//! Every function fails with the errors of socket(2), above all EMFILE, ENFILE, and EAFNOSUPPORT for a kernel without
//! netlink; with those of sendto(2) and recvfrom(2), such as ENOBUFS; and with [`std::io::ErrorKind::Other`] if an
//! answer is malformed. Functions that only read fail with nothing else, and need no capability. Functions that change
//! something need CAP_NET_ADMIN in the user namespace that owns the network namespace (user_namespaces(7)), else they
//! fail with EPERM; each lists what else the kernel refuses.
#![forbid(unsafe_code)]

mod address;
mod device;
mod exchange;

pub use address::{
    add_address, add_default_route, add_neighbour, device_with, neighbour, prefix_of,
};
pub use device::{
    Device, End, ethernets, first_ethernet, make_pair, named, no_ipv6_of_its_own, set_mac, set_mtu,
    up,
};
