//! The reflector and the stack's sockets answer alike: the same frames, good and bad, through both.
//!
//! What may differ, and why:
//!
//! - The Ethernet address an answer goes to: the reflector's goes to where the question came from,
//!   the stack's to what its neighbour cache says. So it is left out of the comparison.
//! - ICMP errors about UDP ports that nobody listens on and about extension headers: the stack
//!   sends them, and a service that is to be as quiet as a firewall does not.
//! - Looking for the neighbours that such errors are for, at most once a second.
//!
//! Clients are neighbours that the stack knows, or behind its gateway: an answer of its to any
//! other waits for a neighbour to be found, and those behind it too, which is what the reflector
//! is there to avoid. All else, ARP and echo requests among it, is the same stack's on both paths.

use proptest::prelude::*;
use smoltcp::wire::{Ipv4Packet, UdpPacket};

use super::*;
use crate::services::ECHO_PORT;

const PORT: u16 = 9000;
const ARP_REQUEST: u8 = 1;
const NEIGHBOUR_SOLICITATION: u8 = 135;

/// A clock that stands still, so that both paths stamp the same times.
#[derive(Clone, Copy)]
struct Stopped;

impl Clock for Stopped {
    fn now_ns(&self) -> u64 {
        0x0102_0304_0506
    }
}

/// What one path sent in answer to some frames.
#[derive(Debug, Default, PartialEq)]
struct Answers {
    service: Vec<Vec<u8>>,
    errors: Vec<Vec<u8>>,
    other: Vec<Vec<u8>>,
}

impl Answers {
    fn sort(mut frame: Vec<u8>, into: &mut Self) {
        frame[..6].fill(0);
        let (protocol, ip) = match frame[12..14] {
            [0x08, 0x00] => (frame[23], 34),
            [0x86, 0xdd] => (frame[20], 54),
            [0x08, 0x06] if frame[21] == ARP_REQUEST => return,
            _ => return into.other.push(frame),
        };
        let is_error = match protocol {
            1 => matches!(frame[ip], 3 | 11 | 12),
            58 if frame[ip] == NEIGHBOUR_SOLICITATION => return,
            58 => frame[ip] < 128,
            _ => false,
        };
        let source_port = u16::from_be_bytes([frame[ip], frame[ip + 1]]);
        if protocol == 17 && [PORT, ECHO_PORT].contains(&source_port) {
            into.service.push(frame);
        } else if is_error {
            into.errors.push(frame);
        } else {
            into.other.push(frame);
        }
    }
}

/// Sends `frames` to a service on `path`: what it answers, and how many it says it answered.
fn run(path: &str, frames: &[Vec<u8>]) -> (Answers, [u64; 3]) {
    let line = std::format!("ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64 path={path}");
    let args = Args::parse(line.split_whitespace()).unwrap();
    let mut storage = Box::new(Storage::new());
    let published = Box::leak(Box::new(Published::new()));
    let device = TestDevice::default();
    let mut service = Service::new(device, Stopped, &args, 0xb007, &mut storage, published);
    let mut send = |frame: Vec<u8>| {
        service.device.inbox.push_back(frame);
        service.poll().unwrap();
        service.device.outbox.drain(..).collect::<Vec<_>>()
    };
    // The neighbours introduce themselves.
    for frame in [
        arp_request(),
        solicitation("fe80::2", link_local()),
        solicitation("2001:db8::2", "2001:db8::15".parse().unwrap()),
    ] {
        assert_eq!(send(frame).len(), 1);
    }
    let mut answers = Answers::default();
    for frame in frames {
        for answer in send(frame.clone()) {
            Answers::sort(answer, &mut answers);
        }
    }
    let counters = service.published.read();
    let counts = [counters.replied, counters.unsupported, counters.echoed];
    (answers, counts)
}

fn solicitation(client: &str, own: Ipv6Addr) -> Vec<u8> {
    let solicitation = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
        target_addr: own,
        lladdr: Some(EthernetAddress(CLIENT_MAC).into()),
    });
    icmpv6(client.parse().unwrap(), own, &solicitation)
}

fn assert_alike(frames: &[Vec<u8>]) -> (Answers, [u64; 3]) {
    let (reflected, reflected_counts) = run("reflector", frames);
    let (stacked, stacked_counts) = run("smoltcp", frames);
    assert_eq!(reflected.service, stacked.service);
    assert_eq!(reflected_counts, stacked_counts);
    assert_eq!(reflected.other, stacked.other);
    for error in &reflected.errors {
        assert!(stacked.errors.contains(error), "{error:02x?}");
    }
    (reflected, reflected_counts)
}

/// Makes the checksums of a frame right, as far as it has headers to be right.
fn mend(frame: &mut [u8]) {
    let is_ipv4 = frame[12..14] == [0x08, 0x00];
    if !is_ipv4 {
        return;
    }
    if let Ok(mut ip) = Ipv4Packet::new_checked(&mut frame[14..])
        && ip.header_len() >= 20
    {
        ip.fill_checksum();
        let (source, destination) = (ip.src_addr(), ip.dst_addr());
        if let Ok(mut udp) = UdpPacket::new_checked(ip.payload_mut())
            && udp.checksum() != 0
        {
            udp.fill_checksum(&source.into(), &destination.into());
        }
    }
}

/// Something that is done to a good frame.
#[derive(Clone, Debug)]
enum Change {
    /// A byte of the IPv4 header before the addresses, or of the IPv6 header, checksums mended.
    IpByte(usize, u8),
    /// The UDP length, checksums mended.
    UdpLen(u16),
    /// No UDP checksum.
    NoChecksum,
    /// IPv4 options, or an IPv6 extension header of this number in front of UDP.
    Options(u8),
    /// Ethernet: to whom.
    Receiver([u8; 6]),
    /// Ethernet: from a group.
    GroupSender,
    /// Any byte, and no checksum mended.
    Flip(usize, u8),
    /// The end is missing.
    Cut(usize),
    /// There is more behind it.
    Trailer(usize, u8),
}

impl Change {
    fn apply(&self, frame: &mut Vec<u8>) {
        let is_ipv4 = frame[12..14] == [0x08, 0x00];
        let udp = if is_ipv4 { 34 } else { 54 };
        match *self {
            Self::IpByte(at, value) => {
                let at = 14 + at % if is_ipv4 { 10 } else { 8 };
                if let Some(byte) = frame.get_mut(at) {
                    *byte = value;
                    mend(frame);
                }
            }
            Self::UdpLen(len) if frame.len() >= udp + 8 => {
                frame[udp + 4..udp + 6].copy_from_slice(&len.to_be_bytes());
                mend(frame);
            }
            Self::NoChecksum if frame.len() >= udp + 8 => frame[udp + 6..udp + 8].fill(0),
            Self::Options(_) if is_ipv4 && frame.len() >= udp => {
                frame[14] = 0x46;
                frame.splice(udp..udp, [1, 1, 1, 0]);
                let len = (frame.len() - 14) as u16;
                frame[16..18].copy_from_slice(&len.to_be_bytes());
                mend(frame);
            }
            Self::Options(header) if !is_ipv4 && frame.len() >= udp => {
                let next = std::mem::replace(&mut frame[20], header);
                frame.splice(udp..udp, [next, 0, 1, 4, 0, 0, 0, 0]);
                let len = (frame.len() - udp) as u16;
                frame[18..20].copy_from_slice(&len.to_be_bytes());
            }
            Self::Receiver(mac) => frame[..6].copy_from_slice(&mac),
            Self::GroupSender => frame[6] |= 1,
            Self::Flip(at, mask) => {
                let at = at % frame.len();
                frame[at] ^= mask;
            }
            // The stack's device hands out whole Ethernet headers.
            Self::Cut(at) => frame.truncate(14 + at % (frame.len() - 13)),
            Self::Trailer(len, fill) => frame.resize((frame.len() + len).min(1514), fill),
            _ => {}
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, value)| Change::IpByte(at, value)),
        prop_oneof![0..100_u16, any::<u16>()].prop_map(Change::UdpLen),
        Just(Change::NoChecksum),
        prop_oneof![Just(0), Just(43), Just(44), Just(60), any::<u8>()].prop_map(Change::Options),
        prop_oneof![
            Just([0xff; 6]),
            Just([0x33, 0x33, 0, 0, 0, 1]),
            Just([0x52, 0x54, 0, 0x12, 0x34, 0x57]),
        ]
        .prop_map(Change::Receiver),
        Just(Change::GroupSender),
        (any::<usize>(), 1..=255_u8).prop_map(|(at, mask)| Change::Flip(at, mask)),
        any::<usize>().prop_map(Change::Cut),
        (1..60_usize, any::<u8>()).prop_map(|(len, fill)| Change::Trailer(len, fill)),
    ]
}

/// Addresses of clients and of nobody's, and ours and those of groups.
fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    let v4 = (
        prop_oneof![
            8 => prop_oneof![Just("10.0.2.2"), Just("192.0.2.1")],
            1 => prop_oneof![
                Just("10.0.2.15"), Just("10.0.2.255"), Just("255.255.255.255"), Just("0.0.0.0"),
                Just("127.0.0.1"), Just("224.0.0.1"),
            ],
        ],
        prop_oneof![
            8 => Just("10.0.2.15"),
            1 => prop_oneof![
                Just("10.0.2.16"), Just("10.0.2.255"), Just("255.255.255.255"), Just("224.0.0.1"),
                Just("127.0.0.1"),
            ],
        ],
    );
    let v6 = (
        prop_oneof![
            8 => prop_oneof![Just("fe80::2"), Just("2001:db8::2")],
            1 => prop_oneof![
                Just("::"), Just("::1"), Just("ff02::1"), Just("2001:db8::15"),
                Just("fe80::5054:ff:fe12:3456"),
            ],
        ],
        prop_oneof![
            8 => prop_oneof![Just("fe80::5054:ff:fe12:3456"), Just("2001:db8::15")],
            1 => prop_oneof![
                Just("2001:db8::16"), Just("ff02::1"), Just("ff02::1:ff12:3456"), Just("::1"),
            ],
        ],
    );
    let parse = |(source, destination): (&str, &str)| {
        (source.parse().unwrap(), destination.parse().unwrap())
    };
    prop_oneof![v4.prop_map(parse), v6.prop_map(parse)]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![
        3 => Just(PORT),
        3 => Just(ECHO_PORT),
        3 => 1024..=u16::MAX,
        1 => prop_oneof![Just(0), Just(1), Just(67), Just(68), Just(1023), Just(1024)],
    ]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![40..80_usize, 0..=1452_usize];
    let head = prop_oneof![
        4 => Just(*b"FTHM\x01\x00"),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(version, kind)| {
            let [a, b, c, d] = *b"FTHM";
            [a, b, c, d, version, kind]
        }),
        1 => any::<[u8; 6]>(),
    ];
    (len, head, any::<u8>(), any::<u8>()).prop_map(|(len, head, first, step)| {
        let mut payload: Vec<u8> = (0..len)
            .map(|i| (i as u8).wrapping_mul(step).wrapping_add(first))
            .collect();
        let head_len = len.min(head.len());
        payload[..head_len].copy_from_slice(&head[..head_len]);
        payload
    })
}

/// A frame with a datagram, and perhaps something done to it.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec(change(), 0..=2);
    (addresses(), port(), port(), payload(), changes).prop_map(
        |((source, destination), source_port, destination_port, payload, changes)| {
            let source = SocketAddr::new(source, source_port);
            let destination = SocketAddr::new(destination, destination_port);
            let mut frame = udp_frame(source, destination, &payload);
            for change in &changes {
                change.apply(&mut frame);
            }
            frame
        },
    )
}

/// Any bytes behind an Ethernet header.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let ethertype = prop_oneof![Just([0x08, 0x00]), Just([0x86, 0xdd]), any::<[u8; 2]>()];
    let bytes = prop::collection::vec(any::<u8>(), 0..100);
    (ethertype, bytes)
        .prop_map(|(ethertype, bytes)| [&SERVICE_MAC, &CLIENT_MAC, &ethertype[..], &bytes].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn both_paths_answer_alike(
        frames in prop::collection::vec(prop_oneof![9 => datagram(), 1 => noise()], 1..12),
    ) {
        assert_alike(&frames);
    }
}

/// The comparison is of something: good requests are answered, all of them, by both.
#[test]
fn both_paths_answer() {
    let mut frames = Vec::new();
    for (client, own) in [
        ("10.0.2.2:40000", "10.0.2.15"),
        ("192.0.2.1:40000", "10.0.2.15"),
        ("[fe80::2]:40000", "[fe80::5054:ff:fe12:3456]"),
        ("[2001:db8::2]:40000", "[2001:db8::15]"),
    ] {
        for port in [PORT, ECHO_PORT] {
            for len in [44, 45, 64, 1001, 1452] {
                let own: SocketAddr = std::format!("{own}:{port}").parse().unwrap();
                frames.push(udp_frame(client.parse().unwrap(), own, &request(len)));
            }
        }
    }
    let (answers, counts) = assert_alike(&frames);
    assert_eq!(answers.service.len(), 40);
    assert_eq!(counts, [20, 0, 20]);
}

#[test]
fn a_closed_port_is_an_error_to_the_stack_alone() {
    let frame = request_frame("10.0.2.2:40000", "10.0.2.15:9001");
    let frames = core::slice::from_ref(&frame);
    assert_eq!(run("reflector", frames).0, Answers::default());
    let (answers, _) = run("smoltcp", frames);
    assert_eq!(answers.errors.len(), 1);
    assert_eq!(answers.errors[0][34..36], [3, 3], "port unreachable");
}
