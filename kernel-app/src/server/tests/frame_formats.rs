//! Frames as switches, bridges and overlays carry them: tags, padding, other protocols, and every length that an MTU allows.

use super::*;
use crate::testing::mend_checksums;

const PATHS: [&str; 2] = ["reflector", "smoltcp"];

/// Length of the shortest Ethernet frame without its check sequence, in bytes (IEEE 802.3 §4.4.2).
const MIN_FRAME: usize = 60;

fn start_on(path: &str) -> TestServer {
    let line = "ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64";
    start(&std::format!("{line} path={path}")).0
}

/// Questions of every kind that is answered.
fn questions() -> Vec<Vec<u8>> {
    let solicitation = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
        target_addr: link_local(),
        lladdr: Some(EthernetAddress(CLIENT_MAC.octets()).into()),
    });
    let ping6 = Icmpv6Repr::EchoRequest {
        ident: 3,
        seq_no: 4,
        data: b"fathom",
    };
    let station = "fe80::2".parse().unwrap();
    vec![
        request_frame("10.0.2.2:40000", "10.0.2.15:9000"),
        request_frame("10.0.2.2:40000", "10.0.2.15:7"),
        request_frame("[2001:db8::2]:40000", "[2001:db8::15]:9000"),
        arp_request(),
        ping(CLIENT.into(), OWN.into()),
        icmpv6(station, link_local(), &solicitation),
        icmpv6(station, link_local(), &ping6),
    ]
}

/// The frame with a tag: its type, and its priority and virtual LAN.
fn tagged(frame: &[u8], ethertype: [u8; 2], tag: u16) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(12);
    [addresses, &ethertype, &tag.to_be_bytes(), rest].concat()
}

/// The answers to `frame`, the times in which are left out.
fn answers(server: &mut TestServer, frame: Vec<u8>) -> Vec<Vec<u8>> {
    let mut answers = exchange(server, frame);
    for answer in &mut answers {
        let udp = if answer[12..14] == [8, 0] { 34 } else { 54 };
        if answer.len() > udp + 8 + HEADER_LEN {
            answer[udp + 6..udp + 8].fill(0);
            answer[udp + 8..udp + 8 + HEADER_LEN].fill(0);
        }
    }
    answers
}

#[test]
fn priority_tags_are_taken_off() {
    for path in PATHS {
        let mut server = start_on(path);
        for question in questions() {
            let plain = answers(&mut server, question.clone());
            assert_eq!(plain.len(), 1);
            for priority in 0..8 {
                for drop_eligible in [0, 0x1000] {
                    let tag = priority << 13 | drop_eligible;
                    let frame = tagged(&question, [0x81, 0], tag);
                    assert_eq!(answers(&mut server, frame), plain, "{path} {tag:x}");
                }
            }
        }
        assert_eq!(server.shared_counters.read().dropped_ethertype, 0);
    }
}

#[test]
fn virtual_lans_are_others() {
    for path in PATHS {
        let mut server = start_on(path);
        let mut count = 0;
        for question in questions() {
            for (ethertype, tag) in [
                ([0x81, 0], 1),
                ([0x81, 0], 0xffff),
                ([0x81, 0], 0x0100),
                ([0x88, 0xa8], 0),
                ([0x91, 0], 0),
            ] {
                let frame = tagged(&question, ethertype, tag);
                assert!(exchange(&mut server, frame).is_empty(), "{path} {tag:x}");
                count += 1;
            }
            let twice = tagged(&tagged(&question, [0x81, 0], 0), [0x81, 0], 0);
            assert!(exchange(&mut server, twice).is_empty());
            count += 1;
        }
        assert_eq!(server.shared_counters.read().dropped_ethertype, count);
    }
}

#[test]
fn bytes_behind_a_packet_are_no_part_of_it() {
    for path in PATHS {
        let mut server = start_on(path);
        for question in questions() {
            let plain = answers(&mut server, question.clone());
            for (len, filler) in [
                (MIN_FRAME, 0),
                (MIN_FRAME, 0xa5),
                (question.len() + 4, 0xff),
                (1514, 0x5a),
            ] {
                let mut frame = question.clone();
                frame.resize(len.max(question.len()), filler);
                assert_eq!(answers(&mut server, frame.clone()), plain, "{path} {len}");
                let frame = tagged(&frame, [0x81, 0], 0xe000);
                if frame.len() <= 1514 {
                    assert_eq!(answers(&mut server, frame), plain, "{path} {len}");
                }
            }
        }
        // The shortest datagram of all is shorter than its frame.
        let ends = ["10.0.2.2:40000", "10.0.2.15:7"].map(|end| end.parse().unwrap());
        let mut frame = udp_frame(ends[0], ends[1], b"x");
        frame.resize(MIN_FRAME, 0);
        let answers = exchange(&mut server, frame);
        assert_eq!(open_udp(&answers[0]).2, b"x");
    }
}

#[test]
fn other_protocols_are_counted_and_nothing_else() {
    let spanning_tree = [
        &[0x01, 0x80, 0xc2, 0, 0, 0][..],
        &CLIENT_MAC.octets(),
        &[0, 38, 0x42, 0x42, 3],
        &[0; 43],
    ]
    .concat();
    let mut discovery = spanning_tree.clone();
    discovery[5] = 0x0e;
    discovery[12..14].copy_from_slice(&[0x88, 0xcc]);
    let mut pause = spanning_tree.clone();
    pause[5] = 1;
    pause[12..14].copy_from_slice(&[0x88, 8]);
    // IP by LLC and SNAP (RFC 1042), which no host sends on Ethernet today.
    let mut snap = request_frame("10.0.2.2:40000", "10.0.2.15:9000");
    snap.splice(12..14, [0, 100, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
    let mut loopback = snap.clone();
    loopback[12..14].copy_from_slice(&[0x90, 0]);
    for path in PATHS {
        let mut server = start_on(path);
        let frames = [&spanning_tree, &discovery, &pause, &snap, &loopback];
        for frame in frames {
            assert!(exchange(&mut server, frame.clone()).is_empty());
        }
        let mut shared = server.shared_counters.read();
        assert_eq!(core::mem::take(&mut shared.dropped_ethertype), 5, "{path}");
        assert_eq!(shared, Counters::ZERO);
    }
}

/// Replies are as long as requests, so that whatever the link carries one way it carries the other.
#[test]
fn every_length_that_an_mtu_allows_comes_back() {
    for path in PATHS {
        let mut server = start_on(path);
        for mtu in [576, 1280, 1400, 1500] {
            for (own, client, headers) in [
                ("10.0.2.15:7", "10.0.2.2:40000", 28),
                ("[2001:db8::15]:7", "[2001:db8::2]:40000", 48),
            ] {
                let (own, client) = (own.parse().unwrap(), client.parse().unwrap());
                for len in [0, 1, 2, 17, 18, 19, mtu - headers - 1, mtu - headers] {
                    let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
                    let frame = udp_frame(client, own, &payload);
                    assert!(frame.len() <= 14 + mtu);
                    let answers = exchange(&mut server, frame.clone());
                    assert_eq!(answers[0].len(), frame.len(), "{path} {own} {len}");
                    assert_eq!(open_udp(&answers[0]).2, payload);
                }
            }
        }
    }
}

/// Of frames longer than ours a device has dropped what it has no buffer for, or cut it off: lengths then disagree.
#[test]
fn a_jumbo_frame_that_was_cut_off_is_not_answered() {
    for path in PATHS {
        let mut server = start_on(path);
        let (client, own) = (
            "10.0.2.2:40000".parse().unwrap(),
            "10.0.2.15:7".parse().unwrap(),
        );
        let mut frame = udp_frame(client, own, &[0x5a; 8000]);
        frame.truncate(1514);
        assert!(exchange(&mut server, frame.clone()).is_empty());
        // The same with an IP header for what is left, but not a UDP header.
        frame[16..18].copy_from_slice(&1500_u16.to_be_bytes());
        mend_checksums(&mut frame);
        assert!(exchange(&mut server, frame).is_empty());
        let good = request_frame("10.0.2.2:40000", "10.0.2.15:9000");
        assert_eq!(exchange(&mut server, good).len(), 1);
    }
}

/// Frames of up to an MTU of 1574 where the device does not say that it is so large: the longest that a buffer has room for.
#[test]
fn a_datagram_of_a_larger_mtu_is_answered_in_place_and_by_nobody_else() {
    let [from, to] = ["10.0.2.2:40000", "10.0.2.15:9000"].map(|text| text.parse().unwrap());
    let datagram = |len: usize| udp_frame(from, to, &request(len - 42));
    for (path, is_answered) in [("reflector", true), ("smoltcp", false)] {
        let mut server = start_on(path);
        for (before, len) in (0..).zip([1515, 1518, 1588]) {
            let answers = exchange(&mut server, datagram(len));
            let lens: Vec<usize> = answers.iter().map(Vec::len).collect();
            let expected = if is_answered { vec![len] } else { Vec::new() };
            assert_eq!(lens, expected, "{path}");
            let counters = server.shared_counters.read();
            let refused = if is_answered { 0 } else { before + 1 };
            assert_eq!(counters.dropped_oversize, refused, "{path} {len}");
        }
        assert_eq!(exchange(&mut server, datagram(1514)).len(), 1);
    }
}

#[test]
fn other_frames_of_a_larger_mtu_are_counted_and_hold_up_nothing() {
    for path in PATHS {
        let mut server = start_on(path);
        for question in questions().split_off(3) {
            let mut padded = question.clone();
            padded.resize(1515, 0);
            assert_eq!(exchange(&mut server, padded).len(), 0, "{path}");
            assert_eq!(exchange(&mut server, question).len(), 1, "{path}");
        }
        assert_eq!(server.shared_counters.read().dropped_oversize, 4, "{path}");
    }
}

#[test]
fn the_ready_line_has_the_devices_mtu() {
    let mut server = static_server();
    assert_eq!(server.ready(0).configuration.mtu, None);
    for mtu in [1400, 1501, 9000] {
        server.device.max_frame = Some(14 + usize::from(mtu));
        assert_eq!(server.ready(0).configuration.mtu, Some(mtu));
    }
}
