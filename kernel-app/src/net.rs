//! The service as a host on a network: its addresses, the reflector, and the stack behind it.
//!
//! - [`reflector`]: the fast path, which answers a datagram in the buffer it was received in;
//! - [`addresses`]: the addresses that it answers as;
//! - [`stack`]: smoltcp's interface, and what goes before it;
//! - `in_place`: ARP requests and pings, answered in the buffer they came in;
//! - `dhcp`: the client;
//! - `address_conflict`: other hosts that use our address;
//! - `slaac`: IPv6 addresses from router advertisements;
//! - `multicast_listener`: reports of the groups that neighbours ask for our addresses by;
//! - `priority_tag`: tags that switches put into frames;
//! - `packets`: the frames that the service sends of its own accord;
//! - [`sockets`]: the services on smoltcp's sockets (`path=smoltcp`);
//! - `reply_device`: the device as smoltcp sees it while it answers.

mod address_conflict;
pub mod addresses;
mod admission;
mod dhcp;
mod in_place;
mod multicast_listener;
pub(crate) mod packets;
pub(crate) mod priority_tag;
pub mod reflector;
mod reply_device;
mod slaac;
pub mod sockets;
pub mod stack;
