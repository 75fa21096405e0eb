//! Whom the service answers.

use std::vec::Vec;

use super::*;
use crate::handler::{Response, Timestamp};
use crate::testing::TestClock;

fn parse(line: &str) -> Result<Settings, SettingsError<'_>> {
    Settings::parse(line.split_whitespace())
}

#[test]
fn the_service_answers_requests_of_those_it_may_answer() {
    let responder = |line| Responder::new(&parse(line).unwrap(), Timestamp::new(7));
    let answers = |mut responder: Responder<_>, source: &str, datagram: &mut Vec<u8>| {
        let clock = TestClock::default();
        clock.set(2);
        let len = responder.answer(source.parse().unwrap(), datagram, 2, &clock);
        len.is_some_and(|len| len == datagram.len())
    };
    let request = || {
        let mut datagram = std::vec![0; wire::HEADER_LEN];
        wire::Header::request(5, 1).encode(&mut datagram).unwrap();
        datagram
    };
    let mut datagram = request();
    assert!(answers(
        responder("ip=192.0.2.9/28"),
        "192.0.2.1:40000",
        &mut datagram
    ));
    let reply = wire::Header::decode(&datagram).unwrap();
    assert_eq!((reply.boot_id, reply.t2_ns, reply.t3_ns), (7, 2, 3));
    // A reply is no request.
    assert!(!answers(
        responder("ip=192.0.2.9/28"),
        "192.0.2.1:40000",
        &mut datagram
    ));
    for source in [
        "192.0.2.1:0",
        "192.0.2.9:40000",
        "192.0.2.15:40000",
        "224.0.0.1:5",
    ] {
        assert!(
            !answers(responder("ip=192.0.2.9/28"), source, &mut request()),
            "{source}"
        );
    }
    assert!(answers(
        responder("ip=192.0.2.14/31"),
        "192.0.2.15:40000",
        &mut request()
    ));
    assert!(answers(
        responder("ip=192.0.2.14/32"),
        "192.0.2.15:40000",
        &mut request()
    ));
}

/// Replies with the first byte, after a look at what is known of the request.
struct First;

impl Handler for First {
    fn handle(&mut self, _: &mut [u8], request: &Request, _: &impl Clock) -> Response {
        assert_eq!((request.port, request.ip), (9000, None));
        Response::reply(1)
    }
}

#[test]
fn any_handler_answers_on_a_socket_and_may_shorten() {
    let mut responder = Responder::new(&parse("ip=192.0.2.9/28").unwrap(), First);
    let mut answer = |source: &str, datagram: &mut [u8]| {
        responder.answer(source.parse().unwrap(), datagram, 2, &TestClock::default())
    };
    assert_eq!(answer("192.0.2.1:40000", &mut [7; 9]), Some(1));
    assert_eq!(answer("192.0.2.1:40000", &mut []), Some(0), "never longer");
    for port in [7, 1023, 9000] {
        let source = std::format!("192.0.2.1:{port}");
        assert_eq!(answer(&source, &mut [7; 9]), None, "it answers anything");
    }
}
