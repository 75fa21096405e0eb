//! Timers and neighbours of a service under full load, and other hosts that use its address.

use super::announcements::is_announcement;
use super::leases::dhcp_answer;
use super::*;
use crate::testing::logged;

/// Takes a lease of 60 s.
fn leased(server: &mut TestServer) {
    while let Some(frame) = server.device.outbox.pop_front() {
        if frame[12..14] == [0x08, 0x00] {
            server.device.inbox.push_back(dhcp_answer(&frame).1);
            server.poll().unwrap();
        }
    }
    assert!(server.ready(0).ip.is_some());
}

#[test]
fn a_full_load_does_not_hold_up_renewals() {
    const POLL_NS: u64 = 50_000_000;
    for path in ["reflector", "smoltcp"] {
        let arguments = std::format!("ip=dhcp path={path}");
        let (mut server, clock) = start(&arguments);
        leased(&mut server);
        server.configure(&Args::parse([(Channel::CommandLine, &*arguments)]).unwrap());
        let request = request_frame("10.0.2.2:40000", "10.0.2.15:9000");
        let mut renewals = 0;
        // An hour by the reflector, of which each poll finds more frames than it takes; a few minutes by sockets.
        let seconds = if path == "reflector" { 3600 } else { 400 };
        for poll in 0..seconds * SECOND_NS / POLL_NS {
            let now_ns = poll * POLL_NS;
            clock.set(now_ns);
            let missing = 2 * BURST - server.device.inbox.len();
            let more = std::iter::repeat_n(&request, missing).cloned();
            server.device.inbox.extend(more);
            server.poll().unwrap();
            assert!(server.device.inbox.len() >= BURST);
            while let Some(frame) = server.device.outbox.pop_front() {
                if frame[36..38] == [0, 67] {
                    // Half of each lease from the last renewal, to a poll.
                    renewals += 1;
                    let due_ns = renewals * 30 * SECOND_NS;
                    assert!(now_ns >= due_ns && now_ns - due_ns <= (renewals + 1) * POLL_NS);
                    server.device.inbox.push_front(dhcp_answer(&frame).1);
                }
            }
        }
        assert!(renewals >= seconds / 31, "{renewals}");
        let counters = server.shared_counters.read();
        assert_eq!((counters.leases_lost, counters.dropped_transmit), (0, 0));
        assert!(counters.replied > seconds * BURST as u64);
    }
}

/// Replies go back to the Ethernet address of their requests, so that a cache of sixteen neighbours neither fills nor ages.
#[test]
fn no_neighbour_is_ever_asked_for() {
    for path in ["reflector", "smoltcp"] {
        let line = "ip=10.0.2.15/24 gw=10.0.2.1 ip6=2001:db8::15/64";
        let (mut server, clock) = start(&std::format!("{line} path={path}"));
        for round in 0..4_u64 {
            // Longer than any entry of a neighbour cache lasts.
            clock.set(round * 3600 * SECOND_NS);
            for station in 0..1000_u16 {
                let [high, low] = station.to_be_bytes();
                let v4 = std::format!("10.7.{high}.{low}");
                let v6 = std::format!("2001:db8::7:{station:x}");
                let mac = [0x52, 0x56, 0, round as u8, high, low];
                let mut frames = vec![
                    request_frame(&std::format!("{v4}:40000"), "10.0.2.15:9000"),
                    request_frame(&std::format!("[{v6}]:40000"), "[2001:db8::15]:9000"),
                ];
                if station % 50 == 0 {
                    frames.push(ping(v4.parse().unwrap(), OWN.into()));
                }
                for mut frame in frames {
                    frame[6..12].copy_from_slice(&mac);
                    let answers = exchange(&mut server, frame);
                    assert_eq!(answers.len(), 1, "{path}: {station}");
                    assert_eq!(answers[0][..6], mac, "{path}: {station}");
                }
            }
        }
    }
}

/// An ARP packet of a host that has our address.
fn duplicate() -> Vec<u8> {
    let mut frame = arp_request();
    frame[28..32].copy_from_slice(&OWN.octets());
    frame[38..42].copy_from_slice(&CLIENT.octets());
    frame
}

#[test]
fn a_host_with_the_same_address_is_counted_and_the_address_defended() {
    for arguments in ["ip=10.0.2.15/24", "ip=dhcp"] {
        let (mut server, clock) = start(arguments);
        if arguments == "ip=dhcp" {
            leased(&mut server);
        }
        // The probes are over.
        for second in 0..20 {
            clock.set(second * SECOND_NS);
            server.poll().unwrap();
        }
        server.device.outbox.clear();
        logged();
        let mut defences = 0;
        for second in 20..29 {
            clock.set(second * SECOND_NS);
            let frames = exchange(&mut server, duplicate());
            defences += frames.iter().filter(|frame| is_announcement(frame)).count();
        }
        assert_eq!(defences, 1, "{arguments}: one in ten seconds");
        let said = logged();
        assert_eq!(said.len(), 1);
        assert_eq!(
            said[0],
            "address conflict: 52:55:0a:00:02:02 has 10.0.2.15 as well"
        );
        clock.set(30 * SECOND_NS + SECOND_NS / 10);
        let frames = exchange(&mut server, duplicate());
        assert!(frames.iter().any(|frame| is_announcement(frame)));
        assert_eq!(server.shared_counters.read().address_conflicts, 10);
        assert!(server.ready(0).ip.is_some(), "it is kept");
    }
}

#[test]
fn an_address_is_probed_for_before_it_is_announced() {
    let (mut server, clock) = start("ip=dhcp");
    leased(&mut server);
    let mut seen = Vec::new();
    for tenth in 1..100 {
        clock.set(tenth * SECOND_NS / 10);
        server.poll().unwrap();
        for frame in server.device.outbox.drain(..) {
            if frame[12..14] == [0x08, 0x06] {
                seen.push((tenth, is_announcement(&frame)));
                assert_eq!(frame[28..32] == [0; 4], !is_announcement(&frame));
                assert_eq!(frame[38..42], OWN.octets());
            }
        }
    }
    // The first was sent with the acknowledgement.
    let expected = [(10, false), (20, false), (40, true), (60, true)];
    let is_late = |seen: &(u64, bool), due: &(u64, bool)| seen.1 == due.1 && seen.0 - due.0 <= 4;
    assert_eq!(seen.len(), expected.len(), "{seen:?}");
    assert!(
        seen.iter()
            .zip(&expected)
            .all(|(seen, due)| is_late(seen, due)),
        "{seen:?}"
    );
}
