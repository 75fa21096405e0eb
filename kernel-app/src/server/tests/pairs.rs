//! Two instances of the image's services that one forged datagram sets on each other, and replies' lengths.

use wire::ECHO_PORT;

use super::*;
use crate::handler::{Checked, Stamp};
use crate::services::AtArgument;

type ImageServices =
    Services<Timestamp<Echo>, AtArgument<Checked<Echo>, AtArgument<Checked<Stamp>>>>;

/// An instance at `address`, and the ports of its services.
fn instance(address: Ipv4Addr, arguments: &str) -> Instance {
    let line = std::format!("ip={address}/24 echo=on {arguments}");
    let args = Args::parse([(Channel::CommandLine, line.as_str())]).unwrap();
    let stamp = args.stamp.unwrap();
    let fixed = AtArgument {
        port: Some(ECHO_PORT),
        handler: Checked::new(Echo),
        next: AtArgument {
            port: Some(stamp.port),
            handler: Checked::new(Stamp::new(&stamp, 1)),
            next: (),
        },
    };
    let counters = Box::leak(Box::new(SharedCounters::new()));
    let main = Timestamp::new(1).with_status(counters, "1.2.3");
    let services = Services::new(main).with_fixed(fixed);
    let storage = Box::leak(Box::new(Storage::<3>::new()));
    let clock = TestClock::default();
    // The date at which STAMP's timestamps begin like a header of the timestamp protocol: 194 days.
    clock.set(0x0100_0000 * SECOND_NS);
    let mut server = Server::new(
        TestDevice::default(),
        clock,
        services,
        &args,
        1,
        storage,
        counters,
    );
    server.device.outbox.clear();
    Instance {
        server,
        ports: [args.port, ECHO_PORT, stamp.port],
    }
}

struct Instance {
    server: Server<'static, TestDevice, TestClock, ImageServices>,
    ports: [u16; 3],
}

impl Instance {
    /// Returns the frame that answers `frame`, if any does.
    fn answer(&mut self, mut frame: Vec<u8>) -> Option<Vec<u8>> {
        // All instances of the tests have one Ethernet address.
        frame[..6].copy_from_slice(&SERVICE_MAC.octets());
        frame[6..12].copy_from_slice(&CLIENT_MAC.octets());
        self.server.device.inbox.push_back(frame);
        assert_eq!(self.server.poll(), Ok(true));
        let answer = self.server.device.outbox.pop_front();
        assert!(self.server.device.outbox.is_empty());
        answer
    }
}

/// Requests of each protocol, and what is none or another's.
fn payloads() -> Vec<Vec<u8>> {
    let mut other_version = request(64);
    other_version[4] = 2;
    let mut status = request(400);
    status[5] = 3;
    let mut stamp = vec![0; 44];
    stamp[..14].copy_from_slice(&[0, 0, 0, 7, 0xe8, 0, 0, 0, 0, 0, 0, 1, 0x3f, 2]);
    let with_padding = [&stamp[..], &[0x80, 1, 0, 4, 1, 2, 3, 4]].concat();
    let mut like_ours = stamp.clone();
    like_ours[..4].copy_from_slice(b"FTHM");
    let light = (0..60).map(|at| at * 7 + 1).collect();
    vec![
        request(64),
        other_version,
        status,
        stamp,
        with_padding,
        like_ours,
        light,
        vec![0; 64],
    ]
}

/// Number of replies, of both, to `payload` that seems to come from `b`'s `port_b` to `a`'s `port_a`.
fn replies(a: &mut Instance, b: &mut Instance, ports: (u16, u16), payload: &[u8]) -> usize {
    let (port_a, port_b) = ports;
    let [at_a, at_b] = [(OWN, port_a).into(), (CLIENT, port_b).into()];
    let mut frame = udp_frame(at_b, at_a, payload);
    for count in 0..10 {
        let to = if count % 2 == 0 { &mut *a } else { &mut *b };
        match to.answer(frame) {
            None => return count,
            Some(answer) => frame = answer,
        }
    }
    panic!("they go on for ever");
}

#[test]
fn two_instances_exchange_one_reply_for_every_pair_of_services() {
    let key = "stamp-key=000102030405060708090a0b0c0d0e0f";
    let mut answered = 0;
    for arguments in [
        "",
        "stamp-mode=stateful",
        "stamp=8620",
        "port=7000 stamp=8620",
        "port=7000 stamp-mode=stateful",
        key,
    ] {
        let mut a = instance(OWN, arguments);
        let mut b = instance(CLIENT, arguments);
        for port_a in a.ports {
            for port_b in b.ports {
                for payload in payloads() {
                    let count = replies(&mut a, &mut b, (port_a, port_b), &payload);
                    let pair = std::format!("{arguments}: {port_a} and {port_b}, {payload:x?}");
                    assert!(count <= 1, "{pair}: {count} replies");
                    answered += count;
                }
            }
        }
    }
    assert!(answered > 0, "nothing was tested");
}

/// Other instances' arguments are not known: a service that tells requests from replies needs no more.
#[test]
fn services_at_unlike_ports_come_to_an_end() {
    let mut a = instance(OWN, "port=7000 stamp=8620");
    let mut b = instance(CLIENT, "port=7001 stamp=8621");
    for port_a in a.ports {
        for port_b in b.ports {
            for payload in payloads() {
                let count = replies(&mut a, &mut b, (port_a, port_b), &payload);
                assert!(count <= 3, "{port_a} and {port_b}: {count} replies");
            }
        }
    }
}

#[test]
fn no_reply_is_longer_than_its_request_at_any_length_and_port() {
    let mut service = instance(OWN, "");
    let mut answered = 0;
    let jumbo = [wire::MAX_PAYLOAD + 1, 8972, wire::MAX_JUMBO_PAYLOAD];
    for len in (0..=wire::MAX_PAYLOAD).chain(jumbo) {
        for port in service.ports {
            for filling in payloads() {
                let payload: Vec<u8> = filling
                    .into_iter()
                    .chain(core::iter::repeat(0x5a))
                    .take(len)
                    .collect();
                let frame = udp_frame((CLIENT, 40_000).into(), (OWN, port).into(), &payload);
                if let Some(answer) = service.answer(frame) {
                    let (from, _, reply) = open_udp(&answer);
                    assert_eq!(from.port(), port);
                    assert!(reply.len() <= len, "{port}: {} for {len}", reply.len());
                    answered += 1;
                }
            }
        }
    }
    assert!(answered > wire::MAX_PAYLOAD);
    for port in 0..=u16::MAX {
        for len in [0, 44, wire::MAX_PAYLOAD] {
            let mut payload = request(len.max(wire::HEADER_LEN));
            payload.truncate(len);
            let frame = udp_frame((CLIENT, 40_000).into(), (OWN, port).into(), &payload);
            let answer = service.answer(frame);
            let is_longer = answer.is_some_and(|answer| open_udp(&answer).2.len() > len);
            assert!(!is_longer, "port {port}, {len} bytes");
        }
    }
}

#[test]
fn stamp_is_answered_and_counted_on_both_paths() {
    for path in ["reflector", "smoltcp"] {
        let mut service = instance(OWN, &std::format!("path={path}"));
        let payload = payloads()[4].clone();
        for (payload, counter) in [(&payload[..], 0), (&payload[..44], 0), (&payload[..40], 1)] {
            let mut frame = udp_frame((CLIENT, 40_000).into(), (OWN, 862).into(), payload);
            set_traffic_class(&mut frame, 0xb9);
            service.server.device.inbox.push_back(frame);
            assert_eq!(service.server.poll(), Ok(true));
            let udp = |frame: &Vec<u8>| frame[12..14] == [0x08, 0x00] && frame[23] == 17;
            let answer = service.server.device.outbox.drain(..).find(udp);
            match answer {
                Some(answer) if counter == 0 => {
                    assert_eq!(traffic_class(&answer), 0xb9, "{path}");
                    let (_, _, reply) = open_udp(&answer);
                    assert_eq!((reply.len(), reply[40]), (payload.len(), 64), "{path}");
                    // 194 days; received before sent.
                    assert_eq!(reply[16..20], [1, 0, 0, 0], "{path}");
                    assert!(reply[16..24] < reply[4..12], "{path}");
                }
                None if counter == 1 => {}
                other => panic!("{path}: {other:?}"),
            }
        }
        let counters = service.server.shared_counters.read();
        assert_eq!(
            (counters.stamp_replies, counters.dropped_short),
            (2, 1),
            "{path}"
        );
    }
}

#[test]
fn stamp_and_echo_obey_the_limits_on_both_paths() {
    for path in ["reflector", "smoltcp"] {
        let mut service = instance(OWN, &std::format!("path={path} rate=100"));
        let payload = payloads()[3].clone();
        let mut answered = 0;
        for port in [862, ECHO_PORT].repeat(50) {
            let frame = udp_frame((CLIENT, 40_000).into(), (OWN, port).into(), &payload);
            service.server.device.inbox.push_back(frame);
            assert_eq!(service.server.poll(), Ok(true));
            answered += udp_answers(&mut service);
        }
        // A full bucket is an eighth of a second's, of all services together.
        assert_eq!(answered, 12, "{path}");
        let counters = service.server.shared_counters.read();
        assert_eq!(
            (counters.stamp_replies, counters.dropped_rate),
            (6, 88),
            "{path}"
        );
    }
}

/// Takes what was sent, and returns how many datagrams are in it. The stack may have to ask for its neighbour.
fn udp_answers(service: &mut Instance) -> usize {
    let sent = service.server.device.outbox.drain(..);
    sent.filter(|frame| frame[12..14] == [0x08, 0x00] && frame[23] == 17)
        .count()
}
