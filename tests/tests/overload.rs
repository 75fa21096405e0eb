//! More load than the guest can carry, and floods of other frames beside the load: counted in instructions of the
//! guest, so that it makes no difference what else the host does.
#![forbid(unsafe_code)]

use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::Duration;

use fathom::link::LinkKind;

use tests::icount::Counted;
use tests::instructions::{self, Service};
use tests::network;
use tests::overloaded::{Overload, Overloaded};
use tests::packet::{self, Flow};
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::soak;
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

/// Length of the overload, in seconds; `FATHOM_OVERLOAD_SECONDS` in the environment for another.
const OVERLOAD_S: u64 = 60;

/// Time for which the best rate is measured.
const BEST: Duration = Duration::from_secs(5);

/// Time after the end of the overload at which latency is measured again.
const AFTER: Duration = Duration::from_secs(1);

/// Share of the best rate that is a light load.
const LIGHT: f64 = 0.25;

/// Number of measurements of either kind at a time, and the length of each.
const WINDOWS: usize = 5;
const WINDOW: Duration = Duration::from_secs(1);

/// Growth of p99 that is allowed.
const GROWTH: f64 = 1.1;

fn median(values: &[u64]) -> u64 {
    percentile(values, 0.5)
}

/// The latency's p99 of some seconds, in nanoseconds.
#[derive(Debug)]
struct Latencies {
    /// In a closed loop.
    closed: Vec<u64>,
    /// At a fixed rate.
    open: Vec<u64>,
}

impl Latencies {
    fn of(guest: &mut Overloaded<'_>, rate: f64) -> Self {
        let closed = (0..WINDOWS).map(|_| guest.closed_p99_ns(WINDOW)).collect();
        let open = (0..WINDOWS)
            .map(|_| guest.open_p99_ns(rate, WINDOW))
            .collect();
        Self { closed, open }
    }

    /// Returns what is worse than in `before`. The medians decide of the closed loop. In the open loop the host's pauses
    /// make p99, which differs by an order of magnitude from one second to the next, with and without an overload: there it
    /// has to be worse in each second than in any before.
    fn worse_than(&self, before: &Self) -> Option<String> {
        let (closed, closed_before) = (median(&self.closed), median(&before.closed));
        if closed as f64 > GROWTH * closed_before as f64 {
            return Some(format!(
                "p99 in a closed loop {closed} ns after {closed_before} ns"
            ));
        }
        let best = *self.open.iter().min().expect("there are windows");
        let worst = *before.open.iter().max().expect("there are windows");
        (best as f64 > GROWTH * worst as f64)
            .then(|| format!("p99 in an open loop {best} ns or more after {worst} ns or less"))
    }
}

/// Overloads a guest on `link` after as long a time of light load, and returns what it did worse than after that.
fn overloaded(link: LinkKind, lock: &QemuLock) -> Vec<String> {
    let name = link.name();
    let mut guest = Overloaded::boot(link, lock);
    let seconds = Duration::from_secs(soak::count("FATHOM_OVERLOAD_SECONDS", OVERLOAD_S));
    let first = guest.best_rate(BEST);
    guest.open_p99_ns(first * LIGHT, seconds);
    thread::sleep(AFTER);
    let offered_from = guest.best_rate(BEST);
    let light = offered_from * LIGHT;
    let before = Latencies::of(&mut guest, light);
    let (counters, drops) = (guest.counters(), guest.queue_drops());
    let load: Overload = guest.overload(2.0 * offered_from, seconds, AFTER);
    let (counters_after, drops_after) = (guest.counters(), guest.queue_drops());
    let after = Latencies::of(&mut guest, light);
    // A host that others use as well is not as fast at one time as at another.
    let best = f64::midpoint(offered_from, guest.best_rate(BEST));
    let received = counters_after.datagrams_received - counters.datagrams_received;
    let dropped = drops_after.zip(drops).map(|(after, before)| after - before);
    let replied = counters_after.replied - counters.replied;
    println!(
        "{name}: best rate {offered_from:.0}/s before, {best:.0}/s in the mean of before and after; for {seconds:?} \
         {:.0}/s offered, {:.0}/s taken by the link, {:.0}/s refused; {:.0}/s answered while it lasted, {:.1} % of the best rate; {received} received by the guest, {replied} \
         answered, {dropped:?} dropped by a queue of the host, {} replies came back, {} of them after its end; p99 in ns \
         after {seconds:?} of light load {before:?}, one second after the overload {after:?}",
        load.per_second(load.offered),
        load.per_second(load.sent),
        load.per_second(load.refused),
        load.per_second(load.replies),
        100.0 * load.per_second(load.replies) / best,
        load.replies + load.later,
        load.later
    );
    assert_eq!(load.offered, load.sent + load.refused);
    assert_eq!(
        received - replied,
        counters_after.refusals() - counters.refusals()
    );
    // All that did not reach the guest was dropped where it is counted.
    if let Some(dropped) = dropped {
        assert_eq!(load.sent - received, dropped, "{name}");
    }
    let mut complaints = Vec::new();
    let times = load.per_second(load.offered) / offered_from;
    if times < 1.9 {
        complaints.push(format!(
            "{name}: this host offers {times:.2} times the best rate only"
        ));
    }
    if load.per_second(load.replies) < 0.9 * best {
        complaints.push(format!("{name}: under 90 % of the best rate"));
    }
    if let Some(worse) = after.worse_than(&before) {
        complaints.push(format!("{name}: {worse}"));
    }
    complaints
}

#[test]
#[ignore = "a benchmark, of a quiet host, of more than a minute for each link: make soak"]
fn a_minute_at_twice_the_saturation_rate() {
    let lock = lock_qemu();
    let links = [LinkKind::VhostUser, LinkKind::Unix, LinkKind::Tap];
    let can_be_had = |link: &LinkKind| *link != LinkKind::Tap || network::is_root();
    let links = links.into_iter().filter(can_be_had);
    let complaints: Vec<_> = links.flat_map(|link| overloaded(link, &lock)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}
