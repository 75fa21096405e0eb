//! The whole service on a device of queues and a clock to set.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::boxed::Box;
use std::vec::Vec;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress,
    EthernetFrame, EthernetProtocol, Icmpv4Message, Icmpv4Packet, Icmpv4Repr, Icmpv6Message,
    Icmpv6Packet, Icmpv6Repr, IpProtocol, NdiscRepr,
};
use wire::{HEADER_LEN, Header};

use super::*;
use crate::args::Channel;
use crate::frame_device::DeviceFault;
use crate::handler::{Echo, Timestamp};
use crate::logging::LogSettings;
use crate::services::AtPort;
use crate::testing::{
    CLIENT_MAC, SERVICE_MAC, TestClock, TestDevice, frame, ip_frame, open_ip, open_udp,
    set_traffic_class, traffic_class, udp_frame,
};

mod alike;
mod announcements;
mod autoconfiguration;
mod custom_services;
mod device_faults;
mod dhcp_simulation;
mod frame_formats;
mod leases;
mod log_requests;
mod long_datagrams;
mod pairs;
mod random_frames;
mod rules;
mod timers_and_neighbours;

const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const SECOND_NS: u64 = 1_000_000_000;

type TestServer = Server<'static, TestDevice, TestClock, TestServices>;

type TestServices = Services<Timestamp<Echo>, AtPort<7, Echo>>;

fn services(shared_counters: &'static SharedCounters) -> TestServices {
    Services {
        port: 0,
        main: Timestamp::new(0xb007)
            .with_status(shared_counters, "1.2.3")
            .with_log(Box::leak(Box::new(LogSettings::new()))),
        fixed: AtPort::new(Echo),
    }
}

fn start(arguments: &str) -> (TestServer, TestClock) {
    start_with(TestDevice::default(), arguments)
}

fn start_with(device: TestDevice, arguments: &str) -> (TestServer, TestClock) {
    let args = Args::parse([(Channel::CommandLine, arguments)]).unwrap();
    let clock = TestClock::default();
    let storage = Box::leak(Box::new(Storage::<2>::new()));
    let shared_counters = Box::leak(Box::new(SharedCounters::new()));
    let mut server = Server::new(
        device,
        clock.clone(),
        services(shared_counters),
        &args,
        0xb007,
        storage,
        shared_counters,
    );
    // Who it is, which it tells everybody.
    let is_question = |frame: &Vec<u8>| frame[12..14] == [0x08, 0x00];
    server.device.outbox.retain(is_question);
    (server, clock)
}

fn static_server() -> TestServer {
    start("ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64").0
}

fn link_local() -> Ipv6Addr {
    "fe80::5054:ff:fe12:3456".parse().unwrap()
}

/// Returns the frames that the service sends in answer to `frame`.
fn exchange(server: &mut TestServer, frame: Vec<u8>) -> Vec<Vec<u8>> {
    server.device.inbox.push_back(frame);
    assert_eq!(server.poll(), Ok(true));
    server.device.outbox.drain(..).collect()
}

fn request(len: usize) -> Vec<u8> {
    let mut payload = vec![0x5a; len];
    Header::request(7, 1000).encode(&mut payload).unwrap();
    payload
}

fn request_frame(source: &str, destination: &str) -> Vec<u8> {
    let [source, destination] = [source, destination].map(|text| text.parse().unwrap());
    udp_frame(source, destination, &request(64))
}

fn arp_request() -> Vec<u8> {
    let arp = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: EthernetAddress(CLIENT_MAC.octets()),
        source_protocol_addr: CLIENT,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: OWN,
    };
    let mut frame = frame(EthernetProtocol::Arp, arp.buffer_len(), |packet| {
        arp.emit(&mut ArpPacket::new_unchecked(packet));
    });
    frame[..6].fill(0xff);
    frame
}

#[test]
fn is_ready_at_once_with_a_static_address() {
    let (mut server, _) = start("ip=10.0.2.15/24 port=77");
    assert_eq!(server.poll_until_ready(), Ok(()));
    let ready = server.ready(5);
    assert_eq!(ready.ip, Some(Cidr::new(OWN, 24)));
    assert_eq!(ready.ip6, Some(Cidr::new(link_local(), 64)));
    assert_eq!((ready.port, ready.mac), (77, Some(SERVICE_MAC)));
    assert_eq!((ready.boot_us, ready.boot_id), (5, 0xb007));
    assert_eq!(ready.counters, Some(server.shared_counters.address()));
    assert_eq!(server.poll(), Ok(false), "nothing to do");
}

#[test]
fn answers_requests_and_counts_them() {
    let mut server = static_server();
    for (source, destination) in [
        ("10.0.2.2:40000", "10.0.2.15:9000"),
        ("192.0.2.1:40000", "10.0.2.15:9000"),
        ("[fe80::2]:40000", "[fe80::5054:ff:fe12:3456]:9000"),
        ("[2001:db8::2]:40000", "[2001:db8::15]:9000"),
    ] {
        let replies = exchange(&mut server, request_frame(source, destination));
        assert_eq!(replies.len(), 1, "{source}: no neighbour is asked for");
        let (from, to, reply) = open_udp(&replies[0]);
        assert_eq!([from.to_string(), to.to_string()], [destination, source]);
        assert_eq!(reply.len(), 64);
        let header = Header::decode(&reply).unwrap();
        assert!(header.t2_ns < header.t3_ns);
    }
    let counters = server.shared_counters.read();
    assert_eq!((counters.datagrams_received, counters.replied), (4, 4));
}

#[test]
fn counts_what_it_does_not_answer() {
    let mut server = static_server();
    let (source, destination) = (
        "10.0.2.2:5".parse().unwrap(),
        "10.0.2.15:9000".parse().unwrap(),
    );
    for len in 0..=1472 {
        let answers = exchange(
            &mut server,
            udp_frame(source, destination, &vec![b'x'; len]),
        );
        assert!(answers.is_empty(), "{len} bytes");
        let short = &request(HEADER_LEN)[..len.min(HEADER_LEN - 1)];
        let answers = exchange(&mut server, udp_frame(source, destination, short));
        assert!(answers.is_empty(), "{len} bytes of a request");
    }
    assert!(exchange(&mut server, request_frame("10.0.2.2:0", "10.0.2.15:9000")).is_empty());
    assert!(exchange(&mut server, request_frame("10.0.2.2:5", "10.0.2.255:9000")).is_empty());
    let counters = server.shared_counters.read();
    assert_eq!(counters.datagrams_received, 2 * 1473 + 2);
    assert_eq!((counters.dropped_source, counters.dropped_port), (1, 1));
    assert_eq!(counters.dropped_magic, 1473 - 4);
    assert_eq!(counters.dropped_short, 1473 + 4);
    assert_eq!(counters.replied, 0);
}

#[test]
fn another_version_is_answered_with_unsupported() {
    let mut server = static_server();
    let mut payload = request(64);
    payload[4] = 9;
    let (source, destination) = (
        "10.0.2.2:5".parse().unwrap(),
        "10.0.2.15:9000".parse().unwrap(),
    );
    let answers = exchange(&mut server, udp_frame(source, destination, &payload));
    assert_eq!(open_udp(&answers[0]).2.len(), 64);
    assert_eq!(server.shared_counters.read().unsupported, 1);
}

#[test]
fn a_full_transmit_path_is_counted_and_not_a_reply() {
    let mut server = static_server();
    server.device.is_full = true;
    assert!(exchange(&mut server, request_frame("10.0.2.2:5", "10.0.2.15:9000")).is_empty());
    let counters = server.shared_counters.read();
    assert_eq!((counters.dropped_transmit, counters.replied), (1, 0));
}

#[test]
fn a_flood_ends_a_poll_after_a_burst() {
    let mut server = static_server();
    let frame = request_frame("10.0.2.2:5", "10.0.2.15:9000");
    server.device.inbox.extend(vec![frame; BURST + 1]);
    assert_eq!(server.poll(), Ok(true));
    assert_eq!(server.device.inbox.len(), 1);
    assert_eq!(server.poll(), Ok(true));
    assert_eq!(server.shared_counters.read().replied, BURST as u64 + 1);
}

#[test]
fn answers_arp() {
    let mut server = static_server();
    let answers = exchange(&mut server, arp_request());
    let ethernet = EthernetFrame::new_checked(&answers[0][..]).unwrap();
    assert_eq!(ethernet.dst_addr(), EthernetAddress(CLIENT_MAC.octets()));
    let arp = ArpPacket::new_checked(ethernet.payload()).unwrap();
    assert_eq!(arp.operation(), ArpOperation::Reply);
    assert_eq!(arp.source_hardware_addr(), SERVICE_MAC.octets());
    assert_eq!(arp.source_protocol_addr(), OWN.octets());
}

#[test]
fn answers_ping() {
    let mut server = static_server();
    let (client, own) = (IpAddr::V4(CLIENT), IpAddr::V4(OWN));
    let ping = ping(client, own);
    let answers = exchange(&mut server, ping);
    let (from, to, packet) = open_ip(&answers[0], IpProtocol::Icmp);
    assert_eq!((from, to), (own, client));
    let pong = Icmpv4Packet::new_checked(&packet[..]).unwrap();
    assert!(pong.verify_checksum());
    assert_eq!(pong.msg_type(), Icmpv4Message::EchoReply);
    assert_eq!(
        (pong.echo_ident(), pong.echo_seq_no(), pong.data()),
        (3, 4, &b"fathom"[..])
    );
}

fn icmpv6(source: Ipv6Addr, destination: Ipv6Addr, message: &Icmpv6Repr<'_>) -> Vec<u8> {
    let (from, to) = (IpAddr::V6(source), IpAddr::V6(destination));
    let mut frame = ip_frame(
        from,
        to,
        IpProtocol::Icmpv6,
        message.buffer_len(),
        |bytes| {
            let mut packet = Icmpv6Packet::new_unchecked(bytes);
            message.emit(
                &source,
                &destination,
                &mut packet,
                &ChecksumCapabilities::default(),
            );
        },
    );
    frame[14 + 7] = 255; // hop limit: neighbours' messages have no other (RFC 4861 §7.1)
    frame
}

#[test]
fn answers_neighbour_solicitation_and_ping6() {
    for own in [link_local(), "2001:db8::15".parse().unwrap()] {
        let mut server = static_server();
        let client: Ipv6Addr = if own == link_local() {
            "fe80::2".parse().unwrap()
        } else {
            "2001:db8::2".parse().unwrap()
        };
        let solicitation = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
            target_addr: own,
            lladdr: Some(EthernetAddress(CLIENT_MAC.octets()).into()),
        });
        let [.., low] = own.octets();
        let group = if own == link_local() {
            "ff02::1:ff12:3456".parse().unwrap()
        } else {
            Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, low.into())
        };
        let mut frame = icmpv6(client, group, &solicitation);
        frame[..2].copy_from_slice(&[0x33, 0x33]);
        frame[2..6].copy_from_slice(&group.octets()[12..]);
        let answers = exchange(&mut server, frame);
        let (from, to, packet) = open_ip(&answers[0], IpProtocol::Icmpv6);
        assert_eq!((from, to), (own.into(), client.into()));
        let advert = Icmpv6Packet::new_checked(&packet[..]).unwrap();
        assert_eq!(advert.msg_type(), Icmpv6Message::NeighborAdvert);
        assert!(advert.verify_checksum(&own, &client));

        let ping = Icmpv6Repr::EchoRequest {
            ident: 3,
            seq_no: 4,
            data: b"fathom",
        };
        let answers = exchange(&mut server, icmpv6(client, own, &ping));
        let (_, _, packet) = open_ip(&answers[0], IpProtocol::Icmpv6);
        let pong = Icmpv6Packet::new_checked(&packet[..]).unwrap();
        assert_eq!(pong.msg_type(), Icmpv6Message::EchoReply);
    }
}

#[test]
fn the_first_ping_of_a_stranger_is_answered() {
    for path in ["reflector", "smoltcp"] {
        for ip in ["10.0.2.15/24", "10.0.2.15/32", "10.0.2.15/31"] {
            let (mut server, _) = start(&std::format!("ip={ip} gw=10.0.9.1 path={path}"));
            let own = IpAddr::V4(OWN);
            for client in ["10.0.2.2", "192.0.2.1", "10.0.9.1"] {
                let client: IpAddr = client.parse().unwrap();
                let answers = exchange(&mut server, ping(client, own));
                assert_eq!(answers.len(), 1, "{client}");
                assert_eq!(open_ip(&answers[0], IpProtocol::Icmp).1, client);
                let source = std::format!("{client}:40000");
                let answers = exchange(&mut server, request_frame(&source, "10.0.2.15:9000"));
                assert_eq!(answers.len(), 1, "{client}");
                assert_eq!(answers[0][..6], CLIENT_MAC.octets());
            }
        }
    }
}

fn ping(client: IpAddr, own: IpAddr) -> Vec<u8> {
    let echo = Icmpv4Repr::EchoRequest {
        ident: 3,
        seq_no: 4,
        data: b"fathom",
    };
    ip_frame(client, own, IpProtocol::Icmp, echo.buffer_len(), |bytes| {
        let mut packet = Icmpv4Packet::new_unchecked(bytes);
        echo.emit(&mut packet, &ChecksumCapabilities::default());
    })
}
