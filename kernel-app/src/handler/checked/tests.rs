//! Handlers that break the rules, and all of ours, which do not.

use core::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::vec::Vec;

use wire::{HEADER_LEN, Header, Kind};

use super::*;
use crate::handler::{Echo, Timestamp};
use crate::shared_counters::SharedCounters;
use crate::testing::TestClock;

/// Inverts one byte and says that it changes the first four at most.
struct Inverts {
    at: usize,
    response: Response,
}

impl Handler for Inverts {
    const CHANGES: usize = 4;

    fn handle(&mut self, payload: &mut [u8], _: &Request, _: &impl Clock) -> Response {
        payload[self.at] ^= 0xff;
        self.response
    }
}

/// The response to `payload`, or the panic's message.
fn handle(inner: impl Handler, mut payload: Vec<u8>) -> Result<Response, String> {
    let request = Request {
        port: 9000,
        destination: Ipv4Addr::new(10, 0, 2, 15).into(),
        source: SocketAddr::new(Ipv4Addr::new(10, 0, 2, 2).into(), 40000),
        received_ns: 500,
        ip: None,
    };
    let mut handler = Checked::new(inner);
    let handle = || handler.handle(&mut payload, &request, &TestClock::default());
    let result = catch_unwind(AssertUnwindSafe(handle));
    result.map_err(|panic| *panic.downcast::<String>().expect("a formatted message"))
}

#[test]
fn a_handler_that_changes_more_than_it_says_is_found() {
    let inverts = |at, response| handle(Inverts { at, response }, std::vec![7; 10]);
    let [whole, shorter] = [10, 9].map(Response::reply);
    let message = |at, first| {
        Err(std::format!(
            "the handler changed byte {at} of a payload, and may change the first {first}"
        ))
    };
    for at in 0..4 {
        assert_eq!(inverts(at, whole), Ok(whole));
    }
    for at in 4..10 {
        assert_eq!(inverts(at, whole), message(at, 4));
        assert_eq!(
            inverts(at, Response::reply(99)),
            message(at, 4),
            "that is all of it"
        );
        // Their checksums are made anew.
        assert_eq!(inverts(at, shorter), Ok(shorter));
        assert_eq!(inverts(at, whole.rewritten()), Ok(whole.rewritten()));
        assert_eq!(inverts(at, Response::DROP), Ok(Response::DROP));
    }
    for at in [0, 9] {
        assert_eq!(inverts(at, Response::PASS), message(at, 0));
    }
}

#[test]
fn ours_keep_to_what_they_say() {
    static COUNTERS: SharedCounters = SharedCounters::new();
    for len in 0..200 {
        for kind in [Kind::Request, Kind::Reply, Kind::StatusRequest] {
            for version in [wire::VERSION, 9] {
                let mut datagram: Vec<u8> = (0..len).map(|i| i as u8).collect();
                if len >= HEADER_LEN {
                    Header::request(7, 1000).encode(&mut datagram).unwrap();
                    datagram[wire::header::field::KIND] = kind.as_byte();
                    datagram[wire::header::field::VERSION] = version;
                }
                let timestamp = Timestamp::new(9).with_status(&COUNTERS, "1.2.3");
                assert!(handle(timestamp, datagram.clone()).is_ok());
                assert!(handle(Echo, datagram).is_ok());
            }
        }
    }
}
