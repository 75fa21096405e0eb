//! The protocol around a handler that keeps count and shortens.

use core::net::SocketAddr;
use std::vec::Vec;

use wire::Header;
use wire::log_control::{Budget, Change, Level};

use super::*;
use crate::testing::TestClock;

const CLIENT: SocketAddr = SocketAddr::new(
    core::net::IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 2, 2)),
    40000,
);

/// Replies with half of the payload, which it fills with the number of the call; drops the payload
/// `drop` and passes `pass`.
#[derive(Default)]
struct Half(u8);

impl Handler for Half {
    fn handle(&mut self, payload: &mut [u8], request: &Request, clock: &impl Clock) -> Response {
        assert_eq!(request.source, CLIENT);
        assert!(clock.stamp_ns() > request.received_ns);
        self.0 += 1;
        match &*payload {
            b"drop" => Response::DROP,
            b"pass" => Response::PASS,
            _ => {
                payload.fill(self.0);
                Response::reply(payload.len() / 2)
            }
        }
    }
}

fn request(payload: &[u8]) -> Vec<u8> {
    let mut datagram = std::vec![0; HEADER_LEN];
    Header::request(7, 1000).encode(&mut datagram).unwrap();
    datagram.extend(payload);
    datagram
}

fn handle(handler: &mut impl Handler, datagram: &mut [u8]) -> Response {
    let clock = TestClock::default();
    clock.set(500);
    let request = Request {
        port: 9000,
        destination: core::net::Ipv4Addr::new(10, 0, 2, 15).into(),
        source: CLIENT,
        received_ns: 500,
        ip: None,
    };
    handler.handle(datagram, &request, &clock)
}

#[test]
fn the_inner_handler_runs_between_the_stamps_and_may_shorten_its_part() {
    let mut handler = Timestamp::around(Half::default(), 9);
    for call in 1..=3 {
        let mut datagram = request(b"0123456789");
        let response = handle(&mut handler, &mut datagram);
        assert_eq!(response, Response::reply(HEADER_LEN + 5));
        let expected = Header {
            kind: Kind::Reply,
            boot_id: 9,
            t2_ns: 500,
            t3_ns: 502,
            ..Header::request(7, 1000)
        };
        assert_eq!(Header::decode(&datagram), Ok(expected));
        assert_eq!(datagram[HEADER_LEN..], [call; 10]);
    }
}

#[test]
fn a_datagram_that_the_inner_handler_does_not_answer_is_as_it_was() {
    let mut handler = Timestamp::around(Half::default(), 9);
    for (payload, expected) in [(b"drop", Response::DROP), (b"pass", Response::PASS)] {
        let mut datagram = request(payload);
        assert_eq!(handle(&mut handler, &mut datagram), expected);
        assert_eq!(datagram, request(payload));
    }
}

#[test]
fn non_requests_do_not_reach_the_inner_handler() {
    let mut handler = Timestamp::around(Half::default(), 9);
    let mut reply = request(b"");
    reply[wire::header::field::KIND] = Kind::Reply.as_byte();
    let mut other_version = request(b"");
    other_version[wire::header::field::VERSION] = 9;
    let drop = |counter| Response::DROP.counted_as(counter);
    let unsupported = Response::reply(HEADER_LEN).counted_as(Counter::Unsupported);
    for (mut datagram, expected) in [
        (b"".to_vec(), drop(Counter::DroppedShort)),
        (b"FTHM".to_vec(), drop(Counter::DroppedShort)),
        (std::vec![0; 50], drop(Counter::DroppedMagic)),
        (reply, drop(Counter::DroppedNotARequest)),
        (other_version, unsupported),
    ] {
        assert_eq!(handle(&mut handler, &mut datagram), expected);
    }
    assert_eq!(handler.inner.0, 0);
}

#[test]
fn a_status_request_is_answered_if_there_are_counters() {
    static COUNTERS: SharedCounters = SharedCounters::new();
    let status = || {
        let mut datagram = request(&[0; wire::status::STATUS_LEN - HEADER_LEN]);
        datagram[wire::header::field::KIND] = Kind::StatusRequest.as_byte();
        datagram
    };
    let mut datagram = status();
    assert_eq!(
        handle(&mut Timestamp::new(9), &mut datagram),
        Response::DROP
    );
    assert_eq!(datagram, status());
    let response = handle(
        &mut Timestamp::new(9).with_status(&COUNTERS, "1.2.3"),
        &mut datagram,
    );
    assert!(response.is_rewritten && response.counter == Counter::StatusReplies);
    let answer = wire::status::Answer::decode(&datagram).unwrap();
    assert_eq!((answer.uptime_ns, answer.header.boot_id), (500, 9));
    assert_eq!(answer.log, None);
}

#[test]
fn a_log_request_is_answered_if_there_is_a_log_and_a_status_has_its_settings() {
    static COUNTERS: SharedCounters = SharedCounters::new();
    static LOG: LogSettings = LogSettings::new();
    let change = Change {
        level: Some(Level::Info),
        budget: Budget::new(1024),
    };
    let mut datagram = change.request(9, 7, 1000);
    let before = datagram;
    let response = handle(&mut Timestamp::new(9), &mut datagram);
    assert_eq!((response, datagram), (Response::DROP, before));
    let mut handler = Timestamp::new(9)
        .with_status(&COUNTERS, "1.2.3")
        .with_log(&LOG);
    let response = handle(&mut handler, &mut datagram);
    assert!(response.is_rewritten && response.counter == Counter::LogReplies);
    assert_eq!(response.verdict, Verdict::Reply(datagram.len()));
    let (header, settings) = wire::log_control::decode_answer(&datagram).unwrap();
    assert_eq!((header.t2_ns, header.t3_ns), (500, 501));
    assert_eq!(settings, LOG.get());
    assert_eq!(Some(settings.budget), change.budget);
    let mut datagram = request(&[0; wire::status::STATUS_LEN - HEADER_LEN]);
    datagram[wire::header::field::KIND] = Kind::StatusRequest.as_byte();
    let _ = handle(&mut handler, &mut datagram);
    let answer = wire::status::Answer::decode(&datagram).unwrap();
    assert_eq!(answer.log, Some(settings));
}
