//! Everything a host on a network must answer besides our datagrams: ARP, neighbour discovery,
//! ICMP echo, and a lease from DHCP to begin with.
//!
//! - [`admission`]: which frames are looked at at all, and how many of them are answered;
//! - [`in_place`](super::in_place): ARP requests and pings, answered in the buffer they came in;
//! - [`dhcp`]: the client;
//! - [`address_conflict`](super::address_conflict): other hosts that use our address;
//! - [`packets`]: announcements of our addresses;
//! - smoltcp's [`Interface`]: all else, and with `path=smoltcp` the services' datagrams
//!   ([`sockets`](super::sockets));
//! - [`reply_device`](super::reply_device): the device as that interface sees it.
//!
//! An answer goes back to the Ethernet address its question came from, whichever way it is
//! made: before smoltcp sees a packet, its neighbour cache is given the packet's source. So no answer waits
//! for a neighbour to be found, a router may be anywhere, and to smoltcp the whole world is on our
//! link: it is given our addresses with a prefix of no bits, and no routes.
//!
//! Knows nothing of the services' protocols. No unsafe code.
#![forbid(unsafe_code)]

use core::net::{Ipv4Addr, Ipv6Addr};

use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device, TxToken};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Cidr, Ipv6Cidr};
use wire::limits::{Rate, Throttle};
use wire::{Configuration, Counter, Mac};

use super::address_conflict::{ConflictDetector, Message};
use super::addresses::Addresses;
use super::admission::{self, Admission};
use super::dhcp::{self, Client, DHCP_SERVER_PORT};
use super::in_place;
use super::multicast_listener::MulticastListener;
use super::packets::{self, ALL_NODES, ARP_REQUEST, UDP4_HEADERS};
use super::reply_device::{PacketOrigin, ReplyDevice};
use super::slaac::Slaac;
use super::sockets::{self, Payload, Received, SocketBuffers, SocketMemory};
use crate::args::{DEFAULT_STACK_RATE, DHCP_CLIENT_PORT, Ipv4Config};
use crate::clock::NEVER_NS;

mod consumed;
mod ipv4_changes;
mod ipv6_host;
mod reconnection;

use consumed::{dhcp_message, probed6};

/// Result of [`Stack::intercept`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intercepted {
    /// The first so many bytes of the frame now are the answer, to be sent back.
    Reply(usize),
    /// Nothing more is to be done with the frame, but [`Stack::run`] has something to do.
    Consumed,
    /// Nothing is to be done.
    Ignored,
    /// Must not be answered.
    Refused(Counter),
    /// For [`Stack::receive`].
    Passed,
}

/// Events that the stack counts, since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackCounts {
    /// Leases that ended, were refused or declined.
    pub leases_lost: u64,
    /// Packets of other hosts that use one of our addresses.
    pub address_conflicts: u64,
}

/// smoltcp's interface with our addresses, and what goes before it.
pub struct Stack<'s> {
    interface: Interface,
    /// The longest frame of the network, header included, in bytes.
    max_frame: usize,
    sockets: SocketSet<'s>,
    dhcp: Option<Client>,
    detector: ConflictDetector,
    /// Autoconfiguration of an IPv6 address, if it is on.
    slaac: Option<Slaac>,
    listener: MulticastListener,
    /// Time from which an IPv6 address may be defended again.
    defend6_from_ns: u64,
    counts: StackCounts,
    /// The memory of the services' sockets, until those are open.
    buffers: Option<&'s mut [SocketBuffers]>,
    addresses: Addresses,
    /// The packet that is being answered.
    origin: Option<PacketOrigin>,
    /// Our addresses are to be announced.
    is_news: bool,
    /// The address of ours that somebody else is about to take.
    probed: Option<Ipv6Addr>,
    /// Limits of answers to neighbours' questions, and to pings.
    questions: Throttle,
    pings: Throttle,
    due_ns: u64,
}

impl<'s> Stack<'s> {
    /// A stack on `device`, whose Ethernet address stands in `addresses`. `seed` should differ
    /// from boot to boot: transaction numbers are made of it.
    pub(crate) fn new(
        device: &mut impl Device,
        addresses: Addresses,
        ipv4: Ipv4Config,
        seed: u64,
        SocketMemory { sockets, buffers }: SocketMemory<'s>,
        now_ns: u64,
    ) -> Self {
        let mut config = Config::new(EthernetAddress(addresses.mac.octets()).into());
        config.random_seed = seed;
        let mut stack = Self {
            interface: Interface::new(config, device, instant(now_ns)),
            max_frame: device.capabilities().max_transmission_unit,
            buffers: Some(buffers),
            sockets,
            dhcp: None,
            detector: ConflictDetector::new(),
            slaac: None,
            listener: MulticastListener::new(now_ns),
            defend6_from_ns: 0,
            counts: StackCounts::default(),
            addresses,
            origin: None,
            is_news: true,
            probed: None,
            questions: Throttle::new(DEFAULT_STACK_RATE),
            pings: Throttle::new(DEFAULT_STACK_RATE),
            due_ns: now_ns,
        };
        match ipv4 {
            Ipv4Config::Dhcp => {
                // Hosts that boot at the same moment differ in their Ethernet address.
                let [.., a, b, c, d] = addresses.mac.octets();
                let seed = seed ^ u64::from(u32::from_be_bytes([a, b, c, d]));
                stack.dhcp = Some(Client::new(addresses.mac, seed, now_ns));
                stack.set_ipv4(None);
            }
            Ipv4Config::Static {
                address, prefix, ..
            } => stack.set_ipv4(Some((address, prefix))),
        }
        stack
    }

    /// Answers at most so many neighbours' questions per second from now on, and as many pings.
    pub fn limit_answers(&mut self, rate: Rate) {
        self.questions = Throttle::new(rate);
        self.pings = Throttle::new(rate);
    }

    /// Opens a socket for each service, at its port. Once: further calls do nothing.
    pub fn open_services(&mut self, ports: impl Iterator<Item = u16>) {
        if let Some(buffers) = self.buffers.take() {
            sockets::open(&mut self.sockets, buffers, ports);
        }
    }

    /// Takes a datagram for one of the services, the payload into `payload`.
    pub fn take_datagram(&mut self, payload: &mut Payload) -> Option<Received> {
        sockets::take(&mut self.sockets, payload)
    }

    /// Sends the reply to a datagram back to where it came from, with the next
    /// [`run`](Stack::run). Returns false if there was no room for it.
    pub fn send_back(&mut self, request: &Received, reply: &[u8]) -> bool {
        sockets::send_back(&mut self.sockets, request, reply)
    }

    /// Returns the events counted since boot.
    #[must_use]
    pub const fn counts(&self) -> &StackCounts {
        &self.counts
    }

    /// The addresses the stack answers as.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Puts into `configuration` what a DHCP server said.
    pub fn describe(&self, configuration: &mut Configuration) {
        if let Some(lease) = self.dhcp.as_ref().and_then(Client::lease) {
            configuration.gateway = lease.gateway;
            configuration.mtu = lease.mtu;
            configuration.host = lease.host;
        }
        let advertised = self.slaac.as_ref().and_then(Slaac::mtu);
        configuration.mtu = configuration.mtu.or(advertised);
    }

    /// The arguments that a DHCP server gave, if that is text.
    #[must_use]
    pub fn arguments(&self) -> Option<&str> {
        match &self.dhcp {
            Some(dhcp) => dhcp.arguments().as_str(),
            None => Some(""),
        }
    }

    /// Returns the time at which [`Stack::run`] is to be called again though no frame has come, in nanoseconds.
    #[must_use]
    pub fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Looks at a frame that is not for the services, or not for them alone, before smoltcp does, and
    /// answers it in place if it can.
    #[cfg_attr(target_os = "none", optimize(speed))]
    #[inline(never)]
    pub fn intercept(&mut self, frame: &mut [u8], now_ns: u64) -> Intercepted {
        self.origin = None;
        if frame.len() > self.max_frame {
            return Intercepted::Refused(Counter::DroppedOversize);
        }
        let is_known = |ethertype| [packets::IPV4, packets::IPV6, packets::ARP].contains(ethertype);
        if !frame
            .get(12..14)
            .is_some_and(|bytes| bytes.first_chunk().is_some_and(is_known))
        {
            return Intercepted::Refused(Counter::DroppedEthertype);
        }
        // No host has a group's address, so there is nowhere to answer to.
        if frame.get(6).is_none_or(|first| first & 1 != 0) {
            return Intercepted::Ignored;
        }
        if self.notice_conflict(frame, now_ns) {
            return Intercepted::Consumed;
        }
        let is_service = |port| sockets::has(&self.sockets, port);
        let limit = match admission::judge(frame, &self.addresses, is_service) {
            Admission::Ignore => return Intercepted::Ignored,
            Admission::Refuse(counter) => return Intercepted::Refused(counter),
            Admission::Admit => None,
            Admission::Arp | Admission::Solicitation => Some(&mut self.questions),
            Admission::Ping => Some(&mut self.pings),
        };
        if limit.is_some_and(|limit| !limit.admit(now_ns)) {
            return Intercepted::Refused(Counter::DroppedStackRate);
        }
        if self.receive_ipv6(frame, now_ns) {
            return Intercepted::Consumed;
        }
        if let Some(len) = in_place::answer(frame, &self.addresses) {
            return Intercepted::Reply(len);
        }
        if let Some(probed) = probed6(frame).filter(|probed| self.addresses.has((*probed).into())) {
            self.probed = Some(probed);
            return Intercepted::Consumed;
        }
        match dhcp_message(frame) {
            Some(message) => {
                let sender = frame[6..].first_chunk().expect("it has an IP header");
                if let Some(dhcp) = &mut self.dhcp {
                    dhcp.receive(message, Mac::new(*sender), now_ns);
                }
                Intercepted::Consumed
            }
            None => {
                let origin = PacketOrigin::of(frame);
                if origin.is_from_group(&self.addresses) {
                    return Intercepted::Consumed;
                }
                self.origin = Some(origin);
                Intercepted::Passed
            }
        }
    }

    /// Takes from `device` the frame that was passed on, and answers it.
    #[inline(never)]
    pub fn receive(&mut self, device: &mut impl Device, now_ns: u64) {
        let Self {
            interface,
            sockets,
            origin: Some(origin),
            addresses,
            ..
        } = self
        else {
            return;
        };
        let now = instant(now_ns);
        if let Some(neighbour_frame) = origin.neighbour_frame(addresses) {
            let mut reply_device = ReplyDevice::of(device, origin).with(neighbour_frame.frame());
            interface.poll_ingress_single(now, &mut reply_device, sockets);
        }
        interface.poll_ingress_single(now, &mut ReplyDevice::of(device, origin), sockets);
    }

    /// Does what is due: DHCP's messages, the addresses that come of them and their announcements, and
    /// what sockets have to send.
    #[inline(never)]
    pub fn run(&mut self, device: &mut impl Device, now_ns: u64) {
        let now = instant(now_ns);
        if let Some(dhcp) = &mut self.dhcp {
            if let Some(outgoing) = dhcp.poll(now_ns) {
                let mut frame = [0; UDP4_HEADERS + dhcp::message::LEN];
                frame[UDP4_HEADERS..].copy_from_slice(&outgoing.message);
                let mac = self.addresses.mac;
                let (from, to) = (
                    (outgoing.from, DHCP_CLIENT_PORT),
                    (outgoing.to, DHCP_SERVER_PORT),
                );
                packets::udp4(&mut frame, outgoing.to_mac, mac, from, to);
                send(device, now, &frame);
            }
            let ipv4 = dhcp.lease().map(|lease| (lease.address, lease.prefix));
            if ipv4 != self.addresses.ipv4 {
                self.change_ipv4(ipv4, now_ns);
            }
        }
        if let Some(message) = self.detector.poll(now_ns)
            && let Some((address, _)) = self.addresses.ipv4
        {
            let sender = match message {
                Message::Probe => Ipv4Addr::UNSPECIFIED,
                Message::Announcement => address,
            };
            self.send_arp_request(device, now, sender, address);
        }
        self.run_ipv6(device, now, now_ns);
        if core::mem::take(&mut self.is_news) {
            self.announce(device, now);
        }
        if let Some(probed) = self.probed.take() {
            let advertisement = packets::advertisement((self.addresses.mac, probed), ALL_NODES);
            send(device, now, &advertisement);
        }
        let origin = self.origin.take().unwrap_or_default();
        let mut reply_device = ReplyDevice::of(device, &origin);
        self.interface
            .poll_egress(now, &mut reply_device, &mut self.sockets);
        let sockets_ns = match self.interface.poll_at(now, &self.sockets) {
            // smoltcp counts in microseconds, rounded down: not to be asked again within one.
            Some(at) => at.max(now + Duration::from_micros(1)).total_micros() as u64 * 1000,
            None => NEVER_NS,
        };
        let dhcp_ns = self.dhcp.as_ref().map_or(NEVER_NS, Client::due_ns);
        let slaac_ns = self.slaac.as_ref().map_or(NEVER_NS, Slaac::due_ns);
        let others_ns = slaac_ns
            .min(self.listener.due_ns())
            .min(self.detector.due_ns());
        self.due_ns = sockets_ns.min(dhcp_ns).min(others_ns);
    }

    /// Asks all hosts for `target`, as a probe or an announcement does.
    fn send_arp_request(
        &self,
        device: &mut impl Device,
        now: Instant,
        sender: Ipv4Addr,
        target: Ipv4Addr,
    ) {
        let (sender, target) = ((self.addresses.mac, sender), (Mac::UNSPECIFIED, target));
        let frame = packets::arp(Mac::BROADCAST, ARP_REQUEST, sender, target);
        send(device, now, &frame);
    }

    fn set_ipv4(&mut self, ipv4: Option<(Ipv4Addr, u8)>) {
        self.addresses.ipv4 = ipv4;
        let ipv4 = ipv4.map(|(address, _)| IpCidr::from(Ipv4Cidr::new(address, 0)));
        let global = self.addresses.ipv6.map(|(address, _)| address);
        let ipv6 = [Some(self.addresses.link_local), global]
            .map(|address| address.map(|address| IpCidr::from(Ipv6Cidr::new(address, 0))));
        self.interface.update_ip_addrs(|addresses| {
            addresses.clear();
            addresses.extend([ipv4, ipv6[0], ipv6[1]].into_iter().flatten());
        });
    }
}

/// Sends `frame`, if there is room for it; what is lost is asked for again.
fn send(device: &mut impl Device, now: Instant, frame: &[u8]) {
    if let Some(token) = device.transmit(now) {
        token.consume(frame.len(), |room| room.copy_from_slice(frame));
    }
}

fn instant(now_ns: u64) -> Instant {
    Instant::from_micros((now_ns / 1000) as i64)
}
