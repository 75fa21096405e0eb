//! Parts that the tests share: frames as a client would send them, a clock to set and a device of queues.

use core::cell::{Cell, RefCell};
use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;
use std::rc::Rc;
use std::string::{String, ToString};
use std::vec::Vec;

use smoltcp::phy::{self, ChecksumCapabilities, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpProtocol, IpRepr, Ipv4Packet,
    Ipv6Packet, UdpPacket, UdpRepr,
};
use wire::Mac;

use crate::clock::Clock;
use crate::frame_device::{
    Action, DeviceCounts, DeviceFault, Disposition, FrameDevice, Link, MAX_FRAME,
};

pub const SERVICE_MAC: Mac = Mac::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
pub const CLIENT_MAC: Mac = Mac::new([0x52, 0x55, 10, 0, 2, 2]);

/// A frame of `client`'s to the service's Ethernet address, with payload written by `fill`.
pub fn frame(protocol: EthernetProtocol, len: usize, fill: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress(CLIENT_MAC.octets()),
        dst_addr: EthernetAddress(SERVICE_MAC.octets()),
        ethertype: protocol,
    };
    let mut bytes = vec![0; ethernet.buffer_len() + len];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes);
    ethernet.emit(&mut frame);
    fill(frame.payload_mut());
    bytes
}

/// A frame with an IP packet of the same family as its addresses.
pub fn ip_frame(
    source: IpAddr,
    destination: IpAddr,
    protocol: IpProtocol,
    len: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let ip = IpRepr::new(source.into(), destination.into(), protocol, len, 64);
    let ethertype = if source.is_ipv4() {
        EthernetProtocol::Ipv4
    } else {
        EthernetProtocol::Ipv6
    };
    frame(ethertype, ip.buffer_len(), |packet| {
        fill(&mut packet[ip.header_len()..]);
        ip.emit(packet, &ChecksumCapabilities::default());
    })
}

/// A frame with a UDP datagram.
pub fn udp_frame(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let udp = UdpRepr {
        src_port: source.port(),
        dst_port: destination.port(),
    };
    let len = udp.header_len() + payload.len();
    ip_frame(
        source.ip(),
        destination.ip(),
        IpProtocol::Udp,
        len,
        |segment| {
            udp.emit(
                &mut UdpPacket::new_unchecked(segment),
                &source.ip().into(),
                &destination.ip().into(),
                payload.len(),
                |bytes| bytes.copy_from_slice(payload),
                &ChecksumCapabilities::default(),
            );
        },
    )
}

/// Makes the checksums of an IPv4 frame without IP options right, where its lengths let it: of the IP
/// header, and of the rest as if it were UDP.
pub fn mend_checksums(frame: &mut [u8]) {
    let ip = Ipv4Packet::new_unchecked(&frame[14..]);
    let (source, destination) = (ip.src_addr(), ip.dst_addr());
    frame[24..26].fill(0);
    let checksum = wire::checksum::Sum::of(&frame[14..34]).checksum();
    frame[24..26].copy_from_slice(&checksum);
    let udp = &mut frame[34..];
    if let Ok(mut udp) = UdpPacket::new_checked(udp) {
        udp.fill_checksum(&source.into(), &destination.into());
    }
}

/// Gives the packet in a frame another DSCP and ECN.
pub fn set_traffic_class(frame: &mut [u8], class: u8) {
    if frame[12..14] == [0x08, 0x00] {
        frame[15] = class;
        Ipv4Packet::new_unchecked(&mut frame[14..]).fill_checksum();
    } else {
        Ipv6Packet::new_unchecked(&mut frame[14..]).set_traffic_class(class);
    }
}

/// DSCP and ECN of the packet in a frame.
pub fn traffic_class(frame: &[u8]) -> u8 {
    if frame[12..14] == [0x08, 0x00] {
        frame[15]
    } else {
        Ipv6Packet::new_unchecked(&frame[14..]).traffic_class()
    }
}

/// Source, destination and payload of a frame with a UDP datagram that the service sent to the
/// client, every checksum and length of which is right.
pub fn open_udp(frame: &[u8]) -> (SocketAddr, SocketAddr, Vec<u8>) {
    let (source, destination, segment) = open_ip(frame, IpProtocol::Udp);
    let udp = UdpPacket::new_checked(&segment[..]).unwrap();
    assert_eq!(usize::from(udp.len()), segment.len());
    assert_ne!(udp.checksum(), 0);
    assert!(udp.verify_checksum(&source.into(), &destination.into()));
    (
        SocketAddr::new(source, udp.src_port()),
        SocketAddr::new(destination, udp.dst_port()),
        udp.payload().to_vec(),
    )
}

/// The same for any IP packet of `protocol`.
pub fn open_ip(frame: &[u8], protocol: IpProtocol) -> (IpAddr, IpAddr, Vec<u8>) {
    let ethernet = EthernetFrame::new_checked(frame).unwrap();
    assert_eq!(ethernet.src_addr(), EthernetAddress(SERVICE_MAC.octets()));
    let packet = ethernet.payload();
    match ethernet.ethertype() {
        EthernetProtocol::Ipv4 => {
            let ip = Ipv4Packet::new_checked(packet).unwrap();
            assert!(ip.verify_checksum());
            assert_eq!(usize::from(ip.total_len()), packet.len());
            assert_eq!((ip.header_len(), ip.next_header()), (20, protocol));
            (
                ip.src_addr().into(),
                ip.dst_addr().into(),
                ip.payload().to_vec(),
            )
        }
        EthernetProtocol::Ipv6 => {
            let ip = Ipv6Packet::new_checked(packet).unwrap();
            assert_eq!(ip.total_len(), packet.len());
            assert_eq!(ip.next_header(), protocol);
            (
                ip.src_addr().into(),
                ip.dst_addr().into(),
                ip.payload().to_vec(),
            )
        }
        other => panic!("no IP packet: {other}"),
    }
}

std::thread_local! {
    static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A logger that keeps each thread's records to itself.
struct ThreadLogger;

impl log::Log for ThreadLogger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LOGGED.with_borrow_mut(|logged| logged.push(record.args().to_string()));
    }

    fn flush(&self) {}
}

/// Returns this thread's log records since the last call; there are none before the first.
pub fn logged() -> Vec<String> {
    // Another test may have been first.
    if log::set_logger(&ThreadLogger).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
    LOGGED.take()
}

/// A clock that tests set, and that goes on by one nanosecond each time it is read.
#[derive(Clone, Debug, Default)]
pub struct TestClock(Rc<Cell<u64>>);

impl TestClock {
    pub fn set(&self, now_ns: u64) {
        self.0.set(now_ns);
    }
}

impl Clock for TestClock {
    fn now_ns(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

/// A device of queues.
#[derive(Debug, Default)]
pub struct TestDevice {
    pub inbox: VecDeque<Vec<u8>>,
    pub outbox: VecDeque<Vec<u8>>,
    pub is_full: bool,
    pub fault: Option<DeviceFault>,
    /// Longest frame by the network's MTU, if the device says so.
    pub max_frame: Option<usize>,
    /// Change of the link that the next check finds.
    pub link: Option<Link>,
    /// Number of resets, and whether one leaves the fault.
    pub restarts: usize,
    pub is_beyond_repair: bool,
    kept: Option<Vec<u8>>,
    counts: DeviceCounts,
}

impl FrameDevice for TestDevice {
    fn mac(&self) -> Mac {
        SERVICE_MAC
    }

    fn is_idle(&self) -> bool {
        self.kept.is_none() && self.inbox.is_empty()
    }

    fn offer(&mut self, visit: impl FnOnce(&mut [u8]) -> Action) -> Disposition {
        let Some(mut frame) = self.kept.take().or_else(|| self.inbox.pop_front()) else {
            return Disposition::NoFrame;
        };
        match visit(&mut frame) {
            Action::Tx(_) if self.is_full => Disposition::TxFull,
            Action::Tx(len) => {
                frame.truncate(len);
                self.outbox.push_back(frame);
                Disposition::Sent
            }
            Action::Drop => Disposition::Dropped,
            Action::Pass => {
                self.kept = Some(frame);
                Disposition::Passed
            }
        }
    }

    fn counts(&self) -> DeviceCounts {
        self.counts
    }

    fn fault(&self) -> Option<DeviceFault> {
        self.fault
    }

    fn check(&mut self) -> Option<Link> {
        self.link.take()
    }

    fn restart(&mut self) -> bool {
        self.restarts += 1;
        self.kept = None;
        if !self.is_beyond_repair {
            self.fault = None;
        }
        !self.is_beyond_repair
    }
}

impl phy::Device for TestDevice {
    type RxToken<'a> = TestReceived;
    type TxToken<'a> = TestTransmit<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(TestReceived, TestTransmit<'_>)> {
        let frame = self.kept.take()?;
        Some((TestReceived(frame), TestTransmit(&mut self.outbox)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<TestTransmit<'_>> {
        Some(TestTransmit(&mut self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.max_frame.unwrap_or(MAX_FRAME);
        capabilities
    }
}

#[derive(Debug)]
pub struct TestReceived(Vec<u8>);

impl phy::RxToken for TestReceived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(&self.0)
    }
}

#[derive(Debug)]
pub struct TestTransmit<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::TxToken for TestTransmit<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        self.0.push_back(frame);
        result
    }
}
