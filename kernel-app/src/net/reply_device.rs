//! The device as smoltcp's interface sees it while it answers one packet: a frame that fills the neighbour cache
//! is received before the packet, and replies carry the packet's traffic class.
//!
//! No unsafe code.
#![forbid(unsafe_code)]

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::time::Instant;
use wire::Mac;
use wire::checksum::Sum;

use super::addresses::Addresses;
use super::packets::{ADVERTISEMENT_LEN, ARP_LEN, ARP_REPLY, IP, IPV4, IPV6, advertisement, arp};
use crate::frame_device::MAX_FRAME;

/// Origin of a packet, as far as the reply depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketOrigin {
    /// Source: an IP address, and the Ethernet address of one host.
    source: Option<(IpAddr, Mac)>,
    /// DSCP and ECN (RFC 2474, RFC 3168).
    traffic_class: u8,
}

impl PacketOrigin {
    /// Reads the origin of the packet in `frame`; the default if it is no IP packet.
    pub fn of(frame: &[u8]) -> Self {
        Self::read(frame).unwrap_or_default()
    }

    fn read(frame: &[u8]) -> Option<Self> {
        let mac = Mac::new(*frame.get(6..)?.first_chunk()?);
        let ip = frame.get(IP..)?;
        let (source, traffic_class) = if frame[12..14] == IPV4 {
            let source = Ipv4Addr::from_octets(*ip.get(12..)?.first_chunk()?);
            (IpAddr::V4(source), ip[1])
        } else if frame[12..14] == IPV6 {
            let source = Ipv6Addr::from_octets(*ip.get(8..)?.first_chunk()?);
            (IpAddr::V6(source), ip[0] << 4 | ip[1] >> 4)
        } else {
            return None;
        };
        Some(Self {
            source: Some((source, mac)),
            traffic_class,
        })
    }

    /// Returns true if the source is a multicast or broadcast address.
    pub fn is_from_group(&self, own: &Addresses) -> bool {
        self.source.is_some_and(|(source, _)| own.is_group(source))
    }

    /// Returns the frame by which the source, which is no group's, would have told its Ethernet address.
    pub fn neighbour_frame(&self, own: &Addresses) -> Option<NeighbourFrame> {
        let (source, mac) = self.source.filter(|(source, _)| !source.is_unspecified())?;
        match source {
            IpAddr::V4(source) => {
                let target = (own.mac, own.ipv4?.0);
                let reply = arp(own.mac, ARP_REPLY, (mac, source), target);
                Some(NeighbourFrame::Arp(reply))
            }
            IpAddr::V6(source) => {
                let to = (own.mac, own.link_local);
                Some(NeighbourFrame::Advertisement(advertisement(
                    (mac, source),
                    to,
                )))
            }
        }
    }
}

/// An ARP reply or neighbour advertisement: a host's IP address with its Ethernet address.
#[derive(Debug)]
pub enum NeighbourFrame {
    Arp([u8; ARP_LEN]),
    Advertisement([u8; ADVERTISEMENT_LEN]),
}

impl NeighbourFrame {
    pub fn frame(&self) -> &[u8] {
        match self {
            Self::Arp(frame) => frame,
            Self::Advertisement(frame) => frame,
        }
    }
}

/// The device while the interface answers one packet.
#[derive(Debug)]
pub struct ReplyDevice<'d, D> {
    device: &'d mut D,
    injected: Option<&'d [u8]>,
    traffic_class: u8,
}

impl<'d, D: Device> ReplyDevice<'d, D> {
    /// Returns the device for a reply to a packet of this origin.
    pub fn of(device: &'d mut D, origin: &PacketOrigin) -> Self {
        Self {
            device,
            injected: None,
            traffic_class: origin.traffic_class,
        }
    }

    /// Has `frame` received before the device's own.
    pub fn with(self, frame: &'d [u8]) -> Self {
        Self {
            injected: Some(frame),
            ..self
        }
    }
}

impl<D: Device> Device for ReplyDevice<'_, D> {
    type RxToken<'a>
        = Received<'a, D::RxToken<'a>>
    where
        Self: 'a;
    type TxToken<'a>
        = Sent<D::TxToken<'a>>
    where
        Self: 'a;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let traffic_class = self.traffic_class;
        let sent = |token| Sent {
            token,
            traffic_class,
        };
        match self.injected.take() {
            // Nothing is sent in answer to it: it is an answer.
            Some(frame) => Some((Received::Injected(frame), sent(None))),
            None => {
                let (received, token) = self.device.receive(now)?;
                Some((Received::Device(received), sent(Some(token))))
            }
        }
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        Some(Sent {
            token: Some(self.device.transmit(now)?),
            traffic_class: self.traffic_class,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

#[derive(Debug)]
pub enum Received<'a, R> {
    Injected(&'a [u8]),
    Device(R),
}

impl<R: RxToken> RxToken for Received<'_, R> {
    fn consume<T, F: FnOnce(&[u8]) -> T>(self, read: F) -> T {
        match self {
            Self::Injected(frame) => read(frame),
            Self::Device(token) => token.consume(read),
        }
    }
}

#[derive(Debug)]
pub struct Sent<T> {
    token: Option<T>,
    traffic_class: u8,
}

impl<T: TxToken> TxToken for Sent<T> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        match self.token {
            Some(token) => token.consume(len, |frame| {
                let result = write(frame);
                mark(frame, self.traffic_class);
                result
            }),
            None => write(&mut [0; MAX_FRAME][..len]),
        }
    }
}

/// Gives the packet in a frame of smoltcp's, which sends all with none, a traffic class.
fn mark(frame: &mut [u8], traffic_class: u8) {
    let Some((ethernet, ip)) = frame.split_first_chunk_mut::<IP>() else {
        return;
    };
    if ethernet[12..] == IPV4 {
        ip[1] = traffic_class;
        ip[10..12].fill(0);
        let checksum = Sum::of(&ip[..20]).checksum();
        ip[10..12].copy_from_slice(&checksum);
    } else if ethernet[12..] == IPV6 {
        ip[0] |= traffic_class >> 4;
        ip[1] |= traffic_class << 4;
    }
}
