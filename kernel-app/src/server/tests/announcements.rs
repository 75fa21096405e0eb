//! Addresses are announced, and defended against whoever is about to take one.

use super::*;

/// The frames that a service on `arguments` sends before anybody asks it anything.
fn first_frames(arguments: &str) -> Vec<Vec<u8>> {
    let args = Args::parse([(Channel::CommandLine, arguments)]).unwrap();
    let storage = Box::leak(Box::<Storage<'_, 2>>::default());
    let shared_counters: &SharedCounters = Box::leak(Box::default());
    let clock = TestClock::default();
    let server = Server::new(
        TestDevice::default(),
        clock,
        services(shared_counters),
        &args,
        1,
        storage,
        shared_counters,
    );
    server.device.outbox.into()
}

pub fn is_announcement(frame: &[u8]) -> bool {
    EthernetFrame::new_unchecked(frame).ethertype() == EthernetProtocol::Arp
        && frame[..6] == [0xff; 6]
        && frame[20..22] == [0, 1]
        && frame[22..28] == SERVICE_MAC.octets()
        && frame[28..32] == OWN.octets()
        && frame[38..42] == OWN.octets()
}

fn is_advertisement_of(frame: &[u8], own: Ipv6Addr) -> bool {
    const OVERRIDE: u8 = 0x20;
    frame.len() == 86
        && frame[..6] == [0x33, 0x33, 0, 0, 0, 1]
        && frame[54] == 136
        && frame[58] == OVERRIDE
        && frame[62..78] == own.octets()
        && frame[80..] == SERVICE_MAC.octets()
}

#[test]
fn announces_its_addresses_at_the_start() {
    let frames = first_frames("ip=10.0.2.15/24 ip6=2001:db8::15/64");
    assert_eq!(frames.len(), 4);
    // A listener report first, without which a switch may keep the answers.
    assert_eq!((frames[0][20], frames[0][62]), (0, 143));
    assert!(is_announcement(&frames[1]), "{:02x?}", frames[1]);
    assert!(is_advertisement_of(&frames[2], link_local()));
    assert!(is_advertisement_of(
        &frames[3],
        "2001:db8::15".parse().unwrap()
    ));
}

#[test]
fn address_probes_are_answered() {
    let mut server = static_server();
    let mut probe = arp_request();
    probe[28..32].fill(0);
    let answers = exchange(&mut server, probe);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0][20..22], [0, 2]);
    assert_eq!(answers[0][28..32], OWN.octets());
    for own in [link_local(), "2001:db8::15".parse().unwrap()] {
        let solicitation = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
            target_addr: own,
            lladdr: None,
        });
        let mut probe = icmpv6(Ipv6Addr::UNSPECIFIED, own, &solicitation);
        probe[..2].copy_from_slice(&[0x33, 0x33]);
        let answers = exchange(&mut server, probe.clone());
        assert_eq!(answers.len(), 1);
        assert!(is_advertisement_of(&answers[0], own));
        probe[77] ^= 1;
        assert!(exchange(&mut server, probe).is_empty(), "another's address");
    }
}
