//! Services of other kinds than ours, through the reflector and through sockets.

use super::*;
use crate::handler::{Request, Response};

/// Replies with hop limit, traffic class and half of the payload; drops an empty one and passes on the
/// payload `pass`.
struct Half;

impl Handler for Half {
    fn handle(&mut self, payload: &mut [u8], request: &Request, _: &impl Clock) -> Response {
        assert_eq!(request.port, 9000);
        match &*payload {
            [] => return Response::DROP,
            b"pass" => return Response::PASS,
            _ => {}
        }
        let ip = request.ip.expect("both paths see the IP header");
        payload[0] = ip.hop_limit;
        payload[1] = ip.traffic_class;
        Response::reply(payload.len() / 2)
    }
}

/// Sends a datagram from `source` to a server of `Half` on `path`: the replies' payloads, and the counters.
fn answers(path: &str, source: &str, own: &str, payload: &[u8]) -> (Vec<Vec<u8>>, Counters) {
    let line = std::format!("ip=10.0.2.15/24 ip6=2001:db8::15/64 path={path}");
    let args = Args::parse([(Channel::CommandLine, line.as_str())]).unwrap();
    let shared_counters: &SharedCounters = Box::leak(Box::default());
    let mut storage = Storage::<1>::new();
    let services = Services {
        port: 0,
        main: Half,
        fixed: (),
    };
    let device = TestDevice::default();
    let clock = TestClock::default();
    let mut server = Server::new(
        device,
        clock,
        services,
        &args,
        1,
        &mut storage,
        shared_counters,
    );
    server.device.outbox.clear();
    let mut frame = udp_frame(source.parse().unwrap(), own.parse().unwrap(), payload);
    set_traffic_class(&mut frame, 0xb9);
    server.device.inbox.push_back(frame);
    assert_eq!(server.poll(), Ok(true));
    let udp = |frame: &Vec<u8>| frame[if frame[12] == 0x08 { 23 } else { 20 }] == 17;
    let replies = server.device.outbox.iter().filter(|frame| udp(frame));
    let payloads = replies.map(|frame| {
        assert_eq!(traffic_class(frame), 0xb9);
        open_udp(frame).2
    });
    (payloads.collect(), shared_counters.read())
}

#[test]
fn a_handler_is_asked_and_heeded_alike_on_both_paths() {
    for path in ["reflector", "smoltcp"] {
        for (source, own) in [
            ("10.0.2.2:40000", "10.0.2.15:9000"),
            ("[2001:db8::2]:40000", "[2001:db8::15]:9000"),
        ] {
            let (replies, counters) = answers(path, source, own, b"0123456789");
            assert_eq!(replies, [[64, 0xb9, b'2', b'3', b'4']], "{path}, {source}");
            assert_eq!((counters.replied, counters.datagrams_received), (1, 1));
            let (replies, counters) = answers(path, source, own, b"");
            assert_eq!((replies.len(), counters.dropped_not_a_request), (0, 1));
            let (replies, _) = answers(path, source, own, b"pass");
            assert!(replies.is_empty(), "{path}, {source}");
        }
        // It answers anything, so it must not answer what may be a service.
        let (replies, counters) = answers(path, "10.0.2.2:9000", "10.0.2.15:9000", b"0123");
        assert_eq!((replies.len(), counters.dropped_port), (0, 1), "{path}");
    }
}
