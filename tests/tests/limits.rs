//! The operator's limits on a running guest: `allow=` and `rate=`, and their counters as the status reply has them.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::time::Instant;

use tests::guest::Machine;
use tests::packet::{self, Body, Flow, Packet};
use tests::qemu_lock::lock_qemu;
use tests::station::{Station, request};
use tests::timeouts;
use wire::header::field;
use wire::limits::MIN_BURST;
use wire::status::{self, STATUS_LEN};
use wire::{HEADER_LEN, Kind};

const ARGUMENTS: &str =
    "ip=10.0.2.15/24 ip6=2001:db8::15/64 allow=10.0.2.0/24,2001:db8::/64 rate=1";

/// Requests of one source, some more than a bucket holds.
const REQUESTS: u64 = 20;

/// Counter `name` of the service, by a status request from the station.
fn counter(station: &mut Station, name: &str) -> u64 {
    let mut datagram = request(1, STATUS_LEN.max(HEADER_LEN));
    datagram[field::KIND] = Kind::StatusRequest.as_byte();
    let frame = station.to_service().udp(&datagram);
    let Body::Udp { payload, .. } = station.ask(&frame).body else {
        panic!("a status reply")
    };
    let answer = status::Answer::decode(&payload).expect("a status reply");
    let mut counters = answer.counters();
    let found = counters.find(|&(found, _)| found == name);
    found.expect("a counter of this name").1
}

/// Returns true if the packet is a datagram to `client`.
fn is_to(packet: &Packet, client: SocketAddr) -> bool {
    matches!(packet.body, Body::Udp { to, .. } if to == client)
}

#[test]
fn sources_are_answered_within_the_limits_and_counted() {
    let lock = lock_qemu();
    let mut guest = Machine::new(ARGUMENTS).start(&lock);
    guest.ready();
    let (v4, v6) = (guest.station.to_service(), guest.station.to_service_v6());
    let from = |flow: Flow, source: &str| Flow {
        from: source.parse().expect("an address"),
        ..flow
    };
    for (flow, source) in [
        (v4, "10.0.3.9:40000"),
        (v4, "192.0.2.9:40000"),
        (v6, "[2001:db8:0:1::9]:40000"),
    ] {
        let frame = from(flow, source).udp(&request(1, 64));
        guest.station.expect_silence(source, &frame);
    }
    let start = Instant::now();
    let mut answered = 0;
    for flow in [from(v4, "10.0.2.9:40000"), from(v6, "[2001:db8::9]:40000")] {
        for seq in 0..REQUESTS {
            guest.station.send(&flow.udp(&request(seq, 64)));
        }
        let answers = guest.station.settle();
        let answers = answers
            .iter()
            .filter(|answer| packet::parse(answer).is_ok_and(|packet| is_to(&packet, flow.from)));
        let count = answers.count() as u64;
        // What the bucket holds, and one for each second that has gone by.
        let most = MIN_BURST + start.elapsed().as_secs() + 1;
        assert!(
            (MIN_BURST..=most).contains(&count),
            "{count} answers, at most {most}"
        );
        answered += count;
    }
    let expected = (3, 2 * REQUESTS - answered);
    // Published when a burst ends, which may be after its last answer.
    let start = Instant::now();
    loop {
        let counters = guest.counters();
        if (counters.dropped_not_allowed, counters.dropped_rate) == expected {
            break;
        }
        assert!(start.elapsed() < timeouts::ANSWER, "{counters:?}");
    }
    let station = &mut guest.station;
    let counts = ["dropped_not_allowed", "dropped_rate"].map(|name| counter(station, name));
    assert_eq!(counts, <[u64; 2]>::from(expected));
}
