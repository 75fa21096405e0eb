//! Datagrams on a network whose device says that its MTU is that of jumbo frames.

use super::*;

const PATHS: [&str; 2] = ["reflector", "smoltcp"];

/// MTUs, with the longest payloads that they allow over IPv4 and over IPv6.
const MTUS: [(usize, [usize; 2]); 3] = [
    (1574, [1546, 1526]),
    (9000, [8972, 8952]),
    (wire::MAX_MTU, [wire::MAX_JUMBO_PAYLOAD, 9168]),
];

const ENDS: [[&str; 2]; 2] = [
    ["10.0.2.2:40000", "10.0.2.15"],
    ["[2001:db8::2]:40000", "[2001:db8::15]"],
];

fn start_on(mtu: usize, path: &str) -> TestServer {
    let mut device = TestDevice::default();
    device.max_frame = Some(14 + mtu);
    let line = "ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64";
    start_with(device, &std::format!("{line} path={path}")).0
}

/// A datagram to one of the services, whose payload differs from byte to byte.
fn datagram([from, to]: [&str; 2], port: u16, len: usize) -> (Vec<u8>, Vec<u8>) {
    let mut payload: Vec<u8> = (0..len).map(|at| (at * 3 + at / 256) as u8).collect();
    if port == 9000 {
        Header::request(7, 1000).encode(&mut payload).unwrap();
    }
    let to = std::format!("{to}:{port}");
    let frame = udp_frame(from.parse().unwrap(), to.parse().unwrap(), &payload);
    (frame, payload)
}

#[test]
fn every_datagram_of_a_jumbo_frame_comes_back_byte_for_byte() {
    for (mtu, longest) in MTUS {
        for path in PATHS {
            let mut server = start_on(mtu, path);
            for (ends, longest) in ENDS.into_iter().zip(longest) {
                for port in [7, 9000] {
                    for len in [64, 1472, 1473, longest - 1, longest] {
                        let (frame, payload) = datagram(ends, port, len);
                        let frame_len = frame.len();
                        let answers = exchange(&mut server, frame);
                        assert_eq!(answers.len(), 1, "{path} {ends:?} {port} {len}");
                        assert_eq!(answers[0].len(), frame_len, "{path}");
                        let kept = if port == 9000 { HEADER_LEN } else { 0 };
                        let (.., reply) = open_udp(&answers[0]);
                        assert_eq!(reply[kept..], payload[kept..], "{path} {len}");
                    }
                }
            }
            let counters = server.shared_counters.read();
            assert_eq!((counters.replied, counters.echoed), (10, 10), "{path}");
        }
    }
}

/// Frames that such a device should never deliver: they are counted, and nothing is held up.
#[test]
fn a_longer_datagram_reaches_no_socket() {
    for (mtu, [longest, _]) in MTUS {
        let mut server = start_on(mtu, "smoltcp");
        let (frame, _) = datagram(ENDS[0], 7, longest + 1);
        assert!(exchange(&mut server, frame).is_empty());
        assert_eq!(server.shared_counters.read().dropped_oversize, 1);
        let (frame, _) = datagram(ENDS[0], 7, longest);
        assert_eq!(exchange(&mut server, frame).len(), 1);
    }
}

/// `ping -s 8972`.
#[test]
fn the_longest_pings_are_answered() {
    let data: Vec<u8> = (0..8972).map(|at| (at / 7) as u8).collect();
    let ping6 = Icmpv6Repr::EchoRequest {
        ident: 3,
        seq_no: 4,
        data: &data[..8952],
    };
    for path in PATHS {
        let mut server = start_on(9000, path);
        let question = ping_with(&data);
        let answers = exchange(&mut server, question.clone());
        assert_eq!(answers.len(), 1, "{path}");
        assert_eq!(answers[0].len(), 9014, "{path}");
        assert_eq!(answers[0][42..], question[42..], "{path}");
        let question = icmpv6("fe80::2".parse().unwrap(), link_local(), &ping6);
        let answers = exchange(&mut server, question.clone());
        assert_eq!(answers.len(), 1, "{path}");
        assert_eq!(answers[0].len(), 9014, "{path}");
        assert_eq!(answers[0][62..], question[62..], "{path}");
    }
}

fn ping_with(data: &[u8]) -> Vec<u8> {
    let request = Icmpv4Repr::EchoRequest {
        ident: 1,
        seq_no: 2,
        data,
    };
    ip_frame(
        CLIENT.into(),
        OWN.into(),
        IpProtocol::Icmp,
        request.buffer_len(),
        |packet| {
            let mut packet = Icmpv4Packet::new_unchecked(packet);
            request.emit(&mut packet, &ChecksumCapabilities::default());
        },
    )
}

/// Many in a row: the room in the stack's sockets comes back.
#[test]
fn sockets_hold_one_longest_datagram_after_the_other() {
    let mut server = start_on(wire::MAX_MTU, "smoltcp");
    for len in [9188, 9188, 64, 9188, 5000, 9188].repeat(50) {
        let (frame, payload) = datagram(ENDS[0], 7, len);
        let answers = exchange(&mut server, frame);
        assert_eq!(open_udp(&answers[0]).2, payload, "{len}");
    }
}
