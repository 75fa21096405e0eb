//! Devices, addresses, neighbours and routes of the network namespace that the calling thread is in
//! (rtnetlink(7)).
//!
//! Each call is a socket of its own, a question and its answers; nothing is kept. The messages are
//! netlink-packet-route's.
#![forbid(unsafe_code)]

mod address;
mod device;
mod exchange;

pub use address::{
    add_address, add_default_route, add_neighbour, device_with, neighbour, prefix_of,
};
pub use device::{
    Device, End, ethernets, first_ethernet, make_pair, named, no_ipv6_of_its_own, set_mac, up,
};
