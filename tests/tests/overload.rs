//! More load than the guest can carry, and floods of other frames beside the load: counted in instructions of the
//! guest, so that it makes no difference what else the host does.
#![forbid(unsafe_code)]

use std::net::{IpAddr, SocketAddr};

use tests::icount::Counted;
use tests::instructions::{self, Service};
use tests::packet::{self, Flow};
use tests::qemu_lock::lock_qemu;
use tests::station::{LINK_LOCAL, request};

/// Rounds of requests at twice the saturation rate.
const ROUNDS: usize = 100;

/// Frames of a flood before it is measured: more than are answered at once, so that the limits of the stack are
/// reached.
const FLOOD: usize = 1024;

/// Bursts of a flood that are measured.
const BURSTS: usize = 32;

/// Returns the least value that `part` of them do not exceed.
fn percentile(values: &[u64], part: f64) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

#[test]
fn at_twice_the_saturation_rate_it_answers_as_fast_as_ever_and_then_as_before() {
    let lock = lock_qemu();
    let mut guest = Counted::boot("", &lock);
    let before = instructions::per_answer(&mut guest, Service::Timestamp, 64);
    let counters = guest.counters();
    let load = guest.saturate(ROUNDS);
    let after = guest.counters();
    println!(
        "{before} instructions per answer at leisure, {} at p50 and {} at p99 with a full ring; {} given, {} without a \
         buffer",
        percentile(&load.distances, 0.5),
        percentile(&load.distances, 0.99),
        load.given,
        load.without_buffer
    );
    // Each request was answered, or found no buffer and is counted there: not fewer than half of them.
    let received = after.datagrams_received - counters.datagrams_received;
    assert_eq!(received, load.given);
    assert_eq!(after.replied - counters.replied, load.given);
    assert_eq!(after.dropped_transmit, 0);
    assert!(load.without_buffer >= load.given);
    let mean = load.distances.iter().sum::<u64>() / load.distances.len() as u64;
    assert!(
        before * 10 >= mean * 9,
        "under 90 % of the best rate: {before}, {mean}"
    );
    let again = instructions::per_answer(&mut guest, Service::Timestamp, 64);
    assert_eq!(again, before, "once it is over");
}

/// Frames of a flood, by name.
fn floods(guest: &Counted<'_>) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let to_service = guest.to_service();
    let (IpAddr::V4(station), IpAddr::V4(service)) = (to_service.from.ip(), to_service.to.ip())
    else {
        unreachable!("it was given an IPv4 address")
    };
    let arp = packet::arp_request(to_service.from_mac, station, service);
    let service_v6 = guest.ready().ip6.expect("it has one").address;
    let to_service_v6 = Flow {
        from: SocketAddr::new(LINK_LOCAL.into(), to_service.from.port()),
        to: SocketAddr::new(service_v6.into(), to_service.to.port()),
        ..to_service
    };
    let mut fragment = guest.frame(guest.ready().port, &request(1, 64));
    fragment[packet::IP + 6] |= 0x20;
    packet::mend_ipv4_checksum(&mut fragment);
    vec![
        ("ARP", vec![packet::arp(packet::BROADCAST, &arp)]),
        (
            "neighbour solicitations",
            vec![packet::neighbour_solicitation(
                to_service.from_mac,
                LINK_LOCAL,
                service_v6,
            )],
        ),
        ("fragments", vec![fragment]),
        (
            "pings",
            (0..64)
                .map(|number| to_service.ping(1, number, &[0; 56]))
                .collect(),
        ),
        ("pings over IPv6", vec![to_service_v6.ping(1, 1, &[0; 56])]),
    ]
}

/// Every other request is right behind another request, all others behind a frame of the flood.
fn is_behind_another(number: usize) -> bool {
    number.is_multiple_of(2)
}

/// Times of requests in instructions: between a request and the one right behind it, between those with another frame
/// in between, and in the handler.
#[derive(Debug, Default)]
struct Times {
    adjacent: Vec<u64>,
    apart: Vec<u64>,
    service: Vec<u64>,
}

impl Times {
    fn of(guest: &mut Counted<'_>, flood: &[Vec<u8>]) -> Self {
        let mut times = Self::default();
        for _ in 0..BURSTS {
            let headers = guest.burst_among(flood, is_behind_another);
            let service = headers.iter().map(|header| header.t3_ns - header.t2_ns);
            times.service.extend(service);
            // The first request of the burst finds a guest that polls.
            for (number, pair) in headers.windows(2).enumerate().skip(2) {
                let distance = pair[1].t2_ns - pair[0].t2_ns;
                if is_behind_another(number + 1) {
                    times.apart.push(distance);
                } else {
                    times.adjacent.push(distance);
                }
            }
        }
        times
    }
}

#[test]
fn a_flood_beside_the_load_takes_the_time_of_its_own_frames_and_no_more() {
    let lock = lock_qemu();
    let mut guest = Counted::boot("", &lock);
    let alone = instructions::per_answer(&mut guest, Service::Timestamp, 64);
    let quiet = Times::of(&mut guest, &[]);
    let service = percentile(&quiet.service, 0.99);
    for (name, frames) in floods(&guest) {
        let many: Vec<_> = frames.iter().cycle().take(FLOOD).cloned().collect();
        guest.flood(&many);
        let times = Times::of(&mut guest, &frames);
        // The share of the time that the flood takes while there is as much of it as of the load.
        let with_a_frame = percentile(&times.apart, 0.5);
        let share = 1.0 - alone as f64 / with_a_frame as f64;
        let moved = |now: u64, before: u64| now.abs_diff(before) as f64 / before as f64;
        let service_moved = moved(percentile(&times.service, 0.99), service);
        let next_moved = moved(percentile(&times.adjacent, 0.5), alone);
        println!(
            "{name}: {} instructions per frame, {:.0} % of the time; service {service} moved by {:.2} %, the next \
             request's {alone} by {:.2} %",
            with_a_frame - alone,
            share * 100.0,
            service_moved * 100.0,
            next_moved * 100.0
        );
        assert!(service_moved <= share / 10.0, "{name}: {times:?}");
        assert!(next_moved <= share / 10.0, "{name}: {times:?}");
        assert!(with_a_frame > alone, "{name}: {times:?}");
    }
    let again = instructions::per_answer(&mut guest, Service::Timestamp, 64);
    assert_eq!(again, alone, "once they are over");
}
