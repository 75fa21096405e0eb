//! IPv6 addresses of router advertisements, from the first solicitation to the last lifetime, and listener reports.

use super::*;
use crate::testing::logged;

const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

fn own() -> Ipv6Addr {
    "2001:db8:0:1:5054:ff:fe12:3456".parse().unwrap()
}

/// A router's advertisement of 2001:db8:0:1::/64 for an hour.
fn advertisement() -> Vec<u8> {
    use smoltcp::wire::{NdiscPrefixInfoFlags, NdiscPrefixInformation, NdiscRouterFlags};
    let hour = smoltcp::time::Duration::from_secs(3600);
    let message = Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
        hop_limit: 64,
        flags: NdiscRouterFlags::empty(),
        router_lifetime: hour,
        reachable_time: smoltcp::time::Duration::ZERO,
        retrans_time: smoltcp::time::Duration::ZERO,
        lladdr: Some(EthernetAddress(CLIENT_MAC.octets()).into()),
        mtu: Some(1480),
        prefix_info: Some(NdiscPrefixInformation {
            prefix_len: 64,
            flags: NdiscPrefixInfoFlags::ADDRCONF | NdiscPrefixInfoFlags::ON_LINK,
            valid_lifetime: hour,
            preferred_lifetime: hour,
            prefix: "2001:db8:0:1::".parse().unwrap(),
        }),
    });
    to_group(icmpv6(ROUTER, ALL_NODES, &message))
}

fn to_group(mut frame: Vec<u8>) -> Vec<u8> {
    let group: [u8; 4] = *frame[50..].first_chunk().unwrap();
    frame[..2].copy_from_slice(&[0x33, 0x33]);
    frame[2..6].copy_from_slice(&group);
    frame
}

/// The type of a frame's ICMPv6 message behind no extension header, or behind one.
fn icmpv6_type(frame: &[u8]) -> Option<u8> {
    match (frame.get(12..14)?, frame[20]) {
        ([0x86, 0xdd], 58) => Some(frame[54]),
        ([0x86, 0xdd], 0) => Some(frame[62]),
        _ => None,
    }
}

/// Lets the service do what is due until `end_ns`; returns the ICMPv6 messages that it sends, with their times.
fn run(server: &mut TestServer, clock: &TestClock, end_ns: u64) -> Vec<(u64, Vec<u8>)> {
    let mut sent = Vec::new();
    while server.due_ns <= end_ns {
        clock.set(server.due_ns);
        let now_ns = server.due_ns;
        server.poll().unwrap();
        let frames = server.device.outbox.drain(..);
        sent.extend(
            frames
                .filter(|frame| icmpv6_type(frame).is_some())
                .map(|frame| (now_ns, frame)),
        );
    }
    clock.set(end_ns);
    sent
}

fn ping6(to: Ipv6Addr) -> Vec<u8> {
    let ping = Icmpv6Repr::EchoRequest {
        ident: 3,
        seq_no: 4,
        data: b"fathom",
    };
    icmpv6("2001:db8::2".parse().unwrap(), to, &ping)
}

#[test]
fn an_advertised_prefix_is_an_address_until_it_ends() {
    for path in ["reflector", "smoltcp"] {
        let (mut server, clock) = start(&std::format!("ip=10.0.2.15/24 ip6=auto path={path}"));
        assert_eq!(server.ready(0).ip6, Some(Cidr::new(link_local(), 64)));
        let sent = run(&mut server, &clock, 5 * SECOND_NS);
        let types: Vec<_> = sent.iter().map(|(_, frame)| icmpv6_type(frame)).collect();
        // The second listener report, and the second solicitation.
        assert_eq!(types, [Some(143), Some(133)], "{path}");
        let solicitation = &sent[1].1;
        assert_eq!(solicitation[..6], [0x33, 0x33, 0, 0, 0, 2]);
        assert_eq!(solicitation[22..38], link_local().octets());

        let probes = exchange(&mut server, advertisement());
        assert_eq!(probes.len(), 1);
        assert_eq!(icmpv6_type(&probes[0]), Some(135));
        assert_eq!(probes[0][..6], [0x33, 0x33, 0xff, 0x12, 0x34, 0x56]);
        assert_eq!(
            (&probes[0][22..38], &probes[0][62..78]),
            (&[0; 16][..], &own().octets()[..])
        );
        assert_eq!(exchange(&mut server, ping6(own())), Vec::<Vec<u8>>::new());

        let sent = run(&mut server, &clock, 7 * SECOND_NS);
        assert!(
            sent.iter().any(
                |(_, frame)| icmpv6_type(frame) == Some(136) && frame[62..78] == own().octets()
            )
        );
        let ready = server.ready(0);
        assert_eq!(ready.ip6, Some(Cidr::new(own(), 64)));
        assert_eq!(ready.configuration.mtu, Some(1480));
        for service in ["9000", "7"] {
            let to = std::format!("[{}]:{service}", own());
            let answers = exchange(&mut server, request_frame("[2001:db8::2]:40000", &to));
            assert_eq!(answers.len(), 1, "{path}");
        }
        assert_eq!(exchange(&mut server, ping6(own())).len(), 1);
        let question = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
            target_addr: own(),
            lladdr: Some(EthernetAddress(CLIENT_MAC.octets()).into()),
        });
        let group = "ff02::1:ff12:3456".parse().unwrap();
        let answers = exchange(&mut server, to_group(icmpv6(ROUTER, group, &question)));
        assert_eq!(answers.len(), 1, "{path}");
        assert_eq!(icmpv6_type(&answers[0]), Some(136));

        // Nobody advertises it any more.
        run(&mut server, &clock, 3606 * SECOND_NS);
        assert!(exchange(&mut server, ping6(own())).is_empty());
        assert_eq!(server.ready(0).ip6, Some(Cidr::new(link_local(), 64)));
        assert_eq!(server.due_ns, NEVER_NS);
    }
}

#[test]
fn an_address_that_somebody_has_is_not_taken() {
    let claim = || {
        let flags = smoltcp::wire::NdiscNeighborFlags::OVERRIDE;
        let claim = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
            flags,
            target_addr: own(),
            lladdr: Some(EthernetAddress(CLIENT_MAC.octets()).into()),
        });
        to_group(icmpv6(own(), ALL_NODES, &claim))
    };
    let probe = || {
        let probe = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
            target_addr: own(),
            lladdr: None,
        });
        to_group(icmpv6(
            Ipv6Addr::UNSPECIFIED,
            "ff02::1:ff12:3456".parse().unwrap(),
            &probe,
        ))
    };
    for objection in [claim(), probe()] {
        let (mut server, clock) = start("ip=10.0.2.15/24 ip6=auto");
        run(&mut server, &clock, 5 * SECOND_NS);
        exchange(&mut server, advertisement());
        logged();
        assert!(exchange(&mut server, objection).is_empty());
        run(&mut server, &clock, 10 * SECOND_NS);
        assert!(exchange(&mut server, ping6(own())).is_empty());
        let said = "address conflict: 52:55:0a:00:02:02 has 2001:db8:0:1:5054:ff:fe12:3456 as well";
        assert_eq!(logged(), [said]);
        assert_eq!(server.shared_counters.read().address_conflicts, 1);
        assert_eq!(server.ready(0).ip6, Some(Cidr::new(link_local(), 64)));
    }
    // In use, it is defended once in ten seconds.
    let (mut server, clock) = start("ip=10.0.2.15/24 ip6=2001:db8:0:1:5054:ff:fe12:3456/64");
    logged();
    let mut defences = 0;
    for second in 1..=9 {
        clock.set(second * SECOND_NS);
        let frames = exchange(&mut server, claim());
        let is_ours =
            |frame: &&Vec<u8>| icmpv6_type(frame) == Some(136) && frame[62..78] == own().octets();
        defences += frames.iter().filter(is_ours).count();
    }
    assert_eq!((defences, logged().len()), (1, 1));
    assert_eq!(server.shared_counters.read().address_conflicts, 9);
    assert_eq!(exchange(&mut server, ping6(own())).len(), 1, "it is kept");
}

#[test]
fn a_static_address_needs_no_router_and_no_timer() {
    for arguments in [
        "ip=10.0.2.15/24",
        "ip=10.0.2.15/24 ip6=2001:db8::15/64",
        "ip=10.0.2.15/24 ip6=off",
    ] {
        let (mut server, _) = start(arguments);
        assert_eq!(server.due_ns, NEVER_NS, "{arguments}");
        let before = server.ready(0).ip6;
        assert!(exchange(&mut server, advertisement()).is_empty());
        assert_eq!((server.ready(0).ip6, server.due_ns), (before, NEVER_NS));
    }
}

#[test]
fn advertisements_of_strangers_are_not_heeded() {
    let (mut server, clock) = start("ip=10.0.2.15/24 ip6=auto");
    run(&mut server, &clock, 20 * SECOND_NS);
    assert_eq!(server.due_ns, NEVER_NS);
    let good = advertisement();
    let changed = |at: usize, value: u8| {
        let mut frame = good.clone();
        frame[at] = value;
        frame
    };
    // Routed here; not from a link-local address; another code; damaged.
    for frame in [
        changed(21, 64),
        changed(22, 0x20),
        changed(55, 1),
        changed(100, 0xaa),
    ] {
        assert!(exchange(&mut server, frame).is_empty());
        assert_eq!(server.due_ns, NEVER_NS);
    }
    assert_eq!(exchange(&mut server, good).len(), 1);
}

/// A query of a router's for all groups, to be answered at once.
fn query() -> Vec<u8> {
    let mut message = vec![130, 0, 0, 0, 0, 0, 0, 0];
    message.extend([0; 16]);
    message.extend([2, 125, 0, 0]);
    let addresses = [ROUTER.octets(), ALL_NODES.octets()].concat();
    let checksum = crate::net::packets::icmpv6_sum(&addresses, &message).checksum();
    message[2..4].copy_from_slice(&checksum);
    let extension = [58, 0, 5, 2, 0, 0, 1, 0];
    let packet = [&extension[..], &message].concat();
    let mut frame = ip_frame(
        ROUTER.into(),
        ALL_NODES.into(),
        IpProtocol::HopByHop,
        packet.len(),
        |bytes| {
            bytes.copy_from_slice(&packet);
        },
    );
    frame[21] = 1;
    to_group(frame)
}

#[test]
fn listener_queries_are_answered_with_the_groups() {
    let own_group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0x15];
    for (arguments, groups) in [
        ("ip=10.0.2.15/24", 1),
        ("ip=10.0.2.15/24 ip6=2001:db8::15/64", 2),
    ] {
        for path in ["reflector", "smoltcp"] {
            let (mut server, clock) = start(&std::format!("{arguments} path={path}"));
            let mut frames = exchange(&mut server, query());
            frames.extend(
                run(&mut server, &clock, SECOND_NS)
                    .into_iter()
                    .map(|(_, frame)| frame),
            );
            assert_eq!(frames.len(), 1, "{path} {arguments}");
            assert_eq!(icmpv6_type(&frames[0]), Some(143));
            assert_eq!(frames[0][69], groups);
            assert_eq!(frames[0].len(), 70 + 20 * usize::from(groups));
            if groups == 2 {
                assert_eq!(frames[0][94..110], own_group);
            }
            assert_eq!(server.due_ns, NEVER_NS);
            // The same to us alone, and anything else with such a header: nothing.
            let mut unicast = query();
            unicast[..6].copy_from_slice(&SERVICE_MAC.octets());
            unicast[38..54].copy_from_slice(&link_local().octets());
            assert!(exchange(&mut server, unicast).is_empty());
        }
    }
}
