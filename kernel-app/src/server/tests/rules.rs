//! Sources that the whole service does not answer, on either path: the operator's limits, and the stack's rules.

use super::*;

const PATHS: [&str; 2] = ["reflector", "smoltcp"];

fn start_on(path: &str, arguments: &str) -> (TestServer, TestClock) {
    let line = "ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64";
    start(&std::format!("{line} path={path} {arguments}"))
}

/// Returns the number of `frames` that are answered.
fn answered(server: &mut TestServer, frames: impl IntoIterator<Item = Vec<u8>>) -> usize {
    let frames = frames.into_iter();
    frames.map(|frame| exchange(server, frame).len()).sum()
}

#[test]
fn sources_that_are_not_allowed_are_dropped_and_counted() {
    for path in PATHS {
        let (mut server, _) = start_on(path, "allow=10.0.2.0/24,2001:db8::/64");
        for (source, own, is_allowed) in [
            ("10.0.2.2:40000", "10.0.2.15:9000", true),
            ("10.0.2.2:40000", "10.0.2.15:7", true),
            ("[2001:db8::2]:40000", "[2001:db8::15]:9000", true),
            ("10.0.3.2:40000", "10.0.2.15:9000", false),
            ("10.0.3.2:40000", "10.0.2.15:7", false),
            ("[2001:db9::2]:40000", "[2001:db8::15]:9000", false),
        ] {
            let answers = exchange(&mut server, request_frame(source, own));
            assert_eq!(answers.len(), usize::from(is_allowed), "{path}, {source}");
        }
        let counters = server.shared_counters.read();
        assert_eq!(
            (counters.dropped_not_allowed, counters.datagrams_received),
            (3, 6)
        );
    }
}

#[test]
fn a_source_is_answered_at_its_rate() {
    for path in PATHS {
        let (mut server, clock) = start_on(path, "rate=100");
        let frames = |source: &str| vec![request_frame(source, "10.0.2.15:9000"); 100];
        // A full bucket is an eighth of a second's.
        assert_eq!(
            answered(&mut server, frames("10.0.2.2:40000")),
            12,
            "{path}"
        );
        assert_eq!(answered(&mut server, frames("10.0.2.2:40001")), 0, "{path}");
        assert_eq!(
            answered(&mut server, frames("10.0.2.3:40000")),
            12,
            "{path}"
        );
        clock.set(SECOND_NS / 10);
        assert_eq!(
            answered(&mut server, frames("10.0.2.2:40000")),
            10,
            "{path}"
        );
        assert_eq!(
            server.shared_counters.read().dropped_rate,
            400 - 34,
            "{path}"
        );
    }
}

#[test]
fn all_sources_together_are_answered_at_the_ceiling() {
    for path in PATHS {
        let (mut server, _) = start_on(path, "rate-all=64");
        let sources = (2..100).map(|host| std::format!("10.0.2.{host}:40000"));
        let sources = sources.filter(|source| source != "10.0.2.15:40000");
        let frames = sources.map(|source| request_frame(&source, "10.0.2.15:9000"));
        assert_eq!(answered(&mut server, frames), 8, "{path}");
        assert_eq!(
            server.shared_counters.read().dropped_rate_all,
            97 - 8,
            "{path}"
        );
    }
}

/// An IP packet of another protocol, or a message of ICMP.
fn packet(source: &str, destination: &str, protocol: IpProtocol, message: &[u8]) -> Vec<u8> {
    let ends = (source.parse().unwrap(), destination.parse().unwrap());
    ip_frame(ends.0, ends.1, protocol, message.len(), |bytes| {
        bytes.copy_from_slice(message);
    })
}

#[test]
fn no_error_and_no_reset_answers_anything() {
    let syn = [
        0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0,
    ];
    for path in PATHS {
        let (mut server, _) = start_on(path, "");
        for (source, own) in [("10.0.2.2", "10.0.2.15"), ("2001:db8::2", "2001:db8::15")] {
            for protocol in [
                IpProtocol::Tcp,
                IpProtocol::Igmp,
                IpProtocol::Unknown(99),
                IpProtocol::Unknown(132),
                IpProtocol::Ipv6NoNxt,
            ] {
                let frame = packet(source, own, protocol, &syn);
                assert_eq!(
                    answered(&mut server, [frame]),
                    0,
                    "{path}, {source}: {protocol}"
                );
            }
            let at = |ip: &str, port| SocketAddr::new(ip.parse().unwrap(), port);
            for port in [1, 53, 67, 68, 9001] {
                let frame = udp_frame(at(source, 40_000), at(own, port), b"anybody?");
                assert_eq!(
                    answered(&mut server, [frame]),
                    0,
                    "{path}, {source}: {port}"
                );
                let frame = udp_frame(at(source, 67), at(own, port), b"anybody?");
                assert_eq!(
                    answered(&mut server, [frame]),
                    0,
                    "{path}, {source}: {port}"
                );
            }
        }
        assert_eq!(server.shared_counters.read().dropped_protocol, 10, "{path}");
    }
}

#[test]
fn pings_to_groups_and_from_nobody_are_not_answered() {
    for path in PATHS {
        let (mut server, _) = start_on(path, "");
        for (source, destination) in [
            ("10.0.2.2", "10.0.2.255"),
            ("10.0.2.2", "255.255.255.255"),
            ("10.0.2.2", "224.0.0.1"),
            ("10.0.2.2", "10.0.2.16"),
            ("10.0.2.15", "10.0.2.15"),
            ("127.0.0.1", "10.0.2.15"),
            ("0.0.0.0", "10.0.2.15"),
            ("0.1.2.3", "10.0.2.15"),
            ("240.0.0.1", "10.0.2.15"),
            ("10.0.2.255", "10.0.2.15"),
        ] {
            let frame = ping(source.parse().unwrap(), destination.parse().unwrap());
            let mut to_all = frame.clone();
            to_all[..6].fill(0xff);
            let count = answered(&mut server, [frame, to_all]);
            assert_eq!(count, 0, "{path}, {source} to {destination}");
        }
        for (source, destination) in [
            ("2001:db8::2", "ff02::1"),
            ("2001:db8::2", "ff02::1:ff00:15"),
            ("2001:db8::2", "2001:db8::16"),
            ("2001:db8::15", "2001:db8::15"),
            ("::", "2001:db8::15"),
            ("::1", "2001:db8::15"),
            ("::ffff:10.0.2.2", "2001:db8::15"),
            ("ff02::1", "2001:db8::15"),
        ] {
            let ping = Icmpv6Repr::EchoRequest {
                ident: 3,
                seq_no: 4,
                data: b"fathom",
            };
            let (from, to) = (source.parse().unwrap(), destination.parse().unwrap());
            let frame = icmpv6(from, to, &ping);
            let mut to_all = frame.clone();
            to_all[..6].copy_from_slice(&[0x33, 0x33, 0, 0, 0, 1]);
            let count = answered(&mut server, [frame, to_all]);
            assert_eq!(count, 0, "{path}, {source} to {destination}");
        }
    }
}

#[test]
fn floods_of_pings_and_questions_are_answered_within_the_stacks_rate() {
    let solicitation = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
        target_addr: link_local(),
        lladdr: Some(EthernetAddress(CLIENT_MAC.octets()).into()),
    });
    let questions = [
        arp_request(),
        icmpv6("fe80::2".parse().unwrap(), link_local(), &solicitation),
        ping(CLIENT.into(), OWN.into()),
    ];
    for path in PATHS {
        for question in &questions {
            let answered_in_a_second = |arguments| {
                let (mut server, clock) = start_on(path, arguments);
                let mut count = 0;
                for i in 0..10_000 {
                    clock.set(i * SECOND_NS / 10_000);
                    count += exchange(&mut server, question.clone()).len();
                }
                (server, count)
            };
            // And an eighth of a second's to begin with.
            let (_, count) = answered_in_a_second("stack-rate=80");
            assert!((89..=91).contains(&count), "{path}: {count}");
            let (_, count) = answered_in_a_second("stack-rate=10000000");
            assert_eq!(count, 10_000, "{path}");
            let (mut server, count) = answered_in_a_second("");
            assert!((1124..=1126).contains(&count), "{path}: {count}");
            let dropped = server.shared_counters.read().dropped_stack_rate;
            assert_eq!(dropped as usize, 10_000 - count, "{path}");
            // The services are not held up, nor the other kind of questions.
            let request = request_frame("10.0.2.2:40000", "10.0.2.15:9000");
            assert_eq!(answered(&mut server, [request]), 1);
            let other = if *question == questions[2] { 0 } else { 2 };
            assert_eq!(
                answered(&mut server, [questions[other].clone()]),
                1,
                "{path}"
            );
        }
    }
}

/// Questions about other hosts, of which a network is full, leave ours their answers.
#[test]
fn questions_about_others_are_not_counted_against_the_limit() {
    let (mut server, _) = start_on("reflector", "");
    let mut other = arp_request();
    other[41] ^= 1;
    assert_eq!(answered(&mut server, vec![other; 10_000]), 0);
    assert_eq!(answered(&mut server, [arp_request()]), 1);
    assert_eq!(server.shared_counters.read().dropped_stack_rate, 0);
}

#[test]
fn damage_and_fragments_have_their_counters() {
    let mut server = static_server();
    let good = request_frame("10.0.2.2:40000", "10.0.2.15:9000");
    let mut fragment = good.clone();
    fragment[20] |= 0x20;
    crate::testing::mend_checksums(&mut fragment);
    let mut damaged = good.clone();
    damaged[60] ^= 1;
    let mut short = good.clone();
    short.truncate(80);
    assert_eq!(answered(&mut server, [fragment, damaged, short]), 0);
    let counters = server.shared_counters.read();
    let counts = [
        counters.dropped_fragment,
        counters.dropped_checksum,
        counters.dropped_length,
        counters.datagrams_received,
    ];
    assert_eq!(counts, [1, 1, 1, 0]);
}
